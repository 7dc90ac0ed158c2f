//! The demo's small AWS: our own identity, the customer's account with its buckets, the role that is right, and
//! roles and buckets that each are wrong in one way and named after it. Everything is said in policies; there are no switches.

use serde_json::{Value, json};

use crate::domain::bucket::Destination;
use crate::domain::organization::ExternalId;
use crate::domain::policy;
use crate::domain::role_arn::Partition;
use crate::sandbox::{Bucket, IamRole, IamUser, KmsKey, KmsKeyState, OrganizationMember};

/// The principal that Trailpost acts as in the demo; customers' roles trust it.
pub const OUR_PRINCIPAL: &str = "arn:aws:iam::999988887777:user/trailpost";
/// Trailpost's own key in the sandbox.
pub const OUR_ACCESS_KEY_ID: &str = "AKIADEMOTRAILPOSTOWN";
/// The secret of that key.
pub const OUR_SECRET_ACCESS_KEY: &str = "demo/trailpost/own/key/not/a/secret/0001";
/// The customer's own key, for looking into the buckets.
pub const CUSTOMER_ACCESS_KEY_ID: &str = "AKIADEMOACMECUSTOMER";
/// The secret of that key.
pub const CUSTOMER_SECRET_ACCESS_KEY: &str = "demo/acme/customer/key/not/a/secret/0001";
/// The customer's account.
pub const CUSTOMER_ACCOUNT: &str = "111122223333";
/// The region of everything that has no reason to be elsewhere.
pub const REGION: &str = "us-east-1";
/// The bucket that is right.
pub const BUCKET: &str = "acme-audit-logs";
/// The same in another region.
const BUCKET_ELSEWHERE: &str = "acme-audit-logs-frankfurt";
/// The same with dots in its name.
pub const BUCKET_WITH_DOTS: &str = "acme.audit.logs";
/// Takes only what is encrypted with a KMS key, and says so in its policy.
pub const BUCKET_WANTS_KMS: &str = "acme-audit-logs-kms-required";
/// Takes only what comes with a checksum.
pub const BUCKET_LOCKS: &str = "acme-audit-logs-object-lock";
/// The KMS key that is right.
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000a";
/// A key that somebody disabled.
pub const KEY_DISABLED: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000d";
/// A key whose deletion somebody scheduled.
pub const KEY_PENDING_DELETION: &str =
    "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000e";
/// A key whose policy lets only the customer's administrator use it.
pub const KEY_NOT_SHARED: &str =
    "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000b";
/// A key whose policy denies its use to everybody but the customer's administrator.
pub const KEY_DENYING: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000010";
/// A key in another region than the bucket that is right.
pub const KEY_ELSEWHERE: &str =
    "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000c";
/// A key of another account, whose policy says nothing of the role.
pub const KEY_OF_ANOTHER_ACCOUNT: &str =
    "arn:aws:kms:us-east-1:444455556666:key/0a1b2c3d-0000-4000-8000-00000000000f";
/// Its policy denies what we write.
const BUCKET_DENIED: &str = "acme-audit-logs-denied";
/// Its policy denies what names no encryption.
const BUCKET_DEMANDS_ENCRYPTION: &str = "acme-audit-logs-demands-encryption";
/// It belongs to another account than the role, and its policy lets the role write.
const BUCKET_WRONG_OWNER: &str = "acme-audit-logs-wrong-owner";
/// It belongs to another account than the role, and its policy says nothing.
const BUCKET_NO_POLICY: &str = "acme-audit-logs-no-bucket-policy";
/// The same, but its account is in the organization of the role's.
const BUCKET_NO_POLICY_SAME_ORGANIZATION: &str = "acme-audit-logs-central-no-bucket-policy";
/// A resource control policy of the organization denies what we write.
const BUCKET_DENIED_BY_RCP: &str = "acme-audit-logs-denied-by-rcp";
/// Every bucket that the permissions of the roles cover.
const BUCKETS: [&str; 11] = [
    BUCKET,
    BUCKET_ELSEWHERE,
    BUCKET_WITH_DOTS,
    BUCKET_WANTS_KMS,
    BUCKET_LOCKS,
    BUCKET_DENIED,
    BUCKET_DEMANDS_ENCRYPTION,
    BUCKET_WRONG_OWNER,
    BUCKET_NO_POLICY,
    BUCKET_NO_POLICY_SAME_ORGANIZATION,
    BUCKET_DENIED_BY_RCP,
];
/// Every key that the permissions of the right role cover.
const KEYS: [&str; 7] = [
    KEY,
    KEY_DISABLED,
    KEY_PENDING_DELETION,
    KEY_NOT_SHARED,
    KEY_DENYING,
    KEY_ELSEWHERE,
    KEY_OF_ANOTHER_ACCOUNT,
];
/// Where the customer keeps its other buckets; in no organization.
const OTHER_ACCOUNT: &str = "444455556666";
/// Where the customer's organization keeps its logs.
const CENTRAL_ACCOUNT: &str = "777788889999";
const CUSTOMER_ORGANIZATION: &str = "o-acme000001";
const CUSTOMER_ADMIN: &str = "arn:aws:iam::111122223333:user/acme-admin";

const LONGEST_SESSION_SECONDS: i64 = 3600;

/// Who can sign requests.
pub fn users() -> Vec<IamUser> {
    let may_assume = allow("sts:AssumeRole", "*");
    let may_all_of_s3 = allow("s3:*", "*");
    vec![
        IamUser {
            arn: OUR_PRINCIPAL.to_owned(),
            access_key_id: OUR_ACCESS_KEY_ID.to_owned(),
            secret_access_key: OUR_SECRET_ACCESS_KEY.to_owned(),
            policies: vec![may_assume],
        },
        IamUser {
            arn: CUSTOMER_ADMIN.to_owned(),
            access_key_id: CUSTOMER_ACCESS_KEY_ID.to_owned(),
            secret_access_key: CUSTOMER_SECRET_ACCESS_KEY.to_owned(),
            policies: vec![may_all_of_s3],
        },
    ]
}

/// The customer's KMS keys.
pub fn keys() -> Vec<KmsKey> {
    let in_state = |state, arn| KmsKey { state, ..KmsKey::new(arn) };
    vec![
        KmsKey::new(KEY),
        in_state(KmsKeyState::Disabled, KEY_DISABLED),
        in_state(KmsKeyState::PendingDeletion, KEY_PENDING_DELETION),
        KmsKey { policy: for_administrators_only(), ..KmsKey::new(KEY_NOT_SHARED) },
        KmsKey { policy: denying_all_but_administrators(), ..KmsKey::new(KEY_DENYING) },
        KmsKey::new(KEY_ELSEWHERE),
        KmsKey::new(KEY_OF_ANOTHER_ACCOUNT),
    ]
}

/// The customer's organization.
pub fn members() -> Vec<OrganizationMember> {
    let member = |account: &str| OrganizationMember {
        account: account.to_owned(),
        organization: CUSTOMER_ORGANIZATION.to_owned(),
        service_control_policies: vec![
            allow("*", "*"),
            nothing_by("trailpost-denied-by-scp", "s3:PutObject"),
            nothing_by("trailpost-denied-keys-by-scp", "kms:GenerateDataKey"),
        ],
        resource_control_policies: vec![
            allow_everyone(),
            bucket_policy(
                "Deny",
                json!("*"),
                &format!("arn:aws:s3:::{BUCKET_DENIED_BY_RCP}/*"),
                json!({ "StringNotEquals": { "aws:PrincipalArn": CUSTOMER_ADMIN } }),
            ),
        ],
    };
    vec![member(CUSTOMER_ACCOUNT), member(CENTRAL_ACCOUNT)]
}

/// The customer's buckets.
pub fn buckets() -> Vec<Bucket> {
    let bucket = |name: &str, owner: &str, policy: Option<String>| Bucket {
        policy,
        ..Bucket::new(name, REGION, owner)
    };
    let own = |name: &str| Bucket::new(name, REGION, CUSTOMER_ACCOUNT);
    let role = format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:role/trailpost-audit-logs");
    let any_write = |name, effect, principal, condition| {
        bucket_policy(effect, principal, &format!("arn:aws:s3:::{name}/*"), condition)
    };
    let no_encryption = json!({ "Null": { "s3:x-amz-server-side-encryption": "true" } });
    vec![
        own(BUCKET),
        Bucket { region: "eu-central-1".to_owned(), ..own(BUCKET_ELSEWHERE) },
        own(BUCKET_WITH_DOTS),
        Bucket { policy: Some(only_with_kms(BUCKET_WANTS_KMS)), ..own(BUCKET_WANTS_KMS) },
        Bucket { object_lock: true, ..own(BUCKET_LOCKS) },
        bucket(
            BUCKET_DENIED,
            CUSTOMER_ACCOUNT,
            Some(any_write(BUCKET_DENIED, "Deny", json!("*"), json!({}))),
        ),
        bucket(
            BUCKET_DEMANDS_ENCRYPTION,
            CUSTOMER_ACCOUNT,
            Some(any_write(BUCKET_DEMANDS_ENCRYPTION, "Deny", json!("*"), no_encryption)),
        ),
        bucket(
            BUCKET_WRONG_OWNER,
            OTHER_ACCOUNT,
            Some(any_write(BUCKET_WRONG_OWNER, "Allow", json!({ "AWS": role }), json!({}))),
        ),
        bucket(BUCKET_NO_POLICY, OTHER_ACCOUNT, None),
        bucket(BUCKET_NO_POLICY_SAME_ORGANIZATION, CENTRAL_ACCOUNT, None),
        own(BUCKET_DENIED_BY_RCP),
    ]
}

/// The customer's roles, for the organization with this external ID.
pub fn roles(external_id: &ExternalId) -> Vec<IamRole> {
    let trust = policy::trust_policy(OUR_PRINCIPAL, external_id).to_string();
    let write = BUCKETS.map(|bucket| {
        let destination = Destination::parse(bucket, "").expect("the demo's buckets are valid");
        policy::permissions_policy(&destination, Partition::Aws, None).to_string()
    });
    let use_keys = KEYS.map(|key| allow("kms:GenerateDataKey", key));
    let other_external_id = "trailpost-00000000000000000000000000000000".parse().expect("of our shape");
    let other_principal = "arn:aws:iam::999988887777:user/someone-else";
    let role = |name: &str, trust_policy: String, permission_policies: Vec<String>| IamRole {
        arn: format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:role/{name}"),
        trust_policy,
        permission_policies,
        permissions_boundary: None,
        max_session_seconds: LONGEST_SESSION_SECONDS,
    };
    vec![
        role("trailpost-audit-logs", trust.clone(), [write.as_slice(), &use_keys].concat()),
        role("no-kms-permission", trust.clone(), write.to_vec()),
        role(
            "trailpost-wrong-external-id",
            policy::trust_policy(OUR_PRINCIPAL, &other_external_id).to_string(),
            write.to_vec(),
        ),
        role(
            "trailpost-no-trust",
            policy::trust_policy(other_principal, external_id).to_string(),
            write.to_vec(),
        ),
        role("trailpost-no-external-id", trust_without_condition(), write.to_vec()),
        role("trailpost-no-permission", trust.clone(), Vec::new()),
        role(
            "trailpost-denying-policy",
            trust.clone(),
            [write.as_slice(), &[denial_of("s3:PutObject")]].concat(),
        ),
        role("trailpost-denying-keys", trust.clone(), [write.as_slice(), &[denial_of("kms:*")]].concat()),
        role("trailpost-denying-trust", trust_that_denies(), write.to_vec()),
        role("trailpost-denied-by-scp", trust.clone(), write.to_vec()),
        role("trailpost-denied-keys-by-scp", trust.clone(), [write.as_slice(), &use_keys].concat()),
        IamRole {
            permissions_boundary: Some(allow("logs:*", "*")),
            ..role("trailpost-outside-boundary", trust, write.to_vec())
        },
    ]
}

fn denial_of(action: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": action, "Resource": "*" }],
    })
    .to_string()
}

/// A service control policy that keeps one role from doing this to anything.
fn nothing_by(role: &str, action: &str) -> String {
    let role = format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:role/{role}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Action": action,
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:PrincipalArn": role } },
        }],
    })
    .to_string()
}

/// What AWS attaches where resource control policies are enabled (`RCPFullAWSAccess`).
fn allow_everyone() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }],
    })
    .to_string()
}

/// The policy of a key that denies its use to whoever is not its administrator.
fn denying_all_but_administrators() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:root") },
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "kms:GenerateDataKey",
                "Resource": "*",
                "Condition": { "StringNotEquals": { "aws:PrincipalArn": CUSTOMER_ADMIN } },
            },
        ],
    })
    .to_string()
}

/// The policy of a key that names its administrator alone.
fn for_administrators_only() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": CUSTOMER_ADMIN },
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

fn bucket_policy(effect: &str, principal: Value, resource: &str, condition: Value) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": effect,
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": resource,
            "Condition": condition,
        }],
    })
    .to_string()
}

fn allow(action: &str, resource: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": action, "Resource": resource }],
    })
    .to_string()
}

/// As the S3 user guide words it ("Requiring server-side encryption").
fn only_with_kms(bucket: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "DenyObjectsThatAreNotSSEKMS",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{bucket}/*"),
            "Condition": { "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" } },
        }],
    })
    .to_string()
}

fn trust_that_denies() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Principal": { "AWS": OUR_PRINCIPAL }, "Action": "sts:AssumeRole" }],
    })
    .to_string()
}

fn trust_without_condition() -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": OUR_PRINCIPAL },
            "Action": "sts:AssumeRole",
        }],
    })
    .to_string()
}
