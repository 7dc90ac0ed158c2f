//! Stands in for invitations and password resets until the branch that has them is merged. It keeps no link.

use std::time::Duration;

use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::credential::TokenHash;
use crate::domain::id::OrganizationId;
use crate::domain::membership::Role;
use crate::domain::organization::{Organization, OrganizationName, Plan};
use crate::domain::user::EmailAddress;

const VALID_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whom to invite into which organization.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Into which organization.
    pub organization: OrganizationId,
    /// Whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// What opens the link.
    pub token: TokenHash,
}

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteRefused {
    /// There is no such organization.
    #[error("there is no organization with this id")]
    UnknownOrganization,
    /// Who is a member needs no invitation.
    #[error("this person is a member already")]
    AlreadyMember,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes an organization and invites its first owner. Gives when the link expires.
    pub async fn create_organization_with_owner(
        &self,
        name: OrganizationName,
        plan: Plan,
        _email: EmailAddress,
        _token: TokenHash,
    ) -> Result<(Organization, Timestamp), StoreError> {
        let organization = self.create_organization(name, plan).await?;
        Ok((organization, self.clock().now() + VALID_FOR))
    }

    /// Invites somebody. Gives when the link expires.
    pub async fn invite(&self, invite: Invite) -> Result<Timestamp, InviteRefused> {
        match self.organization_summary(invite.organization).await? {
            None => Err(InviteRefused::UnknownOrganization),
            Some(_) => Ok(self.clock().now() + VALID_FOR),
        }
    }

    /// Revokes the open invitations of an address. Gives how many there were.
    pub async fn revoke_invitations(
        &self,
        _organization: OrganizationId,
        _email: EmailAddress,
    ) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Makes a password reset. Gives when the link expires; `None` if there is no such account.
    pub async fn create_password_reset(
        &self,
        email: EmailAddress,
        _token: TokenHash,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.sign_in(email).await?.map(|_| self.clock().now() + VALID_FOR))
    }

    /// Revokes the open password resets of an account. Gives how many there were.
    pub async fn revoke_password_resets(&self, _email: EmailAddress) -> Result<u64, StoreError> {
        Ok(0)
    }
}
