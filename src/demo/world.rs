//! The demo's small AWS: our own identity, the customer's account with its buckets, the role that is right, and
//! roles that each are wrong in one way and named after it. Everything is said in policies; there are no switches.

use crate::domain::bucket::Destination;
use crate::domain::organization::ExternalId;
use crate::domain::policy;
use crate::domain::role_arn::Partition;
use crate::sandbox::{Bucket, IamRole, IamUser, KmsKey, KmsKeyState};

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
            arn: format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:user/acme-admin"),
            access_key_id: CUSTOMER_ACCESS_KEY_ID.to_owned(),
            secret_access_key: CUSTOMER_SECRET_ACCESS_KEY.to_owned(),
            policies: vec![may_all_of_s3],
        },
    ]
}

/// The customer's KMS keys.
pub fn keys() -> Vec<KmsKey> {
    vec![KmsKey::new(KEY), KmsKey { state: KmsKeyState::Disabled, ..KmsKey::new(KEY_DISABLED) }]
}

/// The customer's buckets.
pub fn buckets() -> Vec<Bucket> {
    let bucket = |name: &str| Bucket::new(name, REGION, CUSTOMER_ACCOUNT);
    vec![
        bucket(BUCKET),
        Bucket { region: "eu-central-1".to_owned(), ..bucket(BUCKET_ELSEWHERE) },
        bucket(BUCKET_WITH_DOTS),
        Bucket { policy: Some(only_with_kms(BUCKET_WANTS_KMS)), ..bucket(BUCKET_WANTS_KMS) },
        Bucket { object_lock: true, ..bucket(BUCKET_LOCKS) },
    ]
}

/// The customer's roles, for the organization with this external ID.
pub fn roles(external_id: &ExternalId) -> Vec<IamRole> {
    let trust = policy::trust_policy(OUR_PRINCIPAL, external_id).to_string();
    let write = [BUCKET, BUCKET_ELSEWHERE, BUCKET_WITH_DOTS, BUCKET_WANTS_KMS, BUCKET_LOCKS].map(|bucket| {
        let destination = Destination::parse(bucket, "").expect("the demo's buckets are valid");
        policy::permissions_policy(&destination, Partition::Aws, None).to_string()
    });
    let use_keys = [KEY, KEY_DISABLED].map(|key| allow("kms:GenerateDataKey", key));
    let other_external_id = "trailpost-00000000000000000000000000000000".parse().expect("of our shape");
    let other_principal = "arn:aws:iam::999988887777:user/someone-else";
    let role = |name: &str, trust_policy: String, permission_policies: Vec<String>| IamRole {
        arn: format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:role/{name}"),
        trust_policy,
        permission_policies,
        max_session_seconds: LONGEST_SESSION_SECONDS,
    };
    vec![
        role("trailpost-audit-logs", trust.clone(), [write.as_slice(), &use_keys].concat()),
        role("no-kms-permission", trust.clone(), write.to_vec()),
        role(
            "wrong-external-id",
            policy::trust_policy(OUR_PRINCIPAL, &other_external_id).to_string(),
            write.to_vec(),
        ),
        role(
            "wrong-principal",
            policy::trust_policy(other_principal, external_id).to_string(),
            write.to_vec(),
        ),
        role("external-id-not-required", trust_without_condition(), write.to_vec()),
        role("no-permissions", trust, Vec::new()),
    ]
}

fn allow(action: &str, resource: &str) -> String {
    serde_json::json!({
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

fn trust_without_condition() -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": OUR_PRINCIPAL },
            "Action": "sts:AssumeRole",
        }],
    })
    .to_string()
}
