//! Organizations: name, plan and external ID.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::clock::Entropy;
use super::id::OrganizationId;

const NAME_CHARS: usize = 100;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("Enter a name.")]
    Empty,
    /// Too long.
    #[error("Use at most 100 characters.")]
    TooLong,
    /// Characters that would make it look like something else.
    #[error(
        "Use letters, digits and punctuation: line breaks and invisible control characters are not allowed."
    )]
    Control,
}

/// Trims and checks a name that people see: not empty, not long, nothing that hides or reorders text
/// (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
pub(super) fn parse_name(text: &str) -> Result<String, NameError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().count() > NAME_CHARS {
        return Err(NameError::TooLong);
    }
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if name.chars().any(hides) {
        return Err(NameError::Control);
    }
    Ok(name.to_owned())
}

/// A name that people see: 1 to 100 characters, trimmed, without control characters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What two names are compared by: names that differ only in upper and lower case are the same one.
            pub fn folded(&self) -> String {
                self.0.to_lowercase()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::organization::NameError;

            fn from_str(text: &str) -> Result<$name, Self::Err> {
                $crate::domain::organization::parse_name(text).map($name)
            }
        }
    };
}
pub(super) use name;

name!(
    /// An organization's name: 1 to 100 characters, trimmed, without control characters.
    OrganizationName
);

/// What an organization pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Free.
    Starter,
    /// Paid.
    Standard,
    /// Paid, with audit logs.
    Enterprise,
}

impl Plan {
    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Plan::Starter => "starter",
            Plan::Standard => "standard",
            Plan::Enterprise => "enterprise",
        }
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Plan::Starter => "Starter",
            Plan::Standard => "Standard",
            Plan::Enterprise => "Enterprise",
        }
    }

    /// Only Enterprise does.
    pub fn includes_audit_logs(self) -> bool {
        self == Plan::Enterprise
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Plan, String> {
        [Plan::Starter, Plan::Standard, Plan::Enterprise]
            .into_iter()
            .find(|plan| plan.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a plan: use starter, standard or enterprise"))
    }
}

const EXTERNAL_ID_START: &str = "trailpost-";

/// What a customer's role must require of us, made by us and never chosen by the customer: that is what keeps
/// one customer from pointing us at another's role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// A new one, of 128 random bits.
    pub fn generate(entropy: &Entropy) -> ExternalId {
        ExternalId(format!("{EXTERNAL_ID_START}{}", hex::encode(entropy.bytes::<16>())))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExternalId {
    type Err = String;

    fn from_str(text: &str) -> Result<ExternalId, String> {
        let digits = text.strip_prefix(EXTERNAL_ID_START).unwrap_or_default();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() == 32 && digits.bytes().all(is_hex) {
            Ok(ExternalId(text.to_owned()))
        } else {
            Err("not an external ID of ours".to_owned())
        }
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: OrganizationName,
    /// What it pays for.
    pub plan: Plan,
    /// What its role must require of us.
    pub external_id: ExternalId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!("  Acme ".parse::<OrganizationName>().unwrap().as_str(), "Acme");
        assert_eq!("  ".parse::<OrganizationName>(), Err(NameError::Empty));
        assert_eq!("é".repeat(101).parse::<OrganizationName>(), Err(NameError::TooLong));
        assert!("é".repeat(100).parse::<OrganizationName>().is_ok());
        for hidden in ["a\nb", "a\u{202e}b", "a\u{2067}b", "a\0b"] {
            assert_eq!(hidden.parse::<OrganizationName>(), Err(NameError::Control));
        }
    }

    #[test]
    fn external_ids_are_ours_and_differ() {
        let entropy = Entropy::system();
        let (one, other) = (ExternalId::generate(&entropy), ExternalId::generate(&entropy));
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse(), Ok(one));
        assert!("trailpost-xyz".parse::<ExternalId>().is_err());
    }
}
