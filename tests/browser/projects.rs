//! A project with its API key, and a service account with its rotation, in a browser.

use crate::support::accessibility::Rules;
use crate::support::browser::{Browser, JavaScript};
use crate::support::product::Product;
use crate::support::screen::Look;

const OWNER: &str = "owner@acme.example";
const DONE: &str = "I have copied it";

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_made_given_a_key_and_deleted() {
    a_project_lives(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_made_given_a_key_and_deleted_without_javascript() {
    a_project_lives(JavaScript::Off).await;
}

async fn a_project_lives(javascript: JavaScript) {
    let product = Product::start().await;
    let browser = signed_in(&product, javascript).await;
    browser.click_link("Projects").await;
    browser.see_text("Docs search").await;
    browser.click_link("Create project").await;
    browser.fill("Project name", "Docs search").await;
    browser.click_button("Create project").await;
    browser.see_text("Project name: There is a project with this name already.").await;
    browser.fill("Project name", "Telescope").await;
    browser.click_button("Create project").await;
    browser.see_text("The project was created.").await;
    browser.fill("Project name", "Observatory").await;
    browser.click_button("Save").await;
    browser.see_text("The project was renamed.").await;

    browser.click_link("Add member").await;
    browser.fill("Email", "member@acme.example").await;
    browser.choose("Role in the project", "Editor").await;
    browser.click_button("Add member").await;
    browser.see_text("Mei Memoto").await;
    browser.click_link("Remove member@acme.example").await;
    browser.see_text("Remove from project?").await;
    browser.click_button("Cancel").await;
    browser.see_text("Mei Memoto").await;

    browser.click_link("Create API key").await;
    browser.fill("API key name", "nightly").await;
    browser.click_button("Create API key").await;
    browser.see_text("This is the only time that it is shown.").await;
    browser.screenshot(&format!("api-key-shown-{javascript:?}")).await;
    browser.click_link(DONE).await;
    browser.see_text("nightly").await;
    browser.click_link("Delete API key nightly").await;
    browser.see_text("Delete API key?").await;
    browser.click_button("Delete API key").await;
    browser.see_text("The API key was deleted.").await;

    browser.click_button("More actions").await;
    browser.click_link("Delete project").await;
    browser.see_text("Delete project?").await;
    browser.fill("Name to confirm", "Observatory?").await;
    browser.click_button("Delete project").await;
    browser.see_text("This is not the project’s name.").await;
    browser.fill("Name to confirm", "Observatory").await;
    browser.click_button("Delete project").await;
    browser.see_text("The project was deleted, with its API keys.").await;
    let errors = browser.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("422")), "{errors:?}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_made_and_rotated() {
    a_service_account_lives(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_made_and_rotated_without_javascript() {
    a_service_account_lives(JavaScript::Off).await;
}

async fn a_service_account_lives(javascript: JavaScript) {
    let product = Product::start().await;
    let browser = signed_in(&product, javascript).await;
    browser.click_link("Service accounts").await;
    browser.see_text("provisioning").await;
    browser.click_link("Create service account").await;
    browser.fill("Service account name", "Pipeline").await;
    browser.choose("Role", "Manager").await;
    browser.click_button("Create service account").await;
    browser.see_text("This is the only time that it is shown.").await;
    browser.click_link(DONE).await;
    browser.see_text("In force").await;
    browser.click_link("Rotate secret").await;
    browser.choose("Old secret stops", "In 1 hour").await;
    browser.click_button("Rotate secret").await;
    browser.see_text("The old secret goes on working until").await;
    browser.click_link(DONE).await;
    browser.see_text("Running out").await;
    browser.screenshot(&format!("service-account-{javascript:?}")).await;
    browser.choose("Role in the organization", "Member").await;
    browser.click_button("Save").await;
    browser.see_text("The service account’s role was changed.").await;

    browser.click_button("More actions").await;
    browser.click_link("Delete service account").await;
    browser.see_text("Delete service account?").await;
    browser.click_button("Delete service account").await;
    browser.see_text("The service account was deleted.").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_and_fits_a_narrow_screen() {
    let product = Product::start().await;
    let browser = signed_in(&product, JavaScript::On).await;
    browser.click_link("Projects").await;
    browser.click_link("Docs search").await;
    browser.see_text("Mei Memoto").await;
    let project = browser.path().await;
    browser.click_link("Service accounts").await;
    browser.click_link("provisioning").await;
    browser.see_text("In force").await;
    let account = browser.path().await;
    let (organization, _) = project.rsplit_once("/projects").unwrap();
    let mut wrong = Vec::new();
    for (path, name) in [
        (format!("{organization}/projects"), "projects"),
        (format!("{organization}/projects/new"), "project-new"),
        (project.clone(), "project"),
        (format!("{project}/delete"), "project-delete"),
        (format!("{project}/members/new"), "project-member-new"),
        (format!("{project}/api-keys/new"), "api-key-new"),
        (format!("{organization}/api-keys"), "api-keys"),
        (format!("{organization}/service-accounts"), "service-accounts"),
        (format!("{organization}/service-accounts/new"), "service-account-new"),
        (account.clone(), "service-account"),
        (format!("{account}/rotate"), "service-account-rotate"),
        (format!("{account}/delete"), "service-account-delete"),
    ] {
        browser.go(&path).await;
        wrong.extend(look_at(&browser, name).await);
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

/// What is wrong with what is shown.
pub async fn look_at(browser: &Browser, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (look, rules) in [(Look::WIDE_LIGHT, Rules::All), (Look::WIDE_DARK, Rules::OfColours)] {
        browser.screenshot_as(name, look).await;
        let found = browser.violations(rules).await;
        wrong.extend(found.iter().map(|violation| format!("{name} {look}: {violation}")));
    }
    for look in [Look::ZOOMED, Look::NARROWEST] {
        browser.screenshot_as(name, look).await;
        let sideways = browser.sideways().await;
        if sideways != 0 {
            wrong.push(format!("{name} {look}: {sideways} pixels stand outside the screen"));
        }
    }
    browser.show_as(Look::WIDE_LIGHT).await;
    wrong
}

async fn signed_in(product: &Product, javascript: JavaScript) -> Browser {
    let browser = product.browser(javascript).await;
    browser.go("/").await;
    browser.click_button_about(OWNER).await;
    browser.see_button("Sign out").await;
    browser
}
