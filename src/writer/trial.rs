//! For how long a stage of an access check is tried again. The minute is the product's clock's, so that whoever moves
//! the clock need not wait; a moved clock neither hurries nor holds up the tries themselves by more than one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::access_check::{TRIED_FOR, may_pass};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::failure::{Cause, Failure};

/// Between two tries: a minute of them is a dozen calls of STS, or two dozen where two are made each time.
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
/// How often the clock is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// The tries of one stage.
#[derive(Debug, Default)]
pub(super) struct Trial {
    until: Option<Timestamp>,
    let_in: bool,
}

impl Trial {
    /// Whether a failure is to be believed: it can't pass by itself, or it has not for a minute.
    pub(super) fn is_over(&mut self, failure: &Failure, now: Timestamp) -> bool {
        if !may_pass(failure) {
            return true;
        }
        // That a role lets anybody in is believed when that has lasted a minute, whatever failed before.
        if failure.cause == Cause::RoleTooOpen && !self.let_in {
            self.let_in = true;
            self.until = None;
        }
        now >= *self.until.get_or_insert(now + TRIED_FOR)
    }

    /// Returns when it is time for another try; the last one is made when the minute is over.
    pub(super) async fn wait_for_the_next_try(&self, clock: &Clock) {
        let (begun, next) = (Instant::now(), clock.now() + BETWEEN_TRIES);
        let next = self.until.map_or(next, |until| until.min(next));
        // A clock that stands still, or was turned back, holds up nobody for long.
        while clock.now() < next && begun.elapsed() < BETWEEN_TRIES {
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access_check::Stage;

    fn failed(stage: Stage, cause: Cause) -> Failure {
        Failure { stage, cause, aws: None }
    }

    #[test]
    fn a_denial_is_believed_after_a_minute_and_what_can_not_pass_at_once() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let denied = failed(Stage::AssumeRole, Cause::AssumeRoleDenied);
        let mut trial = Trial::default();
        assert!(!trial.is_over(&denied, clock.now()));
        clock.advance(TRIED_FOR - Duration::from_millis(1));
        assert!(!trial.is_over(&denied, clock.now()));
        clock.advance(Duration::from_millis(1));
        assert!(trial.is_over(&denied, clock.now()));
        for fresh in
            [Cause::RoleDoesNotAllow, Cause::BucketDoesNotAllow, Cause::KeyDeniedByRole, Cause::WriteDenied]
        {
            let mut trial = Trial::default();
            assert!(!trial.is_over(&failed(Stage::Write, fresh), clock.now()), "{fresh:?}");
        }
        let denied = failed(Stage::Write, Cause::RoleDenies);
        assert!(Trial::default().is_over(&denied, clock.now()));
        assert!(Trial::default().is_over(&failed(Stage::AssumeRole, Cause::OwnIdentityRefused), clock.now()));
    }

    #[test]
    fn being_let_in_has_to_last_a_minute_whatever_failed_before() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let stage = Stage::ExternalIdRequired;
        let (unclear, let_in) = (failed(stage, Cause::Throttled), failed(stage, Cause::RoleTooOpen));
        let mut trial = Trial::default();
        assert!(!trial.is_over(&unclear, clock.now()));
        clock.advance(TRIED_FOR - Duration::from_secs(1));
        assert!(!trial.is_over(&let_in, clock.now()));
        clock.advance(TRIED_FOR - Duration::from_secs(1));
        assert!(!trial.is_over(&let_in, clock.now()), "not yet a minute");
        assert!(!trial.is_over(&unclear, clock.now()));
        clock.advance(Duration::from_secs(1));
        assert!(trial.is_over(&let_in, clock.now()));
    }
}
