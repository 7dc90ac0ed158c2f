//! The one file that knows which database engine runs underneath.
//!
//! Rejected: a trait per repository and sqlx's `Any`. An enum over the engines' pools and the macros below carry one
//! SQL text to either engine; `$1` placeholders are understood by both. Where the engines need different texts, an
//! [`Sql`] names them side by side. A test prepares every one of them on both.

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use futures::FutureExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::StoreError;
use super::schema;
use super::url::{PostgresUrl, behind_links};
use crate::domain::error_chain::ErrorChain;

/// SQLite before this version can corrupt a WAL that is reset while it is read
/// (<https://sqlite.org/wal.html>, "The WAL-reset bug").
const OLDEST_SOUND_SQLITE: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for a connection before it is told that the database is not there.
const CONNECTION_WITHIN: Duration = Duration::from_secs(5);
/// The channel of PostgreSQL's NOTIFY.
const CHANNEL: &str = "trailpost";

/// A SQLite file keeps one page in so many free for what comes next.
const SPARE_PART: i64 = 16;
/// 2 MiB at once: each page may mean that another one is moved into its place.
const GIVE_PAGES_BACK: &str = "PRAGMA incremental_vacuum(512)";

/// What each session of ours is held to on PostgreSQL, whatever the server's own settings are.
const POSTGRES_SESSION: &str = "
    -- A process that dies or hangs in a transaction must not hold an organization's row.
    SET idle_in_transaction_session_timeout = '30s';
    SET lock_timeout = '10s';
    SET statement_timeout = '50s';
    -- 202 says that records are durable: a server that was set to answer sooner must not for us.
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// The pools of one engine.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Sqlite { file: PathBuf, writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// A connection inside an open transaction, on either engine.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(PostgresTransaction),
}

/// A transaction of PostgreSQL's. Only a connection whose transaction has ended goes back to the pool: one that was
/// given up, because the server fell silent, is closed, and nobody waits for its answer.
#[derive(Debug)]
pub(super) struct PostgresTransaction {
    connection: PoolConnection<sqlx::Postgres>,
    has_ended: bool,
}

/// A statement's text on each engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Sql {
    /// A text that both engines read alike.
    fn from(text: &'static str) -> Sql {
        Sql { sqlite: text, postgres: text }
    }
}

impl Database {
    /// Opens the SQLite database in `file`, or makes it. Its schema is not touched.
    pub(super) async fn open_sqlite(file: &Path) -> Result<Database, StoreError> {
        let file = behind_links(file).map_err(sqlx::Error::from)?;
        make_private(&file).map_err(sqlx::Error::from)?;
        require_ours(&file).await?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
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
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Database::Sqlite { file, writer, readers })
    }

    /// Connects to a PostgreSQL database. Its schema is not touched.
    pub(super) async fn open_postgres(
        url: &PostgresUrl,
        most_connections: u32,
    ) -> Result<Database, StoreError> {
        let options = PgConnectOptions::from_str(url.expose())?.application_name("trailpost");
        require_connection(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(most_connections)
            .acquire_timeout(CONNECTION_WITHIN)
            .after_connect(|connection, _| {
                async move { sqlx::raw_sql(POSTGRES_SESSION).execute(connection).await.map(drop) }.boxed()
            })
            .connect_with(options)
            .await?;
        Ok(Database::Postgres(pool))
    }

    /// Begins a transaction that may write. SQLite takes its write lock at once: a plain BEGIN would fail
    /// later, when a read turns into a write behind another writer. On PostgreSQL each statement sees what is
    /// committed by then, so that what is read after a lock is what the lock protects.
    pub(super) async fn begin_write(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite { writer, .. } => {
                Ok(Connection::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
            Database::Postgres(pool) => Ok(Connection::Postgres(
                PostgresTransaction::begin(pool, "BEGIN ISOLATION LEVEL READ COMMITTED").await?,
            )),
        }
    }

    /// Begins a transaction that only reads, all of it as of one moment.
    pub(super) async fn begin_read(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite { readers, .. } => Ok(Connection::Sqlite(readers.begin().await?)),
            Database::Postgres(pool) => Ok(Connection::Postgres(
                PostgresTransaction::begin(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?,
            )),
        }
    }

    /// How many commits can be under way at once. One at a time is shared by whoever waits; of several, each is an
    /// organization's own.
    pub(super) fn commits_at_once(&self) -> usize {
        match self {
            Database::Sqlite { .. } => 1,
            Database::Postgres(_) => 8,
        }
    }

    /// Hears the rings of other processes, on an engine that has any.
    pub(super) async fn listen(&self) -> Result<Option<OtherProcesses>, StoreError> {
        match self {
            Database::Sqlite { .. } => Ok(None),
            Database::Postgres(pool) => {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(CHANNEL).await?;
                Ok(Some(OtherProcesses(listener)))
            }
        }
    }

    /// Gives what deleting has left free back to the file system, in short steps, on an engine that does not do so by
    /// itself. Ends between two steps once it is to stop.
    pub(super) async fn give_space_back(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let Database::Sqlite { writer, .. } = self else { return Ok(()) };
        let (mut free, mut is_given_back) = (free_pages_to_give_back(writer).await?, false);
        while free > 0 && !stop.is_cancelled() {
            sqlx::query(GIVE_PAGES_BACK).execute(writer).await?;
            is_given_back = true;
            let left = free_pages_to_give_back(writer).await?;
            // A file that was made otherwise keeps what it has.
            free = if left < free { left } else { 0 };
        }
        if is_given_back {
            // The file is cut off when the log is folded into it. This waits for nobody: what is still read stays in
            // the log until its next turn.
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(writer).await?;
        }
        Ok(())
    }

    /// Closes every connection; SQLite then folds its write-ahead log into the database file.
    pub(super) async fn close(&self) {
        match self {
            Database::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres(pool) => pool.close().await,
        }
    }
}

/// The rings of other processes on the same database.
#[derive(Debug)]
pub(super) struct OtherProcesses(PgListener);

impl OtherProcesses {
    /// Waits for the next. A ring while the connection was lost is not heard.
    pub(super) async fn rung(&mut self) -> Result<(), StoreError> {
        self.0.recv().await?;
        Ok(())
    }
}

impl PostgresTransaction {
    async fn begin(pool: &PgPool, begin: &'static str) -> Result<PostgresTransaction, sqlx::Error> {
        let mut transaction = PostgresTransaction { connection: pool.acquire().await?, has_ended: false };
        sqlx::raw_sql(begin).execute(&mut *transaction.connection).await?;
        Ok(transaction)
    }

    async fn end(mut self, end: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(end).execute(&mut *self.connection).await?;
        self.has_ended = true;
        Ok(())
    }
}

impl Deref for PostgresTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PostgresTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        if !self.has_ended {
            self.connection.close_on_drop();
        }
    }
}

impl Connection {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(transaction) => Ok(transaction.commit().await?),
            Connection::Postgres(transaction) => Ok(transaction.end("COMMIT").await?),
        }
    }

    /// Takes everything back. What fails here is rolled back by the engine when the connection closes.
    pub(super) async fn roll_back(self) {
        let rolled_back = match self {
            Connection::Sqlite(transaction) => transaction.rollback().await,
            Connection::Postgres(transaction) => transaction.end("ROLLBACK").await,
        };
        if let Err(error) = rolled_back {
            tracing::warn!(error = %ErrorChain(&error), "a transaction had ended before its rollback");
        }
    }

    /// Rings in other processes, once this transaction is committed.
    pub(super) async fn ring_elsewhere(&mut self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(transaction) => {
                let notify = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL);
                notify.execute(&mut **transaction).await?;
                Ok(())
            }
        }
    }
}

/// Makes the file for its owner alone, unless it is there. SQLite gives what it puts beside it the same mode.
fn make_private(file: &Path) -> io::Result<()> {
    if file.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match File::options().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Looks at the file before anything is set that would be written into it, such as the mode of its journal.
async fn require_ours(file: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT);
    let mut connection = options.connect().await?;
    schema::version_on_sqlite(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Tells at once why a server lets nobody in: a pool would try until its time is over, and say only that.
async fn require_connection(options: &PgConnectOptions) -> Result<(), StoreError> {
    let connecting = timeout(CONNECTION_WITHIN, options.connect());
    let connection = connecting.await.map_err(|_| StoreError::TimedOut(CONNECTION_WITHIN))??;
    connection.close().await?;
    Ok(())
}

/// Free pages, unless they are so few that the records of the next days will need them again.
async fn free_pages_to_give_back(pool: &SqlitePool) -> Result<i64, StoreError> {
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(pool).await?;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(pool).await?;
    Ok(if free > pages / SPARE_PART { free } else { 0 })
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

/// A query that also holds the rows it gives until the commit, where an engine has locks of rows. The lock is the
/// one that an UPDATE takes: rows that refer to a held one may still be inserted.
macro_rules! holding {
    ($sql:literal) => {
        $crate::store::database::Sql { sqlite: $sql, postgres: concat!($sql, " FOR NO KEY UPDATE") }
    };
}

/// Runs a statement; gives the number of rows it changed.
macro_rules! execute {
    ($transaction:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql = $crate::store::database::Sql::from($sql);
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query(sql.sqlite)$(.bind($bind))*.execute(&mut **connection).await
                    .map(|done| done.rows_affected())
            }
            $crate::store::database::Connection::Postgres(connection) => {
                sqlx::query(sql.postgres)$(.bind($bind))*.execute(&mut **connection).await
                    .map(|done| done.rows_affected())
            }
        }
        .map_err($crate::store::error::StoreError::from)
    }};
}

/// Runs a query that gives rows of `$row`, by one of sqlx's ways to fetch them.
macro_rules! fetch {
    ($how:ident, $transaction:expr, $row:ty, $sql:expr $(, $bind:expr)*) => {{
        let sql = $crate::store::database::Sql::from($sql);
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                sqlx::query_as::<_, $row>(sql.sqlite)$(.bind($bind))*.$how(&mut **connection).await
            }
            $crate::store::database::Connection::Postgres(connection) => {
                sqlx::query_as::<_, $row>(sql.postgres)$(.bind($bind))*.$how(&mut **connection).await
            }
        }
        .map_err($crate::store::error::StoreError::from)
    }};
}

/// Runs a query that gives any number of rows of `$row`.
macro_rules! fetch_all {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::database::fetch!(fetch_all, $transaction, $row, $sql $(, $bind)*)
    };
}

/// Runs a query that gives one row of `$row`, or none.
macro_rules! fetch_optional {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::database::fetch!(fetch_optional, $transaction, $row, $sql $(, $bind)*)
    };
}

/// Runs a query that gives exactly one row of `$row`.
macro_rules! fetch_one {
    ($transaction:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::database::fetch!(fetch_one, $transaction, $row, $sql $(, $bind)*)
    };
}

/// Runs a statement for each of many items: one by one on SQLite, which has no round trips to save; on PostgreSQL
/// once, with an array for each value.
macro_rules! execute_each {
    ($transaction:expr, $items:expr, $sql:expr, |$item:ident| $($bind:expr),+ $(,)?) => {{
        let sql: $crate::store::database::Sql = $sql;
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                let mut done = Ok(());
                for $item in $items {
                    let one = sqlx::query(sql.sqlite)$(.bind($bind))+;
                    done = one.execute(&mut **connection).await.map(drop);
                    if done.is_err() {
                        break;
                    }
                }
                done
            }
            $crate::store::database::Connection::Postgres(connection) => {
                sqlx::query(sql.postgres)
                    $(.bind($items.iter().map(|$item| $bind).collect::<Vec<_>>()))+
                    .execute(&mut **connection).await.map(drop)
            }
        }
        .map_err($crate::store::error::StoreError::from)
    }};
}

/// Looks many items up, as `execute_each` runs its statement. Gives the rows that there are.
macro_rules! fetch_each {
    ($transaction:expr, $row:ty, $items:expr, $sql:expr, |$item:ident| $($bind:expr),+ $(,)?) => {{
        let sql: $crate::store::database::Sql = $sql;
        match &mut $transaction.connection {
            $crate::store::database::Connection::Sqlite(connection) => {
                let mut found = Ok(Vec::new());
                for $item in $items {
                    let one = sqlx::query_as::<_, $row>(sql.sqlite)$(.bind($bind))+;
                    match (one.fetch_optional(&mut **connection).await, &mut found) {
                        (Ok(row), Ok(rows)) => rows.extend(row),
                        (Err(error), _) => {
                            found = Err(error);
                            break;
                        }
                        (Ok(_), Err(_)) => break,
                    }
                }
                found
            }
            $crate::store::database::Connection::Postgres(connection) => {
                sqlx::query_as::<_, $row>(sql.postgres)
                    $(.bind($items.iter().map(|$item| $bind).collect::<Vec<_>>()))+
                    .fetch_all(&mut **connection).await
            }
        }
        .map_err($crate::store::error::StoreError::from)
    }};
}

pub(super) use {execute, execute_each, fetch, fetch_all, fetch_each, fetch_one, fetch_optional, holding};
