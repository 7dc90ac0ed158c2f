//! Accepting an invitation with the keyboard alone.

use thirtyfour::prelude::Key;
use trailpost::domain::membership::Role;

use crate::links::invitation;
use crate::support::browser::{Browser, JavaScript};
use crate::support::product::Product;

const ADA: &str = "ada.lovelace@acme.example";

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_by_keyboard() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let link = invitation(&product, &acme, ADA, Role::Member).await;
    let browser = product.browser(JavaScript::On).await;
    browser.go(&link).await;
    browser.see_text("You’re invited to Acme").await;
    assert_eq!(browser.value_of("Name").await, "Ada Lovelace");

    set_password(&browser, "short").await;
    browser.see_text("Password: Use at least 12 characters.").await;
    browser.see_text("Nothing was saved. Correct this first:").await;
    // From the message to the field, and on.
    browser.tab_to("Password").await;
    browser.press(Key::Enter + "").await;
    set_password(&browser, "correct horse battery").await;
    browser.be_at(&format!("/organizations/{acme}")).await;
    browser.see_text("Your account is ready and you are signed in.").await;
    let errors = browser.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("422")), "{errors:?}");
    product.stop().await;
}

async fn set_password(browser: &Browser, password: &str) {
    browser.tab_to("Password").await;
    browser.press(password).await;
    browser.tab_to("Set password").await;
    browser.press(Key::Enter + "").await;
}
