//! The delivery history: pages that stay right while batches arrive, and a bounded number of tries that speak for all.

use std::time::Duration;

use trailpost::domain::failure::Cause;
use trailpost::store::{HistoryCursor, HistoryPage, Landing, MOST_ATTEMPTS};

use super::delivering::{failed, finish, start, written};
use super::{Books, sequence};

on_both_engines! {
    pages_stay_right_while_batches_arrive_and_old_ones_go,
    of_many_tries_the_newest_are_read_and_all_count,
}

impl Books {
    async fn history(&self, cursor: HistoryCursor) -> HistoryPage {
        self.store.delivery_history(self.acme.id, cursor, 3).await.unwrap()
    }

    /// So many windows with one record each.
    async fn windows(&self, count: usize) {
        for _ in 0..count {
            self.append(1).await;
            self.seal().await;
        }
    }

    async fn try_to_deliver(&self, cause: Option<Cause>) {
        let claim = self.claim().await.unwrap();
        let attempt = start(self, &claim).await.unwrap();
        assert!(finish(self, &claim, attempt, cause.map_or_else(written, failed)).await);
        self.clock.advance(Duration::from_secs(3600));
    }
}

fn firsts(page: &HistoryPage) -> Vec<i64> {
    page.rows.iter().map(|row| row.first.get()).collect()
}

async fn pages_stay_right_while_batches_arrive_and_old_ones_go(books: Books) {
    use HistoryCursor::{After, Before, Newest};
    books.enable().await;
    let empty = books.history(Newest).await;
    assert!(empty.rows.is_empty() && empty.newer.is_none() && empty.older.is_none());
    books.seal().await;
    books.windows(6).await;
    let newest = books.history(Newest).await;
    assert_eq!(firsts(&newest), [7, 6, 5]);
    assert_eq!((newest.newer, newest.older), (None, Some(Before(sequence(5)))));

    books.windows(2).await;
    let second = books.history(Before(sequence(5))).await;
    assert_eq!(firsts(&second), [4, 3, 2], "whatever arrived meanwhile");
    assert_eq!((second.newer, second.older), (Some(After(sequence(4))), Some(Before(sequence(2)))));
    let last = books.history(Before(sequence(2))).await;
    assert_eq!((firsts(&last), last.older), (vec![1], None));
    let back = books.history(After(sequence(4))).await;
    assert_eq!((firsts(&back), back.newer), (vec![7, 6, 5], Some(After(sequence(7)))));
    let front = books.history(After(sequence(7))).await;
    assert_eq!(firsts(&front), [9, 8, 7], "the first page is full");
    assert_eq!(front.newer, None);

    let beyond = books.history(Before(sequence(1))).await;
    assert_eq!(
        (beyond.rows.len(), beyond.newer, beyond.older),
        (0, Some(Newest), None),
        "there is a way back"
    );
    let other = books.tenant("Other").await;
    let foreign = books.store.delivery_history(other.id, Before(sequence(9)), 3).await.unwrap();
    assert!(foreign.rows.is_empty() && foreign.newer.is_none());
}

async fn of_many_tries_the_newest_are_read_and_all_count(books: Books) {
    books.enable().await;
    books.seal().await;
    books.try_to_deliver(Some(Cause::Timeout)).await;
    for _ in 0..30 {
        books.try_to_deliver(Some(Cause::WriteDenied)).await;
    }
    let row = books.history(HistoryCursor::Newest).await.rows.swap_remove(0);
    assert_eq!(row.attempts.len(), MOST_ATTEMPTS as usize);
    assert_eq!(row.attempt_count, 31);
    assert!(row.attempts.is_sorted_by_key(|attempt| attempt.started_at));
    assert_eq!(row.landing(), Landing::Maybe, "the very first may have landed");
    assert_eq!(row.strays(), Landing::No, "it is not delivered to anywhere yet");

    // Elsewhere from now on.
    let proposed = super::settings("other-bucket");
    books.pass(trailpost::domain::access_check::Purpose::Update, Some(proposed)).await;
    books.try_to_deliver(None).await;
    let row = books.history(HistoryCursor::Newest).await.rows.pop().unwrap();
    assert_eq!((row.attempt_count, row.landing(), row.strays()), (32, Landing::Yes, Landing::Maybe));
    let newest = row.attempts.last().unwrap();
    assert_eq!((row.stray(newest), row.stray(&row.attempts[0])), (Landing::No, Landing::No));
}
