//! Ingestion under kill -9: what was acknowledged is there, once, and a request that was cut off can be sent again.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use trailpost::domain::clock::Clock;
use trailpost::domain::id::OrganizationId;
use trailpost::domain::sequence::Sequence;
use trailpost::store::Opening;

use super::installation::Installation;
use crate::support::EVERYTHING;
use crate::support::database::{Engine, TestDatabase};
use crate::support::http_user::HttpUser;
use crate::support::{DEADLINE, submission, with_id};

const CLIENTS: u32 = 16;
const RECORDS_PER_REQUEST: u32 = 10;
const KILLS: u32 = 3;
/// Acknowledged requests before each kill.
const ENOUGH: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_what_was_acknowledged_outlives_every_kill_once() {
    survive(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_what_was_acknowledged_outlives_every_kill_once() {
    survive(Engine::Postgres).await;
}

/// A request, by its client and number; what it holds follows from them.
type RequestName = (u32, u32);

async fn survive(engine: Engine) {
    let installation = Installation::on(engine).await;
    let organization = installation.create_organization()["organization_id"].as_str().unwrap().to_owned();
    let token = installation.json(&["token", "create", "--producer", "crash", "--all-organizations"]);
    let producer = Arc::new(Producer { organization, token: token["token"].as_str().unwrap().to_owned() });

    let mut acknowledged = Vec::new();
    let mut cut_off: Vec<RequestName> = (0..CLIENTS).map(|client| (client, 0)).collect();
    for _ in 0..KILLS {
        let (mut serving, ready) = installation.serve();
        let origin = ready["console_url"].as_str().unwrap();
        let (ended, mut endings) = unbounded_channel();
        let (acknowledge, mut answers) = unbounded_channel();
        for first in cut_off.drain(..) {
            let (producer, origin) = (Arc::clone(&producer), origin.to_owned());
            let (acknowledge, ended) = (acknowledge.clone(), ended.clone());
            // What was cut off is sent again first: a producer that wants to lose nothing does so.
            tokio::spawn(async move {
                let last = producer.send_until_it_dies(&origin, first, &acknowledge).await;
                ended.send(last).unwrap();
            });
        }
        drop((acknowledge, ended));
        let before = some(&mut answers, ENOUGH).await;
        assert_eq!(before.len(), ENOUGH, "the clients ended before the kill");
        acknowledged.extend(before);
        serving.kill();
        // The clients notice and end; what was acknowledged up to then counts.
        acknowledged.extend(some(&mut answers, usize::MAX).await);
        cut_off = some(&mut endings, usize::MAX).await;
        assert_eq!(cut_off.len(), CLIENTS as usize);
    }
    let stored = stored_ids(&installation.database, &producer.organization).await;
    for name in acknowledged {
        for id in ids(name) {
            assert_eq!(stored.get(&id), Some(&1), "{id} was acknowledged");
        }
    }
    assert!(stored.values().all(|times| *times == 1), "nothing twice: {stored:?}");
    for name in cut_off {
        let there = ids(name).iter().filter(|id| stored.contains_key(*id)).count();
        assert!(
            there == 0 || there == RECORDS_PER_REQUEST as usize,
            "a request is there whole or not at all"
        );
    }
}

struct Producer {
    organization: String,
    token: String,
}

impl Producer {
    /// Sends one request after the other; gives the one that was not answered.
    async fn send_until_it_dies(
        &self,
        origin: &str,
        (client, first): RequestName,
        acknowledge: &UnboundedSender<RequestName>,
    ) -> RequestName {
        let user = HttpUser::anonymous(origin);
        let mut number = first;
        loop {
            let records = ids((client, number)).into_iter().map(|id| {
                let record = submission(&self.organization, "docs");
                with_id(record, &id)
            });
            let body: Value = records.collect();
            let request = user.request(Method::POST, "/v1/events").bearer_auth(&self.token).json(&body);
            match request.send().await {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                    acknowledge.send((client, number)).unwrap();
                }
                Ok(answer) => panic!("{}: {:?}", answer.status(), answer.text().await),
                Err(_) => return (client, number),
            }
            number += 1;
        }
    }
}

fn ids((client, number): RequestName) -> Vec<String> {
    let id = |record| format!("0199f3c2-0000-7000-8000-{client:03}{number:06}{record:03}");
    (0..RECORDS_PER_REQUEST).map(id).collect()
}

async fn some<T>(channel: &mut UnboundedReceiver<T>, enough: usize) -> Vec<T> {
    let mut found = Vec::new();
    while found.len() < enough {
        match timeout(DEADLINE, channel.recv()).await.expect("a client goes on") {
            Some(one) => found.push(one),
            None => break,
        }
    }
    found
}

/// How often each id is stored. Sequences that have a gap fail.
async fn stored_ids(database: &TestDatabase, organization: &str) -> BTreeMap<String, usize> {
    let store = database.open(Opening::Serve, &Clock::system()).await.unwrap();
    let organization: OrganizationId = organization.parse().unwrap();
    let last = Sequence::new(i64::MAX / 2).unwrap();
    let mut next = Sequence::new(1).unwrap();
    let mut ids = BTreeMap::new();
    loop {
        let page = store.lines(organization, next, last, EVERYTHING).await.unwrap();
        if page.is_empty() {
            return ids;
        }
        for stored in page {
            assert_eq!(stored.sequence, next, "sequences have no gap");
            next = next.next();
            let record: Value = serde_json::from_str(stored.line.as_str()).unwrap();
            assert_ne!(record["id"], json!(null));
            *ids.entry(record["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
}
