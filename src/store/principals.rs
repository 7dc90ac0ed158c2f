//! Who may change what of an organization's projects, API keys and service accounts: read inside the transaction that
//! makes the change, because a role, a key or a membership may have ended since the request was let in.

use super::StoreError;
use super::database::{fetch_optional, parse};
use super::transaction::{LockedOrganization, Transaction};
use crate::domain::caller::Caller;
use crate::domain::denied_attempt::TurnedAway;
use crate::domain::event_catalog::EventDraft;
use crate::domain::id::OrganizationId;
use crate::domain::principal::{Principal, Reach};
use crate::domain::refusal::Refusal;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefused {
    /// What it was for is not there, or the caller is not in the organization any more. There is no record.
    #[error("there is no such thing in this organization")]
    NotFound,
    /// Only members of the organization can be in its projects. There is no record.
    #[error("this user is not a member of the organization")]
    NotAMember,
    /// A rule refused it, and the record says so.
    #[error(transparent)]
    Rule(#[from] Refusal),
    /// The store failed; nothing was changed or recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a change: a refusal by a rule is committed, with its record; an error is rolled back.
pub(super) type Decided<T> = Result<Result<T, Refusal>, ChangeRefused>;

impl Transaction {
    /// Takes the organization's row, and says how far its caller's rights reach.
    pub(super) async fn hold_for(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
    ) -> Result<(LockedOrganization, Reach), ChangeRefused> {
        let locked = self.lock_organization(organization).await?.ok_or(ChangeRefused::NotFound)?;
        let principal = caller.principal().ok_or(ChangeRefused::NotFound)?;
        let reach = self.reach(organization, principal).await?.ok_or(ChangeRefused::NotFound)?;
        Ok((locked, reach))
    }

    pub(super) async fn reach(
        &mut self,
        organization: OrganizationId,
        principal: Principal,
    ) -> Result<Option<Reach>, StoreError> {
        match principal {
            Principal::User(user) => Ok(self.role(organization, user).await?.map(Reach::Organization)),
            Principal::ServiceAccount(id) => {
                let account = self.service_account(organization, id).await?;
                Ok(account.map(|account| Reach::Organization(account.role)))
            }
            Principal::ApiKey(id) => fetch_optional!(
                self,
                (String,),
                "SELECT project_id FROM api_keys WHERE organization_id = $1 AND id = $2",
                organization.to_string(),
                id.to_string()
            )?
            .map(|(project,)| parse("api_keys.project_id", &project).map(Reach::Project))
            .transpose(),
        }
    }

    /// Records an attempt that a rule refused, within the limit of what is denied.
    pub(super) async fn refuse<T>(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        attempt: EventDraft,
        refusal: Refusal,
    ) -> Decided<T> {
        let (attempt, now) = (TurnedAway::Refused(attempt.refused(refusal)), locked.taken_at);
        self.record_turned_away(locked, caller, &attempt, now).await?;
        Ok(Err(refusal))
    }
}
