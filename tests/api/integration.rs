//! `audit-log-integration` and `checks`, as a program sets audit logs up, changes them and turns them off.

use reqwest::Method;
use serde_json::{Value, json};
use trailpost::demo::world;
use trailpost::domain::access_check::CheckState;
use trailpost::domain::id::OrganizationId;
use trailpost::domain::membership::Role;
use trailpost::sandbox::IamRole;

use crate::support::http_user::{Answer, send};
use crate::support::product::Product;
use crate::support::program::{AGENT, Document, Program, Reply, service_account};
use crate::support::{BUCKET, ROLE_ARN, eventually, submission};

const LATE: &str = "arn:aws:iam::111122223333:role/late";

/// The role that works for Acme.
async fn role_of(product: &Product, program: &Program) -> IamRole {
    let organization = program.organization.parse().unwrap();
    let integration = product.store().integration(organization).await.unwrap().unwrap();
    world::roles(&integration.organization.external_id).swap_remove(0)
}

/// The settings that work in the demo.
pub fn settings() -> Value {
    json!({ "role_arn": ROLE_ARN, "bucket": BUCKET })
}

/// Waits until the check that an answer names has ended.
pub async fn ended(program: &Program, accepted: &Reply) -> Value {
    assert_eq!(accepted.status, 202, "{}", accepted.json);
    let location = accepted.header("location").unwrap();
    let rest = location.strip_prefix(&format!("/v1/organizations/{}/", program.organization)).unwrap();
    eventually("the access check ends", async || {
        let check = program.get(rest).await;
        let is_open = ["waiting", "running"].contains(&check.json["state"].as_str().unwrap());
        (!is_open).then_some(check.json)
    })
    .await
}

/// Turns audit logs on.
pub async fn enable(program: &Program) {
    let check = ended(program, &program.write(Method::PUT, &settings()).await).await;
    assert_eq!(check["state"], "passed", "{check:#}");
}

/// A service account of Acme's owner role, in a running product.
pub async fn owner() -> (Product, Program) {
    let product = Product::start().await;
    let document = Document::of(&product).await;
    let program = service_account(&product, &document, Role::Owner).await;
    (product, program)
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_logs_are_set_up_by_put_and_the_records_say_who() {
    let (product, program) = owner().await;
    let before = program.get("audit-log-integration").await;
    assert_eq!((&before.json["role_arn"], &before.json["active"]), (&Value::Null, &json!(false)));
    assert_eq!(before.header("etag").unwrap(), format!("\"{}\"", before.json["revision"]));

    let accepted = program.write(Method::PUT, &settings()).await;
    assert_eq!(accepted.json["purpose"], "enable");
    let check = ended(&program, &accepted).await;
    assert_eq!(check["state"], "passed");
    assert!(check["stages"].as_array().unwrap().iter().all(|stage| stage["state"] == "passed"));

    let after = program.get("audit-log-integration").await;
    let expected = json!({
        "role_arn": ROLE_ARN, "bucket": BUCKET, "prefix": "", "bucket_owner_account": null,
        "encryption": "bucket_default", "kms_key_arn": null, "format": "json", "compression": "none",
        "window_minutes": after.json["window_minutes"], "active": true, "suspended": false, "health": "ok",
        "check_id": check["id"], "external_id": before.json["external_id"],
        "revision": before.json["revision"].as_i64().unwrap() + 1,
    });
    assert_eq!(after.json, expected);
    assert_ne!(after.header("etag"), before.header("etag"));

    let record = program.newest().await;
    assert_eq!(record["event"]["action"], "create");
    assert_eq!(record["event"]["resource_type"], "audit-log-integration");
    assert_eq!(record["event"]["parameters"]["after"]["bucket"], BUCKET);
    assert_eq!(record["event"]["parameters"]["source_ip"], "127.0.0.1");
    assert_eq!(record["actor"]["principal_type"], "service_account");
    assert!(record["actor"]["principal_name"].as_str().unwrap().starts_with("owner program"));
    assert_eq!(record["client"], json!({ "userAgent": AGENT }));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_names_the_revision_that_it_saw() {
    let (product, program) = owner().await;
    let etag = program.etag().await;
    let writes = [(Method::PUT, settings()), (Method::PATCH, settings()), (Method::DELETE, json!(null))];
    for (method, body) in &writes {
        let (rest, body) = match *method {
            Method::DELETE => ("audit-log-integration?pending=discard", None),
            _ => ("audit-log-integration", Some(body)),
        };
        let unseen = program.ask(method.clone(), rest, &[], body).await;
        assert_eq!(unseen.status, 428, "{method}");
        for stale in ["\"99\"", "W/\"0\"", "0", ""] {
            let stale = program.ask(method.clone(), rest, &[("if-match", stale)], body).await;
            assert_eq!(stale.status, 412, "{method}");
        }
    }
    assert_eq!(program.etag().await, etag, "nothing was changed");
    enable(&program).await;
    let late =
        program.ask(Method::PATCH, "audit-log-integration", &[("if-match", &etag)], Some(&settings())).await;
    assert_eq!(late.status, 412);
    let any = json!({ "window_minutes": 5 });
    let any = program.ask(Method::PATCH, "audit-log-integration", &[("if-match", "*")], Some(&any)).await;
    assert_eq!(ended(&program, &any).await["state"], "passed");
    assert_eq!(program.get("audit-log-integration").await.json["window_minutes"], 5);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_put_again_joins_the_check_and_another_waits_its_turn() {
    let (product, program) = owner().await;
    // Denied at first and tried again for a minute: it stays open.
    let mut denied = settings();
    denied["role_arn"] = json!("arn:aws:iam::111122223333:role/not-there");
    let first = program.write(Method::PUT, &denied).await;
    let second = program.write(Method::PUT, &denied).await;
    assert_eq!((first.status, second.status), (202, 202));
    assert_eq!(first.header("location"), second.header("location"));
    let other = program.write(Method::PUT, &settings()).await;
    assert_eq!(other.status, 409, "{}", other.json);
    assert!(other.json["detail"].as_str().unwrap().contains(first.json["id"].as_str().unwrap()));
    let record = program.newest().await;
    assert_eq!(record["event"]["outcome"]["error_code"], "ABORTED");
    assert_eq!(record["event"]["outcome"]["reason"], "Another access check was under way");
    assert_eq!(record["event"]["parameters"]["after"]["role_arn"], ROLE_ARN);
    assert_eq!(program.post("checks", &json!({})).await.status, 409, "it is not of the settings in force");

    let check = format!("checks/{}", first.json["id"].as_str().unwrap());
    let trying = eventually("the denial is told while it is tried again", async || {
        let stages = program.get(&check).await.json["stages"].clone();
        stages
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage["trying"].clone())
            .find(|trying| !trying.is_null())
    })
    .await;
    assert_eq!((&trying["cause"], &trying["turn"]), (&json!("assume_role_denied"), &json!("owner")));
    assert_eq!(trying["aws"]["code"], "AccessDenied");
    assert!(
        trying["aws"]["request_id"].is_string() && trying["fix"]["block"]["text"].is_string(),
        "{trying:#}"
    );
    let cancelled = program.post(&format!("{check}/cancel"), &json!({})).await;
    assert_eq!((cancelled.status, &cancelled.json["state"]), (200, &json!("cancelled")));
    assert_eq!(program.post(&format!("{check}/cancel"), &json!({})).await.status, 409);
    let checks = program.get("checks").await;
    assert_eq!(checks.json["data"][0]["id"], first.json["id"]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_is_wrong_is_named() {
    let (product, program) = owner().await;
    let cases: [(Method, Value, &[&str]); 12] = [
        (Method::PUT, json!({}), &["role_arn", "bucket"]),
        (
            Method::PUT,
            json!({ "role_arn": "x", "bucket": "B", "format": "xml" }),
            &["role_arn", "bucket", "format"],
        ),
        (Method::PUT, json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "colour": 1 }), &["colour"]),
        (
            Method::PUT,
            json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "window_minutes": "5" }),
            &["window_minutes"],
        ),
        (
            Method::PUT,
            json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "window_minutes": 7 }),
            &["window_minutes"],
        ),
        (
            Method::PUT,
            json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "encryption": "kms" }),
            &["kms_key_arn"],
        ),
        (Method::PUT, json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "revision": 99 }), &["revision"]),
        (Method::PUT, json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "active": false }), &["active"]),
        (Method::PUT, json!({ "role_arn": ROLE_ARN, "bucket": BUCKET, "pending": "discard" }), &["pending"]),
        (Method::PATCH, json!({ "active": "no" }), &["active"]),
        (Method::PATCH, json!({ "pending": "keep" }), &["pending"]),
        (Method::PATCH, json!({ "bucket": "acme/one", "prefix": "two", "role_arn": ROLE_ARN }), &["bucket"]),
    ];
    for (method, body, expected) in cases {
        let answer = program.write(method.clone(), &body).await;
        assert_eq!(answer.named(), expected, "{method} {body}");
    }
    let without_pending =
        program.ask(Method::DELETE, "audit-log-integration", &[("if-match", "*")], None).await;
    assert_eq!(without_pending.named(), ["pending"]);
    let nothing = "audit-log-integration?pending=discard";
    assert_eq!(program.ask(Method::DELETE, nothing, &[("if-match", "*")], None).await.status, 409);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_a_json_object_of_its_own_type() {
    let (product, program) = owner().await;
    let path = format!("/v1/organizations/{}/audit-log-integration", program.organization);
    let send_as = async |method: Method, kind: &str, body: String| -> Answer {
        let request = product.anonymous().request(method, &path);
        let request = request.header("authorization", program.bearer()).header("if-match", "*");
        send(request.header("content-type", kind).body(body)).await
    };
    for (status, method, kind, body) in [
        (415, Method::PUT, "text/plain", settings().to_string()),
        (415, Method::PUT, "application/merge-patch+json", settings().to_string()),
        (413, Method::PUT, "application/json", " ".repeat(70_000)),
        (422, Method::PUT, "application/json", "[]".to_owned()),
        (422, Method::PUT, "application/json", "{".to_owned()),
        (422, Method::PUT, "application/json", r#"{"bucket":"a","bucket":"b"}"#.to_owned()),
        (200, Method::PATCH, "application/merge-patch+json", "{}".to_owned()),
    ] {
        let answer = send_as(method.clone(), kind, body).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.body);
        program.document().check(&method, &path, &answer);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_what_it_names_and_turns_the_switch() {
    let (product, program) = owner().await;
    enable(&program).await;
    let whole = program.get("audit-log-integration").await.json;
    // What was read may be sent back as it was.
    let mut sent = whole.clone();
    sent["prefix"] = json!("team/logs");
    let put = program.write(Method::PUT, &sent).await;
    assert_eq!(ended(&program, &put).await["purpose"], "update");
    let patch = program.write(Method::PATCH, &json!({ "compression": "gzip", "prefix": null })).await;
    assert_eq!(ended(&program, &patch).await["state"], "passed");
    let now = program.get("audit-log-integration").await.json;
    assert_eq!((&now["compression"], &now["prefix"]), (&json!("gzip"), &json!("")));

    assert_eq!(program.write(Method::PATCH, &json!({})).await.status, 200);
    assert_eq!(program.write(Method::PATCH, &json!({ "active": true })).await.status, 200);
    assert_eq!(program.write(Method::PATCH, &json!({ "active": false })).await.named(), ["pending"]);
    let both = json!({ "active": false, "pending": "discard", "format": "ndjson" });
    assert_eq!(program.write(Method::PATCH, &both).await.named(), ["active"]);
    let off = program.write(Method::PATCH, &json!({ "active": false, "pending": "discard" })).await;
    assert_eq!((off.status, &off.json["active"]), (200, &json!(false)));
    assert_eq!(program.newest().await["event"]["action"], "disable");
    assert_eq!(
        program.write(Method::PATCH, &json!({ "active": false })).await.status,
        200,
        "it is so already"
    );

    let on = program.write(Method::PATCH, &json!({ "active": true, "format": "ndjson" })).await;
    assert_eq!(ended(&program, &on).await["purpose"], "activate");
    let now = program.get("audit-log-integration").await.json;
    assert_eq!((&now["active"], &now["format"]), (&json!(true), &json!("ndjson")));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliver_first_is_waited_for_or_taken_back() {
    let (product, program) = owner().await;
    enable(&program).await;
    let right = role_of(&product, &program).await;
    let mut denied = right.clone();
    denied.permission_policies.clear();
    product.sandbox().put_role(denied).unwrap();
    let first = program.write(Method::PATCH, &json!({ "active": false, "pending": "deliver_first" })).await;
    assert_eq!((first.status, &first.json["active"]), (202, &json!(true)));
    assert!(first.header("location").unwrap().ends_with("/audit-log-integration"));
    let busy = program.write(Method::PATCH, &json!({ "format": "ndjson" })).await;
    assert_eq!(busy.status, 409, "{}", busy.json);
    let kept = program.write(Method::PATCH, &json!({ "active": true })).await;
    assert_eq!((kept.status, &kept.json["active"]), (200, &json!(true)));
    product.sandbox().put_role(right).unwrap();

    let etag = program.etag().await;
    let headers = [("if-match", etag.as_str())];
    let removing =
        program.ask(Method::DELETE, "audit-log-integration?pending=deliver_first", &headers, None).await;
    assert_eq!(removing.status, 202);
    eventually("it is removed once everything is delivered", async || {
        program.get("audit-log-integration").await.json["bucket"].is_null().then_some(())
    })
    .await;
    enable(&program).await;
    let etag = program.etag().await;
    let headers = [("if-match", etag.as_str())];
    let removed = program.ask(Method::DELETE, "audit-log-integration?pending=discard", &headers, None).await;
    assert_eq!(removed.status, 204);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_demoted_meanwhile_applies_nothing() {
    let (product, program) = owner().await;
    let mut denied = settings();
    denied["role_arn"] = json!(LATE);
    let accepted = program.write(Method::PUT, &denied).await;
    let id = program.newest_service_account().await;
    let demoted = json!({ "role": "member" });
    assert_eq!(program.patch(&format!("service-accounts/{id}"), &demoted).await.status, 200);
    assert_eq!(program.get("audit-log-integration").await.status, 403);
    // The role that was missing appears: every stage passes, and nothing is put into force.
    let organization: OrganizationId = program.organization.parse().unwrap();
    let late = IamRole { arn: LATE.to_owned(), ..role_of(&product, &program).await };
    product.sandbox().put_role(late).unwrap();
    let check = accepted.json["id"].as_str().unwrap().parse().unwrap();
    eventually("the check ends superseded", async || {
        let found = product.store().access_check(organization, check).await.unwrap().unwrap();
        (found.state == CheckState::Superseded).then_some(())
    })
    .await;
    assert!(product.store().integration(organization).await.unwrap().unwrap().settings.is_none());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pending_is_delivered_now() {
    let (product, program) = owner().await;
    let nothing = program.post("deliveries", &json!({})).await;
    assert_eq!((nothing.status, &nothing.json["pending_records"]), (200, &json!(0)));
    enable(&program).await;
    product
        .ingest(&json!([submission(&program.organization, "a"), submission(&program.organization, "b")]))
        .await;
    let now = program.post("deliveries", &json!({})).await;
    assert_eq!(now.status, 202, "{}", now.json);
    assert_eq!(program.newest().await["event"]["parameters"]["requested"], "deliver_now");
    let delivery = eventually("a delivery is listed", async || {
        let listed = program.get("deliveries").await.json["data"].clone();
        let delivered = listed.as_array().unwrap().iter().find(|row| row["state"] == "delivered").cloned();
        delivered.filter(|_| listed.as_array().unwrap().iter().all(|row| row["state"] == "delivered"))
    })
    .await;
    assert_eq!((&delivery["bucket"], &delivery["landing"]), (&json!(BUCKET), &json!("yes")));
    let one = program.get(&format!("deliveries/{}", delivery["id"].as_str().unwrap())).await;
    let attempts = one.json["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["result"]), (1, &json!("written")));
    assert_eq!(attempts[0]["object_key"], delivery["object_key"]);
    let page = program.get("deliveries?limit=1").await;
    assert_eq!(page.json["data"].as_array().unwrap().len(), 1);
    product.stop().await;
}
