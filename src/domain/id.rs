//! Ids: UUIDs (version 7, RFC 9562) with a type for each thing that has one, so that no id can stand in for
//! another's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::clock::{Clock, Entropy};

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID in its usual form, such as 0199f3c2-7d1a-7000-8000-0123456789ab")]
pub struct IdError;

fn parse(text: &str) -> Result<Uuid, IdError> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return Err(IdError);
    }
    text.parse().map_err(|_| IdError)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, ordered by time.
            pub fn generate(clock: &Clock, entropy: &Entropy) -> $name {
                let millis = clock.now().as_millis().unsigned_abs();
                let random = entropy.bytes::<10>();
                $name(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Its bits.
            pub fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                parse(text).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An organization.
    OrganizationId
);
id!(
    /// A user.
    UserId
);
id!(
    /// An audit record; unique in its organization.
    RecordId
);
id!(
    /// An access check.
    CheckId
);
id!(
    /// A batch.
    BatchId
);
id!(
    /// A collection range.
    RangeId
);
id!(
    /// A delivery attempt.
    AttemptId
);
id!(
    /// A producer token.
    TokenId
);
id!(
    /// An invitation to an organization.
    InvitationId
);
id!(
    /// A password reset.
    PasswordResetId
);
id!(
    /// A project.
    ProjectId
);
id!(
    /// An API key.
    ApiKeyId
);
id!(
    /// A service account.
    ServiceAccountId
);
id!(
    /// A secret of a service account.
    SecretId
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    #[test]
    fn ids_are_version_7_and_survive_their_text() {
        let clock = Clock::manual(Timestamp::from_millis(1_790_000_000_000));
        let id = RecordId::generate(&clock, &Entropy::seeded(1));
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<RecordId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn only_the_usual_form_is_an_id() {
        for text in ["", "7", "{0199f3c2-7d1a-7000-8000-0123456789ab}", "0199f3c27d1a700080000123456789ab"] {
            assert_eq!(text.parse::<RecordId>(), Err(IdError));
        }
    }
}
