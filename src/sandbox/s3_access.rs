//! Who may do what in S3: everything between a good signature and the operation.
//!
//! In S3's order: the signature's service and signed headers, the session token and its
//! expiry, the bucket and its region, the expected owner, the policies, then the key. A refusal inside
//! one account or organization says which policy refused; to others it is a bare "Access Denied"
//! (S3 user guide, "Troubleshoot access denied (403 Forbidden) errors in Amazon S3").
//!
//! A request signed for another region than the bucket's gets 301 PermanentRedirect with the
//! region in `x-amz-bucket-region`. The SDKs address `s3.<signing region>.amazonaws.com`, and
//! that is what a regional endpoint says about a bucket elsewhere (error code: S3 user guide,
//! "Billing for Amazon S3 error responses"; recorded answers: yanganto/s3rs#18,
//! JuliaCloud/AWSS3.jl#25, path-style transloadit/uppy#713). AuthorizationHeaderMalformed is
//! the bucket's own endpoint's answer to a foreign signature (aws/aws-sdk-cpp#1339); with one
//! port for all endpoints the sandbox can't tell that case apart. S3 redirects before it looks
//! at the signature; here a bad signature is refused first.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::account::{Accounts, BadCredentials, Caller, LoadedBucket};
use super::encryption;
use super::faults::DeniedByFault;
use super::kms::generate_data_key;
use super::policy_eval::{Denial, Policies, PolicyType, Question, decide};
use super::signature_scope::SignatureScope;

/// GetBucketLocation answers from here for a bucket anywhere, as `us-east-1` does in AWS.
const EVERYWHERE: &str = "us-east-1";

/// Gives s3s the secrets to verify signatures with.
pub(super) struct Keys {
    pub(super) accounts: Arc<Accounts>,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.accounts.secret_of(access_key).map(SecretKey::from).ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

/// The access check of every S3 operation.
pub(super) struct Access {
    pub(super) accounts: Arc<Accounts>,
}

/// Operations the sandbox serves, with the permission each needs.
fn permission(operation: &str) -> Option<&'static str> {
    match operation {
        "PutObject" => Some("s3:PutObject"),
        "GetObject" | "HeadObject" => Some("s3:GetObject"),
        "DeleteObject" => Some("s3:DeleteObject"),
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => Some("s3:ListBucket"),
        "GetBucketLocation" => Some("s3:GetBucketLocation"),
        "ListBuckets" => Some("s3:ListAllMyBuckets"),
        _ => None,
    }
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let action = permission(context.s3_op().name()).ok_or_else(|| s3_error!(NotImplemented))?;
        let caller = match context.s3_path().get_bucket_name().map(str::to_owned) {
            None => self.check_service(context, action)?,
            Some(name) => {
                let fault = context.extensions_mut().get::<DeniedByFault>().copied();
                self.check_bucket(context, action, &name, fault)?
            }
        };
        context.extensions_mut().insert(caller);
        Ok(())
    }
}

impl Access {
    fn check_service(&self, context: &S3AccessContext<'_>, action: &str) -> S3Result<Caller> {
        let (caller, _) = self.identify(context)?;
        let question = Question { principal: &caller.principal, action, resource: "*", keys: &[] };
        let policies = Policies { resource_account: &caller.principal.account, ..caller.policies() };
        // S3 names no resource for ListAllMyBuckets.
        decide(&question, &policies).map_err(|denial| {
            let (user, reason) = (&caller.principal.arn, denial.because(action));
            s3_error!(AccessDenied, "User: {user} is not authorized to perform: {action} {reason}")
        })?;
        Ok(caller)
    }

    fn check_bucket(
        &self,
        context: &mut S3AccessContext<'_>,
        action: &str,
        name: &str,
        fault: Option<DeniedByFault>,
    ) -> S3Result<Caller> {
        let bucket = self.accounts.bucket(name);
        let result = self.identify(context).and_then(|(caller, signed_region)| {
            let bucket = bucket.as_ref().ok_or_else(|| s3_error!(NoSuchBucket))?;
            check_region(context, bucket, &signed_region)?;
            check_owner(context.headers(), bucket)?;
            self.check_policies(context, &caller, bucket, action, fault)?;
            if action == "s3:PutObject" {
                self.check_encryption(context, &caller, bucket)?;
            }
            Ok(caller)
        });
        result.map_err(|error| match &bucket {
            Some(bucket) if tells_region(context, &error) => with_region(error, &bucket.region),
            _ => error,
        })
    }

    fn check_policies(
        &self,
        context: &S3AccessContext<'_>,
        caller: &Caller,
        bucket: &LoadedBucket,
        action: &str,
        fault: Option<DeniedByFault>,
    ) -> S3Result<()> {
        let bucket_arn = format!("arn:{}:s3:::{}", caller.partition, bucket.name);
        let resource = match context.s3_path() {
            S3Path::Object { key, .. } => format!("{bucket_arn}/{key}"),
            S3Path::Root | S3Path::Bucket { .. } => bucket_arn,
        };
        if fault.is_some() {
            let denial = Denial::Implicit(PolicyType::Identity);
            return Err(denied(&self.accounts, caller, bucket, action, &resource, denial));
        }
        may(&self.accounts, caller, bucket, action, &resource, &condition_keys(context.headers()))
    }

    /// How the object is to be encrypted, for `s3_put`; a customer managed key must be one that the caller may use.
    fn check_encryption(
        &self,
        context: &mut S3AccessContext<'_>,
        caller: &Caller,
        bucket: &LoadedBucket,
    ) -> S3Result<()> {
        let encryption = encryption::of_put(context.headers(), caller, bucket)?;
        if let Some(key) = &encryption.key {
            generate_data_key(&self.accounts, caller, &bucket.region, key)?;
        }
        context.extensions_mut().insert(encryption);
        Ok(())
    }

    /// The caller, and the region it signed for.
    fn identify(&self, context: &S3AccessContext<'_>) -> S3Result<(Caller, String)> {
        let credentials = context.credentials().ok_or_else(|| s3_error!(AccessDenied))?;
        let scope = SignatureScope::read(context.headers(), context.uri()).ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
            )
        })?;
        if scope.service != "s3" {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; incorrect service \"{}\". This endpoint belongs to \"s3\".",
                scope.service
            ));
        }
        if scope.unsigned_header(context.headers()).is_some() {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed"
            ));
        }
        let caller = self.accounts.caller(&credentials.access_key, scope.session_token.as_deref());
        let caller = caller.map_err(|bad| match bad {
            BadCredentials::UnknownKey => s3_error!(InvalidAccessKeyId),
            BadCredentials::BadToken => s3_error!(InvalidToken),
            BadCredentials::Expired => s3_error!(ExpiredToken),
        })?;
        Ok((caller, scope.region))
    }
}

fn check_region(context: &S3AccessContext<'_>, bucket: &LoadedBucket, signed_region: &str) -> S3Result<()> {
    let anywhere = context.s3_op().name() == "GetBucketLocation" && signed_region == EVERYWHERE;
    if bucket.region == signed_region || anywhere { Ok(()) } else { Err(s3_error!(PermanentRedirect)) }
}

fn check_owner(headers: &HeaderMap, bucket: &LoadedBucket) -> S3Result<()> {
    match headers.get("x-amz-expected-bucket-owner") {
        Some(expected) if expected.as_bytes() != bucket.owner_account.as_bytes() => {
            Err(s3_error!(AccessDenied))
        }
        _ => Ok(()),
    }
}

/// The request's headers that policies can ask about.
fn condition_keys(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    [
        ("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
        ("s3:x-amz-acl", "x-amz-acl"),
    ]
    .into_iter()
    .filter_map(|(key, header)| Some((key, headers.get(header)?.to_str().ok()?.to_owned())))
    .collect()
}

/// Whether the caller may do this to a resource of the bucket, with S3's words if not.
pub(super) fn may(
    accounts: &Accounts,
    caller: &Caller,
    bucket: &LoadedBucket,
    action: &str,
    resource: &str,
    keys: &[(&str, String)],
) -> S3Result<()> {
    let question = Question { principal: &caller.principal, action, resource, keys };
    let (of_owner, endpoint) = (accounts.resource_control(&bucket.owner_account), accounts.endpoint_policy());
    let policies = Policies {
        resource: bucket.policy.as_deref(),
        resource_account: &bucket.owner_account,
        resource_control: &of_owner,
        endpoint: endpoint.as_deref(),
        ..caller.policies()
    };
    decide(&question, &policies).map_err(|denial| denied(accounts, caller, bucket, action, resource, denial))
}

fn denied(
    accounts: &Accounts,
    caller: &Caller,
    bucket: &LoadedBucket,
    action: &str,
    resource: &str,
    denial: Denial,
) -> S3Error {
    if !accounts.belong_together(&caller.principal.account, &bucket.owner_account) {
        return s3_error!(AccessDenied);
    }
    let (user, reason) = (&caller.principal.arn, denial.because(action));
    s3_error!(
        AccessDenied,
        "User: {user} is not authorized to perform: {action} on resource: \"{resource}\" {reason}"
    )
}

/// S3 names the bucket's region in redirects, and in any answer about the bucket itself.
fn tells_region(context: &S3AccessContext<'_>, error: &S3Error) -> bool {
    *error.code() == S3ErrorCode::PermanentRedirect
        || matches!(context.s3_op().name(), "HeadBucket" | "ListObjects" | "ListObjectsV2")
}

fn with_region(mut error: S3Error, region: &str) -> S3Error {
    if let Ok(value) = HeaderValue::from_str(region) {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-bucket-region", value);
        error.set_headers(headers);
    }
    error
}
