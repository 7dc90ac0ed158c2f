//! Browser sessions, as tower-sessions keeps them. The cookie's value is stored only as a hash.

use futures::FutureExt;

use super::database::{execute, fetch_optional};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;

/// SHA-256 of a session's id.
pub type SessionHash = [u8; 32];

/// What a session holds, and what its owner is shown of it.
#[derive(Clone, Debug)]
pub struct SessionContent {
    /// As tower-sessions keeps it.
    pub data: String,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// Whose it is; nobody's before signing in.
    pub holder: Option<SessionHolder>,
}

/// Whose a session is.
#[derive(Clone, Debug)]
pub struct SessionHolder {
    /// The account.
    pub user: UserId,
    /// What it was begun with, as the browser calls itself.
    pub user_agent: String,
    /// When it was begun.
    pub since: Timestamp,
    /// When a person last used it.
    pub seen: Timestamp,
}

impl Store {
    /// Keeps a new session. Gives `false` if the id is taken, for the caller to choose another.
    pub async fn create_session(&self, id: SessionHash, content: SessionContent) -> Result<bool, StoreError> {
        self.write(move |tx| {
            async move {
                let holder = content.holder.as_ref();
                let made = execute!(
                    tx,
                    "INSERT INTO sessions (id_hash, data, expires_at, user_id, user_agent, created_at, last_seen_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                     ON CONFLICT (id_hash) DO NOTHING",
                    id.to_vec(),
                    &content.data,
                    content.expires_at.as_millis(),
                    holder.map(|holder| holder.user.to_string()),
                    holder.map(|holder| holder.user_agent.as_str()).unwrap_or_default(),
                    holder.map(|holder| holder.since.as_millis()).unwrap_or_default(),
                    holder.map(|holder| holder.seen.as_millis()).unwrap_or_default(),
                )?;
                Ok(made == 1)
            }
            .boxed()
        })
        .await
    }

    /// Saves a session that is there. Never brings back one that was deleted: signing out is final.
    pub async fn save_session(&self, id: SessionHash, content: SessionContent) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let holder = content.holder.as_ref();
                execute!(
                    tx,
                    "UPDATE sessions SET data = $2, expires_at = $3, user_id = $4, user_agent = $5, created_at = $6,
                            last_seen_at = $7
                     WHERE id_hash = $1",
                    id.to_vec(),
                    &content.data,
                    content.expires_at.as_millis(),
                    holder.map(|holder| holder.user.to_string()),
                    holder.map(|holder| holder.user_agent.as_str()).unwrap_or_default(),
                    holder.map(|holder| holder.since.as_millis()).unwrap_or_default(),
                    holder.map(|holder| holder.seen.as_millis()).unwrap_or_default(),
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// A session's data and when it ends, unless it has ended by `now`.
    pub async fn load_session(
        &self,
        id: SessionHash,
        now: Timestamp,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        self.read(move |tx| {
            async move {
                let row = fetch_optional!(
                    tx,
                    (String, i64),
                    "SELECT data, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2",
                    id.to_vec(),
                    now.as_millis()
                )?;
                Ok(row.map(|(data, expires_at)| (data, Timestamp::from_millis(expires_at))))
            }
            .boxed()
        })
        .await
    }

    /// Ends a session.
    pub async fn delete_session(&self, id: SessionHash) -> Result<(), StoreError> {
        self.write(move |tx| async move { tx.delete_session(id).await }.boxed()).await
    }

    /// Forgets the sessions that had ended by `now`.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tx| {
            async move { execute!(tx, "DELETE FROM sessions WHERE expires_at <= $1", now.as_millis()) }
                .boxed()
        })
        .await
    }
}

/// A hash out of its column.
pub(super) fn session_hash(bytes: Vec<u8>) -> Result<SessionHash, StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt { column: "sessions.id_hash", reason: "not a SHA-256".to_owned() })
}

impl Transaction {
    pub(super) async fn delete_session(&mut self, id: SessionHash) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM sessions WHERE id_hash = $1", id.to_vec())?;
        Ok(())
    }
}
