//! Organizations.

use futures::FutureExt;

use super::database::{execute, fetch_one, fetch_optional, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::event_catalog;
use crate::domain::id::OrganizationId;
use crate::domain::membership::Ability;
use crate::domain::organization::{ExternalId, Organization, OrganizationName, Plan};

#[derive(sqlx::FromRow)]
pub(super) struct OrganizationRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) plan: String,
    pub(super) external_id: String,
}

impl TryFrom<OrganizationRow> for Organization {
    type Error = StoreError;

    fn try_from(row: OrganizationRow) -> Result<Organization, StoreError> {
        Ok(Organization {
            id: parse("organizations.id", &row.id)?,
            name: OrganizationName::stored(&row.name),
            plan: parse("organizations.plan", &row.plan)?,
            external_id: parse("organizations.external_id", &row.external_id)?,
        })
    }
}

/// Why an organization was not renamed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RenameRefused {
    /// There is no such organization, or the user is no member of it.
    #[error("there is no organization with this ID")]
    NotFound,
    /// The user's role does not allow it.
    #[error("the role does not allow this")]
    NotAllowed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes an organization, with an external ID of its own and an integration that is not configured yet.
    pub async fn create_organization(
        &self,
        name: OrganizationName,
        plan: Plan,
    ) -> Result<Organization, StoreError> {
        self.write(move |tx| async move { tx.create_organization(name, plan).await }.boxed()).await
    }

    /// Renames an organization and records it.
    ///
    /// # Errors
    /// There is no such organization, the user may not rename it (any more), or the store failed.
    pub async fn rename_organization(
        &self,
        caller: Caller,
        id: OrganizationId,
        name: OrganizationName,
    ) -> Result<Organization, RenameRefused> {
        self.write(move |tx| async move { tx.rename_organization(&caller, id, name).await }.boxed()).await?
    }
}

impl Transaction {
    pub(super) async fn create_organization(
        &mut self,
        name: OrganizationName,
        plan: Plan,
    ) -> Result<Organization, StoreError> {
        let organization = Organization {
            id: OrganizationId::generate(&self.clock, &self.entropy),
            name,
            plan,
            external_id: ExternalId::generate(&self.entropy),
        };
        let id = organization.id.to_string();
        execute!(
            self,
            "INSERT INTO organizations (id, name, plan, external_id, created_at) VALUES ($1, $2, $3, $4, $5)",
            &id,
            organization.name.as_str(),
            plan.as_str(),
            organization.external_id.as_str(),
            self.clock.now().as_millis(),
        )?;
        execute!(self, "INSERT INTO integrations (organization_id) VALUES ($1)", &id)?;
        Ok(organization)
    }

    async fn rename_organization(
        &mut self,
        caller: &Caller,
        id: OrganizationId,
        name: OrganizationName,
    ) -> Result<Result<Organization, RenameRefused>, RenameRefused> {
        let mut locked = self.lock_organization(id).await?.ok_or(RenameRefused::NotFound)?;
        let role = self.role_of_caller(id, caller).await?.ok_or(RenameRefused::NotFound)?;
        let event = event_catalog::rename_organization(&locked.organization.name, &name);
        if !role.may(Ability::RenameOrganization) {
            let refused = RenameRefused::NotAllowed;
            self.append_event(&mut locked, caller, event.failed(refused.to_string(), "PERMISSION_DENIED"))
                .await?;
            return Ok(Err(refused));
        }
        if locked.organization.name == name {
            return Ok(Ok(locked.organization));
        }
        execute!(self, "UPDATE organizations SET name = $2 WHERE id = $1", id.to_string(), name.as_str())?;
        locked.organization.name = name;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(locked.organization))
    }

    /// An organization that is not closed.
    pub(super) async fn organization(
        &mut self,
        id: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        fetch_optional!(
            self,
            OrganizationRow,
            "SELECT id, name, plan, external_id FROM organizations WHERE id = $1 AND closed_at IS NULL",
            id.to_string()
        )?
        .map(Organization::try_from)
        .transpose()
    }

    /// What a delivery presents, also for an organization that is closed.
    pub(super) async fn external_id(&mut self, id: OrganizationId) -> Result<ExternalId, StoreError> {
        let (external_id,) = fetch_one!(
            self,
            (String,),
            "SELECT external_id FROM organizations WHERE id = $1",
            id.to_string()
        )?;
        parse("organizations.external_id", &external_id)
    }
}
