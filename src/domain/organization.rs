//! Organizations: name, plan and external ID.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::clock::Entropy;
use super::id::OrganizationId;
use super::name::name;

name!(
    /// An organization's name: 1 to 100 characters, trimmed and normalized, nothing in it hidden.
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
    fn external_ids_are_ours_and_differ() {
        let entropy = Entropy::system();
        let (one, other) = (ExternalId::generate(&entropy), ExternalId::generate(&entropy));
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse(), Ok(one));
        assert!("trailpost-xyz".parse::<ExternalId>().is_err());
    }
}
