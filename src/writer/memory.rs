//! The memory that bodies of deliveries share, so that a process stays small whatever the backlog: many small bodies at
//! once, and beside them one large one. A large one never waits: it would keep the small ones from their turn. Small
//! bodies of organizations whose deliveries fail have memory of their own: those that hang hold up no others. The one
//! large body may be anybody's: while it hangs, until its time is over, other large ones wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::store::Lane;

/// A body beyond this is large.
const LARGE: u64 = 8 * 1024 * 1024;
/// What small bodies share.
const HEALTHY_BYTES: u64 = 24 * 1024 * 1024;
/// What small bodies share of those whose deliveries fail.
const FAILING_BYTES: u64 = 8 * 1024 * 1024;
const UNIT: u64 = 1024;
/// Who gets no room by then gives its turn back.
const WAIT: Duration = Duration::from_secs(10);

/// Room for bodies. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    healthy: Arc<Semaphore>,
    failing: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// Room that is taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Memory {
    pub(super) fn new() -> Memory {
        let room = |bytes| Arc::new(Semaphore::new(units(bytes) as usize));
        Memory {
            healthy: room(HEALTHY_BYTES),
            failing: room(FAILING_BYTES),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// Room for so many bytes. Gives none if another large body is under way, or small ones hold everything for long.
    pub(super) async fn take(&self, lane: Lane, bytes: u64) -> Option<Room> {
        if bytes > LARGE {
            let permit = Arc::clone(&self.large).try_acquire_owned().ok()?;
            return Some(Room { _permit: permit });
        }
        let shared = match lane {
            Lane::Healthy => &self.healthy,
            Lane::Failing => &self.failing,
        };
        let room = Arc::clone(shared).acquire_many_owned(units(bytes));
        let permit = timeout(WAIT, room).await.ok()?;
        Some(Room { _permit: permit.expect("the semaphore is never closed") })
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_large_body_at_a_time_and_small_ones_beside_whoever_waits() {
        let memory = Memory::new();
        let large = memory.take(Lane::Healthy, 8 * LARGE).await.unwrap();
        assert!(memory.take(Lane::Healthy, LARGE + 1).await.is_none(), "a second large one does not wait");
        let small = memory.take(Lane::Healthy, 1000).await.unwrap();
        let _all_but_that = memory.take(Lane::Healthy, LARGE).await.unwrap();
        drop(large);
        assert!(memory.take(Lane::Failing, LARGE + 1).await.is_some());
        drop(small);
    }

    #[tokio::test(start_paused = true)]
    async fn small_bodies_wait_for_each_other_and_not_for_ever() {
        let memory = Memory::new();
        let held: Vec<_> =
            futures::future::join_all((0..HEALTHY_BYTES / LARGE).map(|_| memory.take(Lane::Healthy, LARGE)))
                .await;
        assert!(held.iter().all(Option::is_some));
        assert!(memory.take(Lane::Healthy, 1).await.is_none());
        assert!(memory.take(Lane::Failing, LARGE).await.is_some(), "the failing ones have room of their own");
        drop(held);
        assert!(memory.take(Lane::Healthy, 1).await.is_some());
    }
}
