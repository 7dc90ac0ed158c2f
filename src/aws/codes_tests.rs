use super::*;

fn of(stage: Stage, code: &str, status: u16, message: &str) -> Cause {
    let answer =
        AwsAnswer { code: code.to_owned(), message: message.to_owned(), status, ..AwsAnswer::default() };
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
        (Stage::Write, "KMS.InvalidKeyUsageException", 400, Cause::KeyUnsuitable),
        (Stage::Write, "AllAccessDisabled", 403, Cause::AccountBlocked),
        (Stage::Write, "AccountProblem", 403, Cause::AccountBlocked),
        (Stage::Write, "ConditionalRequestConflict", 409, Cause::Conflict),
        (Stage::Write, "OperationAborted", 409, Cause::Conflict),
        (Stage::AssumeRole, "RegionDisabledException", 403, Cause::StsNotActivated),
        (Stage::AssumeRole, "PackedPolicyTooLarge", 400, Cause::SessionPolicyRefused),
        (Stage::AssumeRole, "MalformedPolicyDocument", 400, Cause::SessionPolicyRefused),
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
        ("because no permissions boundary allows the s3:PutObject action", Cause::PermissionsBoundaryDenies),
        ("with an explicit deny in a VPC endpoint policy", Cause::EndpointPolicyDenies),
        (
            "with an explicit deny in a VPC endpoint policy transitively through a service control policy",
            Cause::ServiceControlPolicyDenies,
        ),
        ("with an explicit deny in a sessions policy", Cause::SessionPolicyDenies),
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
        ("because no identity-based policy allows the kms:GenerateDataKey action", Cause::KeyDeniedByRole),
        (
            "because no resource-based policy allows the kms:GenerateDataKey action",
            Cause::KeyDeniedByKeyPolicy,
        ),
        ("with an explicit deny in an identity-based policy", Cause::RoleDeniesKey),
        ("with an explicit deny in a resource-based policy", Cause::KeyPolicyDenies),
        ("with an explicit deny in a service control policy", Cause::ServiceControlPolicyDenies),
        ("", Cause::KeyDenied),
    ] {
        let message = format!("{refused} {ending}");
        assert_eq!(of(Stage::Write, "AccessDenied", 403, &message), expected, "{ending}");
        assert_eq!(of(Stage::Write, "KMS.AccessDeniedException", 400, &message), expected, "{ending}");
    }
}

#[test]
fn a_key_of_another_account_or_region_is_told_as_such() {
    let not_shared = "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: kms:GenerateDataKey \
                      on this resource because the resource does not exist in this Region, no resource-based policies \
                      allow access, or a resource-based policy explicitly denies access";
    assert_eq!(of(Stage::Write, "AccessDenied", 403, not_shared), Cause::KeyNotShared);
    let elsewhere = "Invalid arn eu-west-1";
    assert_eq!(of(Stage::Write, "KMS.NotFoundException", 400, elsewhere), Cause::KeyInAnotherRegion);
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

#[test]
fn a_denied_role_is_told_by_whose_policy_the_words_name() {
    let user = "User: arn:aws:iam::999988887777:user/trailpost is not authorized to perform: sts:AssumeRole";
    for (ending, expected) in [
        ("because no role trust policy allows the sts:AssumeRole action", Cause::TrustDoesNotAllow),
        ("with an explicit deny in the role trust policy", Cause::TrustDenies),
        ("because no resource-based policy allows the sts:AssumeRole action", Cause::TrustDoesNotAllow),
        ("with an explicit deny in a resource-based policy", Cause::TrustDenies),
        ("with an explicit deny in a resource control policy", Cause::ResourceControlPolicyDenies),
        ("because no identity-based policy allows the sts:AssumeRole action", Cause::OwnPolicyRefuses),
        ("with an explicit deny in an identity-based policy", Cause::OwnPolicyRefuses),
        ("because no service control policy allows the sts:AssumeRole action", Cause::OwnPolicyRefuses),
        ("with an explicit deny in a service control policy", Cause::OwnPolicyRefuses),
        ("because no permissions boundary allows the sts:AssumeRole action", Cause::OwnPolicyRefuses),
        ("because no session policy allows the sts:AssumeRole action", Cause::OwnPolicyRefuses),
        ("with an explicit deny in a VPC endpoint policy", Cause::OwnPolicyRefuses),
        ("on resource: arn:aws:iam::111122223333:role/r", Cause::AssumeRoleDenied),
    ] {
        let message = format!("{user} {ending}");
        assert_eq!(of(Stage::AssumeRole, "AccessDenied", 403, &message), expected, "{ending}");
    }
    let of_our_root = "Roles may not be assumed by root accounts.";
    assert_eq!(of(Stage::AssumeRole, "AccessDenied", 403, of_our_root), Cause::OwnPolicyRefuses);
}

#[test]
fn an_arn_that_sts_refuses_is_told_from_other_wrong_parameters() {
    for (message, expected) in [
        ("Request ARN is invalid", Cause::RoleArnRefused),
        ("arn:aws-cn:iam::111122223333:role/r is invalid", Cause::RoleArnRefused),
        (
            "1 validation error detected: Value 'r' at 'roleArn' failed to satisfy constraint: Member must have length \
             greater than or equal to 20",
            Cause::RoleArnRefused,
        ),
        (
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            Cause::Unexpected,
        ),
    ] {
        assert_eq!(of(Stage::AssumeRole, "ValidationError", 400, message), expected, "{message}");
    }
}
