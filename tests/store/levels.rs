//! The two schemas: the same tables with the same columns, and the rules of who may change one.

use std::collections::BTreeMap;

use trailpost::domain::clock::Clock;
use trailpost::store::{Opening, StoreError};

use super::opening::cause;

use crate::support::database::{Engine, TestDatabase};

/// Table and column, with its type in SQLite's words and whether it may be NULL.
type Columns = BTreeMap<(String, String), (String, bool)>;

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_have_the_same_tables_columns_and_indexes() {
    let (sqlite, postgres) =
        (TestDatabase::make(Engine::Sqlite).await, TestDatabase::make(Engine::Postgres).await);
    for database in [&sqlite, &postgres] {
        database.open(Opening::Serve, &Clock::system()).await.unwrap().close().await;
    }
    let (sqlite_columns, sqlite_indexes) = shape_on_sqlite(&sqlite).await;
    let (postgres_columns, postgres_indexes) = shape_on_postgres(&postgres).await;
    assert!(sqlite_columns.len() > 80, "only {} columns found", sqlite_columns.len());
    assert_eq!(sqlite_columns, postgres_columns);
    assert!(sqlite_indexes.len() > 5, "{sqlite_indexes:?}");
    assert_eq!(sqlite_indexes, postgres_indexes);
}

async fn shape_on_sqlite(database: &TestDatabase) -> (Columns, Vec<String>) {
    let mut connection = database.connect_to_sqlite().await;
    let columns: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_master t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let indexes = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let column = |(table, name, kind, not_null)| ((table, name), (kind, not_null == 0));
    (columns.into_iter().map(column).collect(), indexes)
}

async fn shape_on_postgres(database: &TestDatabase) -> (Columns, Vec<String>) {
    let mut connection = database.connect_to_postgres().await;
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES'
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let indexes = sqlx::query_scalar(
        "SELECT indexname::text FROM pg_indexes i WHERE schemaname = 'public'
           AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)
         ORDER BY indexname",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let column = |(table, name, kind, nullable): (String, String, String, bool)| {
        let kind = match kind.as_str() {
            "bigint" => "INTEGER".to_owned(),
            "bytea" => "BLOB".to_owned(),
            other => other.to_uppercase(),
        };
        ((table, name), (kind, nullable))
    };
    (columns.into_iter().map(column).collect(), indexes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_command_makes_a_new_schema_and_none_changes_an_older_or_newer_one() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = TestDatabase::make(engine).await;
        let open = async |opening| match database.open(opening, &Clock::system()).await {
            Ok(store) => {
                let version = store.schema_version().await.unwrap();
                store.close().await;
                Ok(version)
            }
            Err(error) => Err(cause(error)),
        };
        let refused = open(Opening::Command).await;
        assert!(matches!(refused, Err(StoreError::NoDatabase)), "{engine:?}: {refused:?}");
        let newest = open(Opening::FirstCommand).await.unwrap();
        assert_eq!(open(Opening::Command).await.unwrap(), newest, "{engine:?}");

        set_newest(&database, newest, newest + 1).await;
        for opening in [Opening::Command, Opening::FirstCommand, Opening::Serve, Opening::Migrate] {
            let refused = open(opening).await;
            assert!(matches!(refused, Err(StoreError::NewerSchema { .. })), "{engine:?}: {refused:?}");
        }
        set_newest(&database, newest + 1, newest).await;
        database.tamper(&format!("DELETE FROM _sqlx_migrations WHERE version = {newest}")).await;
        let refused = open(Opening::Command).await;
        assert!(matches!(refused, Err(StoreError::OlderSchema { .. })), "{engine:?}: {refused:?}");
    }
}

async fn set_newest(database: &TestDatabase, from: i64, to: i64) {
    let statement = format!("UPDATE _sqlx_migrations SET version = {to} WHERE version = {from}");
    assert_eq!(database.tamper(&statement).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_on_a_new_database_all_start() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = TestDatabase::make(engine).await;
        let clock = Clock::system();
        let openings = (0..6).map(|number| {
            let opening = if number % 2 == 0 { Opening::Migrate } else { Opening::FirstCommand };
            database.open(opening, &clock)
        });
        for opened in futures::future::join_all(openings).await {
            opened.unwrap_or_else(|error| panic!("{engine:?}: {error}")).close().await;
        }
    }
}
