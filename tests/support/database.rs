//! A database of a test's own, on either engine.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::store::{Opening, Store, StoreError, StoreUrl};

use super::postgres;

/// The databases that the store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// An empty database; it goes with the test, or with the test run's server.
pub enum TestDatabase {
    Sqlite(TempDir),
    Postgres { url: String },
}

const MOST_CONNECTIONS: u32 = 12;

impl TestDatabase {
    pub async fn make(engine: Engine) -> TestDatabase {
        match engine {
            Engine::Sqlite => TestDatabase::Sqlite(tempfile::tempdir().unwrap()),
            Engine::Postgres => TestDatabase::Postgres { url: new_database(postgres::shared_url()).await },
        }
    }

    /// As `--store` takes it.
    pub fn url(&self) -> String {
        match self {
            TestDatabase::Sqlite(folder) => {
                format!("sqlite:{}", folder.path().join("trailpost.db").display())
            }
            TestDatabase::Postgres { url } => url.clone(),
        }
    }

    /// Opens a store on it, as one more process would.
    pub async fn open(&self, opening: Opening, clock: &Clock) -> Result<Store, StoreError> {
        let url: StoreUrl = self.url().parse().unwrap();
        Store::open(&url, opening, MOST_CONNECTIONS, clock.clone(), Entropy::system()).await
    }

    /// Changes rows behind the store's back, as a damaged disk or an operator with a database client would.
    pub async fn tamper(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            TestDatabase::Sqlite(folder) => {
                let file = folder.path().join("trailpost.db");
                let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
            TestDatabase::Postgres { url } => {
                let mut connection = url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
                let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
        }
    }
}

/// Makes a database on a server; gives its URL.
pub async fn new_database(server_url: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(1);
    let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    let mut connection = server_url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    postgres::url_of_database(server_url, &name)
}
