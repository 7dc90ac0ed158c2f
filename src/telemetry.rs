//! The log: on stderr, as text for people or as one JSON object a line. `RUST_LOG` decides before anything else.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Logs as the operator configured it.
pub fn log_as_configured(log: &LogConfig) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter_or(log.filter().as_str()))
        .with_writer(std::io::stderr);
    match log.format() {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Logs what somebody has to know: for commands that print what they did.
pub fn log_warnings() {
    // s3s, the sandbox's ground, logs every refusal as an error; refusing is what a sandbox is for.
    tracing_subscriber::fmt().with_env_filter(filter_or("warn,s3s=off")).with_writer(std::io::stderr).init();
}

fn filter_or(filter: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter))
}
