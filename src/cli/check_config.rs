//! `trailpost check-config`: prints the configuration in force, without secrets. Nothing else is touched.

use std::process::ExitCode;

use serde_json::Value;

use super::answer::{Answer, finish};
use super::operator::{OperatorArguments, environment};
use crate::config::Config;

/// Loads the configuration and prints it.
pub(super) fn run(operator: OperatorArguments) -> ExitCode {
    let json = operator.json;
    let loaded = Config::load(operator.installation.into_flags(), environment());
    let answered = loaded.map(|config| {
        let effective = config.effective();
        Answer { text: as_toml(&effective), json: effective }
    });
    finish(answered.map_err(Into::into), json)
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
