//! The only code that speaks SQL. Each function is one transaction, named for what it does to the business;
//! a change of an organization appends its record in the same one.

mod abandoned_checks;
mod access_checks;
mod accounts;
mod activity;
mod activity_index;
mod api_keys;
mod check_runs;
mod claims;
mod closing;
mod credentials;
mod daily_checks;
mod database;
mod deliveries;
mod delivery_history;
mod delivery_requests;
mod denied_attempts;
mod doorbell;
mod error;
mod expiry;
mod exports;
mod gaps;
mod ingestion;
mod installation;
mod integrations;
mod invitation_senders;
mod invitations;
mod listing;
mod members;
mod memberships;
mod opening;
mod organizations;
mod outage;
mod overview;
mod password_resets;
mod plans;
mod principals;
mod project_members;
mod projects;
mod readiness;
mod record_pages;
mod records;
mod retention;
mod schema;
mod sealing;
mod service_account_secrets;
mod service_accounts;
mod sessions;
mod sign_in_devices;
mod status;
mod stops;
mod throttle;
mod timeline;
mod transaction;
mod url;
mod users;

use std::path::Path;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Clock, Entropy};
use crate::metrics::StoreMetrics;
use database::{Database, execute};
use doorbell::Bell;
use ingestion::Ingestion;
use readiness::Readiness;

pub use access_checks::{AccessCheck, NewCheck, OpenedCheck};
pub use accounts::{ListedSession, PasswordRefused};
pub use activity::{ACTIVITY_PAGE, ActivityCursor, ActivityPage, ActivityRecord, NextPage};
pub use activity_index::Behind;
pub use api_keys::{ApiKeyAccess, ListedApiKey};
pub use check_runs::{CheckVerdict, ClaimedCheck, WriteStage};
pub use claims::{Claim, DueBatch, Lane, Lease};
pub use closing::CloseRefused;
pub use credentials::{ListedToken, ProducerAccess, TokenRefused, TokenScope};
pub use deliveries::{AttemptResult, FinishedBatch};
pub use delivery_history::{
    BatchState, DeliveryAttempt, DeliveryRow, HistoryCursor, HistoryPage, Landing, MOST_ATTEMPTS,
};
pub use denied_attempts::FailedLogin;
pub use doorbell::Doorbell;
pub use error::StoreError;
pub use exports::{Export, ExportRefused};
pub use installation::InstallationState;
pub use integrations::{Integration, Refused, SwitchedOff};
pub use invitations::{AcceptRefused, Invite, InviteRefused};
pub use listing::{Listed, Listing};
pub use members::{ListedMember, MembersRefused, OpenInvitation};
pub use memberships::Membership;
pub use organizations::RenameRefused;
pub use outage::Outage;
pub use overview::{OrganizationSummary, Overview};
pub use password_resets::ResetRefused;
pub use plans::PlanChange;
pub use principals::ChangeRefused;
pub use project_members::ProjectMember;
pub use projects::ListedProject;
pub use record_pages::{ListedRecord, RecordsFrom};
pub use records::{IngestError, Ingested, Page, StoredLine};
pub use retention::Retired;
pub use schema::Opening;
pub use service_account_secrets::ServiceAccountAccess;
pub use service_accounts::{ListedServiceAccount, ServiceAccountDetails};
pub use sessions::{SessionContent, SessionHash, SessionHolder};
pub use sign_in_devices::Device;
pub use status::DeliveryStatus;
pub use stops::{GivenUpStop, Stop, SwitchOff};
pub use throttle::{CountedTry, SignInRefused};
pub use url::{PostgresUrl, StoreUrl, StoreUrlError, behind_links};
pub use users::SignIn;

/// The database, with the clock and randomness that its rows are made of. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    clock: Clock,
    entropy: Entropy,
    bell: Bell,
    ingestion: Ingestion,
    readiness: Readiness,
    metrics: StoreMetrics,
    /// Ends what listens on a connection of its own.
    closed: CancellationToken,
}

impl Store {
    /// Opens the database. `most_connections` bounds what this process holds of a server's; SQLite has its own number.
    ///
    /// # Errors
    /// The database can't be opened or reached, its schema is not one that this opening takes, or the linked SQLite is
    /// unsound.
    pub async fn open(
        url: &StoreUrl,
        opening: Opening,
        most_connections: u32,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let opened = Store::open_for(url, opening, most_connections, clock, entropy).await;
        opened.map_err(|error| error.on_opening(url))
    }

    async fn open_for(
        url: &StoreUrl,
        opening: Opening,
        most_connections: u32,
        clock: Clock,
        entropy: Entropy,
    ) -> Result<Store, StoreError> {
        let database = match url {
            // Opening a file of SQLite's would make it.
            StoreUrl::Sqlite(file) if opening == Opening::Command && !is_there(file)? => {
                return Err(StoreError::NoDatabase);
            }
            StoreUrl::Sqlite(file) => Database::open_sqlite(file).await?,
            StoreUrl::Postgres(url) => Database::open_postgres(url, most_connections).await?,
        };
        database.require_schema(opening).await?;
        let ingestion = Ingestion::start(&database, &clock, &entropy);
        let (bell, closed) = (Bell::new(), CancellationToken::new());
        let (readiness, metrics) = (Readiness::default(), StoreMetrics::default());
        let store = Store { database, clock, entropy, bell, ingestion, readiness, metrics, closed };
        if opening == Opening::Serve {
            store.begin_to_serve().await?;
        }
        Ok(store)
    }

    async fn begin_to_serve(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Sqlite { .. } => self.release_what_a_dead_process_held().await?,
            Database::Postgres(_) => {
                doorbell::hear_other_processes(&self.database, &self.bell, self.closed.clone());
            }
        }
        Ok(())
    }

    /// One process has a SQLite database: whatever is held when it opens was held by one that is gone.
    async fn release_what_a_dead_process_held(&self) -> Result<(), StoreError> {
        self.release_dead_leases().await?;
        self.write(|tx| {
            async move {
                // The first condition is the partial index's, so that no other row is looked at.
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

    /// The same store, which tells these how long it takes.
    #[must_use]
    pub fn measured_by(self, metrics: StoreMetrics) -> Store {
        Store { metrics, ..self }
    }

    /// The word for the engine underneath: `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match &self.database {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgres(_) => "postgres",
        }
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

/// What may not be looked at is there for somebody else: that is no reason to make it.
fn is_there(file: &Path) -> Result<bool, StoreError> {
    Ok(file.try_exists().map_err(sqlx::Error::from)?)
}
