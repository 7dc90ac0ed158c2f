//! Sealing, claiming and booking: members fixed, oldest first, one at a time, fenced.

use std::time::Duration;

use trailpost::domain::access_check::{Purpose, Stage};
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::integration::Health;
use trailpost::domain::submission::SubmittedRecord;
use trailpost::store::{AttemptResult, BatchState, Claim, FinishedBatch, Landing, StoreError};

use super::{Books, key_of, settings};
use crate::support::submission;

on_both_engines! {
    a_window_beyond_64_mib_is_split_and_each_part_is_as_full_as_it_can_be,
    a_window_is_sealed_only_after_its_end_and_an_empty_one_never,
    batches_of_an_organization_go_one_at_a_time_and_oldest_first,
    a_lost_lease_can_not_report_and_the_next_try_has_the_same_key,
    a_failure_waits_for_its_schedule_and_a_passed_check_ends_the_wait,
    a_batch_discarded_in_flight_stays_discarded,
    a_try_that_was_under_way_when_the_settings_changed_may_still_appear,
    what_was_discarded_after_a_try_without_an_answer_may_be_there,
    other_content_for_a_sealed_batch_is_an_error_and_nothing_is_sent,
}

const DIGEST: [u8; 32] = [7; 32];

pub async fn start(books: &Books, claim: &Claim) -> Option<trailpost::domain::id::AttemptId> {
    let (lease, batch) = (claim.lease, claim.batch.id);
    books.store.start_attempt(lease, batch, DIGEST, claim.settings.clone(), key_of(claim)).await.unwrap()
}

pub async fn finish(
    books: &Books,
    claim: &Claim,
    attempt: trailpost::domain::id::AttemptId,
    result: AttemptResult,
) -> bool {
    let finished = FinishedBatch { lease: claim.lease, batch: claim.batch.id, attempt, result };
    books.store.finish_attempt(finished).await.unwrap()
}

pub fn failed(cause: Cause) -> AttemptResult {
    let stage = if cause.is_denial() { Stage::AssumeRole } else { Stage::Write };
    AttemptResult::Failed { failure: Failure { stage, cause, aws: None }, let_in_at: None }
}

pub fn written() -> AttemptResult {
    AttemptResult::Written { request_id: Some("R1".to_owned()) }
}

async fn a_window_is_sealed_only_after_its_end_and_an_empty_one_never(books: Books) {
    books.enable().await;
    assert_eq!(books.seal_now().await, 0, "the window has not ended");
    assert_eq!(books.seal().await, 1);
    assert_eq!(books.seal().await, 0, "a window without records makes no batch");
    books.append(1).await;
    books.clock.advance(Duration::from_secs(60));
    books.append(1).await;
    assert_eq!(books.seal().await, 2, "one batch for each window");
}

async fn a_window_beyond_64_mib_is_split_and_each_part_is_as_full_as_it_can_be(books: Books) {
    const MOST: u64 = 64 * 1024 * 1024;
    const RECORDS: usize = 300;
    books.enable().await;
    let mut large = submission(books.acme.id, "docs");
    large["event"]["parameters"] = serde_json::json!({ "text": "x".repeat(240_000) });
    let large = SubmittedRecord::parse(large).unwrap();
    for _ in 0..RECORDS / 50 {
        books.store.ingest("test".parse().unwrap(), vec![large.clone(); 50]).await.unwrap();
    }
    assert_eq!(books.seal().await, 2);
    let first = books.claim().await.unwrap();
    let one = first.batch.bytes / (first.batch.last.get() - first.batch.first.get() + 1).unsigned_abs();
    assert!(first.batch.bytes <= MOST && first.batch.bytes + one > MOST - one, "{}", first.batch.bytes);
    let attempt = start(&books, &first).await.unwrap();
    assert!(finish(&books, &first, attempt, written()).await);
    let second = books.claim().await.unwrap();
    assert_eq!(second.batch.first, first.batch.last.next(), "nothing between the parts");
    assert_eq!(second.batch.last.get(), 1 + RECORDS as i64, "the record of enabling, and these");
}

async fn batches_of_an_organization_go_one_at_a_time_and_oldest_first(books: Books) {
    books.enable().await;
    books.seal().await;
    books.append(2).await;
    books.seal().await;
    let first = books.claim().await.unwrap();
    assert_eq!(first.batch.first.get(), 1);
    assert!(books.claim().await.is_none(), "one delivery in flight for an organization");
    let attempt = start(&books, &first).await.unwrap();
    assert!(finish(&books, &first, attempt, written()).await);
    let second = books.claim().await.unwrap();
    assert_eq!((second.batch.first.get(), second.batch.last.get()), (2, 3));
    let history = books.store.deliveries(books.acme.id, 10).await.unwrap();
    assert_eq!(history[1].state, BatchState::Delivered);
    assert_eq!(history[1].object_key.as_deref(), Some(key_of(&first).as_str()));
    assert_eq!(history[1].attempts[0].request_id.as_deref(), Some("R1"));
}

async fn a_lost_lease_can_not_report_and_the_next_try_has_the_same_key(books: Books) {
    books.enable().await;
    books.seal().await;
    let slow = books.claim().await.unwrap();
    let slow_attempt = start(&books, &slow).await.unwrap();
    books.clock.advance(Duration::from_secs(61));
    let fast = books.claim().await.unwrap();
    assert_eq!(key_of(&fast), key_of(&slow));
    assert!(!finish(&books, &slow, slow_attempt, written()).await, "its token is old");
    assert!(start(&books, &slow).await.is_none(), "nothing may be sent under an old token");
    let fast_attempt = start(&books, &fast).await.unwrap();
    assert!(finish(&books, &fast, fast_attempt, AttemptResult::AlreadyThere).await);
    let history = books.store.deliveries(books.acme.id, 10).await.unwrap();
    assert_eq!(history[0].state, BatchState::Delivered);
    assert_eq!(history[0].attempts.len(), 2);
}

async fn a_failure_waits_for_its_schedule_and_a_passed_check_ends_the_wait(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    let integration = books.integration().await;
    assert_eq!(integration.health, Health::ActionNeeded);
    assert_eq!(integration.failure.unwrap().0.cause, Cause::WriteDenied);
    assert!(books.claim().await.is_none(), "not before its time");
    books.pass(Purpose::Update, Some(settings("mended-bucket"))).await;
    assert_eq!(books.integration().await.health, Health::Ok);
    let claim = books.claim().await.unwrap();
    assert_eq!(claim.settings.bucket.as_str(), "mended-bucket", "undelivered batches follow the settings");
}

async fn a_batch_discarded_in_flight_stays_discarded(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    let found = || async { books.store.deliveries(books.acme.id, 10).await.unwrap().swap_remove(0) };
    let discarded = found().await;
    assert_eq!((discarded.state, discarded.landing()), (BatchState::Discarded, Landing::Maybe));
    assert!(!finish(&books, &claim, attempt, written()).await);
    let discarded = found().await;
    assert_eq!((discarded.state, discarded.landing()), (BatchState::Discarded, Landing::Yes));
}

async fn a_try_that_was_under_way_when_the_settings_changed_may_still_appear(books: Books) {
    books.enable().await;
    books.seal().await;
    let lost = books.claim().await.unwrap();
    let lost_attempt = start(&books, &lost).await.unwrap();
    books.pass(Purpose::Update, Some(settings("other-bucket"))).await;
    assert!(start(&books, &lost).await.is_none(), "nothing more is sent under old settings");
    books.clock.advance(Duration::from_secs(61));
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    let row = books.store.deliveries(books.acme.id, 1).await.unwrap().swap_remove(0);
    assert_eq!(row.bucket.as_deref(), Some("other-bucket"));
    let strays: Vec<_> = row.attempts.iter().map(|attempt| row.stray(attempt)).collect();
    assert_eq!(strays, [Landing::Maybe, Landing::No]);
    assert_eq!(row.attempts[0].bucket, "acme-audit-logs");
    // It lands after all.
    assert!(!finish(&books, &lost, lost_attempt, written()).await);
    let row = books.store.deliveries(books.acme.id, 1).await.unwrap().swap_remove(0);
    assert_eq!(row.stray(&row.attempts[0]), Landing::Yes);
}

async fn what_was_discarded_after_a_try_without_an_answer_may_be_there(books: Books) {
    books.enable().await;
    books.seal().await;
    for (cause, landing) in [(Cause::WriteDenied, Landing::No), (Cause::Timeout, Landing::Maybe)] {
        let claim = books.claim().await.unwrap();
        let attempt = start(&books, &claim).await.unwrap();
        assert!(finish(&books, &claim, attempt, failed(cause)).await);
        assert_eq!(books.store.deliveries(books.acme.id, 10).await.unwrap()[0].landing(), landing);
        books.clock.advance(Duration::from_secs(3600));
    }
}

async fn other_content_for_a_sealed_batch_is_an_error_and_nothing_is_sent(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    start(&books, &claim).await.unwrap();
    let (lease, batch) = (claim.lease, claim.batch.id);
    let changed =
        books.store.start_attempt(lease, batch, [8; 32], claim.settings.clone(), key_of(&claim)).await;
    assert!(matches!(changed, Err(StoreError::Corrupt { .. })));
}
