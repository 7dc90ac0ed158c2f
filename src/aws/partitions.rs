//! Who we are in each partition of AWS: accounts of one know nothing of another's, so each has an identity, a region
//! and an STS of its own.

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::{Region, SdkConfig};

use super::measured::CompareClocks;
use super::{FALLBACK_REGION, loader};
use crate::domain::role_arn::Partition;

/// Our identity in one partition.
#[derive(Debug)]
pub(super) struct OwnIdentity {
    pub(super) sdk: SdkConfig,
    pub(super) sts: aws_sdk_sts::Client,
    compare: CompareClocks,
}

impl OwnIdentity {
    pub(super) fn new(sdk: SdkConfig, compare: CompareClocks) -> OwnIdentity {
        let sts = aws_sdk_sts::config::Builder::from(&sdk).interceptor(compare.clone());
        OwnIdentity { sts: aws_sdk_sts::Client::from_conf(sts.build()), sdk, compare }
    }

    /// The configuration of a client of S3 that is signed for by nobody yet.
    pub(super) fn s3(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::from(&self.sdk).interceptor(self.compare.clone())
    }

    /// The identity and region of the profile that is named after the partition. Both are asked of the profile alone:
    /// the environment's are those of the home partition, and would win over it.
    pub(super) async fn of_profile(partition: Partition, compare: CompareClocks) -> OwnIdentity {
        let name = format!("trailpost-{}", partition.as_str());
        let region = ProfileFileRegionProvider::builder().profile_name(&name).build().region().await;
        let region = region.unwrap_or_else(|| {
            let fallback = Region::new(fallback_region(partition));
            tracing::warn!("the AWS profile {name} names no region: the STS of {fallback} is called");
            fallback
        });
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(&name).build();
        OwnIdentity::new(loader().region(region).credentials_provider(credentials).load().await, compare)
    }

    /// Where buckets are asked for first.
    pub(super) fn region(&self) -> String {
        self.sdk.region().map_or_else(|| FALLBACK_REGION.to_owned(), ToString::to_string)
    }
}

/// Where STS is called when nothing else is known.
fn fallback_region(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => FALLBACK_REGION,
        Partition::AwsUsGov => "us-gov-west-1",
        Partition::AwsCn => "cn-north-1",
        Partition::AwsEusc => "eusc-de-east-1",
    }
}
