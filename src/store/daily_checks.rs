//! The access check that nobody asks for, once a day while audit logs are active.
//!
//! Guarantees:
//! - each is made once, however many writers there are, and none while somebody's own check is open;
//! - it is recorded like any other; a row of it stays only when it failed, until the next;
//! - it changes no settings, and no delivery waits for it.

use std::time::Duration;

use futures::FutureExt;

use super::access_checks::{Asked, CheckRow, select_check};
use super::check_runs::{ClaimedCheck, SILENCE_BEFORE_TAKEOVER};
use super::database::{Sql, execute, fetch_one, fetch_optional, parse};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::access_check::{Purpose, next_daily_check};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::error_chain::ErrorChain;
use crate::domain::id::OrganizationId;

/// A file that landed so recently proves what the test object would.
const DELIVERY_PROVES_FOR: Duration = Duration::from_secs(24 * 60 * 60);

const HOLD_A_SILENT_DAILY_CHECK: Sql = Sql {
    sqlite: select_check!(
        "WHERE state IN ('waiting', 'running') AND daily = 1 AND (state = 'waiting' OR seen_at < $1)
         ORDER BY asked_at, id LIMIT 1"
    ),
    postgres: select_check!(
        "WHERE state IN ('waiting', 'running') AND daily = 1 AND (state = 'waiting' OR seen_at < $1)
         ORDER BY asked_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
    ),
};

impl Store {
    /// Takes a daily check: one whose writer has gone silent, else that of the organization whose has been due longest.
    pub async fn claim_daily_check(&self) -> Result<Option<ClaimedCheck>, StoreError> {
        // There rarely is one: looking takes no write.
        if !self.read(|tx| async move { tx.is_a_daily_check_due().await }.boxed()).await? {
            return Ok(None);
        }
        self.write(|tx| async move { tx.claim_daily_check().await }.boxed()).await
    }
}

impl Transaction {
    async fn is_a_daily_check_due(&mut self) -> Result<bool, StoreError> {
        let (open,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM access_checks
             WHERE state IN ('waiting', 'running') AND daily = 1 AND (state = 'waiting' OR seen_at < $1)",
            (self.clock.wall() - SILENCE_BEFORE_TAKEOVER).as_millis()
        )?;
        Ok(open > 0 || self.due_longest().await?.is_some())
    }

    async fn due_longest(&mut self) -> Result<Option<OrganizationId>, StoreError> {
        let due = fetch_optional!(
            self,
            (String,),
            "SELECT organization_id FROM integrations
             WHERE next_check_at <= $1 AND active = 1 AND suspended = 0
             ORDER BY next_check_at, organization_id LIMIT 1",
            self.clock.now().as_millis()
        )?;
        due.map(|(id,)| parse("integrations.organization_id", &id)).transpose()
    }

    async fn claim_daily_check(&mut self) -> Result<Option<ClaimedCheck>, StoreError> {
        let silent_since = (self.clock.wall() - SILENCE_BEFORE_TAKEOVER).as_millis();
        while let Some(row) = fetch_optional!(self, CheckRow, HOLD_A_SILENT_DAILY_CHECK, silent_since)? {
            if let Some(claimed) = self.take_check(row).await? {
                return Ok(Some(claimed));
            }
        }
        while let Some(organization) = self.due_longest().await? {
            let locked = self.lock_organization(organization).await;
            self.hold_integration(organization).await?;
            if !self.note_daily_check(organization).await? {
                continue;
            }
            match self.begin_daily_check(locked).await {
                Ok(Some(row)) => {
                    if let Some(claimed) = self.take_check(row).await? {
                        return Ok(Some(claimed));
                    }
                }
                Ok(None) => {}
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(%organization, error = %ErrorChain(&error), "the daily access check could not be made");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Notes when the next is due. Gives `false` if another writer did so just now.
    async fn note_daily_check(&mut self, organization: OrganizationId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let noted = execute!(
            self,
            "UPDATE integrations SET next_check_at = $2 WHERE organization_id = $1 AND next_check_at <= $3",
            organization.to_string(),
            next_daily_check(organization, now).as_millis(),
            now.as_millis()
        )?;
        Ok(noted == 1)
    }

    async fn begin_daily_check(
        &mut self,
        locked: Result<Option<LockedOrganization>, StoreError>,
    ) -> Result<Option<CheckRow>, StoreError> {
        let Some(locked) = locked? else { return Ok(None) };
        let organization = locked.organization.id;
        let integration = self.integration(locked.organization).await?;
        let Some(settings) = integration.settings.filter(|_| integration.stop.is_none()) else {
            return Ok(None);
        };
        // Somebody's own check proves the same, or better settings.
        if self.held_open_check(organization).await?.is_some_and(|open| !open.daily) {
            return Ok(None);
        }
        self.forget_daily_checks(organization).await?;
        let caller = Caller::trailpost();
        let (daily, purpose, revision) = (true, Purpose::Test, integration.revision);
        let id =
            self.insert_check(Asked { caller: &caller, daily, organization, purpose, revision }, &settings);
        let id = id.await?;
        fetch_optional!(self, CheckRow, select_check!("WHERE id = $1"), id.to_string())
    }

    /// Takes the rows of an organization's daily checks away: what they say is over.
    pub(super) async fn forget_daily_checks(
        &mut self,
        organization: OrganizationId,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "DELETE FROM access_checks WHERE organization_id = $1 AND daily = 1",
            organization.to_string()
        )?;
        Ok(())
    }

    /// Whether a delivery proves what the test object would.
    pub(super) async fn has_delivered_lately(
        &mut self,
        organization: OrganizationId,
    ) -> Result<bool, StoreError> {
        let newest = fetch_optional!(
            self,
            (Option<i64>,),
            "SELECT finished_at FROM batches WHERE organization_id = $1 AND state = 'delivered'
             ORDER BY first_sequence DESC LIMIT 1",
            organization.to_string()
        )?;
        let since = self.clock.now() - DELIVERY_PROVES_FOR;
        Ok(newest.and_then(|(at,)| at).is_some_and(|at| Timestamp::from_millis(at) > since))
    }
}
