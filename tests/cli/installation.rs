//! An installation of one’s own: a data folder, commands on it, and perhaps a server.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Ended, Running, start_in};

/// A folder of its own, with the data in it.
pub struct Installation {
    folder: TempDir,
}

impl Installation {
    pub fn new() -> Installation {
        Installation { folder: tempfile::tempdir().unwrap() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a command on it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        start_in(self.folder(), &[arguments, &["--data-dir", "data"]].concat(), environment).end()
    }

    /// Runs a command that is to succeed, and gives the one object that it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
    }

    /// Runs a command that is to fail with this code, and gives the one line that it says.
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{arguments:?}: {}", ended.stderr);
        ended.stderr
    }

    /// Starts a server on a free port, and waits until it is ready.
    pub fn serve(&self) -> (Running, Value) {
        let flags = ["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir", "data"];
        let mut running = start_in(self.folder(), &flags, &[]);
        let ready = serde_json::from_str(&running.line()).unwrap();
        (running, ready)
    }
}
