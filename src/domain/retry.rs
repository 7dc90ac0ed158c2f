//! How long to wait before the next try.

use std::time::Duration;

/// No failure waits longer, whatever AWS asks for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Which schedule a failure is on. Both grow by doubling, with jitter, so that a thousand organizations that
/// failed together don't come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetrySchedule {
    /// Passes by itself: 1 s growing to 5 min.
    Transient,
    /// Waits for the customer: 1 min growing to 1 h.
    Customer,
}

impl RetrySchedule {
    fn bounds(self) -> (Duration, Duration) {
        match self {
            RetrySchedule::Transient => (Duration::from_secs(1), Duration::from_secs(5 * 60)),
            RetrySchedule::Customer => (Duration::from_secs(60), LONGEST_WAIT),
        }
    }

    /// The wait after that many failures in a row (the first is 1). `fraction`, from 0 to 1, is the jitter: the
    /// wait lies between half and the whole of the doubled time.
    pub fn delay(self, failures: u32, fraction: f64) -> Duration {
        let (shortest, longest) = self.bounds();
        let doublings = failures.saturating_sub(1).min(16);
        let whole = shortest.saturating_mul(1 << doublings).min(longest);
        whole.mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_its_schedule(failures: u32, fraction in 0.0..1.0f64) {
            for schedule in [RetrySchedule::Transient, RetrySchedule::Customer] {
                let (shortest, longest) = schedule.bounds();
                let wait = schedule.delay(failures, fraction);
                prop_assert!(wait >= shortest / 2 && wait <= longest);
                prop_assert!(schedule.delay(failures.saturating_add(1), fraction) >= wait);
            }
        }
    }

    #[test]
    fn the_first_wait_is_short_and_the_last_is_the_bound() {
        assert_eq!(RetrySchedule::Transient.delay(1, 1.0), Duration::from_secs(1));
        assert_eq!(RetrySchedule::Transient.delay(40, 1.0), Duration::from_secs(300));
        assert_eq!(RetrySchedule::Customer.delay(40, 1.0), Duration::from_secs(3600));
    }
}
