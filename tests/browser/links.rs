//! The pages behind the links of invitations and password resets: names, rules of accessibility, narrow screens.

use trailpost::domain::membership::Role;

use super::projects::look_at;
use crate::links::{invitation, reset};
use crate::support::browser::JavaScript;
use crate::support::product::Product;

const OWNER: &str = "owner@acme.example";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_behind_links_are_accessible_and_fit_a_narrow_screen() {
    let product = Product::start().await;
    let [acme, initech] =
        [OWNER, "owner@initech.example"].map(|email| product.account(email).organization_id);
    let browser = product.browser(JavaScript::On).await;
    let mut wrong = Vec::new();
    let new_account = invitation(&product, &acme, "ada@acme.example", Role::Member).await;
    let old_account = invitation(&product, &initech, OWNER, Role::Member).await;
    let new_password = reset(&product, OWNER).await;
    for (name, link, shows) in [
        ("invitation", &new_account, "You’re invited to Acme"),
        ("invitation-of-an-account", &old_account, "Sign in"),
        ("password-reset", &new_password, "Password"),
        ("link-over", &"/invitations/x".to_owned(), "This link can’t be used any more"),
    ] {
        browser.go(link).await;
        browser.see_text(shows).await;
        wrong.extend(look_at(&browser, name).await);
    }
    for (name, link) in [("invitation-invalid", &new_account), ("password-reset-invalid", &new_password)] {
        browser.go(link).await;
        browser.fill("Password", "short").await;
        browser.click_button("Set password").await;
        browser.see_text("Use at least 12 characters.").await;
        wrong.extend(look_at(&browser, name).await);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}
