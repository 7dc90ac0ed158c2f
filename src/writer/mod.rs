//! Background work: running access checks, sealing ended windows into batches, delivering them.
//!
//! Everything here is an idempotent step that finds its own work in the store, so it may be woken as often as one
//! likes, by the doorbell or by the tick, in any number of processes. No transaction is open while AWS is asked.

mod checker;
mod deliverer;
mod driver;
mod encode;
mod indexer;
mod memory;
mod retention;
mod sealer;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::days::Days;
use crate::domain::failure::Cause;
use crate::domain::id::OrganizationId;
use crate::domain::window::SealSpread;
use crate::metrics::WriterMetrics;
use crate::store::{Lane, Store, StoreError};
use deliverer::LEASE;
use driver::Pace;
use memory::Memory;
use sealer::SealTimer;

/// How often work is looked for when nobody rings.
const TICK: Duration = Duration::from_secs(1);
/// What is in flight at a stop gets so long to finish; then its lease is given back, before the process is ended.
const FINISH_WITHIN: Duration = Duration::from_secs(15);
const BOUND_WAITS: Duration = Duration::from_secs(10);
/// What was appended meanwhile is found in the records themselves.
const INDEXING: Duration = Duration::from_secs(5);
const UPKEEP: Duration = Duration::from_secs(60);
const CHECKS: Pace = Pace { tick: TICK, at_once: 8, patience: Duration::from_secs(5), at_most: 64 };
/// Those that nobody asked for are in no hurry, and never in the way of those that somebody waits for.
const DAILY_CHECKS: Pace = Pace { tick: TICK, at_once: 4, patience: Duration::from_secs(5), at_most: 16 };
/// One that does not answer in time makes room for another, as far as there is memory for their bodies.
const DELIVERIES: Pace = Pace { tick: TICK, at_once: 16, patience: Duration::from_secs(3), at_most: 256 };
/// What failed before gets fewer turns, and none of the others'.
const FAILING_DELIVERIES: Pace =
    Pace { tick: TICK, at_once: 8, patience: Duration::from_secs(3), at_most: 64 };

/// What the operator (or the demo) decides about the work in the background.
#[derive(Clone, Copy, Debug)]
pub struct WriterSettings {
    /// How long after their windows batches are sealed.
    pub seal_spread: SealSpread,
    /// How long records are held that can't be delivered.
    pub hold: Days,
    /// How long records, deliveries and access checks are kept.
    pub retention: Days,
}

/// The background work of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    store: Store,
    aws: Arc<Aws>,
    clock: Clock,
    entropy: Entropy,
    settings: WriterSettings,
    metrics: WriterMetrics,
    memory: Memory,
    /// Names this process in leases.
    owner: String,
}

impl Writer {
    /// A writer over a store and an identity of AWS.
    pub fn new(
        store: Store,
        aws: Arc<Aws>,
        clock: Clock,
        entropy: Entropy,
        settings: WriterSettings,
        metrics: WriterMetrics,
    ) -> Writer {
        let owner = format!("writer-{}", hex::encode(entropy.bytes::<8>()));
        Writer { store, aws, clock, entropy, settings, metrics, memory: Memory::new(), owner }
    }

    /// Works until told to stop. What is in flight then is finished, or given back in time for the process to end.
    pub async fn run(self, stop: CancellationToken) {
        let hurry = CancellationToken::new();
        let hurrying = async {
            stop.cancelled().await;
            tokio::time::sleep(FINISH_WITHIN).await;
            hurry.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.work(&stop, &hurry) => {}
            () = hurrying => {}
        }
    }

    async fn work(&self, stop: &CancellationToken, hurry: &CancellationToken) {
        let store = &self.store;
        let bell = || store.doorbell();
        let check = |check| self.clone().run_check(check, stop.clone());
        let awake_since = self.clock.now();
        let seal_timer = SealTimer::default();
        tokio::join!(
            driver::claim_and_do("access checks", bell(), CHECKS, stop, || store.claim_check(), check),
            driver::claim_and_do(
                "daily access checks",
                bell(),
                DAILY_CHECKS,
                stop,
                || store.claim_daily_check(),
                check
            ),
            driver::step("waiting access checks", bell(), TICK, stop, |_| store.tend_checks()),
            driver::step("sealing", bell(), TICK, stop, |woken| self.seal(&seal_timer, woken)),
            self.deliver_in(Lane::Healthy, DELIVERIES, stop, hurry),
            self.deliver_in(Lane::Failing, FAILING_DELIVERIES, stop, hurry),
            driver::step("stops", bell(), TICK, stop, |_| store.end_stops(awake_since)),
            driver::step("denied attempts", bell(), TICK, stop, |_| self.record_denied_attempts()),
            driver::regularly("waits", BOUND_WAITS, stop, || store.bound_waits(LEASE)),
            driver::regularly("indexing activity", INDEXING, stop, || self.index_activity(stop)),
            driver::regularly("upkeep", UPKEEP, stop, || self.tidy()),
            self.keep_retention(stop),
        );
    }

    async fn deliver_in(&self, lane: Lane, pace: Pace, stop: &CancellationToken, hurry: &CancellationToken) {
        let claim = || self.store.claim(self.owner.clone(), LEASE, lane);
        let deliver = |claim| self.clone().deliver(claim, lane, hurry.clone());
        driver::claim_and_do("deliveries", self.store.doorbell(), pace, stop, claim, deliver).await;
    }

    /// Says of a denial that it is ours where it is one of many, and keeps that for whoever watches this process.
    async fn attributed(&self, organization: OrganizationId, cause: Cause) -> Result<Cause, StoreError> {
        if !cause.may_be_one_of_many() {
            return Ok(cause);
        }
        if self.store.is_denial_ours(organization, self.aws.let_in_at()).await? {
            self.aws.note_many_denied();
        }
        Ok(if self.aws.many_denied_since().is_some() { Cause::ManyDenied } else { cause })
    }

    /// Records the wrong passwords that were noted, and counts what was too much in the minutes that are over.
    async fn record_denied_attempts(&self) -> Result<(), StoreError> {
        self.store.record_failed_logins().await?;
        self.store.count_left_out_attempts().await
    }

    /// Forgets the sessions that have ended, and failed sign-ins of long ago.
    async fn tidy(&self) -> Result<(), StoreError> {
        let now = self.clock.wall();
        self.store.delete_expired_sessions(now).await?;
        self.store.forget_old_failed_sign_ins(now).await
    }
}
