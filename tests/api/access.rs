//! Who gets into the API, and that nothing of one organization is seen or touched from another.

use reqwest::Method;
use reqwest::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use trailpost::domain::membership::{Ability, Role};
use trailpost::web::route::{self, Access, Need};

use super::integration::{enable, owner};
use crate::support::http_user::send;
use crate::support::product::Product;
use crate::support::program::{Document, Program, api_key, service_account, service_account_of, user};

/// The routes of programs: method, path behind the organization, and what they need.
fn routes() -> Vec<(Method, &'static str, Need)> {
    let of_programs = route::table().into_iter().filter_map(|route| match route.access {
        Access::Program(need, _) => {
            let rest = route.path.strip_prefix("/v1/organizations/{organization_id}/").unwrap();
            Some((route.method, rest, need))
        }
        _ => None,
    });
    of_programs.collect()
}

/// An id that nothing has.
const NOTHING: &str = "0199f3c2-0000-7000-8000-000000000000";

/// The path with this id for every parameter.
fn with_ids(rest: &str, id: &str) -> String {
    let parts = rest.split('/').map(|part| if part.starts_with('{') { id } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Asks with a body that says nothing.
async fn try_out(program: &Program, method: &Method, rest: &str) -> u16 {
    let body = json!({});
    let body = matches!(*method, Method::POST | Method::PUT | Method::PATCH).then_some(&body);
    program.ask(method.clone(), rest, &[("if-match", "\"99\"")], body).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_that_works_nobody_is_let_in() {
    let (product, program) = owner().await;
    let unknown = format!("tps_{}", "0".repeat(64));
    let unknown_key = format!("tpk_{}", "0".repeat(64));
    for secret in ["", "x", &unknown, &unknown_key, product.producer_token()] {
        let nobody = Program::with(&product, program.shared_document(), &program.organization, secret);
        for (method, rest, _) in routes() {
            assert_eq!(
                try_out(&nobody, &method, &with_ids(rest, NOTHING)).await,
                401,
                "{secret} {method} {rest}"
            );
        }
        assert_eq!(nobody.get("projects").await.answer.headers[WWW_AUTHENTICATE], "Bearer");
    }
    // A session is no secret.
    let owner = product.user("owner@acme.example").await;
    assert_eq!(owner.get(&format!("/v1/organizations/{}/projects", program.organization)).await.status, 401);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_gets_what_the_table_of_abilities_says() {
    let product = Product::start().await;
    let document = Document::of(&product).await;
    let mut wrong = Vec::new();
    for role in Role::ALL {
        let program = service_account(&product, &document, role).await;
        for (method, rest, need) in routes() {
            let status = try_out(&program, &method, &with_ids(rest, NOTHING)).await;
            if (status == 403) == role.may(need.ability) {
                wrong.push(format!("{} {method} {rest}: {status}", role.as_str()));
            }
        }
    }
    let (key, _) = api_key(&product, &document, "Balloons").await;
    for (method, rest, need) in routes() {
        let status = try_out(&key, &method, &with_ids(rest, NOTHING)).await;
        if (status == 403) == need.api_keys {
            wrong.push(format!("an API key {method} {rest}: {status}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_logs_are_written_on_the_enterprise_plan_alone() {
    let product = Product::start().await;
    let document = Document::of(&product).await;
    let program = service_account_of(&product, &document, "owner@initech.example", Role::Owner).await;
    for (method, rest, need) in routes() {
        let status = try_out(&program, &method, &with_ids(rest, NOTHING)).await;
        assert_eq!(status == 403, need.audit_logs, "{method} {rest}: {status}");
    }
    assert_eq!(program.get("audit-log-integration").await.status, 200);
    let denied = program.newest().await;
    assert_eq!(denied["event"]["outcome"]["error_code"], "PERMISSION_DENIED");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_organization_is_reached_from_another() {
    let (product, acme) = owner().await;
    enable(&acme).await;
    let document = acme.shared_document();
    let initech = service_account_of(&product, document, "owner@initech.example", Role::Owner).await;
    acme.post("deliveries", &json!({})).await;
    let delivery = crate::support::eventually("there is a delivery", async || {
        acme.get("deliveries").await.json["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let project = text(&acme.post("projects", &json!({ "name": "Balloons" })).await.json["id"]);
    let key = acme.post("api-keys", &json!({ "name": "ci", "project_id": project })).await;
    let invited = acme.post("invitations", &json!({ "email": "a@b.example", "role": "member" })).await;
    let account = acme.newest_service_account().await;
    let secret = text(&acme.get(&format!("service-accounts/{account}")).await.json["secrets"][0]["id"]);
    let foreign = [
        ("{check_id}", text(&acme.get("checks").await.json["data"][0]["id"])),
        ("{delivery_id}", delivery),
        ("{record_id}", text(&acme.newest().await["id"])),
        ("{project_id}", project),
        ("{api_key_id}", text(&key.json["id"])),
        ("{user_id}", user(&product, "member@acme.example").await.id.to_string()),
        ("{invitation_id}", text(&invited.json["id"])),
        ("{service_account_id}", account),
        ("{secret_id}", secret),
    ];
    let (before, own_before) = (acme.records().await.len(), initech.records().await.len());
    product
        .store()
        .set_plan(
            trailpost::domain::caller::Caller::trailpost(),
            initech.organization.parse().unwrap(),
            trailpost::domain::organization::Plan::Enterprise,
        )
        .await
        .unwrap();
    for (method, rest, _) in routes() {
        // At Acme's address, whatever is asked for.
        let path = foreign.iter().fold(rest.to_owned(), |path, (name, id)| path.replace(name, id));
        assert_eq!(try_out(&initech.at(&acme.organization), &method, &path).await, 404, "{method} {path}");
        // At Initech's own, for Acme's things.
        if path != rest {
            assert_eq!(try_out(&initech, &method, &path).await, 404, "{method} {path}");
        }
    }
    for nowhere in [NOTHING, "1", "Acme"] {
        assert_eq!(initech.at(nowhere).get("projects").await.status, 404);
    }
    assert_eq!(
        initech.post("api-keys", &json!({ "name": "x", "project_id": foreign[3].1 })).await.status,
        422
    );
    let list = initech.get(&format!("api-keys?project_id={}", foreign[3].1)).await;
    assert_eq!(list.status, 404);
    assert_eq!(acme.records().await.len(), before, "no trace in the other organization");
    // The change of the plan alone.
    assert_eq!(initech.records().await.len(), own_before + 1, "and none in one's own");
    product.stop().await;
}

/// Whatever an operation is for, a parameter that nobody reads is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_an_operation_does_not_have_is_named() {
    let (product, program) = owner().await;
    for (method, rest, _) in routes() {
        let path = format!("{}?x=1", with_ids(rest, NOTHING));
        let body = matches!(method, Method::POST | Method::PUT | Method::PATCH).then(|| json!({}));
        let answer = program.ask(method.clone(), &path, &[("if-match", "*")], body.as_ref()).await;
        assert_eq!(answer.named(), ["x"], "{method} {rest}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_attempt_names_what_it_was_about() {
    let (product, program) = owner().await;
    let member = service_account(&product, program.shared_document(), Role::Member).await;
    let in_a_browser = product.user("member@acme.example").await;
    let acme = program.organization.as_str();
    let console = format!("/organizations/{acme}");
    let id = |number: u32| format!("0199f3c2-0000-7000-8000-{number:012}");
    let (one, two) = (id(1), id(2));
    let api = |rest: &str| format!("/v1{console}/{rest}");
    let page = |rest: &str| format!("{console}/{rest}");
    for (method, path, expected) in [
        (Method::GET, api("records"), ["read", "audit-log-records", acme]),
        (Method::GET, api(&format!("records/{one}")), ["read", "audit-log-records", acme]),
        (Method::GET, api("invitations"), ["read", "invitation", acme]),
        (Method::POST, api("invitations"), ["create", "invitation", acme]),
        (Method::DELETE, api(&format!("invitations/{one}")), ["delete", "invitation", &one]),
        (Method::PATCH, api(&format!("members/{one}")), ["update", "user", &one]),
        (Method::POST, api("api-keys"), ["create", "api-key", acme]),
        (Method::PATCH, api(&format!("projects/{one}")), ["update", "project", &one]),
        (Method::POST, api("checks"), ["test", "audit-log-integration", acme]),
        (Method::GET, api(&format!("deliveries/{one}")), ["read", "audit-log-integration", acme]),
        (Method::POST, api(&format!("service-accounts/{one}/rotate")), ["rotate", "service-account", &one]),
        (
            Method::DELETE,
            api(&format!("service-accounts/{one}/secrets/{two}")),
            ["update", "service-account", &one],
        ),
        (Method::POST, page(&format!("members/invitations/{one}/revoke")), ["delete", "invitation", &one]),
        (Method::POST, page("members/invite"), ["create", "invitation", acme]),
        (
            Method::POST,
            page(&format!("service-accounts/{one}/secrets/{two}/end")),
            ["update", "service-account", &one],
        ),
        (Method::POST, page(&format!("projects/{one}/members/{two}/remove")), ["delete", "user", &two]),
        (Method::POST, page(&format!("projects/{one}/api-keys/new")), ["create", "api-key", &one]),
        (Method::GET, page("activity/records/7"), ["read", "audit-log-records", acme]),
        (Method::POST, page("activity/pending"), ["create", "audit-log-export", acme]),
        (
            Method::HEAD,
            page("settings/audit-logs/setup/terraform.tf"),
            ["read", "audit-log-integration", acme],
        ),
        (Method::POST, page("settings/audit-logs/try-again"), ["update", "audit-log-integration", acme]),
        (Method::POST, page("settings/general/delete"), ["delete", "organization", "Acme"]),
    ] {
        let answer = if path.starts_with("/v1/") {
            let request = product.anonymous().request(method.clone(), &path);
            send(request.header("authorization", member.bearer()).json(&json!({}))).await
        } else {
            send(in_a_browser.request(method.clone(), &path)).await
        };
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
        let event = program.newest().await["event"].clone();
        let named = ["action", "resource_type", "resource_id"].map(|key| event[key].as_str().unwrap());
        assert_eq!(named, expected, "{method} {path}");
        assert_eq!(event["parameters"]["path"], path.as_str());
    }
    product.stop().await;
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_closed_organization_is_let_in_no_more() {
    let (product, program) = owner().await;
    let (key, _) = api_key(&product, program.shared_document(), "Balloons").await;
    let owner = user(&product, "owner@acme.example").await;
    let caller = trailpost::domain::caller::Caller::user(&owner, "tests", None);
    let organization = program.organization.parse().unwrap();
    product.store().close_organization(caller, organization, "Acme".to_owned()).await.unwrap();
    assert_eq!((program.get("projects").await.status, key.get("projects").await.status), (401, 401));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_wrong_methods_are_told_in_problem_documents() {
    let (product, program) = owner().await;
    let here = format!("/v1/organizations/{}", program.organization);
    for path in
        ["/v1", "/v1/", "/v1/nothing", &here, &format!("{here}/nothing"), &format!("{here}/checks/1/x")]
    {
        let answer = product.anonymous().get(path).await;
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert_eq!((answer.status, kind), (404, "application/problem+json"), "{path}");
    }
    for (method, rest, allowed) in [
        (Method::POST, "records", "GET,HEAD"),
        (Method::PUT, "projects", "GET,HEAD,POST"),
        (Method::POST, "audit-log-integration", "GET,HEAD,PUT,PATCH,DELETE"),
    ] {
        let path = format!("{here}/{rest}");
        let answer = send(product.anonymous().request(method.clone(), &path)).await;
        assert_eq!(answer.status, 405, "{method} {rest}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let allow = answer.headers[ALLOW].to_str().unwrap();
        let sorted = |list: &str| {
            let mut methods: Vec<_> = list.split(',').map(str::to_owned).collect();
            methods.sort_unstable();
            methods
        };
        assert_eq!(sorted(allow), sorted(allowed), "{rest}");
        let options = send(product.anonymous().request(Method::OPTIONS, &path)).await;
        assert_eq!((options.status, options.headers[ALLOW].to_str().unwrap()), (204, allow));
    }
    let request = product.anonymous().request(Method::HEAD, &format!("{here}/projects"));
    let head = send(request.header("authorization", program.bearer())).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_for_what_is_denied_leaves_twenty_records_and_a_count() {
    let (product, program) = owner().await;
    let member = service_account(&product, program.shared_document(), Role::Member).await;
    let before = program.records().await.len();
    for _ in 0..25 {
        assert_eq!(member.get("records").await.status, 403);
    }
    assert_eq!(program.records().await.len(), before + 20);
    assert!(!Role::Member.may(Ability::ManageAuditLogs));
    product.stop().await;
}
