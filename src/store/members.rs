//! An organization's members and open invitations, as its owners manage them.
//!
//! Guarantees:
//! - who acts is looked up again in the transaction that writes, and grants no role above their own;
//! - an organization keeps an owner, also where two owners demote each other at the same moment: whoever changes
//!   memberships holds the organization's row;
//! - whoever is removed or given a lesser role leaves no invitation behind that can still be used;
//! - a change and its record commit together; one that is refused leaves the record of the attempt.

use futures::FutureExt;

use super::database::{Sql, execute, fetch_all, fetch_one, fetch_optional, parse};
use super::invitations::Invite;
use super::listing::{Listed, Listing};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::{InvitationId, OrganizationId, UserId};
use crate::domain::invitation::Sender;
use crate::domain::membership::{Ability, Role};
use crate::domain::principal::Principal;
use crate::domain::user::{DisplayName, EmailAddress, User};

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMember {
    /// Who.
    pub user: User,
    /// As what.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
}

/// An invitation that was neither used nor revoked; it may have expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its id.
    pub id: InvitationId,
    /// Whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When its link ends.
    pub expires_at: Timestamp,
}

/// Why members were not changed. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum MembersRefused {
    /// There is no such organization, or who asks is no member of it.
    #[error("there is no organization with this ID")]
    NotFound,
    /// The role of who asks does not allow it.
    #[error("the role does not allow this")]
    NotAllowed,
    /// The role, given or taken, is above that of who asks.
    #[error("nobody grants a role above their own")]
    AboveOwnRole,
    /// The organization would be left without an owner.
    #[error("an organization keeps at least one owner")]
    LastOwner,
    /// The user is not a member (any more).
    #[error("this user is not a member of the organization")]
    NotAMember,
    /// The e-mail address belongs to a member.
    #[error("this e-mail address belongs to a member of the organization already")]
    AlreadyMember,
    /// The invitation was used or revoked.
    #[error("this invitation is not open any more")]
    InvitationOver,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MembersRefused {
    /// What the record of the refused attempt says, if one is to be made: not of who is no member, nor of what is not
    /// there.
    fn error_code(&self) -> Option<&'static str> {
        match self {
            MembersRefused::NotAllowed | MembersRefused::AboveOwnRole => Some("PERMISSION_DENIED"),
            MembersRefused::LastOwner => Some("FAILED_PRECONDITION"),
            MembersRefused::AlreadyMember => Some("ALREADY_EXISTS"),
            MembersRefused::NotFound
            | MembersRefused::NotAMember
            | MembersRefused::InvitationOver
            | MembersRefused::Store(_) => None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    id: String,
    email: String,
    display_name: String,
    role: String,
    created_at: i64,
}

impl TryFrom<MemberRow> for ListedMember {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<ListedMember, StoreError> {
        Ok(ListedMember {
            user: User {
                id: parse("users.id", &row.id)?,
                email: parse("users.email", &row.email)?,
                display_name: DisplayName::stored(&row.display_name),
            },
            role: parse("memberships.role", &row.role)?,
            since: Timestamp::from_millis(row.created_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct OpenInvitationRow {
    id: String,
    email: String,
    role: String,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<OpenInvitationRow> for OpenInvitation {
    type Error = StoreError;

    fn try_from(row: OpenInvitationRow) -> Result<OpenInvitation, StoreError> {
        Ok(OpenInvitation {
            id: parse("invitations.id", &row.id)?,
            email: parse("invitations.email", &row.email)?,
            role: parse("invitations.role", &row.role)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        })
    }
}

/// By e-mail address, byte by byte: a database's own order of letters may change with its operating system's, and a
/// page would begin where the one before did not end.
const PAGE_OF_MEMBERS: Sql = Sql {
    sqlite: "SELECT u.id, u.email, u.display_name, m.role, m.created_at
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND u.email > COALESCE($2, '') ORDER BY u.email LIMIT $3",
    postgres: r#"SELECT u.id, u.email, u.display_name, m.role, m.created_at
               FROM memberships m JOIN users u ON u.id = m.user_id
               WHERE m.organization_id = $1 AND u.email COLLATE "C" > COALESCE($2, '')
               ORDER BY u.email COLLATE "C" LIMIT $3"#,
};

impl Store {
    /// The members of an organization, by e-mail address.
    pub async fn members(
        &self,
        organization: OrganizationId,
        listing: Listing<EmailAddress>,
    ) -> Result<Listed<ListedMember>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    MemberRow,
                    PAGE_OF_MEMBERS,
                    organization.to_string(),
                    listing.after.as_ref().map(EmailAddress::as_str),
                    listing.rows()
                )?;
                let members = rows.into_iter().map(ListedMember::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(members, &listing))
            }
            .boxed()
        })
        .await
    }

    /// How many members an organization has.
    pub async fn count_members(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        self.read(move |tx| {
            async move {
                let (members,) = fetch_one!(
                    tx,
                    (i64,),
                    "SELECT COUNT(*) FROM memberships WHERE organization_id = $1",
                    organization.to_string()
                )?;
                Ok(members.unsigned_abs())
            }
            .boxed()
        })
        .await
    }

    /// One of them.
    pub async fn member(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<ListedMember>, StoreError> {
        self.read(move |tx| async move { tx.member(organization, user).await }.boxed()).await
    }

    /// An organization's open invitations, newest first.
    pub async fn open_invitations(
        &self,
        organization: OrganizationId,
        listing: Listing<InvitationId>,
    ) -> Result<Listed<OpenInvitation>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    OpenInvitationRow,
                    "SELECT id, email, role, created_at, expires_at FROM invitations
                     WHERE organization_id = $1 AND used_at IS NULL AND revoked_at IS NULL
                       AND id < COALESCE($2, 'z')
                     ORDER BY id DESC LIMIT $3",
                    organization.to_string(),
                    listing.after.map(|id| id.to_string()),
                    listing.rows()
                )?;
                let open = rows.into_iter().map(OpenInvitation::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(open, &listing))
            }
            .boxed()
        })
        .await
    }

    /// One of them.
    pub async fn open_invitation(
        &self,
        organization: OrganizationId,
        invitation: InvitationId,
    ) -> Result<Option<OpenInvitation>, StoreError> {
        self.read(move |tx| async move { tx.open_invitation(organization, invitation).await }.boxed()).await
    }

    /// Invites somebody for a member. An older invitation of theirs is revoked.
    ///
    /// # Errors
    /// The member may not, the e-mail address is a member's, or the store failed.
    pub async fn invite_as_member(
        &self,
        caller: Caller,
        invite: Invite,
    ) -> Result<OpenInvitation, MembersRefused> {
        self.write(move |tx| async move { tx.invite_as_member(&caller, &invite).await }.boxed()).await?
    }

    /// Revokes an open invitation.
    ///
    /// # Errors
    /// The member may not, the invitation is not open any more, or the store failed.
    pub async fn revoke_invitation(
        &self,
        caller: Caller,
        organization: OrganizationId,
        invitation: InvitationId,
    ) -> Result<OpenInvitation, MembersRefused> {
        self.write(move |tx| {
            async move { tx.revoke_invitation(&caller, organization, invitation).await }.boxed()
        })
        .await?
    }

    /// Gives a member another role. The same role again changes and records nothing.
    ///
    /// # Errors
    /// Who asks may not, the user is no member or the last owner, or the store failed.
    pub async fn change_role(
        &self,
        caller: Caller,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<(), MembersRefused> {
        self.write(move |tx| async move { tx.change_role(&caller, organization, user, role).await }.boxed())
            .await?
    }

    /// Ends a membership, and first every place in a project that goes with it, each with its record. Everybody may end
    /// their own.
    ///
    /// # Errors
    /// Who asks may not, the user is no member or the last owner, or the store failed.
    pub async fn remove_member(
        &self,
        caller: Caller,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), MembersRefused> {
        self.write(move |tx| async move { tx.remove_member(&caller, organization, user).await }.boxed())
            .await?
    }
}

impl Transaction {
    async fn invite_as_member(
        &mut self,
        caller: &Caller,
        invite: &Invite,
    ) -> Result<Result<OpenInvitation, MembersRefused>, MembersRefused> {
        let (mut locked, own) = self.hold_for_member(invite.organization, caller).await?;
        let sender = caller.principal().map(Sender::Principal).ok_or(MembersRefused::NotFound)?;
        let refused = match may_grant(own, &[invite.role]) {
            None if self.is_member(invite.organization, &invite.email).await? => {
                Some(MembersRefused::AlreadyMember)
            }
            refused => refused,
        };
        match refused {
            Some(refused) => {
                let event = event_catalog::create_invitation(&invite.email, invite.role, None);
                self.record_refusal(&mut locked, caller, event, &refused).await?;
                Ok(Err(refused))
            }
            None => Ok(Ok(self.send_invitation(&mut locked, caller, sender, invite).await?)),
        }
    }

    async fn revoke_invitation(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        invitation: InvitationId,
    ) -> Result<Result<OpenInvitation, MembersRefused>, MembersRefused> {
        let (mut locked, own) = self.hold_for_member(organization, caller).await?;
        let invitation = self.open_invitation(organization, invitation).await?;
        let invitation = invitation.ok_or(MembersRefused::InvitationOver)?;
        let event = event_catalog::delete_invitation(&invitation.email, invitation.role);
        if let Some(refused) = may_grant(own, &[]) {
            self.record_refusal(&mut locked, caller, event, &refused).await?;
            return Ok(Err(refused));
        }
        self.revoke_invitations_of(organization, &invitation.email).await?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(invitation))
    }

    async fn change_role(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<Result<(), MembersRefused>, MembersRefused> {
        let (mut locked, own) = self.hold_for_member(organization, caller).await?;
        let member = self.member(organization, user).await?.ok_or(MembersRefused::NotAMember)?;
        let event = event_catalog::change_role(&member.user, member.role, role);
        let refused = match may_grant(own, &[member.role, role]) {
            None if role != Role::Owner => self.would_leave_no_owner(organization, &member).await?,
            refused => refused,
        };
        if let Some(refused) = refused {
            self.record_refusal(&mut locked, caller, event, &refused).await?;
            return Ok(Err(refused));
        }
        if member.role == role {
            return Ok(Ok(()));
        }
        execute!(
            self,
            "UPDATE memberships SET role = $3 WHERE organization_id = $1 AND user_id = $2",
            organization.to_string(),
            user.to_string(),
            role.as_str()
        )?;
        self.append_event(&mut locked, caller, event).await?;
        self.revoke_invitations_left_by(&mut locked, caller, &member.user).await?;
        Ok(Ok(()))
    }

    async fn remove_member(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Result<(), MembersRefused>, MembersRefused> {
        let (mut locked, own) = self.hold_for_member(organization, caller).await?;
        let member = self.member(organization, user).await?.ok_or(MembersRefused::NotAMember)?;
        let event = event_catalog::delete_user(&member.user, member.role);
        let refused = match may_grant(own, &[member.role]) {
            Some(refused) if caller.principal() != Some(Principal::User(user)) => Some(refused),
            _ => self.would_leave_no_owner(organization, &member).await?,
        };
        if let Some(refused) = refused {
            self.record_refusal(&mut locked, caller, event, &refused).await?;
            return Ok(Err(refused));
        }
        let mut events = self.leave_projects(organization, &member.user).await?;
        execute!(
            self,
            "DELETE FROM memberships WHERE organization_id = $1 AND user_id = $2",
            organization.to_string(),
            user.to_string()
        )?;
        events.push(event);
        self.append_events(&mut locked, caller, events).await?;
        self.revoke_invitations_left_by(&mut locked, caller, &member.user).await?;
        Ok(Ok(()))
    }

    async fn revoke_invitations_left_by(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        user: &User,
    ) -> Result<(), StoreError> {
        let sender = Principal::User(user.id);
        self.revoke_what_may_not_be_given(locked, caller, sender, user.email.as_str()).await
    }

    /// Takes the organization's row for one of its members; gives their role as it is now.
    async fn hold_for_member(
        &mut self,
        organization: OrganizationId,
        caller: &Caller,
    ) -> Result<(LockedOrganization, Role), MembersRefused> {
        let locked = self.lock_organization(organization).await?.ok_or(MembersRefused::NotFound)?;
        let role = self.role_of_caller(organization, caller).await?.ok_or(MembersRefused::NotFound)?;
        Ok((locked, role))
    }

    async fn record_refusal(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        event: EventDraft,
        refused: &MembersRefused,
    ) -> Result<(), StoreError> {
        if let Some(error_code) = refused.error_code() {
            self.append_event(locked, caller, event.failed(refused.to_string(), error_code)).await?;
        }
        Ok(())
    }

    async fn would_leave_no_owner(
        &mut self,
        organization: OrganizationId,
        member: &ListedMember,
    ) -> Result<Option<MembersRefused>, StoreError> {
        if member.role != Role::Owner {
            return Ok(None);
        }
        let (others,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM memberships WHERE organization_id = $1 AND role = 'owner' AND user_id != $2",
            organization.to_string(),
            member.user.id.to_string()
        )?;
        Ok((others == 0).then_some(MembersRefused::LastOwner))
    }

    async fn member(
        &mut self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<ListedMember>, StoreError> {
        fetch_optional!(
            self,
            MemberRow,
            "SELECT u.id, u.email, u.display_name, m.role, m.created_at
             FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND m.user_id = $2",
            organization.to_string(),
            user.to_string()
        )?
        .map(ListedMember::try_from)
        .transpose()
    }

    async fn open_invitation(
        &mut self,
        organization: OrganizationId,
        id: InvitationId,
    ) -> Result<Option<OpenInvitation>, StoreError> {
        fetch_optional!(
            self,
            OpenInvitationRow,
            "SELECT id, email, role, created_at, expires_at FROM invitations
             WHERE organization_id = $1 AND id = $2 AND used_at IS NULL AND revoked_at IS NULL",
            organization.to_string(),
            id.to_string()
        )?
        .map(OpenInvitation::try_from)
        .transpose()
    }
}

/// Whether somebody of this role may manage members of these roles.
fn may_grant(own: Role, roles: &[Role]) -> Option<MembersRefused> {
    if !own.may(Ability::ManageMembers) {
        return Some(MembersRefused::NotAllowed);
    }
    let all = roles.iter().all(|role| own.may_grant(*role));
    (!all).then_some(MembersRefused::AboveOwnRole)
}
