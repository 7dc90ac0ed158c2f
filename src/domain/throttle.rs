//! How failed sign-ins slow the next ones: a few are free, then each costs a longer wait. Nobody is ever locked
//! out: an owner whose address somebody else keeps trying waits a minute at most.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::user::EmailAddress;

/// After so long without a failure the count begins anew.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What failures are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    hash: [u8; 32],
    /// Failures that cost no wait.
    free: u32,
}

impl Subject {
    /// An account, whether it exists or not.
    pub fn account(email: &EmailAddress) -> Subject {
        Subject { hash: Sha256::digest(format!("account {email}")).into(), free: 5 }
    }

    /// An address. Many people may share one, so more is free.
    pub fn address(address: IpAddr) -> Subject {
        Subject { hash: Sha256::digest(format!("address {address}")).into(), free: 50 }
    }

    /// What it is stored under.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How long after `now` the next try is taken, given the failures in a row and the last of them.
    pub fn wait(&self, failures: u32, last: Timestamp, now: Timestamp) -> Duration {
        let Some(over) = failures.checked_sub(self.free) else { return Duration::ZERO };
        let whole = Duration::from_secs(1 << over.min(6)).min(LONGEST_WAIT);
        (last + whole).since(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account() -> Subject {
        Subject::account(&"owner@acme.example".parse().unwrap())
    }

    #[test]
    fn a_few_failures_are_free_and_then_the_wait_grows_to_a_minute() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let wait = |failures| account().wait(failures, now, now).as_secs();
        assert_eq!([0, 4, 5, 6, 7, 20].map(wait), [0, 0, 1, 2, 4, 60]);
        assert_eq!(account().wait(6, now, now + Duration::from_secs(2)), Duration::ZERO);
        assert_eq!(Subject::address([127, 0, 0, 1].into()).wait(49, now, now), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn nobody_is_locked_out(failures: u32, since in 0u64..100_000) {
            let last = Timestamp::from_millis(1_790_000_000_000);
            let now = last + Duration::from_millis(since);
            prop_assert!(account().wait(failures, last, now) <= LONGEST_WAIT);
        }
    }
}
