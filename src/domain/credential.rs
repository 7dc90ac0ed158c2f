//! Secrets: passwords, and the tokens of producers, API keys, service accounts, links and browsers. Debug never shows
//! them; tokens are stored only as hashes.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Entropy;
use super::name::name;

/// Longer ones would let a sign-in cost what its sender likes.
const LONGEST_PASSWORD: usize = 256;
const SHORTEST_NEW_PASSWORD: usize = 12;
/// Hexadecimal digits of a token that are shown again.
const START_DIGITS: usize = 8;

/// How long an invitation or password-reset link can be used.
pub const LINK_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// A password as typed. Not stored; hashed by whoever checks it.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// Why a password was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short for a new one.
    #[error("Use at least 12 characters.")]
    TooShort,
    /// Too long to be hashed.
    #[error("Use at most 256 bytes.")]
    TooLong,
}

impl Password {
    /// A new password.
    ///
    /// # Errors
    /// It is shorter than 12 characters or longer than 256 bytes.
    pub fn new(typed: &str) -> Result<Password, PasswordError> {
        if typed.chars().count() < SHORTEST_NEW_PASSWORD {
            return Err(PasswordError::TooShort);
        }
        Password::typed(typed)
    }

    /// A password to be compared with a stored one.
    ///
    /// # Errors
    /// It is longer than any stored one can be.
    pub fn typed(typed: &str) -> Result<Password, PasswordError> {
        if typed.len() > LONGEST_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        Ok(Password(SecretString::from(typed)))
    }

    /// The plain text.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

name!(
    /// The name of a producer: 1 to 100 characters, trimmed and normalized.
    ProducerName
);

/// Which of an account's passwords is in force. A session keeps the one that it was made under, and is over when the
/// account's differs: there are no clocks to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordVersion(i64);

impl PasswordVersion {
    /// The version of that number.
    pub fn new(number: i64) -> PasswordVersion {
        PasswordVersion(number)
    }
}

/// A secret of 256 random bits in hexadecimal, behind a start that says what it is for. Shown once.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $start:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(SecretString);

        impl $name {
            /// A new one.
            pub fn generate(entropy: &Entropy) -> $name {
                $name(format!("{}{}", $start, hex::encode(entropy.bytes::<32>())).into())
            }

            /// The plain text.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// Its first characters, by which its owner recognises it in a list. Of 256 random bits 224 stay secret.
            pub fn start(&self) -> String {
                self.expose().chars().take($start.len() + START_DIGITS).collect()
            }

            /// What is stored. A plain SHA-256 suffices: 256 random bits can't be guessed, so there is nothing for
            /// a slow hash to slow down.
            pub fn hash(&self) -> TokenHash {
                TokenHash(Sha256::digest(self.expose()).into())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                let digits = text.strip_prefix($start).unwrap_or_default();
                if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    Ok($name(text.into()))
                } else {
                    Err(concat!("not ", $what).to_owned())
                }
            }
        }
    };
}

token!(
    /// What a producer presents as its bearer token: 256 random bits. Shown once.
    ProducerToken,
    "tp_",
    "a producer token"
);
token!(
    /// An API key: 256 random bits. Shown once.
    ApiKeyToken,
    "tpk_",
    "an API key"
);
token!(
    /// A service account's secret: 256 random bits. Shown once.
    ServiceAccountToken,
    "tps_",
    "a service account’s secret"
);
token!(
    /// What makes an invitation or password-reset link its bearer's: 256 random bits. Shown once.
    LinkToken,
    "",
    "a link's token"
);
token!(
    /// What proves that somebody signed in with this browser before: 256 random bits, in a cookie.
    DeviceToken,
    "",
    "a device's token"
);

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_their_text_and_hide_in_debug() {
        let token = ProducerToken::generate(&Entropy::system());
        let back: ProducerToken = token.expose().parse().unwrap();
        assert_eq!(back.hash(), token.hash());
        assert!(!format!("{token:?} {:?}", token.hash()).contains(&token.expose()[3..]));
        assert!("tp_short".parse::<ProducerToken>().is_err());
        let key = ApiKeyToken::generate(&Entropy::system());
        assert_eq!((key.start().len(), key.expose().len()), (12, 68));
        assert!(key.expose().starts_with(&key.start()) && key.start().starts_with("tpk_"));
        assert!(key.expose().parse::<ProducerToken>().is_err(), "an API key sends no records");
        assert!(key.expose().parse::<ServiceAccountToken>().is_err());
        let link = LinkToken::generate(&Entropy::system());
        assert_eq!(link.expose().parse::<LinkToken>().unwrap().hash(), link.hash());
        assert!(!format!("{link:?}").contains(link.expose()));
        assert!(token.expose().parse::<LinkToken>().is_err(), "a producer's token opens no link");
    }

    #[test]
    fn passwords_are_bounded_and_hide_in_debug() {
        assert_eq!(Password::new("eleven char").unwrap_err(), PasswordError::TooShort);
        assert_eq!(Password::new("äöüäöüäöüäö").unwrap_err(), PasswordError::TooShort, "characters count");
        assert_eq!(Password::typed(&"x".repeat(257)).unwrap_err(), PasswordError::TooLong);
        let password = Password::new("correct horse battery").unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
