//! What can't be delivered for as long as records are held expires, and says so; nothing expires untried.

use std::time::Duration;

use trailpost::domain::access_check::Purpose;
use trailpost::domain::days::Days;
use trailpost::domain::failure::Cause;
use trailpost::store::BatchState;

use super::delivering::{failed, finish, start, written};
use super::{Books, settings};

on_both_engines! {
    what_was_held_too_long_expires_with_a_record_that_names_it,
    only_the_oldest_expire_whatever_the_clock_did,
    a_writer_that_was_away_for_long_tries_first,
    nothing_expires_under_a_try,
}

impl Books {
    async fn fail_once(&self) {
        let claim = self.claim().await.unwrap();
        let attempt = start(self, &claim).await.unwrap();
        assert!(finish(self, &claim, attempt, failed(Cause::WriteDenied)).await);
    }

    async fn expire(&self) -> Option<(i64, i64, u64)> {
        let expired = self.store.expire(self.acme.id, Days::HOLD).await.unwrap();
        expired.map(|run| (run.first.get(), run.last.get(), run.records))
    }

    async fn states(&self) -> Vec<BatchState> {
        self.store.deliveries(self.acme.id, 10).await.unwrap().iter().map(|row| row.state).collect()
    }
}

const HOLD: Duration = Days::HOLD.span();
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn what_was_held_too_long_expires_with_a_record_that_names_it(books: Books) {
    books.enable().await;
    books.seal().await;
    books.append(2).await;
    books.seal().await;
    books.fail_once().await;
    books.clock.advance(HOLD - DAY);
    books.append(1).await;
    books.seal().await;
    assert_eq!(books.expire().await, None, "not before its time");
    books.clock.advance(DAY);
    books.fail_once().await;
    assert_eq!(books.expire().await, Some((1, 3, 3)));
    assert_eq!(books.expire().await, None, "once");
    let last = books.lines().await.pop().unwrap();
    assert_eq!(last["event"]["action"], "expire");
    assert_eq!(last["event"]["resource_type"], "audit-log-records");
    assert_eq!(last["event"]["parameters"]["expired"]["first_sequence"], 1);
    assert_eq!(last["event"]["parameters"]["expired"]["last_sequence"], 3);
    assert_eq!(last["actor"]["principal_id"], "trailpost");
    assert_eq!(books.states().await, [BatchState::Sealed, BatchState::Expired, BatchState::Expired]);

    books.pass(Purpose::Update, Some(settings("mended-bucket"))).await;
    let claim = books.claim().await.unwrap();
    assert_eq!(claim.batch.first.get(), 4, "what is younger is delivered");
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    assert!(books.claim().await.is_none());
}

async fn only_the_oldest_expire_whatever_the_clock_did(books: Books) {
    books.enable().await;
    books.seal().await;
    books.clock.advance(DAY);
    books.append(1).await;
    books.seal().await;
    books.clock.turn_back(DAY);
    books.append(1).await;
    books.seal().await;
    books.clock.advance(HOLD);
    books.fail_once().await;
    assert_eq!(books.expire().await, Some((1, 1, 1)), "not what lies behind one that is younger");
}

async fn a_writer_that_was_away_for_long_tries_first(books: Books) {
    books.enable().await;
    books.seal().await;
    books.clock.advance(HOLD + DAY);
    assert_eq!(books.expire().await, None, "nothing has failed");
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    assert_eq!(books.states().await, [BatchState::Delivered]);
}

async fn nothing_expires_under_a_try(books: Books) {
    books.enable().await;
    books.seal().await;
    books.fail_once().await;
    books.clock.advance(HOLD);
    let claim = books.claim().await.unwrap();
    assert_eq!(books.expire().await, None);
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    assert_eq!(books.expire().await, Some((1, 1, 1)));
    books.clock.advance(DAY);
    assert!(books.claim().await.is_none(), "nothing is left to try");
}
