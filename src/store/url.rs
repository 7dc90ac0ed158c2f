//! Where the data are: a file of SQLite's, or a server of PostgreSQL's with its secrets kept out of sight.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

/// Which database. Neither Debug nor Display shows a password.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// A server of PostgreSQL's.
    Postgres(PostgresUrl),
}

/// `postgres://user:password@host:5432/database`, checked to be one that can be connected with.
#[derive(Clone, Debug)]
pub struct PostgresUrl(SecretString);

/// Why a text names no database. It never repeats the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum StoreUrlError {
    #[error("write sqlite:PATH or postgres://USER:PASSWORD@HOST:5432/DATABASE")]
    Scheme,
    #[error("write the path of a file behind sqlite: such as sqlite:trailpost-data/trailpost.db")]
    NoFile,
    #[error(
        "this is no URL that PostgreSQL can be reached by; write postgres://USER:PASSWORD@HOST:5432/DATABASE"
    )]
    Postgres,
    #[error(
        "there is an @ behind the host: in a password write / as %2F, ? as %3F, # as %23; elsewhere @ as %40"
    )]
    StrayAt,
}

impl StoreUrl {
    /// The default: the database file in a data folder.
    pub fn in_data_folder(folder: &Path) -> StoreUrl {
        StoreUrl::Sqlite(folder.join("trailpost.db"))
    }
}

/// The file that a path leads to through symbolic links, also where it is not made yet. What belongs to a database
/// lies beside that file: two paths to it find the same.
///
/// # Errors
/// The links lead in a circle, or through what may not be looked at.
pub fn behind_links(file: &Path) -> io::Result<PathBuf> {
    match file.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match file.read_link() {
            Ok(target) => behind_links(&file.with_file_name(target)),
            Err(_) => Ok(file.to_owned()),
        },
        found => found,
    }
}

impl PostgresUrl {
    /// The whole URL, password included.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// User and password stand before the last @ of the authority; what follows a ? may hold secrets too.
    fn without_secrets(&self) -> String {
        let url = self.expose();
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user = match user.split_once(':') {
            Some((user, _)) => format!("{user}:…@"),
            None if user.is_empty() => String::new(),
            None => format!("{user}@"),
        };
        let query = query.map_or_else(String::new, |query| format!("?{}", shown_parameters(query)));
        format!("{scheme}://{user}{host}{path}{query}")
    }
}

fn shown_parameters(query: &str) -> String {
    let show = |parameter: &str| match parameter.split_once('=') {
        Some((name @ ("sslmode" | "ssl-mode" | "host" | "port" | "dbname"), value)) => {
            format!("{name}={value}")
        }
        Some((name, _)) => format!("{name}=…"),
        None => "…".to_owned(),
    };
    query.split('&').map(show).collect::<Vec<_>>().join("&")
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<StoreUrl, StoreUrlError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // A database in memory, or one with parameters, would not be the file that it looks like.
            if path.is_empty() || path.contains('?') || path.starts_with(':') || path.ends_with('/') {
                return Err(StoreUrlError::NoFile);
            }
            return Ok(StoreUrl::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            if has_at_behind_the_authority(text) {
                return Err(StoreUrlError::StrayAt);
            }
            PgConnectOptions::from_str(text).map_err(|_| StoreUrlError::Postgres)?;
            return Ok(StoreUrl::Postgres(PostgresUrl(text.into())));
        }
        Err(StoreUrlError::Scheme)
    }
}

/// What stands there may be the rest of a password that ended the authority, and would be shown as a path.
fn has_at_behind_the_authority(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.find(['/', '?', '#']).is_some_and(|end| rest[end..].contains('@'))
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_secrets())
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            StoreUrl::Postgres(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_behind_sqlite() {
        for (text, shown) in [
            ("sqlite:data/trailpost.db", "sqlite:data/trailpost.db"),
            ("sqlite:///var/lib/trailpost.db", "sqlite:/var/lib/trailpost.db"),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
        }
        for text in ["sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "sqlite:data/"] {
            assert_eq!(text.parse::<StoreUrl>().unwrap_err(), StoreUrlError::NoFile, "{text}");
        }
    }

    #[test]
    fn every_path_to_a_file_leads_to_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, circle] = ["a.db", "link.db", "circle.db"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("a.db", &link).unwrap();
        std::os::unix::fs::symlink("circle.db", &circle).unwrap();
        assert_eq!(behind_links(&file).unwrap(), file);
        assert_eq!(behind_links(&link).unwrap(), file, "also before it is made");
        std::fs::write(&file, "").unwrap();
        assert_eq!(behind_links(&link).unwrap(), behind_links(&file).unwrap());
        assert!(behind_links(&circle).is_err());
    }

    #[test]
    fn secrets_of_a_url_are_never_shown() {
        for (text, shown) in [
            ("postgres://db.example/trailpost", "postgres://db.example/trailpost"),
            ("postgresql://app@db.example:6432/t", "postgresql://app@db.example:6432/t"),
            ("postgres://app:hunter2@db.example/t", "postgres://app:…@db.example/t"),
            ("postgres://app:hunter%402@db.example/t", "postgres://app:…@db.example/t"),
            (
                "postgres://db.example/t?sslmode=require&password=hunter2",
                "postgres://db.example/t?sslmode=require&password=…",
            ),
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("hunter"), "{url:?}");
        }
    }

    #[test]
    fn a_password_that_ends_the_authority_is_refused() {
        for text in [
            "postgres://app:1/hunter2@db.example/t",
            "postgres://app:1?hunter2@db.example/t",
            "postgres://app:1#hunter2@db.example/t",
            "postgres://app/hunter2@db.example/t",
            "postgres://db.example/t?user=app@example",
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap_err(), StoreUrlError::StrayAt, "{text}");
        }
        let url: StoreUrl = "postgres://app:%2Fhunter%3F2@db.example/t".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://app:…@db.example/t");
    }

    #[test]
    fn an_error_does_not_repeat_what_was_written() {
        for text in ["mysql://app:hunter2@db/t", "hunter2", "postgres://app:hunter2@db.example:port/t", ""] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
        }
    }
}
