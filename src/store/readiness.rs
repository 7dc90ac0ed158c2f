//! Whether the database can be written, found out by writing: a full disk, and files that became read-only, let a
//! transaction begin and fail it at its end.
//!
//! Guarantees:
//! - one probe at a time in a process: whoever asks meanwhile waits for its turn, and one that is stuck keeps no more
//!   than its own connection;
//! - one write a second at most, however often anybody asks;
//! - processes on one database never wait for each other: each probe writes a row of its own, and leaves none.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::database::{Sql, execute, fetch_one};
use super::transaction::{Transaction, in_its_own_task};
use super::{Store, StoreError};

/// For how long a write that succeeded proves that the next one would.
const PROVES_FOR: Duration = Duration::from_secs(1);

/// When a probe last wrote. Whoever probes holds it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Readiness(Arc<Mutex<Option<Instant>>>);

impl Store {
    /// Makes sure that the database reads and writes, by doing both; a write within the last second counts.
    ///
    /// # Errors
    /// It does not answer, or takes no writes: a replica, a full disk, files that may not be written.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut last_written = Arc::clone(&self.readiness.0).lock_owned().await;
        let store = self.clone();
        // The turn goes with the task: nobody else begins before it has ended, even if who asked is gone.
        in_its_own_task(async move {
            store.schema_version().await?;
            if last_written.is_none_or(|written| written.elapsed() >= PROVES_FOR) {
                store.write(|tx| async move { tx.write_and_take_back().await }.boxed()).await?;
                *last_written = Some(Instant::now());
            }
            Ok(())
        })
        .await
    }
}

impl Transaction {
    /// A rollback would leave nothing to be written: the row comes and goes, and the commit has to reach the disk.
    async fn write_and_take_back(&mut self) -> Result<(), StoreError> {
        let (accepts_writes,) = fetch_one!(self, (i64,), ACCEPTS_WRITES)?;
        if accepts_writes != 1 {
            return Err(StoreError::ReadOnly);
        }
        let id = hex::encode(self.entropy.bytes::<16>());
        let now = self.clock.now().as_millis();
        execute!(self, "INSERT INTO write_probes (id, written_at) VALUES ($1, $2)", &id, now)?;
        execute!(self, "DELETE FROM write_probes WHERE id = $1", &id)?;
        Ok(())
    }
}

/// On SQLite the transaction that asks has begun to write already.
const ACCEPTS_WRITES: Sql = Sql {
    sqlite: "SELECT 1",
    postgres: "SELECT CAST(CASE current_setting('transaction_read_only') WHEN 'off' THEN 1 ELSE 0 END AS BIGINT)",
};
