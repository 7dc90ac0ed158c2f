//! From nothing to records in the customer's bucket and back, by the visible labels alone: an owner sets audit logs
//! up, works, finds the records in the bucket, changes the settings, switches off and on, and removes it all.

use std::time::Duration;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::browser::{Browser, JavaScript};
use crate::support::bucket::{delivered_keys, delivered_records};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const OWNER: &str = "owner@acme.example";
const MISSING_ROLE_ARN: &str = "arn:aws:iam::111122223333:role/no-such-role";
const SWITCH: &str = "Audit logs are active";

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_turns_audit_logs_on_and_finds_the_records_in_the_bucket() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::On).await;
    sign_in(&browser).await;
    assert!(browser.has_scripts_running().await);
    browser.click_link("Audit logs").await;

    a_check_that_fails_shows_its_stages(&product, &browser).await;
    browser.screenshot("check-failed").await;
    submit_settings(&browser, ROLE_ARN).await;
    browser.see_switch(SWITCH, true).await;
    browser.screenshot("audit-logs-active").await;

    rename(&browser, "Acme Rockets").await;
    ingest_twice(&product).await;
    the_bucket_holds_each_record_once(&product).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_changes_switches_and_removes_the_integration() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::On).await;
    sign_in(&browser).await;
    browser.click_link("Audit logs").await;
    submit_settings(&browser, ROLE_ARN).await;
    browser.see_switch(SWITCH, true).await;

    browser.click_button("Advanced").await;
    browser.fill("Prefix", "team-a").await;
    browser.choose("Format", "NDJSON (one record a line)").await;
    browser.click_button("Update settings").await;
    browser.see_text("s3://acme-audit-logs/team-a").await;
    browser.see_switch(SWITCH, true).await;
    browser.click_button("Advanced").await;
    assert_eq!(browser.value_of("Prefix").await, "team-a");
    assert_eq!(browser.value_of("Format").await, "ndjson");
    let keys = product.customer().list(BUCKET).await;
    assert!(keys.contains(&"team-a/audit-log-access-test".to_owned()), "{keys:?}");

    browser.click_button(SWITCH).await;
    browser.see_text("Disable audit logs?").await;
    browser.see_focus_on("Cancel").await;
    browser.screenshot("disable-dialog").await;
    browser.click_button("Cancel").await;
    browser.see_no("Disable audit logs?").await;
    browser.see_focus_on(SWITCH).await;
    switch_off_and_on(&browser).await;

    browser.click_button("More actions").await;
    browser.click_link("Remove integration").await;
    browser.see_text("Remove integration?").await;
    browser.click_button("Remove integration").await;
    the_form_is_empty_again(&browser).await;
    let left = product.customer().list(BUCKET).await;
    assert!(keys.iter().all(|key| left.contains(key)), "files in the bucket stay: {left:?}");
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_without_javascript() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::Off).await;
    sign_in(&browser).await;
    assert!(!browser.has_scripts_running().await);
    browser.click_link("Audit logs").await;

    a_check_that_fails_shows_its_stages(&product, &browser).await;
    submit_settings(&browser, ROLE_ARN).await;
    see_after_refreshing(&browser, "Records are collected").await;
    browser.see_switch(SWITCH, true).await;
    rename(&browser, "Acme Rockets").await;
    ingest_twice(&product).await;
    the_bucket_holds_each_record_once(&product).await;

    browser.click_link("Audit logs").await;
    browser.click_button("Advanced").await;
    browser.fill("Prefix", "team-a").await;
    browser.click_button("Update settings").await;
    see_after_refreshing(&browser, "s3://acme-audit-logs/team-a").await;
    browser.see_switch(SWITCH, true).await;

    browser.click_button(SWITCH).await;
    browser.see_text("Disable audit logs?").await;
    browser.click_button("Cancel").await;
    browser.see_switch(SWITCH, true).await;
    browser.click_button(SWITCH).await;
    browser.click_button("Confirm").await;
    browser.see_switch(SWITCH, false).await;
    browser.see_text("Inactive").await;
    browser.click_button(SWITCH).await;
    see_after_refreshing(&browser, "Records are collected").await;
    browser.see_switch(SWITCH, true).await;

    browser.click_button("More actions").await;
    browser.click_link("Remove integration").await;
    browser.see_text("Remove integration?").await;
    browser.click_button("Remove integration").await;
    the_form_is_empty_again(&browser).await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

async fn sign_in(browser: &Browser) {
    browser.go("/").await;
    browser.be_at("/sign-in").await;
    browser.click_button_about(OWNER).await;
    browser.see_button("Sign out").await;
}

async fn submit_settings(browser: &Browser, role_arn: &str) {
    browser.fill("Role ARN", role_arn).await;
    browser.fill("Amazon S3 bucket", BUCKET).await;
    browser.click_button("Enable audit logging").await;
}

/// A role that is not there: the check says how far it came, what AWS said and whose turn it is.
async fn a_check_that_fails_shows_its_stages(product: &Product, browser: &Browser) {
    submit_settings(browser, MISSING_ROLE_ARN).await;
    see_after_refreshing(browser, "still trying for 60 s, new roles can be slow").await;
    browser.see_text("It requires exactly the external ID trailpost-").await;
    browser.see_button("Cancel").await;
    product.advance(Duration::from_secs(60));
    for (stage, state) in [
        ("Role ARN Role no-such-role in account 111122223333", "Passed"),
        ("Assume role AWS did not let us assume the role", "Failed"),
        ("External ID is required", "Not checked"),
        ("Bucket", "Not checked"),
        ("Write", "Not checked"),
    ] {
        see_after_refreshing(browser, &format!("{stage} {state}")).await;
    }
    browser.see_text("AWS said User: arn:aws:iam::999988887777:user/trailpost is not authorized").await;
    browser.see_text("Your turn").await;
    assert_eq!(browser.value_of("Role ARN").await, MISSING_ROLE_ARN, "nothing has to be typed again");
    assert_eq!(browser.value_of("Amazon S3 bucket").await, BUCKET);
}

async fn switch_off_and_on(browser: &Browser) {
    browser.click_button(SWITCH).await;
    browser.click_button("Confirm").await;
    browser.see_switch(SWITCH, false).await;
    browser.see_text("Inactive").await;
    browser.click_button(SWITCH).await;
    browser.see_switch(SWITCH, true).await;
}

/// Without JavaScript the page stays as it is until somebody asks again; with it, nobody needs to.
async fn see_after_refreshing(browser: &Browser, text: &str) {
    eventually(&format!("the page shows “{text}” after a refresh"), async || {
        if browser.javascript() == JavaScript::Off && browser.has_link("Refresh").await {
            browser.click_link("Refresh").await;
        }
        browser.text().await.contains(text).then_some(())
    })
    .await;
}

async fn the_form_is_empty_again(browser: &Browser) {
    browser.see_button("Enable audit logging").await;
    assert_eq!(browser.value_of("Role ARN").await, "");
    assert_eq!(browser.value_of("Amazon S3 bucket").await, "");
}

async fn rename(browser: &Browser, name: &str) {
    browser.click_link("General").await;
    browser.fill("Organization name", name).await;
    browser.click_button("Save").await;
    browser.see_text("The organization was renamed.").await;
}

/// One record alone, another in an array, and both again: a producer that did not hear the answer.
async fn ingest_twice(product: &Product) {
    let (first, second) = (sent_record(product, 1), sent_record(product, 2));
    accepted(product, &first, 1, 0).await;
    accepted(product, &json!([second]), 1, 0).await;
    accepted(product, &first, 0, 1).await;
    accepted(product, &json!([second]), 0, 1).await;
}

async fn accepted(product: &Product, body: &Value, accepted: usize, duplicates: usize) {
    let answer = product.ingest(body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer, json!({ "accepted": accepted, "duplicates": duplicates }));
}

fn sent_id(number: u8) -> String {
    format!("0199f3c2-0000-7000-8000-00000000000{number}")
}

fn sent_record(product: &Product, number: u8) -> Value {
    json!({
        "id": sent_id(number),
        "organization_id": product.account(OWNER).organization_id,
        "client": { "userAgent": "python-client/7.1" },
        "actor": {
            "principal_id": "u-1",
            "principal_name": OWNER,
            "principal_type": "user",
            "display_name": "Ada",
        },
        "event": {
            "time": "2026-11-23T09:31:53.697Z",
            "action": "create",
            "resource_type": "index",
            "resource_id": format!("docs-example-{number}"),
            "resource_name": format!("docs-example-{number}"),
            "outcome": { "result": "success" },
            "parameters": { "dimension": 1536 },
        }
    })
}

async fn the_bucket_holds_each_record_once(product: &Product) {
    let organization_id = product.account(OWNER).organization_id;
    let customer = product.customer();
    assert!(customer.list(BUCKET).await.contains(&"audit-log-access-test".to_owned()));
    // A window is one minute, and begins and ends with one of the clock.
    product.advance(Duration::from_secs(120));
    let records = delivered_records(&customer, &organization_id, 4).await;

    let events: Vec<_> = records.iter().map(event_of).collect();
    let expected = [
        ("create", "audit-log-integration", json!(organization_id)),
        ("update", "organization", json!("Acme Rockets")),
        ("create", "index", json!("docs-example-1")),
        ("create", "index", json!("docs-example-2")),
    ];
    assert_eq!(events, expected);
    assert_eq!([&records[2]["id"], &records[3]["id"]], [&json!(sent_id(1)), &json!(sent_id(2))]);
    assert_eq!(records[3]["organization_name"], "Acme Rockets", "filled in as it was when the record came");

    let schema = published_schema(product).await;
    for record in &records {
        keeps_the_schema(&schema, record);
    }
    assert!(!delivered_keys(&customer, &organization_id).await.is_empty());
}

fn event_of(record: &Value) -> (&str, &str, Value) {
    let event = &record["event"];
    let word = |name: &str| event[name].as_str().unwrap();
    (word("action"), word("resource_type"), event["resource_id"].clone())
}

async fn published_schema(product: &Product) -> Validator {
    let answer = product.anonymous().get("/schemas/audit-record.v1.json").await;
    assert_eq!(answer.status, 200);
    jsonschema::validator_for(&serde_json::from_str(&answer.body).unwrap()).unwrap()
}

fn keeps_the_schema(schema: &Validator, record: &Value) {
    let errors: Vec<String> = schema.iter_errors(record).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {record}");
    let keys: Vec<_> = record.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "organization_id", "organization_name", "client", "actor", "event"]);
    let keys: Vec<_> = record["event"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["time", "action", "resource_type", "resource_id", "resource_name", "outcome", "parameters"]
    );
}
