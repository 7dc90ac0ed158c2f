//! The dialogs and the menu of Settings > Audit logs: opened, used and left with the keyboard alone, and what they say
//! at the moment they open.

use thirtyfour::prelude::Key;

use super::deeds::{Deed, OWNER, Stage};
use super::situations::SWITCH;
use crate::support::browser::{Browser, JavaScript};
use crate::support::screen::Look;

const WITH_DELIVERIES: &[Deed] = &[Deed::Enable, Deed::Ingest(3), Deed::Deliver];
const IN_THE_DIALOG: &str = "document.activeElement.closest('dialog') !== null";
/// Seen by a keyboard's user: the browser says that it should be, and the page draws it.
const FOCUS_IS_SEEN: &str = "document.activeElement.matches(':focus-visible') \
     && getComputedStyle(document.activeElement).outlineStyle !== 'none'";

async fn on_the_page(stage: &Stage, javascript: JavaScript) -> Browser {
    let browser = stage.product.browser(javascript).await;
    browser.sign_in_as(OWNER).await;
    browser.go(&stage.page()).await;
    browser.see_switch(SWITCH, true).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_logs_are_disabled_by_keyboard() {
    let stage = Stage::set(WITH_DELIVERIES).await;
    let browser = on_the_page(&stage, JavaScript::On).await;
    browser.tab_to(SWITCH).await;
    assert_eq!(browser.ask(FOCUS_IS_SEEN).await, true);

    // The page was made before these came: the dialog counts anew.
    stage.act(Deed::Ingest(7)).await;
    browser.press(Key::Enter + "").await;
    browser.see_text(&stage.waiting().await).await;
    browser.see_focus_on("Cancel").await;
    assert_eq!(browser.ask(FOCUS_IS_SEEN).await, true);
    for name in ["Confirm", "Deliver first, then disable", "Cancel"] {
        browser.tab_to(name).await;
        assert_eq!(browser.ask(IN_THE_DIALOG).await, true, "{name}");
    }
    browser.press(Key::Escape + "").await;
    browser.see_no("Disable audit logs?").await;
    browser.see_focus_on(SWITCH).await;

    stage.act(Deed::Ingest(4)).await;
    browser.press(Key::Space + "").await;
    browser.see_text(&stage.waiting().await).await;
    browser.press(Key::Enter + "").await;
    browser.see_focus_on(SWITCH).await;
    browser.see_switch(SWITCH, true).await;

    browser.press(Key::Enter + "").await;
    browser.see_text("Disable audit logs?").await;
    browser.tab_to("Confirm").await;
    browser.press(Key::Enter + "").await;
    browser.see_switch(SWITCH, false).await;
    browser.see_announced("Audit logs are inactive. Nothing new is collected.").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integration_is_removed_by_keyboard() {
    let stage = Stage::set(WITH_DELIVERIES).await;
    let browser = on_the_page(&stage, JavaScript::On).await;
    browser.show_as(Look::WIDE_LIGHT).await;
    browser.tab_to("More actions").await;
    browser.press(Key::Enter + "").await;
    browser.press(Key::Down + "").await;
    browser.see_focus_on("Run access check").await;
    assert_eq!(browser.ask(FOCUS_IS_SEEN).await, true);
    browser.press(Key::Escape + "").await;
    browser.see_focus_on("More actions").await;
    browser.see_no("Run access check").await;

    browser.press(Key::Down + "").await;
    browser.press(Key::End + "").await;
    browser.see_focus_on("Remove integration").await;
    browser.press(Key::Enter + "").await;
    browser.see_text(&stage.waiting().await).await;
    browser.see_focus_on("Cancel").await;
    browser.press(Key::Escape + "").await;
    browser.see_no("Remove integration?").await;
    browser.see_focus_on("More actions").await;

    browser.press(Key::Up + "").await;
    browser.see_focus_on("Remove integration").await;
    browser.press(Key::Enter + "").await;
    browser.see_text("Remove integration?").await;
    browser.tab_to("Remove integration").await;
    browser.press(Key::Enter + "").await;
    browser.see_button("Enable audit logging").await;
    browser.see_announced("The integration was removed. Files in your bucket stay.").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_dialogs_are_pages_that_count_as_exactly() {
    let stage = Stage::set(WITH_DELIVERIES).await;
    let browser = on_the_page(&stage, JavaScript::Off).await;
    for (opens, title) in [("switch", "Disable audit logs?"), ("menu", "Remove integration?")] {
        stage.act(Deed::Ingest(6)).await;
        if opens == "switch" {
            browser.click_button(SWITCH).await;
        } else {
            browser.click_button("More actions").await;
            browser.click_link("Remove integration").await;
        }
        browser.see_text(title).await;
        browser.see_text(&stage.waiting().await).await;
        browser.see_focus_on("Cancel").await;
        browser.press(Key::Enter + "").await;
        browser.see_switch(SWITCH, true).await;
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_the_stale_one_is_told_and_keeps_what_was_typed() {
    two_tabs(JavaScript::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_the_stale_one_is_told_without_javascript() {
    two_tabs(JavaScript::Off).await;
}

async fn two_tabs(javascript: JavaScript) {
    let stage = Stage::set(&[Deed::Enable]).await;
    let browser = on_the_page(&stage, javascript).await;
    browser.fill("Amazon S3 bucket", "acme-audit-logs-frankfurt").await;
    let first = browser.open_tab().await;
    browser.go(&stage.page()).await;
    browser.click_button(SWITCH).await;
    browser.click_button("Confirm").await;
    browser.see_switch(SWITCH, false).await;

    browser.show_tab(first).await;
    browser.click_button("Update settings").await;
    browser.see_text("Someone else changed these settings").await;
    browser.see_text("acme-audit-logs-frankfurt").await;
    browser.see_switch(SWITCH, false).await;
    assert_eq!(browser.value_of("Amazon S3 bucket").await, "acme-audit-logs-frankfurt");
    let errors = browser.console_errors().await;
    assert!(errors.iter().all(|error| error.contains("status of 409")), "{errors:?}");
    browser.leave().await;
    stage.product.stop().await;
}
