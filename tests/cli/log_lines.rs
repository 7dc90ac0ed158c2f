//! The log as one object a line: a failure is one line that says what failed, for whom, in which request, and why, down
//! to the last cause; and nothing secret.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;

use super::installation::Installation;
use super::roles::{accept, origin, start_sandbox};
use crate::support::http_user::{HttpUser, enable, send};
use crate::support::page::hidden_field;
use crate::support::{eventually, submission};

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_one_line_with_its_request_its_organization_and_every_cause() {
    let installation = Installation::new();
    let created = installation.create_organization();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (acme, external_id) = (text(&created, "organization_id"), text(&created, "external_id"));
    let token = text(
        &installation.json(&["token", "create", "--producer", "my-product", "--all-organizations"]),
        "token",
    );
    let stop = CancellationToken::new();
    let sandbox = start_sandbox(&installation, &external_id.parse().unwrap(), stop.clone()).await;
    let installation = installation.with_environment(&[
        ("TRAILPOST__LOG__FORMAT", "json"),
        ("AWS_ENDPOINT_URL", &sandbox.endpoint_url()),
        ("AWS_REGION", world::REGION),
        ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
    ]);
    let (mut process, ready) = installation.serve();
    let invitation = text(&created, "invitation_url");
    let owner = accept(&origin(&ready), &invitation).await;
    enable(&owner, &acme).await;

    let post = |body: Value| owner.request(Method::POST, "/v1/events").bearer_auth(&token).json(&body);
    let mut unknown = submission(&acme, "wrong");
    unknown["s".repeat(100).as_str()] = json!("hunter2");
    let refused = send(post(json!([submission(&acme, "fine"), unknown]))).await;
    assert_eq!(refused.status, 422);
    assert_eq!(send(post(submission(&acme, "docs"))).await.status, 202);

    // AWS has forgotten the sessions, and the role.
    assert!(sandbox.remove_role(crate::support::ROLE_ARN));
    sandbox.forget_sessions();
    deliver_now(&owner, &acme).await;

    installation.database.tamper("ALTER TABLE projects RENAME TO projects_of_before").await;
    let broken = owner.get(&format!("/organizations/{acme}/projects")).await;
    assert_eq!(broken.status, 503, "{}", broken.body);
    process.terminate();
    let log = process.end().stderr;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}")))
        .collect();
    let of =
        |message: &str| -> Vec<&Value> { lines.iter().filter(|line| line["message"] == message).collect() };

    let refusals = of("a producer's request was refused");
    assert_eq!(refusals.len(), 1, "{log}");
    let line = refusals[0];
    assert_eq!((&line["level"], &line["producer"]), (&json!("INFO"), &json!("my-product")));
    assert_eq!((&line["status"], &line["index"]), (&json!(422), &json!(1)), "{line}");
    assert_eq!(line["field"], "s".repeat(64), "the beginning of what can be long: {line}");
    assert_eq!(line["span"]["request_id"], request_id(&refused.headers));
    assert_eq!((&line["span"]["method"], &line["span"]["path"]), (&json!("POST"), &json!("/v1/events")));

    let failures = of("delivery failed");
    assert!(!failures.is_empty(), "{log}");
    for line in failures {
        assert_eq!((&line["level"], &line["organization"]), (&json!("WARN"), &json!(acme)), "{line}");
        assert_eq!(line["cause"], "assume_role_denied", "{line}");
        assert_eq!((&line["stage"], &line["turn"]), (&json!("assume_role"), &json!("owner")), "{line}");
        assert_eq!((&line["aws_code"], &line["aws_status"]), (&json!("AccessDenied"), &json!(403)), "{line}");
        assert!(line["aws_request_id"].as_str().unwrap().len() > 10, "{line}");
        assert!(line["aws_message"].as_str().unwrap().contains("sts:AssumeRole"), "{line}");
        assert_eq!(line["batch"].as_str().unwrap().len(), 36, "{line}");
    }

    let errors = of("a request failed");
    assert_eq!(errors.len(), 1, "one line: {log}");
    let line = errors[0];
    assert_eq!((&line["level"], &line["status"]), (&json!("ERROR"), &json!(503)), "{line}");
    let chain = line["error"].as_str().unwrap();
    assert!(
        chain.starts_with("the database failed: ") && chain.contains("no such table: projects"),
        "{chain}"
    );
    assert_eq!(chain.matches("no such table").count(), 1, "each cause once: {chain}");
    assert_eq!(line["span"]["request_id"], request_id(&broken.headers));
    assert_eq!(line["span"]["organization"], json!(acme), "{line}");
    assert!(broken.body.contains(&request_id(&broken.headers)), "the page shows what to look for");

    for line in &lines {
        assert!(
            line["level"].is_string() && line["target"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
        assert!(line["message"].is_string(), "{line}");
    }
    let link = invitation.rsplit_once('/').unwrap().1.to_owned();
    let session = sandbox.sessions().first().map(|session| session.session_token.clone()).unwrap_or_default();
    for secret in [&token, &link, &external_id, world::OUR_SECRET_ACCESS_KEY, "hunter2", &session] {
        assert!(secret.is_empty() || !log.contains(secret), "a secret is in the log");
    }
    stop.cancel();
    sandbox.stop().await;
}

/// Presses **Deliver now**, and waits until the page says that it failed.
async fn deliver_now(owner: &HttpUser, organization: &str) {
    let page = format!("/organizations/{organization}/settings/audit-logs");
    let revision = hidden_field(&owner.get(&page).await.body, "revision").unwrap();
    let answer = owner.post_form(&page, &format!("{page}/deliver-now"), &[("revision", &revision)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    eventually("the page says that the delivery failed", async || {
        owner.get(&page).await.body.contains("AccessDenied").then_some(())
    })
    .await;
}

fn request_id(headers: &HeaderMap) -> String {
    headers["x-request-id"].to_str().unwrap().to_owned()
}
