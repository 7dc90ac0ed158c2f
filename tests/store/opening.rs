//! What can't be opened: a database of another program, which is left as it is, and what the operator has to mend.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::store::{Opening, Store, StoreError, StoreUrl};

use crate::support::database::{Engine, TestDatabase, new_database};
use crate::support::postgres;

const OPENINGS: [Opening; 4] = [Opening::Serve, Opening::Migrate, Opening::FirstCommand, Opening::Command];
/// As sqlx makes it.
const BOOKS: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL)";

/// Why a database was not opened.
pub fn cause(error: StoreError) -> StoreError {
    match error {
        StoreError::Open { error, .. } => *error,
        other => panic!("it does not say which database: {other}"),
    }
}

async fn run(url: &str, statements: &[&str]) {
    for statement in statements {
        let statement = AssertSqlSafe((*statement).to_owned());
        if let Some(file) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
            let mut connection = options.connect().await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn open(url: &str, opening: Opening) -> Result<Store, StoreError> {
    let url: StoreUrl = url.parse().unwrap();
    Store::open(&url, opening, 4, Clock::system(), Entropy::system()).await
}

async fn refused(url: &str, opening: Opening) -> StoreError {
    open(url, opening).await.err().unwrap_or_else(|| panic!("{url} is opened"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let date =
        "INSERT INTO _sqlx_migrations VALUES (20240101000000, 'users', CURRENT_TIMESTAMP, TRUE, '1', 1)";
    let first = "INSERT INTO _sqlx_migrations VALUES (1, 'users', CURRENT_TIMESTAMP, TRUE, '1', 1)";
    let users = "CREATE TABLE users (id BIGINT)";
    for statements in [&[users][..], &[BOOKS, users], &[BOOKS, date, users], &[BOOKS, first, users]] {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let database = TestDatabase::make(engine).await;
            run(database.url(), statements).await;
            let before = what_is_there(&database).await;
            for opening in OPENINGS {
                let error = refused(database.url(), opening).await;
                assert!(error.to_string().contains("give Trailpost one of its own"), "{error}");
                assert!(matches!(cause(error), StoreError::Foreign), "{engine:?}, {opening:?}");
            }
            assert_eq!(what_is_there(&database).await, before, "{engine:?}");
        }
    }
}

/// On SQLite every file with its bytes, on PostgreSQL every table and index.
async fn what_is_there(database: &TestDatabase) -> Vec<(String, Vec<u8>)> {
    if let Some(file) = database.url().strip_prefix("sqlite:") {
        let entries = Path::new(file).parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        return files;
    }
    let mut connection = database.connect_to_postgres().await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    names.into_iter().map(|name| (name, Vec::new())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_ours_says_so_in_its_header() {
    let database = TestDatabase::make(Engine::Sqlite).await;
    open(database.url(), Opening::FirstCommand).await.unwrap().close().await;
    let mut connection = database.connect_to_sqlite().await;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.unwrap();
    assert_eq!(&id.to_be_bytes(), b"TrPo");
    let vacuum: i32 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut connection).await.unwrap();
    assert_eq!(vacuum, 2, "incremental");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_the_first_schema_of_the_search_path_counts_alone() {
    let database = TestDatabase::make(Engine::Postgres).await;
    open(database.url(), Opening::Migrate).await.unwrap().close().await;
    run(database.url(), &["CREATE SCHEMA other"]).await;
    let other = format!("{}?options=-csearch_path%3Dother,public", database.url());
    assert!(matches!(cause(refused(&other, Opening::Command).await), StoreError::NoDatabase));
    open(&other, Opening::Migrate).await.unwrap().close().await;
    open(&other, Opening::Command).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_server_lets_nobody_in_is_told_with_what_to_do() {
    let url = new_database(postgres::shared_url()).await;
    let (_, at) = url.split_once('@').unwrap();
    for (url, parts) in [
        (
            format!("postgres://postgres:hunter2@{at}"),
            &["password authentication failed", "correct user"][..],
        ),
        (postgres::url_of_database(&url, "missing"), &["\"missing\" does not exist", "CREATE DATABASE"]),
        (
            "postgres://app:hunter2@127.0.0.1:1/t".to_owned(),
            &["refused", "start PostgreSQL", "app:…@127.0.0.1:1/t"],
        ),
    ] {
        let started = std::time::Instant::now();
        let told = refused(&url, Opening::Serve).await.to_string();
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        assert!(!told.contains("hunter2") && !told.contains("at line"), "{told}");
        assert!(told.starts_with("can't open the database postgres://"), "{told}");
        assert!(started.elapsed().as_secs() < 5, "the pool's time is not waited for: {told}");
    }
    // Somebody who may come in and make nothing.
    run(&url, &["CREATE ROLE visitor LOGIN PASSWORD 'visitor'"]).await;
    let told = refused(&format!("postgres://visitor:visitor@{at}"), Opening::Serve).await.to_string();
    assert!(told.contains("permission denied") && told.contains("owner of the database"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_given_five_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app:hunter2@{}/t", silent.local_addr().unwrap());
    let told = refused(&url, Opening::Command).await.to_string();
    assert!(told.contains("did not answer within 5s; check host and port"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_sqlite_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "These are notes, and no database.\n".repeat(100)).unwrap();
    for (path, part) in [
        (file.clone(), "name another file: this one is not SQLite's"),
        (file.join("trailpost.db"), "a file is where its folder should be"),
        (folder.path().to_owned(), "name a file in it"),
    ] {
        for opening in [Opening::Command, Opening::Serve] {
            let told = refused(&format!("sqlite:{}", path.display()), opening).await.to_string();
            assert!(
                told.starts_with(&format!("can't open the database sqlite:{}: ", path.display())),
                "{told}"
            );
            assert!(told.contains(part), "{told}");
        }
    }
}
