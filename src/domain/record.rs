//! The audit record, as it is delivered: exactly the documented keys, in the documented order, on one line.
//! The JSON Schema at `/schemas/audit-record.v1.json` says the same to machines.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::Timestamp;
use super::id::{OrganizationId, RecordId};

/// A word that names an action or a resource type: `[a-z][a-z0-9_-]{0,63}`.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// One that the code names.
            pub(super) fn from_static(word: &'static str) -> $name {
                debug_assert!(is_word(word), "{word} is no word");
                $name(word.to_owned())
            }

            /// The word.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<$name, WordError> {
                if is_word(text) { Ok($name(text.to_owned())) } else { Err(WordError) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Why a text is not a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 lower-case letters, digits, hyphens and underscores, beginning with a letter")]
pub struct WordError;

fn is_word(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    starts && text.len() <= 64 && text.bytes().all(allowed)
}

word!(
    /// What was done.
    Action
);
word!(
    /// What it was done to.
    ResourceType
);

/// What failed, as a code: `[A-Z][A-Z_]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ErrorCode(String);

impl ErrorCode {
    /// One that the code names.
    pub(super) fn from_static(code: &'static str) -> ErrorCode {
        debug_assert!(code.parse::<ErrorCode>().is_ok(), "{code} is no error code");
        ErrorCode(code.to_owned())
    }
}

/// Why a text is not an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 capital letters and underscores, such as PERMISSION_DENIED")]
pub struct ErrorCodeError;

impl TryFrom<String> for ErrorCode {
    type Error = ErrorCodeError;

    fn try_from(code: String) -> Result<ErrorCode, ErrorCodeError> {
        code.parse()
    }
}

impl std::str::FromStr for ErrorCode {
    type Err = ErrorCodeError;

    fn from_str(text: &str) -> Result<ErrorCode, ErrorCodeError> {
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        if starts && text.len() <= 64 && text.bytes().all(allowed) {
            Ok(ErrorCode(text.to_owned()))
        } else {
            Err(ErrorCodeError)
        }
    }
}

/// The kind of principal that acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalType {
    /// A person.
    User,
    /// An API key of a project.
    ApiKey,
    /// A service account.
    ServiceAccount,
}

impl PrincipalType {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalType::User => "user",
            PrincipalType::ApiKey => "api_key",
            PrincipalType::ServiceAccount => "service_account",
        }
    }
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The principal's id.
    pub principal_id: String,
    /// The principal's name; a user's is the e-mail address.
    pub principal_name: String,
    /// Its kind.
    pub principal_type: PrincipalType,
    /// Only for a user: how they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// The principal of what nobody pressed.
const TRAILPOST: &str = "trailpost";

impl Actor {
    /// Trailpost itself.
    pub fn trailpost() -> Actor {
        Actor {
            principal_id: TRAILPOST.to_owned(),
            principal_name: TRAILPOST.to_owned(),
            principal_type: PrincipalType::ServiceAccount,
            display_name: None,
        }
    }

    /// Whether a reader would take it for Trailpost itself.
    pub fn is_trailpost(&self) -> bool {
        self.principal_type == PrincipalType::ServiceAccount && self.principal_id == TRAILPOST
    }
}

/// What the actor acted with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The raw User-Agent. The only camelCase key of a record.
    #[serde(rename = "userAgent", default)]
    pub user_agent: String,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried.
    Failure {
        /// Why it was not done, in words.
        reason: String,
        /// Why it was not done, as a code.
        error_code: ErrorCode,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, as given by who caused it.
    pub time: Timestamp,
    /// What was done.
    pub action: Action,
    /// What it was done to.
    pub resource_type: ResourceType,
    /// Which one: a string, an array or an object.
    pub resource_id: Value,
    /// How that is called.
    pub resource_name: String,
    /// How it went.
    pub outcome: Outcome,
    /// What else is known; varies by event.
    pub parameters: Map<String, Value>,
}

/// One audit record. The order of the fields is the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Unique in the organization.
    pub id: RecordId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// How the organization was called then.
    pub organization_name: String,
    /// What the actor acted with.
    pub client: Client,
    /// Who acted.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Its JSON as it is stored and delivered.
    pub fn to_line(&self) -> RecordLine {
        RecordLine(serde_json::to_string(self).expect("a record has string keys and finite numbers"))
    }
}

/// A record's JSON on one line. Made once; what is stored is what is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLine(String);

impl RecordLine {
    /// One that the store kept.
    pub fn from_stored(line: String) -> RecordLine {
        RecordLine(line)
    }

    /// The line, without its line break.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In bytes.
    #[expect(clippy::len_without_is_empty, reason = "a record's JSON is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
