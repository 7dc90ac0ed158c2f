//! The catalogue of what can go wrong between Trailpost and a customer's bucket: what it is called, whose turn it is,
//! and what mends it. We say what AWS's answer proves, and no more.
//!
//! `catalogue` has what is said of each cause, `fix` what the owner pastes, `key_fix` that for KMS keys.

mod catalogue;
mod fix;
mod key_fix;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access_check::Stage;
use super::retry::{LONGEST_WAIT, RetrySchedule};

pub use fix::{Block, Fix, FixContext};

/// AWS's own answer, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAnswer {
    /// The error code, such as `AccessDenied`; empty where the answer carried none.
    pub code: String,
    /// AWS's words; empty where the answer carried none.
    pub message: String,
    /// The id to quote to AWS's support.
    pub request_id: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The region that was asked, where that can be what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How many seconds AWS asks us to wait (RFC 9110, section 10.2.3), where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// What an answer, or its absence, proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// STS refused AssumeRole. It says the same for a missing role, a missing or wrong trust, and a wrong
    /// external ID (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
    AssumeRoleDenied,
    /// STS refused AssumeRole and says that the role's trust policy has nothing that allows it.
    TrustDoesNotAllow,
    /// STS refused AssumeRole and says that the role's trust policy denies it.
    TrustDenies,
    /// STS refused AssumeRole by a policy on our side of it: one of our own identity, its account or its network.
    OwnPolicyRefuses,
    /// STS refused AssumeRole, and for many organizations at once: that is our identity's fault until shown otherwise.
    ManyDenied,
    /// STS let us in without our external ID: anyone who knows the role's ARN could be served through us
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
    RoleTooOpen,
    /// STS takes the role's ARN for none of a role.
    RoleArnRefused,
    /// STS is not activated for the role's account in the region that we ask in.
    StsNotActivated,
    /// STS did not take the session policy that we send.
    SessionPolicyRefused,
    /// There is no bucket of that name.
    BucketMissing,
    /// AWS has blocked the bucket, or the account that it belongs to.
    AccountBlocked,
    /// S3 sends us to another region than the one that it named before.
    WrongRegion,
    /// S3 refused the write, and doesn't say which policy did.
    WriteDenied,
    /// No identity-based policy of the role allows the write.
    RoleDoesNotAllow,
    /// An identity-based policy of the role denies the write.
    RoleDenies,
    /// No resource-based policy (the bucket's) allows the write.
    BucketDoesNotAllow,
    /// A resource-based policy (the bucket's) denies the write.
    BucketDenies,
    /// Our own session policy is in the way.
    SessionPolicyDenies,
    /// A service control policy of the role's AWS organization is in the way.
    ServiceControlPolicyDenies,
    /// A resource control policy of the bucket's AWS organization is in the way.
    ResourceControlPolicyDenies,
    /// The role's permissions boundary is in the way.
    PermissionsBoundaryDenies,
    /// The policy of a VPC endpoint is in the way: the endpoint is on our side of the wire.
    EndpointPolicyDenies,
    /// The KMS key was refused, and AWS doesn't say which policy did.
    KeyDenied,
    /// No identity-based policy of the role allows the use of the KMS key.
    KeyDeniedByRole,
    /// An identity-based policy of the role denies the use of the KMS key.
    RoleDeniesKey,
    /// The policy of the KMS key does not allow its use.
    KeyDeniedByKeyPolicy,
    /// The policy of the KMS key denies its use.
    KeyPolicyDenies,
    /// The KMS key of another account is not there, or its policy does not let the role in: AWS says no more.
    KeyNotShared,
    /// The KMS key is disabled.
    KeyDisabled,
    /// The KMS key is in a state in which it can't be used, such as pending deletion.
    KeyUnusable,
    /// There is no such KMS key in the bucket's region.
    KeyNotFound,
    /// The KMS key is in another region than the bucket.
    KeyInAnotherRegion,
    /// The KMS key is of a kind that S3 can't encrypt with.
    KeyUnsuitable,
    /// The bucket demands a checksum (as Object Lock does), and none arrived, although we send one.
    ChecksumDemanded,
    /// Trailpost's own AWS identity is not accepted.
    OwnIdentityRefused,
    /// Trailpost's own clock is too far from AWS's.
    ClockSkewed,
    /// The temporary credentials were refused as run out, also right after they were renewed.
    CredentialsExpired,
    /// Something else is being done to the same object, or its bucket: AWS asks to try again.
    Conflict,
    /// AWS asks us to slow down.
    Throttled,
    /// AWS had an error of its own (5xx).
    AwsUnavailable,
    /// No answer in time; the write may have landed.
    Timeout,
    /// The name of AWS's endpoint could not be resolved.
    NameNotResolved,
    /// AWS's endpoint took no connection.
    ConnectionRefused,
    /// No trusted connection could be made by TLS.
    TlsFailed,
    /// The connection failed in another way.
    Unreachable,
    /// Trailpost could not read the records that it was to deliver.
    RecordsUnreadable,
    /// Trailpost's own store failed on the way.
    StoreFailed,
    /// No writer of ours was there to run the access check.
    NoWriter,
    /// An answer that the catalogue does not know. It stays the last.
    Unexpected,
}

impl fmt::Display for Cause {
    /// The word for programs, as it is stored: `assume_role_denied`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Cause {
    /// Every cause, in the order above.
    pub const ALL: [Cause; 49] = [
        Cause::AssumeRoleDenied,
        Cause::TrustDoesNotAllow,
        Cause::TrustDenies,
        Cause::OwnPolicyRefuses,
        Cause::ManyDenied,
        Cause::RoleTooOpen,
        Cause::RoleArnRefused,
        Cause::StsNotActivated,
        Cause::SessionPolicyRefused,
        Cause::BucketMissing,
        Cause::AccountBlocked,
        Cause::WrongRegion,
        Cause::WriteDenied,
        Cause::RoleDoesNotAllow,
        Cause::RoleDenies,
        Cause::BucketDoesNotAllow,
        Cause::BucketDenies,
        Cause::SessionPolicyDenies,
        Cause::ServiceControlPolicyDenies,
        Cause::ResourceControlPolicyDenies,
        Cause::PermissionsBoundaryDenies,
        Cause::EndpointPolicyDenies,
        Cause::KeyDenied,
        Cause::KeyDeniedByRole,
        Cause::RoleDeniesKey,
        Cause::KeyDeniedByKeyPolicy,
        Cause::KeyPolicyDenies,
        Cause::KeyNotShared,
        Cause::KeyDisabled,
        Cause::KeyUnusable,
        Cause::KeyNotFound,
        Cause::KeyInAnotherRegion,
        Cause::KeyUnsuitable,
        Cause::ChecksumDemanded,
        Cause::OwnIdentityRefused,
        Cause::ClockSkewed,
        Cause::CredentialsExpired,
        Cause::Conflict,
        Cause::Throttled,
        Cause::AwsUnavailable,
        Cause::Timeout,
        Cause::NameNotResolved,
        Cause::ConnectionRefused,
        Cause::TlsFailed,
        Cause::Unreachable,
        Cause::RecordsUnreadable,
        Cause::StoreFailed,
        Cause::NoWriter,
        Cause::Unexpected,
    ];

    /// Who has to act.
    pub fn turn(self) -> Turn {
        catalogue::entry(self).turn
    }

    /// Whether STS refused us the role for something that is its account's to change, as far as one denial tells.
    pub fn is_denial(self) -> bool {
        matches!(
            self,
            Cause::AssumeRoleDenied | Cause::TrustDoesNotAllow | Cause::TrustDenies | Cause::ManyDenied
        )
    }

    /// Whether a role was refused to us by what is in force for the role itself, which shows that AWS knows us.
    pub fn is_the_roles_refusal(self) -> bool {
        self.may_be_one_of_many() || self == Cause::ResourceControlPolicyDenies
    }

    /// Whether one organization was refused its role in a way that an identity of ours which changed would be refused
    /// in everywhere: many of those at once are ours.
    pub fn may_be_one_of_many(self) -> bool {
        matches!(self, Cause::AssumeRoleDenied | Cause::TrustDoesNotAllow | Cause::TrustDenies)
    }

    /// Whether something is missing that may have been given a moment ago, and is not seen everywhere yet
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
    pub fn may_be_a_matter_of_time(self) -> bool {
        matches!(
            self,
            Cause::WriteDenied
                | Cause::RoleDoesNotAllow
                | Cause::BucketDoesNotAllow
                | Cause::KeyDenied
                | Cause::KeyDeniedByRole
                | Cause::KeyDeniedByKeyPolicy
                | Cause::KeyNotShared
        )
    }

    /// Whether AWS refused the KMS key for what can be its region.
    pub fn is_of_a_key_that_was_not_found(self) -> bool {
        matches!(self, Cause::KeyNotFound | Cause::KeyNotShared)
    }

    /// Whether S3 refused a write that it had understood.
    pub fn is_refused_write(self) -> bool {
        matches!(
            self,
            Cause::WriteDenied
                | Cause::RoleDoesNotAllow
                | Cause::RoleDenies
                | Cause::BucketDoesNotAllow
                | Cause::BucketDenies
                | Cause::SessionPolicyDenies
                | Cause::ServiceControlPolicyDenies
                | Cause::ResourceControlPolicyDenies
                | Cause::PermissionsBoundaryDenies
                | Cause::EndpointPolicyDenies
        )
    }
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The organization's owner, in their AWS account.
    Owner,
    /// Whoever hosts Trailpost.
    Operator,
    /// Nobody: it passes by itself.
    Nobody,
}

/// Whether what failed is tried again without anybody asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trying {
    /// We keep at it.
    Again,
    /// It is over: somebody has to ask.
    NoMore,
}

impl Turn {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Turn::Owner => "owner",
            Turn::Operator => "operator",
            Turn::Nobody => "nobody",
        }
    }

    /// In words, for the page.
    pub fn label(self, trying: Trying) -> &'static str {
        match (self, trying) {
            (Turn::Owner, _) => "Your turn.",
            (Turn::Operator, _) => "Our turn: the operator of this service has to act.",
            (Turn::Nobody, Trying::Again) => "Nothing to do: we keep trying.",
            (Turn::Nobody, Trying::NoMore) => "Nothing to mend: try again in a moment.",
        }
    }
}

/// What a policy was in the way of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// Assuming the role.
    Role,
    /// Writing the object.
    Write,
    /// The use of the KMS key for it.
    Key,
}

/// One failure: where, what, and AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stage that failed.
    pub stage: Stage,
    /// What the answer proves.
    pub cause: Cause,
    /// AWS's answer, where there was one.
    pub aws: Option<AwsAnswer>,
}

impl Failure {
    /// A short name, sentence case, no full stop.
    pub fn title(&self) -> &'static str {
        catalogue::entry(self.cause).title
    }

    /// The plain cause, in a sentence or two.
    pub fn explanation(&self) -> &'static str {
        catalogue::entry(self.cause).explanation
    }

    /// Who has to act.
    pub fn turn(&self) -> Turn {
        self.cause.turn()
    }

    /// The AWS page that the cause and fix rest on.
    pub fn documentation(&self) -> Option<&'static str> {
        catalogue::entry(self.cause).documentation
    }

    /// What mends it, where the owner can, filled in with their own values.
    pub fn fix(&self, context: &FixContext<'_>) -> Option<Fix> {
        fix::fix(self, context)
    }

    /// Whether a write that failed so may have landed all the same, or land yet: no answer says that it did not.
    pub fn leaves_the_write_open(&self) -> bool {
        let open = [Cause::AwsUnavailable, Cause::Timeout, Cause::Unreachable, Cause::Unexpected];
        self.stage == Stage::Write && open.contains(&self.cause)
    }

    /// How long to wait before a delivery that failed so is tried again, after that many failures in a row (the first
    /// is 1): by the schedule of whose turn it is, and as long as AWS asks for, up to an hour. `fraction`, from 0 to 1,
    /// is the jitter.
    pub fn wait(&self, failures: u32, fraction: f64) -> Duration {
        let schedule = match self.turn() {
            Turn::Owner => RetrySchedule::Customer,
            Turn::Operator | Turn::Nobody => RetrySchedule::Transient,
        };
        let asked = self.aws.as_ref().and_then(|answer| answer.retry_after_seconds).unwrap_or_default();
        let asked = Duration::from_secs(u64::from(asked)).min(LONGEST_WAIT);
        schedule.delay(failures, fraction).max(asked)
    }

    /// AWS's words; empty where there were none.
    fn said(&self) -> &str {
        self.aws.as_ref().map_or("", |answer| &answer.message)
    }

    /// What AWS refused to do: its words name the action, and its code the service where they don't.
    fn refused(&self) -> Refused {
        let said = self.said();
        let action = said.split_once(" is not authorized to perform: ").map_or("", |(_, rest)| rest);
        let by_kms = self.aws.as_ref().is_some_and(|answer| answer.code.starts_with("KMS."));
        if action.starts_with("kms:") || by_kms {
            Refused::Key
        } else if action.starts_with("sts:") || self.stage <= Stage::ExternalIdRequired {
            Refused::Role
        } else {
            Refused::Write
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_in_the_list_of_all() {
        for (place, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place, "{cause:?}");
        }
        assert_eq!(Cause::Unexpected as usize + 1, Cause::ALL.len());
    }
}
