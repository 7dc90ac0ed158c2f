//! `trailpost serve`: the product, for as long as it is not told to stop.

use std::process::ExitCode;

use clap::Args;

use super::answer::{CommandError, announce};
use super::operator::{InstallationArguments, environment};
use crate::app::serve::{Announcement, Serving};
use crate::config::{Config, Flags};
use crate::shutdown::stop_signal;
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where browsers reach the console, such as https://console.example.com
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// What this process does: all, console or writer
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    installation: InstallationArguments,
    /// Print one line of JSON once ready
    #[arg(long)]
    json: bool,
}

/// Serves until told to stop.
pub(super) async fn run(arguments: ServeArguments) -> ExitCode {
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

async fn serve(arguments: ServeArguments) -> Result<(), CommandError> {
    let json = arguments.json;
    let config = Config::load(arguments.into_flags(), environment())?;
    telemetry::log_as_configured(config.log())?;
    // Listening for signals comes first, so that none is missed once the line is printed.
    let stopped = stop_signal()?;
    let mut serving = Serving::start(&config).await?;
    announce(&ready_line(serving.announcement(), json));
    let ended = tokio::select! {
        () = stopped => None,
        ended = serving.ended_early() => Some(ended),
    };
    serving.stop().await;
    ended.map_or(Ok(()), |ended| Err(ended.into()))
}

impl ServeArguments {
    fn into_flags(self) -> Flags {
        Flags {
            listen: self.listen,
            public_url: self.public_url,
            role: self.role,
            ..self.installation.into_flags()
        }
    }
}

fn ready_line(ready: &Announcement, json: bool) -> String {
    if json {
        return serde_json::to_string(ready).expect("strings make JSON");
    }
    let Announcement { console_url, listen, role, metrics_listen } = ready;
    let serves = match console_url {
        Some(url) => format!("Trailpost serves {url} on {listen} (role {role})."),
        None => {
            format!("Trailpost works in the background; /livez and /readyz are on {listen} (role {role}).")
        }
    };
    let metrics = metrics_listen.map_or_else(String::new, |address| format!(" /metrics is on {address}."));
    format!("{serves}{metrics} Ctrl+C stops it.")
}
