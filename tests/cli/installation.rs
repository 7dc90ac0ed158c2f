//! An installation of one’s own: a data folder, commands on it, and perhaps a server.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Ended, Running, start_in};
use crate::support::database::{Engine, TestDatabase};

/// A folder of its own and a database: in that folder, or on PostgreSQL.
pub struct Installation {
    folder: TempDir,
    pub database: TestDatabase,
    /// What tells the command where the data are.
    store: [String; 2],
    /// What every process is started with.
    environment: Vec<(String, String)>,
}

impl Installation {
    pub fn new() -> Installation {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/trailpost.db");
        let database = TestDatabase::at(format!("sqlite:{}", file.display()));
        let store = ["--data-dir", "data"].map(str::to_owned);
        Installation { folder, database, store, environment: Vec::new() }
    }

    pub async fn on(engine: Engine) -> Installation {
        if engine == Engine::Sqlite {
            return Installation::new();
        }
        Installation::over(TestDatabase::make(engine).await)
    }

    /// The one whose data are in this database.
    pub fn over(database: TestDatabase) -> Installation {
        let store = ["--store".to_owned(), database.url().to_owned()];
        Installation { folder: tempfile::tempdir().unwrap(), database, store, environment: Vec::new() }
    }

    /// The same with these variables for every process.
    pub fn with_environment(mut self, variables: &[(&str, &str)]) -> Installation {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.environment.extend(owned);
        self
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
        self.start(arguments, environment).end()
    }

    fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let store = self.store.each_ref().map(String::as_str);
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<_> = own.chain(environment.iter().copied()).collect();
        start_in(self.folder(), &[arguments, &store].concat(), &environment)
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
        self.serve_with(&[])
    }

    pub fn serve_with(&self, flags: &[&str]) -> (Running, Value) {
        let mut running = self.begin_to_serve(flags);
        let ready = serde_json::from_str(&running.line()).unwrap();
        (running, ready)
    }

    /// Starts a server and doesn't wait for it.
    pub fn begin_to_serve(&self, flags: &[&str]) -> Running {
        self.start(&[&["serve", "--listen", "127.0.0.1:0", "--json"], flags].concat(), &[])
    }

    /// Makes an organization on Enterprise; gives what the command prints.
    pub fn create_organization(&self) -> Value {
        let owner = "owner@acme.example";
        self.json(&[
            "organization",
            "create",
            "--name",
            "Acme",
            "--plan",
            "enterprise",
            "--owner-email",
            owner,
        ])
    }
}
