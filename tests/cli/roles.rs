//! A console and a writer, each a process of its own, on one PostgreSQL: together they do what one does alone.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;
use trailpost::domain::clock::Clock;
use trailpost::domain::organization::ExternalId;
use trailpost::sandbox::{Sandbox, SandboxConfig};

use super::installation::Installation;
use crate::support::bucket::delivered_records;
use crate::support::customer::Customer;
use crate::support::database::Engine;
use crate::support::http_user::{HttpUser, enable, send};
use crate::support::{eventually, submission};

#[tokio::test(flavor = "multi_thread")]
async fn a_console_and_a_writer_on_one_database_deliver_a_file() {
    let installation = Installation::on(Engine::Postgres).await;
    let created = installation.create_organization();
    let organization = created["organization_id"].as_str().unwrap();
    let token = installation.json(&["token", "create", "--producer", "api", "--organization", organization]);
    let stop = CancellationToken::new();
    let external_id = created["external_id"].as_str().unwrap().parse().unwrap();
    let sandbox = start_sandbox(&installation, &external_id, stop.clone()).await;
    let aws = format!("http://{}", sandbox.address());
    let installation = installation.with_environment(&[
        ("AWS_ENDPOINT_URL", &aws),
        ("AWS_REGION", world::REGION),
        ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
    ]);
    let (console, console_ready) = installation.serve_with(&["--role", "console"]);
    let (writer, writer_ready) = installation.serve_with(&["--role", "writer"]);
    let [console_at, writer_at] = [&console_ready, &writer_ready].map(origin);
    for origin in [&console_at, &writer_at] {
        assert_eq!(HttpUser::anonymous(origin).get("/readyz").await.status, 200);
    }
    assert_eq!(HttpUser::anonymous(&writer_at).get("/sign-in").await.status, 404, "a writer has no pages");

    let owner = accept(&console_at, created["invitation_url"].as_str().unwrap()).await;
    enable(&owner, organization).await;
    let request = owner.request(Method::POST, "/v1/events").bearer_auth(token["token"].as_str().unwrap());
    assert_eq!(send(request.json(&submission(organization, "docs"))).await.status, 202);

    let customer =
        Customer::new(&aws, world::REGION, world::CUSTOMER_ACCESS_KEY_ID, world::CUSTOMER_SECRET_ACCESS_KEY);
    end_the_window(&installation).await;
    let records = delivered_records(&customer, organization, 2).await;
    assert_eq!(records.len(), 2, "the record of enabling, and the producer's");
    assert_eq!(records[1]["event"]["resource_id"], "docs");

    for mut process in [console, writer] {
        process.terminate();
        let ended = process.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    stop.cancel();
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_a_console_was_asked_for_waits_for_a_writer() {
    let installation = Installation::on(Engine::Postgres).await;
    let created = installation.create_organization();
    let organization = created["organization_id"].as_str().unwrap();
    let installation = installation.with_environment(&[
        ("AWS_REGION", world::REGION),
        // Nobody listens there: a console that asked AWS itself would fail the check.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
    ]);
    let (_console, ready) = installation.serve_with(&["--role", "console"]);
    let console_at = origin(&ready);
    let owner = accept(&console_at, created["invitation_url"].as_str().unwrap()).await;
    let page = format!("/organizations/{organization}/settings/audit-logs");
    let fields =
        [("revision", "0"), ("role_arn", crate::support::ROLE_ARN), ("bucket", crate::support::BUCKET)];
    assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
    // Time enough for a console that would begin it itself.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let untouched = "UPDATE access_checks SET run_token = 0 WHERE state = 'waiting' AND run_token = 0";
    assert_eq!(installation.database.tamper(untouched).await, 1, "nobody has begun it");
    let _writer = installation.serve_with(&["--role", "writer"]);
    eventually("the writer finds out that AWS is not there", async || {
        owner.get(&page).await.body.contains("checklist__stage--failed").then_some(())
    })
    .await;
}

/// Where a process listens.
pub(super) fn origin(ready: &Value) -> String {
    format!("http://{}", ready["listen"].as_str().unwrap())
}

pub(super) async fn start_sandbox(
    installation: &Installation,
    external_id: &ExternalId,
    stop: CancellationToken,
) -> Sandbox {
    let clock = Clock::system();
    let config = SandboxConfig {
        folder: installation.folder().join("sandbox"),
        users: world::users(),
        roles: world::roles(external_id),
        keys: world::keys(),
        buckets: world::buckets(),
        members: world::members(),
        now: Arc::new(move || clock.now().as_millis()),
        seed: [7; 32],
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Sandbox::start(config, listener, stop).await.unwrap()
}

/// Sets the password that an invitation asks for; gives the new owner, signed in.
pub(super) async fn accept(console_at: &str, invitation_url: &str) -> HttpUser {
    let (_, token) = invitation_url.rsplit_once('/').unwrap();
    let path = format!("/invitations/{token}");
    let owner = HttpUser::anonymous(console_at);
    let fields = [("name", "Olivia Owens"), ("password", "correct horse battery")];
    let answer = owner.post_form(&path, &path, &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    owner
}

/// Moves what was stored into the past, instead of waiting until it is there.
async fn end_the_window(installation: &Installation) {
    let hour = 3_600_000;
    for statement in [
        format!("UPDATE records SET recorded_at = recorded_at - {hour}"),
        format!("UPDATE organizations SET last_recorded_at = last_recorded_at - {hour}"),
    ] {
        installation.database.tamper(&statement).await;
    }
}
