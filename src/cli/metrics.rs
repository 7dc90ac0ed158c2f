//! `trailpost metrics`: the files that a monitoring system is set up with. They belong to the version whose metrics they
//! name, and so they are in its binary.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::{Answer, finish};
use crate::metrics::{ALERT_RULES, DASHBOARD};

#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    #[command(subcommand)]
    file: File,
    /// Print one JSON object, with the file as a text in it
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum File {
    /// Alert rules for Prometheus, in YAML
    Rules,
    /// A dashboard for Grafana, in JSON
    Dashboard,
}

/// Prints a file.
pub(super) fn run(arguments: &MetricsArguments) -> ExitCode {
    let (name, text) = match arguments.file {
        File::Rules => ("rules", ALERT_RULES),
        File::Dashboard => ("dashboard", DASHBOARD),
    };
    finish(Ok(Answer::new(text.trim_end().to_owned(), json!({ name: text }))), arguments.json)
}
