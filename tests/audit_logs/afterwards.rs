//! What the page says after an access check: that it works, or what is in force although something else was asked for.

use std::time::Duration;

use reqwest::Method;
use trailpost::domain::access_check::CheckState;

use super::{Desk, TARGET, element};
use crate::support::http_user::send;
use crate::support::product::Product;
use crate::support::{BUCKET, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_holds_what_failed_says_what_is_in_force_and_leads_back_to_it() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let page = desk.read().await;
    assert!(!page.contains("not in force") && !page.contains("other settings are in force"), "{page}");

    let wrong = [TARGET[0], ("bucket", "no-such-bucket"), ("prefix", "team")];
    assert_eq!(desk.press("update", &wrong).await.status, 303);
    desk.until("it fails", |found| found.check_without_effect().is_some()).await;
    let page = desk.read().await;
    let told = page.split("id=\"not-in-force\"").nth(1).unwrap().split("</dl>").next().unwrap();
    let works = page.split("<dt>Access last checked</dt>").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(works.contains(": passed"), "what failed is not in force: {works}");
    for shown in ["What is in this form is not in force", "Their access check failed", "None"] {
        assert!(told.contains(shown), "{shown}: {told}");
    }
    assert!(told.contains(&format!("<dt>Amazon S3 bucket</dt><dd><code>{BUCKET}</code></dd>")), "{told}");
    assert!(!told.contains("Role ARN"), "that is the same: {told}");
    assert!(element(&page, "bucket").contains("value=\"no-such-bucket\""), "nothing has to be typed again");
    assert!(
        page.contains("<strong>other settings are in force</strong>"),
        "what has to be made in AWS: {page}"
    );

    let back = page.split("href=\"").find(|rest| rest.contains("?form=in_force")).unwrap();
    let back = back.split(['"', '#']).next().unwrap();
    let page = desk.user.get(back).await.body;
    assert!(element(&page, "bucket").contains(&format!("value=\"{BUCKET}\"")), "{page}");
    assert!(!page.contains("not in force") && page.contains("The bucket does not exist"), "{page}");

    assert_eq!(desk.press("update", &[TARGET[0], TARGET[1], ("prefix", "team")]).await.status, 303);
    desk.until("it passes", |found| found.settings.as_ref().unwrap().prefix.as_str() == "team").await;
    let page = desk.read().await;
    assert!(!page.contains("not in force") && !page.contains("The bucket does not exist"), "{page}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_passed_is_one_line_from_which_the_whole_of_it_can_be_seen() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let page = desk.read().await;
    assert!(page.contains("<dt>Access last checked</dt>") && page.contains(": passed."), "{page}");
    assert!(!page.contains("class=\"checklist\""), "its stages do not stay: {page}");
    let check = desk.integration().await.check.unwrap().id;
    let href = format!("{}/checks/{check}", desk.page);
    assert!(page.contains(&format!("<a class=\"link\" href=\"{href}\">See the check</a>")), "{page}");
    let whole = desk.user.get(&href).await;
    assert_eq!(whole.status, 200);
    for shown in ["<h1", "External ID is required", "Settings that were checked", BUCKET, "</html>"] {
        assert!(whole.body.contains(shown), "{shown}: {}", whole.body);
    }
    let alone = send(desk.user.request(Method::GET, &href).header("x-trailpost-live", "1")).await;
    assert!(
        alone.body.contains("External ID is required") && !alone.body.contains("<html"),
        "{}",
        alone.body
    );
    assert!(desk.read().await.contains("The access check passed."), "whoever watched it is told");

    product.advance(Duration::from_secs(48 * 3600));
    eventually("the daily check counts, too", async || {
        desk.read().await.contains(": passed</dd>").then_some(())
    })
    .await;

    assert!(product.sandbox().remove_role(crate::support::ROLE_ARN));
    assert_eq!(desk.press("check", &[]).await.status, 303);
    desk.until("AWS denies us", |found| {
        found.check.as_ref().is_some_and(|check| check.checklist.trying().is_some())
    })
    .await;
    product.advance(Duration::from_secs(61));
    desk.until("it fails", |found| {
        found.check.as_ref().is_some_and(|check| check.state == CheckState::Failed)
    })
    .await;
    let page = desk.read().await;
    assert!(page.contains(": failed.") && page.contains("class=\"checklist\""), "{page}");
    product.stop().await;
}
