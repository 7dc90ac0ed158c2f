//! Deliver now, and Deliver first: by the visible labels, with and without JavaScript.

use trailpost::demo::world;

use crate::support::browser::{Browser, JavaScript};
use crate::support::bucket::delivered_records;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{eventually, submission};

const OWNER: &str = "owner@acme.example";
const SWITCH: &str = "Audit logs are active";

/// An active integration, and a browser on its page.
async fn active(product: &Product, javascript: JavaScript) -> (Browser, String) {
    let organization = product.account(OWNER).organization_id;
    enable(&product.user(OWNER).await, &organization).await;
    let browser = product.browser(javascript).await;
    browser.go("/sign-in").await;
    browser.click_button_about("Owner of Acme").await;
    browser.be_at(&format!("/organizations/{organization}")).await;
    browser.click_link("Audit logs").await;
    browser.see_switch(SWITCH, true).await;
    (browser, organization)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_delivered_now_and_before_audit_logs_are_disabled() {
    let product = Product::start().await;
    let (browser, organization) = active(&product, JavaScript::On).await;
    product.ingest(&submission(&organization, "docs")).await;

    browser.click_button("More actions").await;
    browser.click_button("Deliver now").await;
    browser.see_text("What waits is being delivered now.").await;
    // The window is open still, and the clock was not moved.
    let delivered = delivered_records(&product.customer(), &organization, 3).await;

    product.ingest(&submission(&organization, "docs")).await;
    browser.go(&format!("/organizations/{organization}/settings/audit-logs")).await;
    browser.click_button(SWITCH).await;
    browser.see_text("unless delivered first").await;
    browser.screenshot("deliver-first-dialog").await;
    browser.click_button("Deliver first, then disable").await;
    browser.see_switch(SWITCH, false).await;
    browser.see_text("Inactive").await;
    let all = delivered_records(&product.customer(), &organization, delivered.len() + 2).await;
    assert_eq!(all.last().unwrap()["event"]["parameters"]["deliver_first_then"], "disable");
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_in_vain_can_stop_waiting_and_a_failed_delivery_can_be_tried_again() {
    let product = Product::start().await;
    let (browser, organization) = active(&product, JavaScript::Off).await;
    let integration = product.store().integration(organization.parse().unwrap()).await.unwrap().unwrap();
    let right = world::roles(&integration.organization.external_id).swap_remove(0);
    let mut denied = right.clone();
    denied.permission_policies.clear();
    product.sandbox().put_role(denied).unwrap();

    browser.click_button("More actions").await;
    browser.click_link("Remove integration").await;
    browser.click_button("Deliver first, then remove").await;
    browser.see_text("Delivering the last records").await;
    browser.see_text("then the integration is removed").await;
    browser.see_text("To be delivered first").await;
    browser.screenshot("stopping").await;
    browser.click_button("Stop waiting").await;
    browser.see_text("Everything is as before; nothing is lost.").await;
    browser.see_switch(SWITCH, true).await;

    eventually("the history says that it failed", async || {
        browser.go(&format!("/organizations/{organization}/settings/audit-logs")).await;
        browser.text().await.contains("Will be tried again").then_some(())
    })
    .await;
    product.sandbox().put_role(right).unwrap();
    browser.click_button_about("Try again").await;
    browser.see_text("The delivery is being tried again.").await;
    delivered_records(&product.customer(), &organization, 2).await;
    product.stop().await;
}
