//! Passwords: argon2id with the parameters OWASP recommends, off the async threads
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>).

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::clock::Entropy;
use crate::domain::credential::Password;

/// Hashing takes 19 MiB and a core; more at once would only queue in the kernel.
const HASHES_AT_ONCE: usize = 2;
/// So many wait for their turn at most, so that each still gets it well within the time of a page.
const WAITING_AT_ONCE: usize = 16;

/// What an unknown account's password is compared with, so that it costs the same work.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let password = Password::typed("nobody signs in with this").expect("short enough");
    hash(&password, [0; 16]).expect("the parameters are valid")
});

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 refused its input.
    #[error("a password could not be hashed: {0}")]
    Hash(String),
    /// So many wait already that this one can't.
    #[error("too many passwords are being looked at")]
    Crowded,
    /// The thread ended early.
    #[error("a password's thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// Hashes a new password into a PHC string, for a command; requests go through the console's own hasher.
///
/// # Errors
/// Argon2 failed.
pub async fn hash_new_password(password: Password, entropy: &Entropy) -> Result<String, HashError> {
    let salt = entropy.bytes::<16>();
    tokio::task::spawn_blocking(move || hash(&password, salt)).await?
}

/// Hashes and compares passwords, a few at a time.
#[derive(Clone, Debug)]
pub(super) struct PasswordHasher {
    places: Arc<Semaphore>,
    permits: Arc<Semaphore>,
}

impl Default for PasswordHasher {
    fn default() -> PasswordHasher {
        PasswordHasher {
            places: Arc::new(Semaphore::new(HASHES_AT_ONCE + WAITING_AT_ONCE)),
            permits: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
        }
    }
}

impl PasswordHasher {
    /// Hashes a new password into a PHC string.
    ///
    /// # Errors
    /// Too many wait already, or argon2 failed.
    pub(super) async fn hash(&self, password: Password, entropy: &Entropy) -> Result<String, HashError> {
        let salt = entropy.bytes::<16>();
        let (hashed, _turn) = self.turn().await?.take(move || hash(&password, salt)).await?;
        Ok(hashed)
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Too many wait already.
    pub(super) async fn turn(&self) -> Result<Turn, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| HashError::Crowded)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(Turn { _permit: permit.expect("the semaphore is never closed"), _place: place })
    }
}

/// The right to hash or compare a password. While one is held, few others are.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Turn {
    /// Whether the password is the stored one. Without a stored one the answer is no, after the same work.
    pub(super) async fn matches(
        self,
        password: Password,
        stored: Option<String>,
    ) -> Result<(bool, Turn), HashError> {
        self.take(move || {
            let known = stored.is_some();
            let phc = stored.unwrap_or_else(|| NOBODY.clone());
            let same = argon2id().verify_password(password.expose().as_bytes(), phc.as_str()).is_ok();
            Ok(known && same)
        })
        .await
    }

    /// The thread has the turn: who hangs up early does not let another in beside it.
    async fn take<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<(T, Turn), HashError> {
        tokio::task::spawn_blocking(move || Ok((work()?, self))).await?
    }
}

fn hash(password: &Password, salt: [u8; 16]) -> Result<String, HashError> {
    argon2id()
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError::Hash(error.to_string()))
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("OWASP's parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches_and_an_unknown_account_never_does() {
        let typed = |text: &str| Password::typed(text).unwrap();
        let hasher = PasswordHasher::default();
        let stored = hasher.hash(typed("trailpost-demo"), &Entropy::system()).await.unwrap();
        let matches =
            async |text, stored| hasher.turn().await.unwrap().matches(typed(text), stored).await.unwrap().0;
        assert!(matches("trailpost-demo", Some(stored.clone())).await);
        assert!(!matches("trailpost-demo ", Some(stored)).await);
        assert!(!matches("nobody signs in with this", None).await);
    }

    #[tokio::test]
    async fn a_queue_that_is_full_turns_the_next_away_at_once() {
        let hasher = PasswordHasher::default();
        let mut queue: Vec<_> =
            (0..HASHES_AT_ONCE + WAITING_AT_ONCE).map(|_| Box::pin(hasher.turn())).collect();
        let turns: Vec<_> = queue.iter_mut().map(|turn| turn.now_or_never()).collect();
        assert_eq!(turns.iter().flatten().count(), HASHES_AT_ONCE, "the others wait");
        assert!(matches!(hasher.turn().now_or_never(), Some(Err(HashError::Crowded))));
        drop((turns, queue));
        assert!(matches!(hasher.turn().now_or_never(), Some(Ok(_))), "who leaves the queue makes room");
    }
}
