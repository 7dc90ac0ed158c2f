//! Retention: what is old enough is forgotten, in short steps.
//!
//! Guarantees:
//! - a pending record is never deleted, nor one behind it: what is left of an organization's records is a run without
//!   a gap, up to the newest;
//! - the books stay: sequences, running totals and what has been sealed are kept beside the records, so that nothing
//!   that is deleted is counted again;
//! - a step deletes a bounded number of rows and bytes in a transaction of its own: an append waits for one at most.
//!
//! No row is held while a step looks for what is pending: what has been delivered, discarded or has expired never
//! becomes pending again, and what is new is not old.

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::database::{Sql, execute, execute_each, fetch_all, fetch_one, fetch_optional};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::days::Days;

/// What one step deletes at most, of records.
const RECORDS_A_STEP: i64 = 1000;
/// Deleting a large record means walking all of its pages: a step of those is shorter.
const BYTES_A_STEP: i64 = 4 * 1024 * 1024;
/// Deliveries go with their tries, of which one that failed for weeks has many.
pub(super) const DELIVERIES_A_STEP: i64 = 50;
const CHECKS_A_STEP: i64 = 500;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Records.
    pub records: u64,
    /// Batches that had been delivered, discarded or had expired, with their tries.
    pub deliveries: u64,
    /// Access checks that had ended.
    pub checks: u64,
}

impl Store {
    /// Forgets what is older than `kept_for`: records that are not pending, by when they were stored; deliveries and
    /// access checks, by when they ended, except each organization's newest delivered file and newest check. Then gives
    /// the space back, where the engine does not do so by itself. Ends between two steps once it is to stop.
    ///
    /// # Errors
    /// The store failed; what was forgotten before that stays forgotten.
    pub async fn retire(&self, kept_for: Days, stop: &CancellationToken) -> Result<Retired, StoreError> {
        let before = self.shared_now().await? - kept_for.span();
        let mut retired = Retired::default();
        for (organization,) in self.organizations_with_records_of_before(before).await? {
            while !stop.is_cancelled() {
                match self.forget_records(organization.clone(), before).await? {
                    0 => break,
                    records => retired.records += records,
                }
            }
        }
        while !stop.is_cancelled() {
            match self.forget_deliveries(before).await? {
                0 => break,
                deliveries => retired.deliveries += deliveries,
            }
        }
        while !stop.is_cancelled() {
            match self.forget_checks(before).await? {
                0 => break,
                checks => retired.checks += checks,
            }
        }
        self.database.give_space_back(stop).await?;
        Ok(retired)
    }

    /// By the clock that stamped the records: a process whose own clock is far ahead must not forget what is young.
    pub(super) async fn shared_now(&self) -> Result<Timestamp, StoreError> {
        let (there,) =
            self.read(|tx| async move { fetch_one!(tx, (Option<i64>,), DATABASE_TIME) }.boxed()).await?;
        Ok(there.map_or_else(|| self.clock.now(), |there| self.clock.at(Timestamp::from_millis(there))))
    }

    /// Sequence order is the order of time: an organization's first record is its oldest.
    async fn organizations_with_records_of_before(
        &self,
        before: Timestamp,
    ) -> Result<Vec<(String,)>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (String,),
                    "SELECT o.id FROM organizations o
                     WHERE (SELECT record.recorded_at FROM records record WHERE record.organization_id = o.id
                            ORDER BY record.sequence LIMIT 1) < $1
                     ORDER BY o.id",
                    before.as_millis()
                )
            }
            .boxed()
        })
        .await
    }

    pub(super) async fn forget_records(
        &self,
        organization: String,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        self.write(move |tx| async move { tx.forget_records(&organization, before).await }.boxed()).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tx| async move { tx.forget_deliveries(before).await }.boxed()).await
    }

    async fn forget_checks(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tx| {
            async move { execute!(tx, FORGET_CHECKS, before.as_millis(), CHECKS_A_STEP) }.boxed()
        })
        .await
    }
}

/// The database's own time, where it is the clock of several processes.
const DATABASE_TIME: Sql = Sql {
    sqlite: "SELECT NULL",
    postgres: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
};

/// On PostgreSQL, what another writer is just forgetting is left to it.
const FORGET_RECORDS: Sql = Sql {
    sqlite: "DELETE FROM records WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3",
    postgres: "DELETE FROM records WHERE organization_id = $1 AND sequence IN (
                   SELECT sequence FROM records WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3
                   FOR UPDATE SKIP LOCKED
               )",
};

macro_rules! old_deliveries {
    ($lock:literal) => {
        concat!(
            "SELECT old.id FROM batches old
             WHERE old.finished_at < $1
               AND (old.state != 'delivered'
                    OR EXISTS (SELECT 1 FROM batches newer
                               WHERE newer.organization_id = old.organization_id AND newer.state = 'delivered'
                                 AND newer.first_sequence > old.first_sequence))
             ORDER BY old.finished_at LIMIT $2",
            $lock
        )
    };
}

/// All but each organization's newest delivered file, which its page goes on showing.
const OLD_DELIVERIES: Sql =
    Sql { sqlite: old_deliveries!(""), postgres: old_deliveries!(" FOR UPDATE SKIP LOCKED") };

const FORGET_ATTEMPTS: Sql = Sql {
    sqlite: "DELETE FROM delivery_attempts WHERE batch_id = $1",
    postgres: "DELETE FROM delivery_attempts WHERE batch_id = ANY($1::text[])",
};

const FORGET_BATCHES: Sql = Sql {
    sqlite: "DELETE FROM batches WHERE id = $1",
    postgres: "DELETE FROM batches WHERE id = ANY($1::text[])",
};

macro_rules! forget_checks {
    ($rest:literal) => {
        concat!(
            "DELETE FROM access_checks WHERE id IN (
                 SELECT old.id FROM access_checks old
                 WHERE old.finished_at < $1
                   AND EXISTS (SELECT 1 FROM access_checks newer
                               WHERE newer.organization_id = old.organization_id
                                 AND (newer.asked_at, newer.id) > (old.asked_at, old.id))
                 ORDER BY old.finished_at LIMIT $2",
            $rest
        )
    };
}

/// All but each organization's newest, which its page goes on showing.
const FORGET_CHECKS: Sql =
    Sql { sqlite: forget_checks!(")"), postgres: forget_checks!(" FOR UPDATE SKIP LOCKED)") };

impl Transaction {
    /// Deletes the oldest records of an organization, up to the first that is pending or younger. Gives how many.
    async fn forget_records(&mut self, organization: &str, before: Timestamp) -> Result<u64, StoreError> {
        let Some((oldest, running)) = fetch_optional!(
            self,
            (i64, i64),
            "SELECT sequence, running_bytes FROM records WHERE organization_id = $1 ORDER BY sequence LIMIT 1",
            organization
        )?
        else {
            return Ok(0);
        };
        let pending = self.first_pending(organization).await?.unwrap_or(i64::MAX);
        let furthest = (oldest + RECORDS_A_STEP).min(pending) - 1;
        let (last,) = fetch_one!(
            self,
            (Option<i64>,),
            "SELECT MAX(sequence) FROM records
             WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3 AND recorded_at < $4 AND running_bytes <= $5",
            organization,
            oldest,
            furthest,
            before.as_millis(),
            running.saturating_add(BYTES_A_STEP)
        )?;
        match last {
            Some(last) => {
                self.forget_terms(organization, oldest, last).await?;
                execute!(self, FORGET_RECORDS, organization, oldest, last)
            }
            None => Ok(0),
        }
    }

    /// Pending is what waits in a batch, and of each collection range what is in no batch yet.
    async fn first_pending(&mut self, organization: &str) -> Result<Option<i64>, StoreError> {
        let (first,) = fetch_one!(
            self,
            (Option<i64>,),
            "SELECT MIN(first_sequence)
             FROM (
                 SELECT MIN(first_sequence) AS first_sequence FROM batches
                  WHERE organization_id = $1 AND state = 'sealed'
                 UNION ALL
                 SELECT CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                             ELSE i.sealed_through + 1 END
                   FROM collection_ranges r
                   JOIN integrations i ON i.organization_id = r.organization_id
                  WHERE r.organization_id = $1 AND r.discarded_from IS NULL
                    AND (r.last_sequence IS NULL OR r.last_sequence > i.sealed_through)
             ) AS pending",
            organization
        )?;
        Ok(first)
    }

    async fn forget_deliveries(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let old = fetch_all!(self, (String,), OLD_DELIVERIES, before.as_millis(), DELIVERIES_A_STEP)?;
        self.forget_batches(&old).await
    }

    /// Deletes batches with their tries.
    pub(super) async fn forget_batches(&mut self, batches: &[(String,)]) -> Result<u64, StoreError> {
        execute_each!(self, batches, FORGET_ATTEMPTS, |batch| batch.0.as_str())?;
        execute_each!(self, batches, FORGET_BATCHES, |batch| batch.0.as_str())?;
        Ok(batches.len() as u64)
    }
}
