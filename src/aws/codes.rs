//! What an answer of AWS's proves: the one place that knows its error codes and the words that it refuses with.
//! Codes of S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>,
//! of STS: <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>,
//! of KMS behind S3: <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html>.

use crate::domain::access_check::Stage;
use crate::domain::failure::{AwsAnswer, Cause};

pub(super) fn cause(stage: Stage, answer: &AwsAnswer) -> Cause {
    let of_sts = match stage {
        Stage::AssumeRole | Stage::ExternalIdRequired => cause_of_sts(answer),
        Stage::RoleArn | Stage::Bucket | Stage::Write => None,
    };
    of_sts.or_else(|| cause_of_s3(stage, answer)).unwrap_or_else(|| cause_of_any(answer))
}

fn cause_of_sts(answer: &AwsAnswer) -> Option<Cause> {
    let message = answer.message.as_str();
    match answer.code.as_str() {
        "AccessDenied" => Some(refused_role(message)),
        // What was signed with another time than AWS's is refused in these words
        // (https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html).
        "SignatureDoesNotMatch" if is_about_time(message) => Some(Cause::ClockSkewed),
        "RequestExpired" => Some(Cause::ClockSkewed),
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "OptInRequired" => Some(Cause::OwnIdentityRefused),
        // AssumeRole's own errors (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors).
        "RegionDisabledException" => Some(Cause::StsNotActivated),
        "PackedPolicyTooLarge" | "MalformedPolicyDocument" => Some(Cause::SessionPolicyRefused),
        "ValidationError" if is_about_the_role_arn(message) => Some(Cause::RoleArnRefused),
        _ => None,
    }
}

fn is_about_time(message: &str) -> bool {
    message.starts_with("Signature expired") || message.starts_with("Signature not yet current")
}

/// “Request ARN is invalid”, “arn:… is invalid”, or a constraint on the parameter.
fn is_about_the_role_arn(message: &str) -> bool {
    let names_one = message.contains("ARN") || message.starts_with("arn:");
    (names_one && message.ends_with("is invalid")) || message.contains("at 'roleArn' failed")
}

/// The identity, session, account and network that ask are ours; the role, its trust policy and what is in force for
/// its account are the customer's.
fn refused_role(message: &str) -> Cause {
    let Some(Reason { policy, explicitly }) = Reason::read(message) else {
        // Ours is then the account's root user.
        let of_our_root = message.starts_with("Roles may not be assumed by root accounts");
        return if of_our_root { Cause::OwnPolicyRefuses } else { Cause::AssumeRoleDenied };
    };
    match policy {
        NamedPolicy::RoleTrust | NamedPolicy::Resource if explicitly => Cause::TrustDenies,
        NamedPolicy::RoleTrust | NamedPolicy::Resource => Cause::TrustDoesNotAllow,
        NamedPolicy::ResourceControl => Cause::ResourceControlPolicyDenies,
        NamedPolicy::Identity
        | NamedPolicy::Session
        | NamedPolicy::ServiceControl
        | NamedPolicy::Boundary
        | NamedPolicy::Endpoint => Cause::OwnPolicyRefuses,
    }
}

fn cause_of_s3(stage: Stage, answer: &AwsAnswer) -> Option<Cause> {
    let message = answer.message.as_str();
    match (stage, answer.code.as_str()) {
        (_, "NoSuchBucket") => Some(Cause::BucketMissing),
        (Stage::Bucket, _) if answer.status == 404 => Some(Cause::BucketMissing),
        (_, "AllAccessDisabled" | "AccountProblem" | "InvalidPayer" | "NotSignedUp") => {
            Some(Cause::AccountBlocked)
        }
        // A session's key that AWS no longer knows is renewed like one that ran out.
        (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId") => Some(Cause::CredentialsExpired),
        (
            _,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => Some(Cause::WrongRegion),
        // A conditional write that meets another is to be tried again
        // (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
        (_, "ConditionalRequestConflict" | "OperationAborted") => Some(Cause::Conflict),
        (_, "RequestTimeTooSkewed") => Some(Cause::ClockSkewed),
        (_, code) if code.starts_with("KMS.") => cause_of_kms(code, message),
        // S3 demands a checksum of what Object Lock protects
        // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html).
        (Stage::Write, "InvalidRequest") if message.contains("x-amz-checksum-") => {
            Some(Cause::ChecksumDemanded)
        }
        (Stage::Write, "AccessDenied") if is_about_kms(message) => Some(refused_key(message)),
        (Stage::Write, "AccessDenied") => Some(refused(message, &OF_WRITES)),
        _ => None,
    }
}

fn cause_of_kms(code: &str, message: &str) -> Option<Cause> {
    match code {
        "KMS.DisabledException" => Some(Cause::KeyDisabled),
        "KMS.KMSInvalidStateException" | "KMS.InvalidStateException" | "KMS.KeyUnavailableException" => {
            Some(Cause::KeyUnusable)
        }
        "KMS.InvalidKeyUsageException" => Some(Cause::KeyUnsuitable),
        // The rest of the words is the region of the key.
        "KMS.NotFoundException" if message.starts_with("Invalid arn ") => Some(Cause::KeyInAnotherRegion),
        "KMS.NotFoundException" => Some(Cause::KeyNotFound),
        "KMS.AccessDeniedException" => Some(refused_key(message)),
        _ => None,
    }
}

fn is_about_kms(message: &str) -> bool {
    message.contains(" is not authorized to perform: kms:")
}

/// What it means that one of two things was refused, by whose policy it was.
struct Refusals {
    role_lacks: Cause,
    role_denies: Cause,
    resource_lacks: Cause,
    resource_denies: Cause,
    unnamed: Cause,
}

const OF_WRITES: Refusals = Refusals {
    role_lacks: Cause::RoleDoesNotAllow,
    role_denies: Cause::RoleDenies,
    resource_lacks: Cause::BucketDoesNotAllow,
    resource_denies: Cause::BucketDenies,
    unnamed: Cause::WriteDenied,
};

const OF_KEYS: Refusals = Refusals {
    role_lacks: Cause::KeyDeniedByRole,
    role_denies: Cause::RoleDeniesKey,
    resource_lacks: Cause::KeyDeniedByKeyPolicy,
    resource_denies: Cause::KeyPolicyDenies,
    unnamed: Cause::KeyDenied,
};

fn refused_key(message: &str) -> Cause {
    // KMS says so of a key of another account, and nothing more
    // (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html).
    if message.contains(
        "because the resource does not exist in this Region, no resource-based policies allow access",
    ) {
        return Cause::KeyNotShared;
    }
    refused(message, &OF_KEYS)
}

fn refused(message: &str, refusals: &Refusals) -> Cause {
    let Some(Reason { policy, explicitly }) = Reason::read(message) else { return refusals.unnamed };
    match policy {
        NamedPolicy::Identity if explicitly => refusals.role_denies,
        NamedPolicy::Identity => refusals.role_lacks,
        NamedPolicy::Resource if explicitly => refusals.resource_denies,
        NamedPolicy::Resource => refusals.resource_lacks,
        NamedPolicy::Session => Cause::SessionPolicyDenies,
        NamedPolicy::ServiceControl => Cause::ServiceControlPolicyDenies,
        NamedPolicy::ResourceControl => Cause::ResourceControlPolicyDenies,
        NamedPolicy::Boundary => Cause::PermissionsBoundaryDenies,
        NamedPolicy::Endpoint => Cause::EndpointPolicyDenies,
        // Nothing but AssumeRole asks one.
        NamedPolicy::RoleTrust => refusals.unnamed,
    }
}

/// Why AWS refused, where its words say so
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>): “because no … policy allows
/// the … action”, or “with an explicit deny in a … policy”.
#[derive(Clone, Copy, Debug)]
struct Reason {
    policy: NamedPolicy,
    explicitly: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedPolicy {
    Identity,
    Resource,
    RoleTrust,
    Session,
    ServiceControl,
    ResourceControl,
    Boundary,
    Endpoint,
}

const EXPLICITLY: &str = "with an explicit deny in ";
const IMPLICITLY: &str = "because no ";

impl Reason {
    /// It is how the words end. What comes before has names that the customer chose.
    fn read(message: &str) -> Option<Reason> {
        let begins = [EXPLICITLY, IMPLICITLY].iter().filter_map(|words| message.rfind(words)).max();
        let reason = &message[begins?..];
        let policy =
            NamedPolicy::ALL.into_iter().find_map(|(words, policy)| reason.contains(words).then_some(policy));
        Some(Reason { policy: policy?, explicitly: reason.starts_with(EXPLICITLY) })
    }
}

impl NamedPolicy {
    /// How AWS calls them. A VPC endpoint's stands last: “in a VPC endpoint policy transitively through a service
    /// control policy” means the latter.
    const ALL: [(&str, NamedPolicy); 9] = [
        ("identity-based policy", NamedPolicy::Identity),
        ("resource-based policy", NamedPolicy::Resource),
        ("role trust policy", NamedPolicy::RoleTrust),
        ("session policy", NamedPolicy::Session),
        ("sessions policy", NamedPolicy::Session),
        ("service control policy", NamedPolicy::ServiceControl),
        ("resource control policy", NamedPolicy::ResourceControl),
        ("permissions boundary", NamedPolicy::Boundary),
        ("VPC endpoint policy", NamedPolicy::Endpoint),
    ];
}

/// Whether AWS asks us to slow down.
pub(super) fn is_throttling(code: &str, status: u16) -> bool {
    let codes =
        ["SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "KMS.ThrottlingException"];
    status == 429 || codes.contains(&code)
}

fn cause_of_any(answer: &AwsAnswer) -> Cause {
    match (answer.code.as_str(), answer.status) {
        (code, status) if is_throttling(code, status) => Cause::Throttled,
        ("RequestTimeout", _) => Cause::Timeout,
        (_, 500..=599) => Cause::AwsUnavailable,
        _ => Cause::Unexpected,
    }
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
