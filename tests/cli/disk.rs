//! A disk without room: stood in for by a bound on the size of files, which a running process can be given and relieved
//! of, and which its writes meet as they would meet a full disk: in the middle of whatever they do.

use std::cell::RefCell;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use super::command::{Running, start_under_limits};
use super::installation::Installation;
use crate::support::http_user::{Answer, HttpUser, send};
use crate::support::{eventually, submission, with_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_turns_readiness_off_refuses_records_and_is_over_with_its_cause() {
    let installation = Installation::new();
    let organization = installation.create_organization()["organization_id"].as_str().unwrap().to_owned();
    let token = installation.json(&["token", "create", "--producer", "api", "--all-organizations"]);
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--json"];
    let mut serving = start_under_limits(installation.folder(), &flags);
    let ready: Value = serde_json::from_str(&serving.line()).unwrap();
    let anybody = HttpUser::anonymous(ready["console_url"].as_str().unwrap());
    let post = async |id: &str| -> Answer {
        let request =
            anybody.request(Method::POST, "/v1/events").bearer_auth(token["token"].as_str().unwrap());
        send(request.json(&with_id(submission(&organization, "docs"), id))).await
    };
    assert_eq!(anybody.get("/readyz").await.status, 200);

    limit_files(&serving, &(largest_file(&installation) + 64 * 1024).to_string());
    let acknowledged = RefCell::new(Vec::new());
    let refused = eventually("the disk is full", async || {
        let id = format!("0199f3c2-7d1a-7000-8000-{:012}", acknowledged.borrow().len());
        let answer = post(&id).await;
        if answer.status == 202 {
            acknowledged.borrow_mut().push(id);
            return None;
        }
        Some((id, answer))
    })
    .await;
    let (id, answer) = refused;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("takes no writes"), "{problem}");
    let told = eventually("readiness is off", async || {
        let answer = anybody.get("/readyz").await;
        (answer.status == 503).then_some(answer.body)
    })
    .await;
    assert!(told.contains("the database can't be written"), "{told}");
    assert_eq!(anybody.get("/livez").await.status, 200, "the process itself is well");
    assert_eq!(anybody.get("/sign-in").await.status, 200, "what writes nothing is answered");
    assert_eq!(post(&id).await.status, 503, "still");

    limit_files(&serving, "unlimited");
    eventually("the process is ready again", async || {
        (anybody.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(post(&id).await.status, 202, "what was refused is taken");
    for id in acknowledged.take() {
        assert_eq!(post(&id).await.body, r#"{"accepted":0,"duplicates":1}"#, "{id} was acknowledged");
    }
    serving.terminate();
    let ended = serving.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("disk I/O error"), "the log says what the system said: {}", ended.stderr);
}

/// From here on no file of the process grows beyond so many bytes.
fn limit_files(process: &Running, bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &process.id().to_string(), &format!("--fsize={bytes}:")])
        .status()
        .expect("prlimit, of util-linux, is needed");
    assert!(limited.success());
}

fn largest_file(installation: &Installation) -> u64 {
    let entries = installation.data().read_dir().unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).max().unwrap()
}
