//! The sandbox against the real AWS SDKs, over TCP.

use std::sync::atomic::{AtomicI64, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption};
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse as RawResponse;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

mod access;
mod assume_role;
mod delivery;
mod encryption;
mod faults;
mod setup;

const OURS: &str = "arn:aws:iam::999988887777:user/trailpost";
const ROLE: &str = "arn:aws:iam::111122223333:role/logs/trailpost-audit-logs";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/trailpost-audit-logs/org-1";
const BUCKET: &str = "acme-audit-logs";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

struct Trial {
    sandbox: Sandbox,
    clock: Arc<AtomicI64>,
}

fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn role(name: &str, trusted: &str, external_id: Option<&str>, may_put_on: &str) -> IamRole {
    let mut trust = json!({"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"});
    if let Some(id) = external_id {
        trust["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    }
    IamRole {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        trust_policy: document(&trust),
        permission_policies: vec![document(
            &json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": may_put_on}),
        )],
        permissions_boundary: None,
        max_session_seconds: 3600,
    }
}

fn bucket(name: &str, region: &str, owner: &str, policy: Option<Value>) -> Bucket {
    let policy = policy.map(|statements| document(&statements));
    Bucket { policy, ..Bucket::new(name, region, owner) }
}

fn user(arn: &str, key: &str, allowed: &str) -> IamUser {
    IamUser {
        arn: arn.into(),
        access_key_id: key.into(),
        secret_access_key: format!("secret-of-{key}"),
        policies: vec![document(&json!({"Effect": "Allow", "Action": allowed, "Resource": "*"}))],
    }
}

fn config(folder: PathBuf, clock: &Arc<AtomicI64>) -> SandboxConfig {
    let clock = Arc::clone(clock);
    let audit = format!("arn:aws:s3:::{BUCKET}/*");
    SandboxConfig {
        folder,
        users: vec![
            user(OURS, "AKIAOURS", "sts:*"),
            user("arn:aws:iam::111122223333:user/admin", "AKIATHEIRS", "*"),
        ],
        roles: vec![
            role("logs/trailpost-audit-logs", OURS, Some("ext-1"), &audit),
            role("trusts-another", "444455556666", Some("ext-1"), &audit),
            role("other-bucket", OURS, None, "arn:aws:s3:::elsewhere/*"),
            role("all-buckets", OURS, None, "*"),
        ],
        buckets: vec![
            bucket(BUCKET, "eu-west-1", "111122223333", None),
            bucket("far-away", "us-west-2", "111122223333", None),
            bucket("somebody-elses", "eu-west-1", "444455556666", None),
            bucket(
                "deny-plain",
                "eu-west-1",
                "111122223333",
                Some(json!({"Effect": "Deny", "Principal": "*",
                "Action": "s3:PutObject", "Resource": "arn:aws:s3:::deny-plain/*",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}})),
            ),
        ],
        keys: vec![KmsKey::new(KEY)],
        members: Vec::new(),
        now: Arc::new(move || clock.load(Ordering::Relaxed)),
        seed: [7; 32],
    }
}

impl Trial {
    async fn start(folder: &TempDir) -> Self {
        let clock = Arc::new(AtomicI64::new(1_795_000_000_000));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(folder.path().to_owned(), &clock);
        let sandbox = Sandbox::start(config, listener, CancellationToken::new()).await.unwrap();
        Self { sandbox, clock }
    }

    fn sts(&self, key: &str, secret: &str) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.sandbox.endpoint_url())
            .retry_config(RetryConfig::disabled())
            .credentials_provider(Credentials::from_keys(key, secret, None));
        aws_sdk_sts::Client::from_conf(config.build())
    }

    fn s3_in(&self, region: &'static str, credentials: Credentials) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .endpoint_url(self.sandbox.endpoint_url())
            .force_path_style(true)
            .retry_config(RetryConfig::disabled())
            .credentials_provider(credentials);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn s3(&self, credentials: Credentials) -> aws_sdk_s3::Client {
        self.s3_in("eu-west-1", credentials)
    }

    fn customer(&self) -> aws_sdk_s3::Client {
        self.s3(Credentials::from_keys("AKIATHEIRS", "secret-of-AKIATHEIRS", None))
    }

    fn assume(&self, role: &str) -> AssumeRoleFluentBuilder {
        self.sts("AKIAOURS", "secret-of-AKIAOURS").assume_role().role_arn(role).role_session_name("org-1")
    }

    async fn session(&self, request: AssumeRoleFluentBuilder) -> aws_sdk_s3::Client {
        let given = request.send().await.unwrap().credentials.unwrap();
        self.s3(Credentials::from_keys(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
        ))
    }

    async fn deliverer(&self) -> aws_sdk_s3::Client {
        self.session(self.assume(ROLE).external_id("ext-1")).await
    }
}

/// Status, code and message of a refusal; it must carry a request id.
fn refusal<T: std::fmt::Debug, E>(result: Result<T, SdkError<E, RawResponse>>) -> (u16, String, String)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, RawResponse>: ProvideErrorMetadata + RequestId,
{
    let error = result.expect_err("it should be refused");
    let status = error.raw_response().unwrap_or_else(|| panic!("no answer: {error:?}")).status().as_u16();
    assert!(error.request_id().is_some_and(|id| id.len() >= 16), "{error:?}");
    (status, error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

async fn put(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    key: &str,
    body: &[u8],
) -> Result<PutObjectOutput, SdkError<aws_sdk_s3::operation::put_object::PutObjectError, RawResponse>> {
    let put =
        client.put_object().bucket(bucket).key(key).if_none_match("*").expected_bucket_owner("111122223333");
    let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256).content_type("application/json");
    put.body(ByteStream::from(body.to_vec())).send().await
}
