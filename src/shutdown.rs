//! When to stop: the signals of a terminal and of a service manager.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Done at Ctrl+C or SIGTERM. Signals are listened for from the call on, so that none is missed between it and the
/// first wait.
///
/// # Errors
/// The signals can't be listened for.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
