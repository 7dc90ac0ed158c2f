//! The console of an operator, and not of the demo: an invitation is the only way in, and what the operator has not
//! said yet is told to owners as the operator's to do.

use crate::cli::installation::Installation;
use crate::support::browser::{Browser, JavaScript};

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_owner_comes_to_the_set_up_and_learns_what_the_operator_has_not_said() {
    let installation = Installation::new();
    let created = installation.create_organization();
    let (_serving, ready) = installation.serve();
    let browser = Browser::open(ready["console_url"].as_str().unwrap(), JavaScript::On).await;
    browser.go("/sign-in").await;
    browser.see_button("Sign in").await;
    assert!(!browser.text().await.contains("Sign in as"), "no account is offered");

    let (_, token) = created["invitation_url"].as_str().unwrap().rsplit_once('/').unwrap();
    browser.go(&format!("/invitations/{token}")).await;
    browser.fill("Password", "correct horse battery").await;
    browser.click_button("Set password").await;
    let organization = format!("/organizations/{}", created["organization_id"].as_str().unwrap());
    browser.be_at(&organization).await;

    browser.go(&format!("{organization}/settings/audit-logs")).await;
    browser.see_button("Enable audit logging").await;
    browser.see_text("has not stated its AWS identity yet").await;
    browser.see_text(created["external_id"].as_str().unwrap()).await;
    browser.screenshot("principal-not-stated").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}
