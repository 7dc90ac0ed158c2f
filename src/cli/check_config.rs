//! `trailpost check-config`: prints the configuration in force, without secrets. Nothing else is touched.

use std::process::ExitCode;

use serde_json::Value;

use super::answer::{Answer, CommandError, finish};
use super::operator::{OperatorArguments, environment};
use crate::config::{Config, LogFilter};
use crate::telemetry;

/// Loads the configuration and prints it.
pub(super) fn run(operator: OperatorArguments) -> ExitCode {
    let json = operator.json;
    finish(in_force(operator), json)
}

fn in_force(operator: OperatorArguments) -> Result<Answer, CommandError> {
    let mut effective = Config::load(operator.installation.into_flags(), environment())?.effective();
    let mut text = as_toml(&effective);
    if let Some(rust_log) = telemetry::rust_log()?.as_ref().map(LogFilter::as_str) {
        text += &format!("\n# The environment variable RUST_LOG wins over log.filter: {rust_log}");
        effective["log"]["rust_log"] = rust_log.into();
    }
    Ok(Answer::new(text, effective))
}

/// Strings, numbers and lists are written alike in JSON and TOML.
fn as_toml(effective: &Value) -> String {
    let sections = effective.as_object().into_iter().flatten().map(|(section, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        let lines = keys.map(|(key, value)| format!("{key} = {value}\n"));
        format!("[{section}]\n{}", lines.collect::<String>())
    });
    sections.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}
