//! Who belongs to which organization, and as what.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_optional, parse};
use super::organizations::OrganizationRow;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::membership::Role;
use crate::domain::organization::Organization;
use crate::domain::principal::Reach;
use crate::domain::user::EmailAddress;

/// An organization as one of its members sees it.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The organization.
    pub organization: Organization,
    /// What the member may do there.
    pub role: Role,
}

#[derive(sqlx::FromRow)]
struct MembershipRow {
    #[sqlx(flatten)]
    organization: OrganizationRow,
    role: String,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Membership, StoreError> {
        Ok(Membership {
            organization: row.organization.try_into()?,
            role: parse("memberships.role", &row.role)?,
        })
    }
}

impl Store {
    /// Makes a user a member.
    pub async fn add_member(
        &self,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
                    organization.to_string(),
                    user.to_string(),
                    role.as_str(),
                    tx.clock.now().as_millis(),
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// The organizations of a user, by name.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    MembershipRow,
                    "SELECT o.id, o.name, o.plan, o.external_id, m.role
                     FROM memberships m JOIN organizations o ON o.id = m.organization_id
                     WHERE m.user_id = $1 ORDER BY o.name, o.id",
                    user.to_string()
                )?
                .into_iter()
                .map(Membership::try_from)
                .collect()
            }
            .boxed()
        })
        .await
    }

    /// The e-mail addresses of an organization's owners: whom to ask.
    pub async fn owners(&self, organization: OrganizationId) -> Result<Vec<EmailAddress>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (String,),
                    "SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id
                     WHERE m.organization_id = $1 AND m.role = 'owner' ORDER BY u.email",
                    organization.to_string()
                )?
                .iter()
                .map(|(email,)| parse("users.email", email))
                .collect()
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    /// The role of whoever acts, in an organization whose row is held: it may have changed since the request was let in.
    pub(super) async fn role_of_caller(
        &mut self,
        organization: OrganizationId,
        caller: &Caller,
    ) -> Result<Option<Role>, StoreError> {
        let Some(principal) = caller.principal() else { return Ok(None) };
        Ok(match self.reach(organization, principal).await? {
            Some(Reach::Organization(role)) => Some(role),
            // An API key acts in its project, and nothing here is a project's.
            Some(Reach::Project(_)) | None => None,
        })
    }

    /// The role of a user in an organization right now.
    pub(super) async fn role(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Role>, StoreError> {
        fetch_optional!(
            self,
            (String,),
            "SELECT role FROM memberships WHERE organization_id = $1 AND user_id = $2",
            organization.to_string(),
            user.to_string()
        )?
        .map(|(role,)| parse("memberships.role", &role))
        .transpose()
    }
}
