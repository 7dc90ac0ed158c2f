//! Ingestion through `POST /v1/events` beside its raw ceiling: the same rows written by sqlx in transactions of the
//! same size, with the same durability, on the same engine, in the same run. The product is the real `trailpost serve`.
//!
//! `cargo bench --bench ingest` measures SQLite and, if its server is installed, PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod postgres;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::SqlSafeStr as _;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailpost");
const CLIENTS: usize = 16;
const RECORDS_PER_REQUEST: usize = 100;
const ROUNDS: usize = 5;
const REQUESTS_PER_CLIENT: usize = 20;
const RECORDS: usize = CLIENTS * REQUESTS_PER_CLIENT * RECORDS_PER_REQUEST;

#[tokio::main]
async fn main() {
    println!("{CLIENTS} clients x {RECORDS_PER_REQUEST} records, {RECORDS} records a round, {ROUNDS} rounds");
    let folder = tempfile::tempdir().unwrap();
    let product = Product::start(&format!("sqlite:{}", folder.path().join("product.db").display()));
    let raw = Raw::on_sqlite(&folder.path().join("raw.db")).await;
    compare("SQLite", &product, &raw).await;
    drop(product);

    let cluster = tokio::task::spawn_blocking(|| {
        // As a server of an operator's would be: the tests' are not.
        postgres::Cluster::create(&["fsync=on", "full_page_writes=on"])
    })
    .await
    .unwrap();
    let raw = Raw::on_postgres(cluster.url()).await;
    let product = Product::start(&raw.make_database(cluster.url(), "product").await);
    compare("PostgreSQL", &product, &raw).await;
}

async fn compare(engine: &str, product: &Product, raw: &Raw) {
    println!("\n{engine}");
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let through_http = per_second(product.ingest().await);
        let ceiling = per_second(raw.write(&product.organization_id).await);
        // The first round warms both up.
        if round > 0 {
            let ratio = through_http / ceiling;
            println!(
                "product {through_http:>8.0} records/s   raw {ceiling:>8.0} records/s   ratio {ratio:.2}"
            );
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio: min {:.2}, median {:.2}, max {:.2}", ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
fn per_second(elapsed: Duration) -> f64 {
    RECORDS as f64 / elapsed.as_secs_f64()
}

/// The command, serving.
struct Product {
    process: Child,
    origin: String,
    token: String,
    organization_id: String,
}

impl Product {
    fn start(store: &str) -> Product {
        let organization = command(
            store,
            &[
                "organization",
                "create",
                "--name",
                "Acme",
                "--plan",
                "enterprise",
                "--owner-email",
                "a@b.example",
            ],
        );
        let token = command(store, &["token", "create", "--producer", "bench", "--all-organizations"]);
        let serve = ["serve", "--store", store, "--listen", "127.0.0.1:0", "--json"];
        let mut process = Command::new(PROGRAM).args(serve).stdout(Stdio::piped()).spawn().unwrap();
        let output = process.stdout.take().unwrap();
        let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
        // Its own owner from here on: a panic below ends the process too.
        let mut product = Product {
            process,
            origin: String::new(),
            token: text(&token, "token"),
            organization_id: text(&organization, "organization_id"),
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        product.origin = format!("http://{}", text(&serde_json::from_str(&line).unwrap(), "listen"));
        product
    }

    async fn ingest(&self) -> Duration {
        let url = format!("{}/v1/events", self.origin);
        let body = serde_json::to_string(&vec![record(&self.organization_id); RECORDS_PER_REQUEST]).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let start = Instant::now();
        let clients = (0..CLIENTS).map(|_| async {
            for _ in 0..REQUESTS_PER_CLIENT {
                let request = client.post(&url).bearer_auth(&self.token);
                let request = request.header("content-type", "application/json").body(body.clone());
                assert_eq!(request.send().await.unwrap().status(), 202);
            }
        });
        futures::future::join_all(clients).await;
        start.elapsed()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // Its data go with the benchmark.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(store: &str, arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM).args(arguments).args(["--store", store, "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn record(organization_id: &str) -> Value {
    json!({
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
    })
}

/// The same tables, without the product: on each engine written in the way that it likes best.
enum Raw {
    /// One writer, row by row: SQLite runs in the process.
    Sqlite(SqlitePool, AtomicI64),
    /// As many writers as clients, a transaction's rows in one statement.
    Postgres(PgPool, AtomicI64),
}

const INSERT: &str =
    "INSERT INTO records (organization_id, sequence, record_id, recorded_at, bytes, running_bytes,
                                           producer, submission_digest, line)";

impl Raw {
    async fn on_sqlite(file: &Path) -> Raw {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let schema = include_str!("../migrations/sqlite/0001_first_light.sql");
        sqlx::raw_sql(schema).execute(&pool).await.unwrap();
        Raw::Sqlite(pool, AtomicI64::new(0))
    }

    async fn on_postgres(server_url: &str) -> Raw {
        let most = u32::try_from(CLIENTS).unwrap();
        let pool = PgPoolOptions::new().max_connections(most).connect(server_url).await.unwrap();
        let schema = include_str!("../migrations/postgres/0001_first_light.sql");
        sqlx::raw_sql(schema).execute(&pool).await.unwrap();
        Raw::Postgres(pool, AtomicI64::new(0))
    }

    /// A database for the product on the same server.
    async fn make_database(&self, server_url: &str, name: &'static str) -> String {
        let Raw::Postgres(pool, _) = self else { unreachable!() };
        assert_eq!(name, "product");
        sqlx::raw_sql("CREATE DATABASE product TEMPLATE template0").execute(pool).await.unwrap();
        postgres::url_of_database(server_url, name)
    }

    /// The rows that the product writes, each transaction as large as one request.
    async fn write(&self, organization_id: &str) -> Duration {
        const ORGANIZATION: &str = "INSERT INTO organizations (id, name, plan, external_id, created_at)
                                    VALUES ($1, 'Acme', 'enterprise', 'x', 0) ON CONFLICT DO NOTHING";
        let line = serde_json::to_string(&record(organization_id)).unwrap();
        match self {
            Raw::Sqlite(pool, last) => {
                sqlx::query(ORGANIZATION).bind(organization_id).execute(pool).await.unwrap();
                let start = Instant::now();
                for _ in 0..CLIENTS * REQUESTS_PER_CLIENT {
                    write_to_sqlite(pool, organization_id, next(last), &line).await;
                }
                start.elapsed()
            }
            Raw::Postgres(pool, last) => {
                sqlx::query(ORGANIZATION).bind(organization_id).execute(pool).await.unwrap();
                let start = Instant::now();
                let clients = (0..CLIENTS).map(|_| async {
                    for _ in 0..REQUESTS_PER_CLIENT {
                        write_to_postgres(pool, organization_id, next(last), &line).await;
                    }
                });
                futures::future::join_all(clients).await;
                start.elapsed()
            }
        }
    }
}

/// The sequences of the next transaction.
fn next(last: &AtomicI64) -> std::ops::RangeInclusive<i64> {
    let many = i64::try_from(RECORDS_PER_REQUEST).unwrap();
    let before = last.fetch_add(many, Ordering::Relaxed);
    before + 1..=before + many
}

fn record_id(sequence: i64) -> String {
    format!("0199f3c2-7d1a-7000-8000-{sequence:012}")
}

async fn write_to_sqlite(
    pool: &SqlitePool,
    organization_id: &str,
    sequences: std::ops::RangeInclusive<i64>,
    line: &str,
) {
    let bytes = i64::try_from(line.len()).unwrap();
    let insert = format!("{INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    let insert = sqlx::AssertSqlSafe(insert).into_sql_str();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for sequence in sequences {
        sqlx::query(insert.clone())
            .bind(organization_id)
            .bind(sequence)
            .bind(record_id(sequence))
            .bind(1_790_000_000_000 + sequence)
            .bind(bytes)
            .bind(sequence * bytes)
            .bind("bench")
            .bind(vec![7_u8; 32])
            .bind(line)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn write_to_postgres(
    pool: &PgPool,
    organization_id: &str,
    sequences: std::ops::RangeInclusive<i64>,
    line: &str,
) {
    let bytes = i64::try_from(line.len()).unwrap();
    let sequences: Vec<i64> = sequences.collect();
    let insert = format!(
        "{INSERT} SELECT $1, sequence, record_id, 1790000000000 + sequence, $2, sequence * $2, 'bench', $3, $4
         FROM UNNEST($5::bigint[], $6::text[]) AS new (sequence, record_id)"
    );
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .bind(organization_id)
        .bind(bytes)
        .bind(vec![7_u8; 32])
        .bind(line)
        .bind(&sequences)
        .bind(sequences.iter().map(|sequence| record_id(*sequence)).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}
