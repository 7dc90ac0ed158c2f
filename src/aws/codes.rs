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
    match answer.code.as_str() {
        "AccessDenied" => Some(Cause::AssumeRoleDenied),
        // What was signed with another time than AWS's is refused in these words
        // (https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html).
        "SignatureDoesNotMatch" if is_about_time(&answer.message) => Some(Cause::ClockSkewed),
        "RequestExpired" => Some(Cause::ClockSkewed),
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "OptInRequired" => Some(Cause::OwnIdentityRefused),
        _ => None,
    }
}

fn is_about_time(message: &str) -> bool {
    message.starts_with("Signature expired") || message.starts_with("Signature not yet current")
}

fn cause_of_s3(stage: Stage, answer: &AwsAnswer) -> Option<Cause> {
    match (stage, answer.code.as_str()) {
        (_, "NoSuchBucket") => Some(Cause::BucketMissing),
        (Stage::Bucket, _) if answer.status == 404 => Some(Cause::BucketMissing),
        // A session's key that AWS no longer knows is renewed like one that ran out.
        (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId") => Some(Cause::CredentialsExpired),
        (
            _,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => Some(Cause::WrongRegion),
        (_, "RequestTimeTooSkewed") => Some(Cause::ClockSkewed),
        (_, "KMS.DisabledException") => Some(Cause::KeyDisabled),
        (_, "KMS.KMSInvalidStateException" | "KMS.KeyUnavailableException") => Some(Cause::KeyUnusable),
        (_, "KMS.NotFoundException") => Some(Cause::KeyNotFound),
        (_, "KMS.AccessDeniedException") => Some(refused_key(&answer.message)),
        // S3 demands a checksum of what Object Lock protects
        // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html).
        (Stage::Write, "InvalidRequest") if answer.message.contains("x-amz-checksum-") => {
            Some(Cause::ChecksumDemanded)
        }
        (Stage::Write, "AccessDenied") if answer.message.contains(" kms:") => {
            Some(refused_key(&answer.message))
        }
        (Stage::Write, "AccessDenied") => Some(refused_write(&answer.message)),
        _ => None,
    }
}

/// The policy that AWS's words name, if they name one
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>): "because no … policy allows
/// the … action", or "with an explicit deny in a … policy".
fn refused_write(message: &str) -> Cause {
    let denies = reason(message).starts_with(EXPLICITLY);
    match policy_named(message) {
        Some("identity-based policy") if denies => Cause::RoleDenies,
        Some("identity-based policy") => Cause::RoleDoesNotAllow,
        Some("resource-based policy") if denies => Cause::BucketDenies,
        Some("resource-based policy") => Cause::BucketDoesNotAllow,
        Some("session policy") => Cause::SessionPolicyDenies,
        Some("service control policy") => Cause::ServiceControlPolicyDenies,
        Some("resource control policy") => Cause::ResourceControlPolicyDenies,
        Some("permissions boundary") => Cause::PermissionsBoundaryDenies,
        Some("VPC endpoint policy") => Cause::EndpointPolicyDenies,
        _ => Cause::WriteDenied,
    }
}

fn refused_key(message: &str) -> Cause {
    match policy_named(message) {
        Some("identity-based policy") => Cause::KeyDeniedByRole,
        Some("resource-based policy") => Cause::KeyDeniedByKeyPolicy,
        Some("session policy") => Cause::SessionPolicyDenies,
        Some("service control policy") => Cause::ServiceControlPolicyDenies,
        Some("resource control policy") => Cause::ResourceControlPolicyDenies,
        Some("permissions boundary") => Cause::PermissionsBoundaryDenies,
        Some("VPC endpoint policy") => Cause::EndpointPolicyDenies,
        _ => Cause::KeyDenied,
    }
}

const EXPLICITLY: &str = "with an explicit deny in ";
const IMPLICITLY: &str = "because no ";

/// How AWS's words end, if they give a reason. What comes before has names that the customer chose.
fn reason(message: &str) -> &str {
    let begins = [EXPLICITLY, IMPLICITLY].iter().filter_map(|words| message.rfind(words)).max();
    begins.map_or("", |at| &message[at..])
}

fn policy_named(message: &str) -> Option<&'static str> {
    let reason = reason(message);
    [
        "identity-based policy",
        "resource-based policy",
        "session policy",
        "service control policy",
        "resource control policy",
        "permissions boundary",
        "VPC endpoint policy",
    ]
    .into_iter()
    .find(|policy| reason.contains(policy))
}

fn cause_of_any(answer: &AwsAnswer) -> Cause {
    match (answer.code.as_str(), answer.status) {
        (
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "KMS.ThrottlingException",
            _,
        )
        | (_, 429) => Cause::Throttled,
        ("RequestTimeout", _) => Cause::Timeout,
        (_, 500..=599) => Cause::AwsUnavailable,
        _ => Cause::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stage: Stage, code: &str, status: u16, message: &str) -> Cause {
        let answer = AwsAnswer {
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
            status,
            retry_after_seconds: None,
        };
        cause(stage, &answer)
    }

    #[test]
    fn the_same_code_means_another_thing_at_another_stage() {
        for (stage, code, status, expected) in [
            (Stage::AssumeRole, "AccessDenied", 403, Cause::AssumeRoleDenied),
            (Stage::Write, "AccessDenied", 403, Cause::WriteDenied),
            (Stage::AssumeRole, "ExpiredToken", 403, Cause::OwnIdentityRefused),
            (Stage::Write, "ExpiredToken", 400, Cause::CredentialsExpired),
            (Stage::Bucket, "NotFound", 404, Cause::BucketMissing),
            (Stage::Write, "NoSuchBucket", 404, Cause::BucketMissing),
            (Stage::Write, "SlowDown", 503, Cause::Throttled),
            (Stage::AssumeRole, "Throttling", 400, Cause::Throttled),
            (Stage::Write, "InternalError", 500, Cause::AwsUnavailable),
            (Stage::Write, "RequestTimeTooSkewed", 403, Cause::ClockSkewed),
            (Stage::Write, "PermanentRedirect", 301, Cause::WrongRegion),
            (Stage::Write, "AuthorizationHeaderMalformed", 400, Cause::WrongRegion),
            (Stage::Write, "KMS.DisabledException", 400, Cause::KeyDisabled),
            (Stage::Write, "KMS.KMSInvalidStateException", 400, Cause::KeyUnusable),
            (Stage::Write, "KMS.NotFoundException", 400, Cause::KeyNotFound),
            (Stage::Write, "TeaPot", 418, Cause::Unexpected),
        ] {
            assert_eq!(of(stage, code, status, ""), expected, "{stage:?} {code}");
        }
    }

    #[test]
    fn a_refused_write_is_told_apart_by_the_policy_that_the_words_name() {
        let user = "User: arn:aws:sts::111122223333:assumed-role/session policy/x is not authorized to perform: \
                    s3:PutObject on resource: \"arn:aws:s3:::b/explicit deny in a resource-based policy\"";
        for (ending, expected) in [
            ("because no identity-based policy allows the s3:PutObject action", Cause::RoleDoesNotAllow),
            ("with an explicit deny in an identity-based policy", Cause::RoleDenies),
            ("because no resource-based policy allows the s3:PutObject action", Cause::BucketDoesNotAllow),
            ("with an explicit deny in a resource-based policy", Cause::BucketDenies),
            ("because no session policy allows the s3:PutObject action", Cause::SessionPolicyDenies),
            ("with an explicit deny in a service control policy", Cause::ServiceControlPolicyDenies),
            (
                "because no service control policy allows the s3:PutObject action",
                Cause::ServiceControlPolicyDenies,
            ),
            ("with an explicit deny in a resource control policy", Cause::ResourceControlPolicyDenies),
            (
                "because no permissions boundary allows the s3:PutObject action",
                Cause::PermissionsBoundaryDenies,
            ),
            ("with an explicit deny in a VPC endpoint policy", Cause::EndpointPolicyDenies),
            ("because it is Tuesday", Cause::WriteDenied),
        ] {
            let message = format!("{user} {ending}");
            assert_eq!(of(Stage::Write, "AccessDenied", 403, &message), expected, "{ending}");
        }
        assert_eq!(of(Stage::Write, "AccessDenied", 403, "Access Denied"), Cause::WriteDenied);
    }

    #[test]
    fn a_refused_key_is_told_from_a_refused_bucket() {
        let refused = "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: \
                       kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:111122223333:key/k";
        for (ending, expected) in [
            (
                "because no identity-based policy allows the kms:GenerateDataKey action",
                Cause::KeyDeniedByRole,
            ),
            (
                "because no resource-based policy allows the kms:GenerateDataKey action",
                Cause::KeyDeniedByKeyPolicy,
            ),
            ("with an explicit deny in a service control policy", Cause::ServiceControlPolicyDenies),
            ("", Cause::KeyDenied),
        ] {
            let message = format!("{refused} {ending}");
            assert_eq!(of(Stage::Write, "AccessDenied", 403, &message), expected, "{ending}");
        }
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let expired = "Signature expired: 20261124T100000Z is now earlier than 20261124T101500Z";
        assert_eq!(of(Stage::AssumeRole, "SignatureDoesNotMatch", 403, expired), Cause::ClockSkewed);
        let wrong = "The request signature we calculated does not match the signature you provided.";
        assert_eq!(of(Stage::AssumeRole, "SignatureDoesNotMatch", 403, wrong), Cause::OwnIdentityRefused);
    }

    #[test]
    fn object_lock_demands_a_checksum_and_other_invalid_requests_are_unknown() {
        let demanded = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object \
                        Lock parameters";
        assert_eq!(of(Stage::Write, "InvalidRequest", 400, demanded), Cause::ChecksumDemanded);
        assert_eq!(of(Stage::Write, "InvalidRequest", 400, "Missing required header"), Cause::Unexpected);
    }
}
