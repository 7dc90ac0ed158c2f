//! `/openapi.json` against the table of routes and against the answers of a program that uses all of it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use trailpost::domain::membership::Role;
use trailpost::web::route::{self, Face};

use super::integration::{enable, ended, owner, settings};
use crate::support::http_user::send;
use crate::support::program::{Document, Program, service_account};
use crate::support::{eventually, submission};

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_programs_is_in_the_document_and_the_other_way_round() {
    let (product, program) = owner().await;
    let document = program.document();
    let mut documented = BTreeSet::new();
    for (path, operations) in document.json["paths"].as_object().unwrap() {
        documented.extend(
            operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    // What the operator's monitoring asks for is no part of the API.
    let table =
        route::table().into_iter().filter(|route| route.face == Face::Problem && route.path != "/metrics");
    let routes: BTreeSet<_> = table.map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(documented, routes);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_sound() {
    let (product, program) = owner().await;
    let document = program.document();
    assert_eq!(document.json["openapi"], "3.1.0");
    let text = document.json.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.json.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, operations) in document.json["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path} shares its id");
            let in_path: BTreeSet<_> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let named: BTreeSet<_> = parameters
                .filter(|one| one["in"] == "path")
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            assert_eq!(in_path, named, "{method} {path}");
            // An example is one that the schema takes.
            for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                if let Some(example) = content.get("example") {
                    let validator = document.validator(&content["schema"]);
                    assert!(validator.is_valid(example), "{method} {path} {kind}: {example}");
                }
            }
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_documentation_has_every_operation_and_the_console_leads_there() {
    let (product, program) = owner().await;
    let page = product.anonymous().get("/api-docs").await;
    assert_eq!(page.status, 200);
    for (path, operations) in program.document().json["paths"].as_object().unwrap() {
        assert!(page.body.contains(&format!("<code>{path}</code>")), "{path}");
        for (_, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.body.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
    let user = product.user("owner@acme.example").await;
    for from in ["api-keys", "service-accounts"] {
        let page = user.get(&format!("/organizations/{}/{from}", program.organization)).await;
        assert!(page.body.contains("href=\"/api-docs\""), "{from}");
    }
    product.stop().await;
}

/// Uses every operation, well and wrongly. The program itself holds each answer against the document.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_the_document_says() {
    let (product, program) = owner().await;
    let document = program.document();
    let twice = json!([submission(&program.organization, "a"), submission(&program.organization, "b")]);
    set_up_and_deliver(&program, &twice, &product).await;
    work_with_resources(&program).await;
    switch_off_and_remove(&program).await;
    send_events(&product, &program).await;
    for path in ["/schemas/audit-record.v1.json", "/openapi.json", "/livez", "/readyz"] {
        let answer = product.anonymous().get(path).await;
        document.check(&Method::GET, path, &answer);
    }
    let nobody = Program::with(&product, program.shared_document(), &program.organization, "");
    let member = service_account(&product, program.shared_document(), Role::Member).await;
    let stranger = program.at("0199f3c2-0000-7000-8000-000000000000");
    for (method, rest) in operations(document) {
        let body = json!({ "unknown": 1 });
        let body = (method != Method::GET && method != Method::DELETE).then_some(&body);
        let wrong = format!("{rest}?unknown=1");
        for who in [&nobody, &member, &stranger, &program] {
            who.ask(method.clone(), &rest, &[], body).await;
            who.ask(method.clone(), &wrong, &[("if-match", "*")], body).await;
            who.ask(method.clone(), &rest, &[("if-match", "\"99\"")], body).await;
        }
        if body.is_some() {
            for (kind, body) in [("text/plain", "{}".to_owned()), ("application/json", " ".repeat(70_000))] {
                let path = format!("/v1/organizations/{}/{rest}", program.organization);
                let request = product.anonymous().request(method.clone(), &path).header("if-match", "*");
                let request = request.header("authorization", program.bearer()).header("content-type", kind);
                document.check(&method, &path, &send(request.body(body)).await);
            }
        }
    }
    let answered = document.answered();
    // What takes a slow sender, a busy or a broken server; each has a test of its own or is drawn by the same hand.
    let rare = ["408", "429", "503"];
    let succeeded = |status: &str| status.starts_with('2');
    let missing: Vec<_> = document
        .statuses()
        .into_iter()
        .filter(|(_, status)| !rare.contains(&status.as_str()))
        .filter(|one| !answered.contains(one))
        .collect();
    let never_well: Vec<_> = missing.iter().filter(|(_, status)| succeeded(status)).collect();
    assert!(never_well.is_empty(), "never answered: {never_well:#?}");
    let expected_nowhere: Vec<_> =
        missing.iter().filter(|(id, status)| !is_told_elsewhere(id, status)).collect();
    assert!(expected_nowhere.is_empty(), "never answered: {expected_nowhere:#?}");
    product.stop().await;
}

/// Problems that another test of this folder draws from the same operation.
fn is_told_elsewhere(id: &str, status: &str) -> bool {
    match status {
        // A member may see projects; a program's own role is never too low to be asked.
        "403" => ["listProjects", "getProject", "listProjectMembers", "getProjectMember"].contains(&id),
        "409" => true,
        _ => false,
    }
}

/// The operations on an organization: method and path behind it, with an id that nothing has.
fn operations(document: &Document) -> Vec<(Method, String)> {
    let mut operations = Vec::new();
    for (path, of_path) in document.json["paths"].as_object().unwrap() {
        let Some(rest) = path.strip_prefix("/v1/organizations/{organization_id}/") else { continue };
        let parts = rest.split('/').map(|part| match part.starts_with('{') {
            true => "0199f3c2-0000-7000-8000-000000000000",
            false => part,
        });
        let rest = parts.collect::<Vec<_>>().join("/");
        for method in of_path.as_object().unwrap().keys() {
            operations.push((method.to_uppercase().parse().unwrap(), rest.clone()));
        }
    }
    operations
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

async fn set_up_and_deliver(program: &Program, records: &Value, product: &crate::support::product::Product) {
    program.post("deliveries", &json!({})).await;
    enable(program).await;
    product.ingest(records).await;
    program.post("deliveries", &json!({})).await;
    let delivery = eventually("there is a delivery", async || {
        let delivery = program.get("deliveries").await.json["data"][0].clone();
        (delivery["state"] == "delivered").then_some(delivery)
    })
    .await;
    program.get(&format!("deliveries/{}", id(&delivery))).await;
    let check = ended(program, &program.post("checks", &json!({})).await).await;
    assert_eq!(check["state"], "passed");
    program.get("checks").await;
    let mut denied = settings();
    denied["role_arn"] = json!("arn:aws:iam::111122223333:role/not-there");
    let open = program.write(Method::PUT, &denied).await;
    program.post(&format!("checks/{}/cancel", id(&open.json)), &json!({})).await;
    let record = program.newest().await;
    program.get(&format!("records/{}", id(&record))).await;
}

async fn work_with_resources(program: &Program) {
    let project = id(&program.post("projects", &json!({ "name": "Balloons" })).await.json);
    program.get("projects").await;
    program.get(&format!("projects/{project}")).await;
    program.patch(&format!("projects/{project}"), &json!({ "name": "Ferries" })).await;
    let place = json!({ "email": "member@acme.example", "role": "viewer" });
    let place = program.post(&format!("projects/{project}/members"), &place).await;
    let place = format!("projects/{project}/members/{}", place.json["user_id"].as_str().unwrap());
    program.get(&format!("projects/{project}/members")).await;
    program.get(&place).await;
    program.patch(&place, &json!({ "role": "editor" })).await;
    program.delete(&place).await;
    let key = id(&program.post("api-keys", &json!({ "name": "ci", "project_id": project })).await.json);
    program.get("api-keys").await;
    program.get(&format!("api-keys/{key}")).await;
    program.delete(&format!("api-keys/{key}")).await;
    program.delete(&format!("projects/{project}")).await;

    let invited =
        id(&program.post("invitations", &json!({ "email": "a@b.example", "role": "member" })).await.json);
    program.get("invitations").await;
    program.get(&format!("invitations/{invited}")).await;
    program.delete(&format!("invitations/{invited}")).await;
    let members = program.get("members").await.json["data"].clone();
    let member = members.as_array().unwrap().iter().find(|member| member["role"] == "member").unwrap();
    let member = format!("members/{}", member["user_id"].as_str().unwrap());
    program.get(&member).await;
    program.patch(&member, &json!({ "role": "manager" })).await;
    program.delete(&member).await;

    let account = program.post("service-accounts", &json!({ "name": "x", "role": "member" })).await;
    let account = format!("service-accounts/{}", id(&account.json));
    program.get("service-accounts").await;
    program.patch(&account, &json!({ "role": "manager" })).await;
    program.post(&format!("{account}/rotate"), &json!({ "overlap": "1h" })).await;
    let secrets = program.get(&account).await.json["secrets"].clone();
    program.delete(&format!("{account}/secrets/{}", id(&secrets[1]))).await;
    program.delete(&account).await;
}

async fn switch_off_and_remove(program: &Program) {
    assert_eq!(
        ended(program, &program.write(Method::PATCH, &json!({ "format": "ndjson" })).await).await["state"],
        "passed"
    );
    program.write(Method::PATCH, &json!({ "active": true })).await;
    let mut off = program.get("audit-log-integration").await.json;
    off["active"] = json!(false);
    off["pending"] = json!("discard");
    assert_eq!(program.write(Method::PUT, &off).await.status, 200);
    let mut same = settings();
    same["active"] = json!(true);
    assert_eq!(ended(program, &program.write(Method::PUT, &same).await).await["state"], "passed");
    let first = "audit-log-integration?pending=deliver_first";
    assert_eq!(program.ask(Method::DELETE, first, &[("if-match", "*")], None).await.status, 202);
    eventually("it is removed", async || {
        program.get("audit-log-integration").await.json["bucket"].is_null().then_some(())
    })
    .await;
    enable(program).await;
    let now = "audit-log-integration?pending=discard";
    assert_eq!(program.ask(Method::DELETE, now, &[("if-match", "\"99\"")], None).await.status, 412);
    assert_eq!(program.ask(Method::DELETE, now, &[("if-match", "*")], None).await.status, 204);
}

async fn send_events(product: &crate::support::product::Product, program: &Program) {
    let known = crate::support::with_id(
        submission(&program.organization, "a"),
        "0199f3c2-7d1a-7000-8000-00000000000a",
    );
    let other = crate::support::with_id(
        submission(&program.organization, "b"),
        "0199f3c2-7d1a-7000-8000-00000000000a",
    );
    for (token, kind, body) in [
        (product.producer_token(), "application/json", known.to_string()),
        (product.producer_token(), "application/json", other.to_string()),
        (product.producer_token(), "application/json", "{}".to_owned()),
        (product.producer_token(), "text/plain", "{}".to_owned()),
        (product.producer_token(), "application/json", " ".repeat((16 << 20) + 1)),
        ("", "application/json", "{}".to_owned()),
    ] {
        let request = product.anonymous().request(Method::POST, "/v1/events").bearer_auth(token);
        let answer = send(request.header("content-type", kind).body(body)).await;
        program.document().check(&Method::POST, "/v1/events", &answer);
    }
}
