//! What a monitoring system is told of the books.

use std::time::Duration;

use trailpost::domain::days::Days;
use trailpost::domain::failure::Cause;
use trailpost::domain::integration::Health;

use super::Books;
use super::delivering::{failed, finish, start, written};

on_both_engines! {
    what_waits_is_counted_by_whether_somebody_has_to_act,
    what_fails_is_at_risk_as_its_time_comes,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn what_waits_is_counted_by_whether_somebody_has_to_act(books: Books) {
    let empty = books.store.installation_state(Days::HOLD).await.unwrap();
    assert_eq!((empty.undelivered_batches, empty.healths, empty.failing), (vec![], vec![], vec![]));
    // PostgreSQL has a clock of its own, here this machine's.
    assert_eq!(empty.clocks.is_some(), books.store.engine() == "postgres");
    assert!(
        empty.clocks.is_none_or(|(ours, theirs)| ours.since(theirs).max(theirs.since(ours)).as_secs() < 10)
    );
    let begun = books.clock.now();
    books.enable().await;
    books.seal().await;
    let waiting = books.store.installation_state(Days::HOLD).await.unwrap();
    assert_eq!(waiting.undelivered_batches, [(Health::Ok, 1)]);
    assert_eq!(waiting.healths, [(Health::Ok, 1)]);
    assert_eq!(waiting.overview.oldest_pending_by_health, [(Health::Ok, begun)]);

    let claim = books.claim().await.unwrap();
    assert!(claim.batch.sealed_at > begun);
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::KeyDisabled)).await);
    let failing = books.store.installation_state(Days::HOLD).await.unwrap();
    assert_eq!(failing.undelivered_batches, [(Health::ActionNeeded, 1)]);
    assert_eq!(failing.failing, [(Cause::KeyDisabled, 1)]);
    assert_eq!(failing.overview.oldest_pending, Some(begun));
    assert_eq!(failing.overview.oldest_pending_by_health, [(Health::ActionNeeded, begun)]);

    books.clock.advance(DAY);
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    let mended = books.store.installation_state(Days::HOLD).await.unwrap();
    assert_eq!((mended.undelivered_batches, mended.healths), (vec![], vec![(Health::Ok, 1)]));
    assert_eq!((mended.failing, mended.overview.oldest_pending_by_health), (vec![], vec![]));
}

async fn what_fails_is_at_risk_as_its_time_comes(books: Books) {
    books.enable().await;
    books.seal().await;
    let at_risk = async || {
        let state = books.store.installation_state(Days::HOLD).await.unwrap();
        (state.at_risk_in_a_week, state.at_risk_in_a_day)
    };
    books.clock.advance(Days::HOLD.span() - DAY / 2);
    assert_eq!(at_risk().await, (0, 0), "nothing has failed");
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    assert_eq!(at_risk().await, (1, 1));
    books.append(2).await;
    books.seal().await;
    assert_eq!(at_risk().await, (1, 1), "what was sealed since has its time before it");
    books.clock.advance(Days::HOLD.span() - 3 * DAY);
    assert_eq!(at_risk().await, (3, 1));
}
