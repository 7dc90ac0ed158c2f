//! How deliveries stand: what is pending, what was delivered, what was tried. All sizes are arithmetic on the
//! running totals; no record is read to know them.

use futures::FutureExt;

use super::database::{fetch_all, fetch_one, fetch_optional, parse};
use super::integrations::from_json;
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::failure::Failure;
use crate::domain::id::{BatchId, OrganizationId};
use crate::domain::sequence::Sequence;
use crate::domain::window::{Window, WindowLength};

/// What is pending and what was last delivered.
#[derive(Clone, Debug, Default)]
pub struct DeliveryStatus {
    /// Records collected and not delivered yet.
    pub pending_records: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When the oldest batch was sealed that is not delivered: how long records are held counts from here.
    pub held_since: Option<Timestamp>,
    /// The newest delivered file.
    pub last_delivery: Option<DeliveryRow>,
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
    /// Its tries, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
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

impl DeliveryRow {
    /// What the tries say of a file, whatever the books say of the batch: discarding is exact in the books, but a try
    /// that is under way then can't be called back.
    pub fn landing(&self) -> Landing {
        self.attempts.iter().map(DeliveryAttempt::landing).max().unwrap_or(Landing::No)
    }

    /// Whether a file of this try lies elsewhere than the batch was delivered to in the end, because the settings were
    /// updated meanwhile.
    pub fn stray(&self, attempt: &DeliveryAttempt) -> Landing {
        let went_to = (attempt.bucket.as_str(), attempt.object_key.as_str());
        let delivered = self.bucket.as_deref().zip(self.object_key.as_deref());
        if delivered.is_none_or(|delivered| delivered == went_to) { Landing::No } else { attempt.landing() }
    }
}

impl DeliveryAttempt {
    fn landing(&self) -> Landing {
        match (&self.failure, self.finished_at) {
            (Some(failure), _) if failure.leaves_the_write_open() => Landing::Maybe,
            (Some(_), _) => Landing::No,
            (None, None) => Landing::Maybe,
            (None, Some(_)) => Landing::Yes,
        }
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

/// Collected and in no batch yet, of the ranges that the condition picks (it begins with AND): per range, a difference
/// of two running totals.
macro_rules! unsealed_totals {
    ($condition:literal) => {
        concat!(
            "SELECT CAST(COALESCE(SUM(last.sequence - first.sequence + 1), 0) AS BIGINT),
                    CAST(COALESCE(SUM(last.running_bytes - first.running_bytes + first.bytes), 0) AS BIGINT)
             FROM collection_ranges r
             JOIN integrations i ON i.organization_id = r.organization_id
             JOIN organizations o ON o.id = r.organization_id
             JOIN records first ON first.organization_id = r.organization_id
              AND first.sequence = CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                                        ELSE i.sealed_through + 1 END
             JOIN records last ON last.organization_id = r.organization_id
              AND last.sequence = COALESCE(r.last_sequence, o.last_sequence)
             WHERE r.discarded_from IS NULL AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through ",
            $condition
        )
    };
}
pub(super) use unsealed_totals;

impl Store {
    /// What is pending and what was last delivered, as of now.
    pub async fn delivery_status(&self, organization: OrganizationId) -> Result<DeliveryStatus, StoreError> {
        self.read(move |tx| {
            async move {
                let (sealed_records, sealed_bytes, held_since) = tx.sealed_totals(organization).await?;
                let (unsealed_records, unsealed_bytes) = tx.unsealed_totals(organization).await?;
                Ok(DeliveryStatus {
                    pending_records: (sealed_records + unsealed_records).unsigned_abs(),
                    pending_bytes: (sealed_bytes + unsealed_bytes).unsigned_abs(),
                    held_since: held_since.map(Timestamp::from_millis),
                    last_delivery: tx.last_delivery(organization).await?,
                })
            }
            .boxed()
        })
        .await
    }

    /// The newest deliveries with their tries, newest first, at most `limit`.
    pub async fn deliveries(
        &self,
        organization: OrganizationId,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.read(move |tx| async move { tx.deliveries(organization, limit).await }.boxed()).await
    }
}

impl Transaction {
    async fn sealed_totals(
        &mut self,
        organization: OrganizationId,
    ) -> Result<(i64, i64, Option<i64>), StoreError> {
        fetch_one!(
            self,
            (i64, i64, Option<i64>),
            "SELECT CAST(COALESCE(SUM(records), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT), MIN(sealed_at)
             FROM batches WHERE organization_id = $1 AND state = 'sealed'",
            organization.to_string()
        )
    }

    async fn unsealed_totals(&mut self, organization: OrganizationId) -> Result<(i64, i64), StoreError> {
        fetch_one!(self, (i64, i64), unsealed_totals!("AND r.organization_id = $1"), organization.to_string())
    }

    async fn last_delivery(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        fetch_optional!(
            self,
            BatchRow,
            "SELECT id, window_start, window_minutes, first_sequence, last_sequence, records, bytes, state, finished_at,
                    bucket, object_key
             FROM batches WHERE organization_id = $1 AND state = 'delivered'
             ORDER BY first_sequence DESC LIMIT 1",
            organization.to_string()
        )?
        .map(DeliveryRow::try_from)
        .transpose()
    }

    async fn deliveries(
        &mut self,
        organization: OrganizationId,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut deliveries = fetch_all!(
            self,
            BatchRow,
            "SELECT id, window_start, window_minutes, first_sequence, last_sequence, records, bytes, state, finished_at,
                    bucket, object_key
             FROM batches WHERE organization_id = $1 ORDER BY first_sequence DESC LIMIT $2",
            organization.to_string(),
            i64::from(limit)
        )?
        .into_iter()
        .map(DeliveryRow::try_from)
        .collect::<Result<Vec<_>, _>>()?;
        let attempts = fetch_all!(
            self,
            AttemptRow,
            "SELECT a.batch_id, a.bucket, a.object_key, a.started_at, a.finished_at, a.result, a.failure, a.request_id
             FROM delivery_attempts a
             JOIN (SELECT id FROM batches WHERE organization_id = $1 ORDER BY first_sequence DESC LIMIT $2) AS shown
               ON shown.id = a.batch_id
             ORDER BY a.started_at, a.id",
            organization.to_string(),
            i64::from(limit)
        )?;
        for attempt in attempts {
            let batch: BatchId = parse("delivery_attempts.batch_id", &attempt.batch_id)?;
            if let Some(row) = deliveries.iter_mut().find(|row| row.id == batch) {
                row.attempts.push(attempt.try_into()?);
            }
        }
        Ok(deliveries)
    }
}
