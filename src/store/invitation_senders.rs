//! Who sent an invitation: kept with it, because it can be used only while they may still give its role.
//!
//! Guarantee: whoever is removed or given a lesser role leaves no invitation behind that can still be used. What they
//! sent is revoked in the transaction that changes them, and each use asks once more for its sender's rights.

use super::StoreError;
use super::database::{Sql, execute_each, fetch_all, parse};
use super::transaction::{LockedOrganization, Transaction};
use crate::domain::caller::Caller;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::OrganizationId;
use crate::domain::invitation::Sender;
use crate::domain::membership::Role;
use crate::domain::principal::Principal;
use crate::domain::user::EmailAddress;

const OPERATOR: &str = "operator";
const USER: &str = "user";
const API_KEY: &str = "api_key";
const SERVICE_ACCOUNT: &str = "service_account";

/// Kind and id, as an invitation's row has them.
pub(super) fn columns(sender: Sender) -> (&'static str, Option<String>) {
    match sender {
        Sender::Operator => (OPERATOR, None),
        Sender::Principal(Principal::User(id)) => (USER, Some(id.to_string())),
        Sender::Principal(Principal::ApiKey(id)) => (API_KEY, Some(id.to_string())),
        Sender::Principal(Principal::ServiceAccount(id)) => (SERVICE_ACCOUNT, Some(id.to_string())),
    }
}

/// The sender in an invitation's row; none in one of before senders were kept.
pub(super) fn from_columns(kind: Option<&str>, id: Option<&str>) -> Result<Option<Sender>, StoreError> {
    const ID: &str = "invitations.sender_id";
    let sender = match (kind, id) {
        (None, None) => return Ok(None),
        (Some(OPERATOR), None) => Sender::Operator,
        (Some(USER), Some(id)) => Sender::Principal(Principal::User(parse(ID, id)?)),
        (Some(API_KEY), Some(id)) => Sender::Principal(Principal::ApiKey(parse(ID, id)?)),
        (Some(SERVICE_ACCOUNT), Some(id)) => Sender::Principal(Principal::ServiceAccount(parse(ID, id)?)),
        _ => {
            let reason = format!("{kind:?} with the id {id:?} is no sender");
            return Err(StoreError::Corrupt { column: "invitations.sender_kind", reason });
        }
    };
    Ok(Some(sender))
}

const REVOKE: Sql = Sql {
    sqlite: "UPDATE invitations SET revoked_at = $2 WHERE id = $1",
    postgres: "UPDATE invitations SET revoked_at = ended.at
               FROM UNNEST($1::text[], $2::bigint[]) AS ended (id, at) WHERE invitations.id = ended.id",
};

impl Transaction {
    /// Whether the rights of its sender let an invitation be used. One whose sender is not known can't be.
    pub(super) async fn may_still_be_used(
        &mut self,
        organization: OrganizationId,
        sender: Option<Sender>,
        role: Role,
    ) -> Result<bool, StoreError> {
        let reach = match sender {
            None => return Ok(false),
            Some(Sender::Operator) => None,
            Some(Sender::Principal(principal)) => self.reach(organization, principal).await?,
        };
        Ok(sender.is_some_and(|sender| sender.may_still_give(role, reach)))
    }

    /// Revokes the open invitations that their sender may not give any more, and records each. To be called once the
    /// sender's rights are changed. `name` is how they are called.
    pub(super) async fn revoke_what_may_not_be_given(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        sender: Principal,
        name: &str,
    ) -> Result<(), StoreError> {
        let organization = locked.organization.id;
        let (kind, id) = columns(Sender::Principal(sender));
        let open = fetch_all!(
            self,
            (String, String, String),
            "SELECT id, email, role FROM invitations
             WHERE organization_id = $1 AND sender_kind = $2 AND sender_id = $3
               AND used_at IS NULL AND revoked_at IS NULL
             ORDER BY created_at, id",
            organization.to_string(),
            kind,
            id
        )?;
        let reach = self.reach(organization, sender).await?;
        let now = self.clock.wall().as_millis();
        let (mut ended, mut events): (Vec<(String, i64)>, Vec<EventDraft>) = (Vec::new(), Vec::new());
        for (id, email, role) in open {
            let role: Role = parse("invitations.role", &role)?;
            if !Sender::Principal(sender).may_still_give(role, reach) {
                let email: EmailAddress = parse("invitations.email", &email)?;
                events.push(event_catalog::end_invitation(&email, role, name));
                ended.push((id, now));
            }
        }
        if ended.is_empty() {
            return Ok(());
        }
        execute_each!(self, &ended, REVOKE, |one| one.0.as_str(), one.1)?;
        self.append_events(locked, caller, events).await
    }
}
