//! Keeps the index of Activity up with the records: in small steps, with a pause after each, so that whoever appends
//! comes in between. Nobody waits for this: what is not indexed yet is found without it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Writer;
use crate::store::StoreError;

/// As long as a step takes, about: half of the time belongs to others, whatever the backlog.
const PAUSE: Duration = Duration::from_millis(20);
/// So many steps for some, and then it is the turn of the next.
const STEPS_A_TURN: usize = 20;

impl Writer {
    /// Indexes until nothing is left, or until it is to stop.
    pub(super) async fn index_activity(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while self.index_a_round(stop).await? && !stop.is_cancelled() {}
        Ok(())
    }

    /// Gives every organization a turn. Gives whether one needs another.
    async fn index_a_round(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let (mut last, mut is_left) = (None, false);
        loop {
            let mut behind = self.store.behind_in_activity(last).await?;
            let Some(furthest) = behind.last() else { return Ok(is_left) };
            last = Some(furthest.organization());
            for _ in 0..STEPS_A_TURN {
                if stop.is_cancelled() {
                    return Ok(false);
                }
                behind = self.store.index_activity(behind).await?;
                if behind.is_empty() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            is_left |= !behind.is_empty();
        }
    }
}
