//! Looking through Activity: the first page, each filter and a combination that is rare, beside a trivial read of the
//! same database in the same run; and what appending takes while the index is filled, and while it is not.
//!
//! `cargo bench --bench activity` fills 1,000,000 records into SQLite through the store's own functions;
//! `TRAILPOST_ACTIVITY_RECORDS=100000` takes fewer.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailpost::domain::activity::{ActivityFilter, TypedFilter};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::submission::SubmittedRecord;
use trailpost::store::{ActivityCursor, Opening, Store, StoreUrl};

const ROUNDS: usize = 20;
const A_REQUEST: usize = 100;
const IN_BULK: usize = 5000;
/// One record in so many is of the action that is asked for together with another.
const RARE: usize = 1000;

#[tokio::main]
async fn main() {
    let records: usize =
        std::env::var("TRAILPOST_ACTIVITY_RECORDS").map_or(1_000_000, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("sqlite:{}", folder.path().join("bench.db").display()).parse().unwrap();
    let store = Store::open(&url, Opening::Serve, 8, Clock::system(), Entropy::system()).await.unwrap();
    let acme = store.create_organization("Acme".parse().unwrap(), Plan::Enterprise).await.unwrap();

    let start = Instant::now();
    fill(&store, &acme, records).await;
    println!("{records} records appended in {:.0?}", start.elapsed());
    append_beside_the_index(&store, &acme, records).await;
    let start = Instant::now();
    let steps = index(&store).await;
    println!("the rest of the index filled in {:.0?}, {steps} steps", start.elapsed());
    look_through(&store, &acme).await;
    rest(&store).await;
}

/// Appends until there are that many.
async fn fill(store: &Store, acme: &Organization, records: usize) {
    let entropy = Entropy::seeded(1);
    for first in (0..records).step_by(IN_BULK) {
        let many = IN_BULK.min(records - first);
        append(store, (first..first + many).map(|number| record(acme, number, &entropy)).collect()).await;
    }
}

async fn append(store: &Store, records: Vec<SubmittedRecord>) {
    store.ingest("bench".parse().unwrap(), records).await.unwrap();
}

/// Requests of a hundred records, one after the other: with the index at rest, and while it is filled as the writer does.
async fn append_beside_the_index(store: &Store, acme: &Organization, records: usize) {
    let entropy = Entropy::seeded(2);
    let requests = |from: usize| (from..).step_by(A_REQUEST).take(10 * ROUNDS);
    let mut taken = Vec::new();
    for first in requests(records) {
        taken.push(time_append(store, acme, first, &entropy).await);
    }
    report("append, the index at rest", &mut taken);
    let filling = tokio::spawn({
        let store = store.clone();
        async move {
            let mut behind = store.behind_in_activity(None).await.unwrap();
            while !behind.is_empty() {
                behind = store.index_activity(behind).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let mut taken = Vec::new();
    for first in requests(records + 10 * ROUNDS * A_REQUEST) {
        taken.push(time_append(store, acme, first, &entropy).await);
    }
    println!("the index was {} meanwhile", if filling.is_finished() { "filled" } else { "being filled" });
    filling.abort();
    report("append, the index being filled", &mut taken);
}

async fn time_append(store: &Store, acme: &Organization, first: usize, entropy: &Entropy) -> Duration {
    let records = (first..first + A_REQUEST).map(|number| record(acme, number, entropy)).collect();
    let start = Instant::now();
    append(store, records).await;
    start.elapsed()
}

async fn index(store: &Store) -> usize {
    let mut steps = 0;
    let mut behind = store.behind_in_activity(None).await.unwrap();
    while !behind.is_empty() {
        behind = store.index_activity(behind).await.unwrap();
        steps += 1;
    }
    steps
}

async fn look_through(store: &Store, acme: &Organization) {
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        store.schema_version().await.unwrap();
        taken.push(start.elapsed());
    }
    let trivial = report("a trivial read", &mut taken);
    let asked = [
        ("first page", json!({})),
        ("actor", json!({ "actor": "person-7@acme.example" })),
        ("action", json!({ "action": "create" })),
        ("resource type", json!({ "resource_type": "index" })),
        ("resource ID", json!({ "resource_id": "resource-77" })),
        ("outcome", json!({ "outcome": "failure" })),
        ("producer", json!({ "producer": "bench" })),
        ("time", json!({ "from": "2020-01-01T00:00", "to": "2100-01-01T00:00" })),
        ("nothing", json!({ "actor": "nobody" })),
        (
            "rare together",
            json!({ "action": "restore", "outcome": "failure", "actor": "person-7@acme.example" }),
        ),
        ("never together", json!({ "action": "create", "resource_type": "backup", "outcome": "failure" })),
        (
            "everything at once",
            json!({
                "from": "2020-01-01T00:00", "actor": "person-7@acme.example", "action": "create",
                "resource_type": "index", "resource_id": "resource-77", "outcome": "success", "producer": "bench",
            }),
        ),
    ];
    for (name, fields) in asked {
        let filter = serde_json::from_value::<TypedFilter>(fields).unwrap().parse().unwrap();
        look_for(store, acme, name, &filter, trivial).await;
    }
}

async fn look_for(
    store: &Store,
    acme: &Organization,
    name: &str,
    filter: &ActivityFilter,
    trivial: Duration,
) {
    let (mut taken, mut found, mut older) = (Vec::new(), 0, None);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let page = store.activity(acme.id, filter.clone(), ActivityCursor::Newest).await.unwrap();
        taken.push(start.elapsed());
        (found, older) = (page.records.len(), page.older);
    }
    let median = report(name, &mut taken);
    let bounded = older.is_some_and(|older| older.searched_to.is_some());
    println!(
        "{:>36} {found} records{}, {:.0} trivial reads",
        "",
        if bounded { ", and further back to search" } else { "" },
        median.as_secs_f64() / trivial.as_secs_f64()
    );
}

/// What looking for work costs where there is none.
async fn rest(store: &Store) {
    for number in 0..10_000 {
        store.create_organization(format!("Tenant {number}").parse().unwrap(), Plan::Starter).await.unwrap();
    }
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        assert!(store.behind_in_activity(None).await.unwrap().is_empty());
        taken.push(start.elapsed());
    }
    report("nothing to index, 10,001 organizations", &mut taken);
}

fn report(name: &str, taken: &mut [Duration]) -> Duration {
    taken.sort_unstable();
    let median = taken[taken.len() / 2];
    let worst = taken.last().unwrap();
    println!("{name:<40} median {median:>10.2?}   most {worst:>10.2?}");
    median
}

fn record(acme: &Organization, number: usize, entropy: &Entropy) -> SubmittedRecord {
    let [action, kind, person, resource, outcome, more] = entropy.bytes::<6>().map(usize::from);
    let person = format!("person-{}@acme.example", person % 50);
    let resource = format!("resource-{}", resource + 256 * (more % 4));
    let action =
        if number.is_multiple_of(RARE) { "restore" } else { ["create", "update", "delete"][action % 3] };
    let backup = action != "create" && kind.is_multiple_of(2);
    let mut value = json!({
        "organization_id": acme.id.to_string(),
        "client": { "userAgent": "python-client/7.3.0 (Linux; x86_64)" },
        "actor": { "principal_id": person, "principal_name": person, "principal_type": "user" },
        "event": {
            "action": action,
            "resource_type": if backup { "backup" } else { "index" },
            "resource_id": resource,
            "resource_name": resource,
            "outcome": { "result": "success" },
            "parameters": { "source_ip": "203.0.113.24", "note": "x".repeat(200) },
        },
    });
    if outcome.is_multiple_of(10) {
        value["event"]["outcome"] = failure();
    }
    SubmittedRecord::parse(value).unwrap()
}

fn failure() -> Value {
    json!({ "result": "failure", "reason": "Not allowed", "error_code": "PERMISSION_DENIED" })
}
