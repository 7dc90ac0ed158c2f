//! Layers of settings, laid over each other. Each setting remembers where it came from, so that an error can say it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ::config::{File, FileFormat, Source, Value, ValueKind};

const DEFAULTS: &str = include_str!("../config.default.toml");
const PREFIX: &str = "TRAILPOST__";

/// Why a configuration can't be used. No variant repeats a value that may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {}: {error}", .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not TOML: {place}", .file.display())]
    NotToml {
        /// Which file.
        file: PathBuf,
        /// Where in it; the line itself may hold a password.
        place: String,
    },
    /// There is no such key.
    #[error("there is no key {key} ({origin}); {known}")]
    UnknownKey {
        /// As written.
        key: String,
        /// Where it is written.
        origin: Origin,
        /// What there is.
        known: String,
    },
    /// A value that can't be used.
    #[error("{key} ({origin}): {reason}")]
    Wrong {
        /// Which key.
        key: &'static str,
        /// Where its value came from.
        origin: Origin,
        /// What is wrong, and what to write.
        reason: String,
    },
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the default"),
            Origin::File(file) => write!(f, "in {}", file.display()),
            Origin::Environment(name) => write!(f, "the environment variable {name}"),
            Origin::Flag(flag) => write!(f, "the flag {flag}"),
        }
    }
}

/// One setting as written.
struct Setting {
    written: Written,
    origin: Origin,
}

enum Written {
    One(String),
    List(Vec<String>),
}

/// What is in force for every key.
pub(super) struct Layers(BTreeMap<String, Setting>);

impl Layers {
    /// The defaults, and with them all the keys that there are.
    pub(super) fn defaults() -> Layers {
        let table = parse_toml(DEFAULTS).expect("the defaults are TOML");
        let mut settings = Vec::new();
        flatten("", table, &mut settings);
        let settings = settings.into_iter();
        Layers(settings.map(|(key, written)| (key, Setting { written, origin: Origin::Default })).collect())
    }

    /// Lays a file over what there is.
    pub(super) fn lay_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let unreadable = |error| ConfigError::Unreadable { file: file.to_owned(), error };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let table =
            parse_toml(&text).map_err(|place| ConfigError::NotToml { file: file.to_owned(), place })?;
        let mut settings = Vec::new();
        flatten("", table, &mut settings);
        for (key, written) in settings {
            self.lay(key, written, Origin::File(file.to_owned()))?;
        }
        Ok(())
    }

    /// Lays the environment over what there is: the variables with our prefix.
    pub(super) fn lay_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix(PREFIX) {
                let key = key.replace("__", ".").to_ascii_lowercase();
                self.lay(key, Written::One(value), Origin::Environment(name))?;
            }
        }
        Ok(())
    }

    /// Lays a flag over what there is, if it was given.
    pub(super) fn lay_flag(
        &mut self,
        key: &'static str,
        flag: &'static str,
        value: Option<String>,
    ) -> Result<(), ConfigError> {
        match value {
            Some(value) => self.lay(key.to_owned(), Written::One(value), Origin::Flag(flag)),
            None => Ok(()),
        }
    }

    fn lay(&mut self, key: String, written: Written, origin: Origin) -> Result<(), ConfigError> {
        match self.0.get_mut(&key) {
            Some(setting) => {
                *setting = Setting { written, origin };
                Ok(())
            }
            None => Err(ConfigError::UnknownKey { known: self.known_beside(&key), key, origin }),
        }
    }

    /// The keys of the section that was meant, or the sections.
    fn known_beside(&self, key: &str) -> String {
        let section = key.split('.').next().unwrap_or(key);
        let in_section = self.0.keys().filter_map(|known| known.strip_prefix(&format!("{section}.")));
        let names: Vec<&str> = in_section.collect();
        if names.is_empty() {
            let mut sections: Vec<&str> = self.0.keys().filter_map(|known| known.split('.').next()).collect();
            sections.dedup();
            return format!("the sections are {}", sections.join(", "));
        }
        format!("section {section} has {}", names.join(", "))
    }

    /// The value of a key. `parse` gets it without white space around it.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        match &self.setting(key).written {
            Written::One(text) => parse(text.trim()).map_err(|reason| self.wrong(key, reason)),
            Written::List(_) => Err(self.wrong(key, "write one value, not a list")),
        }
    }

    /// The value of a key that may be left empty.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.value(key, |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) })
    }

    /// The values of a key that holds a list; one text holds them with commas.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let texts: Vec<&str> = match &self.setting(key).written {
            Written::One(text) => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
            Written::List(texts) => texts.iter().map(|text| text.trim()).collect(),
        };
        let parsed = texts.into_iter().map(parse).collect::<Result<_, _>>();
        parsed.map_err(|reason| self.wrong(key, reason))
    }

    /// The value of a key can't be used.
    pub(super) fn wrong(&self, key: &'static str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Wrong { key, origin: self.setting(key).origin.clone(), reason: reason.into() }
    }

    fn setting(&self, key: &'static str) -> &Setting {
        self.0.get(key).unwrap_or_else(|| panic!("{key} has a default"))
    }
}

/// Or where it stops being TOML. The parser's own words repeat the line, and with it what may be secret.
fn parse_toml(text: &str) -> Result<BTreeMap<String, Value>, String> {
    let place = |error: ::config::ConfigError| {
        let words = error.to_string();
        let place = words.split_once(" at ").and_then(|(_, rest)| rest.lines().next());
        place.unwrap_or("it can't be read").to_owned()
    };
    let table = File::from_str(text, FileFormat::Toml).collect().map_err(place)?;
    Ok(table.into_iter().collect())
}

/// `[section] key = …` becomes `section.key`.
fn flatten(
    above: &str,
    table: impl IntoIterator<Item = (String, Value)>,
    settings: &mut Vec<(String, Written)>,
) {
    for (name, value) in table {
        let key = if above.is_empty() { name } else { format!("{above}.{name}") };
        match value.kind {
            ValueKind::Table(table) => flatten(&key, table, settings),
            ValueKind::Array(values) => {
                settings.push((key, Written::List(values.into_iter().map(text_of).collect())));
            }
            _ => settings.push((key, Written::One(text_of(value)))),
        }
    }
}

/// What is neither text nor a number is no value of any key, and refused as such.
fn text_of(value: Value) -> String {
    value.into_string().unwrap_or_default()
}
