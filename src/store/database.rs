//! The one file that knows which database engine runs underneath.
//!
//! Rejected: a trait per repository and sqlx's `Any`. An enum over the engines' pools and the four macros below
//! carry one SQL text to either engine; `$1` placeholders are understood by both.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use futures::FutureExt;
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use super::error::StoreError;

/// SQLite before this version can corrupt a WAL that is reset while it is read
/// (<https://sqlite.org/wal.html>, "The WAL-reset bug").
const OLDEST_SOUND_SQLITE: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pools of one engine.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

/// A connection inside an open transaction, on either engine.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

impl Database {
    /// Opens (and makes, if need be) the SQLite database in `file`.
    pub(super) async fn open_sqlite(file: &Path) -> Result<Database, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            // Takes effect only before the first table, so it comes with the very first connection.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // When SQLite itself rolls back (a full disk), sqlx still counts the transaction as open, and the
            // connection could never begin another: it is closed instead of lent again.
            .before_acquire(|connection, _| async move { Ok(!connection.is_in_transaction()) }.boxed())
            .connect_with(options.clone())
            .await?;
        require_sound_sqlite(&writer).await?;
        sqlx::migrate!("migrations/sqlite").run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Database::Sqlite { writer, readers })
    }

    /// Begins a transaction that may write. SQLite takes its write lock at once: a plain BEGIN would fail
    /// later, when a read turns into a write behind another writer.
    pub(super) async fn begin_write(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite { writer, .. } => {
                Ok(Connection::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
        }
    }

    /// Begins a transaction that only reads.
    pub(super) async fn begin_read(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite { readers, .. } => Ok(Connection::Sqlite(readers.begin().await?)),
        }
    }

    /// Closes every connection; SQLite then folds its write-ahead log into the database file.
    pub(super) async fn close(&self) {
        match self {
            Database::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Connection {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(transaction) => Ok(transaction.commit().await?),
        }
    }

    /// Takes everything back. What fails here is rolled back by the engine when the connection closes.
    pub(super) async fn roll_back(self) {
        let rolled_back = match self {
            Connection::Sqlite(transaction) => transaction.rollback().await,
        };
        if let Err(error) = rolled_back {
            tracing::warn!(%error, "a transaction had ended before its rollback");
        }
    }
}

async fn require_sound_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SOUND_SQLITE {
        return Err(StoreError::OldSqlite(version));
    }
    Ok(())
}

/// Parses a text column into one of our types; a value that our own CHECKs should have refused is `Corrupt`.
pub(super) fn parse<T>(column: &'static str, text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| StoreError::Corrupt { column, reason: error.to_string() })
}

/// Runs a statement; gives the number of rows it changed.
macro_rules! execute {
    ($transaction:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query($sql)$(.bind($bind))*.execute(&mut **connection).await
                    .map(|done| done.rows_affected())
                    .map_err($crate::store::error::StoreError::from)
            }
        }
    };
}

/// Runs a query that gives any number of rows of `$row`.
macro_rules! fetch_all {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(&mut **connection).await
                    .map_err($crate::store::error::StoreError::from)
            }
        }
    };
}

/// Runs a query that gives one row of `$row`, or none.
macro_rules! fetch_optional {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_optional(&mut **connection).await
                    .map_err($crate::store::error::StoreError::from)
            }
        }
    };
}

/// Runs a query that gives exactly one row of `$row`.
macro_rules! fetch_one {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_one(&mut **connection).await
                    .map_err($crate::store::error::StoreError::from)
            }
        }
    };
}

pub(super) use {execute, fetch_all, fetch_one, fetch_optional};
