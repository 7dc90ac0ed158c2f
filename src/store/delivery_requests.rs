//! What an owner asks of deliveries while the settings stay as they are: deliver now, try again. Each is on the record.

use futures::FutureExt;

use super::Store;
use super::database::execute;
use super::integrations::Refused;
use super::transaction::Transaction;
use crate::domain::caller::Caller;
use crate::domain::event_catalog::{self, DeliveryRequest};
use crate::domain::id::OrganizationId;
use crate::domain::integration::Revision;

impl Store {
    /// Has what is pending delivered now, the record of this included: what has not been sealed is sealed without
    /// waiting for its window's end, and a failing delivery is tried at once. Gives `false`, and records nothing, if
    /// nothing is pending. `revision` is the one that the caller has seen; none if it may be any.
    ///
    /// # Errors
    /// The caller may not, the revision is old, or it is being stopped.
    pub async fn deliver_now(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Option<Revision>,
    ) -> Result<bool, Refused> {
        let asked = self
            .write(move |tx| async move { tx.deliver_now(&caller, organization, revision).await }.boxed())
            .await;
        self.ring();
        asked
    }

    /// Has the delivery that failed tried at once. Gives `false`, and records nothing, if none waits to be tried again.
    ///
    /// # Errors
    /// The caller may not, or the revision is old.
    pub async fn try_again(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<bool, Refused> {
        let asked = self
            .write(move |tx| async move { tx.try_again(&caller, organization, revision).await }.boxed())
            .await;
        self.ring();
        asked
    }
}

impl Transaction {
    async fn deliver_now(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        revision: Option<Revision>,
    ) -> Result<bool, Refused> {
        let mut locked = self.hold_as_manager(organization, caller).await?;
        if self.pending(organization).await?.is_none() {
            return Ok(false);
        }
        let integration = self.integration(locked.organization.clone()).await?;
        integration.require(revision)?;
        // What is stopping is delivered now, up to the cut.
        if integration.stop.is_some() {
            return Err(Refused::NotPossible);
        }
        let event = event_catalog::delivery_request(DeliveryRequest::DeliverNow, organization);
        let through = self.append_event(&mut locked, caller, event).await?;
        execute!(
            self,
            "UPDATE integrations SET deliver_through = $2 WHERE organization_id = $1",
            organization.to_string(),
            through.get()
        )?;
        self.deliver_at_once(organization).await?;
        self.connection.ring_elsewhere().await?;
        Ok(true)
    }

    async fn try_again(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<bool, Refused> {
        let mut locked = self.hold_as_manager(organization, caller).await?;
        let integration = self.integration(locked.organization.clone()).await?;
        if integration.failure.is_none() {
            return Ok(false);
        }
        integration.require(Some(revision))?;
        let event = event_catalog::delivery_request(DeliveryRequest::TryAgain, organization);
        self.append_event(&mut locked, caller, event).await?;
        self.deliver_at_once(organization).await?;
        self.connection.ring_elsewhere().await?;
        Ok(true)
    }
}
