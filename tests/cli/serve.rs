//! `serve` on SQLite: one process to a data folder, nothing in it by default, and a stop that is a success.

use reqwest::Method;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::command::start_in;
use super::installation::Installation;
use super::keys;
use crate::support::http_user::HttpUser;

#[tokio::test(flavor = "multi_thread")]
async fn serve_says_in_one_line_of_json_that_it_is_ready_and_stops_when_told() {
    let installation = Installation::new();
    let (mut running, ready) = installation.serve();
    assert_eq!(keys(&ready), ["console_url", "listen", "role"]);
    assert_eq!(ready["role"], "all");
    let origin = ready["console_url"].as_str().unwrap();
    assert_eq!(origin, format!("http://{}", ready["listen"].as_str().unwrap()));
    let anybody = HttpUser::anonymous(origin);
    assert_eq!(anybody.get("/readyz").await.status, 200, "ready means ready");
    assert_eq!(anybody.get("/sign-in").await.status, 200);
    running.terminate();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "the line is the only one");
    assert!(ended.stderr.contains("aws.principal_arn"), "what is missing is logged: {}", ended.stderr);
    assert!(!ended.stderr.contains("trusted_proxies"), "there is no proxy: {}", ended.stderr);
}

#[test]
fn serve_says_to_people_where_it_is() {
    let installation = Installation::new();
    let flags = ["serve", "--listen", "127.0.0.1:0", "--public-url", "https://console.example.com"];
    let mut running = start_in(installation.folder(), &flags, &[]);
    let line = running.line();
    assert!(line.starts_with("Trailpost serves https://console.example.com on 127.0.0.1:"), "{line}");
    assert!(installation.folder().join("trailpost-data/trailpost.db").exists(), "the default data folder");
    running.terminate();
    let ended = running.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("server.trusted_proxies is empty"), "{}", ended.stderr);
}

#[test]
fn the_log_can_be_read_by_programs() {
    let installation = Installation::new();
    let flags = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let mut running = start_in(installation.folder(), &flags, &[("TRAILPOST__LOG__FORMAT", "json")]);
    running.line();
    running.terminate();
    let ended = running.end();
    let lines: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["level"] == "WARN"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_installation_holds_no_account_and_no_secret() {
    let installation = Installation::new();
    let (mut running, ready) = installation.serve();
    let origin = ready["console_url"].as_str().unwrap();
    let token = format!("tp_{}", "0".repeat(64));
    let sent = HttpUser::anonymous(origin).request(Method::POST, "/v1/events").bearer_auth(token).json(&1);
    assert_eq!(sent.send().await.unwrap().status(), 401);
    running.terminate();
    assert_eq!(running.end().code, Some(0));

    let file = installation.data().join("trailpost.db");
    let mut database = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'sqlite_sequence')",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert!(tables.iter().any(|table| table == "users"), "{tables:?}");
    for table in tables {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")));
        let count: i64 = count.fetch_one(&mut database).await.unwrap();
        assert_eq!(count, 0, "{table}");
    }
}

#[test]
fn a_second_server_on_a_data_folder_is_one_clear_line() {
    let installation = Installation::new();
    let (mut running, _) = installation.serve();
    let said = installation.refused(&["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(said.contains("in use by another Trailpost process"), "{said}");
    running.terminate();
    assert_eq!(running.end().code, Some(0), "the first one was not disturbed");
}

#[test]
fn parts_of_the_product_need_a_database_that_they_can_share() {
    for role in ["console", "writer"] {
        let said = Installation::new().refused(&["serve", "--role", role], 2);
        assert!(said.contains("server.role") && said.contains("PostgreSQL"), "{said}");
    }
}

#[test]
fn a_console_for_others_needs_a_public_url() {
    let said = Installation::new().refused(&["serve", "--listen", "0.0.0.0:0"], 2);
    assert!(said.contains("server.public_url") && said.contains("https://"), "{said}");
}
