//! The command line: what is typed, what is printed, how it exits (0 done, 1 failed, 2 used wrongly).

#[cfg(feature = "demo")]
mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Settings > Audit logs: audit records delivered to an organization's own Amazon S3 bucket.
#[derive(Debug, Parser)]
#[command(name = "trailpost", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine, with a small AWS of its own
    #[cfg(feature = "demo")]
    Demo(demo::DemoArguments),
}

/// Runs the command that the process was started with.
pub async fn run() -> ExitCode {
    log_to_stderr();
    match Cli::parse().command {
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments).await,
    }
}

/// `RUST_LOG` decides what is logged; without it, what somebody has to know.
fn log_to_stderr() {
    // s3s, the sandbox's ground, logs every refusal as an error; refusing is what a sandbox is for.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,s3s=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
