//! What is said of each cause: a name, a plain explanation, whose turn it is, and the page of AWS's that it rests on.

use super::{Cause, Turn};

/// All that is said of a cause, whoever it happened to.
pub(super) struct Entry {
    pub(super) title: &'static str,
    pub(super) explanation: &'static str,
    pub(super) turn: Turn,
    pub(super) documentation: Option<&'static str>,
}

const ACCESS_DENIED: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html";
const S3_DENIED: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html";
const BUCKET_POLICIES: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html";
const S3_ERRORS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList";
const S3_WITH_KMS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html";
const KEY_POLICIES: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html";
const KEY_STATES: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html";
const KEYS_OF_OTHER_ACCOUNTS: &str =
    "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html";
const KEY_SPECS: &str =
    "https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html";
const ROLES: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html";
const ASSUME_ROLE: &str = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html";
const STS_ERRORS: &str = "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html";
const STS_REGIONS: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html";
const SESSION_POLICIES: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session";
const ENDPOINT_POLICIES: &str =
    "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html";
const SIGNATURES: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html";
const OBJECT_LOCK: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html";
const CONDITIONAL_WRITES: &str =
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html";
const REDIRECTS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html";
const RETRIES: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorBestPractices.html";
const LIMITS: &str = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html";
const ENDPOINTS: &str = "https://docs.aws.amazon.com/general/latest/gr/rande.html";

fn owners(title: &'static str, explanation: &'static str, documentation: &'static str) -> Entry {
    Entry { title, explanation, turn: Turn::Owner, documentation: Some(documentation) }
}

fn operators(title: &'static str, explanation: &'static str, documentation: &'static str) -> Entry {
    Entry { turn: Turn::Operator, ..owners(title, explanation, documentation) }
}

fn passing(title: &'static str, explanation: &'static str, documentation: &'static str) -> Entry {
    Entry { turn: Turn::Nobody, ..owners(title, explanation, documentation) }
}

/// What happened on our own side of AWS, of which AWS has nothing to say.
fn without_aws(title: &'static str, explanation: &'static str, turn: Turn) -> Entry {
    Entry { title, explanation, turn, documentation: None }
}

pub(super) fn entry(cause: Cause) -> Entry {
    match cause {
        Cause::AssumeRoleDenied => owners(
            "AWS did not let us assume the role",
            "AWS gives one answer for four things: the role’s trust policy does not name our principal, it requires \
             another external ID, the role ARN is spelled differently, or the role does not exist.",
            ROLES,
        ),
        Cause::TrustDoesNotAllow => owners(
            "The role’s trust policy does not let us in",
            "AWS says that the role’s trust policy has nothing that allows us: it does not name our principal, or it \
             requires another external ID.",
            ROLES,
        ),
        Cause::TrustDenies => owners(
            "The role’s trust policy denies us",
            "AWS says that the role’s trust policy has a Deny statement for us. It does not say which one.",
            ACCESS_DENIED,
        ),
        Cause::OwnPolicyRefuses => operators(
            "Trailpost’s own identity may not assume the role",
            "This is our fault, not yours: AWS says that a policy on our side is in the way, one of our own identity, \
             of its AWS account or of the VPC endpoint that we reach AWS through.",
            ACCESS_DENIED,
        ),
        Cause::ManyDenied => operators(
            "AWS does not let Trailpost assume roles at the moment",
            "This is our fault until shown otherwise, not yours: AWS refuses us the roles of many organizations at \
             once. The records are kept.",
            ROLES,
        ),
        Cause::RoleTooOpen => owners(
            "The role does not require the external ID",
            "AWS let us assume the role without your external ID, so another customer could point us at it. Make its \
             trust policy require the external ID.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
        ),
        Cause::RoleArnRefused => owners(
            "AWS does not take this role ARN",
            "AWS says that the ARN is none of a role. It is spelled differently, or of another partition of AWS.",
            ASSUME_ROLE,
        ),
        Cause::StsNotActivated => owners(
            "The role’s account has not activated STS in our region",
            "AWS gives credentials of an account’s roles only in the regions that the account has activated STS in.",
            STS_REGIONS,
        ),
        Cause::SessionPolicyRefused => operators(
            "AWS did not take Trailpost’s session policy",
            "This is our fault, not yours: we narrow each session to your bucket and prefix, and AWS says that the \
             policy for that is too large or malformed.",
            ASSUME_ROLE,
        ),
        Cause::BucketMissing => owners(
            "The bucket does not exist",
            "S3 knows no bucket of this name. Check the spelling, or create it.",
            S3_ERRORS,
        ),
        Cause::AccountBlocked => owners(
            "AWS has blocked the bucket or its account",
            "S3 says that nobody can use the bucket, or that something is wrong with the AWS account.",
            S3_ERRORS,
        ),
        Cause::WrongRegion => passing(
            "The bucket is in another region than S3 said",
            "S3 sent us to another region. That happens for a while after a bucket was made anew elsewhere.",
            REDIRECTS,
        ),
        Cause::WriteDenied => owners(
            "AWS did not let us write to the bucket",
            "The role was assumed, but S3 refused the object, and its answer does not say why.",
            S3_DENIED,
        ),
        Cause::RoleDoesNotAllow => owners(
            "The role is not allowed to write to the bucket",
            "AWS says that no identity-based policy allows it: the role has no permissions policy for this bucket and \
             prefix.",
            S3_DENIED,
        ),
        Cause::RoleDenies => owners(
            "A policy of the role denies writing to the bucket",
            "AWS says that an identity-based policy, one that is attached to the role, has a Deny statement for this.",
            ACCESS_DENIED,
        ),
        Cause::BucketDoesNotAllow => owners(
            "The bucket policy does not allow the role to write",
            "AWS says that no resource-based policy allows it: the bucket’s policy has to name the role.",
            BUCKET_POLICIES,
        ),
        Cause::BucketDenies => owners(
            "The bucket policy denies the write",
            "AWS says that a resource-based policy, the bucket’s, has a Deny statement for this. It does not say which \
             one.",
            BUCKET_POLICIES,
        ),
        Cause::SessionPolicyDenies => operators(
            "Trailpost’s own session policy is in the way",
            "This is our fault, not yours: we narrow each session to your bucket and prefix, and AWS says that this \
             went too far.",
            SESSION_POLICIES,
        ),
        Cause::ServiceControlPolicyDenies => owners(
            "A service control policy is in the way",
            "AWS says that a service control policy of your AWS organization refuses what its words name. Whoever \
             administers the organization can change it.",
            "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html",
        ),
        Cause::ResourceControlPolicyDenies => owners(
            "A resource control policy is in the way",
            "AWS says that a resource control policy of your AWS organization refuses what its words name. Whoever \
             administers the organization can change it.",
            "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html",
        ),
        Cause::PermissionsBoundaryDenies => owners(
            "The role’s permissions boundary is in the way",
            "AWS says that the permissions boundary of the role refuses what its words name. The boundary has to allow \
             the same as the permissions policy.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
        ),
        Cause::EndpointPolicyDenies => operators(
            "The policy of Trailpost’s VPC endpoint denies the write",
            "This is our fault, not yours: AWS says that the policy of the VPC endpoint is in the way through which we \
             reach it.",
            ENDPOINT_POLICIES,
        ),
        Cause::KeyDenied => owners(
            "AWS did not let us use the KMS key",
            "These settings, or the bucket, name a KMS key, and AWS refused to let the role use it. Its answer does not \
             say which policy refused.",
            S3_WITH_KMS,
        ),
        Cause::KeyDeniedByRole => owners(
            "The role is not allowed to use the KMS key",
            "These settings, or the bucket, name a KMS key, and AWS says that no identity-based policy, one that is \
             attached to the role, allows its use.",
            S3_WITH_KMS,
        ),
        Cause::RoleDeniesKey => owners(
            "A policy of the role denies the use of the KMS key",
            "These settings, or the bucket, name a KMS key, and AWS says that an identity-based policy, one that is \
             attached to the role, has a Deny statement for its use.",
            ACCESS_DENIED,
        ),
        Cause::KeyDeniedByKeyPolicy => owners(
            "The key policy does not allow the role to use the KMS key",
            "These settings, or the bucket, name a KMS key, and AWS says that the key’s own policy does not let the \
             role use it.",
            KEY_POLICIES,
        ),
        Cause::KeyPolicyDenies => owners(
            "The key policy denies the use of the KMS key",
            "These settings, or the bucket, name a KMS key, and AWS says that a resource-based policy, the key’s, has a \
             Deny statement for its use. It does not say which one.",
            KEY_POLICIES,
        ),
        Cause::KeyNotShared => owners(
            "The KMS key is not there for the role",
            "These settings, or the bucket, name a KMS key of another account than the role’s. AWS gives one answer for \
             three things: the key is not in this region, its policy does not allow the role, or it denies it.",
            KEYS_OF_OTHER_ACCOUNTS,
        ),
        Cause::KeyDisabled => owners(
            "The KMS key is disabled",
            "AWS can’t encrypt the object, because the KMS key is disabled.",
            "https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html",
        ),
        Cause::KeyUnusable => owners(
            "The KMS key can’t be used in its state",
            "AWS can’t encrypt the object with the KMS key as it is. A key that is pending deletion can’t be used; \
             AWS’s words say which state it is in.",
            KEY_STATES,
        ),
        Cause::KeyNotFound => owners(
            "There is no such KMS key",
            "AWS finds no KMS key of this name. A key has to be in the bucket’s own region.",
            S3_WITH_KMS,
        ),
        Cause::KeyInAnotherRegion => owners(
            "The KMS key is in another region than the bucket",
            "S3 encrypts with keys of the bucket’s own region only, and this one is of another.",
            S3_WITH_KMS,
        ),
        Cause::KeyUnsuitable => owners(
            "S3 can’t encrypt with a KMS key of this kind",
            "S3 encrypts with symmetric keys for encryption only, and AWS says that this one is for something else.",
            KEY_SPECS,
        ),
        Cause::ChecksumDemanded => operators(
            "The bucket demands a checksum that did not arrive",
            "Buckets with Object Lock demand one. We send one with each object, so something between us and AWS took it \
             away.",
            OBJECT_LOCK,
        ),
        Cause::OwnIdentityRefused => operators(
            "AWS did not accept Trailpost’s own identity",
            "This is our fault, not yours: AWS refused the identity that Trailpost signs with, or there is none.",
            STS_ERRORS,
        ),
        Cause::ClockSkewed => operators(
            "Trailpost’s clock is wrong",
            "This is our fault, not yours: AWS says that the time of our requests is too far from its own.",
            SIGNATURES,
        ),
        Cause::CredentialsExpired => passing(
            "The role’s temporary credentials were not accepted",
            "AWS takes them for run out or unknown, also right after we had got new ones.",
            S3_ERRORS,
        ),
        Cause::Conflict => passing(
            "Something else was being done to the same object",
            "S3 wrote nothing, because something else was being done to this object or its bucket at that moment. It \
             asks to try again.",
            CONDITIONAL_WRITES,
        ),
        Cause::Throttled => passing(
            "AWS asked us to slow down",
            "AWS limits requests for the moment. We wait as long as it asks.",
            LIMITS,
        ),
        Cause::AwsUnavailable => {
            passing("AWS had an internal error", "The error is on AWS’s side and usually passes.", RETRIES)
        }
        Cause::Timeout => passing(
            "AWS did not answer in time",
            "The connection stood, but no answer came. What was asked for may have happened; the next try finds out.",
            RETRIES,
        ),
        Cause::NameNotResolved => passing(
            "The name of AWS’s endpoint was not found",
            "Our name service gave no address for AWS. If it lasts, the operator of this service has to look at its \
             network.",
            ENDPOINTS,
        ),
        Cause::ConnectionRefused => without_aws(
            "AWS’s endpoint took no connection",
            "The connection was refused. If it lasts, the operator of this service has to look at its network.",
            Turn::Nobody,
        ),
        Cause::TlsFailed => without_aws(
            "No secure connection to AWS could be made",
            "The TLS handshake failed. If it lasts, the operator of this service has to look at its network and \
             certificates.",
            Turn::Nobody,
        ),
        Cause::Unreachable => without_aws(
            "AWS could not be reached",
            "The connection failed. If it lasts, the operator of this service has to look at its network.",
            Turn::Nobody,
        ),
        Cause::RecordsUnreadable => without_aws(
            "Trailpost could not read the records to deliver",
            "This is our fault, not yours: the records could not be read from our own store. The records are kept.",
            Turn::Operator,
        ),
        Cause::StoreFailed => without_aws(
            "Trailpost’s own store failed",
            "This is our fault, not yours. If it lasts, the operator of this service has to look at its log. The \
             records are kept.",
            Turn::Operator,
        ),
        Cause::NoWriter => without_aws(
            "Trailpost did not run the access check",
            "This is our fault, not yours: for two minutes no process of ours was there to run it. Nothing was \
             changed.",
            Turn::Operator,
        ),
        Cause::Unexpected => operators(
            "AWS gave an answer that we do not know",
            "AWS’s own words say more. If they name something of your AWS account, it is yours to mend; else the \
             operator of this service has to look at it.",
            S3_ERRORS,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_answered_rests_on_a_page_of_its_own() {
        let of_our_own = [
            Cause::ConnectionRefused,
            Cause::TlsFailed,
            Cause::Unreachable,
            Cause::RecordsUnreadable,
            Cause::StoreFailed,
            Cause::NoWriter,
        ];
        for cause in Cause::ALL {
            let page = entry(cause).documentation;
            assert_eq!(page.is_none(), of_our_own.contains(&cause), "{cause:?}");
            let is_of_aws = page.is_none_or(|page| page.starts_with("https://docs.aws.amazon.com/"));
            assert!(is_of_aws, "{cause:?}: {page:?}");
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_is_somebodys_turn() {
        for cause in [
            Cause::Unexpected,
            Cause::OwnPolicyRefuses,
            Cause::SessionPolicyRefused,
            Cause::EndpointPolicyDenies,
        ] {
            assert_eq!(entry(cause).turn, Turn::Operator, "{cause:?}");
        }
        for cause in [
            Cause::RoleArnRefused,
            Cause::StsNotActivated,
            Cause::AccountBlocked,
            Cause::KeyUnsuitable,
            Cause::KeyInAnotherRegion,
        ] {
            assert_eq!(entry(cause).turn, Turn::Owner, "{cause:?}");
        }
        assert_eq!(entry(Cause::Conflict).turn, Turn::Nobody);
    }
}
