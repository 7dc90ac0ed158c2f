//! `trailpost demo`: everything on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::answer::{CommandError, announce};
use crate::app::demo::{Announcement, Demo, DemoOptions};
use crate::domain::clock::Clock;
use crate::domain::window::WindowLength;
use crate::shutdown::stop_signal;
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Where the console listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where the S3 and STS sandbox listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    sandbox_listen: SocketAddr,
    /// Allow addresses other than loopback: the demo's passwords are public
    #[arg(long)]
    expose: bool,
    /// Where its data are kept
    #[arg(long, value_name = "FOLDER", default_value = "trailpost-data/demo")]
    data_dir: PathBuf,
    /// Keep its data in a folder that is removed at the end
    #[arg(long, conflicts_with = "data_dir")]
    ephemeral: bool,
    /// The delivery window of a new integration, in minutes
    #[arg(long, value_name = "MINUTES", default_value = "1")]
    window: WindowLength,
    /// No records come in by themselves
    #[arg(long)]
    no_activity: bool,
    /// Print one line of JSON once ready
    #[arg(long)]
    json: bool,
}

/// Runs the demo until it is told to stop.
pub(super) async fn run(arguments: DemoArguments) -> ExitCode {
    match demo(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

async fn demo(arguments: DemoArguments) -> Result<(), CommandError> {
    telemetry::log_warnings()?;
    for address in [arguments.listen, arguments.sandbox_listen] {
        if !address.ip().is_loopback() && !arguments.expose {
            return Err(CommandError::UsedWrongly(format!(
                "{address} is not a loopback address, and the demo's passwords are public; add --expose to allow it"
            )));
        }
    }
    let options = DemoOptions {
        listen: arguments.listen,
        sandbox_listen: arguments.sandbox_listen,
        data_folder: (!arguments.ephemeral).then_some(arguments.data_dir),
        window: arguments.window,
        activity: !arguments.no_activity,
        clock: Clock::system(),
        metrics_token: None,
    };
    // Listening for signals comes first, so that none is missed once the line is printed.
    let stopped = stop_signal()?;
    let mut running = Demo::start(options).await?;
    let ready = running.announcement();
    announce(&if arguments.json {
        serde_json::to_string(ready).expect("strings make JSON")
    } else {
        welcome(ready)
    });
    let ended = tokio::select! {
        () = stopped => None,
        ended = running.ended_early() => Some(ended),
    };
    running.stop().await;
    ended.map_or(Ok(()), |ended| Err(ended.into()))
}

fn welcome(demo: &Announcement) -> String {
    let width = demo.accounts.iter().map(|account| account.email.len()).max().unwrap_or_default();
    let accounts: String = demo
        .accounts
        .iter()
        .map(|account| {
            format!(
                "    {:width$}  {} of {} ({})\n",
                account.email, account.role, account.organization, account.plan
            )
        })
        .collect();
    format!(
        "\n  Trailpost demo\n\n  Open    {}\n  Bucket  s3://acme-audit-logs at {} (region {})\n  Key     {} / {}\n\n  Accounts, password trailpost-demo (one click on the sign-in page):\n{accounts}\n  Role ARN          arn:aws:iam::111122223333:role/trailpost-audit-logs\n  Amazon S3 bucket  acme-audit-logs\n\n  Producer token    {}\n\n  Ctrl+C stops it.\n",
        demo.console_url,
        demo.sandbox_url,
        demo.region,
        demo.access_key_id,
        demo.secret_access_key,
        demo.producer_token,
    )
}
