//! kill -9 under load: what was acknowledged is delivered, once.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::tempdir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::command::demo;
use crate::support::bucket::delivered_records;
use crate::support::http_user::{HttpUser, enable};
use crate::support::product::Product;
use crate::support::{eventually, submission, with_id};

const CLIENTS: u32 = 4;
const ENOUGH: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_delivered_once_after_it() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let flags = ["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--no-activity", "--json"];
    let mut running = demo(folder.path(), &[&flags[..], &["--data-dir", data.to_str().unwrap()]].concat());
    let announced: Value = serde_json::from_str(&running.line()).unwrap();
    let origin = announced["console_url"].as_str().unwrap();
    let organization_id = announced["accounts"][0]["organization_id"].as_str().unwrap();
    let owner = HttpUser::sign_in(origin, "owner@acme.example", "trailpost-demo").await;
    enable(&owner, organization_id).await;

    let (acknowledge, mut acknowledged) = unbounded_channel();
    for client in 0..CLIENTS {
        tokio::spawn(send_until_it_dies(announced.clone(), client, acknowledge.clone()));
    }
    drop(acknowledge);
    let mut ids = Vec::new();
    while ids.len() < ENOUGH {
        ids.push(acknowledged.recv().await.unwrap());
    }
    running.kill();
    // The clients notice and end; what was acknowledged up to then counts.
    while let Some(id) = acknowledged.recv().await {
        ids.push(id);
    }

    let product = Product::start_in(&data).await;
    product.advance(Duration::from_secs(60));
    let customer = product.customer();
    let records = eventually("every acknowledged record is delivered", async || {
        // The record of enabling comes with them.
        let records = delivered_records(&customer, organization_id, ids.len() + 1).await;
        let is_there = |id: &String| records.iter().any(|record| record["id"] == **id);
        ids.iter().all(is_there).then_some(records)
    })
    .await;
    let mut seen = BTreeMap::<&str, usize>::new();
    for record in &records {
        *seen.entry(record["id"].as_str().unwrap()).or_default() += 1;
    }
    for id in &ids {
        assert_eq!(seen.get(id.as_str()), Some(&1), "{id} was acknowledged");
    }
    assert!(seen.values().all(|times| *times == 1), "nothing twice: {seen:?}");
    product.stop().await;
}

/// Sends one record after the other and tells which were acknowledged.
async fn send_until_it_dies(announced: Value, client: u32, acknowledge: UnboundedSender<String>) {
    let user = HttpUser::anonymous(announced["console_url"].as_str().unwrap());
    let token = announced["producer_token"].as_str().unwrap();
    for number in 0.. {
        let id = format!("0199f3c2-0000-7000-8000-{client:04}{number:08}");
        let request = user.request(Method::POST, "/v1/events").bearer_auth(token);
        let organization_id = announced["accounts"][0]["organization_id"].as_str().unwrap();
        let record = with_id(submission(organization_id, "docs"), &id);
        match request.json(&record).send().await {
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => acknowledge.send(id).unwrap(),
            _ => return,
        }
    }
}
