//! Browser sessions, as tower-sessions keeps them. The cookie's value is stored only as a hash.

use futures::FutureExt;

use super::database::{execute, fetch_optional};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;

/// SHA-256 of a session's id.
pub type SessionHash = [u8; 32];

impl Store {
    /// Keeps a new session. Gives `false` if the id is taken, for the caller to choose another.
    pub async fn create_session(
        &self,
        id: SessionHash,
        data: String,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            async move {
                let made = execute!(
                    tx,
                    "INSERT INTO sessions (id_hash, data, expires_at) VALUES ($1, $2, $3)
                     ON CONFLICT (id_hash) DO NOTHING",
                    id.to_vec(),
                    data,
                    expires_at.as_millis()
                )?;
                Ok(made == 1)
            }
            .boxed()
        })
        .await
    }

    /// Saves a session that is there. Never brings back one that was deleted: signing out is final.
    pub async fn save_session(
        &self,
        id: SessionHash,
        data: String,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE sessions SET data = $2, expires_at = $3 WHERE id_hash = $1",
                    id.to_vec(),
                    data,
                    expires_at.as_millis()
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

impl Transaction {
    pub(super) async fn delete_session(&mut self, id: SessionHash) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM sessions WHERE id_hash = $1", id.to_vec())?;
        Ok(())
    }
}
