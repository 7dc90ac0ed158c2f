//! What is old is forgotten, and nothing else: never what is pending, never the books of what is left.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use trailpost::domain::access_check::{CheckState, Purpose};
use trailpost::domain::days::Days;
use trailpost::domain::failure::Cause;
use trailpost::domain::submission::SubmittedRecord;
use trailpost::domain::window::SealSpread;
use trailpost::store::{BatchState, Opening, Retired};

use super::delivering::{failed, finish, start, written};
use super::{Books, sequence, submitted};
use crate::support::database::{Engine, TestDatabase};
use crate::support::{EVERYTHING, submission};

on_both_engines! {
    what_is_pending_outlives_every_retention_and_is_delivered_whole,
    what_was_delivered_goes_on_the_day_and_not_a_moment_before,
    the_figures_of_the_page_are_right_when_everything_old_is_gone,
    what_was_discarded_or_never_collected_goes_too,
    the_last_delivery_and_the_newest_check_stay_however_old,
    records_are_forgotten_in_small_steps_that_stand_by_themselves,
    large_records_are_forgotten_few_at_a_time,
    nothing_is_lost_that_comes_in_meanwhile,
    two_writers_forget_each_record_once,
    where_nothing_is_old_or_it_is_to_stop_nothing_happens,
    the_id_of_a_forgotten_record_may_be_used_again,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Books {
    async fn retire(&self) -> Retired {
        self.store.retire(Days::RETENTION, &CancellationToken::new()).await.unwrap()
    }

    async fn kept(&self) -> Vec<i64> {
        self.database.numbers("SELECT sequence FROM records ORDER BY sequence").await
    }

    async fn count(&self, table: &str) -> i64 {
        self.database.numbers(&format!("SELECT COUNT(*) FROM {table}")).await[0]
    }

    /// Delivers the oldest batch.
    async fn deliver_oldest(&self) {
        let claim = self.claim().await.unwrap();
        let attempt = start(self, &claim).await.unwrap();
        assert!(finish(self, &claim, attempt, written()).await);
    }

    /// Tries to deliver the oldest batch, in vain.
    async fn fail_to_deliver(&self) {
        let claim = self.claim().await.unwrap();
        let attempt = start(self, &claim).await.unwrap();
        assert!(finish(self, &claim, attempt, failed(Cause::WriteDenied)).await);
    }

    /// The bytes of these records, counted by reading them.
    async fn bytes_of(&self, first: i64, last: i64) -> u64 {
        let lines =
            self.store.lines(self.acme.id, sequence(first), sequence(last), EVERYTHING).await.unwrap();
        assert_eq!(lines.len() as i64, last - first + 1);
        lines.iter().map(|line| line.line.len() as u64).sum()
    }
}

async fn what_is_pending_outlives_every_retention_and_is_delivered_whole(books: Books) {
    books.append(3).await;
    books.enable().await;
    books.append(2).await;
    books.seal().await;
    books.append(4).await;
    for _ in 0..20 {
        books.fail_to_deliver().await;
        books.clock.advance(10 * DAY);
        books.retire().await;
    }
    assert_eq!(books.kept().await, (4..=10).collect::<Vec<_>>(), "3 of a batch, and 4 of none");
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!((status.pending_records, status.pending_bytes), (7, books.bytes_of(4, 10).await));
    let overview = books.store.overview().await.unwrap();
    assert_eq!((overview.pending_records, overview.pending_bytes), (7, status.pending_bytes));
    assert_eq!(books.store.deliveries(books.acme.id, 10).await.unwrap()[0].attempts.len(), 20);

    books.store.seal(SealSpread::None).await.unwrap();
    for (first, last) in [(4, 6), (7, 10)] {
        let claim = books.claim().await.unwrap();
        assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (first, last));
        assert_eq!(claim.batch.bytes, books.bytes_of(first, last).await);
        let attempt = start(&books, &claim).await.unwrap();
        assert!(finish(&books, &claim, attempt, written()).await);
    }
    assert_eq!(books.retire().await.records, 7);
    assert_eq!(books.kept().await, [0; 0]);
}

async fn what_was_delivered_goes_on_the_day_and_not_a_moment_before(books: Books) {
    books.enable().await;
    books.append(2).await;
    let stored_at = books.clock.now();
    books.seal().await;
    books.deliver_oldest().await;
    books.clock.advance(Days::RETENTION.span() - books.clock.now().since(stored_at));
    assert_eq!(books.retire().await, Retired::default(), "90 days old, to the millisecond");
    books.clock.advance(Duration::from_millis(1));
    assert_eq!(books.retire().await.records, 3);
}

async fn the_figures_of_the_page_are_right_when_everything_old_is_gone(books: Books) {
    books.enable().await;
    books.append(5).await;
    books.seal().await;
    books.deliver_oldest().await;
    books.clock.advance(91 * DAY);
    assert_eq!(books.retire().await.records, 6, "the newest record too");
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!((status.pending_records, status.pending_bytes), (0, 0));
    assert_eq!(books.seal_now().await, 0, "nothing that is gone is sealed again");
    assert!(!books.deliver_now().await.unwrap());
    let overview = books.store.overview().await.unwrap();
    assert_eq!((overview.pending_records, overview.oldest_pending), (0, None));

    books.append(2).await;
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!((status.pending_records, status.pending_bytes), (2, books.bytes_of(7, 8).await));
    assert_eq!(books.store.overview().await.unwrap().oldest_pending, Some(books.clock.now()));
    books.seal().await;
    let claim = books.claim().await.unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (7, 8), "the sequence goes on");
    assert_eq!(claim.batch.bytes, status.pending_bytes);
}

async fn what_was_discarded_or_never_collected_goes_too(books: Books) {
    books.enable().await;
    books.append(2).await;
    books.seal().await;
    books.append(1).await;
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    books.append(3).await;
    assert_eq!(books.kept().await.len(), 8);
    books.clock.advance(91 * DAY);
    let retired = books.retire().await;
    assert_eq!((retired.records, retired.deliveries), (8, 1), "there is no delivered file to show");
    assert_eq!(books.count("collection_ranges").await, 1, "which records were collected stays in the books");

    assert_eq!(books.pass(Purpose::Activate, None).await, CheckState::Passed);
    books.append(1).await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (9, 10), "switched on again, from there");
    assert_eq!(claim.batch.bytes, books.bytes_of(9, 10).await);
}

async fn the_last_delivery_and_the_newest_check_stay_however_old(books: Books) {
    books.enable().await;
    for _ in 0..3 {
        books.append(1).await;
        books.seal().await;
        books.deliver_oldest().await;
        assert_eq!(books.pass(Purpose::Test, None).await, CheckState::Passed);
    }
    let before = books.integration().await.check.unwrap();
    let last = books.store.deliveries(books.acme.id, 10).await.unwrap()[0].id;
    // The record of the last check is to be delivered still: behind it, nothing else is young.
    books.seal().await;
    books.clock.advance(91 * DAY);
    let retired = books.retire().await;
    assert_eq!((retired.deliveries, retired.checks), (2, 3));
    assert_eq!((books.count("batches").await, books.count("delivery_attempts").await), (2, 1));
    let shown = books.store.delivery_status(books.acme.id).await.unwrap().last_delivery.unwrap();
    assert_eq!((shown.id, shown.state), (last, BatchState::Delivered));
    let history = books.store.deliveries(books.acme.id, 10).await.unwrap();
    assert_eq!(history[1].attempts.len(), 1, "with its tries");
    assert_eq!(books.integration().await.check.unwrap().id, before.id);

    books.deliver_oldest().await;
    assert_eq!(books.retire().await.deliveries, 1, "another is the last by now");
}

async fn records_are_forgotten_in_small_steps_that_stand_by_themselves(books: Books) {
    books.append(2600).await;
    books.clock.advance(91 * DAY);
    // What refers to a record keeps it from being deleted, and the step with it.
    let refer = "CREATE TABLE referring (organization_id TEXT, sequence BIGINT,
                     FOREIGN KEY (organization_id, sequence) REFERENCES records (organization_id, sequence))";
    books.database.tamper(refer).await;
    books.database.tamper(&format!("INSERT INTO referring VALUES ('{}', 2500)", books.acme.id)).await;
    books.store.retire(Days::RETENTION, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(books.kept().await, (2001..=2600).collect::<Vec<_>>(), "two steps of a thousand were done");
    books.database.tamper("DELETE FROM referring").await;
    assert_eq!(books.retire().await.records, 600);
}

async fn large_records_are_forgotten_few_at_a_time(books: Books) {
    let mut large = submission(books.acme.id, "docs");
    large["event"]["parameters"] = json!({ "text": "x".repeat(200_000) });
    let large = SubmittedRecord::parse(large).unwrap();
    books.store.ingest("test".parse().unwrap(), vec![large; 30]).await.unwrap();
    let most = 4 * 1024 * 1024 / books.bytes_of(1, 1).await as i64;
    assert!((2..30).contains(&most), "{most}");
    books.clock.advance(91 * DAY);
    let refer = "CREATE TABLE referring (organization_id TEXT, sequence BIGINT,
                     FOREIGN KEY (organization_id, sequence) REFERENCES records (organization_id, sequence))";
    books.database.tamper(refer).await;
    books.database.tamper(&format!("INSERT INTO referring VALUES ('{}', 30)", books.acme.id)).await;
    books.store.retire(Days::RETENTION, &CancellationToken::new()).await.unwrap_err();
    let first_kept = books.kept().await[0];
    assert!((most..=most + 2).contains(&first_kept), "{first_kept}: a step has no more than 4 MiB");
}

async fn nothing_is_lost_that_comes_in_meanwhile(books: Books) {
    for _ in 0..4 {
        books.append(1000).await;
    }
    books.enable().await;
    books.append(1000).await;
    books.clock.advance(91 * DAY);
    let append = async {
        for _ in 0..40 {
            books.append(5).await;
        }
    };
    let (retired, ()) = tokio::join!(books.retire(), append);
    assert_eq!(retired.records, 4000);
    assert_eq!(books.kept().await, (4001..=5201).collect::<Vec<_>>(), "what is pending, and what came in");
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!((status.pending_records, status.pending_bytes), (1201, books.bytes_of(4001, 5201).await));
}

async fn two_writers_forget_each_record_once(books: Books) {
    books.append(5000).await;
    books.clock.advance(91 * DAY);
    let other = books.database.open(Opening::Migrate, &books.clock).await.unwrap();
    let stop = CancellationToken::new();
    let (one, another) = tokio::join!(books.retire(), other.retire(Days::RETENTION, &stop));
    let last = books.retire().await;
    assert_eq!(one.records + another.unwrap().records + last.records, 5000);
    assert_eq!(books.kept().await, [0; 0]);
    other.close().await;
}

async fn where_nothing_is_old_or_it_is_to_stop_nothing_happens(books: Books) {
    assert_eq!(books.retire().await, Retired::default(), "there is nothing at all");
    books.enable().await;
    books.append(3).await;
    books.seal().await;
    books.deliver_oldest().await;
    books.clock.advance(80 * DAY);
    books.append(2).await;
    assert_eq!(books.retire().await, Retired::default());
    assert_eq!(books.kept().await, (1..=6).collect::<Vec<_>>());

    books.clock.advance(20 * DAY);
    let stopped = CancellationToken::new();
    stopped.cancel();
    let retired = books.store.retire(Days::RETENTION, &stopped).await.unwrap();
    assert_eq!((retired, books.kept().await.len()), (Retired::default(), 6));
    assert_eq!(books.retire().await.records, 4, "the ones that are old");
}

async fn the_id_of_a_forgotten_record_may_be_used_again(books: Books) {
    const ID: &str = "0199f3c2-7d1a-7000-8000-00000000000a";
    let ingest = async |resource: &str| {
        let record = submitted(&books.acme, Some(ID), resource);
        books.store.ingest("test".parse().unwrap(), vec![record]).await.map(|ingested| ingested.accepted)
    };
    assert_eq!(ingest("docs").await.unwrap(), 1);
    assert_eq!(ingest("docs").await.unwrap(), 0, "a repeat");
    assert!(ingest("other").await.is_err());
    books.clock.advance(91 * DAY);
    books.retire().await;
    assert_eq!(ingest("other").await.unwrap(), 1);
    assert_eq!(books.kept().await, [2], "its sequence is never given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_sqlite_gets_smaller_and_keeps_a_spare_part() {
    let books = Books::on(TestDatabase::make(Engine::Sqlite).await).await;
    assert_eq!(books.database.numbers("PRAGMA auto_vacuum").await, [2], "incremental");
    books.enable().await;
    books.append(100).await;
    books.seal().await;
    books.deliver_oldest().await;
    for _ in 0..20 {
        books.append(1000).await;
    }
    books.seal().await;
    books.deliver_oldest().await;
    let file = books.database.url().strip_prefix("sqlite:").unwrap();
    let size = || std::fs::metadata(file).unwrap().len();
    books.database.numbers("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let before = size();
    assert!(before > 10_000_000, "{before}");

    books.clock.advance(91 * DAY);
    books.append(100).await;
    assert_eq!(books.retire().await.records, 20_101);
    let after = size();
    assert!(after < before / 10, "{before} bytes before, {after} after");
    let (free, pages) = (
        books.database.numbers("PRAGMA freelist_count").await,
        books.database.numbers("PRAGMA page_count").await,
    );
    assert!(free[0] <= pages[0] / 16, "{free:?} of {pages:?} pages are free");
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!(status.pending_records, 100, "what is left can be read");
    assert_eq!(
        books
            .database
            .numbers("SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'")
            .await,
        [1]
    );
}
