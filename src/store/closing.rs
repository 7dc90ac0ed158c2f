//! Deleting an organization: it closes at once, and is gone once nothing of it is to be delivered any more.
//!
//! Guarantees:
//! - from the commit that closes it nobody enters it and nothing is added to it; its own last record says who closed it;
//! - what is pending is delivered, that record included, for as long as records are held;
//! - then every row of it is deleted, in steps that hold nobody up for long; a step that was not taken is taken later;
//! - two writers that delete at the same time do no harm to each other.

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::database::{Sql, execute, fetch_all, fetch_one, parse};
use super::retention::DELIVERIES_A_STEP;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::days::Days;
use crate::domain::error_chain::ErrorChain;
use crate::domain::event_catalog;
use crate::domain::id::OrganizationId;
use crate::domain::membership::Ability;
use crate::domain::organization::Organization;

/// Why an organization was not closed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CloseRefused {
    /// There is no such organization, or the user is no member of it.
    #[error("there is no organization with this ID")]
    NotFound,
    /// The user's role does not allow it.
    #[error("the role does not allow this")]
    NotAllowed,
    /// The name that was typed is another.
    #[error("the name that was typed is not the organization’s")]
    OtherName,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What lets somebody into an organization: it goes as soon as that closes, in the order in which it can. Places in
/// projects and API keys go with their projects, secrets with their service accounts.
const WAYS_IN: [&str; 4] = [
    "DELETE FROM projects WHERE organization_id = $1",
    "DELETE FROM service_accounts WHERE organization_id = $1",
    "DELETE FROM memberships WHERE organization_id = $1",
    "DELETE FROM invitations WHERE organization_id = $1",
];

/// What else there is of an organization besides deliveries, ranges and records, in the order in which it can go.
const THE_REST: [&str; 9] = [
    "DELETE FROM denied_attempts WHERE organization_id = $1",
    "DELETE FROM given_up_stops WHERE organization_id = $1",
    "DELETE FROM producer_token_organizations WHERE organization_id = $1",
    "DELETE FROM access_checks WHERE organization_id = $1",
    "DELETE FROM stops WHERE organization_id = $1",
    "DELETE FROM activity_terms
     WHERE organization IN (SELECT number FROM activity_progress WHERE organization_id = $1)",
    "DELETE FROM activity_progress WHERE organization_id = $1",
    "DELETE FROM integrations WHERE organization_id = $1",
    "DELETE FROM organizations WHERE id = $1",
];

const BATCHES_OF_AN_ORGANIZATION: Sql = Sql {
    sqlite: "SELECT id FROM batches WHERE organization_id = $1 LIMIT $2",
    postgres: "SELECT id FROM batches WHERE organization_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED",
};

impl Store {
    /// Closes an organization for good. `typed_name` proves that it is the one that was meant.
    ///
    /// # Errors
    /// The user may not, the name is another, or the store failed.
    pub async fn close_organization(
        &self,
        caller: Caller,
        organization: OrganizationId,
        typed_name: String,
    ) -> Result<Organization, CloseRefused> {
        let closed = self
            .write(move |tx| {
                async move { tx.close_organization(&caller, organization, &typed_name).await }.boxed()
            })
            .await?;
        self.ring();
        closed
    }

    /// Deletes what is left of closed organizations of which nothing is to be delivered any more, or that were closed
    /// longer than `hold` ago. Gives how many are gone. Ends between two steps once it is to stop.
    ///
    /// # Errors
    /// The first organization's that could not be deleted; the others are deleted all the same.
    pub async fn purge_closed(&self, hold: Days, stop: &CancellationToken) -> Result<u64, StoreError> {
        let closed_before = self.shared_now().await? - hold.span();
        let (mut gone, mut outcome) = (0, Ok(()));
        for (id,) in self.closed_organizations().await? {
            if stop.is_cancelled() {
                break;
            }
            let purged = match parse("organizations.id", &id) {
                Ok(organization) => self.purge(organization, closed_before, stop).await,
                Err(error) => Err(error),
            };
            match purged {
                Ok(purged) => gone += u64::from(purged),
                Err(error) => {
                    tracing::error!(organization = id, error = %ErrorChain(&error), "a closed organization is not deleted");
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome.map(|()| gone)
    }

    async fn closed_organizations(&self) -> Result<Vec<(String,)>, StoreError> {
        self.read(|tx| {
            async move {
                fetch_all!(
                    tx,
                    (String,),
                    "SELECT id FROM organizations WHERE closed_at IS NOT NULL ORDER BY closed_at, id"
                )
            }
            .boxed()
        })
        .await
    }

    /// Gives whether the organization is gone, by this call.
    async fn purge(
        &self,
        organization: OrganizationId,
        closed_before: Timestamp,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let ends = self.write(move |tx| {
            async move { tx.end_deliveries_of_closed(organization, closed_before).await }.boxed()
        });
        if !ends.await? {
            return Ok(false);
        }
        while !stop.is_cancelled() && self.forget_deliveries_of(organization).await? > 0 {}
        // Nothing of it is pending any more, so none of its records is kept for that.
        let after_all = Timestamp::from_millis(i64::MAX);
        while !stop.is_cancelled() && self.forget_records(organization.to_string(), after_all).await? > 0 {}
        if stop.is_cancelled() {
            return Ok(false);
        }
        self.write(move |tx| async move { tx.forget_organization(organization).await }.boxed()).await
    }

    async fn forget_deliveries_of(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        self.write(move |tx| {
            async move {
                let batches = fetch_all!(
                    tx,
                    (String,),
                    BATCHES_OF_AN_ORGANIZATION,
                    organization.to_string(),
                    DELIVERIES_A_STEP
                )?;
                if batches.is_empty() {
                    // What is in no batch is pending as long as its range is there.
                    execute!(
                        tx,
                        "DELETE FROM collection_ranges WHERE organization_id = $1",
                        organization.to_string()
                    )?;
                }
                tx.forget_batches(&batches).await
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    async fn close_organization(
        &mut self,
        caller: &Caller,
        id: OrganizationId,
        typed_name: &str,
    ) -> Result<Result<Organization, CloseRefused>, CloseRefused> {
        let mut locked = self.lock_organization(id).await?.ok_or(CloseRefused::NotFound)?;
        let role = self.role_of_caller(id, caller).await?.ok_or(CloseRefused::NotFound)?;
        let event = event_catalog::delete_organization(&locked.organization.name, locked.organization.plan);
        if !role.may(Ability::DeleteOrganization) {
            let refused = CloseRefused::NotAllowed;
            self.append_event(&mut locked, caller, event.failed(refused.to_string(), "PERMISSION_DENIED"))
                .await?;
            return Ok(Err(refused));
        }
        if !locked.organization.name.is_typed(typed_name) {
            return Err(CloseRefused::OtherName);
        }
        self.give_up_stop(&mut locked, caller, "The organization was deleted").await?;
        self.end_open_check(&mut locked, caller, "The organization was deleted").await?;
        self.end_minutes(&mut locked).await?;
        let last = self.append_event(&mut locked, caller, event).await?;
        execute!(
            self,
            "UPDATE organizations SET closed_at = $2 WHERE id = $1",
            id.to_string(),
            locked.taken_at.as_millis()
        )?;
        // Nothing comes after it: it need not wait for its window's end.
        execute!(
            self,
            "UPDATE integrations SET deliver_through = $2, next_check_at = NULL WHERE organization_id = $1",
            id.to_string(),
            last.get()
        )?;
        self.deliver_at_once(id).await?;
        for statement in WAYS_IN {
            execute!(self, statement, id.to_string())?;
        }
        self.connection.ring_elsewhere().await?;
        Ok(Ok(locked.organization))
    }

    /// Ends the deliveries of a closed organization, so that what is left of it can go. Gives `false` if some of it is
    /// still to be delivered, or if it is gone.
    async fn end_deliveries_of_closed(
        &mut self,
        id: OrganizationId,
        closed_before: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(locked) = self.lock_organization_even_if_closed(id).await? else { return Ok(false) };
        let Some(closed_at) = locked.closed_at else { return Ok(false) };
        self.hold_integration(id).await?;
        if let Some(pending) = self.pending(id).await? {
            if closed_at > closed_before {
                return Ok(false);
            }
            tracing::warn!(
                organization = %id,
                records = pending.records,
                "records of a closed organization could not be delivered for as long as they are held"
            );
        }
        // As if it were removed: nothing is sealed or claimed any more, and a delivery under way can't report.
        let trailpost = Caller::trailpost();
        self.mark_switched_off(id, true, &trailpost.actor.principal_name).await?;
        Ok(true)
    }

    /// Deletes the organization itself. Gives `false` if another writer is still at what has to go before it.
    async fn forget_organization(&mut self, id: OrganizationId) -> Result<bool, StoreError> {
        if self.lock_organization_even_if_closed(id).await?.is_none() {
            return Ok(false);
        }
        let (left,) = fetch_one!(
            self,
            (i64,),
            "SELECT (SELECT COUNT(*) FROM records WHERE organization_id = $1)
                  + (SELECT COUNT(*) FROM batches WHERE organization_id = $1)",
            id.to_string()
        )?;
        if left > 0 {
            return Ok(false);
        }
        for statement in WAYS_IN.iter().chain(&THE_REST) {
            execute!(self, *statement, id.to_string())?;
        }
        tracing::info!(organization = %id, "a closed organization is deleted, with everything of it");
        Ok(true)
    }
}
