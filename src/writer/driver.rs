//! Keeps background work going: woken by the doorbell and by a tick. A failure is logged and the work found again
//! on the next tick, because the store keeps it.

use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError};

/// When background work is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often when nobody rings.
    pub(super) tick: Duration,
    /// How much of it at once.
    pub(super) at_once: usize,
}

/// Runs one idempotent step on every ring and every tick until told to stop, never twice at once.
pub(super) async fn step<F>(
    name: &'static str,
    store: &Store,
    tick: Duration,
    stop: &CancellationToken,
    mut step: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut doorbell = store.doorbell();
    let mut ticks = ticking(tick);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = doorbell.rung() => {}
            _ = ticks.tick() => {}
        }
        log(name, step().await);
    }
}

/// Claims pieces of work and does several at once until told to stop; one that takes long holds up no other. What
/// is under way at the stop is finished.
pub(super) async fn claim_and_do<W, C, F>(
    name: &'static str,
    store: &Store,
    pace: Pace,
    stop: &CancellationToken,
    claim: impl Fn() -> C,
    work: impl Fn(W) -> F,
) where
    C: Future<Output = Result<Option<W>, StoreError>>,
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let mut doorbell = store.doorbell();
    let mut ticks = ticking(pace.tick);
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < pace.at_once && !stop.is_cancelled() {
            match claim().await {
                Ok(Some(claimed)) => _ = under_way.spawn(work(claimed)),
                Ok(None) => break,
                Err(error) => {
                    log(name, Err(error));
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            Some(done) = under_way.join_next() => log_done(name, done),
            () = doorbell.rung() => {}
            _ = ticks.tick() => {}
        }
    }
    while let Some(done) = under_way.join_next().await {
        log_done(name, done);
    }
}

fn ticking(tick: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn log_done(name: &'static str, done: Result<Result<(), StoreError>, JoinError>) {
    log(name, done.unwrap_or_else(|error| Err(StoreError::Interrupted(error))));
}

fn log(name: &'static str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(work = name, %error, "background work failed; it is tried again");
    }
}
