//! Booking the tries of deliveries.
//!
//! Guarantees:
//! - a try is booked before its PUT, and a result only under the token that the claim was given;
//! - whoever books for an organization holds its integration's row: of two writers, one sees what the other did;
//! - a failure never drops a record: it says when the next try is due.

use futures::FutureExt;

use super::claims::Lease;
use super::database::{execute, fetch_one, fetch_optional};
use super::integrations::{from_json, to_json};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::denial::{self, MANY};
use crate::domain::failure::{Cause, Failure, Turn};
use crate::domain::id::{AttemptId, BatchId, OrganizationId};
use crate::domain::integration::{Health, Settings};
use crate::domain::object_key::ObjectKey;

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
    /// It failed; the next try is due when the failure's schedule says.
    Failed {
        /// Why.
        failure: Failure,
        /// When AWS last let this process into any customer's role.
        let_in_at: Option<Timestamp>,
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

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Booked {
    /// It came too late to count.
    Nothing,
    /// It counts.
    Counts,
    /// It counts, and somebody waits for the last delivery.
    AwaitedByAStop,
}

impl Store {
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
        let booked = self.write(move |tx| async move { tx.finish_attempt(finished).await }.boxed()).await?;
        if booked == Booked::AwaitedByAStop {
            self.ring();
        }
        Ok(booked != Booked::Nothing)
    }

    /// Whether it is our doing that AWS denies us an organization's role: many organizations' deliveries are denied at
    /// once. `let_in_at` is when AWS last let this process into any customer's role.
    pub async fn is_denial_ours(
        &self,
        organization: OrganizationId,
        let_in_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.read(move |tx| async move { tx.is_denial_ours(organization, let_in_at).await }.boxed()).await
    }

    /// Gives a lease back without a try, because of a failure of our own.
    pub async fn put_off(&self, lease: Lease, failure: Failure) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                match tx.held(lease).await? {
                    Some(_) => tx.mark_failing(lease.organization, &failure).await,
                    None => Ok(()),
                }
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
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
        execute!(self, "UPDATE batches SET digest = $2 WHERE id = $1", batch.to_string(), digest.to_vec())?;
        let id = AttemptId::generate(&self.clock, &self.entropy);
        execute!(
            self,
            "INSERT INTO delivery_attempts (id, batch_id, organization_id, lease_token, role_arn, bucket, object_key,
                                            encryption, kms_key_arn, started_at, result)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'unknown')",
            id.to_string(),
            batch.to_string(),
            lease.organization.to_string(),
            lease.token,
            settings.role_arn.as_str(),
            settings.bucket.as_str(),
            key.as_str(),
            settings.encryption.kind().as_str(),
            settings.encryption.kms_key_arn().map(ToString::to_string),
            self.clock.now().as_millis(),
        )?;
        Ok(Some(id))
    }

    async fn finish_attempt(&mut self, finished: FinishedBatch) -> Result<Booked, StoreError> {
        let FinishedBatch { lease, batch, attempt, mut result } = finished;
        let held = self.held(lease).await?;
        if let AttemptResult::Failed { failure, let_in_at } = &mut result
            && held == Some(lease.revision)
        {
            self.attribute(lease.organization, failure, *let_in_at).await?;
        }
        // What happened to the try is true whoever holds the lease now.
        self.note_result(attempt, &result).await?;
        let Some(revision) = held else { return Ok(Booked::Nothing) };
        match result {
            AttemptResult::Written { .. } | AttemptResult::AlreadyThere => {
                self.mark_delivered(lease.organization, batch, attempt).await
            }
            AttemptResult::Failed { failure, .. } if revision == lease.revision => {
                self.mark_failing(lease.organization, &failure).await?;
                Ok(Booked::Counts)
            }
            // What failed under the old settings says nothing of those that are in force by now.
            AttemptResult::Failed { .. } => {
                self.give_back(lease.organization).await?;
                Ok(Booked::Counts)
            }
        }
    }

    async fn note_result(&mut self, attempt: AttemptId, result: &AttemptResult) -> Result<(), StoreError> {
        let (word, failure, request_id) = match result {
            AttemptResult::Written { request_id } => ("written", None, request_id.clone()),
            AttemptResult::AlreadyThere => ("already_there", None, None),
            AttemptResult::Failed { failure, .. } => {
                ("failed", Some(failure), failure.aws.as_ref().and_then(|answer| answer.request_id.clone()))
            }
        };
        execute!(
            self,
            "UPDATE delivery_attempts SET result = $2, failure = $3, request_id = $4, finished_at = $5 WHERE id = $1",
            attempt.to_string(),
            word,
            failure.map(to_json),
            request_id,
            self.clock.now().as_millis()
        )?;
        Ok(())
    }

    /// Keeps since when an organization is denied, and says whose doing it is: many at once are ours.
    async fn attribute(
        &mut self,
        organization: OrganizationId,
        failure: &mut Failure,
        let_in_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        if !failure.cause.may_be_one_of_many() {
            return Ok(());
        }
        execute!(
            self,
            "UPDATE integrations SET denied_since = COALESCE(denied_since, $2) WHERE organization_id = $1",
            organization.to_string(),
            self.clock.now().as_millis()
        )?;
        if self.is_denial_ours(organization, let_in_at).await? {
            tracing::error!(%organization, "AWS refuses the roles of many organizations: look at Trailpost's own identity");
            failure.cause = Cause::ManyDenied;
        }
        Ok(())
    }

    /// Whether an organization that is denied is one of many, or was and nobody has been let in since.
    async fn is_denial_ours(
        &mut self,
        organization: OrganizationId,
        let_in_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (since, before) = fetch_one!(
            self,
            (Option<i64>, Option<String>),
            "SELECT denied_since, failure FROM integrations WHERE organization_id = $1",
            organization.to_string()
        )?;
        let before: Option<Failure> =
            before.map(|json| from_json("integrations.failure", &json)).transpose()?;
        let was_ours = before.is_some_and(|before| before.cause == Cause::ManyDenied);
        let since = since.map(Timestamp::from_millis);
        let nobody_let_in = let_in_at.is_none_or(|let_in| since.is_none_or(|since| let_in < since));
        let from = denial::from(self.clock.now(), let_in_at);
        Ok((was_ours && nobody_let_in) || self.denied_from(from).await? >= MANY)
    }

    /// How many organizations AWS began to refuse after an instant; no more than it takes are counted.
    async fn denied_from(&mut self, after: Timestamp) -> Result<u32, StoreError> {
        let (denied,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM (SELECT denied_since FROM integrations WHERE denied_since > $1 LIMIT $2) AS denied",
            after.as_millis(),
            i64::from(MANY)
        )?;
        Ok(u32::try_from(denied).unwrap_or(MANY))
    }

    async fn mark_delivered(
        &mut self,
        organization: OrganizationId,
        batch: BatchId,
        attempt: AttemptId,
    ) -> Result<Booked, StoreError> {
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
        self.forget_failure(organization).await?;
        self.give_back(organization).await?;
        let is_awaited = self.note_progress(organization).await?;
        Ok(if is_awaited { Booked::AwaitedByAStop } else { Booked::Counts })
    }

    /// All is well again, as far as anybody knows.
    pub(super) async fn forget_failure(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations
             SET failures = 0, failure = NULL, failing_since = NULL, denied_since = NULL, health = 'ok'
             WHERE organization_id = $1",
            organization.to_string()
        )?;
        Ok(())
    }

    /// Gives the lease back, and books a failure with the time of the next try.
    async fn mark_failing(
        &mut self,
        organization: OrganizationId,
        failure: &Failure,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let health = match failure.turn() {
            Turn::Owner => Health::ActionNeeded,
            Turn::Operator | Turn::Nobody => Health::Retrying,
        };
        let (failures,) = fetch_one!(
            self,
            (i64,),
            "SELECT failures + 1 FROM integrations WHERE organization_id = $1",
            organization.to_string()
        )?;
        let wait = failure.wait(u32::try_from(failures).unwrap_or(u32::MAX), self.entropy.fraction());
        execute!(
            self,
            "UPDATE integrations
             SET lease_owner = NULL, lease_expires_at = NULL, failures = $2,
                 due_at = CASE WHEN again_at_once = 1 THEN 0 ELSE CAST($3 AS BIGINT) END, again_at_once = 0,
                 failure = $4, failing_since = COALESCE(failing_since, $5), health = $6,
                 denied_since = CASE WHEN $7 = 1 THEN denied_since END
             WHERE organization_id = $1",
            organization.to_string(),
            failures,
            (now + wait).as_millis(),
            to_json(failure),
            now.as_millis(),
            health.as_str(),
            i64::from(failure.cause.is_denial())
        )?;
        Ok(())
    }
}
