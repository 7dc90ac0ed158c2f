//! Delivers batches: seal what has ended, claim an organization, encode its oldest batch, book the try, PUT, book
//! the result. Organizations go in parallel, each with one delivery in flight.

use std::time::Duration;

use tokio::task::JoinSet;

use super::Writer;
use super::encode::{Encoded, Encoder};
use crate::aws::{AssumedRole, CALL_TIMEOUT, Object, Written};
use crate::domain::object_key::{BatchName, ObjectKey, content_type};
use crate::domain::sequence::Sequence;
use crate::store::{AttemptResult, Claim, DueBatch, FinishedBatch, StoreError};

/// A PUT may follow an AssumeRole and a HeadBucket, each bounded by the call's timeout; a lease outlasts all.
const LEASE: Duration = Duration::from_secs(4 * CALL_TIMEOUT.as_secs());
const ORGANIZATIONS_AT_ONCE: usize = 8;
const RECORDS_PER_PAGE: u32 = 1000;

impl Writer {
    /// Seals every ended window, then delivers until nothing is due.
    pub(super) async fn deliver(&self) -> Result<(), StoreError> {
        self.store.seal(self.seal_spread).await?;
        let mut in_flight = JoinSet::new();
        let mut outcome = Ok(());
        loop {
            while in_flight.len() < ORGANIZATIONS_AT_ONCE {
                let Some(claim) = self.store.claim(self.owner.clone(), LEASE).await? else { break };
                let writer = self.clone();
                in_flight.spawn(async move { writer.deliver_claimed(claim).await });
            }
            match in_flight.join_next().await {
                None => return outcome,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => outcome = Err(error),
                Some(Err(error)) => outcome = Err(StoreError::Interrupted(error)),
            }
        }
    }

    async fn deliver_claimed(&self, claim: Claim) -> Result<(), StoreError> {
        let encoded = match self.encode(&claim).await {
            Ok(encoded) => encoded,
            Err(error) => {
                self.store.release(claim.lease).await?;
                return Err(error);
            }
        };
        let batch = &claim.batch;
        let key = ObjectKey::of_batch(&claim.settings.prefix, &name_of(&claim));
        let Some(attempt) = self
            .store
            .start_attempt(claim.lease, batch.id, encoded.digest, claim.settings.clone(), key.clone())
            .await?
        else {
            return self.store.release(claim.lease).await;
        };
        let result = self.put(&claim, key, encoded).await;
        let finished = FinishedBatch { lease: claim.lease, batch: batch.id, attempt, result };
        self.store.finish_attempt(finished).await?;
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
            Err(failure) => {
                tracing::warn!(%organization, batch = %claim.batch.id, key = %object.key, ?failure, "delivery failed");
                let failures = claim.failures.saturating_add(1);
                let wait = failure.schedule().delay(failures, self.entropy.fraction());
                AttemptResult::Failed { failure, retry_at: self.clock.now() + wait }
            }
        }
    }

    async fn encode(&self, claim: &Claim) -> Result<Encoded, StoreError> {
        let DueBatch { first, last, .. } = claim.batch;
        let mut encoder = Encoder::new(claim.batch.format, claim.batch.compression);
        let mut from = first;
        while from <= last {
            let page = self.store.lines(claim.lease.organization, from, last, RECORDS_PER_PAGE).await?;
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
