//! The log: who decides what is in it, and what never is.

use serde_json::Value;
use trailpost::demo::world;

use super::command::{demo, program_in, start_in, start_nowhere};
use super::installation::Installation;
use crate::support::http_user::{HttpUser, enable};

#[test]
fn a_rust_log_that_is_no_filter_is_one_clear_line() {
    let installation = Installation::new();
    let wrong = [("RUST_LOG", "trailpost=loud")];
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["status"], &["check-config"]] {
        let ended = installation.run_with(command, &wrong);
        assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("RUST_LOG: “trailpost=loud” is not a filter"), "{}", ended.stderr);
    }
    let output = program_in(installation.folder(), &["demo", "--ephemeral"]).envs(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!installation.data().exists(), "nothing was made");
}

#[test]
fn check_config_says_that_rust_log_wins() {
    let installation = Installation::new();
    let environment = [("RUST_LOG", "trailpost=debug")];
    let text = installation.run_with(&["check-config"], &environment).stdout;
    assert!(text.contains("RUST_LOG wins over log.filter: trailpost=debug"), "{text}");
    let json = installation.run_with(&["check-config", "--json"], &environment).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["log"]["rust_log"], "trailpost=debug");
    assert_eq!(installation.json(&["check-config"])["log"]["rust_log"], Value::Null, "only where it is set");
    let empty = installation.run_with(&["check-config"], &[("RUST_LOG", "")]).stdout;
    assert!(!empty.contains("RUST_LOG"), "{empty}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_everything_holds_no_token_of_a_link() {
    let everything = "trace,tower_http::csrf::service[{uri}]=trace";
    let installation = Installation::new().with_environment(&[("RUST_LOG", everything)]);
    let created = installation.create_organization();
    let token = created["invitation_url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let (mut running, ready) = installation.serve();
    let anybody = HttpUser::anonymous(ready["console_url"].as_str().unwrap());
    let path = format!("/invitations/{token}");
    assert_eq!(anybody.get(&path).await.status, 200);
    let fields = [("name", "Olivia Owens"), ("password", "correct horse battery")];
    assert_eq!(anybody.post_form(&path, &path, &fields).await.status, 303);
    anybody.get(&format!("/password-resets/{token}")).await;
    running.terminate();
    let log = running.end().stderr;
    assert!(log.contains("TRACE"), "everything is logged: {} bytes", log.len());
    let told: Vec<&str> = log.lines().filter(|line| line.contains(&token)).take(3).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_everything_about_aws_holds_no_key_and_no_session_token() {
    const SESSION_TOKEN: &str = "dHJhaWxwb3N0LXNhbmRib3";
    let everything = "trailpost=trace,aws_config=trace,aws_runtime=trace,aws_sdk_s3=trace,aws_sdk_sts=trace,\
                      aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,aws_sigv4=trace";
    let installation = Installation::new();
    let flags =
        ["--ephemeral", "--no-activity", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"];
    let mut running = start_in(
        installation.folder(),
        &[&["demo"][..], &flags[..], &["--json"]].concat(),
        &[("RUST_LOG", everything)],
    );
    let ready: Value = serde_json::from_str(&running.line()).unwrap();
    let account = &ready["accounts"][0];
    let word = |name: &str| account[name].as_str().unwrap();
    let owner =
        HttpUser::sign_in(ready["console_url"].as_str().unwrap(), word("email"), word("password")).await;
    enable(&owner, word("organization_id")).await;
    running.terminate();
    let log = running.end().stderr;
    assert!(log.contains("TRACE") && log.contains("AssumeRole"), "everything is logged: {} bytes", log.len());
    for secret in [SESSION_TOKEN, world::OUR_SECRET_ACCESS_KEY] {
        let told: Vec<&str> = log.lines().filter(|line| line.contains(secret)).take(3).collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}

#[test]
fn a_missing_region_is_said_once_and_by_its_name() {
    let installation = Installation::new();
    let flags = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let mut running = start_nowhere(installation.folder(), &flags);
    running.line();
    running.terminate();
    let log = running.end().stderr;
    let told: Vec<&str> =
        log.lines().filter(|line| line.contains("region") || line.contains("REGION")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("AWS_REGION is not set") && told[0].contains("trailpost"), "{log}");
    assert!(!log.contains("aws_config"), "{log}");

    let mut running = start_in(installation.folder(), &flags, &[]);
    running.line();
    running.terminate();
    assert!(!running.end().stderr.contains("AWS_REGION"), "only where it is missing");
    let quiet =
        ["--ephemeral", "--no-activity", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"];
    let mut running = demo(installation.folder(), &[&quiet[..], &["--json"]].concat());
    running.line();
    running.terminate();
    assert_eq!(running.end().stderr, "", "the demo states its region");
}
