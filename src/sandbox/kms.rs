//! KMS keys, as far as S3 uses them for who puts an object: may the caller generate a data key, and can the key.
//!
//! Unlike a bucket's, a key's own policy must allow, even inside one account: what AWS's default key policy does is
//! to name the account, which leaves the decision to IAM (KMS developer guide, "Key policies"). Only then is it
//! looked at whether the key is enabled. S3 passes KMS's refusals on under codes that begin with `KMS.`; their words
//! are from recorded answers (aws/aws-cli#1517, localstack/localstack#7448 and #8423).
//! Not modelled: aliases, grants, encryption contexts, rotation, KMS's own API.

use std::sync::Arc;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde_json::json;

use super::account::{Accounts, Caller};
use super::policy_document::Policy;
use super::policy_eval::{Denial, Policies, PolicyType, Question, decide};

const ACTION: &str = "kms:GenerateDataKey";

/// A customer managed key.
#[derive(Debug, Clone)]
pub struct KmsKey {
    /// `arn:aws:kms:eu-west-1:111122223333:key/1234abcd-…`.
    pub arn: String,
    /// The key policy, as JSON.
    pub policy: String,
    /// Whether it can be used.
    pub state: KmsKeyState,
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KmsKeyState {
    /// It can.
    Enabled,
    /// Somebody disabled it.
    Disabled,
    /// Somebody scheduled its deletion.
    PendingDeletion,
}

#[derive(Debug, Clone)]
pub(super) struct LoadedKey {
    pub(super) policy: Arc<Policy>,
    pub(super) state: KmsKeyState,
}

/// The parts of a key's ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPlace<'a> {
    region: &'a str,
    account: &'a str,
}

impl KmsKey {
    /// An enabled key with the policy that AWS gives to new ones: its account's own policies decide.
    #[must_use]
    pub fn new(arn: &str) -> KmsKey {
        let account = KeyPlace::parse(arn).map_or("", |place| place.account);
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
                "Action": "kms:*",
                "Resource": "*",
            }],
        });
        KmsKey { arn: arn.to_owned(), policy: policy.to_string(), state: KmsKeyState::Enabled }
    }
}

impl<'a> KeyPlace<'a> {
    /// None if this is not the ARN of a key; an alias is not.
    pub(super) fn parse(arn: &'a str) -> Option<KeyPlace<'a>> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "kms", region, account, resource] = parts[..] else { return None };
        let id = resource.strip_prefix("key/")?;
        let is_key = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (partition.starts_with("aws") && !region.is_empty() && is_account && is_key)
            .then_some(KeyPlace { region, account })
    }
}

/// Whether S3 in this region gets a data key for the caller, with S3's words if not.
pub(super) fn generate_data_key(
    accounts: &Accounts,
    caller: &Caller,
    region: &str,
    arn: &str,
) -> S3Result<()> {
    let Some(place) = KeyPlace::parse(arn) else {
        return Err(kms_error("KMS.NotFoundException", format!("Invalid keyId {arn}")));
    };
    if place.region != region {
        return Err(kms_error("KMS.NotFoundException", format!("Invalid arn {}", place.region)));
    }
    let key = accounts.key(arn);
    authorize(accounts, caller, region, arn, key.as_ref())?;
    match key.map(|key| key.state) {
        Some(KmsKeyState::Enabled) => Ok(()),
        Some(KmsKeyState::Disabled) => Err(kms_error("KMS.DisabledException", format!("{arn} is disabled."))),
        Some(KmsKeyState::PendingDeletion) => {
            Err(kms_error("KMS.KMSInvalidStateException", format!("{arn} is pending deletion.")))
        }
        None => Err(kms_error("KMS.NotFoundException", format!("Key '{arn}' does not exist"))),
    }
}

/// A key that is not there is told apart from one that may not be used only to its own account.
fn authorize(
    accounts: &Accounts,
    caller: &Caller,
    region: &str,
    arn: &str,
    key: Option<&LoadedKey>,
) -> S3Result<()> {
    let account = KeyPlace::parse(arn).map_or("", |place| place.account);
    let keys = [("kms:ViaService", format!("s3.{region}.amazonaws.com"))];
    let question = Question { principal: &caller.principal, action: ACTION, resource: arn, keys: &keys };
    let of_owner = accounts.resource_control(account);
    let policies = Policies {
        resource: key.map(|key| &*key.policy),
        resource_account: account,
        resource_must_allow: key.is_some(),
        resource_control: &of_owner,
        ..caller.policies()
    };
    decide(&question, &policies).map_err(|denial| denied(caller, arn, account, denial))
}

fn denied(caller: &Caller, arn: &str, account: &str, denial: Denial) -> S3Error {
    let user = &caller.principal.arn;
    let by_the_key =
        matches!(denial, Denial::Explicit(PolicyType::Resource) | Denial::Implicit(PolicyType::Resource));
    if by_the_key && caller.principal.account != account {
        return s3_error!(
            AccessDenied,
            "User: {user} is not authorized to perform: {ACTION} on this resource because the resource does not \
             exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly \
             denies access"
        );
    }
    let reason = denial.because(ACTION);
    s3_error!(AccessDenied, "User: {user} is not authorized to perform: {ACTION} on resource: {arn} {reason}")
}

fn kms_error(code: &str, message: String) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(StatusCode::BAD_REQUEST);
    error
}
