//! Invitations: links that make their bearer a member, once.
//!
//! Guarantees:
//! - a link is used at most once, however many press at the same moment: a conditional UPDATE decides;
//! - it is used only while its sender may still give its role (`invitation_senders`);
//! - only an e-mail address without an account gets one; the password of an existing account is never touched;
//! - a membership and its record commit together with the use of the link, or none of them does.

use futures::FutureExt;

use super::database::{execute, fetch_optional, parse};
use super::members::OpenInvitation;
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError, invitation_senders};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{LINK_LIFETIME, TokenHash};
use crate::domain::event_catalog;
use crate::domain::id::{InvitationId, OrganizationId, UserId};
use crate::domain::invitation::{Invitation, Sender};
use crate::domain::membership::Role;
use crate::domain::organization::{Organization, OrganizationName, Plan};
use crate::domain::user::{DisplayName, EmailAddress, User};

/// An invitation to be made. The token itself is shown once, by the caller, and never stored.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Where to.
    pub organization: OrganizationId,
    /// Whom.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// The hash of the link's token.
    pub token: TokenHash,
}

/// Why an invitation was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum InviteRefused {
    /// There is no such organization.
    #[error("there is no organization with this ID")]
    UnknownOrganization,
    /// The e-mail address belongs to a member.
    #[error("this e-mail address belongs to a member of the organization already")]
    AlreadyMember,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an invitation was not accepted. Nothing was changed, and it can be used as before.
#[derive(Debug, thiserror::Error)]
pub enum AcceptRefused {
    /// It is unknown, used, expired or revoked.
    #[error("this invitation can’t be used any more")]
    LinkOver,
    /// The e-mail address has an account: its owner has to sign in.
    #[error("this e-mail address has an account")]
    AccountExists,
    /// It is for another account.
    #[error("this invitation is for another account")]
    OtherAccount,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(sqlx::FromRow)]
struct InvitationRow {
    organization_id: String,
    name: String,
    email: String,
    role: String,
    sender_kind: Option<String>,
    sender_id: Option<String>,
    account: Option<String>,
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Invitation, StoreError> {
        Ok(Invitation {
            organization_id: parse("invitations.organization_id", &row.organization_id)?,
            organization_name: OrganizationName::stored(&row.name),
            email: parse("invitations.email", &row.email)?,
            role: parse("invitations.role", &row.role)?,
            has_account: row.account.is_some(),
        })
    }
}

impl Store {
    /// Makes an organization and the invitation of its first owner. Gives when the invitation ends.
    ///
    /// # Errors
    /// The store failed; neither was made.
    pub async fn create_organization_with_owner(
        &self,
        caller: Caller,
        name: OrganizationName,
        plan: Plan,
        email: EmailAddress,
        token: TokenHash,
    ) -> Result<(Organization, Timestamp), StoreError> {
        self.write(move |tx| {
            async move {
                let made = tx.create_organization(name, plan).await?;
                let mut locked = tx.lock_organization(made.id).await?.ok_or_else(|| StoreError::Corrupt {
                    column: "organizations.id",
                    reason: "an organization that was just made is not there".to_owned(),
                })?;
                let invite = Invite { organization: made.id, email, role: Role::Owner, token };
                let sent = tx.send_invitation(&mut locked, &caller, Sender::Operator, &invite).await?;
                Ok((made, sent.expires_at))
            }
            .boxed()
        })
        .await
    }

    /// Invites somebody for the operator. An older invitation of theirs to the organization is revoked. Gives when the
    /// new one ends.
    ///
    /// # Errors
    /// There is no such organization, the e-mail address is a member's, or the store failed.
    pub async fn invite(&self, caller: Caller, invite: Invite) -> Result<Timestamp, InviteRefused> {
        self.write(move |tx| async move { tx.invite(&caller, &invite).await }.boxed()).await
    }

    /// Revokes for the operator what nobody has used of somebody's invitations to an organization. Gives how many that
    /// were, or `None` if there is no such organization.
    pub async fn revoke_invitations(
        &self,
        caller: Caller,
        organization: OrganizationId,
        email: EmailAddress,
    ) -> Result<Option<u64>, StoreError> {
        self.write(move |tx| {
            async move { tx.revoke_invitations(&caller, organization, &email).await }.boxed()
        })
        .await
    }

    /// The invitation behind a link, if it can still be used.
    pub async fn invitation(&self, token: TokenHash) -> Result<Option<Invitation>, StoreError> {
        self.read(move |tx| async move { tx.invitation(token).await }.boxed()).await
    }

    /// Uses an invitation: makes the account and its membership. `caller` names the new account as who acts.
    ///
    /// # Errors
    /// The link can't be used any more, the e-mail address has an account by now, or the store failed.
    pub async fn accept_as_new_account(
        &self,
        token: TokenHash,
        display_name: DisplayName,
        password_hash: String,
        caller: impl FnOnce(&User) -> Caller + Send + 'static,
    ) -> Result<(User, Organization), AcceptRefused> {
        self.write(move |tx| {
            async move {
                let (invitation, mut locked) = tx.use_invitation(token).await?;
                let user = tx
                    .create_account(invitation.email, display_name, password_hash)
                    .await?
                    .ok_or(AcceptRefused::AccountExists)?;
                let caller = caller(&user);
                tx.join(&mut locked, &caller, &user, invitation.role).await?;
                Ok((user, locked.organization))
            }
            .boxed()
        })
        .await
    }

    /// Uses an invitation for the account that it is for. A member keeps the role they have.
    ///
    /// # Errors
    /// The link can't be used any more, it is for another account, or the store failed.
    pub async fn accept_as_account(
        &self,
        caller: Caller,
        user: User,
        token: TokenHash,
    ) -> Result<Organization, AcceptRefused> {
        self.write(move |tx| {
            async move {
                let (invitation, mut locked) = tx.use_invitation(token).await?;
                if invitation.email != user.email {
                    return Err(AcceptRefused::OtherAccount);
                }
                tx.join(&mut locked, &caller, &user, invitation.role).await?;
                Ok(locked.organization)
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    async fn invite(&mut self, caller: &Caller, invite: &Invite) -> Result<Timestamp, InviteRefused> {
        let locked = self.lock_organization(invite.organization).await?;
        let mut locked = locked.ok_or(InviteRefused::UnknownOrganization)?;
        if self.is_member(invite.organization, &invite.email).await? {
            return Err(InviteRefused::AlreadyMember);
        }
        Ok(self.send_invitation(&mut locked, caller, Sender::Operator, invite).await?.expires_at)
    }

    /// Makes an invitation in place of an older one, and records it. The organization is held to the end: two
    /// invitations of one person come one after the other.
    pub(super) async fn send_invitation(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        sender: Sender,
        invite: &Invite,
    ) -> Result<OpenInvitation, StoreError> {
        let replaced = self.open_invitation_of(invite.organization, &invite.email).await?;
        self.revoke_invitations_of(invite.organization, &invite.email).await?;
        let sent = self.insert_invitation(sender, invite).await?;
        let event = event_catalog::create_invitation(&invite.email, invite.role, replaced);
        self.append_event(locked, caller, event).await?;
        Ok(sent)
    }

    async fn revoke_invitations(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        email: &EmailAddress,
    ) -> Result<Option<u64>, StoreError> {
        let Some(mut locked) = self.lock_organization(organization).await? else { return Ok(None) };
        let Some(role) = self.open_invitation_of(organization, email).await? else { return Ok(Some(0)) };
        let revoked = self.revoke_invitations_of(organization, email).await?;
        self.append_event(&mut locked, caller, event_catalog::delete_invitation(email, role)).await?;
        Ok(Some(revoked))
    }

    /// The role that somebody's open invitation would give them.
    async fn open_invitation_of(
        &mut self,
        organization: OrganizationId,
        email: &EmailAddress,
    ) -> Result<Option<Role>, StoreError> {
        fetch_optional!(
            self,
            (String,),
            "SELECT role FROM invitations
             WHERE organization_id = $1 AND email = $2 AND used_at IS NULL AND revoked_at IS NULL",
            organization.to_string(),
            email.as_str()
        )?
        .map(|(role,)| parse("invitations.role", &role))
        .transpose()
    }

    pub(super) async fn is_member(
        &mut self,
        organization: OrganizationId,
        email: &EmailAddress,
    ) -> Result<bool, StoreError> {
        let found = fetch_optional!(
            self,
            (String,),
            "SELECT m.role FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND u.email = $2",
            organization.to_string(),
            email.as_str()
        )?;
        Ok(found.is_some())
    }

    pub(super) async fn revoke_invitations_of(
        &mut self,
        organization: OrganizationId,
        email: &EmailAddress,
    ) -> Result<u64, StoreError> {
        execute!(
            self,
            "UPDATE invitations SET revoked_at = $3
             WHERE organization_id = $1 AND email = $2 AND used_at IS NULL AND revoked_at IS NULL",
            organization.to_string(),
            email.as_str(),
            self.clock.wall().as_millis()
        )
    }

    async fn insert_invitation(
        &mut self,
        sender: Sender,
        invite: &Invite,
    ) -> Result<OpenInvitation, StoreError> {
        let id = InvitationId::generate(&self.clock, &self.entropy);
        let now = self.clock.wall();
        let (sender_kind, sender_id) = invitation_senders::columns(sender);
        let expires_at = now + LINK_LIFETIME;
        execute!(
            self,
            "INSERT INTO invitations (id, organization_id, email, role, token_hash, created_at, expires_at,
                                      sender_kind, sender_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            id.to_string(),
            invite.organization.to_string(),
            invite.email.as_str(),
            invite.role.as_str(),
            invite.token.as_bytes().to_vec(),
            now.as_millis(),
            expires_at.as_millis(),
            sender_kind,
            sender_id,
        )?;
        let Invite { email, role, .. } = invite;
        Ok(OpenInvitation { id, email: email.clone(), role: *role, created_at: now, expires_at })
    }

    async fn invitation(&mut self, token: TokenHash) -> Result<Option<Invitation>, StoreError> {
        let row = fetch_optional!(
            self,
            InvitationRow,
            "SELECT i.organization_id, o.name, i.email, i.role, i.sender_kind, i.sender_id, u.id AS account
             FROM invitations i JOIN organizations o ON o.id = i.organization_id
             LEFT JOIN users u ON u.email = i.email
             WHERE i.token_hash = $1 AND i.used_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > $2",
            token.as_bytes().to_vec(),
            self.clock.wall().as_millis()
        )?;
        let Some(row) = row else { return Ok(None) };
        let sender = invitation_senders::from_columns(row.sender_kind.as_deref(), row.sender_id.as_deref())?;
        let invitation = Invitation::try_from(row)?;
        let usable = self.may_still_be_used(invitation.organization_id, sender, invitation.role).await?;
        Ok(usable.then_some(invitation))
    }

    /// Which organization's row has to be taken to use a link.
    async fn organization_of_link(&mut self, token: TokenHash) -> Result<Option<OrganizationId>, StoreError> {
        fetch_optional!(
            self,
            (String,),
            "SELECT organization_id FROM invitations WHERE token_hash = $1",
            token.as_bytes().to_vec()
        )?
        .map(|(id,)| parse("invitations.organization_id", &id))
        .transpose()
    }

    /// Takes the organization and then the link, for good. Who comes second finds it used. While the organization is
    /// held nobody's role changes: the sender's rights are those at the commit.
    async fn use_invitation(
        &mut self,
        token: TokenHash,
    ) -> Result<(Invitation, LockedOrganization), AcceptRefused> {
        let organization = self.organization_of_link(token).await?.ok_or(AcceptRefused::LinkOver)?;
        let locked = self.lock_organization(organization).await?.ok_or(AcceptRefused::LinkOver)?;
        let invitation = self.invitation(token).await?.ok_or(AcceptRefused::LinkOver)?;
        let used = execute!(
            self,
            "UPDATE invitations SET used_at = $2
             WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
            token.as_bytes().to_vec(),
            self.clock.wall().as_millis()
        )?;
        if used == 1 { Ok((invitation, locked)) } else { Err(AcceptRefused::LinkOver) }
    }

    /// `None` if the e-mail address has an account, also one that another transaction is just making.
    async fn create_account(
        &mut self,
        email: EmailAddress,
        display_name: DisplayName,
        password_hash: String,
    ) -> Result<Option<User>, StoreError> {
        let id = UserId::generate(&self.clock, &self.entropy);
        let made = execute!(
            self,
            "INSERT INTO users (id, email, display_name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (email) DO NOTHING",
            id.to_string(),
            email.as_str(),
            display_name.as_str(),
            password_hash,
            self.clock.now().as_millis(),
        )?;
        Ok((made == 1).then_some(User { id, email, display_name }))
    }

    /// Makes a user a member and records it, unless they are one.
    async fn join(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        user: &User,
        role: Role,
    ) -> Result<(), StoreError> {
        let joined = execute!(
            self,
            "INSERT INTO memberships (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organization_id, user_id) DO NOTHING",
            locked.organization.id.to_string(),
            user.id.to_string(),
            role.as_str(),
            self.clock.now().as_millis(),
        )?;
        if joined == 1 {
            self.append_event(locked, caller, event_catalog::create_user(user, role)).await?;
        }
        Ok(())
    }
}
