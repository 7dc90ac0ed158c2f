//! Claiming an organization to deliver for, and when its next try is due.
//!
//! Guarantees:
//! - one delivery in flight per organization, its oldest batch first;
//! - whoever claims gets a token of its own, and what is booked under an older one counts for nothing;
//! - organizations whose deliveries fail are claimed by themselves: they never keep the others waiting;
//! - an organization is found by an index, however many there are.

use std::time::Duration;

use futures::FutureExt;

use super::database::{Sql, execute, fetch_optional, holding, parse};
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::error_chain::ErrorChain;
use crate::domain::id::{BatchId, OrganizationId};
use crate::domain::integration::{Revision, Settings};
use crate::domain::object_key::{Compression, Format};
use crate::domain::organization::ExternalId;
use crate::domain::retry::LONGEST_WAIT;
use crate::domain::sequence::Sequence;
use crate::domain::window::{Window, WindowLength};

/// Deliveries of an organization whose own rows can't be read are looked at again after so long.
const UNREADABLE_PUT_OFF: Duration = Duration::from_secs(300);

/// While all goes well nobody is put off for longer.
const LONGEST_HEALTHY_WAIT: Duration = UNREADABLE_PUT_OFF;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Organizations whose last try went well, or that have had none.
    Healthy,
    /// Organizations whose last try failed.
    Failing,
}

/// A batch whose turn it is.
#[derive(Clone, Debug)]
pub struct DueBatch {
    /// Its id.
    pub id: BatchId,
    /// The window its records were stored in.
    pub window: Window,
    /// The first record.
    pub first: Sequence,
    /// The last record.
    pub last: Sequence,
    /// Bytes of records, without what the format adds.
    pub bytes: u64,
    /// As sealed.
    pub format: Format,
    /// As sealed.
    pub compression: Compression,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

/// The right to deliver for an organization, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// For which organization.
    pub organization: OrganizationId,
    /// The fencing token: results under an older one are not taken.
    pub token: i64,
    /// The settings that the claim was given: under others nothing may be sent any more.
    pub revision: Revision,
}

/// A claimed organization with its oldest batch, and where that goes as of now.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The right to deliver.
    pub lease: Lease,
    /// What to present to the role.
    pub external_id: ExternalId,
    /// Where it goes.
    pub settings: Settings,
    /// What goes.
    pub batch: DueBatch,
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    id: String,
    organization_id: String,
    window_start: i64,
    window_minutes: i64,
    first_sequence: i64,
    last_sequence: i64,
    bytes: i64,
    format: String,
    compression: String,
    sealed_at: i64,
    lease_token: i64,
    revision: i64,
}

impl Store {
    /// Claims the organization of a lane that has been due longest, if one is due.
    pub async fn claim(
        &self,
        owner: String,
        lease_for: Duration,
        lane: Lane,
    ) -> Result<Option<Claim>, StoreError> {
        self.write(move |tx| async move { tx.claim(&owner, lease_for, lane).await }.boxed()).await
    }

    /// Gives a lease back without a try: the next one is due at once.
    pub async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                match tx.held(lease).await? {
                    Some(_) => tx.give_back(lease.organization).await,
                    None => Ok(()),
                }
            }
            .boxed()
        })
        .await
    }

    /// Gives a lease back without a try: it is another's turn first. The next try is due at `again_at`; nothing failed.
    pub async fn step_back(&self, lease: Lease, again_at: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE integrations SET lease_owner = NULL, lease_expires_at = NULL, due_at = $3
                     WHERE organization_id = $1 AND lease_token = $2 AND lease_owner IS NOT NULL",
                    lease.organization.to_string(),
                    lease.token,
                    again_at.as_millis()
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Ends waits that nothing explains but a clock that was ahead and was set right since, of this process or another:
    /// whoever waits longer than the longest wait there is, is due.
    pub async fn bound_waits(&self, lease_for: Duration) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let now = tx.clock.now();
                execute!(
                    tx,
                    "UPDATE integrations SET due_at = $1
                     WHERE lease_owner IS NULL AND due_at > CASE WHEN failures = 0 THEN CAST($2 AS BIGINT) ELSE CAST($3 AS BIGINT) END",
                    now.as_millis(),
                    (now + LONGEST_HEALTHY_WAIT).as_millis(),
                    (now + LONGEST_WAIT).as_millis()
                )?;
                execute!(
                    tx,
                    "UPDATE integrations SET due_at = $1, lease_expires_at = $1
                     WHERE lease_owner IS NOT NULL AND lease_expires_at > $1",
                    (now + lease_for).as_millis()
                )?;
                execute!(tx, "UPDATE stops SET progress_at = $1 WHERE progress_at > $1", now.as_millis())?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// One process has a SQLite database: whatever is held when it opens was held by one that is gone.
    pub(super) async fn release_dead_leases(&self) -> Result<(), StoreError> {
        self.write(|tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE integrations SET lease_owner = NULL, lease_expires_at = NULL, due_at = 0
                     WHERE lease_owner IS NOT NULL"
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }
}

macro_rules! due_organization {
    ($rest:literal) => {
        concat!("SELECT organization_id FROM integrations WHERE due_at <= $1 ", $rest)
    };
}

/// The organization that has been due longest; on PostgreSQL it is held, and one that another transaction holds is left
/// to that.
const HOLD_A_HEALTHY_ORGANIZATION: Sql = Sql {
    sqlite: due_organization!("AND failures = 0 ORDER BY due_at, organization_id LIMIT 1"),
    postgres: due_organization!(
        "AND failures = 0 ORDER BY due_at, organization_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
    ),
};
const HOLD_A_FAILING_ORGANIZATION: Sql = Sql {
    sqlite: due_organization!("AND failures > 0 ORDER BY due_at, organization_id LIMIT 1"),
    postgres: due_organization!(
        "AND failures > 0 ORDER BY due_at, organization_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
    ),
};

impl Lane {
    fn hold_an_organization(self) -> Sql {
        match self {
            Lane::Healthy => HOLD_A_HEALTHY_ORGANIZATION,
            Lane::Failing => HOLD_A_FAILING_ORGANIZATION,
        }
    }
}

impl Transaction {
    async fn claim(
        &mut self,
        owner: &str,
        lease_for: Duration,
        lane: Lane,
    ) -> Result<Option<Claim>, StoreError> {
        let now = self.clock.now();
        while let Some((organization,)) =
            fetch_optional!(self, (String,), lane.hold_an_organization(), now.as_millis())?
        {
            match self.claimed(&organization).await {
                Ok(Some(claim)) => {
                    execute!(
                        self,
                        "UPDATE integrations
                         SET lease_owner = $2, lease_expires_at = $3, due_at = $3, lease_token = lease_token + 1,
                             again_at_once = 0
                         WHERE organization_id = $1",
                        organization,
                        owner,
                        (now + lease_for).as_millis()
                    )?;
                    return Ok(Some(claim));
                }
                Ok(None) => {
                    execute!(
                        self,
                        "UPDATE integrations SET due_at = NULL WHERE organization_id = $1",
                        organization
                    )?;
                }
                // What can't be read for one organization must not keep the others from their turn.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(organization, error = %ErrorChain(&error), "an organization's deliveries are put off");
                    execute!(
                        self,
                        "UPDATE integrations SET due_at = $2 WHERE organization_id = $1",
                        organization,
                        (now + UNREADABLE_PUT_OFF).as_millis()
                    )?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The claim of an organization whose integration is held, if a batch of it is to be delivered.
    async fn claimed(&mut self, organization: &str) -> Result<Option<Claim>, StoreError> {
        let Some(row) = fetch_optional!(
            self,
            ClaimRow,
            "SELECT b.id, b.organization_id, b.window_start, b.window_minutes, b.first_sequence, b.last_sequence,
                    b.bytes, b.format, b.compression, b.sealed_at, i.lease_token, i.revision
             FROM batches b JOIN integrations i ON i.organization_id = b.organization_id
             WHERE b.organization_id = $1 AND b.state = 'sealed'
             ORDER BY b.first_sequence LIMIT 1",
            organization
        )?
        else {
            return Ok(None);
        };
        let organization: OrganizationId = parse("batches.organization_id", &row.organization_id)?;
        let external_id = self.external_id(organization).await?;
        let length: WindowLength = parse("batches.window_minutes", &row.window_minutes.to_string())?;
        Ok(Some(Claim {
            lease: Lease { organization, token: row.lease_token + 1, revision: Revision::new(row.revision) },
            external_id,
            settings: self.settings_in_force(organization).await?,
            batch: DueBatch {
                id: parse("batches.id", &row.id)?,
                window: Window::containing(Timestamp::from_millis(row.window_start), length),
                first: sequence("batches.first_sequence", row.first_sequence)?,
                last: sequence("batches.last_sequence", row.last_sequence)?,
                bytes: row.bytes.unsigned_abs(),
                format: parse("batches.format", &row.format)?,
                compression: parse("batches.compression", &row.compression)?,
                sealed_at: Timestamp::from_millis(row.sealed_at),
            },
        }))
    }

    /// Holds the integration's row; gives the revision in force, if the lease is still this writer's.
    pub(super) async fn held(&mut self, lease: Lease) -> Result<Option<Revision>, StoreError> {
        let held = fetch_optional!(
            self,
            (i64, Option<String>, i64),
            holding!(
                "SELECT lease_token, lease_owner, revision FROM integrations WHERE organization_id = $1"
            ),
            lease.organization.to_string()
        )?;
        Ok(held
            .filter(|(token, owner, _)| *token == lease.token && owner.is_some())
            .map(|(.., revision)| Revision::new(revision)))
    }

    /// Ends the lease of an integration that is held. Its next batch is due behind everybody who waits: a backlog of one
    /// keeps nobody else from their turn.
    pub(super) async fn give_back(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations
             SET lease_owner = NULL, lease_expires_at = NULL,
                 due_at = CASE WHEN EXISTS (
                              SELECT 1 FROM batches b
                              WHERE b.organization_id = integrations.organization_id AND b.state = 'sealed'
                          ) THEN CAST($2 AS BIGINT) END
             WHERE organization_id = $1",
            organization.to_string(),
            self.clock.now().as_millis()
        )?;
        Ok(())
    }

    /// Has what is sealed delivered before everybody else's, however long it would have waited. A try that is under way
    /// may fail for a reason that is mended by now: another follows at once.
    pub(super) async fn deliver_at_once(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations SET due_at = 0
             WHERE organization_id = $1 AND due_at IS NOT NULL AND lease_owner IS NULL",
            organization.to_string()
        )?;
        execute!(
            self,
            "UPDATE integrations SET again_at_once = 1 WHERE organization_id = $1 AND lease_owner IS NOT NULL",
            organization.to_string()
        )?;
        Ok(())
    }
}
