//! What a role or a plan does not allow is on the record of the organization; what is asked by strangers is not.

use std::time::Duration;

use reqwest::Method;

use super::{Desk, OWNER, TARGET, records, told};
use crate::support::eventually;
use crate::support::http_user::send;
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn every_denied_attempt_says_who_tried_what() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id.parse().unwrap();
    let under = |path: &str| format!("/organizations/{acme}/settings/{path}");
    let file = under("audit-logs/setup/terraform.tf");
    for (email, method, path, expected) in [
        ("member@acme.example", Method::GET, under("audit-logs"), "read audit-log-integration"),
        ("member@acme.example", Method::HEAD, under("audit-logs/status"), "read audit-log-integration"),
        ("billing@acme.example", Method::GET, file, "read audit-log-integration"),
        ("manager@acme.example", Method::POST, under("audit-logs/enable"), "create audit-log-integration"),
        ("manager@acme.example", Method::POST, under("audit-logs/remove"), "delete audit-log-integration"),
        ("manager@acme.example", Method::POST, under("audit-logs/check"), "test audit-log-integration"),
        ("manager@acme.example", Method::GET, under("plan"), "read plan"),
        ("billing@acme.example", Method::POST, under("general"), "update organization"),
    ] {
        let user = product.user(email).await;
        let before = records(&product, acme).await.len();
        assert_eq!(send(user.request(method.clone(), &path)).await.status, 403, "{email} {method} {path}");
        let since = records(&product, acme).await.split_off(before);
        let expected = format!("{expected} PERMISSION_DENIED");
        assert_eq!(since.iter().map(told).collect::<Vec<_>>(), [expected], "{email} {method} {path}");
        assert_eq!(since[0]["actor"]["principal_name"], email);
        assert_eq!(since[0]["event"]["outcome"]["reason"], "The role does not allow this");
        assert_eq!(since[0]["event"]["parameters"]["path"], path);
        assert_eq!(since[0]["event"]["parameters"]["method"], method.as_str());
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_too_low_is_on_the_record_and_a_stranger_is_on_none() {
    let product = Product::start().await;
    let desk = Desk::of(&product, "owner@initech.example").await;
    let before = desk.records().await.len();
    assert_eq!(desk.press("enable", &TARGET).await.status, 403);
    let file = format!("{}/setup/terraform.tf?bucket=acme-audit-logs", desk.page);
    assert_eq!(desk.user.get(&file).await.status, 403, "refused by the page itself");
    let since = desk.records().await.split_off(before);
    let expected =
        ["create audit-log-integration PERMISSION_DENIED", "read audit-log-integration PERMISSION_DENIED"];
    assert_eq!(since.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(since[0]["event"]["outcome"]["reason"], "The plan does not include audit logs");

    let acme = product.account(OWNER).organization_id.parse().unwrap();
    let (here, there) = (desk.records().await.len(), records(&product, acme).await.len());
    for path in ["", "/status", "/setup/terraform.tf"] {
        let answer = desk.user.get(&format!("/organizations/{acme}/settings/audit-logs{path}")).await;
        assert_eq!(answer.status, 404);
        assert!(!answer.body.contains("Acme"), "{}", answer.body);
    }
    assert_eq!((desk.records().await.len(), records(&product, acme).await.len()), (here, there));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_twenty_in_a_minute_are_counted() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id.parse().unwrap();
    let member = product.user("member@acme.example").await;
    let before = records(&product, acme).await.len();
    for _ in 0..23 {
        assert_eq!(member.get(&format!("/organizations/{acme}/settings/audit-logs")).await.status, 403);
    }
    assert_eq!(records(&product, acme).await.len(), before + 20);
    product.advance(Duration::from_secs(60));
    let last = eventually("the rest is counted", async || {
        let all = records(&product, acme).await;
        (all.len() > before + 20).then(|| all.last().unwrap().clone())
    })
    .await;
    assert_eq!(last["event"]["parameters"]["more_attempts"]["count"], 3);
    assert_eq!(last["actor"]["principal_name"], "member@acme.example");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_on_the_record_of_the_account_and_nobody_on_none() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id.parse().unwrap();
    let initech = product.account("owner@initech.example").organization_id.parse().unwrap();
    let mut expected = Vec::new();
    let too_long = "x".repeat(2000);
    for (email, password) in [
        ("nobody@acme.example", "wrong"),
        ("member@acme.example", "wrong"),
        ("not an address", "wrong"),
        ("owner@initech.example", "wrong"),
        ("manager@acme.example", too_long.as_str()),
    ] {
        let fields = [("email", email), ("password", password), ("return_to", "")];
        let answer = product.anonymous().post_form("/sign-in", "/sign-in", &fields).await;
        assert_eq!(answer.status, 422, "{email}");
        assert!(answer.body.contains("don’t belong together"));
        if email.starts_with('m') {
            expected.push(format!("login user UNAUTHENTICATED by {email}"));
        }
    }
    let failed = async |id| {
        let all = records(&product, id).await;
        let failed = all.iter().filter(|record| record["event"]["outcome"]["result"] == "failure");
        failed
            .map(|one| format!("{} by {}", told(one), one["actor"]["principal_name"].as_str().unwrap()))
            .collect()
    };
    let found: Vec<String> = eventually("they are recorded", async || {
        let found: Vec<String> = failed(acme).await;
        (found.len() >= 2).then_some(found)
    })
    .await;
    assert_eq!(found, expected);
    assert_eq!(failed(initech).await, ["login user UNAUTHENTICATED by owner@initech.example"]);
    product.stop().await;
}
