//! The commands of README.md, "The API", as they stand there, run by a shell against a running product.

use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::integration::owner;

const README: &str = include_str!("../../README.md");

/// The block of code under a heading.
fn block_under(heading: &str) -> &'static str {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("\n```\n").unwrap();
    let (block, _) = block.split_once("\n```\n").unwrap();
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_do_what_they_say() {
    let (product, program) = owner().await;
    let script = block_under("The API")
        .replace("tps_…", program.bearer().strip_prefix("Bearer ").unwrap())
        .replace("http://127.0.0.1:3000", product.origin())
        .replace("organizations/…", &format!("organizations/{}", program.organization));
    assert!(!script.contains('…'), "something else is to be filled in: {script}");
    let run = move || Command::new("bash").args(["-euc", &script]).stdin(Stdio::null()).output();
    let ran = spawn_blocking(run).await.unwrap().expect("bash and curl are needed");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let answers = serde_json::Deserializer::from_slice(&ran.stdout).into_iter::<Value>();
    let answers: Vec<Value> = answers.collect::<Result<_, _>>().unwrap();
    let [integration, check, checks, delivered, records] = &answers[..] else { panic!("{answers:#?}") };
    assert_eq!(integration["revision"], 0);
    assert_eq!(check["purpose"], "enable", "{check:#}");
    assert_eq!(checks["data"][0]["id"], check["id"]);
    assert!(delivered["pending_records"].is_u64(), "{delivered:#}");
    assert_eq!(records["data"][0]["sequence"], 1);
    product.stop().await;
}
