//! Who may do what: every route of the console, asked for by everybody. What is expected stands here once more and by
//! itself, as PRODUCT.md has it; a route that is not in this table fails.

mod https;
mod people;
mod proxies;
mod signing_in;
mod walk;

use http::Method;
use reqwest::header::{HOST, ORIGIN};
use trailpost::web::route::{self, Face};

use crate::support::http_user::{Answer, send};
use crate::support::product::Product;
use people::{Person, everybody};
use walk::{Attempt, attempts, other_verbs};

/// For each route, in this order: nobody, a stranger, member, manager, billing admin (each of an organization on either
/// plan), owner on Standard, owner on Enterprise. Every other method is a 405, but HEAD, which is as GET. A POST carries the page's token and nothing else, so 422 says: let in, but the form is empty.
const EXPECTED: &[(&str, [u16; 7])] = &[
    ("GET /", [303, 303, 303, 303, 303, 303, 303]),
    ("GET /sign-in", [200, 303, 303, 303, 303, 303, 303]),
    ("POST /sign-in", [422; 7]),
    ("POST /sign-out", [303; 7]),
    // A link that nobody was given: the same for everybody, and the same as one that was used.
    ("GET /invitations/{token}", [404; 7]),
    ("POST /invitations/{token}", [404; 7]),
    ("GET /password-resets/{token}", [404; 7]),
    ("POST /password-resets/{token}", [404; 7]),
    ("POST /theme", [422; 7]),
    ("GET /account", [303, 200, 200, 200, 200, 200, 200]),
    ("POST /account/name", OWN_ACCOUNT),
    ("POST /account/password", OWN_ACCOUNT),
    ("POST /account/sessions/end", OWN_ACCOUNT),
    ("GET /organizations/{organization_id}", [303, 404, 200, 200, 200, 200, 200]),
    // The plan does not matter.
    ("GET /organizations/{organization_id}/activity", [303, 404, 403, 403, 403, 200, 200]),
    ("GET /organizations/{organization_id}/activity/records/{sequence}", [303, 404, 403, 403, 403, 404, 404]),
    ("POST /organizations/{organization_id}/activity/exports", [303, 404, 403, 403, 403, 422, 422]),
    // Nothing is pending: back to the page.
    ("POST /organizations/{organization_id}/activity/pending", [303, 404, 403, 403, 403, 303, 303]),
    (
        "POST /organizations/{organization_id}/activity/deliveries/{batch_id}",
        [303, 404, 403, 403, 403, 404, 404],
    ),
    ("GET /organizations/{organization_id}/settings/general", [303, 404, 200, 200, 200, 200, 200]),
    ("POST /organizations/{organization_id}/settings/general", [303, 404, 403, 403, 403, 422, 422]),
    ("GET /organizations/{organization_id}/settings/general/delete", OWNER_SEES),
    ("POST /organizations/{organization_id}/settings/general/delete", OWNER_WRITES),
    // Whoever is not the last owner is out.
    ("GET /organizations/{organization_id}/leave", [303, 404, 200, 200, 200, 200, 200]),
    ("POST /organizations/{organization_id}/leave", [303, 404, 303, 303, 303, 409, 409]),
    ("GET /organizations/{organization_id}/members", OWNER_SEES),
    ("POST /organizations/{organization_id}/members/invite", OWNER_WRITES),
    // There is no such invitation and no such member.
    (
        "POST /organizations/{organization_id}/members/invitations/{invitation_id}/revoke",
        [303, 404, 403, 403, 403, 303, 303],
    ),
    ("GET /organizations/{organization_id}/members/{user_id}/role", OWNER_FINDS_NOBODY),
    ("POST /organizations/{organization_id}/members/{user_id}/role", OWNER_WRITES),
    ("GET /organizations/{organization_id}/members/{user_id}/remove", OWNER_FINDS_NOBODY),
    ("POST /organizations/{organization_id}/members/{user_id}/remove", OWNER_FINDS_NOBODY),
    ("GET /organizations/{organization_id}/settings/plan", [303, 404, 403, 403, 200, 200, 200]),
    ("GET /organizations/{organization_id}/projects", [303, 404, 200, 200, 200, 200, 200]),
    ("GET /organizations/{organization_id}/projects/new", [303, 404, 403, 200, 403, 200, 200]),
    ("POST /organizations/{organization_id}/projects/new", IN_PROJECTS),
    // Of nothing that is there.
    ("GET /organizations/{organization_id}/projects/{project_id}", [303, 404, 404, 404, 404, 404, 404]),
    ("POST /organizations/{organization_id}/projects/{project_id}", IN_PROJECTS),
    (
        "GET /organizations/{organization_id}/projects/{project_id}/delete",
        [303, 404, 403, 403, 403, 404, 404],
    ),
    (
        "POST /organizations/{organization_id}/projects/{project_id}/delete",
        [303, 404, 403, 403, 403, 422, 422],
    ),
    ("GET /organizations/{organization_id}/projects/{project_id}/members/new", IN_NO_PROJECT),
    ("POST /organizations/{organization_id}/projects/{project_id}/members/new", IN_PROJECTS),
    ("POST /organizations/{organization_id}/projects/{project_id}/members/{user_id}", IN_PROJECTS),
    ("GET /organizations/{organization_id}/projects/{project_id}/members/{user_id}/remove", IN_NO_PROJECT),
    ("POST /organizations/{organization_id}/projects/{project_id}/members/{user_id}/remove", IN_NO_PROJECT),
    ("GET /organizations/{organization_id}/projects/{project_id}/api-keys/new", IN_NO_PROJECT),
    ("POST /organizations/{organization_id}/projects/{project_id}/api-keys/new", IN_PROJECTS),
    (
        "GET /organizations/{organization_id}/projects/{project_id}/api-keys/{api_key_id}/delete",
        IN_NO_PROJECT,
    ),
    (
        "POST /organizations/{organization_id}/projects/{project_id}/api-keys/{api_key_id}/delete",
        IN_NO_PROJECT,
    ),
    ("GET /organizations/{organization_id}/api-keys", [303, 404, 403, 200, 403, 200, 200]),
    ("GET /organizations/{organization_id}/service-accounts", [303, 404, 403, 403, 403, 200, 200]),
    ("GET /organizations/{organization_id}/service-accounts/new", [303, 404, 403, 403, 403, 200, 200]),
    ("POST /organizations/{organization_id}/service-accounts/new", OWNER_WITH_A_FORM),
    ("GET /organizations/{organization_id}/service-accounts/{service_account_id}", OWNER_OF_NOTHING),
    ("POST /organizations/{organization_id}/service-accounts/{service_account_id}", OWNER_WITH_A_FORM),
    ("GET /organizations/{organization_id}/service-accounts/{service_account_id}/rotate", OWNER_OF_NOTHING),
    ("POST /organizations/{organization_id}/service-accounts/{service_account_id}/rotate", OWNER_OF_NOTHING),
    (
        "GET /organizations/{organization_id}/service-accounts/{service_account_id}/secrets/{secret_id}/end",
        OWNER_OF_NOTHING,
    ),
    (
        "POST /organizations/{organization_id}/service-accounts/{service_account_id}/secrets/{secret_id}/end",
        OWNER_OF_NOTHING,
    ),
    ("GET /organizations/{organization_id}/service-accounts/{service_account_id}/delete", OWNER_OF_NOTHING),
    ("POST /organizations/{organization_id}/service-accounts/{service_account_id}/delete", OWNER_OF_NOTHING),
    // Below Enterprise a page that explains.
    ("GET /organizations/{organization_id}/settings/audit-logs", [303, 404, 403, 403, 403, 200, 200]),
    ("POST /organizations/{organization_id}/settings/audit-logs/enable", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/update", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/activate", OWNER_ON_ENTERPRISE),
    // Nothing is set up: there is nothing to confirm, so back to the page.
    ("GET /organizations/{organization_id}/settings/audit-logs/disable", [303, 404, 403, 403, 403, 303, 303]),
    ("POST /organizations/{organization_id}/settings/audit-logs/disable", OWNER_ON_ENTERPRISE),
    ("GET /organizations/{organization_id}/settings/audit-logs/remove", [303, 404, 403, 403, 403, 303, 303]),
    ("POST /organizations/{organization_id}/settings/audit-logs/remove", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/check", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/stop-waiting", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/deliver-now", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/try-again", OWNER_ON_ENTERPRISE),
    ("POST /organizations/{organization_id}/settings/audit-logs/setup", OWNER_ON_ENTERPRISE),
    // It says of an empty form what is missing, and changes nothing.
    (
        "POST /organizations/{organization_id}/settings/audit-logs/preview",
        [303, 404, 403, 403, 403, 403, 200],
    ),
    // Without a bucket a file can't be filled in.
    ("GET /organizations/{organization_id}/settings/audit-logs/setup/{file}", OWNER_ON_ENTERPRISE),
    // There is no check yet.
    (
        "GET /organizations/{organization_id}/settings/audit-logs/checks/{check_id}",
        [303, 404, 403, 403, 403, 404, 404],
    ),
    (
        "POST /organizations/{organization_id}/settings/audit-logs/checks/{check_id}/cancel",
        [303, 404, 403, 403, 403, 403, 404],
    ),
    (
        "GET /organizations/{organization_id}/settings/audit-logs/deliveries",
        [303, 404, 403, 403, 403, 200, 200],
    ),
    ("GET /organizations/{organization_id}/settings/audit-logs/status", [303, 404, 403, 403, 403, 200, 200]),
    // A session is no producer token.
    ("POST /v1/events", [401; 7]),
    ("GET /schemas/audit-record.v1.json", [200; 7]),
    ("GET /openapi.json", [200; 7]),
    ("GET /api-docs", [200; 7]),
    ("GET /v1/organizations/{organization_id}/audit-log-integration", NO_SECRET),
    ("PUT /v1/organizations/{organization_id}/audit-log-integration", NO_SECRET),
    ("PATCH /v1/organizations/{organization_id}/audit-log-integration", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/audit-log-integration", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/checks", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/checks", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/checks/{check_id}", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/checks/{check_id}/cancel", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/deliveries", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/deliveries", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/deliveries/{delivery_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/records", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/records/{record_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/projects", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/projects", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/projects/{project_id}", NO_SECRET),
    ("PATCH /v1/organizations/{organization_id}/projects/{project_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/projects/{project_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/projects/{project_id}/members", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/projects/{project_id}/members", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/projects/{project_id}/members/{user_id}", NO_SECRET),
    ("PATCH /v1/organizations/{organization_id}/projects/{project_id}/members/{user_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/projects/{project_id}/members/{user_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/api-keys", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/api-keys", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/api-keys/{api_key_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/api-keys/{api_key_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/members", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/members/{user_id}", NO_SECRET),
    ("PATCH /v1/organizations/{organization_id}/members/{user_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/members/{user_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/invitations", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/invitations", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/invitations/{invitation_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/invitations/{invitation_id}", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/service-accounts", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/service-accounts", NO_SECRET),
    ("GET /v1/organizations/{organization_id}/service-accounts/{service_account_id}", NO_SECRET),
    ("PATCH /v1/organizations/{organization_id}/service-accounts/{service_account_id}", NO_SECRET),
    ("DELETE /v1/organizations/{organization_id}/service-accounts/{service_account_id}", NO_SECRET),
    ("POST /v1/organizations/{organization_id}/service-accounts/{service_account_id}/rotate", NO_SECRET),
    (
        "DELETE /v1/organizations/{organization_id}/service-accounts/{service_account_id}/secrets/{secret_id}",
        NO_SECRET,
    ),
    ("GET /livez", [200; 7]),
    ("GET /readyz", [200; 7]),
    // Nobody said that there is to be one.
    ("GET /metrics", [404; 7]),
];

/// A session opens no door of the API's.
const NO_SECRET: [u16; 7] = [401; 7];
const OWN_ACCOUNT: [u16; 7] = [303, 422, 422, 422, 422, 422, 422];
/// What only an owner may do, on every plan.
const OWNER_SEES: [u16; 7] = [303, 404, 403, 403, 403, 200, 200];
const OWNER_WRITES: [u16; 7] = [303, 404, 403, 403, 403, 422, 422];
const OWNER_FINDS_NOBODY: [u16; 7] = [303, 404, 403, 403, 403, 404, 404];
/// What only an owner may do, and only on Enterprise.
const OWNER_ON_ENTERPRISE: [u16; 7] = [303, 404, 403, 403, 403, 403, 422];

/// What managers may do too: the form is empty, or there is nothing of that id.
const IN_PROJECTS: [u16; 7] = [303, 404, 403, 422, 403, 422, 422];
const IN_NO_PROJECT: [u16; 7] = [303, 404, 403, 404, 403, 404, 404];
/// The same of what only owners may do, on any plan.
const OWNER_WITH_A_FORM: [u16; 7] = [303, 404, 403, 403, 403, 422, 422];
const OWNER_OF_NOTHING: [u16; 7] = [303, 404, 403, 403, 403, 404, 404];

#[test]
fn every_route_is_expected_and_every_expected_route_is_there() {
    let mut routes: Vec<String> = route::table().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let mut expected: Vec<&str> = EXPECTED.iter().map(|(route, _)| *route).collect();
    routes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(routes, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_they_may_and_no_more() {
    let product = Product::start().await;
    let mut wrong = Vec::new();
    for person in &everybody(&product).await {
        for attempt in attempts(person) {
            let answer = person.try_out(&attempt, |request| request, true).await;
            let expected = attempt.expected[person.column];
            if answer.status != expected {
                wrong.push(format!(
                    "{} {}: {} instead of {expected}",
                    person.who, attempt.route, answer.status
                ));
            }
            wrong.extend(wrong_face(person, &attempt, &answer));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

/// What the answer says besides its status.
fn wrong_face(person: &Person, attempt: &Attempt, answer: &Answer) -> Option<String> {
    let page = attempt.face == Face::Page;
    let complaint = match answer.status {
        // Back to where one wanted to go, after signing in.
        303 if person.is_nobody() && attempt.method == Method::GET && attempt.path != "/" => {
            let expected = format!("/sign-in?return_to={}", attempt.path.replace('/', "%2F"));
            (answer.location() != Some(expected.as_str()))
                .then(|| format!("leads to {:?}", answer.location()))
        }
        403 if page && attempt.route.contains("/audit-logs") && person.is_member_but_no_owner() => {
            let names_owner = answer.body.contains(person.owner);
            (!names_owner).then(|| "does not name the owner to ask".to_owned())
        }
        401 | 403 | 404 | 422 if page => {
            let has_request_id = answer.body.contains(request_id(answer));
            (!has_request_id
                && !answer.body.contains("field--invalid")
                && !answer.body.contains("sign-in-error"))
            .then(|| "does not show its request id".to_owned())
        }
        401 => {
            let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
            (kind != Some("application/problem+json")).then(|| format!("is of type {kind:?}"))
        }
        _ => None,
    };
    complaint.map(|complaint| format!("{} {}: {} {complaint}", person.who, attempt.route, answer.status))
}

fn request_id(answer: &Answer) -> &str {
    answer.headers.get("x-request-id").and_then(|value| value.to_str().ok()).unwrap_or("no request id")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_verb_does_nothing_for_anybody() {
    let product = Product::start().await;
    let mut wrong = Vec::new();
    for person in &everybody(&product).await {
        for attempt in other_verbs(person) {
            let answer = person.try_out(&attempt, |request| request, false).await;
            let expected = attempt.expected[person.column];
            if answer.status != expected || (attempt.method == Method::HEAD && !answer.body.is_empty()) {
                wrong.push(format!(
                    "{} {} {}: {} instead of {expected}",
                    person.who, attempt.method, attempt.path, answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_token_changes_nothing() {
    let product = Product::start().await;
    let mut wrong = Vec::new();
    for person in &everybody(&product).await {
        for attempt in attempts(person).into_iter().filter(Attempt::is_form) {
            // Who is turned away sooner is turned away as ever.
            let expected = match attempt.expected[person.column] {
                303 if person.is_nobody() => 303,
                404 if person.is_stranger() && attempt.is_of_an_organization() => 404,
                _ => 403,
            };
            for token in [None, Some(""), Some("00000000000000000000000000000000")] {
                let fields: Vec<_> = token.iter().map(|token| ("csrf_token", *token)).collect();
                let answer = person.user.post(&attempt.path, &fields).await;
                if answer.status != expected {
                    let status = answer.status;
                    wrong.push(format!(
                        "{} {} {token:?}: {status}, not {expected}",
                        person.who, attempt.route
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_can_post_nothing() {
    let product = Product::start().await;
    let mut wrong = Vec::new();
    for person in everybody(&product).await {
        for attempt in attempts(&person).into_iter().filter(Attempt::is_form) {
            for (name, value) in [
                (ORIGIN.as_str(), "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
                (ORIGIN.as_str(), "null"),
            ] {
                let answer = person.try_out(&attempt, |request| request.header(name, value), true).await;
                if answer.status != 403 {
                    wrong
                        .push(format!("{} {} {name}: {value}: {}", person.who, attempt.route, answer.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_told_nothing() {
    let product = Product::start().await;
    let mut wrong = Vec::new();
    for person in everybody(&product).await {
        // Programs and probes come by other names; they bring no cookie.
        for attempt in attempts(&person).into_iter().filter(|attempt| attempt.face == Face::Page) {
            let answer =
                person.try_out(&attempt, |request| request.header(HOST, "evil.example"), false).await;
            if answer.status != 421 {
                wrong.push(format!("{} {}: {}", person.who, attempt.route, answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_404_and_a_wrong_method_a_405() {
    let product = Product::start().await;
    let owner = product.user("owner@acme.example").await;
    for path in
        ["/nothing", "/organizations/1", "/organizations/", "/static/nothing", "/v1/nothing", "/demo/nothing"]
    {
        let answer = owner.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    for (method, path) in [(Method::DELETE, "/sign-in"), (Method::GET, "/v1/events"), (Method::PUT, "/")] {
        let answer = send(owner.request(method.clone(), path)).await;
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.body);
    }
    product.stop().await;
}
