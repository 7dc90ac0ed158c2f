//! The only code that speaks SQL. Each function is one transaction, named for what it does to the business;
//! a change of an organization appends its record in the same one.

mod access_checks;
mod check_runs;
mod credentials;
mod database;
mod deliveries;
mod doorbell;
mod error;
mod ingestion;
mod integrations;
mod links_stub;
mod memberships;
mod organizations;
mod overview;
mod plans;
mod records;
mod sealing;
mod sessions;
mod status;
mod throttle;
mod transaction;
mod url;
mod users;

use futures::FutureExt;

use crate::domain::clock::{Clock, Entropy};
use database::{Database, execute, fetch_one};
use doorbell::Bell;
use ingestion::Ingestion;

pub use access_checks::{AccessCheck, NewCheck, OpenedCheck};
pub use check_runs::{CheckVerdict, ClaimedCheck};
pub use credentials::{ListedToken, ProducerAccess, TokenRefused, TokenScope};
pub use deliveries::{AttemptResult, Claim, DueBatch, FinishedBatch, Lease};
pub use doorbell::Doorbell;
pub use error::StoreError;
pub use integrations::{Integration, Refused, SwitchedOff};
pub use links_stub::{Invite, InviteRefused};
pub use memberships::Membership;
pub use overview::{OrganizationSummary, Overview};
pub use plans::PlanChange;
pub use records::{IngestError, Ingested, StoredLine};
pub use sessions::SessionHash;
pub use status::{BatchState, DeliveryAttempt, DeliveryRow, DeliveryStatus};
pub use url::{PostgresUrl, StoreUrl, StoreUrlError};
pub use users::SignIn;

/// What a process opens the database for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// To serve: brings the schema up to date and, on SQLite, releases what a dead process held.
    Serve,
    /// To bring the schema up to date, also beside a process that serves: releases nothing.
    Migrate,
    /// To run one command, also beside a process that serves: releases nothing, makes the schema of a new database,
    /// and refuses one that is older or newer than this version's.
    Command,
}

/// The database, with the clock and randomness that its rows are made of. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    clock: Clock,
    entropy: Entropy,
    bell: Bell,
    ingestion: Ingestion,
}

impl Store {
    /// Opens the database. `most_connections` bounds what one process holds of a server's; SQLite has its own number.
    ///
    /// # Errors
    /// The database can't be opened or reached, its schema is not one that this mode takes, or the linked SQLite is
    /// unsound.
    pub async fn open(
        url: &StoreUrl,
        opening: Opening,
        _most_connections: u32,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let StoreUrl::Sqlite(file) = url else { return Err(StoreError::NoPostgresYet) };
        let database = Database::open_sqlite(file).await?;
        let ingestion = Ingestion::start(database.clone(), clock.clone(), entropy.clone());
        let store = Store { database, clock, entropy, bell: Bell::new(), ingestion };
        if opening == Opening::Serve {
            store.release_what_a_dead_process_held().await?;
        }
        Ok(store)
    }

    /// One process has a SQLite database: whatever is held when it opens was held by one that is gone.
    async fn release_what_a_dead_process_held(&self) -> Result<(), StoreError> {
        self.write(|tx| {
            async move {
                execute!(tx, "UPDATE integrations SET lease_owner = NULL, lease_expires_at = NULL")?;
                execute!(
                    tx,
                    "UPDATE access_checks SET state = 'waiting'
                     WHERE state IN ('waiting', 'running') AND state = 'running'"
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Hears when a commit leaves work for the writer.
    pub fn doorbell(&self) -> Doorbell {
        self.bell.listen()
    }

    /// Wakes the writer of this process.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// The clock that stamps the rows.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Asks the database whether it reads, and whether a write could begin.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|tx| async move { fetch_one!(tx, (i64,), "SELECT 1").map(drop) }.boxed()).await?;
        self.write(|tx| async move { fetch_one!(tx, (i64,), "SELECT 1").map(drop) }.boxed()).await
    }

    /// Closes every connection. What was committed stays.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
