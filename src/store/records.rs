//! Records sent by producers, and reading records back for a delivery.

use futures::FutureExt;

use super::database::fetch_all;
use super::transaction::sequence;
use super::{Store, StoreError};
use crate::domain::credential::ProducerName;
use crate::domain::id::OrganizationId;
use crate::domain::record::RecordLine;
use crate::domain::sequence::Sequence;
use crate::domain::submission::SubmittedRecord;

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
        self.ingestion.store(producer, submitted).await
    }

    /// At most `limit` records from `first` to `last`, in order.
    pub async fn lines(
        &self,
        organization: OrganizationId,
        first: Sequence,
        last: Sequence,
        limit: u32,
    ) -> Result<Vec<StoredLine>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (i64, String),
                    "SELECT sequence, line FROM records
                     WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence LIMIT $4",
                    organization.to_string(),
                    first.get(),
                    last.get(),
                    i64::from(limit)
                )?
                .into_iter()
                .map(|(number, line)| {
                    Ok(StoredLine {
                        sequence: sequence("records.sequence", number)?,
                        line: RecordLine::from_stored(line),
                    })
                })
                .collect()
            }
            .boxed()
        })
        .await
    }
}
