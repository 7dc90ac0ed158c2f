//! What the operator's commands share: which installation they are about, and how they answer. Each is safe beside a
//! process that serves.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use secrecy::SecretString;

use super::answer::{Answer, CommandError, finish};
use crate::app::open_beside_a_server;
use crate::config::{Config, Flags};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::credential::LinkToken;
use crate::store::{Opening, Store};
use crate::telemetry;

/// Which installation a command is about.
#[derive(Clone, Debug, Args)]
pub(super) struct InstallationArguments {
    /// A file of settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST:5432/DATABASE
    #[arg(long, value_name = "URL", value_parser = secret)]
    store: Option<SecretString>,
    /// The folder that SQLite's data are kept in
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

/// Which installation, and how to answer.
#[derive(Clone, Debug, Args)]
pub(super) struct OperatorArguments {
    #[command(flatten)]
    pub(super) installation: InstallationArguments,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What a command works with.
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    config: Config,
}

impl InstallationArguments {
    /// The flags that this comes to.
    pub(super) fn into_flags(self) -> Flags {
        Flags { file: self.config, store: self.store, data_dir: self.data_dir, ..Flags::default() }
    }
}

impl OperatorArguments {
    /// Runs a command on the database and prints what it answers.
    pub(super) async fn run(self, work: impl AsyncFnOnce(&Desk) -> Result<Answer, CommandError>) -> ExitCode {
        self.run_opening(Opening::Command, work).await
    }

    /// The same, with the database opened for something else than one command.
    pub(super) async fn run_opening(
        self,
        opening: Opening,
        work: impl AsyncFnOnce(&Desk) -> Result<Answer, CommandError>,
    ) -> ExitCode {
        let json = self.json;
        finish(answer(self.installation, opening, work).await, json)
    }
}

async fn answer(
    installation: InstallationArguments,
    opening: Opening,
    work: impl AsyncFnOnce(&Desk) -> Result<Answer, CommandError>,
) -> Result<Answer, CommandError> {
    telemetry::log_warnings()?;
    let desk = Desk::open(installation, opening).await?;
    let answered = work(&desk).await;
    desk.store.close().await;
    answered
}

impl Desk {
    async fn open(installation: InstallationArguments, opening: Opening) -> Result<Desk, CommandError> {
        let config = Config::load(installation.into_flags(), environment())?;
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let store = open_beside_a_server(config.store(), opening, &clock, &entropy).await?;
        Ok(Desk { store, clock, entropy, config })
    }

    /// A new link and the token that opens it. Made before anything is stored: a link that can't be told is no use.
    pub(super) fn new_link(&self, path: &str) -> Result<(String, LinkToken), CommandError> {
        let token = LinkToken::generate(&self.entropy);
        let origin = self.config.server().public_url()?.origin();
        Ok((format!("{origin}/{path}/{}", token.expose()), token))
    }
}

/// The environment. What is not text in a value of ours is then wrong there.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// What may hold a password is kept out of Debug from the first.
pub(super) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}
