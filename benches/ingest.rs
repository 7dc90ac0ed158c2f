//! Ingestion through `POST /v1/events` beside its raw ceiling: the same rows written by sqlx in transactions of the
//! same size, with the same durability, in the same run.
//!
//! `cargo bench --bench ingest`

#![expect(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use trailpost::app::demo::{Demo, DemoOptions};

const CLIENTS: usize = 16;
const RECORDS_PER_REQUEST: usize = 100;
const ROUNDS: usize = 5;
const REQUESTS_PER_CLIENT: usize = 20;
const RECORDS: usize = CLIENTS * REQUESTS_PER_CLIENT * RECORDS_PER_REQUEST;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        DemoOptions { data_folder: Some(folder.path().join("product")), ..DemoOptions::ephemeral() };
    let demo = Demo::start(options).await.unwrap();
    let raw = raw_database(&folder.path().join("raw.db")).await;
    println!("{CLIENTS} clients x {RECORDS_PER_REQUEST} records, {RECORDS} records a round, SQLite");
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let product = per_second(through_http(&demo).await);
        let ceiling = per_second(through_sqlx(&raw, &demo).await);
        // The first round warms both up.
        if round > 0 {
            println!(
                "product {product:>8.0} records/s   raw {ceiling:>8.0} records/s   ratio {:.2}",
                product / ceiling
            );
            ratios.push(product / ceiling);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio: min {:.2}, median {:.2}, max {:.2}", ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
    demo.stop().await;
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
fn per_second(elapsed: Duration) -> f64 {
    RECORDS as f64 / elapsed.as_secs_f64()
}

fn body(organization_id: &str) -> Vec<Value> {
    let record = json!({
        "organization_id": organization_id,
        "client": { "userAgent": "python-client/7.3.0 (Linux; x86_64)" },
        "actor": {
            "principal_id": "0199f3c2-7d1a-7000-8000-0123456789ab",
            "principal_name": "owner@acme.example",
            "principal_type": "user",
            "display_name": "Olivia Owens",
        },
        "event": {
            "action": "create",
            "resource_type": "index",
            "resource_id": "docs-example",
            "resource_name": "docs-example",
            "outcome": { "result": "success" },
            "parameters": { "source_ip": "203.0.113.24", "note": "x".repeat(400) },
        },
    });
    vec![record; RECORDS_PER_REQUEST]
}

async fn through_http(demo: &Demo) -> Duration {
    let announced = demo.announcement();
    let url = format!("{}/v1/events", announced.console_url);
    let body = serde_json::to_string(&body(&announced.accounts[0].organization_id)).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let start = Instant::now();
    let clients = (0..CLIENTS).map(|_| async {
        for _ in 0..REQUESTS_PER_CLIENT {
            let request = client.post(&url).bearer_auth(&announced.producer_token);
            let request = request.header("content-type", "application/json").body(body.clone());
            assert_eq!(request.send().await.unwrap().status(), 202);
        }
    });
    futures::future::join_all(clients).await;
    start.elapsed()
}

async fn raw_database(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let schema = include_str!("../migrations/sqlite/0001_first_light.sql");
    sqlx::raw_sql(schema).execute(&pool).await.unwrap();
    pool
}

/// The rows that the product writes, each transaction as large as one request.
async fn through_sqlx(pool: &SqlitePool, demo: &Demo) -> Duration {
    let organization_id = &demo.announcement().accounts[0].organization_id;
    let line = serde_json::to_string(&body(organization_id)[0]).unwrap();
    sqlx::query(
        "INSERT INTO organizations (id, name, plan, external_id, created_at)
         VALUES ($1, 'Acme', 'enterprise', 'x', 0) ON CONFLICT DO NOTHING",
    )
    .bind(organization_id)
    .execute(pool)
    .await
    .unwrap();
    let (mut sequence,): (i64,) =
        sqlx::query_as("SELECT COALESCE(MAX(sequence), 0) FROM records").fetch_one(pool).await.unwrap();
    let start = Instant::now();
    for _ in 0..CLIENTS * REQUESTS_PER_CLIENT {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for _ in 0..RECORDS_PER_REQUEST {
            sequence += 1;
            sqlx::query(
                "INSERT INTO records (organization_id, sequence, record_id, recorded_at, bytes, running_bytes,
                                      producer, submission_digest, line)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(organization_id)
            .bind(sequence)
            .bind(format!("0199f3c2-7d1a-7000-8000-{sequence:012}"))
            .bind(1_790_000_000_000 + sequence)
            .bind(line.len() as i64)
            .bind(sequence * line.len() as i64)
            .bind("demo")
            .bind(vec![7_u8; 32])
            .bind(&line)
            .execute(&mut *transaction)
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
    }
    start.elapsed()
}
