//! What a command answers: text for people or one JSON object for programs on stdout, what went wrong on stderr, and
//! the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::Value;

use crate::app::{EndedEarly, StartError};
use crate::config::ConfigError;
use crate::store::{InviteRefused, StoreError, TokenRefused};
use crate::telemetry::RustLogError;

/// What a command did, said twice.
pub(super) struct Answer {
    /// For people, without the last line break.
    pub(super) text: String,
    /// For programs: one object.
    pub(super) json: Value,
    /// What was made, and how to undo it: for when the secret in the answer can't be printed, and is lost.
    made: Option<String>,
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
    answered.and_then(|answer| answer.print(json)).map_or_else(|error| error.report(), |()| ExitCode::SUCCESS)
}

/// Says that a process is ready. One whose stdout is gone serves all the same.
pub(super) fn announce(ready: &str) {
    if let Err(error) = print(ready) {
        tracing::warn!(%error, "ready, and stdout does not take the line that says so");
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

impl Answer {
    pub(super) fn new(text: String, json: Value) -> Answer {
        Answer { text, json, made: None }
    }

    /// The same, of a command that made something whose secret is told this once.
    pub(super) fn making(self, what_and_how_to_undo_it: String) -> Answer {
        Answer { made: Some(what_and_how_to_undo_it), ..self }
    }

    fn print(self, json: bool) -> Result<(), CommandError> {
        let text = if json { self.json.to_string() } else { self.text };
        match (print(&text), self.made) {
            (Ok(()), _) => Ok(()),
            (Err(error), Some(made)) => {
                Err(CommandError::Failed(format!("stdout does not take the answer ({error}): {made}")))
            }
            // Whoever read it has seen enough.
            (Err(error), None) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            (Err(error), None) => {
                Err(CommandError::Failed(format!("it is done, but stdout does not take the answer: {error}")))
            }
        }
    }
}

impl CommandError {
    /// Says it in one line on stderr.
    pub(super) fn report(&self) -> ExitCode {
        let (message, code) = match self {
            CommandError::UsedWrongly(message) => (message, ExitCode::from(2)),
            CommandError::Failed(message) => (message, ExitCode::FAILURE),
        };
        // Nobody is left to tell if that fails.
        let _ = writeln!(io::stderr(), "error: {}", in_one_line(message));
        code
    }
}

/// Without what a terminal would obey: a message repeats what was written.
fn in_one_line(message: &str) -> String {
    message.replace('\n', " ").chars().map(visible).collect()
}

/// The character, or one that shows that there was one.
pub(super) fn visible(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> CommandError {
        CommandError::UsedWrongly(error.to_string())
    }
}

impl From<RustLogError> for CommandError {
    fn from(error: RustLogError) -> CommandError {
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

    #[test]
    fn a_message_is_one_line_and_moves_no_cursor() {
        assert_eq!(in_one_line("“\u{1b}[2Ja\r\u{9b}1m” is none\nof ours"), "“�[2Ja��1m” is none of ours");
    }
}
