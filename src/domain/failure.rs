//! The catalogue of what can go wrong between Trailpost and a customer's bucket: what it is called, whose turn
//! it is, and what mends it. We say what AWS's answer proves, and no more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access_check::Stage;
use super::integration::Settings;
use super::organization::ExternalId;
use super::policy;
use super::principal_arn::PrincipalArn;
use super::retry::RetrySchedule;

/// We wait as long as AWS asks, up to this.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// AWS's own answer, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAnswer {
    /// The error code, such as `AccessDenied`; empty where the answer carried none.
    pub code: String,
    /// AWS's words; empty where the answer carried none.
    pub message: String,
    /// The id to quote to AWS's support.
    pub request_id: Option<String>,
    /// The HTTP status.
    pub status: u16,
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
    /// STS refused AssumeRole, and for many organizations at once: that is our identity's fault until shown otherwise.
    ManyDenied,
    /// STS let us in without our external ID: anyone who knows the role's ARN could be served through us
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
    RoleTooOpen,
    /// There is no bucket of that name.
    BucketMissing,
    /// S3 refused the write.
    WriteDenied,
    /// Trailpost's own AWS identity is not accepted.
    OwnIdentityRefused,
    /// The temporary credentials ran out before they were renewed.
    CredentialsExpired,
    /// AWS asks us to slow down.
    Throttled,
    /// AWS had an error of its own (5xx).
    AwsUnavailable,
    /// No answer in time; the write may have landed.
    Timeout,
    /// No connection: DNS, TLS or the network.
    Unreachable,
    /// Trailpost could not read the records that it was to deliver.
    RecordsUnreadable,
    /// Trailpost's own store failed on the way.
    StoreFailed,
    /// An answer that the catalogue does not know.
    Unexpected,
}

impl Cause {
    /// Whether STS refused us the role.
    pub fn is_denial(self) -> bool {
        matches!(self, Cause::AssumeRoleDenied | Cause::ManyDenied)
    }
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The organization's owner, in their AWS account.
    Owner,
    /// Whoever hosts Trailpost.
    Operator,
    /// Nobody: we keep trying.
    Nobody,
}

impl Turn {
    /// In words, for the page.
    pub fn label(self) -> &'static str {
        match self {
            Turn::Owner => "Your turn",
            Turn::Operator => "Our turn: the operator of this service has to act",
            Turn::Nobody => "Nothing to do: we keep trying",
        }
    }
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

/// A statement to paste, and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Where it goes.
    pub intro: String,
    /// The text to paste, where pasting helps.
    pub statement: Option<String>,
}

/// The values that a fix is filled in with.
#[derive(Clone, Debug)]
pub struct FixContext<'a> {
    /// The settings that failed.
    pub settings: &'a Settings,
    /// The organization's external ID.
    pub external_id: &'a ExternalId,
    /// The principal that a role has to trust; none while the operator has not stated it.
    pub principal_arn: Option<&'a PrincipalArn>,
}

impl Failure {
    /// A short name, sentence case, no full stop.
    pub fn title(&self) -> &'static str {
        match self.cause {
            Cause::AssumeRoleDenied => "AWS did not let us assume the role",
            Cause::ManyDenied => "AWS does not let Trailpost assume roles at the moment",
            Cause::RoleTooOpen => "The role does not require the external ID",
            Cause::BucketMissing => "The bucket does not exist",
            Cause::WriteDenied => "AWS did not let us write to the bucket",
            Cause::OwnIdentityRefused => "AWS did not accept Trailpost’s own identity",
            Cause::CredentialsExpired => "The role’s temporary credentials ran out",
            Cause::Throttled => "AWS asked us to slow down",
            Cause::AwsUnavailable => "AWS had an internal error",
            Cause::Timeout => "AWS did not answer in time",
            Cause::Unreachable => "AWS could not be reached",
            Cause::RecordsUnreadable => "Trailpost could not read the records to deliver",
            Cause::StoreFailed => "Trailpost’s own store failed",
            Cause::Unexpected => "AWS gave an answer that we do not know",
        }
    }

    /// The plain cause, in a sentence or two.
    pub fn explanation(&self) -> &'static str {
        match self.cause {
            Cause::AssumeRoleDenied => {
                "AWS gives one answer for four things. Check them in this order: the role’s trust policy \
                 names our principal; it requires exactly your external ID; the role ARN is spelled right; \
                 the role still exists."
            }
            Cause::ManyDenied => {
                "This is our fault until shown otherwise, not yours: AWS refuses us the roles of many organizations at \
                 once. The operator of this service has to look at it. We keep trying; the records are kept."
            }
            Cause::RoleTooOpen => {
                "We could assume the role without your external ID, so another customer could point us at \
                 it. We refuse such a role. Make its trust policy require the external ID."
            }
            Cause::BucketMissing => "S3 knows no bucket of this name. Check the spelling, or create it.",
            Cause::WriteDenied => {
                "The role was assumed, but S3 refused the object. The role’s permissions policy, the bucket \
                 policy, or the bucket’s owner account does not allow it."
            }
            Cause::OwnIdentityRefused => {
                "This is our fault, not yours: AWS refused the identity that Trailpost signs with. The \
                 operator of this service has to renew it."
            }
            Cause::CredentialsExpired => "We renew them and try again.",
            Cause::Throttled => {
                "AWS limits requests for the moment. We wait as long as it asks and try again."
            }
            Cause::AwsUnavailable => "The error is on AWS’s side and usually passes. We try again.",
            Cause::Timeout => {
                "The connection stood, but no answer came. The object may be there; we try again and find out."
            }
            Cause::Unreachable => {
                "No connection could be made. We try again; if it lasts, the operator of this service has \
                 to look at its network."
            }
            Cause::RecordsUnreadable => {
                "This is our fault, not yours: the records could not be read from our own store. The operator \
                 of this service has to look at its log. The records are kept."
            }
            Cause::StoreFailed => {
                "This is our fault, not yours. We try again; if it lasts, the operator of this service has to \
                 look at its log. The records are kept."
            }
            Cause::Unexpected => "We try again. AWS’s words are below.",
        }
    }

    /// Who has to act.
    pub fn turn(&self) -> Turn {
        match self.cause {
            Cause::AssumeRoleDenied | Cause::RoleTooOpen | Cause::BucketMissing | Cause::WriteDenied => {
                Turn::Owner
            }
            Cause::ManyDenied | Cause::OwnIdentityRefused | Cause::RecordsUnreadable | Cause::StoreFailed => {
                Turn::Operator
            }
            Cause::CredentialsExpired
            | Cause::Throttled
            | Cause::AwsUnavailable
            | Cause::Timeout
            | Cause::Unreachable
            | Cause::Unexpected => Turn::Nobody,
        }
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
        let asked = Duration::from_secs(u64::from(asked)).min(LONGEST_ASKED);
        schedule.delay(failures, fraction).max(asked)
    }

    /// What mends it, where the owner can, filled in with their own values.
    pub fn fix(&self, context: &FixContext<'_>) -> Option<Fix> {
        let settings = context.settings;
        match self.cause {
            Cause::AssumeRoleDenied | Cause::RoleTooOpen => Some(match context.principal_arn {
                Some(principal) => Fix {
                    intro: format!(
                        "Set this as the trust policy of the role {}:",
                        settings.role_arn.role_name()
                    ),
                    statement: Some(pretty(&policy::trust_policy(principal.as_str(), context.external_id))),
                },
                None => Fix {
                    intro:
                        "The operator of this service has not stated its AWS identity yet, which the role’s \
                            trust policy has to name. Ask them for it."
                            .to_owned(),
                    statement: None,
                },
            }),
            Cause::WriteDenied => Some(Fix {
                intro: format!(
                    "Add this as a permissions policy to the role {}. If the bucket belongs to another \
                     account than the role, enter that account under Bucket owner account.",
                    settings.role_arn.role_name()
                ),
                statement: Some(pretty(&policy::permissions_policy(
                    &settings.destination(),
                    settings.role_arn.partition(),
                    settings.encryption.kms_key_arn(),
                ))),
            }),
            Cause::BucketMissing => Some(Fix {
                intro: format!("Create the bucket {}, or enter another:", settings.bucket),
                statement: Some(format!("aws s3 mb s3://{}", settings.bucket)),
            }),
            Cause::ManyDenied
            | Cause::OwnIdentityRefused
            | Cause::CredentialsExpired
            | Cause::Throttled
            | Cause::AwsUnavailable
            | Cause::Timeout
            | Cause::Unreachable
            | Cause::RecordsUnreadable
            | Cause::StoreFailed
            | Cause::Unexpected => None,
        }
    }

    /// The AWS page that the cause and fix rest on.
    pub fn documentation(&self) -> Option<&'static str> {
        match self.cause {
            Cause::AssumeRoleDenied => {
                Some("https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html")
            }
            Cause::RoleTooOpen => {
                Some("https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html")
            }
            Cause::BucketMissing => {
                Some("https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList")
            }
            Cause::WriteDenied => {
                Some("https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html")
            }
            Cause::ManyDenied
            | Cause::OwnIdentityRefused
            | Cause::CredentialsExpired
            | Cause::Throttled
            | Cause::AwsUnavailable
            | Cause::Timeout
            | Cause::Unreachable
            | Cause::RecordsUnreadable
            | Cause::StoreFailed
            | Cause::Unexpected => None,
        }
    }
}

fn pretty(document: &serde_json::Value) -> String {
    format!("{document:#}")
}
