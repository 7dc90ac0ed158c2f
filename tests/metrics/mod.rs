//! What a monitoring system is told: that it moves with what happens, that a linter takes it, and that the README, the
//! alert rules and the dashboard name what there is.

mod exposition;
mod files;
mod reach;

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use trailpost::sandbox::{Fault, FaultKind, FaultTarget};

use crate::support::bucket::delivered_records;
use crate::support::http_user::{Answer, enable, send};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually, submission, with_id};
use exposition::{Exposed, lint};

const TOKEN: &str = "the-token-of-the-monitoring";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3";
/// Longer than the longest wait for another try, and than what was read stays fresh.
const AGAIN: Duration = Duration::from_secs(3600);
const ID: &str = "0199f3c2-7d1a-7000-8000-000000000001";

async fn answered(product: &Product, accept: &str) -> Answer {
    let request = product.anonymous().request(Method::GET, "/metrics").bearer_auth(TOKEN);
    let answer = send(request.header(ACCEPT, accept)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

async fn scrape(product: &Product) -> Exposed {
    Exposed::read(&answered(product, "*/*").await.body)
}

/// One of each: an organization that is set up, a delivery that fails and is mended, producers that are right and wrong,
/// pages that are there and not. Gives what is exposed then.
async fn after_all_of_it(product: &Product) -> Exposed {
    let acme = product.account("owner@acme.example").organization_id;
    let owner = product.user("owner@acme.example").await;
    enable(&owner, &acme).await;
    product.advance(AGAIN);
    delivered_records(&product.customer(), &acme, 1).await;
    let (fault, target) = (FaultKind::Denied, FaultTarget::S3);
    product.sandbox().switch_on(Fault::new(fault, target.clone()));
    assert_eq!(product.ingest(&submission(&acme, "docs")).await.status, 202);
    assert_eq!(product.ingest(&json!({})).await.status, 422);
    assert_eq!(owner.get("/organizations/nowhere").await.status, 404);
    eventually("a try fails", async || {
        product.advance(AGAIN);
        let failed = [("outcome", "failed")];
        (scrape(product).await.value("trailpost_delivery_attempts_total", &failed) > 0.0).then_some(())
    })
    .await;
    product.sandbox().switch_all_off();
    scrape(product).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exposed_is_taken_by_a_linter_and_named_in_readme_rules_and_dashboard() {
    let product = Product::start_watched(TOKEN).await;
    let exposed = after_all_of_it(&product).await;
    let wrong = lint(&exposed);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    for sample in exposed.0.iter().flat_map(|family| &family.samples) {
        for (label, value) in &sample.labels {
            assert!(is_of_a_closed_list(label, value), "{label}={value} of {}", sample.name);
        }
    }
    files::are_of_what_is_exposed(&exposed);
    product.stop().await;
}

/// No organization, person, bucket or ARN.
fn is_of_a_closed_list(label: &str, value: &str) -> bool {
    let names_somebody = [BUCKET, ROLE_ARN, "arn:", "@", "acme"].iter().any(|part| value.contains(part));
    let has_an_id =
        value.split(['/', '-']).any(|part| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()));
    match label {
        "route" => value == "none" || (value.starts_with('/') && !has_an_id && !names_somebody),
        "status" => value.len() == 3 && value.parse::<u16>().is_ok(),
        _ => !value.is_empty() && value.len() <= 40 && !names_somebody && !has_an_id,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_are_what_they_say() {
    let product = Product::start_watched(TOKEN).await;
    // A request counts once it is answered.
    scrape(&product).await;
    let plain = answered(&product, "text/plain").await;
    assert_eq!(plain.headers[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(plain.headers["cache-control"], "no-store");
    assert!(!plain.body.contains("# EOF") && !plain.body.contains("# UNIT"), "{}", plain.body);
    let open = answered(&product, OPEN_METRICS).await;
    assert_eq!(open.headers[CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.body.ends_with("\n# EOF\n"));
    let (plain, open) = (Exposed::read(&plain.body), Exposed::read(&open.body));
    for family in &open.0 {
        if let Some(unit) = &family.unit {
            assert!(family.name.ends_with(&format!("_{unit}")), "{}: {unit}", family.name);
        }
        let samples = family.samples.iter().map(|sample| &sample.name);
        let total = format!("{}_total", family.name);
        assert!(family.kind != "counter" || samples.clone().all(|name| *name == total), "{}", family.name);
        for name in samples {
            assert!(plain.labels().contains_key(name.as_str()), "{name} is in one format alone");
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_move_with_what_happens() {
    let product = Product::start_watched(TOKEN).await;
    let acme = product.account("owner@acme.example").organization_id;
    let before = scrape(&product).await;
    let build = [("version", env!("CARGO_PKG_VERSION")), ("role", "all"), ("engine", "sqlite")];
    assert_eq!(before.value("trailpost_build_info", &build), 1.0);
    assert_eq!(before.value("trailpost_own_identity_ok", &[]), 1.0);
    assert_eq!(before.value("trailpost_pending_records", &[]), 0.0);
    assert_eq!(before.value("trailpost_integrations", &[("health", "ok")]), 0.0);

    enable(&product.user("owner@acme.example").await, &acme).await;
    let one = with_id(submission(&acme, "docs"), ID);
    let batch = json!([one, with_id(submission(&acme, "more"), &ID.replace("0001", "0002"))]);
    assert_eq!(product.ingest(&one).await.status, 202);
    assert_eq!(product.ingest(&batch).await.status, 202);
    assert_eq!(product.ingest(&with_id(submission(&acme, "other"), ID)).await.status, 409);
    let wrong = json!([one, { "organization_id": acme, "unknown": true }]);
    assert_eq!(product.ingest(&wrong).await.status, 422);
    let told = scrape(&product).await;
    for (outcome, requests) in [("accepted", 2.0), ("conflict", 1.0), ("invalid", 1.0), ("failed", 0.0)] {
        assert_eq!(
            told.value("trailpost_ingest_requests_total", &[("outcome", outcome)]),
            requests,
            "{outcome}"
        );
    }
    for (outcome, records) in [("stored", 2.0), ("duplicate", 1.0)] {
        assert_eq!(
            told.value("trailpost_ingest_records_total", &[("outcome", outcome)]),
            records,
            "{outcome}"
        );
    }
    assert_eq!(told.value("trailpost_ingest_request_duration_seconds_count", &[]), 4.0);
    let appends = [("operation", "append")];
    // Records that are refused unread reach no store.
    assert_eq!(told.value("trailpost_store_operation_duration_seconds_count", &appends), 3.0);
    let refused = [("route", "/v1/events"), ("method", "POST"), ("status", "422")];
    assert_eq!(told.value("trailpost_http_requests_total", &refused), 1.0);
    assert_eq!(told.value("trailpost_access_checks_total", &[("outcome", "passed")]), 1.0);
    let assumed = [("operation", "assume_role"), ("outcome", "ok")];
    assert!(told.value("trailpost_aws_request_duration_seconds_count", &assumed) > 0.0);
    let skew = told.value("trailpost_clock_skew_seconds", &[("peer", "aws")]);
    assert!(skew != 0.0 && skew.abs() < 60.0, "the sandbox is on this machine: {skew}");

    product.sandbox().switch_on(Fault::new(FaultKind::Denied, FaultTarget::S3));
    let failing = [("cause", "role_does_not_allow"), ("turn", "owner")];
    let broken = eventually("a failing delivery is told", async || {
        product.advance(AGAIN);
        let told = scrape(&product).await;
        (told.value("trailpost_failing_integrations", &failing) == 1.0).then_some(told)
    })
    .await;
    assert!(broken.value("trailpost_delivery_failures_total", &failing) >= 1.0);
    assert!(broken.value("trailpost_delivery_attempts_total", &[("outcome", "failed")]) >= 1.0);
    assert_eq!(broken.value("trailpost_integrations", &[("health", "action_needed")]), 1.0);
    assert!(broken.value("trailpost_undelivered_batches", &[("health", "action_needed")]) >= 1.0);
    assert!(broken.value("trailpost_oldest_pending_age_seconds", &[("health", "action_needed")]) > 0.0);
    // The record of enabling, and the producer's two.
    assert_eq!(broken.value("trailpost_pending_records", &[]), 3.0);
    assert!(broken.value("trailpost_pending_bytes", &[]) > 300.0);
    assert_eq!(broken.value("trailpost_delivered_records_total", &[]), 0.0);
    let refused = [("operation", "put_object"), ("outcome", "refused")];
    assert!(broken.value("trailpost_aws_request_duration_seconds_count", &refused) > 0.0);

    product.sandbox().switch_all_off();
    let mended = eventually("the mended delivery is told", async || {
        product.advance(AGAIN);
        let told = scrape(&product).await;
        (told.value("trailpost_pending_records", &[]) == 0.0).then_some(told)
    })
    .await;
    assert_eq!(mended.value("trailpost_failing_integrations", &failing), 0.0);
    assert_eq!(mended.value("trailpost_integrations", &[("health", "ok")]), 1.0);
    assert_eq!(mended.value("trailpost_delivered_records_total", &[]), 3.0);
    let bytes = mended.value("trailpost_delivered_bytes_total", &[]);
    assert_eq!(bytes, broken.value("trailpost_pending_bytes", &[]));
    let written = mended.value("trailpost_delivery_attempts_total", &[("outcome", "written")]);
    assert_eq!(written, mended.value("trailpost_seal_to_delivered_seconds_count", &[]));
    assert_eq!(written, mended.value("trailpost_sealed_batches_total", &[]));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_is_at_risk_before_and_counted_after() {
    let product = Product::start_watched(TOKEN).await;
    let acme = product.account("owner@acme.example").organization_id;
    enable(&product.user("owner@acme.example").await, &acme).await;
    product.sandbox().switch_on(Fault::new(FaultKind::Denied, FaultTarget::S3));
    let at_risk = |told: &Exposed, within| told.value("trailpost_at_risk_records", &[("within", within)]);
    let failed = eventually("it fails", async || {
        product.advance(AGAIN);
        let told = scrape(&product).await;
        (told.value("trailpost_undelivered_batches", &[("health", "action_needed")]) > 0.0).then_some(told)
    })
    .await;
    assert_eq!((at_risk(&failed, "7d"), at_risk(&failed, "1d")), (0.0, 0.0));
    product.advance(Duration::from_secs(25 * 24 * 3600));
    let week = scrape(&product).await;
    assert_eq!((at_risk(&week, "7d"), at_risk(&week, "1d")), (1.0, 0.0));
    product.advance(Duration::from_secs(4 * 24 * 3600 + 12 * 3600));
    let day = scrape(&product).await;
    assert_eq!((at_risk(&day, "7d"), at_risk(&day, "1d")), (1.0, 1.0));
    let expired = eventually("it expires", async || {
        product.advance(AGAIN);
        let told = scrape(&product).await;
        (told.value("trailpost_expired_records_total", &[]) >= 1.0).then_some(told)
    })
    .await;
    assert_eq!(expired.value("trailpost_expired_records_total", &[]), 1.0);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_aws_refuses_is_told_at_once() {
    let product = Product::start_watched(TOKEN).await;
    let acme = product.account("owner@acme.example").organization_id;
    enable(&product.user("owner@acme.example").await, &acme).await;
    let ours = || trailpost::demo::world::users().swap_remove(0);
    let mut without_policy = ours();
    without_policy.secret_access_key = "another key than the one that is used".to_owned();
    product.sandbox().put_user(without_policy).unwrap();
    let unready: Value = eventually("AWS refuses us", async || {
        product.advance(AGAIN);
        let answer = product.anonymous().get("/readyz").await;
        (answer.status == 503).then(|| serde_json::from_str(&answer.body).unwrap())
    })
    .await;
    assert_eq!(unready["reasons"].as_array().unwrap().len(), 1, "{unready}");
    let told = scrape(&product).await;
    assert_eq!(told.value("trailpost_own_identity_ok", &[]), 0.0);
    // Both reasons at once: the store is gone as well.
    product.store().close().await;
    let answer = product.anonymous().get("/readyz").await;
    let both: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, both["reasons"].as_array().unwrap().len()), (503, 2), "{both}");
    assert_eq!(both["reasons"][0], "the store does not answer");
    let told = eventually("what can’t be read is told", async || {
        product.advance(AGAIN);
        let told = scrape(&product).await;
        (told.value("trailpost_installation_read_failures_total", &[]) > 0.0).then_some(told)
    })
    .await;
    assert_eq!(told.value("trailpost_own_identity_ok", &[]), 0.0, "the rest is told all the same");
    product.stop().await;
}
