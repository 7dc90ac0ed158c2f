//! Records sent by producers, and reading records back for a delivery.

use futures::FutureExt;
use tokio::time::Instant;

use super::database::fetch_all;
use super::transaction::sequence;
use super::{Store, StoreError};
use crate::domain::credential::ProducerName;
use crate::domain::id::OrganizationId;
use crate::domain::record::RecordLine;
use crate::domain::sequence::Sequence;
use crate::domain::submission::SubmittedRecord;
use crate::metrics::StoreOperation;

/// What became of a request of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Records stored by this request.
    pub accepted: usize,
    /// Records that were there already with the same content.
    pub duplicates: usize,
}

/// Why a request of a producer was not stored. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The record at this index names an organization that does not exist.
    #[error("record {index} names an organization that does not exist")]
    UnknownOrganization {
        /// Its place in the request, from 0.
        index: usize,
    },
    /// The record at this index has the id of a stored one with other content.
    #[error("record {index} has the id of a stored record with other content")]
    Conflict {
        /// Its place in the request, from 0.
        index: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// At most so many records.
    pub records: u32,
    /// At most so many bytes of them.
    pub bytes: u32,
}

/// A record as stored, in its place.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// Its place in the organization.
    pub sequence: Sequence,
    /// Its JSON as it is delivered.
    pub line: RecordLine,
}

impl Store {
    /// Stores what a producer sent, all of it or nothing. Once this gives `Ok`, the records are durable.
    pub async fn ingest(
        &self,
        producer: ProducerName,
        submitted: Vec<SubmittedRecord>,
    ) -> Result<Ingested, IngestError> {
        let begun = Instant::now();
        let stored = self.ingestion.store(producer, submitted).await;
        self.metrics.took(StoreOperation::Append, begun.elapsed());
        stored
    }

    /// An organization's newest records, the newest first.
    pub async fn newest_lines(
        &self,
        organization: OrganizationId,
        most: u32,
    ) -> Result<Vec<StoredLine>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (i64, String),
                    "SELECT sequence, line FROM records WHERE organization_id = $1 ORDER BY sequence DESC LIMIT $2",
                    organization.to_string(),
                    i64::from(most)
                )?
                .into_iter()
                .map(stored_line)
                .collect()
            }
            .boxed()
        })
        .await
    }

    /// The records from `first` to `last`, in order, as many as a page holds; one in any case.
    pub async fn lines(
        &self,
        organization: OrganizationId,
        first: Sequence,
        last: Sequence,
        page: Page,
    ) -> Result<Vec<StoredLine>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (i64, String),
                    "SELECT sequence, line FROM records
                     WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3
                       AND (sequence = $2 OR running_bytes <= $5 + (
                           SELECT f.running_bytes - f.bytes FROM records f
                           WHERE f.organization_id = $1 AND f.sequence = $2))
                     ORDER BY sequence LIMIT $4",
                    organization.to_string(),
                    first.get(),
                    last.get(),
                    i64::from(page.records),
                    i64::from(page.bytes)
                )?
                .into_iter()
                .map(stored_line)
                .collect()
            }
            .boxed()
        })
        .await
    }
}

fn stored_line((number, line): (i64, String)) -> Result<StoredLine, StoreError> {
    Ok(StoredLine { sequence: sequence("records.sequence", number)?, line: RecordLine::from_stored(line) })
}
