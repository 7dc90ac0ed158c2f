//! Background work: running access checks, sealing ended windows into batches, delivering them.
//!
//! Everything here is an idempotent step that finds its own work in the store, so it may be woken as often as one
//! likes, by the doorbell or by the tick, in any number of processes. No transaction is open while AWS is asked.

mod checker;
mod deliverer;
mod driver;
mod encode;
mod memory;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::days::Days;
use crate::domain::window::SealSpread;
use crate::store::{Store, StoreError};
use deliverer::LEASE;
use driver::Pace;
use memory::Memory;

/// How often work is looked for when nobody rings.
const TICK: Duration = Duration::from_secs(1);
const UPKEEP: Duration = Duration::from_secs(60);
/// How many organizations are delivered for, and how many checks run, at once.
const AT_ONCE: usize = 8;

/// The background work of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    store: Store,
    aws: Arc<Aws>,
    clock: Clock,
    entropy: Entropy,
    seal_spread: SealSpread,
    retention: Days,
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
        seal_spread: SealSpread,
        retention: Days,
    ) -> Writer {
        let owner = format!("writer-{}", hex::encode(entropy.bytes::<8>()));
        Writer { store, aws, clock, entropy, seal_spread, retention, memory: Memory::new(), owner }
    }

    /// Works until told to stop; what is in flight then is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let (store, stop) = (&self.store, &stop);
        let pace = Pace { tick: TICK, at_once: AT_ONCE };
        let run_check = |check| self.clone().run_check(check, stop.clone());
        let deliver = |claim| self.clone().deliver(claim);
        let owner = || self.owner.clone();
        tokio::join!(
            driver::claim_and_do("access checks", store, pace, stop, || store.claim_check(), run_check),
            driver::step("sealing", store, TICK, stop, || store.seal(self.seal_spread)),
            driver::claim_and_do("deliveries", store, pace, stop, || store.claim(owner(), LEASE), deliver),
            driver::step("stops", store, TICK, stop, || store.end_stops()),
            driver::step("upkeep", store, UPKEEP, stop, || self.tidy()),
            self.keep_retention(stop),
        );
    }

    /// Forgets the sessions that have ended, and failed sign-ins of long ago.
    async fn tidy(&self) -> Result<(), StoreError> {
        let now = self.clock.wall();
        self.store.delete_expired_sessions(now).await?;
        self.store.forget_old_failed_sign_ins(now).await
    }
}
