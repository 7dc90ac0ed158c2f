//! The schema: brought up to date by whoever serves, only looked at by everybody else.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use futures::FutureExt;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::database::{Database, Sql, fetch_one};
use super::transaction::Transaction;
use super::{Store, StoreError};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// What a process opens the database for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// To serve: brings the schema up to date and, on SQLite, releases what a dead process held.
    Serve,
    /// To bring the schema up to date, also beside a process that serves: releases nothing.
    Migrate,
    /// To run a command that may be the first one, also beside a process that serves: releases nothing, makes the
    /// database if there is none, and refuses one whose schema is older or newer than this version's.
    FirstCommand,
    /// As `FirstCommand`, for a command that has nothing to do where there is no database.
    Command,
}

impl Database {
    /// Makes sure that the schema is this binary's.
    pub(super) async fn require_schema(&self, opening: Opening) -> Result<(), StoreError> {
        if self.schema_version().await? == Some(newest()) {
            return Ok(());
        }
        // Another process may be migrating: what is found is judged when that has ended.
        match self {
            Database::Sqlite { file, writer, .. } => {
                let _alone = migrate_alone(file).await?;
                let found = self.schema_version().await?;
                if may_migrate(found, opening)? {
                    if found.is_none() {
                        sqlx::query(SIGN).execute(writer).await?;
                    }
                    SQLITE.run(writer).await?;
                }
            }
            Database::Postgres(pool) => {
                // A connection of its own, without the bounds that requests have.
                let mut connection = pool.acquire().await?.detach();
                sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
                    .execute(&mut connection)
                    .await?;
                connection.lock().await?;
                if may_migrate(self.schema_version().await?, opening)? {
                    POSTGRES.run(&mut connection).await?;
                }
                // Its lock goes with it.
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// The newest migration that was applied, if any was.
    async fn schema_version(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Database::Sqlite { writer, .. } => version_on_sqlite(&mut *writer.acquire().await?).await,
            Database::Postgres(pool) => version_on_postgres(&mut *pool.acquire().await?).await,
        }
    }
}

/// The newest migration that was applied, if any was. Refuses what another program keeps there.
pub(super) async fn version_on_sqlite(connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let tables: Tables = sqlx::query_as(TABLES.sqlite).fetch_one(&mut *connection).await?;
    if tables.books == 0 {
        return tables.version(&[]);
    }
    tables.version(&sqlx::query_as(BOOKS).fetch_all(connection).await?)
}

async fn version_on_postgres(connection: &mut PgConnection) -> Result<Option<i64>, StoreError> {
    let tables: Tables = sqlx::query_as(TABLES.postgres).fetch_one(&mut *connection).await?;
    if tables.books == 0 {
        return tables.version(&[]);
    }
    tables.version(&sqlx::query_as(BOOKS).fetch_all(connection).await?)
}

/// How many tables there are, and whether one is that in which sqlx keeps its books of migrations: it is made first.
#[derive(sqlx::FromRow)]
struct Tables {
    tables: i64,
    books: i64,
}

/// A migration in the books.
#[derive(sqlx::FromRow)]
struct Booked {
    version: i64,
    description: String,
}

impl Tables {
    /// The newest of what is booked, oldest first. Our books begin with our first migration, whatever later versions
    /// of ours have added.
    fn version(&self, booked: &[Booked]) -> Result<Option<i64>, StoreError> {
        let is_our_first = |booked: &Booked| {
            let first = SQLITE.iter().next();
            first.is_some_and(|first| {
                (first.version, &*first.description) == (booked.version, &*booked.description)
            })
        };
        match booked {
            [] if self.tables == self.books => Ok(None),
            [first, ..] if is_our_first(first) => Ok(booked.last().map(|newest| newest.version)),
            _ => Err(StoreError::Foreign),
        }
    }
}

/// On PostgreSQL, in the schema in which ours are made.
const TABLES: Sql = Sql {
    sqlite: "SELECT COUNT(*) AS tables, COUNT(CASE WHEN name = '_sqlx_migrations' THEN 1 END) AS books
             FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'",
    postgres: "SELECT COUNT(*) AS tables, COUNT(CASE WHEN tablename = '_sqlx_migrations' THEN 1 END) AS books
               FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
};
const BOOKS: &str = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";

/// Says in the header of a new file of SQLite's whose it is: `TrPo`, in ASCII
/// (<https://sqlite.org/pragma.html#pragma_application_id>).
const SIGN: &str = "PRAGMA application_id = 0x5472506F";

/// Whether a schema is to be migrated, given the newest migration in it.
fn may_migrate(found: Option<i64>, opening: Opening) -> Result<bool, StoreError> {
    let needed = newest();
    match (found, opening) {
        (None, Opening::Command) => Err(StoreError::NoDatabase),
        (None, _) => Ok(true),
        (Some(found), _) if found > needed => Err(StoreError::NewerSchema { found, needed }),
        (Some(found), _) if found == needed => Ok(false),
        (Some(_), Opening::Serve | Opening::Migrate) => Ok(true),
        (Some(found), Opening::FirstCommand | Opening::Command) => {
            Err(StoreError::OlderSchema { found, needed })
        }
    }
}

/// Waits until no other process migrates the database in this file: SQLite's migrations have no lock of their own.
async fn migrate_alone(file: &Path) -> Result<File, StoreError> {
    let mut lock = file.as_os_str().to_owned();
    lock.push("-migrating");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        lock.lock()?;
        Ok(lock)
    });
    let locked: std::io::Result<File> = locked.await.map_err(StoreError::Interrupted)?;
    Ok(locked.map_err(sqlx::Error::from)?)
}

const VERSION: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";

/// The migration that this binary ends with.
fn newest() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
}

impl Store {
    /// The number of the newest migration in the database.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        self.read(|tx| async move { tx.schema_version().await }.boxed()).await
    }
}

impl Transaction {
    pub(super) async fn schema_version(&mut self) -> Result<i64, StoreError> {
        fetch_one!(self, (i64,), VERSION).map(|(version,)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_migrations() {
        let names = |migrator: &Migrator| {
            let name =
                |migration: &sqlx::migrate::Migration| (migration.version, migration.description.to_string());
            migrator.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
    }
}
