//! A clock that jumps by an hour, either way: nothing is lost, and nobody waits until it has caught up.

use std::time::Duration;

use trailpost::domain::failure::Cause;
use trailpost::domain::integration::Situation;
use trailpost::store::SwitchOff;

use super::delivering::{failed, finish, start, written};
use super::{Books, LEASE};

on_both_engines! {
    what_was_stored_before_a_jump_back_is_sealed_once_in_each_window,
    a_jump_forward_seals_and_delivers_what_there_is,
    leases_and_waits_from_before_a_jump_back_end,
    waits_that_are_as_long_as_they_may_be_stay,
    a_stop_is_given_up_after_a_jump_back_too,
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

async fn what_was_stored_before_a_jump_back_is_sealed_once_in_each_window(books: Books) {
    books.enable().await;
    books.append(2).await;
    books.clock.turn_back(HOUR);
    assert_eq!(books.seal_now().await, 1, "what is there is not kept until the clock has caught up");
    for _ in 0..3 {
        books.clock.advance(Duration::from_secs(1));
        books.append(1).await;
        assert_eq!(books.seal_now().await, 0, "one batch for each window");
        books.append(1).await;
        assert_eq!(books.seal().await, 1);
    }
    // It has caught up.
    books.clock.advance(HOUR);
    books.append(1).await;
    books.seal().await;
    let mut next = 1;
    while let Some(claim) = books.claim().await {
        assert_eq!(claim.batch.first.get(), next, "every record is in one batch");
        next = claim.batch.last.get() + 1;
        let attempt = start(&books, &claim).await.unwrap();
        assert!(finish(&books, &claim, attempt, written()).await);
    }
    assert_eq!(next, 11, "enabling, two, six and one");
}

async fn a_jump_forward_seals_and_delivers_what_there_is(books: Books) {
    books.enable().await;
    books.append(2).await;
    books.clock.advance(HOUR);
    assert_eq!(books.seal_now().await, 1);
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    books.clock.advance(HOUR);
    let other = books.claim().await.unwrap();
    assert!(!finish(&books, &claim, attempt, written()).await, "its lease is over");
    let attempt = start(&books, &other).await.unwrap();
    assert!(finish(&books, &other, attempt, trailpost::store::AttemptResult::AlreadyThere).await);
    assert!(books.claim().await.is_none());
}

async fn leases_and_waits_from_before_a_jump_back_end(books: Books) {
    books.enable().await;
    books.seal().await;
    let waiting = books.tenant("Waiting").await;
    books.seal().await;
    let _dead = books.claim().await.unwrap();
    let claim = books.claim().await.unwrap();
    assert_eq!(claim.lease.organization, waiting.id);
    books.store.release(claim.lease).await.unwrap();
    books.clock.turn_back(30 * 24 * HOUR);
    assert!(books.claim().await.is_none());
    books.store.bound_waits(LEASE).await.unwrap();
    assert_eq!(books.claim().await.unwrap().lease.organization, waiting.id, "its wait is over");
    assert!(books.claim().await.is_none(), "a lease that begins now would not be over");
    books.clock.advance(LEASE);
    assert_eq!(books.claim().await.unwrap().lease.organization, books.acme.id);
}

async fn waits_that_are_as_long_as_they_may_be_stay(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::AwsUnavailable)).await);
    books.store.bound_waits(LEASE).await.unwrap();
    assert!(books.claim().await.is_none());
}

async fn a_stop_is_given_up_after_a_jump_back_too(books: Books) {
    books.enable().await;
    books.seal().await;
    let revision = books.revision().await;
    let (caller, acme) = (books.caller(), books.acme.id);
    books.store.deliver_first(caller, acme, revision, SwitchOff::Disable).await.unwrap();
    books.clock.turn_back(HOUR);
    books.store.bound_waits(LEASE).await.unwrap();
    books.clock.advance(2 * MINUTE);
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Active);
}
