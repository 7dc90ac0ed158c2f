//! The command line: what is typed, what is printed, how it exits (0 done, 1 failed, 2 used wrongly).

mod answer;
mod check_config;
#[cfg(feature = "demo")]
mod demo;
mod migrate;
mod operator;
mod organization;
mod serve;
mod status;
mod token;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Make and look after organizations
    Organization(organization::OrganizationArguments),
    /// Help people back to their account
    User(user::UserArguments),
    /// Make and revoke the tokens that records are sent with
    Token(token::TokenArguments),
}

/// Runs the command that the process was started with.
pub async fn run() -> ExitCode {
    match Cli::parse().command {
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::CheckConfig(arguments) => check_config::run(arguments),
        Command::Status(arguments) => status::run(arguments).await,
        Command::Organization(arguments) => organization::run(arguments).await,
        Command::User(arguments) => user::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
    }
}
