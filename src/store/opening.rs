//! Why a database can't be opened, in words that say what to do about it.

use std::io::ErrorKind;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::{StoreError, StoreUrl};

const OTHER_USER: &str =
    "run this as the user of the service, who may read and write the file and its folder";

impl StoreError {
    /// The same, told of the database that was to be opened.
    pub(super) fn on_opening(self, url: &StoreUrl) -> StoreError {
        StoreError::Open { database: url.to_string(), reason: reason(&self), error: Box::new(self) }
    }
}

fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Database(error)
        | StoreError::Migration(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            with_advice(error)
        }
        StoreError::TimedOut(_) => format!("{error}; check host and port, and what is between"),
        other => other.to_string(),
    }
}

/// The engine's own words, and what they ask for.
fn with_advice(error: &sqlx::Error) -> String {
    let (words, advice) = match error {
        sqlx::Error::Database(error) => (error.message().to_owned(), advice_of_engine(error.as_ref())),
        sqlx::Error::Io(error) => (error.to_string(), advice_of_system(error)),
        other => (other.to_string(), None),
    };
    advice.map_or_else(|| words.clone(), |advice| format!("{words}; {advice}"))
}

fn advice_of_engine(error: &dyn DatabaseError) -> Option<&'static str> {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return advice_of_postgres(error.code());
    }
    let error = error.try_downcast_ref::<SqliteError>()?;
    advice_of_sqlite(error.code()?.parse().ok()?)
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn advice_of_postgres(code: &str) -> Option<&'static str> {
    match code {
        "28P01" => Some("correct user and password in the URL"),
        "28000" => Some("let this user in (pg_hba.conf), or name another in the URL"),
        "3D000" => Some("make it with CREATE DATABASE, or name another in the URL"),
        "42501" => Some("make this user the owner of the database, or grant it what is missing"),
        "3F000" => Some("make the first schema of search_path, where Trailpost's tables belong"),
        "53300" => Some("raise the server's max_connections, or lower store.most_connections"),
        "57P03" => Some("try again when the server is up"),
        "25006" => Some("name the primary in the URL: this server only reads"),
        _ => None,
    }
}

/// By result code (<https://sqlite.org/rescode.html>), of which the lowest byte is the primary one.
fn advice_of_sqlite(code: u32) -> Option<&'static str> {
    match code & 0xff {
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
        3 | 8 | 14 => Some(OTHER_USER),
        // SQLITE_BUSY
        5 => Some("another program holds it: end that, or try again"),
        // SQLITE_CORRUPT
        11 => Some("the file is damaged: restore it from a backup"),
        // SQLITE_FULL
        13 => Some("make room on the disk"),
        // SQLITE_NOTADB
        26 => Some("name another file: this one is not SQLite's"),
        _ => None,
    }
}

fn advice_of_system(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ConnectionRefused => Some("start PostgreSQL there, or correct host and port in the URL"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(OTHER_USER),
        ErrorKind::NotADirectory => Some("a file is where its folder should be: name another"),
        ErrorKind::IsADirectory => Some("name a file in it"),
        ErrorKind::StorageFull => Some("make room on the disk"),
        // The standard library has no kind for it.
        _ if error.to_string().starts_with("failed to lookup address information") => {
            Some("correct the host in the URL")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn told(error: impl Into<sqlx::Error>) -> String {
        let url: StoreUrl = "postgres://app:hunter2@db.example/t".parse().unwrap();
        StoreError::from(error.into()).on_opening(&url).to_string()
    }

    #[test]
    fn what_the_system_refuses_comes_with_what_to_do() {
        for (error, advice) in [
            (io::Error::from(ErrorKind::ConnectionRefused), "start PostgreSQL there"),
            (io::Error::from(ErrorKind::PermissionDenied), "as the user of the service"),
            (io::Error::from(ErrorKind::ReadOnlyFilesystem), "as the user of the service"),
            (io::Error::other("failed to lookup address information: no such name"), "correct the host"),
        ] {
            let told = told(error);
            assert!(told.starts_with("can't open the database postgres://app:…@db.example/t: "), "{told}");
            assert!(told.contains(advice), "{told}");
        }
    }

    #[tokio::test]
    async fn a_file_that_only_reads_is_told() {
        use sqlx::ConnectOptions as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        std::fs::write(&file, "").unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.unwrap();
        let refused = sqlx::query("CREATE TABLE a (b)").execute(&mut connection).await.unwrap_err();
        let told = told(refused);
        assert!(told.contains("readonly database; run this as the user of the service"), "{told}");
    }
}
