//! Password resets: links that set an account's password, once.
//!
//! Guarantees:
//! - a link is used at most once, however many press at the same moment: a conditional UPDATE decides;
//! - with the new password every session and every other reset link of the account is over, and every browser that
//!   signed in to it is forgotten;
//! - all of it, and a record in every organization of the account, commits together or not at all.

use futures::FutureExt;

use super::database::{execute, fetch_optional, holding, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{LINK_LIFETIME, TokenHash};
use crate::domain::event_catalog;
use crate::domain::id::{PasswordResetId, UserId};
use crate::domain::throttle::Subject;
use crate::domain::user::{DisplayName, EmailAddress, User};

/// Why a password was not set. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ResetRefused {
    /// The link is unknown, used, expired or revoked.
    #[error("this password-reset link can’t be used any more")]
    LinkOver,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    email: String,
    display_name: String,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<User, StoreError> {
        Ok(User {
            id: parse("users.id", &row.id)?,
            email: parse("users.email", &row.email)?,
            display_name: DisplayName::stored(&row.display_name),
        })
    }
}

impl Store {
    /// Keeps the hash of a new reset link; an older one of the account is revoked. Gives when it ends, or `None`
    /// where the e-mail address has no account.
    pub async fn create_password_reset(
        &self,
        email: EmailAddress,
        token: TokenHash,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.write(move |tx| {
            async move {
                let Some(user) = tx.take_account(&email).await? else { return Ok(None) };
                tx.revoke_password_resets(user).await?;
                tx.insert_password_reset(user, token).await.map(Some)
            }
            .boxed()
        })
        .await
    }

    /// Revokes what nobody has used of an account's reset links. Gives how many that were, or `None` where the e-mail
    /// address has no account.
    pub async fn revoke_password_resets(&self, email: EmailAddress) -> Result<Option<u64>, StoreError> {
        self.write(move |tx| {
            async move {
                let Some(user) = tx.take_account(&email).await? else { return Ok(None) };
                tx.revoke_password_resets(user).await.map(Some)
            }
            .boxed()
        })
        .await
    }

    /// The account whose password a link sets, if the link can still be used.
    pub async fn password_reset(&self, token: TokenHash) -> Result<Option<User>, StoreError> {
        self.read(move |tx| async move { tx.password_reset(token).await }.boxed()).await
    }

    /// Uses a reset link: sets the password of its account, which it gives. `caller` names that account as who acts.
    ///
    /// # Errors
    /// The link can't be used any more, or the store failed.
    pub async fn reset_password(
        &self,
        token: TokenHash,
        password_hash: String,
        caller: impl FnOnce(&User) -> Caller + Send + 'static,
    ) -> Result<User, ResetRefused> {
        self.write(move |tx| {
            async move {
                let user = tx.password_reset(token).await?.ok_or(ResetRefused::LinkOver)?;
                let mut organizations = tx.lock_organizations_of(user.id).await?;
                tx.set_password(user.id, password_hash).await?;
                tx.use_password_reset(token).await?;
                tx.revoke_password_resets(user.id).await?;
                tx.forget_devices(user.id).await?;
                tx.end_sessions_of(user.id, None).await?;
                tx.forget_failed_sign_ins(&Subject::account(&user.email)).await?;
                let caller = caller(&user);
                let event = |role| event_catalog::set_password(&user, role);
                tx.record_of_account(&mut organizations, &caller, &user, event).await?;
                Ok(user)
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    /// Takes the account's row for the rest of the transaction. Whoever takes reset links takes their account first.
    async fn take_account(&mut self, email: &EmailAddress) -> Result<Option<UserId>, StoreError> {
        let account = holding!("SELECT id FROM users WHERE email = $1");
        fetch_optional!(self, (String,), account, email.as_str())?
            .map(|(id,)| parse("users.id", &id))
            .transpose()
    }

    async fn insert_password_reset(
        &mut self,
        user: UserId,
        token: TokenHash,
    ) -> Result<Timestamp, StoreError> {
        let now = self.clock.wall();
        let expires_at = now + LINK_LIFETIME;
        execute!(
            self,
            "INSERT INTO password_resets (id, user_id, token_hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            PasswordResetId::generate(&self.clock, &self.entropy).to_string(),
            user.to_string(),
            token.as_bytes().to_vec(),
            now.as_millis(),
            expires_at.as_millis(),
        )?;
        Ok(expires_at)
    }

    pub(super) async fn revoke_password_resets(&mut self, user: UserId) -> Result<u64, StoreError> {
        execute!(
            self,
            "UPDATE password_resets SET revoked_at = $2
             WHERE user_id = $1 AND used_at IS NULL AND revoked_at IS NULL",
            user.to_string(),
            self.clock.wall().as_millis()
        )
    }

    async fn password_reset(&mut self, token: TokenHash) -> Result<Option<User>, StoreError> {
        fetch_optional!(
            self,
            UserRow,
            "SELECT u.id, u.email, u.display_name FROM password_resets r JOIN users u ON u.id = r.user_id
             WHERE r.token_hash = $1 AND r.used_at IS NULL AND r.revoked_at IS NULL AND r.expires_at > $2",
            token.as_bytes().to_vec(),
            self.clock.wall().as_millis()
        )?
        .map(User::try_from)
        .transpose()
    }

    /// Sets the password. What stands beside it grows even where two resets share a millisecond: it is what
    /// sessions are told apart by.
    pub(super) async fn set_password(
        &mut self,
        user: UserId,
        password_hash: String,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE users SET password_hash = $2,
                    password_set_at = CASE WHEN password_set_at < $3 THEN $3 ELSE password_set_at + 1 END
             WHERE id = $1",
            user.to_string(),
            password_hash,
            self.clock.wall().as_millis()
        )?;
        Ok(())
    }

    /// Takes the link, for good. Who comes second finds it used.
    async fn use_password_reset(&mut self, token: TokenHash) -> Result<(), ResetRefused> {
        let used = execute!(
            self,
            "UPDATE password_resets SET used_at = $2
             WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
            token.as_bytes().to_vec(),
            self.clock.wall().as_millis()
        )?;
        if used == 1 { Ok(()) } else { Err(ResetRefused::LinkOver) }
    }
}
