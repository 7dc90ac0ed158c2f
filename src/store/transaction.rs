//! Transactions, and the append that every one of them may end in.
//!
//! Guarantees:
//! - a transaction runs in a task of its own: a dropped request neither leaves one open nor half-applies one;
//! - it ends within a minute, also where the database has fallen silent;
//! - what a write returned `Ok` for is on the disk;
//! - a read sees one moment of the database, however many statements it runs;
//! - a change and its record commit together or not at all, because both are made here;
//! - sequences have no gap and recorded_at never runs back, because an append holds its organization's row.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::database::{Connection, Sql, execute, execute_each, fetch_optional, parse};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::{Clock, Entropy, Timestamp};
use crate::domain::event_catalog::EventDraft;
use crate::domain::id::{OrganizationId, RecordId};
use crate::domain::organization::{Organization, OrganizationName};
use crate::domain::record::RecordLine;
use crate::domain::sequence::Sequence;
use crate::metrics::StoreOperation;

/// Longer than anything that a server which is there lets a transaction wait for.
const TRANSACTION_WITHIN: Duration = Duration::from_secs(60);

/// An open transaction. Only the store's own files see it.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
}

impl Store {
    /// Runs `work` in one write transaction: committed if it returns `Ok`, rolled back otherwise.
    /// `work` may refuse with an error of its own.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let store = self.clone();
        let written = async move { store.run(store.database.begin_write().await?, work).await };
        let begun = Instant::now();
        let done = in_its_own_task(within(TRANSACTION_WITHIN, written)).await;
        self.metrics.took(StoreOperation::Write, begun.elapsed());
        done
    }

    /// Runs `work` in one read transaction.
    pub(super) async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let store = self.clone();
        let read = async move { store.run(store.database.begin_read().await?, work).await };
        let begun = Instant::now();
        let done = in_its_own_task(within(TRANSACTION_WITHIN, read)).await;
        self.metrics.took(StoreOperation::Read, begun.elapsed());
        done
    }

    async fn run<T, E, F>(&self, connection: Connection, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>>,
    {
        let mut transaction =
            Transaction { connection, clock: self.clock.clone(), entropy: self.entropy.clone() };
        match work(&mut transaction).await {
            Ok(value) => {
                transaction.connection.commit().await?;
                Ok(value)
            }
            Err(error) => {
                transaction.connection.roll_back().await;
                Err(error)
            }
        }
    }
}

/// Gives a transaction up that takes too long: PostgreSQL's own bounds are kept by the server, and a server that has
/// fallen silent keeps none.
pub(super) async fn within<T, E: From<StoreError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(StoreError::TimedOut(limit).into()))
}

pub(super) async fn in_its_own_task<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Interrupted(error).into()),
    }
}

/// An organization whose row this transaction holds: nobody else appends to it until the commit.
#[derive(Debug)]
pub(super) struct LockedOrganization {
    pub(super) organization: Organization,
    /// The sequence of the newest record; 0 before the first.
    pub(super) last_sequence: i64,
    last_recorded_at: Timestamp,
    total_bytes: i64,
    /// When the row was taken, by the clock that all processes on this database share.
    pub(super) taken_at: Timestamp,
    /// Since when nobody can enter it any more.
    pub(super) closed_at: Option<Timestamp>,
}

/// One record on its way into the books.
#[derive(Debug)]
pub(super) struct NewRecord {
    pub(super) record_id: RecordId,
    pub(super) line: RecordLine,
    pub(super) producer: Option<String>,
    pub(super) submission_digest: Option<[u8; 32]>,
}

/// A record with its place in the books.
#[derive(Debug)]
pub(super) struct Numbered {
    organization: OrganizationId,
    sequence: i64,
    recorded_at: Timestamp,
    bytes: i64,
    running_bytes: i64,
    new: NewRecord,
}

#[derive(sqlx::FromRow)]
struct OrganizationRow {
    id: String,
    name: String,
    plan: String,
    external_id: String,
    last_sequence: i64,
    last_recorded_at: i64,
    total_bytes: i64,
    closed_at: Option<i64>,
    /// The database's own time, where it is the clock of several processes.
    database_time: Option<i64>,
}

/// Takes an organization's row. On PostgreSQL the lock is the one that an UPDATE takes: rows that refer to the
/// organization may still be inserted, so that a delivery is never held up by an append, or the other way round. The
/// time is read outside of the part that waits for the lock: it is the moment at which the row was taken.
const LOCK_ORGANIZATION: Sql = Sql {
    sqlite: "SELECT id, name, plan, external_id, last_sequence, last_recorded_at, total_bytes, closed_at,
                    NULL AS database_time
             FROM organizations WHERE id = $1",
    postgres: "WITH held AS MATERIALIZED (
                   SELECT id, name, plan, external_id, last_sequence, last_recorded_at, total_bytes, closed_at
                   FROM organizations WHERE id = $1 FOR NO KEY UPDATE
               )
               SELECT held.*, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS database_time
               FROM held",
};

const INSERT_RECORD: Sql = Sql {
    sqlite: "INSERT INTO records (organization_id, sequence, record_id, recorded_at, bytes, running_bytes,
                                  producer, submission_digest, line)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    postgres: "INSERT INTO records (organization_id, sequence, record_id, recorded_at, bytes, running_bytes,
                                    producer, submission_digest, line)
               SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                    $7::text[], $8::bytea[], $9::text[])",
};

impl Transaction {
    /// Takes the organization's row for the rest of the transaction. Whoever takes several does so in id order, and
    /// before the row of an integration. One that is closed is there for nobody.
    pub(super) async fn lock_organization(
        &mut self,
        id: OrganizationId,
    ) -> Result<Option<LockedOrganization>, StoreError> {
        let locked = self.lock_organization_even_if_closed(id).await?;
        Ok(locked.filter(|locked| locked.closed_at.is_none()))
    }

    /// The same for what goes on after it was closed: sealing, and deleting what is left of it.
    pub(super) async fn lock_organization_even_if_closed(
        &mut self,
        id: OrganizationId,
    ) -> Result<Option<LockedOrganization>, StoreError> {
        let row = fetch_optional!(self, OrganizationRow, LOCK_ORGANIZATION, id.to_string())?;
        row.map(|row| row.locked(&self.clock)).transpose()
    }

    /// Appends what `caller` did. Gives the record's sequence.
    pub(super) async fn append_event(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        event: EventDraft,
    ) -> Result<Sequence, StoreError> {
        let numbered = self.number_event(locked, caller, event);
        let at = numbered.sequence;
        self.insert_records(&[numbered]).await?;
        self.save_totals(locked).await?;
        sequence("organizations.last_sequence", at)
    }

    /// Appends what `caller` did, all of it, in this order.
    pub(super) async fn append_events(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        events: Vec<EventDraft>,
    ) -> Result<(), StoreError> {
        let records: Vec<Numbered> =
            events.into_iter().map(|event| self.number_event(locked, caller, event)).collect();
        self.insert_records(&records).await?;
        self.save_totals(locked).await
    }

    fn number_event(&self, locked: &mut LockedOrganization, caller: &Caller, event: EventDraft) -> Numbered {
        let record_id = RecordId::generate(&self.clock, &self.entropy);
        let Organization { id, name, .. } = &locked.organization;
        let record = event.into_record(record_id, *id, name, caller, self.clock.now());
        locked.number(NewRecord {
            record_id,
            line: record.to_line(),
            producer: None,
            submission_digest: None,
        })
    }

    /// Inserts what was numbered. Whoever does this saves the totals before the commit.
    pub(super) async fn insert_records(&mut self, records: &[Numbered]) -> Result<(), StoreError> {
        execute_each!(
            self,
            records,
            INSERT_RECORD,
            |record| record.organization.to_string(),
            record.sequence,
            record.new.record_id.to_string(),
            record.recorded_at.as_millis(),
            record.bytes,
            record.running_bytes,
            record.new.producer.as_deref(),
            record.new.submission_digest.as_ref().map(<[u8; 32]>::as_slice),
            record.new.line.as_str(),
        )
    }

    /// Writes back what numbering moved forward.
    pub(super) async fn save_totals(&mut self, locked: &LockedOrganization) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE organizations SET last_sequence = $2, last_recorded_at = $3, total_bytes = $4 WHERE id = $1",
            locked.organization.id.to_string(),
            locked.last_sequence,
            locked.last_recorded_at.as_millis(),
            locked.total_bytes,
        )?;
        Ok(())
    }
}

impl LockedOrganization {
    /// Gives a record the next sequence, and a time that is not before the last record's.
    pub(super) fn number(&mut self, new: NewRecord) -> Numbered {
        let bytes = i64::try_from(new.line.len()).unwrap_or(i64::MAX);
        self.last_sequence += 1;
        self.last_recorded_at = self.taken_at.max(self.last_recorded_at);
        self.total_bytes += bytes;
        Numbered {
            organization: self.organization.id,
            sequence: self.last_sequence,
            recorded_at: self.last_recorded_at,
            bytes,
            running_bytes: self.total_bytes,
            new,
        }
    }
}

impl OrganizationRow {
    fn locked(self, clock: &Clock) -> Result<LockedOrganization, StoreError> {
        let database_time = self.database_time.map(Timestamp::from_millis);
        Ok(LockedOrganization {
            organization: Organization {
                id: parse("organizations.id", &self.id)?,
                name: OrganizationName::stored(&self.name),
                plan: parse("organizations.plan", &self.plan)?,
                external_id: parse("organizations.external_id", &self.external_id)?,
            },
            last_sequence: self.last_sequence,
            last_recorded_at: Timestamp::from_millis(self.last_recorded_at),
            total_bytes: self.total_bytes,
            closed_at: self.closed_at.map(Timestamp::from_millis),
            taken_at: database_time.map_or_else(|| clock.now(), |there| clock.at(there)),
        })
    }
}

/// A sequence out of a column.
pub(super) fn sequence(column: &'static str, number: i64) -> Result<Sequence, StoreError> {
    Sequence::new(number)
        .ok_or_else(|| StoreError::Corrupt { column, reason: format!("{number} is not a sequence") })
}
