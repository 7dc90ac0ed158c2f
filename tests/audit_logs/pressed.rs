//! Each button of the page, and the record that it leaves: when it does what it says, when the page was out of date,
//! and when things stand otherwise.

use std::time::Duration;

use serde_json::Value;
use trailpost::domain::integration::Revision;

use super::{Desk, OWNER, TARGET, told};
use crate::support::product::Product;
use crate::support::{BUCKET, eventually};

impl Desk<'_> {
    /// What was recorded since, which is exactly this.
    async fn see(&self, what: &str, before: usize, expected: &[&str]) -> Value {
        eventually(&format!("{what}: {expected:?}"), async || {
            (self.records().await.len() >= before + expected.len()).then_some(())
        })
        .await;
        let all = self.records().await;
        let since: Vec<String> = all[before..].iter().map(told).collect();
        assert_eq!(since, expected, "{what}");
        all.last().unwrap()["event"].clone()
    }

    /// Presses and waits for what that records; gives the record's event.
    async fn pressed(&self, action: &str, fields: &[(&str, &str)], expected: (u16, &[&str])) -> Value {
        let before = self.records().await.len();
        let answer = self.press(action, fields).await;
        assert_eq!(answer.status, expected.0, "{action} {fields:?}: {}", answer.body);
        self.see(action, before, expected.1).await
    }

    /// The same from a page of long ago.
    async fn pressed_late(&self, action: &str, fields: &[(&str, &str)], expected: (u16, &[&str])) -> Value {
        let before = self.records().await.len();
        let answer = self.press_as_of(Revision::new(-1), action, fields).await;
        assert_eq!(answer.status, expected.0, "{action} {fields:?} late: {}", answer.body);
        self.see(action, before, expected.1).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_the_settings_is_recorded_with_the_values_before_and_after() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    for action in ["activate", "check"] {
        let word = if action == "check" { "test" } else { "enable" };
        let refused = format!("{word} audit-log-integration FAILED_PRECONDITION");
        desk.pressed(action, &[], (409, &[&refused])).await;
    }
    let created = desk.pressed("enable", &TARGET, (303, &["create audit-log-integration"])).await;
    assert_eq!(created["parameters"]["after"]["bucket"], BUCKET);
    assert!(created["parameters"].get("before").is_none(), "{created}");

    let late = desk.pressed_late("enable", &TARGET, (409, &["create audit-log-integration ABORTED"])).await;
    assert_eq!(late["outcome"]["reason"], "Someone else changed the settings meanwhile");
    desk.pressed("enable", &TARGET, (409, &["create audit-log-integration FAILED_PRECONDITION"])).await;

    let other = [&TARGET[..], &[("prefix", "team")]].concat();
    let updated = desk.pressed("update", &other, (303, &["update audit-log-integration"])).await;
    let other = [&TARGET[..], &[("prefix", "else")]].concat();
    let late = desk.pressed_late("update", &other, (409, &["update audit-log-integration ABORTED"])).await;
    for (event, before, after) in [(&updated, "", "team"), (&late, "team", "else")] {
        assert_eq!(event["parameters"]["before"]["prefix"], before, "{event}");
        assert_eq!(event["parameters"]["after"]["prefix"], after, "{event}");
    }
    desk.pressed("check", &[], (303, &["test audit-log-integration"])).await;
    desk.pressed_late("check", &[], (409, &["test audit-log-integration ABORTED"])).await;
    desk.pressed_late("activate", &[], (303, &["enable audit-log-integration FAILED_PRECONDITION"])).await;

    let discard = [("pending", "discard")];
    desk.pressed_late("disable", &discard, (409, &["disable audit-log-integration ABORTED"])).await;
    let disabled = desk.pressed("disable", &discard, (303, &["disable audit-log-integration"])).await;
    assert_eq!(disabled["parameters"]["before"]["prefix"], "team");
    desk.pressed("disable", &discard, (303, &["disable audit-log-integration FAILED_PRECONDITION"])).await;
    let first = [("pending", "deliver_first")];
    let refused =
        desk.pressed("remove", &first, (303, &["update audit-log-integration FAILED_PRECONDITION"])).await;
    assert_eq!(refused["parameters"]["deliver_first_then"], "delete");
    let enabled = desk.pressed("activate", &[], (303, &["enable audit-log-integration"])).await;
    assert_eq!(enabled["parameters"]["before"], enabled["parameters"]["after"]);
    desk.pressed_late("remove", &discard, (409, &["delete audit-log-integration ABORTED"])).await;
    let removed = desk.pressed("remove", &discard, (303, &["delete audit-log-integration"])).await;
    assert_eq!(removed["parameters"]["before"]["bucket"], BUCKET);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_deliveries_is_recorded() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    desk.pressed_late("deliver-now", &[], (409, &["update audit-log-integration ABORTED"])).await;
    let now = desk.pressed("deliver-now", &[], (303, &["update audit-log-integration"])).await;
    assert_eq!(now["parameters"]["requested"], "deliver_now");
    eventually("all is delivered", async || {
        let status = product.store().delivery_status(desk.id).await.unwrap();
        (status.pending_records == 0).then_some(())
    })
    .await;
    desk.pressed("deliver-now", &[], (303, &[])).await;
    desk.pressed("try-again", &[], (303, &[])).await;
    assert!(desk.read().await.contains("No delivery waits to be tried again."));
    desk.pressed("stop-waiting", &[], (303, &[])).await;
    assert!(desk.read().await.contains("Nothing is being waited for."));

    desk.deny_writing(&desk.integration().await);
    desk.happens().await;
    desk.press("deliver-now", &[]).await;
    desk.until("the delivery fails", |found| found.failure.is_some()).await;
    desk.pressed_late("try-again", &[], (409, &["update audit-log-integration ABORTED"])).await;
    let again = desk.pressed("try-again", &[], (303, &["update audit-log-integration"])).await;
    assert_eq!(again["parameters"]["requested"], "try_again");

    let first = [("pending", "deliver_first")];
    desk.pressed_late("disable", &first, (409, &["update audit-log-integration ABORTED"])).await;
    let asked = desk.pressed("disable", &first, (303, &["update audit-log-integration"])).await;
    assert_eq!(asked["parameters"]["deliver_first_then"], "disable");
    let refused =
        desk.pressed("deliver-now", &[], (303, &["update audit-log-integration FAILED_PRECONDITION"])).await;
    assert_eq!(refused["parameters"]["requested"], "deliver_now");
    let late = desk.pressed_late("stop-waiting", &[], (303, &["update audit-log-integration ABORTED"])).await;
    assert_eq!(late["parameters"]["requested"], "stop_waiting");
    let stopped = desk.pressed("stop-waiting", &[], (303, &["disable audit-log-integration ABORTED"])).await;
    assert_eq!(stopped["outcome"]["reason"], format!("{OWNER} stopped waiting"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_or_is_cancelled_is_recorded_and_what_only_looks_is_not() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let before = desk.records().await.len();
    for path in ["", "/status", "/deliveries", "/setup/trust-policy.json?bucket=acme-audit-logs"] {
        desk.user.get(&format!("{}{path}", desk.page)).await;
    }
    for action in ["setup", "preview"] {
        assert_eq!(desk.press(action, &TARGET).await.status, 200);
    }
    assert_eq!(desk.press("enable", &[("role_arn", "x"), ("bucket", "y")]).await.status, 422);
    assert_eq!(desk.records().await.len(), before);

    let denied = [("role_arn", "arn:aws:iam::111122223333:role/trailpost-no-trust"), ("bucket", BUCKET)];
    assert_eq!(desk.press("enable", &denied).await.status, 303);
    let check = desk.until("a check", |found| found.check.is_some()).await.check.unwrap().id;
    let cancel = format!("checks/{check}/cancel");
    let cancelled = desk.pressed(&cancel, &[], (303, &["create audit-log-integration ABORTED"])).await;
    assert_eq!(cancelled["outcome"]["reason"], format!("Cancelled by {OWNER}"));
    desk.pressed(&cancel, &[], (303, &[])).await;

    let nowhere = [("role_arn", crate::support::ROLE_ARN), ("bucket", "no-such-bucket")];
    let failed =
        desk.pressed("enable", &nowhere, (303, &["create audit-log-integration FAILED_PRECONDITION"])).await;
    assert_eq!(failed["parameters"]["after"]["bucket"], "no-such-bucket");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_nothing_comes_of_is_told_until_something_changes() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let integration = desk.integration().await;
    desk.deny_writing(&integration);
    let first = [("pending", "deliver_first")];
    assert_eq!(desk.press("remove", &first).await.status, 303);
    desk.until("the delivery fails", |found| found.failure.is_some()).await;
    assert!(desk.read().await.contains("Delivering the last records"));
    // Longer than a lease, which may be held at this moment.
    product.advance(Duration::from_secs(600));
    desk.until("it is given up", |found| found.stop.is_none()).await;
    let page = desk.read().await;
    assert!(page.contains("The last delivery did not come about"), "{page}");
    assert!(page.contains("the integration was not removed, as owner@acme.example had asked"), "{page}");

    desk.allow_writing(&integration);
    assert_eq!(desk.press("try-again", &[]).await.status, 303);
    eventually("it is an old story once something is delivered", async || {
        (!desk.read().await.contains("did not come about")).then_some(())
    })
    .await;
    product.stop().await;
}
