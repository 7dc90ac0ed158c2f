//! The operator’s commands, beside a server that runs.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::installation::Installation;
use super::keys;
use crate::support::http_user::HttpUser;
use crate::support::submission;

fn create(installation: &Installation, name: &str, plan: &str) -> Value {
    let flags =
        ["organization", "create", "--name", name, "--plan", plan, "--owner-email", "owner@acme.example"];
    installation.json(&flags)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// 64 hexadecimal digits behind the path, and nothing else.
fn assert_link(url: &str, start: &str) {
    let token = url.strip_prefix(start).unwrap_or_else(|| panic!("{url} begins with {start}"));
    assert!(
        token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{url}"
    );
}

#[test]
fn an_organization_is_made_listed_shown_and_given_another_plan() {
    let installation = Installation::new();
    let made = create(&installation, "Acme", "enterprise");
    assert_eq!(keys(&made), ["organization_id", "external_id", "invitation_url"]);
    assert_link(text(&made, "invitation_url"), "http://127.0.0.1:8080/invitations/");
    let id = text(&made, "organization_id");

    let listed = installation.json(&["organization", "list"]);
    let listed = &listed["organizations"][0];
    assert_eq!((text(listed, "organization_id"), text(listed, "audit_logs")), (id, "not_configured"));
    assert_eq!((text(listed, "health"), text(listed, "state")), ("ok", "open"));
    let shown = installation.json(&["organization", "show", id]);
    assert_eq!((text(&shown, "name"), text(&shown, "plan")), ("Acme", "enterprise"));
    assert_eq!(shown["external_id"], made["external_id"]);

    let set = installation.json(&["organization", "set-plan", id, "standard"]);
    assert_eq!((text(&set, "before"), text(&set, "plan")), ("enterprise", "standard"));
    assert_eq!(text(&installation.json(&["organization", "show", id]), "audit_logs"), "needs_enterprise");
    let status = installation.json(&["status"]);
    assert_eq!(
        (&status["organizations"], &status["integrations"]["needs_enterprise"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn links_are_made_and_revoked() {
    let installation = Installation::new();
    let made = create(&installation, "Acme", "starter");
    let id = text(&made, "organization_id");
    let invite = ["organization", "invite-owner", id, "--email", "second@acme.example"];
    let link = installation.json(&invite);
    assert_eq!(keys(&link), ["invitation_url", "expires_at"]);
    assert_link(text(&link, "invitation_url"), "http://127.0.0.1:8080/invitations/");
    let revoked = installation.json(&[&invite[..], &["--revoke"]].concat());
    assert_eq!(keys(&revoked), ["revoked"]);
    let reset = ["user", "reset-link", "--email", "nobody@acme.example"];
    for command in [&reset[..], &[&reset[..], &["--revoke"]].concat()] {
        let said = installation.refused(command, 1);
        assert!(
            said.contains("there is no account with the e-mail address nobody@acme.example; see"),
            "{said}"
        );
    }
}

#[test]
fn links_begin_with_the_public_url() {
    let installation = Installation::new();
    let flags =
        ["organization", "create", "--name", "Acme", "--plan", "starter", "--owner-email", "a@b.example"];
    let environment = [("TRAILPOST__SERVER__PUBLIC_URL", "https://console.example.com")];
    let ended = installation.run_with(&[&flags[..], &["--json"]].concat(), &environment);
    let made: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_link(text(&made, "invitation_url"), "https://console.example.com/invitations/");
    let ended = installation.run_with(&flags, &[("TRAILPOST__SERVER__LISTEN", "127.0.0.1:0")]);
    assert_eq!(ended.code, Some(2), "a link to an unknown port is no use");
    assert!(ended.stderr.contains("server.public_url"), "{}", ended.stderr);
    assert_eq!(installation.json(&["organization", "list"])["organizations"].as_array().unwrap().len(), 1);
}

async fn send(origin: &str, token: &str, organization_id: &str) -> StatusCode {
    let request = HttpUser::anonymous(origin).request(Method::POST, "/v1/events").bearer_auth(token);
    request.json(&submission(organization_id, "docs")).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_at_a_running_server_until_it_is_revoked() {
    let installation = Installation::new();
    let (mut running, ready) = installation.serve();
    let origin = text(&ready, "console_url");
    let acme = create(&installation, "Acme", "enterprise");
    let other = create(&installation, "Initech", "standard");
    let (acme, other) = (text(&acme, "organization_id"), text(&other, "organization_id"));
    let flags = ["token", "create", "--producer", "app", "--organization", acme, "--expires", "90d"];
    let made = installation.json(&flags);
    assert_eq!(keys(&made), ["token_id", "token"]);
    let (id, token) = (text(&made, "token_id"), text(&made, "token"));

    assert_eq!(send(origin, token, acme).await, StatusCode::ACCEPTED);
    assert_eq!(send(origin, token, other).await, StatusCode::UNPROCESSABLE_ENTITY, "not its organization");
    let listed = installation.json(&["token", "list"]);
    let listed = &listed["tokens"][0];
    assert_eq!((text(listed, "token_id"), text(listed, "producer")), (id, "app"));
    assert_eq!(listed["organizations"], serde_json::json!([acme]));
    assert!(!listed.to_string().contains(token), "a token is shown once");

    installation.json(&["token", "revoke", id]);
    assert_eq!(send(origin, token, acme).await, StatusCode::UNAUTHORIZED);
    let said = installation.refused(&["token", "revoke", id], 1);
    assert!(said.contains(id), "{said}");
    running.terminate();
    assert_eq!(running.end().code, Some(0), "commands do not disturb a server");
}

#[test]
fn a_token_without_a_scope_or_with_a_wrong_one_is_not_made() {
    let installation = Installation::new();
    installation.json(&["migrate"]);
    let create = ["token", "create", "--producer", "app"];
    let nobody = "0199f3c2-7d1a-7000-8000-0123456789ab";
    for wrong in [
        &[][..],
        &["--all-organizations", "--organization", nobody],
        &["--organization", "acme"],
        &["--all-organizations", "--expires", "0d"],
        &["--all-organizations", "--expires", "-1d"],
        &["--all-organizations", "--expires", "1month"],
        &["--all-organizations", "--expires", "59s"],
        &["--all-organizations", "--expires", "3651d"],
    ] {
        let ended = installation.run(&[&create[..], wrong].concat());
        assert_eq!(ended.code, Some(2), "{wrong:?}: {}", ended.stderr);
    }
    let said = installation.refused(&[&create[..], &["--organization", nobody]].concat(), 1);
    assert!(said.contains(&format!("there is no organization with the id {nobody}; see")), "{said}");
    let said = installation.refused(&["token", "revoke", nobody], 1);
    assert!(said.contains(&format!("there is no token with the id {nobody}")), "{said}");
    assert_eq!(installation.json(&["token", "list"])["tokens"], serde_json::json!([]));
}

#[test]
fn what_does_not_exist_is_said() {
    let installation = Installation::new();
    installation.json(&["migrate"]);
    let nobody = "0199f3c2-7d1a-7000-8000-0123456789ab";
    for command in [
        &["organization", "show", nobody][..],
        &["organization", "set-plan", nobody, "starter"],
        &["organization", "invite-owner", nobody, "--email", "a@b.example"],
        &["organization", "invite-owner", nobody, "--email", "a@b.example", "--revoke"],
    ] {
        let said = installation.refused(command, 1);
        assert!(said.contains(&format!("there is no organization with the id {nobody}; see")), "{said}");
    }
}

#[test]
fn a_command_that_only_looks_makes_nothing_where_there_is_nothing() {
    let installation = Installation::new();
    for command in [&["status"][..], &["organization", "list"], &["token", "list"]] {
        let said = installation.refused(command, 1);
        assert!(said.contains("there is no database"), "{said}");
    }
    assert!(!installation.data().exists());
}

#[test]
fn the_schema_is_made_and_its_version_told() {
    let installation = Installation::new();
    let migrated = installation.json(&["migrate"]);
    assert_eq!(keys(&migrated), ["schema_version"]);
    let status = installation.json(&["status"]);
    let named = [
        "schema_version",
        "organizations",
        "closing",
        "integrations",
        "pending_records",
        "pending_bytes",
        "oldest_pending",
        "failing",
        "open_checks",
    ];
    assert_eq!(keys(&status), named);
    assert_eq!(status["schema_version"], migrated["schema_version"]);
}

#[test]
fn people_get_text() {
    let installation = Installation::new();
    create(&installation, "Acme", "enterprise");
    for (command, part) in [
        (&["organization", "list"][..], "Acme"),
        (&["organization", "list"], "HEALTH"),
        (&["status"], "Organizations"),
        (&["token", "list"], "PRODUCER"),
        (&["token", "create", "--producer", "app", "--all-organizations"], "tp_"),
        (&["migrate"], "up to date"),
    ] {
        let ended = installation.run(command);
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.stderr);
        assert!(ended.stdout.contains(part) && !ended.stdout.starts_with('{'), "{}", ended.stdout);
    }
}
