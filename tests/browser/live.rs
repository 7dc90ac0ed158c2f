//! What changes by itself while somebody looks: in place, said aloud, and without moving what is read or pressed.

use trailpost::domain::membership::Role;

use super::deeds::{Deed, MANAGER, OWNER, Stage};
use super::situations::SWITCH;
use crate::support::browser::JavaScript;
use crate::support::screen::Look;
use crate::support::{BUCKET, ROLE_ARN, eventually};

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
async fn another_failed_attempt_comes_into_the_page_and_nothing_moves() {
    let failing = [Deed::Enable, Deed::Ingest(3), Deed::DenyWrites, Deed::FailToDeliver];
    let stage = Stage::set(&failing).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.sign_in_as(OWNER).await;
    for look in [Look::WIDE_LIGHT, Look::TALL] {
        browser.show_as(look).await;
        browser.go(&stage.page()).await;
        browser.see_text("Will be tried again").await;
        browser.ask(WATCH).await;
        let shown = "document.querySelectorAll('#deliveries .attempt').length";
        let before = browser.ask(shown).await.as_u64().unwrap();
        stage.act(Deed::TryAgainInVain).await;
        eventually("the attempt is on the page", async || {
            (browser.ask(shown).await.as_u64()? > before).then_some(())
        })
        .await;
        let moved = browser.ask("window.moved").await;
        assert_eq!(moved.as_array().map(Vec::len), Some(0), "{look}: {moved}");
    }
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_never_replaced_and_the_page_says_that_it_is_out_of_date() {
    let stage = Stage::set(&[Deed::Enable]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.sign_in_as(OWNER).await;
    browser.go(&stage.page()).await;
    browser.fill("Amazon S3 bucket", "typed-and-kept").await;
    stage.act(Deed::SaveElsewhere("security")).await;
    browser.see_text("Something changed since this page was made. What you typed is kept.").await;
    browser
        .see_announced(
            "Something changed since this page was made. What you typed is kept. Refresh without it",
        )
        .await;
    assert_eq!(browser.value_of("Amazon S3 bucket").await, "typed-and-kept");

    // The answer to a press holds what was typed, although nobody types into it.
    browser.click_button("Update settings").await;
    browser.see_text("Someone else changed these settings").await;
    stage.act(Deed::Disable).await;
    browser.see_text("Something changed since this page was made.").await;
    assert_eq!(browser.value_of("Amazon S3 bucket").await, "typed-and-kept");
    browser.click_link("Refresh without it").await;
    browser.see_switch(SWITCH, false).await;
    assert_ne!(browser.value_of("Amazon S3 bucket").await, "typed-and-kept");
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_its_reader_may_not_see_any_more_says_so() {
    let stage = Stage::set(&[Deed::Enable, Deed::MakeTheManager(Role::Owner)]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.sign_in_as(MANAGER).await;
    browser.go(&stage.page()).await;
    browser.see_switch(SWITCH, true).await;
    stage.act(Deed::MakeTheManager(Role::Manager)).await;
    browser.see_text("This page is out of date. Refresh").await;
    browser.see_announced("This page is out of date. Refresh").await;
    browser.click_link("Refresh").await;
    browser.see_text("Only organization owners can manage audit logs").await;
    browser.leave().await;
    stage.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preview_follows_what_is_typed() {
    let stage = Stage::set(&[]).await;
    let browser = stage.product.browser(JavaScript::On).await;
    browser.show_as(Look::TALL).await;
    browser.sign_in_as(OWNER).await;
    browser.go(&stage.page()).await;
    browser.click_button("Advanced").await;
    browser.click_button("A sample record").await;
    browser.see_text("\"organization_name\": \"Acme\"").await;
    browser.fill("Prefix", "team/logs").await;
    browser.see_text("team/logs/").await;
    browser.choose("Compression", "gzip").await;
    browser.see_text(".json.gz").await;
    browser.see_text("\"organization_name\": \"Acme\"").await;

    browser.ask(WATCH).await;
    browser.fill("Prefix", "/wrong").await;
    browser.see_text("Nothing can be shown yet. Correct this first: Prefix.").await;
    browser.see_text("team/logs/").await;
    let moved = browser.ask("window.moved").await;
    assert_eq!(moved.as_array().map(Vec::len), Some(0), "under whoever types: {moved}");
    browser.fill("Prefix", "right").await;
    browser.see_text("would have this object key: right/").await;
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
    let printed = browser.printed_text().await;
    let key = stage.last_key().await;
    for stands in [
        "Auditlogsareactive",
        ROLE_ARN,
        BUCKET,
        &key,
        "60minutes",
        "Bucketdefault",
        "Accesslastchecked",
        "sts:ExternalId",
        "Deliveryhistory",
    ] {
        assert!(printed.contains(stands), "{stands} is not on paper: {printed}");
    }
    assert!(!printed.contains("Updatesettings"), "{printed}");
    browser.leave().await;
    stage.product.stop().await;
}
