//! Whose credentials an object is written with: never another organization's, nor those of settings that are not in force
//! any more.

use std::time::Duration;

use serde_json::{Value, json};
use trailpost::demo::world;
use trailpost::domain::access_check::{CheckState, TRIED_FOR};
use trailpost::domain::failure::Cause;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, Frequency, IamRole, RoleSession};
use trailpost::store::BatchState;

use super::settings_page::{SettingsPage, role_arn};
use super::tenant;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually, submission};

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_never_writes_with_the_credentials_of_another() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let beta = tenant(&product, "beta").await;
    let of_beta = SettingsPage::of_organization(&product, "owner@initech.example", beta.id.to_string()).await;
    // Acme's credentials of this very role are there, and good.
    let check = of_beta.update(&[("role_arn", ROLE_ARN), ("bucket", BUCKET)]).await;
    assert_eq!(check.failure.map(|failure| failure.cause), Some(Cause::AssumeRoleDenied));
    product.stop().await;
}

/// A customer with two organizations here and one role that trusts both: nothing but us keeps them apart.
#[tokio::test(flavor = "multi_thread")]
async fn two_organizations_with_one_role_each_have_sessions_of_their_own() {
    let product = Product::start().await;
    let acme = SettingsPage::of(&product).await;
    let beta = tenant(&product, "beta").await;
    let beta = SettingsPage::of_organization(&product, "owner@initech.example", beta.id.to_string()).await;
    let shared = shared_role(&[&acme, &beta]).await;
    product.sandbox().put_role(shared.clone()).unwrap();
    let settings = [("role_arn", shared.arn.as_str()), ("bucket", BUCKET)];
    assert_eq!(acme.check(&settings).await.state, CheckState::Passed);
    assert_eq!(beta.update(&settings).await.state, CheckState::Passed);
    deliver(&[&acme, &beta], "").await;
    let moved = [("role_arn", shared.arn.as_str()), ("bucket", "acme-audit-logs/moved")];
    assert_eq!(acme.update(&moved).await.state, CheckState::Passed);
    deliver(&[&acme], "moved/").await;

    let sessions = product.sandbox().sessions();
    let of_shared: Vec<_> = sessions.iter().filter(|session| session.role_arn == shared.arn).collect();
    assert!(of_shared.len() >= 3, "two organizations, and one of them twice");
    for session in &of_shared {
        let owner =
            [&acme, &beta].into_iter().find(|page| session.session_name.ends_with(&page.organization));
        let owner = owner.unwrap_or_else(|| panic!("{} names no organization", session.session_name));
        assert_eq!(session.external_id, Some(owner.external_id().await), "each its own external ID");
        assert_eq!(folders(session), owner.organization, "each its own session policy");
    }
    for object in product.sandbox().list_objects(BUCKET) {
        let owner = [&acme, &beta].into_iter().find(|page| object.key.contains(&page.organization));
        let Some(owner) = owner else { continue };
        let key = object.attributes.written_by.unwrap();
        let session = sessions.iter().find(|session| session.access_key_id == key).unwrap();
        assert!(session.session_name.ends_with(&owner.organization), "{}", object.key);
        let (folder, _) = object.key.split_once(&owner.organization).unwrap();
        let covered = format!("{BUCKET}/{folder}{}/*", owner.organization);
        let policy = session.policy.as_ref().unwrap();
        assert!(policy.contains(&covered), "{}: {policy}", object.key);
    }
    product.stop().await;
}

/// The one organization whose folder a session may write to.
fn folders(session: &RoleSession) -> String {
    let policy: Value = serde_json::from_str(session.policy.as_ref().unwrap()).unwrap();
    let resources = policy["Statement"][0]["Resource"].as_array().unwrap();
    let folders = resources.iter().filter_map(|arn| arn.as_str().unwrap().strip_suffix("/*"));
    let folders: Vec<_> = folders.map(|arn| arn.rsplit('/').next().unwrap()).collect();
    assert_eq!(folders.len(), 1, "{policy}");
    folders[0].to_owned()
}

async fn shared_role(pages: &[&SettingsPage<'_>]) -> IamRole {
    let mut external_ids = Vec::new();
    for page in pages {
        external_ids.push(page.external_id().await);
    }
    let right = world::roles(&external_ids[0].parse().unwrap()).swap_remove(0);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": world::OUR_PRINCIPAL },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": external_ids } },
    }] });
    IamRole { arn: role_arn("shared"), trust_policy: trust.to_string(), ..right }
}

/// Lets each have a file under its folder that was not there before.
async fn deliver(pages: &[&SettingsPage<'_>], prefix: &str) {
    let product = pages[0].product;
    for page in pages {
        assert_eq!(product.ingest(&submission(&page.organization, "docs")).await.status, 202);
    }
    product.advance(TRIED_FOR);
    for page in pages {
        let folder = format!("{prefix}{}/", page.organization);
        eventually("a file is delivered", async || {
            let objects = product.sandbox().list_objects(BUCKET);
            objects.iter().any(|object| object.key.starts_with(&folder)).then_some(())
        })
        .await;
    }
}

impl SettingsPage<'_> {
    async fn external_id(&self) -> String {
        let found = self.product.store().integration(self.organization.parse().unwrap()).await.unwrap();
        found.unwrap().organization.external_id.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_were_ended_early_are_renewed_within_the_try() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let id = settings.organization.parse().unwrap();
    let once = Frequency::Next(1.try_into().unwrap());
    let expired = Fault { frequency: once, ..Fault::new(FaultKind::ExpiredToken, FaultTarget::S3) };
    let end_one: [(&str, &dyn Fn()); 2] = [
        ("forgotten", &|| product.sandbox().forget_sessions()),
        ("expired", &|| product.sandbox().switch_on(expired.clone())),
    ];
    for (ended, end) in end_one {
        let before = product.store().deliveries(id, 1).await.unwrap().first().map(|newest| newest.id);
        end();
        let left = product.sandbox().sessions().len();
        assert_eq!(product.ingest(&submission(&settings.organization, ended)).await.status, 202);
        product.advance(Duration::from_secs(60));
        let attempts = eventually("the delivery is booked", async || {
            let newest = product.store().deliveries(id, 1).await.unwrap().into_iter().next()?;
            let is_new = newest.state == BatchState::Delivered && Some(newest.id) != before;
            is_new.then_some(newest.attempts.len())
        })
        .await;
        assert_eq!(attempts, 1, "{ended}: within one try");
        assert_eq!(product.sandbox().sessions().len(), left + 1, "{ended}: assumed once more");
    }
    product.stop().await;
}
