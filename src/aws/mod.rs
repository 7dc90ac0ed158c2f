//! The only code that speaks to AWS: assuming a customer's role, finding a bucket's region, writing objects.
//! Every failure comes out as one of the domain's, with AWS's own words.
//!
//! Our own identity, region and STS's endpoint come from the standard AWS environment variables and credential chain,
//! and in further partitions from profiles, unless the composition root states them.

mod codes;
mod connection;
mod credentials;
mod diagnosis;
mod measured;
mod partitions;
mod s3;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::domain::bucket::BucketName;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::role_arn::Partition;
use crate::domain::s3_endpoint::S3Endpoint;
use crate::metrics::{AwsMetrics, Metrics};
use credentials::{CredentialsCache, ManyDenied};
use measured::CompareClocks;
use partitions::OwnIdentity;

pub use credentials::{AssumedRole, ExternalIdProbe};
pub use s3::{BucketRegion, Object, Written};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bounds one call; a PUT gets more time for its body.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that nobody uses is closed after so long.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);
/// Where a bucket's region is asked for when nothing else is known.
const FALLBACK_REGION: &str = "us-east-1";

/// Where our own identity and the endpoints come from.
#[derive(Clone, Debug)]
pub enum AwsIdentity {
    /// The standard AWS environment variables and credential chain
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
    Environment,
    /// A key and one endpoint for everything, stated by the composition root.
    Stated {
        /// The endpoint of STS and S3.
        endpoint_url: String,
        /// The region.
        region: String,
        /// Our access key id.
        access_key_id: String,
        /// Its secret.
        secret_access_key: secrecy::SecretString,
    },
}

/// Every bucket has a host name of its own: connections that were kept for the next window of ten thousand organizations
/// would use up this process's files. The rest is as the SDK has it.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(IDLE_CONNECTION)
        .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

/// What the operator (or the demo) decides about our side of AWS.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// Our identity in the home partition.
    pub identity: AwsIdentity,
    /// Further partitions; our identity in each is the profile `trailpost-{partition}`.
    pub further: Vec<Partition>,
    /// How S3 is spoken to.
    pub s3: S3Endpoint,
}

impl From<AwsIdentity> for AwsConfig {
    /// This identity, and what AWS does by itself.
    fn from(identity: AwsIdentity) -> AwsConfig {
        AwsConfig { identity, further: Vec::new(), s3: S3Endpoint::default() }
    }
}

/// Our side of AWS. One per process; clients, regions and credentials are shared by all deliveries.
#[derive(Debug)]
pub struct Aws {
    home: OwnIdentity,
    further: HashMap<Partition, OwnIdentity>,
    clock: Clock,
    endpoint: S3Endpoint,
    s3_clients: Mutex<HashMap<String, aws_sdk_s3::Client>>,
    bucket_regions: Mutex<HashMap<(Partition, BucketName), String>>,
    credentials: CredentialsCache,
    let_in_at: Mutex<Option<Timestamp>>,
    refused_since: Mutex<Option<Timestamp>>,
    many_denied: Mutex<Option<ManyDenied>>,
    metrics: AwsMetrics,
}

impl Aws {
    /// Makes the clients. Nothing is called yet.
    pub async fn new(config: AwsConfig, clock: Clock) -> Aws {
        Aws::measured_by(Metrics::default().aws, config, clock).await
    }

    /// The same, telling how long AWS takes, and what its clock says.
    pub async fn measured_by(metrics: AwsMetrics, config: AwsConfig, clock: Clock) -> Aws {
        let compare = CompareClocks { clock: clock.clone(), metrics: metrics.clone() };
        let mut further = HashMap::new();
        for partition in config.further {
            further.insert(partition, OwnIdentity::of_profile(partition, compare.clone()).await);
        }
        Aws {
            metrics,
            home: home_identity(config.identity, compare).await,
            further,
            clock,
            endpoint: config.s3,
            s3_clients: Mutex::default(),
            bucket_regions: Mutex::default(),
            credentials: CredentialsCache::default(),
            let_in_at: Mutex::default(),
            refused_since: Mutex::default(),
            many_denied: Mutex::default(),
        }
    }

    /// Who we are to roles of this partition. One that is not served finds that out from AWS.
    fn own(&self, partition: Partition) -> &OwnIdentity {
        self.further.get(&partition).unwrap_or(&self.home)
    }
}

async fn home_identity(identity: AwsIdentity, compare: CompareClocks) -> OwnIdentity {
    let mut loader = loader();
    if let AwsIdentity::Stated { endpoint_url, region, access_key_id, secret_access_key } = identity {
        use secrecy::ExposeSecret as _;
        loader = loader.endpoint_url(endpoint_url).region(Region::new(region)).credentials_provider(
            Credentials::new(access_key_id, secret_access_key.expose_secret(), None, None, "stated"),
        );
    }
    let mut sdk = loader.load().await;
    if sdk.region().is_none_or(|region| region.as_ref().is_empty()) {
        tracing::warn!(
            "AWS_REGION is not set: the STS of {FALLBACK_REGION} is called; set it to call another"
        );
        sdk = sdk.into_builder().region(Region::new(FALLBACK_REGION)).build();
    }
    OwnIdentity::new(sdk, compare)
}

fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        // A retry inside the SDK would be a try that our books don't know.
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build(),
        )
}
