//! When ended windows are looked for: not more often than one can have ended, unless somebody asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Writer;
use super::driver::Woken;
use crate::domain::clock::Timestamp;
use crate::domain::window::WindowLength;
use crate::store::StoreError;

const AFTER_A_FAILURE: Duration = Duration::from_secs(10);

/// When to look next; never has anybody looked, at first.
#[derive(Debug, Default)]
pub(super) struct SealTimer(Mutex<Option<Timestamp>>);

impl SealTimer {
    /// A time further away than a minute was set before the clock ran back.
    fn is_due(&self, now: Timestamp) -> bool {
        let next = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        next.is_none_or(|next| next <= now || next > now + WindowLength::SHORTEST.duration())
    }

    fn set(&self, next: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl Writer {
    /// Seals what is due.
    pub(super) async fn seal(&self, timer: &SealTimer, woken: Woken) -> Result<(), StoreError> {
        if woken == Woken::ByTick && !timer.is_due(self.clock.now()) {
            return Ok(());
        }
        // What fails is looked for again after a while: one organization's rows must not keep all others' busy.
        timer.set(Some(self.clock.now() + AFTER_A_FAILURE));
        timer.set(Some(self.store.seal(self.settings.seal_spread).await?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_at_first_at_its_time_and_when_the_clock_ran_back() {
        let second = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let timer = SealTimer::default();
        assert!(timer.is_due(second(3610)));
        timer.set(Some(second(3620)));
        assert!(!timer.is_due(second(3619)));
        assert!(timer.is_due(second(3620)));
        assert!(timer.is_due(second(20)), "an hour before");
    }
}
