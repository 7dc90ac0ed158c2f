//! Every event of projects, keys and service accounts, caused in the console and found in the customer's bucket: it
//! keeps the published schema, and has the documented shape.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Desk, MEMBER, OWNER};
use crate::support::bucket::delivered_records;
use crate::support::http_user::enable;
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_delivered_in_its_documented_shape() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let acme = product.account(OWNER).organization_id;
    enable(&owner.user, &acme).await;
    let (project_id, key_id, account_id) = cause_everything(&owner).await;

    product.advance(Duration::from_secs(120));
    let records = delivered_records(&product.customer(), &acme, 13).await;
    let schema = owner.user.get("/schemas/audit-record.v1.json").await.body;
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for record in &records {
        let errors: Vec<_> = schema.iter_errors(record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record}");
        assert_eq!(record["actor"]["principal_type"], "user");
        assert_eq!(record["event"]["parameters"]["source_ip"], "127.0.0.1");
    }
    let shapes: Vec<_> = records[1..].iter().map(shape).collect();
    let expected = [
        ("create", "project", json!("Telescope"), "Telescope"),
        ("update", "project", json!("Observatory"), "Observatory"),
        ("create", "user", json!([MEMBER]), MEMBER),
        ("update", "user", json!({ "user": MEMBER, "role": "owner" }), MEMBER),
        ("delete", "user", json!({ "user": MEMBER, "project": "Observatory" }), MEMBER),
        ("create", "api-key", json!(key_id), "nightly"),
        ("delete", "api-key", json!(key_id), "nightly"),
        ("delete", "project", json!("Observatory"), "Observatory"),
        ("create", "service-account", json!(account_id), "Pipeline"),
        ("update", "service-account", json!(account_id), "Pipeline"),
        ("rotate", "service-account", json!(account_id), "Pipeline"),
        ("delete", "service-account", json!(account_id), "Pipeline"),
    ];
    assert_eq!(shapes, expected);
    for record in &records[2..9] {
        assert_eq!(record["event"]["parameters"]["project"]["id"], project_id.as_str(), "{record}");
    }
    product.stop().await;
}

fn shape(record: &Value) -> (&str, &str, Value, &str) {
    let event = &record["event"];
    let word = |name: &str| event[name].as_str().unwrap();
    (word("action"), word("resource_type"), event["resource_id"].clone(), word("resource_name"))
}

/// Gives the ids of the project, the key and the service account.
async fn cause_everything(owner: &Desk) -> (String, String, String) {
    let id = |path: &str, place: usize| path.split('/').nth(place).unwrap().to_owned();
    let done = async |path: &str, fields: &[(&str, &str)]| {
        let answer = owner.post(path, fields).await;
        assert!(matches!(answer.status, 201 | 303), "{path}: {} {}", answer.status, answer.body);
    };
    let project = owner.project("Telescope").await;
    done(&project, &[("name", "Observatory")]).await;
    done(&format!("{project}/members/new"), &[("email", MEMBER), ("role", "viewer")]).await;
    let remove = owner.link(&project, "/remove").await;
    done(remove.strip_suffix("/remove").unwrap(), &[("role", "owner")]).await;
    done(&remove, &[]).await;
    owner.key(&project, "nightly").await;
    let key = owner.get(&project).await.body;
    let (_, key) = key.split_once(&format!("{project}/api-keys/")).unwrap();
    let mut rest = key;
    // The first such link makes another key.
    while rest.starts_with("new") {
        (_, rest) = rest.split_once(&format!("{project}/api-keys/")).unwrap();
    }
    let (key, _) = rest.split_once('/').unwrap();
    done(&format!("{project}/api-keys/{key}/delete"), &[]).await;
    done(&format!("{project}/delete"), &[("confirmation", "Observatory")]).await;
    let (account, _) = owner.account("Pipeline", "member").await;
    done(&account, &[("role", "manager")]).await;
    done(&format!("{account}/rotate"), &[("overlap", "none")]).await;
    done(&format!("{account}/delete"), &[]).await;
    (id(&project, 2), key.to_owned(), id(&account, 2))
}
