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

fn owners(title: &'static str, explanation: &'static str, documentation: &'static str) -> Entry {
    Entry { title, explanation, turn: Turn::Owner, documentation: Some(documentation) }
}

fn operators(title: &'static str, explanation: &'static str) -> Entry {
    Entry { title, explanation, turn: Turn::Operator, documentation: None }
}

fn passing(title: &'static str, explanation: &'static str) -> Entry {
    Entry { title, explanation, turn: Turn::Nobody, documentation: None }
}

pub(super) fn entry(cause: Cause) -> Entry {
    match cause {
        Cause::AssumeRoleDenied => owners(
            "AWS did not let us assume the role",
            "AWS gives one answer for four things: the role’s trust policy does not name our principal, it requires \
             another external ID, the role ARN is spelled differently, or the role does not exist.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html",
        ),
        Cause::ManyDenied => operators(
            "AWS does not let Trailpost assume roles at the moment",
            "This is our fault until shown otherwise, not yours: AWS refuses us the roles of many organizations at \
             once. The records are kept.",
        ),
        Cause::RoleTooOpen => owners(
            "The role does not require the external ID",
            "AWS let us assume the role without your external ID, so another customer could point us at it. Make its \
             trust policy require the external ID.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
        ),
        Cause::BucketMissing => owners(
            "The bucket does not exist",
            "S3 knows no bucket of this name. Check the spelling, or create it.",
            S3_ERRORS,
        ),
        Cause::WrongRegion => passing(
            "The bucket is in another region than S3 said",
            "S3 sent us to another region. That happens for a while after a bucket was made anew elsewhere.",
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
        ),
        Cause::ServiceControlPolicyDenies => owners(
            "A service control policy denies the write",
            "AWS says that a service control policy of your AWS organization is in the way. Whoever administers the \
             organization can change it.",
            "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html",
        ),
        Cause::ResourceControlPolicyDenies => owners(
            "A resource control policy denies the write",
            "AWS says that a resource control policy of your AWS organization is in the way. Whoever administers the \
             organization can change it.",
            "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html",
        ),
        Cause::PermissionsBoundaryDenies => owners(
            "The role’s permissions boundary denies the write",
            "AWS says that the permissions boundary of the role is in the way. The boundary has to allow the same as \
             the permissions policy.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
        ),
        Cause::EndpointPolicyDenies => operators(
            "The policy of Trailpost’s VPC endpoint denies the write",
            "This is our fault, not yours: AWS says that the policy of the VPC endpoint is in the way through which we \
             reach it.",
        ),
        Cause::KeyDenied => owners(
            "AWS did not let us use the KMS key",
            "The bucket encrypts with a KMS key, and AWS refused to let the role use it. Its answer does not say which \
             policy refused.",
            S3_WITH_KMS,
        ),
        Cause::KeyDeniedByRole => owners(
            "The role is not allowed to use the KMS key",
            "The bucket encrypts with a KMS key, and AWS says that the role’s own policies do not let it use the key.",
            S3_WITH_KMS,
        ),
        Cause::KeyDeniedByKeyPolicy => owners(
            "The key policy does not allow the role to use the KMS key",
            "The bucket encrypts with a KMS key, and AWS says that the key’s own policy does not let the role use it.",
            KEY_POLICIES,
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
        Cause::ChecksumDemanded => operators(
            "The bucket demands a checksum that did not arrive",
            "Buckets with Object Lock demand one. We send one with each object, so something between us and AWS took it \
             away.",
        ),
        Cause::OwnIdentityRefused => operators(
            "AWS did not accept Trailpost’s own identity",
            "This is our fault, not yours: AWS refused the identity that Trailpost signs with, or there is none.",
        ),
        Cause::ClockSkewed => operators(
            "Trailpost’s clock is wrong",
            "This is our fault, not yours: AWS says that the time of our requests is too far from its own.",
        ),
        Cause::CredentialsExpired => passing(
            "The role’s temporary credentials were not accepted",
            "AWS takes them for run out or unknown, also right after we had got new ones.",
        ),
        Cause::Throttled => passing(
            "AWS asked us to slow down",
            "AWS limits requests for the moment. We wait as long as it asks.",
        ),
        Cause::AwsUnavailable => {
            passing("AWS had an internal error", "The error is on AWS’s side and usually passes.")
        }
        Cause::Timeout => passing(
            "AWS did not answer in time",
            "The connection stood, but no answer came. What was asked for may have happened; the next try finds out.",
        ),
        Cause::NameNotResolved => passing(
            "The name of AWS’s endpoint was not found",
            "Our name service gave no address for AWS. If it lasts, the operator of this service has to look at its \
             network.",
        ),
        Cause::ConnectionRefused => passing(
            "AWS’s endpoint took no connection",
            "The connection was refused. If it lasts, the operator of this service has to look at its network.",
        ),
        Cause::TlsFailed => passing(
            "No secure connection to AWS could be made",
            "The TLS handshake failed. If it lasts, the operator of this service has to look at its network and \
             certificates.",
        ),
        Cause::Unreachable => passing(
            "AWS could not be reached",
            "The connection failed. If it lasts, the operator of this service has to look at its network.",
        ),
        Cause::RecordsUnreadable => operators(
            "Trailpost could not read the records to deliver",
            "This is our fault, not yours: the records could not be read from our own store. The records are kept.",
        ),
        Cause::StoreFailed => operators(
            "Trailpost’s own store failed",
            "This is our fault, not yours. If it lasts, the operator of this service has to look at its log. The \
             records are kept.",
        ),
        Cause::NoWriter => operators(
            "Trailpost did not run the access check",
            "This is our fault, not yours: for two minutes no process of ours was there to run it. Nothing was \
             changed.",
        ),
        Cause::Unexpected => passing("AWS gave an answer that we do not know", "AWS’s own words say more."),
    }
}
