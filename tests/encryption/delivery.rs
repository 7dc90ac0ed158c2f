//! Over the whole product, with the real SDK: what S3 keeps of the encryption, and what it and KMS refuse.

use std::time::Duration;

use trailpost::demo::world;
use trailpost::domain::access_check::{CheckState, Stage, TRIED_FOR};
use trailpost::domain::failure::{AwsAnswer, Cause, Turn};
use trailpost::sandbox::{Bucket, BucketEncryption};
use trailpost::store::Integration;

use crate::support::http_user::{HttpUser, enable_with};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const KEY_ELSEWHERE: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-4000-8000-00000000000e";
const WITHOUT_KMS: &str = "arn:aws:iam::111122223333:role/no-kms-permission";

/// Acme on a product of its own.
struct Acme {
    product: Product,
    owner: HttpUser,
    id: String,
}

impl Acme {
    async fn start() -> Acme {
        let product = Product::start().await;
        let owner = product.user("owner@acme.example").await;
        let id = product.account("owner@acme.example").organization_id;
        Acme { product, owner, id }
    }

    async fn enable(&self, settings: &[(&str, &str)]) {
        enable_with(&self.owner, &self.id, settings).await;
    }

    async fn integration(&self) -> Integration {
        self.product.store().integration(self.id.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Asks for a check of these settings, which fails at this, as the owner's turn, with this on the page. Gives what
    /// AWS said.
    async fn refused(&self, settings: &[(&str, &str)], cause: Cause, says: &str) -> AwsAnswer {
        let page = format!("/organizations/{}/settings/audit-logs", self.id);
        let before = self.integration().await;
        let revision = before.revision.get().to_string();
        let fields = [settings, &[("revision", revision.as_str())]].concat();
        let action = if before.settings.is_some() { "update" } else { "enable" };
        assert_eq!(self.owner.post_form(&page, &format!("{page}/{action}"), &fields).await.status, 303);
        let check = eventually("the check has ended", async || {
            let check = self.integration().await.check?;
            if check.checklist.trying().is_some() && check.state.is_open() {
                self.product.advance(TRIED_FOR);
            }
            (!check.state.is_open()).then_some(check)
        })
        .await;
        assert_eq!(check.state, CheckState::Failed, "{settings:?}");
        let failure = check.failure.unwrap();
        assert_eq!((failure.stage, failure.cause, failure.turn()), (Stage::Write, cause, Turn::Owner));
        let html = self.owner.get(&page).await.body;
        assert!(html.contains("Your turn.") && html.contains(says), "“{says}” is not in {html}");
        failure.aws.unwrap()
    }

    /// Algorithm and key of every object, once a delivery is among them.
    async fn kept(&self, bucket: &str) -> Vec<(Option<String>, Option<String>)> {
        self.product.advance(Duration::from_secs(60));
        let objects = eventually("a file is delivered", async || {
            let objects = self.product.sandbox().list_objects(bucket);
            objects.iter().any(|object| object.key.starts_with(&self.id)).then_some(objects)
        })
        .await;
        assert!(objects.iter().any(|object| object.key == "audit-log-access-test"));
        objects
            .into_iter()
            .map(|object| (object.attributes.encryption, object.attributes.kms_key_id))
            .collect()
    }
}

fn algorithm(name: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), None)
}

fn key(arn: &str) -> (Option<String>, Option<String>) {
    (Some("aws:kms".to_owned()), Some(arn.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn test_object_and_deliveries_are_encrypted_with_the_key_that_is_set() {
    let acme = Acme::start().await;
    let bucket = world::BUCKET_WANTS_KMS;
    let plain = [("role_arn", ROLE_ARN), ("bucket", bucket)];
    let demanded = "choose SSE-S3 or KMS key under Encryption";
    let answer = acme.refused(&plain, Cause::BucketDenies, demanded).await;
    assert!(answer.message.ends_with("with an explicit deny in a resource-based policy"), "{answer:?}");
    acme.enable(&[&plain[..], &[("encryption", "kms"), ("kms_key_arn", world::KEY)]].concat()).await;
    let kept = acme.kept(bucket).await;
    assert!(kept.len() >= 2 && kept.iter().all(|object| *object == key(world::KEY)), "{kept:?}");
    acme.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_by_default_and_sse_s3_if_it_is_chosen() {
    let acme = Acme::start().await;
    let by_key = BucketEncryption::KmsKey(world::KEY.to_owned());
    let bucket = Bucket { encryption: by_key, ..Bucket::new(BUCKET, world::REGION, world::CUSTOMER_ACCOUNT) };
    acme.product.sandbox().put_bucket(bucket).unwrap();
    acme.enable(&[("role_arn", ROLE_ARN), ("bucket", BUCKET)]).await;
    let kept = acme.kept(BUCKET).await;
    assert!(kept.iter().all(|object| *object == key(world::KEY)), "the bucket’s own default: {kept:?}");
    acme.product.stop().await;

    let acme = Acme::start().await;
    acme.product
        .sandbox()
        .put_bucket(Bucket {
            encryption: BucketEncryption::AwsManagedKey,
            ..Bucket::new(BUCKET, world::REGION, world::CUSTOMER_ACCOUNT)
        })
        .unwrap();
    acme.enable(&[("role_arn", ROLE_ARN), ("bucket", BUCKET), ("encryption", "sse_s3")]).await;
    let kept = acme.kept(BUCKET).await;
    assert!(kept.iter().all(|object| *object == algorithm("AES256")), "{kept:?}");
    acme.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_can_not_be_used_fails_the_check_in_the_words_of_aws() {
    let acme = Acme::start().await;
    let refused = async |role: &str, key: &str, cause: Cause, says: &str| {
        let choice = [("encryption", "kms"), ("kms_key_arn", key)];
        acme.refused(&[&[("role_arn", role), ("bucket", BUCKET)][..], &choice].concat(), cause, says).await
    };
    let to_the_role = "Add this statement to the permissions policy of the role no-kms-permission:";
    let denied = refused(WITHOUT_KMS, world::KEY, Cause::KeyDeniedByRole, to_the_role).await;
    assert_eq!((denied.status, denied.code.as_str()), (403, "AccessDenied"));
    assert!(
        denied.message.ends_with("because no identity-based policy allows the kms:GenerateDataKey action")
    );
    let disabled = refused(ROLE_ARN, world::KEY_DISABLED, Cause::KeyDisabled, "aws kms enable-key").await;
    assert_eq!((disabled.status, disabled.code.as_str()), (400, "KMS.DisabledException"));
    let both = "The key is in eu-west-1, and the bucket acme-audit-logs in us-east-1.";
    let elsewhere = refused(ROLE_ARN, KEY_ELSEWHERE, Cause::KeyInAnotherRegion, both).await;
    assert_eq!((elsewhere.status, elsewhere.code.as_str()), (400, "KMS.NotFoundException"));
    assert_eq!(elsewhere.message, "Invalid arn eu-west-1");
    assert!(acme.integration().await.settings.is_none());
    acme.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_locks_objects_takes_what_comes_with_a_checksum() {
    is_delivered_to(world::BUCKET_LOCKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_dots_in_its_name_is_delivered_to() {
    is_delivered_to(world::BUCKET_WITH_DOTS).await;
}

async fn is_delivered_to(bucket: &str) {
    let acme = Acme::start().await;
    acme.enable(&[("role_arn", ROLE_ARN), ("bucket", bucket)]).await;
    assert!(acme.kept(bucket).await.len() >= 2);
    acme.product.stop().await;
}
