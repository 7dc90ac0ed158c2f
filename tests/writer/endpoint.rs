//! Stores that speak S3's protocol and are not Amazon S3: what is asked of them is what the operator says they know.

use trailpost::aws::{AssumedRole, Aws, AwsConfig, AwsIdentity, ExternalIdProbe, Object, Written};
use trailpost::demo::world;
use trailpost::domain::access_check::{Stage, may_pass};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::failure::{Cause, Failure, Turn};
use trailpost::domain::integration::{Settings, TypedSettings};
use trailpost::domain::object_key::ObjectKey;
use trailpost::domain::organization::ExternalId;
use trailpost::domain::s3_endpoint::{Checksum, S3Endpoint};
use trailpost::domain::window::WindowLength;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, Frequency};
use trailpost::store::Integration;

use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN};

async fn aws(product: &Product, s3: S3Endpoint) -> Aws {
    let identity = AwsIdentity::Stated {
        endpoint_url: product.sandbox().endpoint_url(),
        region: world::REGION.to_owned(),
        access_key_id: world::OUR_ACCESS_KEY_ID.to_owned(),
        secret_access_key: world::OUR_SECRET_ACCESS_KEY.into(),
    };
    Aws::new(AwsConfig { s3, ..identity.into() }, Clock::system()).await
}

/// How two writes of the same object end.
async fn write_twice(product: &Product, bucket: &str, s3: S3Endpoint) -> [Result<Written, Cause>; 2] {
    let acme = product.account("owner@acme.example").organization_id.parse().unwrap();
    let Integration { organization, .. } = product.store().integration(acme).await.unwrap().unwrap();
    let settings = settings(bucket);
    let role = AssumedRole::new(acme, organization.external_id, &settings);
    let aws = aws(product, s3).await;
    let key = ObjectKey::access_test(&settings.prefix);
    let object = Object { key, content_type: "text/plain", body: "twice".into() };
    let write = async || aws.put_new(&role, &settings, &object).await.map_err(|failure| failure.cause);
    [write().await, write().await]
}

fn settings(bucket: &str) -> Settings {
    let typed = TypedSettings {
        role_arn: ROLE_ARN.to_owned(),
        bucket: bucket.to_owned(),
        ..TypedSettings::default()
    };
    typed.parse(WindowLength::default()).unwrap()
}

fn checksums(product: &Product, bucket: &str) -> Vec<String> {
    product.sandbox().list_objects(bucket)[0].checksums.keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_asked_only_for_what_it_is_said_to_know() {
    let product = Product::start().await;
    let [first, second] = write_twice(&product, BUCKET, S3Endpoint::default()).await;
    assert!(matches!(first, Ok(Written::Now { .. })), "{first:?}");
    assert_eq!(second, Ok(Written::Before));
    assert_eq!(checksums(&product, BUCKET), ["sha256"]);

    let plain = S3Endpoint {
        url: Some(product.sandbox().endpoint_url().parse().unwrap()),
        path_style: true,
        checksum: Checksum::None,
        conditional_writes: false,
        ..S3Endpoint::default()
    };
    let [first, second] = write_twice(&product, BUCKET, plain.clone()).await;
    assert!(
        matches!((&first, &second), (Ok(Written::Now { .. }), Ok(Written::Now { .. }))),
        "{first:?} {second:?}"
    );
    assert_eq!(checksums(&product, BUCKET), ["crc64nvme"], "what S3 computes where nothing was sent");

    let elsewhere = S3Endpoint { region: Some("eu-central-1".to_owned()), ..plain.clone() };
    let [first, _] = write_twice(&product, "acme-audit-logs-frankfurt", elsewhere).await;
    assert!(matches!(first, Ok(Written::Now { .. })), "{first:?}");

    let nowhere = S3Endpoint { url: Some("http://127.0.0.1:9".parse().unwrap()), ..plain };
    let [first, _] = write_twice(&product, BUCKET, nowhere).await;
    assert_eq!(first, Err(Cause::ConnectionRefused));
    product.stop().await;
}

/// Writes a test object of these settings with a session of others.
async fn write_with(
    product: &Product,
    session_of: &Settings,
    settings: &Settings,
    s3: S3Endpoint,
) -> Result<Written, Failure> {
    let acme = product.account("owner@acme.example").organization_id.parse().unwrap();
    let Integration { organization, .. } = product.store().integration(acme).await.unwrap().unwrap();
    let role = AssumedRole::new(acme, organization.external_id, session_of);
    let key = ObjectKey::access_test(&settings.prefix);
    let object = Object { key, content_type: "text/plain", body: "once".into() };
    aws(product, s3).await.put_new(&role, settings, &object).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_can_do_no_more_than_its_policy_says() {
    let product = Product::start().await;
    let (one, other) = (settings(BUCKET), settings(&format!("{BUCKET}/other")));
    let failure = write_with(&product, &one, &other, S3Endpoint::default()).await.unwrap_err();
    assert_eq!((failure.stage, failure.cause), (Stage::Write, Cause::SessionPolicyDenies));
    assert_eq!(failure.turn(), Turn::Operator, "we send that policy");
    let said = failure.aws.unwrap().message;
    assert!(said.ends_with("because no session policy allows the s3:PutObject action"), "{said}");
    let written = write_with(&product, &other, &other, S3Endpoint::default()).await;
    assert!(matches!(written, Ok(Written::Now { .. })), "{written:?}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn object_lock_takes_what_comes_with_a_checksum_alone() {
    let product = Product::start().await;
    let locks = settings(world::BUCKET_LOCKS);
    let bare = S3Endpoint { checksum: Checksum::None, ..S3Endpoint::default() };
    let failure = write_with(&product, &locks, &locks, bare).await.unwrap_err();
    assert_eq!((failure.stage, failure.cause), (Stage::Write, Cause::ChecksumDemanded));
    assert_eq!(failure.turn(), Turn::Operator, "we send one, unless the operator says not to");
    let answer = failure.aws.unwrap();
    assert_eq!((answer.status, answer.code.as_str()), (400, "InvalidRequest"));
    assert!(
        answer.message.starts_with("Content-MD5 OR x-amz-checksum- HTTP header is required"),
        "{answer:?}"
    );
    let written = write_with(&product, &locks, &locks, S3Endpoint::default()).await;
    assert!(matches!(written, Ok(Written::Now { .. })), "{written:?}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refusals_prove_nothing_of_a_role_that_sts_does_not_know_everywhere_yet() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id.parse().unwrap();
    let Integration { organization, .. } = product.store().integration(acme).await.unwrap().unwrap();
    let role = AssumedRole::new(acme, organization.external_id, &settings(BUCKET));
    let aws = aws(&product, S3Endpoint::default()).await;
    aws.assume(&role).await.unwrap();
    let other = ExternalId::generate(&Entropy::system());
    // Ours is refused like the others: this node has not heard of the role.
    let three = Frequency::Next(3.try_into().unwrap());
    product
        .sandbox()
        .switch_on(Fault { frequency: three, ..Fault::new(FaultKind::Denied, FaultTarget::Sts) });
    let failure = aws.probe_external_id(&role, &other).await.unwrap_err();
    assert_eq!((failure.stage, failure.cause), (Stage::AssumeRole, Cause::AssumeRoleDenied));
    assert!(may_pass(&failure), "it is tried again");
    assert_eq!(aws.probe_external_id(&role, &other).await, Ok(ExternalIdProbe::Required));
    product.stop().await;
}
