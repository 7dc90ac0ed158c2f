//! The real `trailpost` command: what it prints, where, and with which exit code.

pub mod command;
mod configuration;
mod crash;
mod damage;
#[cfg(target_os = "linux")]
mod disk;
mod files;
pub mod installation;
mod kills;
mod log;
mod log_lines;
mod operator;
mod outage;
mod partitions;
#[cfg(target_os = "linux")]
mod permissions;
mod roles;
mod secrets;
mod serve;
mod stdout;
mod stopping;

use std::net::TcpListener;
use std::path::Path;

use reqwest::Method;
use reqwest::header::HOST;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::http_user::{HttpUser, send};
use command::{demo, run};

/// Loopback ports that are free, data that goes away, nothing that happens by itself.
const QUIET: &[&str] =
    &["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--ephemeral", "--no-activity"];

const KEYS: &[&str] = &[
    "console_url",
    "sandbox_url",
    "region",
    "access_key_id",
    "secret_access_key",
    "producer_token",
    "accounts",
];
const ACCOUNT_KEYS: &[&str] = &["email", "password", "role", "organization_id", "organization", "plan"];

#[tokio::test(flavor = "multi_thread")]
async fn demo_says_in_one_line_of_json_that_it_is_ready_and_stops_when_told() {
    let folder = tempdir().unwrap();
    let mut running = demo(folder.path(), &[QUIET, &["--json"]].concat());
    let line: Value = serde_json::from_str(&running.line()).unwrap();

    assert_eq!(keys(&line), KEYS);
    let accounts = line["accounts"].as_array().unwrap();
    let emails: Vec<_> = accounts.iter().map(|account| account["email"].as_str().unwrap()).collect();
    assert_eq!(
        emails,
        [
            "owner@acme.example",
            "manager@acme.example",
            "member@acme.example",
            "billing@acme.example",
            "owner@initech.example"
        ]
    );
    for account in accounts {
        assert_eq!(keys(account), ACCOUNT_KEYS);
    }

    let console = line["console_url"].as_str().unwrap();
    assert_eq!(HttpUser::anonymous(console).get("/readyz").await.status, 200, "ready means ready");
    let owner = &accounts[0];
    let text = |key: &str| owner[key].as_str().unwrap();
    HttpUser::sign_in(console, text("email"), text("password")).await;

    running.terminate();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "the line is the only one");
    assert_eq!(left_in(folder.path()), Vec::<String>::new(), "--ephemeral leaves nothing");
}

#[test]
fn demo_says_to_people_where_to_go() {
    let folder = tempdir().unwrap();
    let mut running = demo(folder.path(), QUIET);
    let greeting = running.output_until("owner@initech.example");
    assert!(greeting.contains("http://127.0.0.1:"), "{greeting}");
    assert!(greeting.contains("trailpost-demo"), "{greeting}");
    running.terminate();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn demo_keeps_its_data_in_the_folder_that_it_is_given() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let flags = ["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--no-activity", "--json"];
    let flags = [&flags[..], &["--data-dir", data.to_str().unwrap()]].concat();
    let token = |line: String| {
        let line: Value = serde_json::from_str(&line).unwrap();
        line["accounts"][0]["organization_id"].as_str().unwrap().to_owned()
    };

    let mut first = demo(folder.path(), &flags);
    let before = token(first.line());
    first.terminate();
    assert_eq!(first.end().code, Some(0));
    let mut second = demo(folder.path(), &flags);
    assert_eq!(token(second.line()), before, "the same organization is there again");
    second.terminate();
    assert_eq!(second.end().code, Some(0));
    assert_eq!(left_in(folder.path()), ["data"]);
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--sandbox-listen"] {
        let other = if flag == "--listen" { "--sandbox-listen" } else { "--listen" };
        let flags = [flag, &address, other, "127.0.0.1:0", "--ephemeral", "--no-activity", "--json"];
        let ended = run(&[&["demo"], &flags[..]].concat());
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(&address), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn wrong_use_is_told_apart_from_failure() {
    for wrong in [
        &["demo", "--no-such-flag"][..],
        &["no-such-command"],
        &["demo", "--listen", "nowhere"],
        // Other than loopback only with --expose.
        &["demo", "--listen", "0.0.0.0:0", "--sandbox-listen", "127.0.0.1:0", "--ephemeral"],
    ] {
        let ended = run(wrong);
        assert_eq!(ended.code, Some(2), "{wrong:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{wrong:?}");
        assert!(
            !ended.stderr.is_empty() && !ended.stderr.contains("panicked"),
            "{wrong:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn what_was_written_wrongly_is_repeated_without_what_a_terminal_obeys() {
    for wrong in [
        &["token", "create", "--all-organizations", "--producer", "\r\u{1b}[2Jall is well\u{7}"][..],
        &["serve", "--role", "\r\u{1b}[2Jall is well"],
    ] {
        let ended = run(wrong);
        assert_eq!(ended.code, Some(2), "{wrong:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("all is well"), "{:?}", ended.stderr);
        assert!(!ended.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exposed_demo_answers_by_any_name() {
    let folder = tempdir().unwrap();
    let flags = ["--listen", "0.0.0.0:0", "--sandbox-listen", "127.0.0.1:0", "--expose"];
    let mut running =
        demo(folder.path(), &[&flags[..], &["--ephemeral", "--no-activity", "--json"]].concat());
    let line: Value = serde_json::from_str(&running.line()).unwrap();
    let origin = line["console_url"].as_str().unwrap();
    assert!(origin.starts_with("http://127.0.0.1:"), "what this machine can open: {origin}");
    let request = HttpUser::anonymous(origin).request(Method::GET, "/sign-in");
    assert_eq!(send(request.header(HOST, "demo.internal:3000")).await.status, 200);
}

#[test]
fn help_is_for_reading() {
    let ended = run(&["--help"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("demo"), "{}", ended.stdout);
    let ended = run(&["demo", "--help"]);
    for flag in
        ["--listen", "--sandbox-listen", "--data-dir", "--ephemeral", "--window", "--no-activity", "--json"]
    {
        assert!(ended.stdout.contains(flag), "{flag} is explained in: {}", ended.stdout);
    }
}

#[test]
fn every_flag_of_serve_is_explained() {
    let ended = run(&["serve", "--help"]);
    for flag in ["--config", "--listen", "--public-url", "--store", "--data-dir", "--role", "--json"] {
        assert!(ended.stdout.contains(flag), "{flag} is explained in: {}", ended.stdout);
    }
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
