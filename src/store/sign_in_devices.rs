//! The browsers that people signed in with, each known by the hash of its token. One browser may know several
//! accounts, by one token.

use futures::FutureExt;

use super::database::{execute, fetch_optional, holding};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::credential::TokenHash;
use crate::domain::id::UserId;
use crate::domain::throttle::{MOST_DEVICES, SignInTry};

/// A browser that is to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// The token that it brought, if it brought one. One that nobody was given is not taken.
    pub brought: Option<TokenHash>,
    /// The one that it is given otherwise.
    pub fresh: TokenHash,
}

impl Store {
    /// Remembers the browser of somebody who has proved to be the account's owner otherwise than by its password. Gives
    /// whether it was known already, to any account: if not, it is to be given the fresh token.
    pub async fn remember_device(
        &self,
        user: UserId,
        device: Device,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| async move { tx.remember_device(user, device, now).await }.boxed()).await
    }
}

impl Transaction {
    /// Whether somebody signed in to the account with this browser before.
    pub(super) async fn is_known_device(&mut self, attempt: &SignInTry) -> Result<bool, StoreError> {
        let (Some(email), Some(device)) = (&attempt.email, attempt.device) else { return Ok(false) };
        let found = fetch_optional!(
            self,
            (String,),
            "SELECT d.user_id FROM sign_in_devices d JOIN users u ON u.id = d.user_id
             WHERE d.token_hash = $1 AND u.email = $2",
            device.as_bytes().to_vec(),
            email.as_str()
        )?;
        Ok(found.is_some())
    }

    /// Holds the account: two sign-ins of one account come one after the other.
    pub(super) async fn remember_device(
        &mut self,
        user: UserId,
        device: Device,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let account = holding!("SELECT email FROM users WHERE id = $1");
        fetch_optional!(self, (String,), account, user.to_string())?;
        let brought = match device.brought {
            Some(token) if self.was_given_to_a_browser(token).await? => Some(token),
            _ => None,
        };
        self.save_device(user, brought.unwrap_or(device.fresh), now).await?;
        self.forget_least_used_devices(user).await?;
        Ok(brought.is_some())
    }

    async fn was_given_to_a_browser(&mut self, token: TokenHash) -> Result<bool, StoreError> {
        let found = fetch_optional!(
            self,
            (String,),
            "SELECT user_id FROM sign_in_devices WHERE token_hash = $1 LIMIT 1",
            token.as_bytes().to_vec()
        )?;
        Ok(found.is_some())
    }

    async fn save_device(
        &mut self,
        user: UserId,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO sign_in_devices (user_id, token_hash, created_at, last_used_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (user_id, token_hash) DO UPDATE SET last_used_at = $3",
            user.to_string(),
            token.as_bytes().to_vec(),
            now.as_millis()
        )?;
        Ok(())
    }

    async fn forget_least_used_devices(&mut self, user: UserId) -> Result<(), StoreError> {
        execute!(
            self,
            "DELETE FROM sign_in_devices WHERE user_id = $1 AND token_hash NOT IN (
                 SELECT token_hash FROM sign_in_devices WHERE user_id = $1
                 ORDER BY last_used_at DESC, token_hash LIMIT $2
             )",
            user.to_string(),
            MOST_DEVICES
        )?;
        Ok(())
    }

    /// Forgets every browser of an account, whose row is held.
    pub(super) async fn forget_devices(&mut self, user: UserId) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM sign_in_devices WHERE user_id = $1", user.to_string())?;
        Ok(())
    }
}
