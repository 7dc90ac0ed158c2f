//! What a command answers: text for people or one JSON object for programs on stdout, what went wrong on stderr, and
//! the exit code.

use std::process::ExitCode;

use serde_json::Value;

use crate::app::{EndedEarly, StartError};
use crate::config::ConfigError;
use crate::store::{InviteRefused, StoreError, TokenRefused};

/// What a command did, said twice.
pub(super) struct Answer {
    /// For people, without the last line break.
    pub(super) text: String,
    /// For programs: one object.
    pub(super) json: Value,
}

/// Why a command did nothing.
#[derive(Debug)]
pub(super) enum CommandError {
    /// The command line or the configuration is wrong.
    UsedWrongly(String),
    /// It could not be done.
    Failed(String),
}

/// Prints the answer, or what went wrong, and gives the exit code that says which.
pub(super) fn finish(answered: Result<Answer, CommandError>, json: bool) -> ExitCode {
    match answered {
        Ok(answer) if json => println!("{}", answer.json),
        Ok(answer) => println!("{}", answer.text),
        Err(error) => return error.report(),
    }
    ExitCode::SUCCESS
}

impl CommandError {
    /// Says it in one line on stderr.
    pub(super) fn report(&self) -> ExitCode {
        let (message, code) = match self {
            CommandError::UsedWrongly(message) => (message, ExitCode::from(2)),
            CommandError::Failed(message) => (message, ExitCode::FAILURE),
        };
        eprintln!("error: {message}");
        code
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> CommandError {
        CommandError::UsedWrongly(error.to_string())
    }
}

macro_rules! failed {
    ($($error:ty),*) => {
        $(impl From<$error> for CommandError {
            fn from(error: $error) -> CommandError {
                CommandError::Failed(error.to_string())
            }
        })*
    };
}
failed!(StartError, EndedEarly, StoreError, TokenRefused, InviteRefused, std::io::Error);

/// Columns under each other, the first row being their names.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["NAME", "PLAN"], ["Ümläute", "starter"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "NAME     PLAN\nÜmläute  starter");
    }
}
