//! The delivery history: every batch, what became of it, and what was tried; a page at a time.
//!
//! Guarantees:
//! - pages are cut at batches, not at counts: what arrives meanwhile moves nothing from one page to another;
//! - however often a batch was tried, a page reads a bounded number of tries, and what it says of files that may lie
//!   somewhere takes all of them into account.

use futures::FutureExt;

use super::database::{Sql, fetch_all, fetch_one, fetch_optional, parse};
use super::integrations::from_json;
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::failure::Failure;
use crate::domain::id::{BatchId, OrganizationId};
use crate::domain::sequence::Sequence;
use crate::domain::window::{Window, WindowLength};

/// Of a delivery that failed for weeks there are thousands; the newest tell what is the matter.
pub const MOST_ATTEMPTS: u32 = 20;

/// Where a page of the history begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryCursor {
    /// With the newest.
    #[default]
    Newest,
    /// With the newest before the batch that begins with this record.
    Before(Sequence),
    /// It ends with the oldest after the batch that begins with this record; with the newest if there are not enough.
    After(Sequence),
}

/// A page of the history, newest first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The batches.
    pub rows: Vec<DeliveryRow>,
    /// Where the next newer page is, if there is one.
    pub newer: Option<HistoryCursor>,
    /// Where the next older page is, if there is one.
    pub older: Option<HistoryCursor>,
}

/// A batch, for the delivery history.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: BatchId,
    /// The window its records were stored in.
    pub window: Window,
    /// The first record.
    pub first: Sequence,
    /// The last record.
    pub last: Sequence,
    /// How many records.
    pub records: u64,
    /// Bytes of records.
    pub bytes: u64,
    /// `sealed`, `delivered`, `discarded` or `expired`.
    pub state: BatchState,
    /// When it left the state `sealed`.
    pub finished_at: Option<Timestamp>,
    /// The bucket it was delivered to.
    pub bucket: Option<String>,
    /// The key it was delivered under.
    pub object_key: Option<String>,
    /// Its newest tries, [`MOST_ATTEMPTS`] at most, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
    /// How many tries there are in all.
    pub attempt_count: u64,
    /// What all of them came to.
    places: Vec<TriedPlace>,
}

/// An object that tries of a batch were to write, and whether they can have.
#[derive(Clone, Debug)]
struct TriedPlace {
    bucket: String,
    object_key: String,
    landing: Landing,
}

/// The states of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// To be delivered.
    Sealed,
    /// In the bucket.
    Delivered,
    /// Given up by disabling or removing.
    Discarded,
    /// Held for as long as records are held.
    Expired,
}

impl std::str::FromStr for BatchState {
    type Err = String;

    fn from_str(text: &str) -> Result<BatchState, String> {
        match text {
            "sealed" => Ok(BatchState::Sealed),
            "delivered" => Ok(BatchState::Delivered),
            "discarded" => Ok(BatchState::Discarded),
            "expired" => Ok(BatchState::Expired),
            other => Err(format!("“{other}” is not a state of a batch")),
        }
    }
}

/// One try of a delivery.
#[derive(Clone, Debug)]
pub struct DeliveryAttempt {
    /// Where it was to be written.
    pub bucket: String,
    /// Under which key.
    pub object_key: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; none while it is under way, or if its process died.
    pub finished_at: Option<Timestamp>,
    /// An earlier try had landed already.
    pub already_there: bool,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

#[derive(sqlx::FromRow)]
struct BatchRow {
    id: String,
    window_start: i64,
    window_minutes: i64,
    first_sequence: i64,
    last_sequence: i64,
    records: i64,
    bytes: i64,
    state: String,
    finished_at: Option<i64>,
    bucket: Option<String>,
    object_key: Option<String>,
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    batch_id: String,
    bucket: String,
    object_key: String,
    started_at: i64,
    finished_at: Option<i64>,
    result: String,
    failure: Option<String>,
    request_id: Option<String>,
}

/// Whether a file of a batch lies in a bucket, as far as its tries tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Landing {
    /// No try can have written one.
    No,
    /// A try was never answered, or not so that one could tell: its file may be there, or still appear.
    Maybe,
    /// A try was answered so.
    Yes,
}

impl Landing {
    fn of(failure: Option<&Failure>, answered: bool) -> Landing {
        match failure {
            Some(failure) if failure.leaves_the_write_open() => Landing::Maybe,
            Some(_) => Landing::No,
            None if answered => Landing::Yes,
            None => Landing::Maybe,
        }
    }
}

impl DeliveryRow {
    /// What the tries say of a file, whatever the books say of the batch: discarding is exact in the books, but a try
    /// that is under way then can't be called back.
    pub fn landing(&self) -> Landing {
        self.places.iter().map(|place| place.landing).max().unwrap_or(Landing::No)
    }

    /// Whether a file of any try lies elsewhere than the batch was delivered to.
    pub fn strays(&self) -> Landing {
        let strays = self.places.iter().filter(|place| self.is_elsewhere(&place.bucket, &place.object_key));
        strays.map(|place| place.landing).max().unwrap_or(Landing::No)
    }

    /// Whether a file of this try lies elsewhere than the batch was delivered to in the end, because the settings were
    /// updated meanwhile.
    pub fn stray(&self, attempt: &DeliveryAttempt) -> Landing {
        if self.is_elsewhere(&attempt.bucket, &attempt.object_key) { attempt.landing() } else { Landing::No }
    }

    fn is_elsewhere(&self, bucket: &str, object_key: &str) -> bool {
        let delivered = self.bucket.as_deref().zip(self.object_key.as_deref());
        delivered.is_some_and(|delivered| delivered != (bucket, object_key))
    }
}

impl DeliveryAttempt {
    fn landing(&self) -> Landing {
        Landing::of(self.failure.as_ref(), self.finished_at.is_some())
    }
}

impl TryFrom<BatchRow> for DeliveryRow {
    type Error = StoreError;

    fn try_from(row: BatchRow) -> Result<DeliveryRow, StoreError> {
        let length: WindowLength = parse("batches.window_minutes", &row.window_minutes.to_string())?;
        Ok(DeliveryRow {
            id: parse("batches.id", &row.id)?,
            window: Window::containing(Timestamp::from_millis(row.window_start), length),
            first: sequence("batches.first_sequence", row.first_sequence)?,
            last: sequence("batches.last_sequence", row.last_sequence)?,
            records: row.records.unsigned_abs(),
            bytes: row.bytes.unsigned_abs(),
            state: parse("batches.state", &row.state)?,
            finished_at: row.finished_at.map(Timestamp::from_millis),
            bucket: row.bucket,
            object_key: row.object_key,
            attempts: Vec::new(),
            attempt_count: 0,
            places: Vec::new(),
        })
    }
}

impl TryFrom<AttemptRow> for DeliveryAttempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<DeliveryAttempt, StoreError> {
        Ok(DeliveryAttempt {
            bucket: row.bucket,
            object_key: row.object_key,
            started_at: Timestamp::from_millis(row.started_at),
            finished_at: row.finished_at.map(Timestamp::from_millis),
            already_there: row.result == "already_there",
            failure: row.failure.map(|json| from_json("delivery_attempts.failure", &json)).transpose()?,
            request_id: row.request_id,
        })
    }
}

/// What tries that went alike came to.
#[derive(sqlx::FromRow)]
struct TriesRow {
    batch_id: String,
    bucket: String,
    object_key: String,
    result: String,
    /// One of their failures: all have the same stage and cause.
    failure: Option<String>,
    attempts: i64,
}

impl TryFrom<&TriesRow> for TriedPlace {
    type Error = StoreError;

    fn try_from(row: &TriesRow) -> Result<TriedPlace, StoreError> {
        let failure =
            row.failure.as_deref().map(|json| from_json::<Failure>("delivery_attempts.failure", json));
        let failure = failure.transpose()?;
        Ok(TriedPlace {
            bucket: row.bucket.clone(),
            object_key: row.object_key.clone(),
            landing: Landing::of(failure.as_ref(), row.result != "unknown"),
        })
    }
}

/// Every column of a batch, before a WHERE.
macro_rules! select_batch {
    ($rest:literal) => {
        concat!(
            "SELECT id, window_start, window_minutes, first_sequence, last_sequence, records, bytes, state, finished_at,
                    bucket, object_key
             FROM batches ",
            $rest
        )
    };
}

/// Tries by what they came to.
const TRIES: Sql = Sql {
    sqlite:
        "SELECT a.batch_id, a.bucket, a.object_key, a.result, MIN(a.failure) AS failure, COUNT(*) AS attempts
             FROM batches b JOIN delivery_attempts a ON a.batch_id = b.id
             WHERE b.organization_id = $1 AND b.first_sequence BETWEEN $2 AND $3
             GROUP BY a.batch_id, a.bucket, a.object_key, a.result, json_extract(a.failure, '$.stage'),
                      json_extract(a.failure, '$.cause')",
    postgres:
        "SELECT a.batch_id, a.bucket, a.object_key, a.result, MIN(a.failure) AS failure, COUNT(*) AS attempts
               FROM batches b JOIN delivery_attempts a ON a.batch_id = b.id
               WHERE b.organization_id = $1 AND b.first_sequence BETWEEN $2 AND $3
               GROUP BY a.batch_id, a.bucket, a.object_key, a.result, CAST(a.failure AS json) ->> 'stage',
                        CAST(a.failure AS json) ->> 'cause'",
};

impl Store {
    /// The newest deliveries with their tries, newest first, at most `limit`.
    pub async fn deliveries(
        &self,
        organization: OrganizationId,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(self.delivery_history(organization, HistoryCursor::Newest, limit).await?.rows)
    }

    /// A delivery of an organization, with its tries.
    pub async fn delivery(
        &self,
        organization: OrganizationId,
        batch: BatchId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        self.read(move |tx| async move { tx.delivery(organization, batch).await }.boxed()).await
    }

    /// A page of the delivery history, of at most `limit` batches.
    pub async fn delivery_history(
        &self,
        organization: OrganizationId,
        cursor: HistoryCursor,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.read(move |tx| async move { tx.delivery_history(organization, cursor, limit).await }.boxed())
            .await
    }
}

impl Transaction {
    pub(super) async fn last_delivery(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        fetch_optional!(
            self,
            BatchRow,
            select_batch!(
                "WHERE organization_id = $1 AND state = 'delivered' ORDER BY first_sequence DESC LIMIT 1"
            ),
            organization.to_string()
        )?
        .map(DeliveryRow::try_from)
        .transpose()
    }

    async fn delivery(
        &mut self,
        organization: OrganizationId,
        batch: BatchId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let found = fetch_optional!(
            self,
            BatchRow,
            select_batch!("WHERE organization_id = $1 AND id = $2"),
            organization.to_string(),
            batch.to_string()
        )?;
        let Some(row) = found.map(DeliveryRow::try_from).transpose()? else { return Ok(None) };
        let (first, mut rows) = (row.first, vec![row]);
        self.add_attempts(organization, first, first, &mut rows).await?;
        self.add_places(organization, first, first, &mut rows).await?;
        Ok(rows.pop())
    }

    async fn delivery_history(
        &mut self,
        organization: OrganizationId,
        cursor: HistoryCursor,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        let mut rows = self.batches_at(organization, cursor, limit).await?;
        if matches!(cursor, HistoryCursor::After(_)) && rows.len() < limit as usize {
            rows = self.batches_at(organization, HistoryCursor::Newest, limit).await?;
        }
        let (Some(newest), Some(oldest)) =
            (rows.first().map(|row| row.first), rows.last().map(|row| row.first))
        else {
            return Ok(HistoryPage { rows, newer: self.way_back(organization, cursor).await?, older: None });
        };
        self.add_attempts(organization, oldest, newest, &mut rows).await?;
        self.add_places(organization, oldest, newest, &mut rows).await?;
        let (newer, older) = self.beside(organization, oldest, newest).await?;
        Ok(HistoryPage {
            rows,
            newer: newer.then_some(HistoryCursor::After(newest)),
            older: older.then_some(HistoryCursor::Before(oldest)),
        })
    }

    /// From a page behind the oldest batch that is still there.
    async fn way_back(
        &mut self,
        organization: OrganizationId,
        cursor: HistoryCursor,
    ) -> Result<Option<HistoryCursor>, StoreError> {
        let any = cursor != HistoryCursor::Newest
            && !self.batches_at(organization, HistoryCursor::Newest, 1).await?.is_empty();
        Ok(any.then_some(HistoryCursor::Newest))
    }

    /// Newest first, without their tries.
    async fn batches_at(
        &mut self,
        organization: OrganizationId,
        cursor: HistoryCursor,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let (organization, limit) = (organization.to_string(), i64::from(limit));
        let mut rows = match cursor {
            HistoryCursor::Newest => fetch_all!(
                self,
                BatchRow,
                select_batch!("WHERE organization_id = $1 ORDER BY first_sequence DESC LIMIT $2"),
                organization,
                limit
            )?,
            HistoryCursor::Before(sequence) => fetch_all!(
                self,
                BatchRow,
                select_batch!(
                    "WHERE organization_id = $1 AND first_sequence < $2 ORDER BY first_sequence DESC LIMIT $3"
                ),
                organization,
                sequence.get(),
                limit
            )?,
            HistoryCursor::After(sequence) => fetch_all!(
                self,
                BatchRow,
                select_batch!(
                    "WHERE organization_id = $1 AND first_sequence > $2 ORDER BY first_sequence LIMIT $3"
                ),
                organization,
                sequence.get(),
                limit
            )?,
        };
        if matches!(cursor, HistoryCursor::After(_)) {
            rows.reverse();
        }
        rows.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// Whether there are newer batches, and older ones.
    async fn beside(
        &mut self,
        organization: OrganizationId,
        oldest: Sequence,
        newest: Sequence,
    ) -> Result<(bool, bool), StoreError> {
        let (first, last) = fetch_one!(
            self,
            (i64, i64),
            "SELECT (SELECT MIN(first_sequence) FROM batches WHERE organization_id = $1),
                    (SELECT MAX(first_sequence) FROM batches WHERE organization_id = $1)",
            organization.to_string()
        )?;
        Ok((last > newest.get(), first < oldest.get()))
    }

    async fn add_attempts(
        &mut self,
        organization: OrganizationId,
        oldest: Sequence,
        newest: Sequence,
        rows: &mut [DeliveryRow],
    ) -> Result<(), StoreError> {
        let attempts = fetch_all!(
            self,
            AttemptRow,
            "SELECT batch_id, bucket, object_key, started_at, finished_at, result, failure, request_id
             FROM (
                 SELECT a.id, a.batch_id, a.bucket, a.object_key, a.started_at, a.finished_at, a.result, a.failure,
                        a.request_id,
                        ROW_NUMBER() OVER (PARTITION BY a.batch_id ORDER BY a.started_at DESC, a.id DESC) AS place
                 FROM batches b JOIN delivery_attempts a ON a.batch_id = b.id
                 WHERE b.organization_id = $1 AND b.first_sequence BETWEEN $2 AND $3
             ) AS tried
             WHERE place <= $4 ORDER BY started_at, id",
            organization.to_string(),
            oldest.get(),
            newest.get(),
            i64::from(MOST_ATTEMPTS)
        )?;
        for attempt in attempts {
            let batch: BatchId = parse("delivery_attempts.batch_id", &attempt.batch_id)?;
            if let Some(row) = rows.iter_mut().find(|row| row.id == batch) {
                row.attempts.push(attempt.try_into()?);
            }
        }
        Ok(())
    }

    async fn add_places(
        &mut self,
        organization: OrganizationId,
        oldest: Sequence,
        newest: Sequence,
        rows: &mut [DeliveryRow],
    ) -> Result<(), StoreError> {
        let tries = fetch_all!(self, TriesRow, TRIES, organization.to_string(), oldest.get(), newest.get())?;
        for tried in tries {
            let batch: BatchId = parse("delivery_attempts.batch_id", &tried.batch_id)?;
            if let Some(row) = rows.iter_mut().find(|row| row.id == batch) {
                row.attempt_count += tried.attempts.unsigned_abs();
                row.places.push((&tried).try_into()?);
            }
        }
        Ok(())
    }
}
