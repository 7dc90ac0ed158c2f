//! When AWS refuses us the roles of many organizations at once: the operator hears of it, and no owner is sent to mend
//! what is not theirs.

use std::time::Duration;

use trailpost::demo::world;
use trailpost::domain::access_check::CheckState;
use trailpost::domain::failure::Cause;
use trailpost::sandbox::IamUser;

use super::settings_page::{OPERATORS_TURN, SettingsPage};
use super::tenant;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{eventually, submission};

/// Until every session has ended.
const HOURS: Duration = Duration::from_secs(2 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn many_denied_at_once_are_ours_for_checks_too() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let mut tenants = Vec::new();
    for name in ["beta", "gamma", "delta", "epsilon", "zeta"] {
        tenants.push(tenant(&product, name).await);
    }
    let anybody = product.anonymous();
    // Our key is another principal's now, whom no trust policy names: AWS denies us every role, each like a customer's
    // own fault.
    let ours = || world::users().swap_remove(0);
    let another = "arn:aws:iam::999988887777:user/another".to_owned();
    product.sandbox().put_user(IamUser { arn: another, ..ours() }).unwrap();
    for tenant in &tenants {
        assert_eq!(product.ingest(&submission(tenant.id, "docs")).await.status, 202);
    }
    product.advance(HOURS);
    let unready = eventually("the operator hears of it", async || {
        let answer = anybody.get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert!(
        unready.body.contains("AWS has denied us the roles of many organizations since"),
        "{}",
        unready.body
    );
    assert_eq!(anybody.get("/livez").await.status, 200);

    settings.press_check().await;
    let card = eventually("the check says whose fault it is while it still tries", async || {
        let html = settings.html().await;
        let card = html.split_once("id=\"check-heading\"")?.1.split("</section>").next()?.to_owned();
        card.contains("This is our fault until shown otherwise, not yours").then_some(card)
    })
    .await;
    assert!(card.contains(OPERATORS_TURN), "{card}");
    assert!(!card.contains("Set this as the trust policy of the role"), "{card}");
    let failure = settings.end_of_the_check().await.failure.unwrap();
    assert_eq!(failure.cause, Cause::ManyDenied);
    let outcome = settings.newest_outcome().await;
    assert!(outcome["reason"].as_str().unwrap().starts_with(failure.title()), "{outcome}");

    product.sandbox().put_user(ours()).unwrap();
    settings.press_check().await;
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    assert_eq!(anybody.get("/readyz").await.status, 200);
    product.stop().await;
}
