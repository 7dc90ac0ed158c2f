//! Service accounts: programs with a role in the organization, and the secrets that they prove themselves by.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::clock::{Entropy, Timestamp};
use super::id::{SecretId, ServiceAccountId};
use super::membership::Role;
use super::name::name;

name!(
    /// A service account's name: 1 to 100 characters, trimmed and normalized. One of its kind in the
    /// organization.
    ServiceAccountName
);

const CLIENT_ID_START: &str = "tpc_";
const CLIENT_ID_DIGITS: usize = 24;

/// By what a service account is known outside: no secret, and the same through every rotation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// A new one.
    pub fn generate(entropy: &Entropy) -> ClientId {
        ClientId(format!("{CLIENT_ID_START}{}", hex::encode(entropy.bytes::<{ CLIENT_ID_DIGITS / 2 }>())))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = String;

    fn from_str(text: &str) -> Result<ClientId, String> {
        let digits = text.strip_prefix(CLIENT_ID_START).unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() == CLIENT_ID_DIGITS && digits.bytes().all(is_hex) {
            Ok(ClientId(text.to_owned()))
        } else {
            Err("not a client ID of ours".to_owned())
        }
    }
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its id.
    pub id: ServiceAccountId,
    /// Its name.
    pub name: ServiceAccountName,
    /// By what it is known outside.
    pub client_id: ClientId,
    /// What it may do in the organization.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, by name.
    pub created_by: String,
}

/// A secret that works. Nobody sees the secret itself again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// The secret's first characters.
    pub token_start: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, by name.
    pub created_by: String,
    /// When it stops working, once another took its place.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// For how long the secret before goes on working after a rotation: time to bring the new one to where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It stops at once.
    None,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// Seven days.
    Week,
}

impl Overlap {
    /// All of them, the shortest first.
    pub const ALL: [Overlap; 4] = [Overlap::None, Overlap::Hour, Overlap::Day, Overlap::Week];

    /// The word in forms and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Overlap::None => "none",
            Overlap::Hour => "1h",
            Overlap::Day => "24h",
            Overlap::Week => "7d",
        }
    }

    /// How long that is.
    pub fn duration(self) -> Duration {
        let hours = match self {
            Overlap::None => 0,
            Overlap::Hour => 1,
            Overlap::Day => 24,
            Overlap::Week => 7 * 24,
        };
        Duration::from_secs(hours * 3600)
    }
}

impl FromStr for Overlap {
    type Err = String;

    fn from_str(text: &str) -> Result<Overlap, String> {
        Overlap::ALL
            .into_iter()
            .find(|overlap| overlap.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not an overlap: use none, 1h, 24h or 7d"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_ours_and_differ() {
        let entropy = Entropy::system();
        let (one, other) = (ClientId::generate(&entropy), ClientId::generate(&entropy));
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse(), Ok(one));
        for wrong in ["", "tpc_", "tpc_0123", "tpc_0123456789ABCDEF01234567", "0123456789abcdef01234567"] {
            assert!(wrong.parse::<ClientId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn overlaps_survive_their_text() {
        for overlap in Overlap::ALL {
            assert_eq!(overlap.as_str().parse(), Ok(overlap));
        }
        assert_eq!(Overlap::Week.duration(), Duration::from_secs(604_800));
        assert!("2h".parse::<Overlap>().is_err());
    }
}
