//! How deliveries stand: what is pending, and what was delivered last. All sizes are arithmetic on the running totals;
//! no record is read to know them.

use futures::FutureExt;

use super::database::{fetch_one, fetch_optional};
use super::delivery_history::DeliveryRow;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;

/// What is pending and what was last delivered.
#[derive(Clone, Debug, Default)]
pub struct DeliveryStatus {
    /// Records collected and not delivered yet.
    pub pending_records: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When the oldest record was stored that is not delivered yet.
    pub oldest_pending: Option<Timestamp>,
    /// When the oldest batch was sealed that is not delivered: how long records are held counts from here.
    pub held_since: Option<Timestamp>,
    /// The newest delivered file.
    pub last_delivery: Option<DeliveryRow>,
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
                    oldest_pending: tx.oldest_pending_of(organization).await?,
                    held_since: held_since.map(Timestamp::from_millis),
                    last_delivery: tx.last_delivery(organization).await?,
                })
            }
            .boxed()
        })
        .await
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

    async fn oldest_pending_of(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(pending) = self.pending(organization).await? else { return Ok(None) };
        let stored_at = fetch_optional!(
            self,
            (i64,),
            "SELECT recorded_at FROM records WHERE organization_id = $1 AND sequence = $2",
            organization.to_string(),
            pending.first.get()
        )?;
        Ok(stored_at.map(|(at,)| Timestamp::from_millis(at)))
    }
}
