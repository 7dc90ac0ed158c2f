//! Configuration from outside: what is wrong in it is named, what is secret in it is not shown.

use serde_json::Value;

use super::command::start_in;
use super::installation::Installation;

const SECRET_URL: &str = "postgres://app:hunter2@db.example/trailpost";

#[test]
fn an_unknown_key_is_named_with_where_it_stands() {
    let installation = Installation::new();
    std::fs::write(installation.folder().join("a.toml"), "[server]\nlisten_on = \"x\"\n").unwrap();
    for command in [&["serve"][..], &["check-config"], &["status"], &["organization", "list"], &["migrate"]] {
        let said = installation.refused(&[command, &["--config", "a.toml"]].concat(), 2);
        assert!(said.contains("server.listen_on") && said.contains("a.toml"), "{said}");
        let ended = installation.run_with(command, &[("TRAILPOST__STORE__PASSWORD", "hunter2")]);
        assert_eq!(ended.code, Some(2), "{command:?}");
        assert!(ended.stderr.contains("TRAILPOST__STORE__PASSWORD"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    assert!(!installation.data().exists(), "nothing was made");
}

#[test]
fn a_wrong_value_and_a_missing_file_are_named() {
    let installation = Installation::new();
    let said = installation.refused(&["serve", "--listen", "localhost"], 2);
    assert!(said.contains("server.listen") && said.contains("--listen"), "{said}");
    let said = installation.refused(&["status", "--config", "missing.toml"], 2);
    assert!(said.contains("missing.toml"), "{said}");
}

#[test]
fn check_config_prints_what_is_in_force_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("TRAILPOST__STORE__URL", SECRET_URL), ("TRAILPOST__DELIVERY__WINDOW_MINUTES", "5")];
    let text = start_in(folder.path(), &["check-config"], &environment).end();
    let json = start_in(folder.path(), &["check-config", "--json"], &environment).end();
    for ended in [&text, &json] {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(!ended.stdout.contains("hunter2") && ended.stdout.contains("postgres://app:…@db.example"));
    }
    assert!(text.stdout.contains("window_minutes = 5"), "{}", text.stdout);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["delivery"]["window_minutes"], 5);
    assert_eq!(json["server"]["public_url"], "http://127.0.0.1:8080");
    let flags = ["check-config", "--store", SECRET_URL, "--json"];
    let flag = start_in(folder.path(), &flags, &[]).end();
    assert!(!flag.stdout.contains("hunter2"), "{}", flag.stdout);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no database is made");
}

#[test]
fn what_check_config_prints_is_a_configuration() {
    let installation = Installation::new();
    let text = start_in(installation.folder(), &["check-config"], &[]).output_until("filter = ");
    std::fs::write(installation.folder().join("a.toml"), &text).unwrap();
    let json = |flags: &[&str]| start_in(installation.folder(), flags, &[]).end().stdout;
    assert_eq!(json(&["check-config", "--config", "a.toml", "--json"]), json(&["check-config", "--json"]));
}
