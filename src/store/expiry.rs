//! Giving up what could not be delivered for as long as records are held.
//!
//! Guarantees:
//! - nothing expires without a try that failed after its time: a writer that was away for long tries first;
//! - the record that says so names the run, and is there if and only if the run has expired;
//! - the records themselves stay for as long as Activity keeps them.

use futures::FutureExt;

use super::database::{execute, fetch_one};
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::days::Days;
use crate::domain::event_catalog::{self, LeftOut};
use crate::domain::id::OrganizationId;

impl Store {
    /// Expires the batches of a failing organization that were sealed longer than `hold` ago. To be called after a try
    /// that failed. Gives the run that expired, if one did.
    pub async fn expire(
        &self,
        organization: OrganizationId,
        hold: Days,
    ) -> Result<Option<LeftOut>, StoreError> {
        let sealed_before = self.clock.now() - hold.span();
        let held_too_long =
            self.read(move |tx| async move { tx.held_too_long(organization, sealed_before).await }.boxed());
        if held_too_long.await?.is_none() {
            return Ok(None);
        }
        self.write(move |tx| async move { tx.expire(organization, sealed_before).await }.boxed()).await
    }
}

impl Transaction {
    async fn expire(
        &mut self,
        organization: OrganizationId,
        sealed_before: Timestamp,
    ) -> Result<Option<LeftOut>, StoreError> {
        let Some(mut locked) = self.lock_organization(organization).await? else { return Ok(None) };
        self.hold_integration(organization).await?;
        let Some(expired) = self.held_too_long(organization, sealed_before).await? else { return Ok(None) };
        execute!(
            self,
            "UPDATE batches SET state = 'expired', finished_at = $3
             WHERE organization_id = $1 AND state = 'sealed' AND first_sequence <= $2",
            organization.to_string(),
            expired.last.get(),
            self.clock.now().as_millis()
        )?;
        self.append_event(&mut locked, &Caller::trailpost(), event_catalog::expire_records(expired)).await?;
        execute!(
            self,
            "UPDATE integrations SET due_at = NULL
             WHERE organization_id = $1
               AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.organization_id = $1 AND b.state = 'sealed')",
            organization.to_string()
        )?;
        tracing::warn!(
            %organization,
            first = expired.first.get(),
            last = expired.last.get(),
            "records could not be delivered for as long as they are held: they have expired"
        );
        Ok(Some(expired))
    }

    /// The oldest batches up to the first that is not held too long, while deliveries fail and nobody is at one.
    async fn held_too_long(
        &mut self,
        organization: OrganizationId,
        sealed_before: Timestamp,
    ) -> Result<Option<LeftOut>, StoreError> {
        let (first, last, records) = fetch_one!(
            self,
            (Option<i64>, Option<i64>, i64),
            "SELECT MIN(b.first_sequence), MAX(b.last_sequence), CAST(COALESCE(SUM(b.records), 0) AS BIGINT)
             FROM batches b JOIN integrations i ON i.organization_id = b.organization_id
             WHERE b.organization_id = $1 AND b.state = 'sealed'
               AND b.first_sequence < COALESCE(
                       (SELECT MIN(younger.first_sequence) FROM batches younger
                        WHERE younger.organization_id = $1 AND younger.state = 'sealed' AND younger.sealed_at > $2),
                       b.first_sequence + 1)
               AND i.failing_since IS NOT NULL AND i.lease_owner IS NULL",
            organization.to_string(),
            sealed_before.as_millis()
        )?;
        match (first, last) {
            (Some(first), Some(last)) => Ok(Some(LeftOut {
                first: sequence("batches.first_sequence", first)?,
                last: sequence("batches.last_sequence", last)?,
                records: records.unsigned_abs(),
            })),
            _ => Ok(None),
        }
    }
}
