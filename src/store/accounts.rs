//! What people change of their own account: name, password, sessions.
//!
//! Guarantees:
//! - a new password is taken only in place of the one that was proved: of two changes at once, one finds it gone;
//! - with it every other session and every reset link of the account is over, and every browser that signed in to it is
//!   forgotten;
//! - each change, and a record of it in every organization of the account, commits together or not at all.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_one};
use super::sessions::{SessionHash, session_hash};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::PasswordVersion;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::UserId;
use crate::domain::membership::Role;
use crate::domain::user::{DisplayName, User};

/// A session of an account, for its owner to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// What it is known by.
    pub id: SessionHash,
    /// What it was begun with, as the browser calls itself.
    pub user_agent: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When a person last used it, to a minute.
    pub last_seen_at: Timestamp,
}

/// Why a password was not changed. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// The password that was proved is not the account's any more.
    #[error("the password was changed meanwhile")]
    ChangedMeanwhile,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Calls an account otherwise. The same name again changes and records nothing. What the record has as the name
    /// before is the one that was replaced, also where two rename at once.
    pub async fn rename_user(&self, caller: Caller, user: User, name: DisplayName) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let mut organizations = tx.lock_organizations_of(user.id).await?;
                let user = User { display_name: tx.hold_display_name(user.id).await?, ..user };
                if user.display_name == name {
                    return Ok(());
                }
                execute!(
                    tx,
                    "UPDATE users SET display_name = $2 WHERE id = $1",
                    user.id.to_string(),
                    name.as_str()
                )?;
                let event = |role| event_catalog::rename_user(&user, role, &name);
                tx.record_of_account(&mut organizations, &caller, &user, event).await
            }
            .boxed()
        })
        .await
    }

    /// Sets an account's password in place of the version that was proved. Ends every session of it: whoever changes it
    /// signs in again under the version that this gives.
    ///
    /// # Errors
    /// The password was changed meanwhile, or the store failed.
    pub async fn change_password(
        &self,
        caller: Caller,
        user: User,
        proved: PasswordVersion,
        password_hash: String,
    ) -> Result<PasswordVersion, PasswordRefused> {
        self.write(move |tx| {
            async move {
                let mut organizations = tx.lock_organizations_of(user.id).await?;
                if tx.hold_account(user.id).await? != proved {
                    return Err(PasswordRefused::ChangedMeanwhile);
                }
                tx.set_password(user.id, password_hash).await?;
                tx.revoke_password_resets(user.id).await?;
                tx.forget_devices(user.id).await?;
                tx.end_sessions_of(user.id, None).await?;
                let event = |role| event_catalog::set_password(&user, role);
                tx.record_of_account(&mut organizations, &caller, &user, event).await?;
                Ok(tx.hold_account(user.id).await?)
            }
            .boxed()
        })
        .await
    }

    /// The sessions of an account that have not ended by `now`, the one used last first.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<ListedSession>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_all!(
                    tx,
                    (Vec<u8>, String, i64, i64),
                    "SELECT id_hash, user_agent, created_at, last_seen_at FROM sessions
                     WHERE user_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, created_at DESC, id_hash",
                    user.to_string(),
                    now.as_millis()
                )?
                .into_iter()
                .map(|(id, user_agent, created_at, last_seen_at)| {
                    Ok(ListedSession {
                        id: session_hash(id)?,
                        user_agent,
                        created_at: Timestamp::from_millis(created_at),
                        last_seen_at: Timestamp::from_millis(last_seen_at),
                    })
                })
                .collect()
            }
            .boxed()
        })
        .await
    }

    /// Ends one session of an account. Gives `false` if it has none with this id.
    pub async fn end_session(
        &self,
        caller: Caller,
        user: User,
        session: SessionHash,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            async move {
                let mut organizations = tx.lock_organizations_of(user.id).await?;
                let ended = execute!(
                    tx,
                    "DELETE FROM sessions WHERE user_id = $1 AND id_hash = $2",
                    user.id.to_string(),
                    session.to_vec()
                )?;
                tx.record_ended_sessions(&mut organizations, &caller, &user, ended).await?;
                Ok(ended == 1)
            }
            .boxed()
        })
        .await
    }

    /// Ends every session of an account but the one that is kept. Gives how many that were.
    pub async fn end_other_sessions(
        &self,
        caller: Caller,
        user: User,
        kept: SessionHash,
    ) -> Result<u64, StoreError> {
        self.write(move |tx| {
            async move {
                let mut organizations = tx.lock_organizations_of(user.id).await?;
                let ended = tx.end_sessions_of(user.id, Some(kept)).await?;
                tx.record_ended_sessions(&mut organizations, &caller, &user, ended).await?;
                Ok(ended)
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    /// Takes the account's row for the rest of the transaction; gives which password is in force.
    async fn hold_account(&mut self, user: UserId) -> Result<PasswordVersion, StoreError> {
        let account = super::database::holding!("SELECT password_set_at FROM users WHERE id = $1");
        let (version,) = fetch_one!(self, (i64,), account, user.to_string())?;
        Ok(PasswordVersion::new(version))
    }

    /// Takes the account's row for the rest of the transaction; gives how its owner is called.
    async fn hold_display_name(&mut self, user: UserId) -> Result<DisplayName, StoreError> {
        let account = super::database::holding!("SELECT display_name FROM users WHERE id = $1");
        let (name,) = fetch_one!(self, (String,), account, user.to_string())?;
        Ok(DisplayName::stored(&name))
    }

    /// Ends the sessions of an account, but for one that is kept.
    pub(super) async fn end_sessions_of(
        &mut self,
        user: UserId,
        kept: Option<SessionHash>,
    ) -> Result<u64, StoreError> {
        execute!(
            self,
            "DELETE FROM sessions WHERE user_id = $1 AND id_hash != $2",
            user.to_string(),
            kept.map(|id| id.to_vec()).unwrap_or_default()
        )
    }

    async fn record_ended_sessions(
        &mut self,
        organizations: &mut [LockedOrganization],
        caller: &Caller,
        user: &User,
        ended: u64,
    ) -> Result<(), StoreError> {
        if ended == 0 {
            return Ok(());
        }
        let event = |role| event_catalog::end_sessions(user, role, ended);
        self.record_of_account(organizations, caller, user, event).await
    }

    /// Records in each of these organizations what happened to an account of theirs.
    pub(super) async fn record_of_account(
        &mut self,
        organizations: &mut [LockedOrganization],
        caller: &Caller,
        user: &User,
        event: impl Fn(Role) -> EventDraft,
    ) -> Result<(), StoreError> {
        for locked in organizations {
            // Whose membership ended in between is none of the organization's any more.
            if let Some(role) = self.role(locked.organization.id, user.id).await? {
                self.append_event(locked, caller, event(role)).await?;
            }
        }
        Ok(())
    }
}
