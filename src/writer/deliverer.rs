//! Delivers a claimed organization's oldest batch: encode it, book the try, PUT, book the result.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Writer;
use super::encode::{Encoded, Encoder, content_size};
use crate::aws::{AssumedRole, Object, Written};
use crate::domain::access_check::Stage;
use crate::domain::error_chain::ErrorChain;
use crate::domain::failure::{Cause, Failure};
use crate::domain::id::OrganizationId;
use crate::domain::object_key::{BatchName, ObjectKey, content_type};
use crate::domain::sequence::Sequence;
use crate::metrics::AttemptOutcome;
use crate::store::{AttemptResult, Claim, DueBatch, FinishedBatch, Lane, Page, StoreError};

/// A try, from reading its records to S3's answer, gets so long.
const TRY: Duration = Duration::from_secs(300);
/// A lease outlasts a try, and the booking of it.
pub(super) const LEASE: Duration = Duration::from_secs(360);
/// Who finds no room for its body lets others go first for so long.
const ANOTHER_FIRST: Duration = Duration::from_secs(5);
/// Records are small as a rule, and large ones come few at a time.
const PAGE: Page = Page { records: 1000, bytes: 4 * 1024 * 1024 };

impl Writer {
    /// Delivers the batch of a claim, and says what kept it from being delivered.
    pub(super) async fn deliver(
        self,
        claim: Claim,
        lane: Lane,
        hurry: CancellationToken,
    ) -> Result<(), StoreError> {
        let (organization, batch) = (claim.lease.organization, claim.batch.id);
        // In a box: the driver moves it about, and it is large.
        if let Err(error) = Box::pin(self.deliver_or_put_off(claim, lane, hurry)).await {
            let error = ErrorChain(&error);
            tracing::error!(%organization, %batch, %error, "a delivery failed on our own side; it is tried again");
        }
        Ok(())
    }

    /// What goes wrong on our own side is booked with the time of the next try, as far as the store still takes it: what
    /// fails again and again must not be claimed again and again. Otherwise the lease ends by itself.
    ///
    /// Once `hurry` is cancelled the lease is given back, and whoever claims next finds out whether the try landed.
    async fn deliver_or_put_off(
        &self,
        claim: Claim,
        lane: Lane,
        hurry: CancellationToken,
    ) -> Result<(), StoreError> {
        let tried = tokio::select! {
            tried = self.try_to_deliver(&claim, lane) => tried,
            () = hurry.cancelled() => return self.store.release(claim.lease).await,
        };
        let Err(error) = tried else { return Ok(()) };
        let failure = Failure { stage: Stage::Write, cause: cause_of(&error), aws: None };
        self.metrics.failures.of(failure.cause).inc();
        if let Err(other) = self.put_off(&claim, failure).await {
            let (organization, error) = (claim.lease.organization, ErrorChain(&other));
            tracing::error!(%organization, %error, "a failure could not be booked");
        }
        Err(error)
    }

    async fn put_off(&self, claim: &Claim, failure: Failure) -> Result<(), StoreError> {
        self.store.put_off(claim.lease, failure).await?;
        self.expire(claim.lease.organization).await
    }

    async fn try_to_deliver(&self, claim: &Claim, lane: Lane) -> Result<(), StoreError> {
        let deadline = Instant::now() + TRY;
        let batch = &claim.batch;
        let records = (batch.last.get() - batch.first.get() + 1).unsigned_abs();
        let size = content_size(records, batch.bytes);
        let Some(_room) = self.memory.take(lane, size).await else {
            return self.store.step_back(claim.lease, self.clock.now() + ANOTHER_FIRST).await;
        };
        let encoded = self.encode(claim, size).await?;
        let key = ObjectKey::of_batch(&claim.settings.prefix, &name_of(claim));
        let (lease, batch, settings) = (claim.lease, claim.batch.id, claim.settings.clone());
        let started = self.store.start_attempt(lease, batch, encoded.digest, settings, key.clone()).await?;
        let Some(attempt) = started else { return self.store.release(lease).await };
        let result = match timeout_at(deadline, self.put(claim, key, encoded)).await {
            Ok(result) => result,
            Err(_) => self.failed(claim, Failure { stage: Stage::Write, cause: Cause::Timeout, aws: None }),
        };
        let failed_at = match &result {
            AttemptResult::Failed { failure, .. } => Some(failure.cause),
            AttemptResult::Written { .. } | AttemptResult::AlreadyThere => None,
        };
        self.metrics.attempts.of(outcome_of(&result)).inc();
        let counts = self.store.finish_attempt(FinishedBatch { lease, batch, attempt, result }).await?;
        if !counts {
            self.metrics.leases_lost.inc();
        }
        match failed_at {
            Some(cause) => {
                let cause = self.attributed(lease.organization, cause).await?;
                self.metrics.failures.of(cause).inc();
                self.expire(lease.organization).await?;
            }
            None if counts => {
                let after = self.clock.now().since(claim.batch.sealed_at);
                self.metrics.delivered(records, claim.batch.bytes, after);
            }
            None => {}
        }
        Ok(())
    }

    /// Gives up what was held for too long.
    async fn expire(&self, organization: OrganizationId) -> Result<(), StoreError> {
        if let Some(expired) = self.store.expire(organization, self.settings.hold).await? {
            self.metrics.expired_records.inc_by(expired.records);
        }
        Ok(())
    }

    async fn put(&self, claim: &Claim, key: ObjectKey, encoded: Encoded) -> AttemptResult {
        let organization = claim.lease.organization;
        let role = AssumedRole::new(organization, claim.external_id.clone(), &claim.settings);
        let object = Object {
            key,
            content_type: content_type(claim.batch.format, claim.batch.compression),
            body: encoded.body,
        };
        match self.aws.put_new(&role, &claim.settings, &object).await {
            Ok(Written::Now { request_id }) => {
                tracing::info!(%organization, batch = %claim.batch.id, key = %object.key, "delivered");
                AttemptResult::Written { request_id }
            }
            Ok(Written::Before) => {
                tracing::info!(%organization, batch = %claim.batch.id, key = %object.key, "an earlier try had landed");
                AttemptResult::AlreadyThere
            }
            Err(failure) => self.failed(claim, failure),
        }
    }

    fn failed(&self, claim: &Claim, failure: Failure) -> AttemptResult {
        let organization = claim.lease.organization;
        let Failure { stage, cause, aws } = &failure;
        let answer = aws.as_ref();
        tracing::warn!(
            %organization, batch = %claim.batch.id, %stage, %cause, turn = cause.turn().as_str(),
            aws_code = answer.map(|answer| answer.code.as_str()),
            aws_message = answer.map(|answer| answer.message.as_str()),
            aws_status = answer.map(|answer| answer.status),
            aws_request_id = answer.and_then(|answer| answer.request_id.as_deref()),
            "delivery failed"
        );
        AttemptResult::Failed { failure, let_in_at: self.aws.let_in_at() }
    }

    async fn encode(&self, claim: &Claim, size: u64) -> Result<Encoded, StoreError> {
        let DueBatch { first, last, .. } = claim.batch;
        let mut encoder = Encoder::new(claim.batch.format, claim.batch.compression, size);
        let mut from = first;
        while from <= last {
            let page = self.store.lines(claim.lease.organization, from, last, PAGE).await?;
            for stored in &page {
                if stored.sequence != from {
                    return Err(missing(from));
                }
                encoder.push(&stored.line);
                from = from.next();
            }
            if page.is_empty() {
                return Err(missing(from));
            }
        }
        Ok(encoder.finish())
    }
}

fn outcome_of(result: &AttemptResult) -> AttemptOutcome {
    match result {
        AttemptResult::Written { .. } => AttemptOutcome::Written,
        AttemptResult::AlreadyThere => AttemptOutcome::AlreadyThere,
        AttemptResult::Failed { .. } => AttemptOutcome::Failed,
    }
}

fn cause_of(error: &StoreError) -> Cause {
    match error {
        StoreError::Corrupt { .. } => Cause::RecordsUnreadable,
        _ => Cause::StoreFailed,
    }
}

fn name_of(claim: &Claim) -> BatchName {
    let batch = &claim.batch;
    BatchName {
        organization: claim.lease.organization,
        window: batch.window,
        first: batch.first,
        last: batch.last,
        batch: batch.id,
        format: batch.format,
        compression: batch.compression,
    }
}

/// A batch names every record between its ends: one that is gone must stop the delivery, not thin it out.
fn missing(sequence: Sequence) -> StoreError {
    StoreError::Corrupt {
        column: "records.sequence",
        reason: format!("record {sequence} of a batch is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_read_is_told_from_a_store_that_fails() {
        let column = StoreError::Corrupt { column: "records.line", reason: "not UTF-8".to_owned() };
        assert_eq!(cause_of(&column), Cause::RecordsUnreadable);
        assert_eq!(cause_of(&StoreError::OldSqlite("3.7".to_owned())), Cause::StoreFailed);
    }
}
