//! Writing objects with a customer's role, in the bucket's own region.
//!
//! Every PUT carries a SHA-256 checksum and `If-None-Match: *` (unless the operator's store is said to know no such
//! thing), the expected bucket owner, and how to encrypt, if the settings say. A checksum is also what buckets with
//! Object Lock ask for. We need `s3:PutObject` and, for a key, `kms:GenerateDataKey`, and nothing else: the region is
//! read from an answer that S3 gives even to who may do nothing.

use std::sync::PoisonError;
use std::time::Duration;

use aws_config::Region;
use aws_credential_types::Credentials;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{IdentityCache, RequestChecksumCalculation};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::RequestId as _;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use futures::FutureExt as _;

use super::diagnosis::{diagnose, diagnose_in};
use super::{AssumedRole, Aws, CALL_TIMEOUT};
use crate::domain::access_check::Stage;
use crate::domain::bucket::BucketName;
use crate::domain::encryption::Encryption;
use crate::domain::failure::{Cause, Failure};
use crate::domain::integration::Settings;
use crate::domain::object_key::ObjectKey;
use crate::domain::role_arn::Partition;
use crate::domain::s3_endpoint::Checksum;
use crate::metrics::AwsOperation;

/// A connection that sends no faster is taken for one that hangs.
const SLOWEST_BYTES_PER_SECOND: f64 = 1024.0 * 1024.0;
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// An object to be written.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its key.
    pub key: ObjectKey,
    /// Its Content-Type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

/// How a bucket's region is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketRegion {
    /// S3 named it.
    Found(String),
    /// S3 refused to say more than that it knows the bucket: our own region is tried.
    Assumed(String),
    /// The operator set it.
    Stated(String),
}

/// How a PUT that S3 answered ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The object is there, written by this call.
    Now {
        /// AWS's id of the request.
        request_id: Option<String>,
    },
    /// 412: there was an object under this key.
    Before,
}

impl Aws {
    /// Asks S3 for a bucket, and which region it is in. S3 says so even where it refuses the call
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>). It is asked also where the operator set
    /// the region: whether the bucket is there, nobody has set.
    ///
    /// # Errors
    /// A failure of the stage *Bucket*.
    pub async fn bucket_region(
        &self,
        role: &AssumedRole,
        bucket: &BucketName,
    ) -> Result<BucketRegion, Failure> {
        self.forget_region(role.partition(), bucket);
        let known = self.ask_for_bucket(role, bucket).await?;
        self.keep_region(role.partition(), bucket, known.name());
        Ok(known)
    }

    /// Writes an object unless its key is taken.
    ///
    /// # Errors
    /// A failure of the stage *Write*, or of the one before it that turned out not to hold any more.
    pub async fn put_new(
        &self,
        role: &AssumedRole,
        settings: &Settings,
        object: &Object,
    ) -> Result<Written, Failure> {
        self.put(role, settings, object, IfThere::Leave).await
    }

    /// Writes the access check's test object: like a delivery, and over an earlier test's.
    ///
    /// # Errors
    /// As for `put_new`. If only the overwriting is refused, the earlier object proves the access.
    pub async fn put_test(
        &self,
        role: &AssumedRole,
        settings: &Settings,
        object: &Object,
    ) -> Result<Written, Failure> {
        match self.put(role, settings, object, IfThere::Leave).await? {
            Written::Before => {}
            written @ Written::Now { .. } => return Ok(written),
        }
        // Nothing but a refusal says that overwriting is all that is not allowed.
        match self.put(role, settings, object, IfThere::Replace).await {
            Err(failure) if failure.cause.is_refused_write() => Ok(Written::Before),
            other => other,
        }
    }

    async fn put(
        &self,
        role: &AssumedRole,
        settings: &Settings,
        object: &Object,
        if_there: IfThere,
    ) -> Result<Written, Failure> {
        match self.put_once(role, settings, object, if_there).await {
            // Credentials can be ended before their time: once more with new ones.
            Err(failure) if failure.cause == Cause::CredentialsExpired => {
                self.put_once(role, settings, object, if_there).await
            }
            other => other,
        }
    }

    async fn put_once(
        &self,
        role: &AssumedRole,
        settings: &Settings,
        object: &Object,
        if_there: IfThere,
    ) -> Result<Written, Failure> {
        let credentials = self.role_credentials(role).await?;
        let region = self.region_of(role, &settings.bucket).await?;
        let mut answer = self.call_put(&region, credentials.clone(), settings, object, if_there).await;
        let mut asked = region;
        if let Some(moved) = answer.as_ref().err().and_then(|error| other_region(error, &asked)) {
            self.keep_region(role.partition(), &settings.bucket, &moved);
            answer = self.call_put(&moved, credentials, settings, object, if_there).await;
            asked = moved;
        }
        match answer {
            Ok(output) => Ok(Written::Now { request_id: output.request_id().map(str::to_owned) }),
            Err(error) if self.is_conditional(if_there) && status(&error) == Some(412) => Ok(Written::Before),
            Err(error) => {
                let failure = told_of_a_write(diagnose_in(&asked, Stage::Write, &error), &asked, settings);
                // Another try begins with what AWS says then.
                match failure.cause {
                    Cause::CredentialsExpired => self.forget_credentials(role),
                    Cause::WrongRegion => self.forget_region(settings.role_arn.partition(), &settings.bucket),
                    _ => {}
                }
                Err(failure)
            }
        }
    }

    fn is_conditional(&self, if_there: IfThere) -> bool {
        match if_there {
            IfThere::Leave => self.endpoint.conditional_writes,
            IfThere::Replace => false,
        }
    }

    async fn call_put(
        &self,
        region: &str,
        credentials: Credentials,
        settings: &Settings,
        object: &Object,
        if_there: IfThere,
    ) -> Result<PutObjectOutput, SdkError<PutObjectError, HttpResponse>> {
        let put = self
            .s3(settings.role_arn.partition(), region)
            .put_object()
            .bucket(settings.bucket.as_str())
            .key(object.key.as_str())
            .expected_bucket_owner(settings.expected_bucket_owner().to_string())
            .content_type(object.content_type)
            .set_checksum_algorithm(checksum(self.endpoint.checksum))
            .body(ByteStream::from(object.body.clone()));
        let put = encrypted(put, &settings.encryption);
        let put = if self.is_conditional(if_there) { put.if_none_match("*") } else { put };
        let within = TimeoutConfig::builder().operation_timeout(time_to_put(object.body.len())).build();
        let config = self.as_role(credentials, &settings.bucket).timeout_config(within);
        self.timed(AwsOperation::PutObject, put.customize().config_override(config).send().boxed()).await
    }

    async fn region_of(&self, role: &AssumedRole, bucket: &BucketName) -> Result<String, Failure> {
        if let Some(region) = &self.endpoint.region {
            return Ok(region.clone());
        }
        let place = (role.partition(), bucket.clone());
        let known = self.bucket_regions.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(region) = known {
            return Ok(region);
        }
        let found = self.ask_for_bucket(role, bucket).await?;
        self.keep_region(role.partition(), bucket, found.name());
        Ok(found.name().to_owned())
    }

    async fn ask_for_bucket(&self, role: &AssumedRole, bucket: &BucketName) -> Result<BucketRegion, Failure> {
        let credentials = self.role_credentials(role).await?;
        let stated = self.endpoint.region.clone();
        let asked = stated.clone().unwrap_or_else(|| self.own(role.partition()).region());
        let head = self
            .s3(role.partition(), &asked)
            .head_bucket()
            .bucket(bucket.as_str())
            .customize()
            .config_override(self.as_role(credentials, bucket));
        let answer = self.timed(AwsOperation::HeadBucket, head.send().boxed()).await;
        let named = match &answer {
            Ok(output) => output.bucket_region().map(str::to_owned),
            Err(error) => {
                let failure = diagnose(Stage::Bucket, error);
                match error.raw_response().and_then(region_header) {
                    Some(region) if failure.cause != Cause::BucketMissing => Some(region),
                    _ if status(error) == Some(403) => None,
                    _ => return Err(failure),
                }
            }
        };
        Ok(match (stated, named) {
            (Some(stated), _) => BucketRegion::Stated(stated),
            (None, Some(named)) => BucketRegion::Found(named),
            (None, None) => BucketRegion::Assumed(asked),
        })
    }

    fn keep_region(&self, partition: Partition, bucket: &BucketName, region: &str) {
        let mut regions = self.bucket_regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.insert((partition, bucket.clone()), region.to_owned());
    }

    fn forget_region(&self, partition: Partition, bucket: &BucketName) {
        let mut regions = self.bucket_regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.remove(&(partition, bucket.clone()));
    }

    /// A name with dots is no name of a host: no certificate is for it, and in front of an address it names nothing
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>).
    fn as_role(&self, credentials: Credentials, bucket: &BucketName) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::new()
            .credentials_provider(credentials)
            .force_path_style(self.endpoint.path_style || bucket.as_str().contains('.'))
    }

    /// One client for each region, which is of one partition; credentials come with each request.
    fn s3(&self, partition: Partition, region: &str) -> aws_sdk_s3::Client {
        let mut clients = self.s3_clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .entry(region.to_owned())
            .or_insert_with(|| {
                let mut config = self
                    .own(partition)
                    .s3()
                    .region(Region::new(region.to_owned()))
                    .identity_cache(IdentityCache::no_cache());
                if let Some(url) = &self.endpoint.url {
                    config = config.endpoint_url(url.as_str());
                }
                if self.endpoint.checksum == Checksum::None {
                    config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
                }
                aws_sdk_s3::Client::from_conf(config.build())
            })
            .clone()
    }
}

impl BucketRegion {
    /// The region.
    pub fn name(&self) -> &str {
        match self {
            BucketRegion::Found(name) | BucketRegion::Assumed(name) | BucketRegion::Stated(name) => name,
        }
    }
}

/// What is told of a write by more than AWS's answer to it: the stage that does not hold any more, and a key that AWS
/// did not find where it was asked for it.
fn told_of_a_write(failure: Failure, asked: &str, settings: &Settings) -> Failure {
    let key_is_elsewhere = settings.encryption.kms_key_arn().is_some_and(|key| key.region() != asked);
    match failure.cause {
        Cause::BucketMissing => Failure { stage: Stage::Bucket, ..failure },
        cause if key_is_elsewhere && cause.is_of_a_key_that_was_not_found() => {
            Failure { cause: Cause::KeyInAnotherRegion, ..failure }
        }
        _ => failure,
    }
}

#[derive(Clone, Copy, Debug)]
enum IfThere {
    Leave,
    Replace,
}

fn checksum(checksum: Checksum) -> Option<ChecksumAlgorithm> {
    match checksum {
        Checksum::Sha256 => Some(ChecksumAlgorithm::Sha256),
        Checksum::None => None,
    }
}

/// The bucket's own default is asked for by saying nothing
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>).
fn encrypted(put: PutObjectFluentBuilder, encryption: &Encryption) -> PutObjectFluentBuilder {
    match encryption {
        Encryption::BucketDefault => put,
        Encryption::SseS3 => put.server_side_encryption(ServerSideEncryption::Aes256),
        Encryption::Kms(key) => {
            put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key.as_str())
        }
    }
}

/// 64 MiB get 79 s, which is shorter than a whole try of a delivery.
fn time_to_put(bytes: usize) -> Duration {
    CALL_TIMEOUT + Duration::from_secs_f64(bytes as f64 / SLOWEST_BYTES_PER_SECOND)
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

fn region_header(raw: &HttpResponse) -> Option<String> {
    raw.headers().get(BUCKET_REGION).map(str::to_owned)
}

/// The SDK follows no redirect between regions; the answer names the right one.
fn other_region<E>(error: &SdkError<E, HttpResponse>, tried: &str) -> Option<String> {
    let raw = error.raw_response()?;
    if !matches!(raw.status().as_u16(), 301 | 307 | 400) {
        return None;
    }
    region_header(raw).filter(|region| region != tried)
}
