//! Delivering batches: claiming an organization to deliver for, and booking each try.
//!
//! Guarantees:
//! - one delivery in flight per organization, its oldest batch first;
//! - a try is booked before its PUT, and a result only under the token that the claim was given;
//! - whoever books for an organization holds its integration's row: of two writers, one sees what the other did.

use std::time::Duration;

use futures::FutureExt;

use super::database::{Sql, execute, fetch_optional, holding, parse};
use super::integrations::to_json;
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::failure::{Failure, Turn};
use crate::domain::id::{AttemptId, BatchId, OrganizationId};
use crate::domain::integration::{Health, Revision, Settings};
use crate::domain::object_key::{Compression, Format, ObjectKey};
use crate::domain::organization::ExternalId;
use crate::domain::sequence::Sequence;
use crate::domain::window::{Window, WindowLength};

/// Deliveries of an organization whose own rows can't be read are looked at again after so long.
const UNREADABLE_PUT_OFF: Duration = Duration::from_secs(300);

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
    /// Failures in a row so far.
    pub failures: u32,
}

/// How a try ended.
#[derive(Clone, Debug)]
pub enum AttemptResult {
    /// The PUT succeeded.
    Written {
        /// AWS's id of the request.
        request_id: Option<String>,
    },
    /// 412 on the batch's own key: an earlier try landed.
    AlreadyThere,
    /// It failed; the next try is due then.
    Failed {
        /// Why.
        failure: Failure,
        /// When to try again.
        retry_at: Timestamp,
    },
}

/// A try to be booked as ended.
#[derive(Clone, Debug)]
pub struct FinishedBatch {
    /// Under which claim.
    pub lease: Lease,
    /// Which batch.
    pub batch: BatchId,
    /// Which try.
    pub attempt: AttemptId,
    /// How it ended.
    pub result: AttemptResult,
}

#[derive(sqlx::FromRow)]
struct BatchRow {
    id: String,
    organization_id: String,
    window_start: i64,
    window_minutes: i64,
    first_sequence: i64,
    last_sequence: i64,
    bytes: i64,
    format: String,
    compression: String,
    lease_token: i64,
    revision: i64,
    failures: i64,
}

impl Store {
    /// Claims the organization whose oldest undelivered batch has waited longest, if one is due and free.
    pub async fn claim(&self, owner: String, lease_for: Duration) -> Result<Option<Claim>, StoreError> {
        self.write(move |tx| async move { tx.claim(&owner, lease_for).await }.boxed()).await
    }

    /// Books a try before its PUT. Gives `None` if the lease is lost or the batch is not to be delivered any
    /// more: nothing may be sent then.
    pub async fn start_attempt(
        &self,
        lease: Lease,
        batch: BatchId,
        digest: [u8; 32],
        settings: Settings,
        key: ObjectKey,
    ) -> Result<Option<AttemptId>, StoreError> {
        self.write(move |tx| {
            async move { tx.start_attempt(lease, batch, digest, &settings, &key).await }.boxed()
        })
        .await
    }

    /// Books how a try ended and gives the lease back. Gives `false` if the lease was lost: the result then
    /// counts for nothing, and whoever holds it finds out by 412.
    pub async fn finish_attempt(&self, finished: FinishedBatch) -> Result<bool, StoreError> {
        self.write(move |tx| async move { tx.finish_attempt(finished).await }.boxed()).await
    }

    /// Gives a lease back without a try.
    pub async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.write(move |tx| async move { tx.release(lease).await }.boxed()).await
    }

    /// Gives a lease back without a try: it is another's turn first. The next try is due at `again_at`; nothing failed.
    pub async fn step_back(&self, lease: Lease, again_at: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE integrations SET lease_owner = NULL, lease_expires_at = NULL, retry_at = $3
                     WHERE organization_id = $1 AND lease_token = $2",
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

    /// Gives a lease back without a try, because of a failure of our own; the next try is due at `retry_at`.
    pub async fn put_off(
        &self,
        lease: Lease,
        failure: Failure,
        retry_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                match tx.held(lease).await? {
                    Some(_) => tx.mark_failing(lease, &failure, retry_at).await,
                    None => Ok(()),
                }
            }
            .boxed()
        })
        .await
    }
}

macro_rules! due_organization {
    ($lock:literal) => {
        concat!(
            "SELECT i.organization_id
             FROM integrations i CROSS JOIN batches b
             WHERE i.configured = 1 AND i.retry_at <= $1
               AND (i.lease_expires_at IS NULL OR i.lease_expires_at <= $1)
               AND b.organization_id = i.organization_id AND b.state = 'sealed'
               AND b.first_sequence = (SELECT MIN(older.first_sequence) FROM batches older
                                       WHERE older.organization_id = i.organization_id AND older.state = 'sealed')
             ORDER BY b.sealed_at, b.organization_id LIMIT 1",
            $lock
        )
    };
}

/// Of the organizations that are due and free, the one whose oldest batch has waited longest; on PostgreSQL it is
/// held, and one that another transaction holds is left to that. CROSS JOIN makes SQLite begin with the
/// organizations: a backlog of one costs the others nothing.
const HOLD_A_DUE_ORGANIZATION: Sql =
    Sql { sqlite: due_organization!(""), postgres: due_organization!(" FOR NO KEY UPDATE OF i SKIP LOCKED") };

impl Transaction {
    async fn claim(&mut self, owner: &str, lease_for: Duration) -> Result<Option<Claim>, StoreError> {
        let now = self.clock.now();
        while let Some((organization,)) =
            fetch_optional!(self, (String,), HOLD_A_DUE_ORGANIZATION, now.as_millis())?
        {
            match self.claimed(&organization).await {
                Ok(Some(claim)) => {
                    execute!(
                        self,
                        "UPDATE integrations
                         SET lease_owner = $2, lease_expires_at = $3, lease_token = lease_token + 1
                         WHERE organization_id = $1",
                        organization,
                        owner,
                        (now + lease_for).as_millis()
                    )?;
                    return Ok(Some(claim));
                }
                // Another writer finished it between the choice and the hold.
                Ok(None) => {}
                // What can't be read for one organization must not keep the others from their turn.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(organization, %error, "an organization's deliveries are put off");
                    execute!(
                        self,
                        "UPDATE integrations SET retry_at = $2 WHERE organization_id = $1",
                        organization,
                        (now + UNREADABLE_PUT_OFF).as_millis()
                    )?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The claim of an organization whose integration is held, if a batch of it is still to be delivered.
    async fn claimed(&mut self, organization: &str) -> Result<Option<Claim>, StoreError> {
        let Some(row) = fetch_optional!(
            self,
            BatchRow,
            "SELECT b.id, b.organization_id, b.window_start, b.window_minutes, b.first_sequence, b.last_sequence,
                    b.bytes, b.format, b.compression, i.lease_token, i.revision, i.failures
             FROM batches b JOIN integrations i ON i.organization_id = b.organization_id
             WHERE b.organization_id = $1 AND b.state = 'sealed'
             ORDER BY b.first_sequence LIMIT 1",
            organization
        )?
        else {
            return Ok(None);
        };
        let organization: OrganizationId = parse("batches.organization_id", &row.organization_id)?;
        let external_id = self
            .organization(organization)
            .await?
            .ok_or_else(|| StoreError::Corrupt {
                column: "batches.organization_id",
                reason: format!("there is no organization {organization}"),
            })?
            .external_id;
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
            },
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
        }))
    }

    async fn start_attempt(
        &mut self,
        lease: Lease,
        batch: BatchId,
        digest: [u8; 32],
        settings: &Settings,
        key: &ObjectKey,
    ) -> Result<Option<AttemptId>, StoreError> {
        if self.held(lease).await? != Some(lease.revision) {
            return Ok(None);
        }
        let Some((stored,)) = fetch_optional!(
            self,
            (Option<Vec<u8>>,),
            "SELECT digest FROM batches WHERE id = $1 AND state = 'sealed'",
            batch.to_string()
        )?
        else {
            return Ok(None);
        };
        if stored.is_some_and(|earlier| earlier != digest) {
            return Err(StoreError::Corrupt {
                column: "batches.digest",
                reason: format!("the content of batch {batch} is not what was encoded before"),
            });
        }
        self.note_progress(lease.organization).await?;
        execute!(self, "UPDATE batches SET digest = $2 WHERE id = $1", batch.to_string(), digest.to_vec())?;
        let id = AttemptId::generate(&self.clock, &self.entropy);
        execute!(
            self,
            "INSERT INTO delivery_attempts (id, batch_id, organization_id, lease_token, role_arn, bucket, object_key,
                                            started_at, result)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'unknown')",
            id.to_string(),
            batch.to_string(),
            lease.organization.to_string(),
            lease.token,
            settings.role_arn.as_str(),
            settings.bucket.as_str(),
            key.as_str(),
            self.clock.now().as_millis(),
        )?;
        Ok(Some(id))
    }

    async fn finish_attempt(&mut self, finished: FinishedBatch) -> Result<bool, StoreError> {
        let FinishedBatch { lease, batch, attempt, result } = finished;
        let (word, failure, request_id) = match &result {
            AttemptResult::Written { request_id } => ("written", None, request_id.clone()),
            AttemptResult::AlreadyThere => ("already_there", None, None),
            AttemptResult::Failed { failure, .. } => {
                ("failed", Some(failure), failure.aws.as_ref().and_then(|answer| answer.request_id.clone()))
            }
        };
        let held = self.held(lease).await?;
        // What happened to the try is true whoever holds the lease now.
        execute!(
            self,
            "UPDATE delivery_attempts SET result = $2, failure = $3, request_id = $4, finished_at = $5 WHERE id = $1",
            attempt.to_string(),
            word,
            failure.map(to_json),
            request_id,
            self.clock.now().as_millis()
        )?;
        let Some(revision) = held else { return Ok(false) };
        match result {
            AttemptResult::Written { .. } | AttemptResult::AlreadyThere => {
                self.mark_delivered(lease, batch, attempt).await?;
            }
            AttemptResult::Failed { failure, retry_at } if revision == lease.revision => {
                self.mark_failing(lease, &failure, retry_at).await?;
            }
            // What failed under the old settings says nothing of those that are in force by now.
            AttemptResult::Failed { .. } => self.release(lease).await?,
        }
        Ok(true)
    }

    async fn mark_delivered(
        &mut self,
        lease: Lease,
        batch: BatchId,
        attempt: AttemptId,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE batches SET state = 'delivered', finished_at = $3,
                 bucket = (SELECT bucket FROM delivery_attempts WHERE id = $2),
                 object_key = (SELECT object_key FROM delivery_attempts WHERE id = $2)
             WHERE id = $1 AND state = 'sealed'",
            batch.to_string(),
            attempt.to_string(),
            self.clock.now().as_millis()
        )?;
        execute!(
            self,
            "UPDATE integrations
             SET lease_owner = NULL, lease_expires_at = NULL,
                 failures = 0, retry_at = 0, failure = NULL, failing_since = NULL, health = 'ok'
             WHERE organization_id = $1",
            lease.organization.to_string()
        )?;
        self.note_progress(lease.organization).await
    }

    async fn mark_failing(
        &mut self,
        lease: Lease,
        failure: &Failure,
        retry_at: Timestamp,
    ) -> Result<(), StoreError> {
        let health = match failure.turn() {
            Turn::Owner => Health::ActionNeeded,
            Turn::Operator | Turn::Nobody => Health::Retrying,
        };
        execute!(
            self,
            "UPDATE integrations
             SET lease_owner = NULL, lease_expires_at = NULL, failures = failures + 1, retry_at = $2,
                 failure = $3, failing_since = COALESCE(failing_since, $4), health = $5
             WHERE organization_id = $1",
            lease.organization.to_string(),
            retry_at.as_millis(),
            to_json(failure),
            self.clock.now().as_millis(),
            health.as_str()
        )?;
        Ok(())
    }

    async fn release(&mut self, lease: Lease) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations SET lease_owner = NULL, lease_expires_at = NULL
             WHERE organization_id = $1 AND lease_token = $2",
            lease.organization.to_string(),
            lease.token
        )?;
        Ok(())
    }

    /// Holds the integration's row; gives the revision in force, if the lease is still this writer's.
    async fn held(&mut self, lease: Lease) -> Result<Option<Revision>, StoreError> {
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
}
