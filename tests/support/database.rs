//! A database of a test's own, on either engine.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
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

/// A database; it goes with the test, or with the test run's server.
pub struct TestDatabase {
    url: String,
    /// Of SQLite's file, unless that lies in a folder of somebody else's.
    _folder: Option<TempDir>,
}

const MOST_CONNECTIONS: u32 = 12;

impl TestDatabase {
    /// An empty one.
    pub async fn make(engine: Engine) -> TestDatabase {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("trailpost.db").display());
                TestDatabase { url, _folder: Some(folder) }
            }
            Engine::Postgres => TestDatabase::at(new_database(postgres::shared_url()).await),
        }
    }

    /// The one at this URL.
    pub fn at(url: String) -> TestDatabase {
        TestDatabase { url, _folder: None }
    }

    /// As `--store` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens a store on it, as one more process would.
    pub async fn open(&self, opening: Opening, clock: &Clock) -> Result<Store, StoreError> {
        self.open_with(opening, clock, Entropy::system()).await
    }

    /// The same with randomness of the test's own, for rows that are the same each time.
    pub async fn open_with(
        &self,
        opening: Opening,
        clock: &Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let url: StoreUrl = self.url.parse().unwrap();
        Store::open(&url, opening, MOST_CONNECTIONS, clock.clone(), entropy).await
    }

    /// Takes it off its server before that ends, where many are made.
    pub async fn remove(self) {
        if let Some((_, name)) = self.url.rsplit_once('/').filter(|_| self.url.starts_with("postgres")) {
            let mut server =
                postgres::shared_url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
            let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
            sqlx::query(drop).execute(&mut server).await.unwrap();
            server.close().await.unwrap();
        }
    }

    /// A connection past the store, on PostgreSQL.
    pub async fn connect_to_postgres(&self) -> PgConnection {
        self.url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
    }

    /// A connection past the store, on SQLite.
    pub async fn connect_to_sqlite(&self) -> SqliteConnection {
        let file = self.url.strip_prefix("sqlite:").unwrap();
        SqliteConnectOptions::new().filename(file).connect().await.unwrap()
    }

    /// Changes rows behind the store's back, as a damaged disk or an operator with a database client would. Gives
    /// how many.
    pub async fn tamper(&self, statement: &str) -> u64 {
        self.change(statement).await.unwrap()
    }

    /// Whether a rule of the schema refuses a change.
    pub async fn is_refused(&self, statement: &str) -> bool {
        match self.change(statement).await {
            Ok(_) => false,
            Err(sqlx::Error::Database(error)) => error.is_check_violation(),
            Err(error) => panic!("{statement}: {error}"),
        }
    }

    async fn change(&self, statement: &str) -> Result<u64, sqlx::Error> {
        let statement = AssertSqlSafe(statement.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = self.connect_to_sqlite().await;
            let done = sqlx::query(statement).execute(&mut connection).await;
            connection.close().await.unwrap();
            Ok(done?.rows_affected())
        } else {
            let mut connection = self.connect_to_postgres().await;
            let done = sqlx::query(statement).execute(&mut connection).await;
            connection.close().await.unwrap();
            Ok(done?.rows_affected())
        }
    }

    /// Reads one column of text past the store.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = self.connect_to_sqlite().await;
            let texts = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            texts
        } else {
            let mut connection = self.connect_to_postgres().await;
            let texts = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            texts
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
