//! Projects, API keys, members, invitations, service accounts and records, as a program works with them.

use serde_json::json;
use trailpost::domain::membership::Role;

use super::integration::owner;
use crate::support::program::{AGENT, Program, api_key, service_account, user};

/// What the newest record says that was done.
async fn newest_event(program: &Program) -> (String, String, String) {
    let event = program.newest().await["event"].clone();
    let word = |key: &str| event[key].as_str().unwrap().to_owned();
    (word("action"), word("resource_type"), word("resource_name"))
}

fn event(action: &str, resource_type: &str, name: &str) -> (String, String, String) {
    (action.to_owned(), resource_type.to_owned(), name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_made_renamed_and_deleted() {
    let (product, program) = owner().await;
    let made = program.post("projects", &json!({ "name": "Balloons" })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let rest = format!("projects/{}", made.json["id"].as_str().unwrap());
    assert!(made.header("location").unwrap().ends_with(&rest));
    assert_eq!(newest_event(&program).await, event("create", "project", "Balloons"));
    assert_eq!(program.post("projects", &json!({ "name": "BALLOONS" })).await.status, 409);
    let refused = program.newest().await["event"]["outcome"].clone();
    assert_eq!(refused["error_code"], "ALREADY_EXISTS");
    assert_eq!(program.post("projects", &json!({})).await.named(), ["name"]);
    assert_eq!(program.post("projects", &json!({ "name": "\u{202e}x" })).await.named(), ["name"]);

    assert_eq!(program.patch(&rest, &json!({ "name": "Ferries" })).await.json["name"], "Ferries");
    assert_eq!(newest_event(&program).await, event("update", "project", "Ferries"));
    assert_eq!(program.patch(&rest, &json!({})).await.status, 200);
    assert_eq!(program.get(&rest).await.json["name"], "Ferries");
    let listed = program.get("projects").await.json["data"].clone();
    assert_eq!(listed[0]["name"], "Ferries");

    assert_eq!(program.delete(&rest).await.status, 204);
    assert_eq!(newest_event(&program).await, event("delete", "project", "Ferries"));
    assert_eq!(program.get(&rest).await.status, 404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_works_in_its_project_alone() {
    let (product, program) = owner().await;
    let project = program.post("projects", &json!({ "name": "Balloons" })).await.json["id"].clone();
    let made = program.post("api-keys", &json!({ "name": "ci", "project_id": project })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let token = made.json["token"].as_str().unwrap();
    assert!(token.starts_with(made.json["token_start"].as_str().unwrap()));
    let rest = format!("api-keys/{}", made.json["id"].as_str().unwrap());
    assert!(program.get(&rest).await.json.get("token").is_none(), "it is answered once");
    assert_eq!(program.post("api-keys", &json!({ "name": "CI", "project_id": project })).await.status, 409);
    let nowhere = json!({ "name": "x", "project_id": "0199f3c2-0000-7000-8000-000000000000" });
    assert_eq!(program.post("api-keys", &nowhere).await.named(), ["project_id"]);

    let key = Program::with(&product, program.shared_document(), &program.organization, token);
    let (other, other_project) = api_key(&product, program.shared_document(), "Ferries").await;
    assert_eq!(key.get("projects").await.json["data"].as_array().unwrap().len(), 1);
    assert_eq!(key.get("projects").await.json["data"][0]["id"], project);
    let own = format!("projects/{}", project.as_str().unwrap());
    assert_eq!(key.get(&own).await.status, 200);
    assert_eq!(key.patch(&own, &json!({ "name": "Rafts" })).await.status, 200);
    let record = program.newest().await;
    assert_eq!(record["actor"]["principal_type"], "api_key");
    assert_eq!(
        (&record["actor"]["principal_id"], &record["client"]["userAgent"]),
        (&made.json["id"], &json!(AGENT))
    );
    let second = key.post("api-keys", &json!({ "name": "second", "project_id": project })).await;
    assert_eq!(second.status, 201);
    assert_eq!(key.get("api-keys").await.json["data"].as_array().unwrap().len(), 2);
    let all = program.get("api-keys?limit=100").await.json["data"].clone();
    let projects: Vec<_> = all.as_array().unwrap().iter().map(|key| &key["project_id"]).collect();
    assert!(projects.contains(&&project) && projects.contains(&&json!(other_project)));
    let of_one = program.get(&format!("api-keys?project_id={other_project}")).await;
    assert_eq!(of_one.json["data"].as_array().unwrap().len(), 1);

    // Another project's things, and the organization's, are not a key's.
    let other_key =
        program.get(&format!("api-keys?project_id={other_project}")).await.json["data"][0]["id"].clone();
    for denied in [
        key.get(&format!("projects/{other_project}")).await,
        key.patch(&format!("projects/{other_project}"), &json!({ "name": "x" })).await,
        key.get(&format!("api-keys/{}", other_key.as_str().unwrap())).await,
        key.delete(&format!("api-keys/{}", other_key.as_str().unwrap())).await,
        key.post("api-keys", &json!({ "name": "x", "project_id": other_project })).await,
        key.get(&format!("api-keys?project_id={other_project}")).await,
        key.post("projects", &json!({ "name": "x" })).await,
        key.delete(&own).await,
        key.get("members").await,
        key.get("records").await,
        key.get("audit-log-integration").await,
    ] {
        assert_eq!(denied.status, 403, "{}", denied.json);
    }
    let denied = program.newest().await;
    assert_eq!(denied["event"]["outcome"]["error_code"], "PERMISSION_DENIED");
    assert_eq!(denied["actor"]["principal_type"], "api_key");

    assert_eq!(program.delete(&rest).await.status, 204);
    assert_eq!(key.get("projects").await.status, 401, "it stopped working");
    assert_eq!(other.get("projects").await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_invited_given_roles_and_removed() {
    let (product, program) = owner().await;
    let invited =
        program.post("invitations", &json!({ "email": "new@acme.example", "role": "manager" })).await;
    assert_eq!(invited.status, 201, "{}", invited.json);
    let url = invited.json["url"].as_str().unwrap().to_owned();
    let page = product.anonymous().get(url.strip_prefix(product.origin()).unwrap()).await;
    assert!(page.status == 200 && page.body.contains("new@acme.example"), "{}", page.body);
    let rest = format!("invitations/{}", invited.json["id"].as_str().unwrap());
    assert!(program.get(&rest).await.json.get("url").is_none(), "the link is answered once");
    assert_eq!(program.get("invitations").await.json["data"][0]["email"], "new@acme.example");
    let member = json!({ "email": "member@acme.example", "role": "member" });
    assert_eq!(program.post("invitations", &member).await.status, 409);
    assert_eq!(
        program.post("invitations", &json!({ "email": "x", "role": "king" })).await.named(),
        ["email", "role"]
    );
    assert_eq!(program.delete(&rest).await.status, 204);
    assert_eq!(program.delete(&rest).await.status, 404);

    let listed = program.get("members?limit=2").await;
    assert_eq!(listed.json["data"].as_array().unwrap().len(), 2);
    let cursor = listed.json["next_cursor"].as_str().unwrap();
    let more = program.get(&format!("members?cursor={cursor}")).await;
    assert_eq!(more.json["data"].as_array().unwrap().len(), 2);
    let member = user(&product, "member@acme.example").await;
    let rest = format!("members/{}", member.id);
    assert_eq!(program.get(&rest).await.json["role"], "member");
    assert_eq!(program.patch(&rest, &json!({ "role": "manager" })).await.json["role"], "manager");
    let (action, kind, _) = newest_event(&program).await;
    assert_eq!((action.as_str(), kind.as_str()), ("update", "user"));
    assert_eq!(program.delete(&rest).await.status, 204);
    assert_eq!(program.get(&rest).await.status, 404);
    let owner = user(&product, "owner@acme.example").await;
    assert_eq!(program.delete(&format!("members/{}", owner.id)).await.status, 409, "the last owner stays");
    let demoted = program.patch(&format!("members/{}", owner.id), &json!({ "role": "member" })).await;
    assert_eq!(demoted.status, 409);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_accounts_are_made_rotated_and_deleted() {
    let (product, program) = owner().await;
    let made = program.post("service-accounts", &json!({ "name": "deployer", "role": "manager" })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let rest = format!("service-accounts/{}", made.json["id"].as_str().unwrap());
    let with = |token: &serde_json::Value| {
        Program::with(&product, program.shared_document(), &program.organization, token.as_str().unwrap())
    };
    let first = with(&made.json["token"]);
    assert_eq!(first.post("projects", &json!({ "name": "by deployer" })).await.status, 201);
    assert_eq!(first.get("records").await.status, 403, "it acts with its role");

    let rotated = program.post(&format!("{rest}/rotate"), &json!({ "overlap": "24h" })).await;
    assert_eq!(
        (rotated.status, rotated.json["secrets"].as_array().unwrap().len()),
        (200, 2),
        "{}",
        rotated.json
    );
    let second = with(&rotated.json["token"]);
    assert_eq!((first.get("projects").await.status, second.get("projects").await.status), (200, 200));
    assert_eq!(program.post(&format!("{rest}/rotate"), &json!({ "overlap": "1h" })).await.status, 409);
    assert_eq!(
        program.post(&format!("{rest}/rotate"), &json!({ "overlap": "2h" })).await.named(),
        ["overlap"]
    );
    // What is left out is asked for, and ends nothing.
    for body in [Some(json!({})), Some(json!({ "overlap": null })), None] {
        let asked = program.ask(reqwest::Method::POST, &format!("{rest}/rotate"), &[], body.as_ref()).await;
        assert_eq!(asked.named(), ["overlap"], "{body:?}");
    }
    assert_eq!((first.get("projects").await.status, second.get("projects").await.status), (200, 200));
    let old = program.get(&rest).await.json["secrets"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(program.delete(&format!("{rest}/secrets/{old}")).await.status, 204);
    assert_eq!((first.get("projects").await.status, second.get("projects").await.status), (401, 200));
    product.advance(std::time::Duration::from_secs(61));

    assert_eq!(program.patch(&rest, &json!({ "role": "member" })).await.json["role"], "member");
    assert_eq!(second.post("projects", &json!({ "name": "x" })).await.status, 403);
    assert_eq!(program.delete(&rest).await.status, 204);
    assert_eq!(second.get("projects").await.status, 401);
    let left = program.get("service-accounts").await.json["data"].clone();
    assert!(left.as_array().unwrap().iter().all(|account| account["name"] != "deployer"));
    assert_eq!(newest_event(&program).await, event("delete", "service-account", "deployer"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_back_and_followed() {
    let (product, program) = owner().await;
    for number in 0..5 {
        program.post("projects", &json!({ "name": format!("p{number}") })).await;
    }
    let schema =
        serde_json::from_str(&product.anonymous().get("/schemas/audit-record.v1.json").await.body).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let all = program.records().await;
    assert!(all.iter().all(|record| schema.is_valid(record)));
    let newest = program.get("records?limit=2").await;
    let last = newest.json["data"][0]["sequence"].as_i64().unwrap();
    assert_eq!(newest.json["data"][1]["sequence"], last - 1);
    let cursor = newest.json["next_cursor"].as_str().unwrap();
    let older = program.get(&format!("records?limit=2&cursor={cursor}")).await;
    assert_eq!(older.json["data"][0]["sequence"], last - 2);
    assert_eq!(program.get(&format!("records?cursor={cursor}&after=1")).await.named(), ["cursor"]);

    let after = program.get(&format!("records?after={last}")).await;
    assert_eq!((after.json["data"].as_array().unwrap().len(), &after.json["next_cursor"]), (0, &json!(null)));
    program.post("projects", &json!({ "name": "new" })).await;
    let after = program.get(&format!("records?after={last}")).await;
    assert_eq!(after.json["data"][0]["record"]["event"]["resource_name"], "new");
    let id = after.json["data"][0]["record"]["id"].as_str().unwrap();
    assert_eq!(program.get(&format!("records/{id}")).await.json, after.json["data"][0]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_grants_a_role_above_their_own_and_every_denial_is_on_the_record() {
    let (product, program) = owner().await;
    let manager = service_account(&product, program.shared_document(), Role::Manager).await;
    let before = program.records().await.len();
    assert_eq!(manager.post("service-accounts", &json!({ "name": "x", "role": "owner" })).await.status, 403);
    assert_eq!(manager.get("members").await.status, 403);
    let records = program.records().await;
    let denied: Vec<_> = records[before..].iter().map(|record| &record["event"]).collect();
    assert_eq!(denied.len(), 2, "{denied:#?}");
    for (event, (action, kind, method, path)) in denied
        .iter()
        .zip([("create", "service-account", "POST", "service-accounts"), ("read", "user", "GET", "members")])
    {
        assert_eq!((&event["action"], &event["resource_type"]), (&json!(action), &json!(kind)));
        assert_eq!(event["outcome"]["error_code"], "PERMISSION_DENIED");
        assert_eq!(event["parameters"]["method"], method);
        assert!(event["parameters"]["path"].as_str().unwrap().ends_with(path));
    }
    product.stop().await;
}
