//! How an access check goes, over the whole product: what may pass is given its minute, what is ours makes us unready, and
//! what becomes too open is found.

use std::time::Duration;

use serde_json::json;
use trailpost::demo::world;
use trailpost::domain::access_check::{CheckState, Stage, TRIED_FOR};
use trailpost::domain::caller::Caller;
use trailpost::domain::failure::Cause;
use trailpost::domain::organization::Plan;
use trailpost::sandbox::{Bucket, BucketEncryption, IamRole, IamUser};

use super::settings_page::{OPERATORS_TURN, OWNERS_TURN, SettingsPage, TRUST_POLICY, role_arn};
use crate::support::console::{self, Console};
use crate::support::http_user::{HttpUser, enable};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const RIGHT: [(&str, &str); 2] = [("role_arn", ROLE_ARN), ("bucket", BUCKET)];

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_mended_within_the_minute_passes() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    let role_arn = role_arn("slow-role");
    let slow = [("role_arn", role_arn.as_str()), ("bucket", BUCKET)];
    assert_eq!(settings.submit("enable", "0", &slow).await.status, 303);
    let html = eventually("the first denial shows", async || {
        let html = settings.html().await;
        html.contains("still trying for 60 s, new roles can be slow").then_some(html)
    })
    .await;
    for part in [OWNERS_TURN, TRUST_POLICY, "Cancel", "Refresh"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let organization = product.store().integration(settings.organization.parse().unwrap()).await.unwrap();
    let mut role = world::roles(&organization.unwrap().organization.external_id).swap_remove(0);
    role.arn = role_arn;
    product.sandbox().put_role(role).unwrap();
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_broken_identity_is_our_fault_and_makes_us_unready() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    let anybody = product.anonymous();
    assert_eq!(anybody.get("/readyz").await.status, 200);
    let ours = || world::users().swap_remove(0);
    product.sandbox().put_user(IamUser { secret_access_key: "another".to_owned(), ..ours() }).unwrap();
    let failure = settings.check(&RIGHT).await.failure.unwrap();
    assert_eq!((failure.stage, failure.cause), (Stage::AssumeRole, Cause::OwnIdentityRefused));
    let (html, outcome) = (settings.html().await, settings.newest_outcome().await);
    for part in [failure.title(), "our fault, not yours", OPERATORS_TURN, &failure.aws.unwrap().code] {
        assert!(html.contains(part), "“{part}” is not in {html}");
    }
    assert!(
        outcome["reason"].as_str().unwrap().starts_with("AWS did not accept Trailpost’s own identity"),
        "{outcome}"
    );
    let unready = anybody.get("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains("AWS has refused our own identity"), "{}", unready.body);
    assert_eq!(anybody.get("/livez").await.status, 200);

    product.sandbox().put_user(ours()).unwrap();
    assert_eq!(settings.check(&RIGHT).await.state, CheckState::Passed);
    assert_eq!(anybody.get("/readyz").await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_a_writer_says_that_nobody_ran_the_check() {
    let console = Console::behind(&[]).await;
    let store = console.store();
    store.set_plan(Caller::trailpost(), console.acme.id, Plan::Enterprise).await.unwrap();
    let owner = HttpUser::sign_in(&console.origin(), console::EMAIL, console::PASSWORD).await;
    let page = format!("/organizations/{}/settings/audit-logs", console.acme.id);
    let fields = [("revision", "0"), ("role_arn", ROLE_ARN), ("bucket", BUCKET)];
    assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
    let html = owner.get(&page).await.body;
    assert!(html.contains("Cancel") && !html.contains("Enable audit logging"), "{html}");
    console.age_checks(Duration::from_secs(121)).await;
    let html = owner.get(&page).await.body;
    for part in ["Trailpost did not run the access check", OPERATORS_TURN, "Enable audit logging", ROLE_ARN] {
        assert!(html.contains(part), "{part} in {html}");
    }
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_becomes_too_open_is_found_within_a_day_and_mended() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let right = settings.right_role().await;
    let open = world::roles(&"trailpost-00000000000000000000000000000000".parse().unwrap())
        .into_iter()
        .find(|role| role.arn.ends_with("/trailpost-no-external-id"))
        .unwrap();
    let trust_policy = open.trust_policy;
    product.sandbox().put_role(IamRole { trust_policy, ..right.clone() }).unwrap();
    let page = settings.html().await;
    assert!(!settings.is_outdated(&page).await);
    product.advance(Duration::from_secs(2 * 24 * 3600));
    eventually("a page that was open notices", async || {
        // Its minute begins when the writer comes to it.
        product.advance(TRIED_FOR);
        settings.is_outdated(&page).await.then_some(())
    })
    .await;
    let page = settings.html().await;
    for part in ["Deliveries go on.", "aria-checked=\"true\"", TRUST_POLICY] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(settings.newest_outcome().await["result"], "failure");
    assert!(!settings.is_outdated(&page).await, "the page that shows it stays");

    product.sandbox().put_role(right).unwrap();
    settings.press_check().await;
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    assert!(settings.is_outdated(&page).await, "and the banner goes by itself");
    assert!(!settings.html().await.contains("Deliveries go on."));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banner_comes_and_goes_with_what_deliveries_fail_at() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let bucket = Bucket::new(BUCKET, world::REGION, world::CUSTOMER_ACCOUNT);
    let denying = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
    }] });
    let policy = Some(denying.to_string());
    product.sandbox().put_bucket(Bucket { policy, ..bucket.clone() }).unwrap();
    let page = settings.html().await;
    product.advance(Duration::from_secs(60));
    let page = settings.newer_than(&page, "The bucket policy denies the write").await;
    // It goes on failing, at something else.
    let key = BucketEncryption::KmsKey(world::KEY_DISABLED.to_owned());
    product.sandbox().put_bucket(Bucket { encryption: key, ..bucket.clone() }).unwrap();
    product.advance(Duration::from_secs(2 * 3600));
    let page = settings.newer_than(&page, "The KMS key is disabled").await;
    product.sandbox().put_bucket(bucket).unwrap();
    product.advance(Duration::from_secs(2 * 3600));
    let page = settings.newer_than(&page, "Delivering").await;
    assert!(!page.contains("failing-heading"), "{page}");
    product.stop().await;
}

impl SettingsPage<'_> {
    /// Whether the status card of a page is told to reload it.
    async fn is_outdated(&self, page: &str) -> bool {
        let live = page.split("data-live-url=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let status = live.map(|url| url.replace("&amp;", "&").replace("&#38;", "&"));
        let status = status.into_iter().find(|url| url.contains("/status?")).unwrap();
        self.owner.get(&status).await.headers.contains_key("x-trailpost-reload")
    }

    /// The page that one that is open is replaced by, which shows this.
    async fn newer_than(&self, page: &str, shows: &str) -> String {
        eventually(shows, async || {
            if !self.is_outdated(page).await {
                return None;
            }
            Some(self.html().await).filter(|html| html.contains(shows))
        })
        .await
    }

    /// The role that is right for the organization.
    async fn right_role(&self) -> IamRole {
        let id = self.organization.parse().unwrap();
        let found = self.product.store().integration(id).await.unwrap().unwrap();
        world::roles(&found.organization.external_id).swap_remove(0)
    }
}
