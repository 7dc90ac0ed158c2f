//! The memory that bodies of deliveries share, so that a process stays small whatever the backlog: many small batches
//! go out at once, large ones one after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Room for the largest batch and for small ones beside it.
const BYTES: u64 = 96 * 1024 * 1024;
const UNIT: u64 = 1024;
/// Who gets no room by then gives its turn back.
const WAIT: Duration = Duration::from_secs(60);

/// Room for bodies. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

/// Room that is taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory(Arc::new(Semaphore::new(units(BYTES) as usize)))
    }

    /// Waits for room for so many bytes; gives none if there is none for long. What is larger than all the room takes
    /// all of it.
    pub(super) async fn take(&self, bytes: u64) -> Option<Room> {
        let room = Arc::clone(&self.0).acquire_many_owned(units(bytes.min(BYTES)));
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
    async fn small_bodies_go_beside_a_large_one_and_a_second_large_one_waits() {
        const LARGE: u64 = 64 * 1024 * 1024;
        let memory = Memory::new();
        let large = memory.take(LARGE).await.unwrap();
        let small = memory.take(1000).await.unwrap();
        assert!(memory.take(LARGE).await.is_none(), "there is no room");
        drop(large);
        assert!(memory.take(LARGE).await.is_some());
        drop(small);
        assert!(memory.take(u64::MAX).await.is_some(), "all of it, and no more");
    }
}
