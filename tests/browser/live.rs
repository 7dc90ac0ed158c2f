//! What changes by itself while somebody looks: in place, said aloud, and without moving what is read or pressed.

use super::deeds::{Deed, OWNER, Stage};
use super::situations::SWITCH;
use crate::support::browser::JavaScript;
use crate::support::eventually;
use crate::support::screen::Look;

/// Sums up how far things moved by themselves (Layout Instability, section 3).
const WATCH: &str = "(window.moved = [], new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            window.moved.push(entry.value + ' ' + entry.sources.map((source) => source.node?.outerHTML?.slice(0, 90)));
        }
    }).observe({ type: 'layout-shift', buffered: false }), null)";

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_into_the_page_and_nothing_moves() {
    let stage = Stage::set(&[Deed::Enable]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.sign_in_as(OWNER).await;
    for look in [Look::WIDE_LIGHT, Look::TALL] {
        browser.show_as(look).await;
        browser.go(&stage.page()).await;
        browser.see_switch(SWITCH, true).await;
        browser.tab_to("Copy external ID").await;
        browser.ask(WATCH).await;
        for records in [11, 1203] {
            stage.act(Deed::Ingest(records)).await;
            browser.see_text("records").await;
            stage.act(Deed::Deliver).await;
            let last = stage.last_key().await;
            browser.see_text(&last).await;
            browser.see_text("0 records").await;
        }
        browser.see_focus_on("Copy external ID").await;
        let moved = browser.ask("window.moved").await;
        assert_eq!(moved.as_array().map(Vec::len), Some(0), "{look}: {moved}");
    }
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_said_aloud_and_runs_without_motion_where_none_is_wanted() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/made-a-little-later";
    let stage = Stage::set(&[Deed::EnableDenied(ROLE)]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.show_as(Look::TALL).await;
    browser.sign_in_as(OWNER).await;
    browser.go(&stage.page()).await;
    browser.see_text("still trying for 60 s").await;
    let motion = "getComputedStyle(document.querySelector('.icon--spin')).animationName";
    assert_eq!(browser.ask(motion).await, "none");
    browser.ask(WATCH).await;

    stage.act(Deed::HoldWrites).await;
    stage.act(Deed::MakeRole(ROLE)).await;
    browser.see_announced("Access check: 4 of 5 stages passed. Write: checking.").await;
    let moved = browser.ask("window.moved").await;
    assert_eq!(moved.as_array().map(Vec::len), Some(0), "{moved}");

    browser.click_button("Cancel").await;
    browser.see_announced("The access check was cancelled. Nothing was changed.").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_paper_the_page_tells_its_state_and_has_nothing_to_press() {
    let stage = Stage::set(&[Deed::Enable, Deed::Ingest(3), Deed::Deliver]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.sign_in_as(OWNER).await;
    browser.go(&stage.page()).await;
    browser.see_switch(SWITCH, true).await;
    browser.show_as_printed().await;
    assert_eq!(browser.sideways().await, 0);
    eventually("paper has no buttons", async || {
        let tree = browser.accessible().await;
        let has =
            |role: &str, name: &str| tree.iter().any(|item| item.role == role && item.name.contains(name));
        let tells = has("heading", "Delivery history") && has("heading", "Set-up in AWS");
        (tells && !has("button", "") && !has("navigation", "")).then_some(())
    })
    .await;
    browser.see_text(&stage.last_key().await).await;
    browser.leave().await;
    stage.product.stop().await;
}
