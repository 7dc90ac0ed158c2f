//! The main ways through these pages in a real browser, by the visible labels, with and without JavaScript.

use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;

use super::{ADA, MANAGER, MEMBER, OWNER, PASSWORD, acme, invite, newest, summary};
use crate::support::browser::{Browser, JavaScript};
use crate::support::http_user::HttpUser;
use crate::support::product::Product;
use crate::support::screen::Look;

async fn signed_in(product: &Product, javascript: JavaScript, who: &str) -> Browser {
    let browser = product.browser(javascript).await;
    browser.go("/sign-in").await;
    browser.click_button_about(who).await;
    browser.be_at(&acme(product)).await;
    browser
}

/// Nothing scrolls sideways on the narrowest screen.
async fn see_that_it_fits(browser: &Browser, name: &str) {
    if browser.javascript() == JavaScript::On {
        for look in [Look::NARROWEST, Look::WIDE_DARK] {
            browser.screenshot_as(name, look).await;
            assert_eq!(browser.sideways().await, 0, "{name} {look}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_invited_changed_and_removed_with_javascript() {
    see_to_members(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_invited_changed_and_removed_without_javascript() {
    see_to_members(JavaScript::Off).await;
}

async fn see_to_members(javascript: JavaScript) {
    let product = Product::start().await;
    let browser = signed_in(&product, javascript, "Owner of Acme").await;
    browser.click_link("Members").await;
    browser.be_at(&format!("{}/members", acme(&product))).await;
    browser.fill("Email", ADA).await;
    browser.choose("Role", "Billing admin").await;
    browser.click_button("Invite").await;
    browser.see_text(&format!("Invitation of {ADA}")).await;
    browser.see_text("Whoever opens it joins as Billing admin").await;
    if javascript == JavaScript::On {
        browser.click_button("Copy link").await;
        browser.see_button("Copied").await;
    }
    browser.screenshot("members-invited").await;
    browser.click_button(&format!("New link for {ADA}")).await;
    browser.see_text(&format!("Invitation of {ADA}")).await;
    browser.click_button(&format!("Revoke invitation of {ADA}")).await;
    browser.see_text("The invitation was revoked.").await;
    browser.see_text("No open invitations").await;

    browser.click_link(&format!("Change role of {MANAGER}")).await;
    browser.choose_radio("Member").await;
    browser.screenshot("members-role").await;
    browser.click_button("Change role").await;
    browser.see_text("The role was changed.").await;
    assert_eq!(newest(&product).await["event"]["parameters"]["after"]["role"], "member");

    browser.click_link(&format!("Remove {MEMBER}")).await;
    browser.see_text("leaves the organization and all of its projects at once").await;
    browser.click_button("Cancel").await;
    browser.see_text(MEMBER).await;
    browser.click_link(&format!("Remove {MEMBER}")).await;
    browser.click_button("Remove").await;
    browser.see_text("The member was removed.").await;
    browser.see_text("3 members").await;
    assert_eq!(summary(&newest(&product).await), "delete user success");
    see_that_it_fits(&browser, "members").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures to look at: `tests/run screenshots_of -- --ignored`"]
async fn screenshots_of_people_s_pages() {
    let product = Product::start().await;
    let browser = signed_in(&product, JavaScript::On, "Owner of Acme").await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let link = invite(&owner, &acme, "grace.hopper@acme.example", Role::Member).await;
    picture(&browser, &acme, "people-overview").await;
    browser.go(&format!("{acme}/members")).await;
    browser.fill("Email", ADA).await;
    browser.click_button("Invite").await;
    browser.see_text(&format!("Invitation of {ADA}")).await;
    pictures(&browser, "people-members").await;
    picture(&browser, "/account", "people-account").await;
    picture(&browser, &format!("{acme}/service-accounts"), "people-service-accounts").await;
    browser.go(&format!("{acme}/service-accounts/new")).await;
    browser.fill("Service account name", "Terraform").await;
    browser.click_button("Create service account").await;
    browser.see_text("Copy it now").await;
    pictures(&browser, "people-secret").await;
    picture(&browser, &format!("{acme}/activity"), "people-activity").await;
    browser.sign_out().await;
    picture(&browser, &link, "people-invitation").await;
    product.stop().await;
}

async fn picture(browser: &Browser, path: &str, name: &str) {
    browser.go(path).await;
    pictures(browser, name).await;
}

async fn pictures(browser: &Browser, name: &str) {
    for look in Look::ALL {
        browser.screenshot_as(name, look).await;
    }
    browser.show_as(Look::WIDE_LIGHT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_seen_to_with_javascript() {
    see_to_the_account(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_seen_to_without_javascript() {
    see_to_the_account(JavaScript::Off).await;
}

async fn see_to_the_account(javascript: JavaScript) {
    let product = Product::start().await;
    let elsewhere = product.user(MANAGER).await;
    let browser = signed_in(&product, javascript, "Manager of Acme").await;
    browser.go("/account").await;
    browser.fill("Display name", "Mary Manager").await;
    browser.click_button("Save name").await;
    browser.see_text("Your name was saved.").await;
    browser.see_text("This browser").await;
    browser.click_button("Sign out everywhere else").await;
    browser.see_text("Everywhere else you are signed out.").await;
    assert_eq!(elsewhere.get("/account").await.status, 303);
    browser.fill("Current password", &product.account(MANAGER).password).await;
    browser.fill("New password", PASSWORD).await;
    browser.click_button("Change password").await;
    browser.see_text("Your password was changed.").await;
    see_that_it_fits(&browser, "account").await;
    HttpUser::sign_in(product.origin(), MANAGER, PASSWORD).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_deleted_with_javascript() {
    delete_the_organization(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_deleted_without_javascript() {
    delete_the_organization(JavaScript::Off).await;
}

async fn delete_the_organization(javascript: JavaScript) {
    let product = Product::start().await;
    let browser = signed_in(&product, javascript, "Owner of Acme").await;
    browser.click_link("General").await;
    browser.click_link("Delete organization").await;
    browser.see_text("Delete Acme?").await;
    browser.fill("Name of the organization", "acme").await;
    browser.screenshot("organization-delete").await;
    browser.click_button("Delete organization").await;
    browser.see_text("This is not the organization’s name.").await;
    browser.fill("Name of the organization", "Acme").await;
    browser.click_button("Delete organization").await;
    browser.see_text("The organization is closed.").await;
    browser.see_text("You are not a member of any organization yet").await;
    browser.go(&acme(&product)).await;
    browser.see_text("Page not found").await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_are_switched_by_keyboard() {
    let product = Product::start().await;
    let beta = product.store().create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    let user = product.store().sign_in(OWNER.parse().unwrap()).await.unwrap().unwrap().user;
    product.store().add_member(beta.id, user.id, Role::Member).await.unwrap();
    let browser = signed_in(&product, JavaScript::On, "Owner of Acme").await;
    browser.tab_to("Acme Enterprise").await;
    browser.press(thirtyfour::prelude::Key::Down + "").await;
    browser.see_text("Organizations").await;
    browser.see_focus_on("Acme Owner").await;
    browser.press(thirtyfour::prelude::Key::Down + "").await;
    browser.see_focus_on("Beta Member").await;
    browser.screenshot("switcher").await;
    browser.press(thirtyfour::prelude::Key::Enter + "").await;
    browser.be_at(&format!("/organizations/{}", beta.id)).await;
    assert!(!browser.has_link("Members").await, "a member there");
    product.stop().await;
}
