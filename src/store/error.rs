//! What can go wrong in the store, as seen by its callers.

/// A failure of the store. Everything that a caller can act on has a variant of its own; the rest is the
/// operator's to see, never a user's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The database could not be opened.
    #[error("can't open the database {database}: {reason}")]
    Open {
        /// Which one, without secrets.
        database: String,
        /// Why, and what to do.
        reason: String,
        /// What went wrong.
        #[source]
        error: Box<StoreError>,
    },
    /// The database could not be brought to this version's schema.
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row holds what the schema should have refused.
    #[error("column {column} holds a value that Trailpost never writes: {reason}")]
    Corrupt {
        /// Where it was found.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The linked SQLite has a known defect that loses data.
    #[error("SQLite {0} can corrupt its write-ahead log; build with 3.51.3 or later")]
    OldSqlite(String),
    /// The database's schema is older than this binary's, and only `serve` and `migrate` may change it.
    #[error("the database has schema {found} and this trailpost needs {needed}: run `trailpost migrate`")]
    OlderSchema {
        /// The newest migration in the database.
        found: i64,
        /// The newest that this binary has.
        needed: i64,
    },
    /// The database was migrated by a later version.
    #[error(
        "the database has schema {found} and this trailpost knows only {needed}: use the newer trailpost"
    )]
    NewerSchema {
        /// The newest migration in the database.
        found: i64,
        /// The newest that this binary has.
        needed: i64,
    },
    /// The database holds tables that are not ours.
    #[error("this database belongs to another program: give Trailpost one of its own")]
    Foreign,
    /// The database takes no writes.
    #[error("the database takes no writes: it is a replica, or was set to read only")]
    ReadOnly,
    /// There is no database of ours yet, and the process is not one to make it.
    #[error(
        "there is no database of Trailpost's here yet: check the data folder or URL, or run `trailpost migrate`"
    )]
    NoDatabase,
    /// The database did not answer in time. Whether a commit reached the disk is unknown.
    #[error("the database did not answer within {0:?}")]
    TimedOut(std::time::Duration),
    /// The transaction's task ended before it finished; nothing was committed.
    #[error("a transaction was interrupted: {0}")]
    Interrupted(#[source] tokio::task::JoinError),
    /// What several requests shared failed. Where that is their commit, it is unknown whether it reached the disk: send
    /// again with the same ids.
    #[error("what several requests shared failed: {0}")]
    Group(#[source] std::sync::Arc<StoreError>),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
