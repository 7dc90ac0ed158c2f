//! How an object is encrypted: as its put says, else as its bucket does by default (S3 user guide, "Setting default
//! server-side encryption behavior for Amazon S3 buckets"). Nothing is encrypted here; what S3 would have used is kept
//! with the object, and S3's refusals are made.

use http::HeaderMap;
use s3s::{S3Result, s3_error};

use super::account::{Caller, LoadedBucket};

const ALGORITHM: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// What a bucket does with objects whose put does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BucketEncryption {
    /// S3's own keys: what every new bucket has.
    #[default]
    SseS3,
    /// The account's AWS managed key, `aws/s3`, which needs no permission.
    AwsManagedKey,
    /// The customer managed key with this ARN.
    KmsKey(String),
}

/// How one object is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub(super) algorithm: String,
    /// The ARN of a customer managed key.
    pub(super) key: Option<String>,
}

/// How a put with these headers is encrypted.
pub(super) fn of_put(
    headers: &HeaderMap,
    caller: &Caller,
    bucket: &LoadedBucket,
) -> S3Result<ObjectEncryption> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let encryption =
        |algorithm: &str, key: Option<String>| ObjectEncryption { algorithm: algorithm.to_owned(), key };
    match (header(ALGORITHM), header(KEY)) {
        (None, None) => Ok(match &bucket.encryption {
            BucketEncryption::SseS3 => encryption("AES256", None),
            BucketEncryption::AwsManagedKey => encryption("aws:kms", None),
            BucketEncryption::KmsKey(arn) => encryption("aws:kms", Some(arn.clone())),
        }),
        (Some("AES256"), None) => Ok(encryption("AES256", None)),
        (Some(algorithm @ ("aws:kms" | "aws:kms:dsse")), key) => {
            Ok(encryption(algorithm, key.map(|key| key_arn(key, caller, bucket))))
        }
        (None | Some("AES256"), Some(_)) => Err(s3_error!(
            InvalidArgument,
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
        )),
        (Some(_), _) => Err(s3_error!(InvalidArgument, "The encryption method specified is not supported")),
    }
}

/// A key that is named by its id alone is one of the caller's account, in the bucket's region.
fn key_arn(key: &str, caller: &Caller, bucket: &LoadedBucket) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    let kind = if key.starts_with("alias/") { "" } else { "key/" };
    let (partition, account) = (&caller.partition, &caller.principal.account);
    format!("arn:{partition}:kms:{}:{account}:{kind}{key}", bucket.region)
}
