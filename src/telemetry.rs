//! The log: on stderr, as text for people or as one JSON object a line. `RUST_LOG` decides before anything else.

use std::env::{self, VarError};
use std::io::{self, IsTerminal as _, Stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFilter, LogFormat};

/// `RUST_LOG` is set to what is no filter.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable RUST_LOG: {0}")]
pub struct RustLogError(String);

/// Logs as the operator configured it.
///
/// # Errors
/// `RUST_LOG` is no filter.
pub fn log_as_configured(log: &LogConfig) -> Result<(), RustLogError> {
    let builder = to_stderr(log.filter().as_str())?;
    match log.format() {
        LogFormat::Text => builder.finish().with(filter_fn(keeps_secrets)).init(),
        LogFormat::Json => {
            // One object a line: what happened, with its own fields beside it, and the request that it happened in.
            let json = builder.json().flatten_event(true).with_current_span(true).with_span_list(false);
            json.finish().with(filter_fn(keeps_secrets)).init();
        }
    }
    Ok(())
}

/// Logs what somebody has to know: for commands that print what they did.
///
/// # Errors
/// `RUST_LOG` is no filter.
pub fn log_warnings() -> Result<(), RustLogError> {
    // s3s, the sandbox's ground, logs every refusal as an error; refusing is what a sandbox is for.
    to_stderr("warn,s3s=off")?.finish().with(filter_fn(keeps_secrets)).init();
    Ok(())
}

/// What `RUST_LOG` is set to, if it is.
///
/// # Errors
/// It is no filter.
pub fn rust_log() -> Result<Option<LogFilter>, RustLogError> {
    match env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text.parse().map(Some).map_err(RustLogError),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(RustLogError("it is not text".to_owned())),
    }
}

type ToStderr = SubscriberBuilder<DefaultFields, Format, EnvFilter, fn() -> Stderr>;

fn to_stderr(filter: &str) -> Result<ToStderr, RustLogError> {
    let rust_log = rust_log()?;
    let filter = rust_log.as_ref().map_or(filter, LogFilter::as_str);
    Ok(tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr as fn() -> Stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would be told on stderr, which is what just failed, by a macro that panics then.
        .log_internal_errors(false))
}

/// tower-http's CSRF layer traces the path of every request, and with it the tokens of invitations and resets. No
/// filter, however it is written, brings that into the log.
fn keeps_secrets(metadata: &tracing::Metadata<'_>) -> bool {
    !(metadata.target().starts_with("tower_http::csrf") && *metadata.level() == tracing::Level::TRACE)
}
