//! Activity by the visible labels, with and without JavaScript.

use serde_json::json;
use trailpost::domain::activity::ActivityFilter;
use trailpost::store::ActivityCursor;

use crate::support::browser::{Browser, JavaScript};
use crate::support::product::Product;
use crate::support::screen::Look;
use crate::support::submission;

const OWNER: &str = "owner@acme.example";

fn activity(product: &Product) -> String {
    format!("/organizations/{}/activity", product.account(OWNER).organization_id)
}

/// The sequence of Acme's newest record, which is how many there are.
async fn newest(product: &Product) -> usize {
    let organization = product.account(OWNER).organization_id.parse().unwrap();
    let (everything, from) = (ActivityFilter::default(), ActivityCursor::Newest);
    let page = product.store().activity(organization, everything, from).await.unwrap();
    usize::try_from(page.records[0].sequence.get()).unwrap()
}

/// Nothing stands outside the narrowest screen's sides.
async fn fits(browser: &Browser, name: &str) {
    for look in [Look::WIDE_DARK, Look::NARROWEST] {
        browser.screenshot_as(name, look).await;
        assert_eq!(browser.sideways().await, 0, "{name} {look}");
    }
    browser.show_as(Look::WIDE_LIGHT).await;
}

async fn look_through(product: &Product, javascript: JavaScript) -> Browser {
    let organization = product.account(OWNER).organization_id;
    let browser = product.browser(javascript).await;
    browser.go("/sign-in").await;
    browser.click_button_about("Owner of Acme").await;
    browser.be_at(&format!("/organizations/{organization}")).await;
    browser.click_link("Activity").await;
    browser.see_text("Sign in").await;

    browser.click_button("Filter").await;
    browser.fill("Actor", "billing robot").await;
    browser.choose("Outcome", "Failure").await;
    browser.click_button("Apply filters").await;
    browser.see_text("Delete index").await;
    browser.see_text("ABORTED").await;
    browser.see_no("Create index").await;
    assert_eq!(browser.value_of("Actor").await, "billing robot");
    browser.click_link_about("Delete index").await;
    browser.see_text("evil\\u202etxt").await;
    browser.see_text("\"error_code\": \"ABORTED\"").await;
    fits(&browser, "activity-record").await;
    browser.click_link("Same actor").await;
    browser.see_text("Delete index").await;
    browser.fill("Action", "explode").await;
    browser.click_button("Apply filters").await;
    browser.see_text("No records match").await;
    browser.click_link("Clear filters").await;
    browser.see_text("Older").await;
    fits(&browser, "activity").await;
    browser.click_link("Older").await;
    browser.click_link("Newer").await;
    browser.see_text("Delete index").await;
    browser
}

async fn with_records() -> Product {
    let product = Product::start().await;
    let organization = product.account(OWNER).organization_id;
    let mut failed = submission(&organization, "evil\u{202e}txt");
    failed["actor"]["principal_name"] = json!("Billing robot");
    failed["event"]["action"] = json!("delete");
    failed["event"]["outcome"] = json!({ "result": "failure", "reason": "No", "error_code": "ABORTED" });
    let mut records = vec![submission(&organization, &"long-name-".repeat(40)); 60];
    records.push(failed);
    assert_eq!(product.ingest(&json!(records)).await.status, 202);
    product
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_looks_through_activity_and_exports_it() {
    let product = with_records().await;
    let browser = look_through(&product, JavaScript::On).await;
    let before = newest(&product).await;
    browser.click_button("Export as CSV").await;
    browser.see_text(&format!("{before} records exported.")).await;
    let table = browser.see_download(".csv").await;
    assert_eq!(table.lines().count(), 1 + before, "a header, and every record: {table}");
    browser.click_button("Export as NDJSON").await;
    browser.see_text(&format!("{} records exported.", before + 1)).await;
    assert_eq!(browser.see_download(".ndjson").await.lines().count(), before + 1);
    browser.go(&activity(&product)).await;
    browser.see_text("Create audit log export").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_activity_is_the_same() {
    let product = with_records().await;
    let browser = look_through(&product, JavaScript::Off).await;
    let before = newest(&product).await;
    browser.click_button("Export as NDJSON").await;
    assert_eq!(browser.see_download(".ndjson").await.lines().count(), before);
    browser.go(&activity(&product)).await;
    browser.see_text("Create audit log export").await;
    product.stop().await;
}
