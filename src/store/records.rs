//! Records sent by producers, and reading records back for a delivery.

use std::collections::{BTreeMap, HashMap};

use futures::FutureExt;

use super::database::{fetch_all, fetch_optional};
use super::transaction::{Entry, LockedOrganization, Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::credential::ProducerName;
use crate::domain::id::{OrganizationId, RecordId};
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

impl Transaction {
    pub(super) async fn ingest(
        &mut self,
        producer: &ProducerName,
        submitted: Vec<SubmittedRecord>,
    ) -> Result<Ingested, IngestError> {
        let mut locked = self.lock_named_organizations(&submitted).await?;
        let mut in_this_request = HashMap::new();
        let mut ingested = Ingested::default();
        for (index, record) in submitted.into_iter().enumerate() {
            let organization = locked
                .get_mut(&record.organization_id())
                .ok_or(IngestError::UnknownOrganization { index })?;
            let digest = record.digest();
            if let Some(id) = record.id() {
                let key = (organization.organization.id, id);
                let earlier = match in_this_request.insert(key, digest) {
                    Some(digest) => Some(Some(digest)),
                    None => self.stored_digest(key.0, id).await?,
                };
                match earlier {
                    None => {}
                    Some(Some(stored)) if stored == digest => {
                        ingested.duplicates += 1;
                        continue;
                    }
                    Some(_) => return Err(IngestError::Conflict { index }),
                }
            }
            self.append_submitted(producer, organization, record, digest).await?;
            ingested.accepted += 1;
        }
        for organization in locked.values() {
            self.save_totals(organization).await?;
        }
        Ok(ingested)
    }

    /// In id order, so that two requests never wait for each other.
    async fn lock_named_organizations(
        &mut self,
        submitted: &[SubmittedRecord],
    ) -> Result<BTreeMap<OrganizationId, LockedOrganization>, StoreError> {
        let mut ids: Vec<_> = submitted.iter().map(SubmittedRecord::organization_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut locked = BTreeMap::new();
        for id in ids {
            if let Some(organization) = self.lock_organization(id).await? {
                locked.insert(id, organization);
            }
        }
        Ok(locked)
    }

    /// The outer `None`: no record of this id. The inner: one that no producer sent.
    async fn stored_digest(
        &mut self,
        organization: OrganizationId,
        id: RecordId,
    ) -> Result<Option<Option<[u8; 32]>>, StoreError> {
        let row = fetch_optional!(
            self,
            (Option<Vec<u8>>,),
            "SELECT submission_digest FROM records WHERE organization_id = $1 AND record_id = $2",
            organization.to_string(),
            id.to_string()
        )?;
        Ok(row.map(|(digest,)| digest.and_then(|bytes| bytes.try_into().ok())))
    }

    async fn append_submitted(
        &mut self,
        producer: &ProducerName,
        organization: &mut LockedOrganization,
        record: SubmittedRecord,
        digest: [u8; 32],
    ) -> Result<(), StoreError> {
        let record_id = record.id().unwrap_or_else(|| RecordId::generate(&self.clock, &self.entropy));
        let name = organization.organization.name.clone();
        let line = record.complete(record_id, &name, self.clock.now()).to_line();
        let entry =
            Entry { record_id, line, producer: Some(producer.to_string()), submission_digest: Some(digest) };
        self.append(organization, entry).await?;
        Ok(())
    }
}
