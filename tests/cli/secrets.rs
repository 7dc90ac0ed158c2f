//! Nothing secret reaches the log, the database, the pages, the records or the files, whatever happens on the way.

use reqwest::Method;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;
use trailpost::sandbox::Sandbox;

use super::installation::Installation;
use super::roles::{accept, origin, start_sandbox};
use crate::support::http_user::{HttpUser, send};
use crate::support::page::hidden_field;
use crate::support::{BUCKET, ROLE_ARN, eventually, submission};

/// All that anybody can log of what we ask AWS.
const EVERYTHING: &str = "trace,aws_config=trace,aws_runtime=trace,aws_sdk_s3=trace,aws_sdk_sts=trace,\
                          aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,aws_sigv4=trace,hyper=trace";

/// The page of one organization's owner.
struct Owner {
    user: HttpUser,
    page: String,
    seen: String,
}

impl Owner {
    /// Presses this with these settings, and waits until the page shows this.
    async fn press(&mut self, button: &str, settings: &[(&str, &str)], shows: &str) {
        let (user, page) = (&self.user, &self.page);
        let revision =
            eventually("the page has buttons", async || hidden_field(&user.get(page).await.body, "revision"))
                .await;
        let fields = [settings, &[("revision", revision.as_str()), ("window_minutes", "1")]].concat();
        let answer = self.user.post_form(&self.page, &format!("{}/{button}", self.page), &fields).await;
        assert_eq!(answer.status, 303, "{button}: {}", answer.body);
        let (user, page) = (&self.user, &self.page);
        let html =
            eventually(shows, async || Some(user.get(page).await.body).filter(|html| html.contains(shows)))
                .await;
        self.seen += &html;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged_kept_shown_or_delivered() {
    let installation = Installation::new();
    let acme = installation.create_organization();
    let flags = ["--plan", "enterprise", "--owner-email", "owner@beta.example"];
    let beta = installation.json(&[&["organization", "create", "--name", "Beta"][..], &flags].concat());
    let [acme_id, beta_id] = [&acme, &beta].map(|made| text(made, "organization_id"));
    let external_ids = [&acme, &beta].map(|made| text(made, "external_id"));
    let token = installation.json(&["token", "create", "--producer", "api", "--all-organizations"]);
    let stop = CancellationToken::new();
    let sandbox = start_sandbox(&installation, &external_ids[0].parse().unwrap(), stop.clone()).await;
    let mut role_of_beta = world::roles(&external_ids[1].parse().unwrap()).swap_remove(0);
    role_of_beta.arn = format!("{ROLE_ARN}-beta");
    let arn_of_beta = role_of_beta.arn.clone();
    sandbox.put_role(role_of_beta).unwrap();
    let installation = installation.with_environment(&[
        ("RUST_LOG", EVERYTHING),
        ("AWS_ENDPOINT_URL", &sandbox.endpoint_url()),
        ("AWS_REGION", world::REGION),
        ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
    ]);
    let (mut process, ready) = installation.serve();
    let mut acme = owner_of(&ready, &acme, &acme_id).await;
    let mut beta = owner_of(&ready, &beta, &beta_id).await;

    let on = "aria-checked=\"true\"";
    let target = |role| [("role_arn", role), ("bucket", BUCKET)];
    let missing = [("role_arn", ROLE_ARN), ("bucket", "no-such-bucket")];
    acme.press("enable", &missing, "The bucket does not exist").await;
    acme.press("enable", &target(ROLE_ARN), on).await;
    beta.press("enable", &target(&arn_of_beta), on).await;
    for organization in [&acme_id, &beta_id] {
        let request = acme.user.request(Method::POST, "/v1/events").bearer_auth(text(&token, "token"));
        assert_eq!(send(request.json(&submission(organization, "docs"))).await.status, 202);
    }
    for owner in [&mut acme, &mut beta] {
        owner.press("deliver-now", &[], "Last file").await;
    }
    acme.press("update", &missing, "The bucket does not exist").await;
    acme.press("update", &[("role_arn", ROLE_ARN), ("bucket", "acme-audit-logs/moved")], "value=\"moved\"")
        .await;
    acme.press("check", &[], "Access last checked").await;
    process.terminate();
    let log = process.end().stderr;
    assert!(log.contains("TRACE") && log.contains("AssumeRole"), "everything is logged: {} bytes", log.len());

    let mut kept =
        vec![("the log", log.into_bytes()), ("Acme’s pages", acme.seen.into()), ("Beta’s", beta.seen.into())];
    kept.extend(files_in(&installation).into_iter().map(|bytes| ("the data folder", bytes)));
    let delivered = delivered(&sandbox).await;
    assert!(delivered.len() >= 3, "two files, and a test object");
    let secrets = secrets(&sandbox);
    assert!(secrets.len() > 6, "sessions were opened");
    for (place, bytes) in kept
        .iter()
        .map(|(place, bytes)| (*place, bytes))
        .chain(delivered.iter().map(|(_, bytes)| ("a delivered file", bytes)))
    {
        for (what, secret) in &secrets {
            assert!(!holds(bytes, secret), "{what} is in {place}");
        }
    }
    // The external ID of another organization.
    let [of_acme, of_beta] = &external_ids;
    assert!(holds(&kept[1].1, of_acme) && holds(&kept[2].1, of_beta), "each sees its own");
    assert!(!holds(&kept[1].1, of_beta) && !holds(&kept[2].1, of_acme), "and not the other’s");
    for id in &external_ids {
        assert!(!holds(&kept[0].1, id), "an external ID is in the log");
    }
    for (key, bytes) in &delivered {
        let other = if key.contains(acme_id.as_str()) { of_beta } else { of_acme };
        assert!(!holds(bytes, other), "the other’s external ID is in {key}");
    }
    stop.cancel();
    sandbox.stop().await;
}

async fn owner_of(ready: &Value, made: &Value, id: &str) -> Owner {
    let user = accept(&origin(ready), made["invitation_url"].as_str().unwrap()).await;
    Owner { user, page: format!("/organizations/{id}/settings/audit-logs"), seen: String::new() }
}

/// Whatever the sandbox handed out, and our own key.
fn secrets(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let mut secrets = vec![("our own secret key", world::OUR_SECRET_ACCESS_KEY.to_owned())];
    for session in sandbox.sessions() {
        secrets.push(("a session’s secret key", session.secret_access_key));
        secrets.push(("a session token", session.session_token));
    }
    secrets
}

async fn delivered(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for object in sandbox.list_objects(BUCKET) {
        let (_, bytes) = sandbox.read_object(BUCKET, &object.key).await.unwrap().unwrap();
        files.push((object.key, bytes));
    }
    files
}

fn files_in(installation: &Installation) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(installation.data()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        entries.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).collect();
    assert!(files.iter().any(|bytes| holds(bytes, "audit-log-integration")), "the records are among them");
    files
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
