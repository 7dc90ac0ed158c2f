//! The `trailpost` command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    trailpost::cli::run().await
}
