//! The fields under **Advanced** that say how files are encrypted, with and without JavaScript.

use trailpost::demo::world;
use trailpost::domain::encryption::Encryption;

use crate::support::browser::{Browser, JavaScript};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const OWNER: &str = "owner@acme.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_chosen_under_advanced() {
    choose_a_key(JavaScript::On, "encryption").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_chosen_under_advanced_without_javascript() {
    choose_a_key(JavaScript::Off, "encryption-plain").await;
}

async fn choose_a_key(javascript: JavaScript, screenshot: &str) {
    let product = Product::start().await;
    let browser = product.browser(javascript).await;
    browser.go("/").await;
    browser.click_button_about(OWNER).await;
    browser.click_link("Audit logs").await;
    browser.fill("Role ARN", ROLE_ARN).await;
    browser.fill("Amazon S3 bucket", BUCKET).await;
    browser.click_button("Advanced").await;
    browser.choose("Encryption", "KMS key").await;
    browser.click_button("Enable audit logging").await;
    browser.see_text("Enter the ARN of the KMS key").await;
    browser.resize(1280, 2400).await;
    browser.screenshot(screenshot).await;
    browser.resize(360, 3600).await;
    browser.screenshot(&format!("{screenshot}-360")).await;

    // After a refusal the fields can be seen at once, and hold what was chosen.
    assert_eq!(browser.value_of("Encryption").await, "kms");
    browser.fill("KMS key ARN", world::KEY).await;
    browser.click_button("Enable audit logging").await;
    the_key_is_in_force(&product).await;
    look_at_it(&browser).await;
    product.stop().await;
}

async fn the_key_is_in_force(product: &Product) {
    let acme = product.account(OWNER).organization_id.parse().unwrap();
    eventually("the key is in force", async || {
        let settings = product.store().integration(acme).await.unwrap().unwrap().settings?;
        (settings.encryption == Encryption::Kms(world::KEY.parse().unwrap())).then_some(())
    })
    .await;
}

async fn look_at_it(browser: &Browser) {
    browser.resize(1280, 900).await;
    browser.click_link("Audit logs").await;
    browser.see_switch("Audit logs are active", true).await;
    browser.click_button("Advanced").await;
    assert_eq!(browser.value_of("Encryption").await, "kms");
    assert_eq!(browser.value_of("KMS key ARN").await, world::KEY);
}
