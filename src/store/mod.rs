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
mod invitations;
mod memberships;
mod organizations;
mod password_resets;
mod records;
mod schema;
mod sealing;
mod sessions;
mod status;
mod throttle;
mod transaction;
mod users;

use std::path::Path;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Clock, Entropy};
use database::{Database, execute};
use doorbell::Bell;
use ingestion::Ingestion;

pub use access_checks::{AccessCheck, NewCheck, OpenedCheck};
pub use check_runs::{CheckVerdict, ClaimedCheck};
pub use credentials::{ProducerAccess, TokenScope};
pub use deliveries::{AttemptResult, Claim, DueBatch, FinishedBatch, Lease};
pub use doorbell::Doorbell;
pub use error::StoreError;
pub use integrations::{Integration, Refused, SwitchedOff};
pub use invitations::{AcceptRefused, Invite, InviteRefused};
pub use memberships::Membership;
pub use password_resets::ResetRefused;
pub use records::{IngestError, Ingested, StoredLine};
pub use schema::Opening;
pub use sessions::SessionHash;
pub use status::{BatchState, DeliveryAttempt, DeliveryRow, DeliveryStatus};
pub use users::SignIn;

/// The database, with the clock and randomness that its rows are made of. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    clock: Clock,
    entropy: Entropy,
    bell: Bell,
    ingestion: Ingestion,
    /// Ends what listens on a connection of its own.
    closed: CancellationToken,
}

impl Store {
    /// Opens the SQLite database in `file`. One process at a time may open it to serve.
    ///
    /// # Errors
    /// The file can't be opened, its schema is not this binary's, or the linked SQLite is unsound.
    pub async fn open_sqlite(
        file: &Path,
        opening: Opening,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let database = Database::open_sqlite(file).await?;
        let store = Store::over(database, opening, clock, entropy).await?;
        if opening == Opening::Serve {
            store.release_what_a_dead_process_held().await?;
        }
        Ok(store)
    }

    /// Opens a PostgreSQL database, which any number of processes may share.
    ///
    /// # Errors
    /// It can't be reached, or its schema is not this binary's.
    pub async fn open_postgres(
        url: &str,
        most_connections: u32,
        opening: Opening,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let database = Database::open_postgres(url, most_connections).await?;
        let store = Store::over(database, opening, clock, entropy).await?;
        if opening == Opening::Serve {
            doorbell::hear_other_processes(&store.database, &store.bell, store.closed.clone());
        }
        Ok(store)
    }

    async fn over(
        database: Database,
        opening: Opening,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        database.require_schema(opening).await?;
        let ingestion = Ingestion::start(&database, &clock, &entropy);
        let closed = CancellationToken::new();
        Ok(Store { database, clock, entropy, bell: Bell::new(), ingestion, closed })
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

    /// Closes every connection. What was committed stays.
    pub async fn close(&self) {
        self.closed.cancel();
        self.database.close().await;
    }
}
