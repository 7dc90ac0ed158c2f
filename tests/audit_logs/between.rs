//! Somebody else, another tab, a double click, another plan, or the Back button: what came between is never overwritten.

use trailpost::domain::access_check::CheckState;
use trailpost::domain::caller::Caller;
use trailpost::domain::integration::{Situation, TypedSettings};
use trailpost::domain::organization::Plan;

use super::{Desk, OWNER, TARGET, advanced_is_open, element, revision_of, told};
use crate::support::eventually;
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_the_later_one_sees_the_difference_and_may_then_replace_it() {
    let product = Product::start().await;
    let (desk, other) = (Desk::of_acme(&product).await, Desk::of_acme(&product).await);
    desk.enable().await;
    let seen = revision_of(&other.read().await);

    let first = [&TARGET[..], &[("prefix", "first")]].concat();
    assert_eq!(desk.press("update", &first).await.status, 303);
    desk.until("it is saved", |found| found.revision != seen).await;

    let second = [&TARGET[..], &[("prefix", "second"), ("window_minutes", "5")]].concat();
    let conflict = other.press_as_of(seen, "update", &second).await;
    assert_eq!(conflict.status, 409);
    for shown in [
        "Someone else changed these settings",
        "owner@acme.example saved other values",
        "<code>first</code>",
        "<code>second</code>",
        "<code>5 minutes</code>",
    ] {
        assert!(conflict.body.contains(shown), "{shown}: {}", conflict.body);
    }
    assert!(!conflict.body.contains("<th scope=\"row\">Amazon S3 bucket</th>"), "that is the same");
    assert!(element(&conflict.body, "prefix").contains("value=\"second\""), "what was typed is kept");
    assert!(advanced_is_open(&conflict.body), "what differs can be seen");
    assert_eq!(desk.integration().await.settings.unwrap().prefix.as_str(), "first");
    let saved = TypedSettings::from(&desk.integration().await.settings.unwrap());
    let same_but_the_bucket = [
        ("role_arn", ROLE_ARN),
        ("bucket", "other-bucket"),
        ("prefix", "first"),
        ("encryption", &saved.encryption),
        ("format", &saved.format),
        ("compression", &saved.compression),
        ("window_minutes", &saved.window_minutes),
    ];
    let conflict = other.press_as_of(seen, "update", &same_but_the_bucket).await;
    assert!(conflict.body.contains("<code>other-bucket</code>"), "{}", conflict.body);
    assert_eq!(conflict.body.matches("data-label=\"Yours\"").count(), 1, "{}", conflict.body);
    assert!(!advanced_is_open(&conflict.body), "nothing in it differs");
    let conflict = other.press_as_of(seen, "update", &second).await;

    let shown = revision_of(&conflict.body);
    assert_eq!(other.press_as_of(shown, "update", &second).await.status, 303, "having seen it");
    desk.until("it is replaced", |found| found.settings.as_ref().unwrap().prefix.as_str() == "second").await;

    for (action, fields) in [
        ("disable", &[("pending", "discard")][..]),
        ("remove", &[("pending", "discard")]),
        ("disable", &[("pending", "deliver_first")]),
        ("check", &[]),
        ("deliver-now", &[]),
    ] {
        let late = other.press_as_of(seen, action, fields).await;
        assert_eq!(late.status, 409, "{action} {fields:?}");
        assert!(
            late.body.contains("owner@acme.example changed these settings. Nothing was done."),
            "{action}"
        );
        assert!(!late.body.contains("Values that differ"), "{action}: nothing was typed");
        assert_eq!(desk.integration().await.situation(), Situation::Active, "{action} {fields:?}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_press_of_the_same_page_finds_that_the_first_one_did_it() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let discard = [("pending", "discard")];
    for (action, fields) in [("disable", &discard[..]), ("activate", &[]), ("remove", &discard)] {
        let seen = desk.integration().await.revision;
        assert_eq!(desk.press_as_of(seen, action, fields).await.status, 303, "{action}");
        desk.until(action, |found| found.revision != seen).await;
        assert_eq!(desk.press_as_of(seen, action, fields).await.status, 303, "{action} again");
        assert!(desk.read().await.contains("That was done already. Nothing was changed."), "{action}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_joins_the_check_that_is_under_way() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let slow = [("role_arn", "arn:aws:iam::111122223333:role/trailpost-no-trust"), ("bucket", BUCKET)];
    let (one, two) = tokio::join!(desk.press("enable", &slow), desk.press("enable", &slow));
    assert_eq!((one.status, two.status), (303, 303));
    let check = desk.integration().await.check.unwrap();
    assert!(check.state.is_open());
    assert!(desk.read().await.contains("An access check was under way already: this is the one."));
    assert_eq!(desk.integration().await.check.unwrap().id, check.id);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_checked_is_not_joined_with_other_values() {
    let product = Product::start().await;
    let (desk, other) = (Desk::of_acme(&product).await, Desk::of_acme(&product).await);
    let slow = [("role_arn", "arn:aws:iam::111122223333:role/trailpost-no-trust"), ("bucket", BUCKET)];
    assert_eq!(desk.press("enable", &slow).await.status, 303);
    let check = desk.integration().await.check.unwrap().id;
    let typed = [&TARGET[..], &[("prefix", "team")]].concat();
    let answer = other.press("enable", &typed).await;
    assert_eq!(answer.status, 409);
    for shown in [
        "Another access check is under way",
        "owner@acme.example asked for it",
        "to enable audit logging",
        "Being checked",
        "role/trailpost-no-trust</code>",
        "<code>team</code>",
    ] {
        assert!(answer.body.contains(shown), "{shown}: {}", answer.body);
    }
    assert!(!answer.body.contains("Someone else changed"), "{}", answer.body);
    assert!(element(&answer.body, "prefix").contains("value=\"team\""), "what was typed is kept");
    assert!(answer.body.contains("data-typed"), "and no fresh page takes its place");
    assert_eq!(desk.integration().await.check.unwrap().id, check, "which goes on");
    let record = desk.records().await.pop().unwrap();
    assert_eq!(told(&record), "create audit-log-integration ABORTED");
    assert_eq!(record["event"]["outcome"]["reason"], "Another access check was under way");
    assert_eq!(record["event"]["parameters"]["after"]["prefix"], "team");
    // What can't be used comes back with what was typed, also now.
    let wrong = other.press("enable", &[("role_arn", "x"), ("bucket", "kept-bucket")]).await;
    assert_eq!(wrong.status, 422);
    assert!(element(&wrong.body, "bucket").contains("value=\"kept-bucket\""), "{}", wrong.body);

    assert_eq!(desk.press(&format!("checks/{check}/cancel"), &[]).await.status, 303);
    assert_eq!(other.press("enable", &typed).await.status, 303, "its turn has come");
    desk.until("it passes", |found| found.active).await;
    let slow = [&slow[..1], &[("bucket", BUCKET)]].concat();
    assert_eq!(desk.press("update", &slow).await.status, 303);
    let late = other.press("check", &[]).await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("to update the settings") && !late.body.contains("Yours"), "{}", late.body);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changes_during_a_check_ends_it_at_once_and_the_page_says_who() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let slow = [("role_arn", "arn:aws:iam::111122223333:role/trailpost-no-trust"), ("bucket", BUCKET)];
    assert_eq!(desk.press("update", &slow).await.status, 303);
    let open = desk.integration().await.check.unwrap();
    let live = format!("{}/checks/{}", desk.page, open.id);
    let poll = async || {
        let request = desk.user.request(reqwest::Method::GET, &live).header("x-trailpost-live", "1");
        crate::support::http_user::send(request).await
    };
    assert!(!poll().await.headers.contains_key("x-trailpost-reload"));
    assert_eq!(desk.press("disable", &[("pending", "discard")]).await.status, 303);
    assert_eq!(desk.integration().await.check.unwrap().state, CheckState::Superseded);
    assert!(poll().await.headers.contains_key("x-trailpost-reload"));
    let page = desk.read().await;
    let because = "owner@acme.example disabled audit logs during the access check";
    for shown in
        ["Superseded", because, "What is in this form is not in force", "Their access check was superseded"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let last: Vec<_> = desk.records().await.iter().rev().take(2).map(told).collect();
    assert_eq!(last, ["update audit-log-integration ABORTED", "disable audit-log-integration"]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_signing_out_the_back_button_shows_nothing() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    for path in ["", "/status", "/deliveries", "/disable"] {
        let answer = desk.user.get(&format!("{}{path}", desk.page)).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
    }
    let token = desk.user.csrf_token(&desk.page).await;
    assert_eq!(desk.user.post_form(&desk.page, "/sign-out", &[]).await.status, 303);
    let back = desk.user.get(&desk.page).await;
    let sign_in = format!("/sign-in?return_to={}", desk.page.replace('/', "%2F"));
    assert_eq!((back.status, back.location()), (303, Some(sign_in.as_str())));
    // The form on the page that is still seen.
    let fields = [&TARGET[..], &[("revision", "0"), ("csrf_token", token.as_str())]].concat();
    let late = desk.user.post(&format!("{}/enable", desk.page), &fields).await;
    assert_eq!(late.status, 303);
    assert!(late.location().unwrap().starts_with("/sign-in"), "{:?}", late.location());
    assert!(desk.integration().await.check.is_none());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_falls_during_a_check_supersedes_it() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let role = desk.role(&desk.integration().await);
    assert!(product.sandbox().remove_role(ROLE_ARN));
    assert_eq!(desk.press("enable", &TARGET).await.status, 303);
    desk.until("it is tried", |found| {
        found.check.as_ref().is_some_and(|check| check.checklist.trying().is_some())
    })
    .await;
    let set_plan =
        async |plan| product.store().set_plan(Caller::trailpost(), desk.id, plan).await.unwrap().unwrap();
    set_plan(Plan::Standard).await;
    product.sandbox().put_role(role).unwrap();
    let ended =
        desk.until("it ends", |found| found.check.as_ref().is_some_and(|check| !check.state.is_open())).await;
    assert_eq!(ended.check.unwrap().state, CheckState::Superseded);
    assert!(ended.settings.is_none() && !ended.active, "nothing changed");
    let last = desk.records().await.pop().unwrap();
    assert_eq!(told(&last), "create audit-log-integration ABORTED");
    assert_eq!(last["event"]["outcome"]["reason"], "The plan changed during the access check");
    set_plan(Plan::Enterprise).await;
    let page = desk.read().await;
    assert!(page.contains("Superseded") && page.contains("Enable audit logging"), "{page}");
    assert!(
        element(&page, "bucket").contains(&format!("value=\"{BUCKET}\"")),
        "nothing has to be typed again"
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_inactive_integration_is_told_of_another_plan() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    assert_eq!(desk.press("disable", &[("pending", "discard")]).await.status, 303);
    let page = desk.read().await;
    let status = page.split("data-live-url=\"").map(|rest| rest.split('"').next().unwrap());
    let status = status.map(|url| url.replace("&#38;", "&").replace("&amp;", "&"));
    let status = status.into_iter().find(|url| url.contains("/status?")).unwrap();
    let is_outdated = async || desk.user.get(&status).await.headers.contains_key("x-trailpost-reload");
    assert!(!is_outdated().await);
    product.store().set_plan(Caller::trailpost(), desk.id, Plan::Starter).await.unwrap().unwrap();
    assert!(is_outdated().await);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_is_suspended_with_the_plan_and_resumes_with_it() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let set_plan =
        async |plan| product.store().set_plan(Caller::trailpost(), desk.id, plan).await.unwrap().unwrap();
    let seen = desk.integration().await.revision;
    set_plan(Plan::Starter).await;
    let page = desk.read().await;
    for shown in ["Audit logs are suspended", "Suspended", "Your settings are kept", BUCKET] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("Update settings") && !page.contains("role=\"switch\""));
    for (action, fields) in [
        ("update", &TARGET[..]),
        ("disable", &[("pending", "discard")]),
        ("check", &[]),
        ("deliver-now", &[]),
    ] {
        let before = desk.records().await.len();
        assert_eq!(desk.press(action, fields).await.status, 403, "{action}");
        let since = desk.records().await.split_off(before);
        assert_eq!(since.len(), 1, "{action}");
        assert!(told(&since[0]).ends_with("audit-log-integration PERMISSION_DENIED"), "{action}: {since:?}");
    }
    set_plan(Plan::Enterprise).await;
    let page = desk.read().await;
    assert!(page.contains("aria-checked=\"true\"") && page.contains("Update settings"), "{page}");
    assert_eq!(desk.press_as_of(seen, "check", &[]).await.status, 409, "a page from before is out of date");
    eventually("what was collected is delivered", async || {
        assert!([303, 409].contains(&desk.press("deliver-now", &[]).await.status));
        let status = product.store().delivery_status(desk.id).await.unwrap();
        (status.last_delivery.is_some()).then_some(())
    })
    .await;
    assert_eq!(desk.user.get(&desk.page).await.status, 200, "{OWNER}");
    product.stop().await;
}
