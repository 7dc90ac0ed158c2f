//! Runs a step again and again: woken by the doorbell and by a tick, never twice at once.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError};

/// Runs `step` on every ring and every tick until told to stop. A failing step is logged and tried again on the
/// next tick: the store keeps the work.
pub(super) async fn drive<F>(
    name: &'static str,
    store: &Store,
    tick: Duration,
    stop: &CancellationToken,
    mut step: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut doorbell = store.doorbell();
    let mut ticks = tokio::time::interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = doorbell.rung() => {}
            _ = ticks.tick() => {}
        }
        if let Err(error) = step().await {
            tracing::error!(step = name, error = %error, "background work failed; it is tried again");
        }
    }
}
