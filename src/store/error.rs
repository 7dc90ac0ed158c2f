//! What can go wrong in the store, as seen by its callers.

/// A failure of the store. Everything that a caller can act on has a variant of its own; the rest is the
/// operator's to see, never a user's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
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
    /// The transaction's task ended before it finished; nothing was committed.
    #[error("a transaction was interrupted: {0}")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The commit that several requests shared failed. Whether it reached the disk is unknown: send again with the
    /// same ids.
    #[error("the commit of several requests failed: {0}")]
    Group(#[source] std::sync::Arc<StoreError>),
    /// Until the engine is merged.
    #[error("PostgreSQL is not supported yet; use sqlite:PATH")]
    NoPostgresYet,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
