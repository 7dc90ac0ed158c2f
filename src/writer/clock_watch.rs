//! Notices that the clock ran back, so that nobody waits for a time that it had reached before.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Writer;
use super::deliverer::LEASE;
use crate::domain::clock::Timestamp;
use crate::store::StoreError;

/// Small corrections delay nothing that matters.
const TOLERANCE: Duration = Duration::from_secs(1);

/// The latest time that was seen.
#[derive(Debug, Default)]
pub(super) struct ClockWatch(Mutex<Option<Timestamp>>);

impl ClockWatch {
    /// Whether the clock has run back since the last look.
    fn has_run_back(&self, now: Timestamp) -> bool {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_some_and(|before| now + TOLERANCE < before)
    }
}

impl Writer {
    /// Ends waits that were measured by a clock that has run back since.
    pub(super) async fn watch_clock(&self, watch: &ClockWatch) -> Result<(), StoreError> {
        if !watch.has_run_back(self.clock.now()) {
            return Ok(());
        }
        tracing::warn!("the clock ran back; what waited for a time that it had reached before is due again");
        self.store.clock_ran_back(LEASE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_back_is_noticed_and_once() {
        let second = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let watch = ClockWatch::default();
        let seen = [10, 11, 5000, 4999, 10, 11].map(|at| watch.has_run_back(second(at)));
        assert_eq!(seen, [false, false, false, false, true, false]);
    }
}
