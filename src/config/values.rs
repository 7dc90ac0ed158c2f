//! The words that only the configuration knows.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessRole {
    /// Console, API and the work in the background.
    All,
    /// Console and API.
    Console,
    /// The work in the background.
    Writer,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// What is logged: valid directives of tracing-subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl ProcessRole {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ProcessRole::All => "all",
            ProcessRole::Console => "console",
            ProcessRole::Writer => "writer",
        }
    }

    /// Whether the console and the API are served.
    pub fn serves_console(self) -> bool {
        self != ProcessRole::Writer
    }

    /// Whether the work in the background is done.
    pub fn writes(self) -> bool {
        self != ProcessRole::Console
    }
}

impl FromStr for ProcessRole {
    type Err = String;

    fn from_str(text: &str) -> Result<ProcessRole, String> {
        [ProcessRole::All, ProcessRole::Console, ProcessRole::Writer]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a role of a process: write all, console or writer"))
    }
}

impl LogFormat {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<LogFormat, String> {
        [LogFormat::Text, LogFormat::Json]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a format of a log: write text or json"))
    }
}

impl LogFilter {
    /// The directives.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<LogFilter, String> {
        match EnvFilter::try_new(text) {
            Ok(_) => Ok(LogFilter(text.to_owned())),
            Err(error) => {
                Err(format!("“{text}” is not a filter: {error}; write one such as trailpost=info,warn"))
            }
        }
    }
}
