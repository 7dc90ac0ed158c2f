//! Users, and the sign-ins and sign-outs that are recorded in every organization of theirs.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_optional, parse};
use super::sessions::SessionHash;
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::credential::PasswordVersion;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::user::{DisplayName, EmailAddress, User};

/// An account, and what a sign-in and the sessions after it are checked against.
#[derive(Clone)]
pub struct SignIn {
    /// The account.
    pub user: User,
    /// Its password as a PHC string.
    pub password_hash: String,
    /// Which password that is.
    pub password_version: PasswordVersion,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    email: String,
    display_name: String,
    password_hash: String,
    password_set_at: i64,
}

impl TryFrom<UserRow> for SignIn {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<SignIn, StoreError> {
        Ok(SignIn {
            user: User {
                id: parse("users.id", &row.id)?,
                email: parse("users.email", &row.email)?,
                display_name: DisplayName::stored(&row.display_name),
            },
            password_hash: row.password_hash,
            password_version: PasswordVersion::new(row.password_set_at),
        })
    }
}

impl Store {
    /// Makes an account. `password_hash` is a PHC string.
    pub async fn create_user(
        &self,
        email: EmailAddress,
        display_name: DisplayName,
        password_hash: String,
    ) -> Result<User, StoreError> {
        self.write(move |tx| {
            async move {
                let id = UserId::generate(&tx.clock, &tx.entropy);
                execute!(
                    tx,
                    "INSERT INTO users (id, email, display_name, password_hash, created_at)
                     VALUES ($1, $2, $3, $4, $5)",
                    id.to_string(),
                    email.as_str(),
                    display_name.as_str(),
                    password_hash,
                    tx.clock.now().as_millis(),
                )?;
                Ok(User { id, email, display_name })
            }
            .boxed()
        })
        .await
    }

    /// The account with this e-mail address and what its password is checked against.
    pub async fn sign_in(&self, email: EmailAddress) -> Result<Option<SignIn>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_optional!(
                    tx,
                    UserRow,
                    "SELECT id, email, display_name, password_hash, password_set_at FROM users WHERE email = $1",
                    email.as_str()
                )?
                .map(SignIn::try_from)
                .transpose()
            }
            .boxed()
        })
        .await
    }

    /// The account with this id, and what a session of it is checked against.
    pub async fn account(&self, id: UserId) -> Result<Option<SignIn>, StoreError> {
        self.read(move |tx| async move { tx.account(id).await }.boxed()).await
    }

    /// Records that a user signed in, in every organization of theirs.
    pub async fn record_login(&self, caller: Caller, user: User) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let event = event_catalog::login(&user);
                tx.record_in_every_organization(&caller, user.id, event).await
            }
            .boxed()
        })
        .await
    }

    /// Ends a user's session and records it in every organization of theirs.
    pub async fn sign_out(&self, caller: Caller, user: User, session: SessionHash) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                tx.delete_session(session).await?;
                let event = event_catalog::logout(&user);
                tx.record_in_every_organization(&caller, user.id, event).await
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    pub(super) async fn account(&mut self, id: UserId) -> Result<Option<SignIn>, StoreError> {
        fetch_optional!(
            self,
            UserRow,
            "SELECT id, email, display_name, password_hash, password_set_at FROM users WHERE id = $1",
            id.to_string()
        )?
        .map(SignIn::try_from)
        .transpose()
    }

    async fn record_in_every_organization(
        &mut self,
        caller: &Caller,
        user: UserId,
        event: EventDraft,
    ) -> Result<(), StoreError> {
        for locked in &mut self.lock_organizations_of(user).await? {
            self.append_event(locked, caller, event.clone()).await?;
        }
        Ok(())
    }

    pub(super) async fn lock_organizations_of(
        &mut self,
        user: UserId,
    ) -> Result<Vec<LockedOrganization>, StoreError> {
        let mut organizations = Vec::new();
        for id in self.organizations_of(user).await? {
            organizations.extend(self.lock_organization(id).await?);
        }
        Ok(organizations)
    }

    /// In id order, as locks are taken.
    async fn organizations_of(&mut self, user: UserId) -> Result<Vec<OrganizationId>, StoreError> {
        let rows = fetch_all!(
            self,
            (String,),
            "SELECT organization_id FROM memberships WHERE user_id = $1 ORDER BY organization_id",
            user.to_string()
        )?;
        rows.iter().map(|(id,)| parse("memberships.organization_id", id)).collect()
    }
}
