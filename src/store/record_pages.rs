//! Records as somebody reads them: a page at a time, newest first or onwards, or one by its id.
//!
//! Guarantees:
//! - a page is bounded in bytes too, whatever its records weigh; it holds one record in any case;
//! - commit order is sequence order: whoever reads on from the last sequence they saw misses none.

use futures::FutureExt;

use super::database::{fetch_all, fetch_optional};
use super::listing::Listed;
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::{OrganizationId, RecordId};
use crate::domain::record::RecordLine;
use crate::domain::sequence::Sequence;

/// A record has at most 256 KiB: a page of small ones is full by their number, one of large ones by this.
const MOST_BYTES: i64 = 4 * 1024 * 1024;

/// Where a page of records begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsFrom {
    /// With the newest; older ones follow.
    Newest,
    /// With the newest before this sequence; older ones follow.
    Before(i64),
    /// With the first after this sequence; newer ones follow.
    After(i64),
}

/// A record in its place.
#[derive(Clone, Debug)]
pub struct ListedRecord {
    /// Its place in the organization.
    pub sequence: Sequence,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// Who sent it; none for what Trailpost itself records.
    pub producer: Option<String>,
    /// Its JSON as it is delivered.
    pub line: RecordLine,
}

#[derive(sqlx::FromRow)]
struct RecordRow {
    sequence: i64,
    recorded_at: i64,
    producer: Option<String>,
    line: String,
}

impl TryFrom<RecordRow> for ListedRecord {
    type Error = StoreError;

    fn try_from(row: RecordRow) -> Result<ListedRecord, StoreError> {
        Ok(ListedRecord {
            sequence: sequence("records.sequence", row.sequence)?,
            recorded_at: Timestamp::from_millis(row.recorded_at),
            producer: row.producer,
            line: RecordLine::from_stored(row.line),
        })
    }
}

impl Store {
    /// A page of an organization's records.
    pub async fn record_page(
        &self,
        organization: OrganizationId,
        from: RecordsFrom,
        limit: u32,
    ) -> Result<Listed<ListedRecord>, StoreError> {
        self.read(move |tx| async move { tx.record_page(organization, from, limit).await }.boxed()).await
    }

    /// The record of an organization with this id.
    pub async fn record(
        &self,
        organization: OrganizationId,
        id: RecordId,
    ) -> Result<Option<ListedRecord>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_optional!(
                    tx,
                    RecordRow,
                    "SELECT sequence, recorded_at, producer, line FROM records
                     WHERE organization_id = $1 AND record_id = $2",
                    organization.to_string(),
                    id.to_string()
                )?
                .map(ListedRecord::try_from)
                .transpose()
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    async fn record_page(
        &mut self,
        organization: OrganizationId,
        from: RecordsFrom,
        limit: u32,
    ) -> Result<Listed<ListedRecord>, StoreError> {
        let rows = match from {
            RecordsFrom::Newest => self.records_before(organization, i64::MAX, limit).await?,
            RecordsFrom::Before(sequence) => self.records_before(organization, sequence, limit).await?,
            RecordsFrom::After(sequence) => self.records_after(organization, sequence, limit).await?,
        };
        let items = rows.into_iter().map(ListedRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        let has_more = match items.last() {
            Some(last) => self.has_records_beyond(organization, from, last.sequence).await?,
            None => false,
        };
        Ok(Listed { items, has_more })
    }

    /// Sequences have no gap, so that nothing beyond the limit has to be looked at.
    async fn records_before(
        &mut self,
        organization: OrganizationId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        fetch_all!(
            self,
            RecordRow,
            "SELECT r.sequence, r.recorded_at, r.producer, r.line FROM records r
             JOIN (SELECT sequence, running_bytes FROM records
                   WHERE organization_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT 1) AS newest
               ON r.sequence > newest.sequence - $4
              AND (r.sequence = newest.sequence OR r.running_bytes - r.bytes >= newest.running_bytes - $3)
             WHERE r.organization_id = $1 AND r.sequence < $2
             ORDER BY r.sequence DESC LIMIT $4",
            organization.to_string(),
            before,
            MOST_BYTES,
            i64::from(limit)
        )
    }

    async fn records_after(
        &mut self,
        organization: OrganizationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        fetch_all!(
            self,
            RecordRow,
            "SELECT r.sequence, r.recorded_at, r.producer, r.line FROM records r
             JOIN (SELECT sequence, running_bytes - bytes AS bytes_before FROM records
                   WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 1) AS oldest
               ON r.sequence < oldest.sequence + $4
              AND (r.sequence = oldest.sequence OR r.running_bytes <= oldest.bytes_before + $3)
             WHERE r.organization_id = $1 AND r.sequence > $2
             ORDER BY r.sequence LIMIT $4",
            organization.to_string(),
            after,
            MOST_BYTES,
            i64::from(limit)
        )
    }

    async fn has_records_beyond(
        &mut self,
        organization: OrganizationId,
        from: RecordsFrom,
        last: Sequence,
    ) -> Result<bool, StoreError> {
        let organization = organization.to_string();
        let beyond = match from {
            RecordsFrom::Newest | RecordsFrom::Before(_) => fetch_optional!(
                self,
                (i64,),
                "SELECT sequence FROM records WHERE organization_id = $1 AND sequence < $2
                 ORDER BY sequence DESC LIMIT 1",
                organization,
                last.get()
            )?,
            RecordsFrom::After(_) => fetch_optional!(
                self,
                (i64,),
                "SELECT sequence FROM records WHERE organization_id = $1 AND sequence > $2
                 ORDER BY sequence LIMIT 1",
                organization,
                last.get()
            )?,
        };
        Ok(beyond.is_some())
    }
}
