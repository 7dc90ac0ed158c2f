//! The command line: what is typed, what is printed, how it exits (0 done, 1 failed, 2 used wrongly).

mod answer;
mod check_config;
#[cfg(feature = "demo")]
mod demo;
mod metrics;
mod migrate;
mod operator;
mod organization;
mod serve;
mod status;
mod token;
mod user;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use answer::visible;

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
    /// Run the product until it is told to stop
    Serve(serve::ServeArguments),
    /// Bring the database's schema up to date
    Migrate(operator::OperatorArguments),
    /// Print the configuration in force, without secrets
    CheckConfig(operator::OperatorArguments),
    /// Print how the installation stands: what is pending, what is failing
    Status(operator::OperatorArguments),
    /// Print what a monitoring system is set up with
    Metrics(metrics::MetricsArguments),
    /// Make and look after organizations
    Organization(organization::OrganizationArguments),
    /// Help people back to their account
    User(user::UserArguments),
    /// Make and revoke the tokens that records are sent with
    Token(token::TokenArguments),
}

/// Prints help, or what is wrong in the command line: without what a terminal would obey, if there was any in it.
fn explain(error: &clap::Error) -> ExitCode {
    let moves_a_cursor = |argument: OsString| argument.to_string_lossy().chars().any(char::is_control);
    if !error.use_stderr() || !std::env::args_os().any(moves_a_cursor) {
        error.exit();
    }
    let text = error.render().to_string();
    let lines: Vec<String> = text.lines().map(|line| line.chars().map(visible).collect()).collect();
    // Nobody is left to tell if that fails.
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
    ExitCode::from(2)
}

/// Runs the command that the process was started with.
pub async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::CheckConfig(arguments) => check_config::run(arguments),
        Command::Status(arguments) => status::run(arguments).await,
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::Organization(arguments) => organization::run(arguments).await,
        Command::User(arguments) => user::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
    }
}
