//! Keeps background work going: woken by the doorbell and by a tick. A failure is logged and the work found again
//! on the next tick, because the store keeps it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::error_chain::ErrorChain;
use crate::store::{Doorbell, StoreError};

/// When background work is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often when nobody rings.
    pub(super) tick: Duration,
    /// How many pieces of it at once, of those that have not taken long yet.
    pub(super) at_once: usize,
    /// What takes longer than this makes room for another: a few that hang must not hold up the rest.
    pub(super) patience: Duration,
    /// How many pieces at once in all.
    pub(super) at_most: usize,
}

/// Why a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Somebody asked for something.
    ByRing,
    /// It is time to look.
    ByTick,
}

/// Runs one idempotent step on every ring and every tick until told to stop, never twice at once. What is left of a
/// step then is left to the next process; a transaction that has begun ends by itself.
pub(super) async fn step<F>(
    name: &'static str,
    mut doorbell: Doorbell,
    tick: Duration,
    stop: &CancellationToken,
    mut step: impl FnMut(Woken) -> F,
) where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut ticks = ticking(tick);
    loop {
        let woken = tokio::select! {
            () = stop.cancelled() => return,
            () = doorbell.rung() => Woken::ByRing,
            _ = ticks.tick() => Woken::ByTick,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            done = step(woken) => log(name, done),
        }
    }
}

/// Runs one idempotent step on every tick until told to stop. Nobody waits for it.
pub(super) async fn regularly<F>(
    name: &'static str,
    tick: Duration,
    stop: &CancellationToken,
    mut step: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut ticks = ticking(tick);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        log(name, step().await);
    }
}

/// Claims pieces of work and does several at once until told to stop; those that take long hold up no other. What
/// is under way at the stop is finished.
pub(super) async fn claim_and_do<W, C, F>(
    name: &'static str,
    mut doorbell: Doorbell,
    pace: Pace,
    stop: &CancellationToken,
    claim: impl Fn() -> C,
    work: impl Fn(W) -> F,
) where
    C: Future<Output = Result<Option<W>, StoreError>>,
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let mut ticks = ticking(pace.tick);
    let mut under_way = JoinSet::new();
    let turns = Arc::new(Semaphore::new(pace.at_once));
    loop {
        let mut all_claimed = false;
        while under_way.len() < pace.at_most
            && !stop.is_cancelled()
            && let Ok(turn) = Arc::clone(&turns).try_acquire_owned()
        {
            match claim().await {
                Ok(Some(claimed)) => _ = under_way.spawn(with_patience(pace.patience, turn, work(claimed))),
                Ok(None) => {
                    all_claimed = true;
                    break;
                }
                Err(error) => {
                    log(name, Err(error));
                    all_claimed = true;
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            Some(done) = under_way.join_next() => log_done(name, done),
            _ = turns.acquire(), if !all_claimed && under_way.len() < pace.at_most => {}
            () = doorbell.rung() => {}
            _ = ticks.tick() => {}
        }
    }
    while let Some(done) = under_way.join_next().await {
        log_done(name, done);
    }
}

/// Does a piece of work; once it takes long, its turn is another's.
async fn with_patience<F: Future>(patience: Duration, turn: OwnedSemaphorePermit, work: F) -> F::Output {
    let mut work = pin!(work);
    if let Ok(done) = timeout(patience, &mut work).await {
        return done;
    }
    drop(turn);
    work.await
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
    if let Err(error) = &done {
        let error = ErrorChain(error);
        tracing::error!(work = name, %error, "background work failed; it is tried again");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many pieces have begun after `seconds`, if none ever ends.
    async fn begun_after(seconds: u32, pace: Pace) -> usize {
        let begun = Arc::new(AtomicUsize::new(0));
        let (left, running) = (AtomicUsize::new(1000), CancellationToken::new());
        let claim = async || {
            let before = left.fetch_sub(1, Ordering::Relaxed);
            Ok((before > 0).then_some(()))
        };
        let work = |()| {
            begun.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<(), StoreError>>()
        };
        let driving = claim_and_do("test", Doorbell::never_rung(), pace, &running, claim, work);
        _ = timeout(SECOND * seconds + SECOND / 2, driving).await;
        begun.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_makes_room_for_others_up_to_a_bound() {
        let pace = Pace { tick: SECOND * 100, at_once: 3, patience: SECOND * 2, at_most: 10 };
        assert_eq!(begun_after(1, pace).await, 3);
        assert_eq!(begun_after(2, pace).await, 6);
        assert_eq!(begun_after(4, pace).await, 9);
        assert_eq!(begun_after(60, pace).await, 10);
    }
}
