//! Deliver first, Stop waiting, Deliver now, Try again: a cut that is kept to the record, and nothing lost on the way
//! back.

use std::time::Duration;

use trailpost::domain::access_check::{Purpose, Stage};
use trailpost::domain::caller::Caller;
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::integration::{Revision, Situation};
use trailpost::domain::organization::Plan;
use trailpost::domain::window::SealSpread;
use trailpost::store::{AttemptResult, BatchState, FinishedBatch, Refused, SwitchOff};

use super::{Books, key_of, settings};

on_both_engines! {
    what_was_stored_up_to_the_cut_is_delivered_and_what_came_after_is_named_as_lost,
    removing_waits_for_the_last_delivery_too,
    no_batch_crosses_the_cut_and_none_is_made_behind_it_while_a_stop_waits,
    a_plan_that_falls_ends_a_stop_and_keeps_what_was_collected,
    whoever_stops_waiting_has_everything_as_before,
    without_progress_for_two_minutes_everything_is_as_before,
    a_writer_that_comes_back_tries_before_a_stop_is_given_up,
    a_stop_is_asked_for_once_and_supersedes_a_check,
    discarding_ends_a_stop_at_once,
    what_is_asked_for_now_is_sealed_before_its_window_ends_and_the_rest_with_it,
    trying_again_makes_a_failed_delivery_due,
}

impl Books {
    async fn deliver_first(&self, switch_off: SwitchOff) -> Result<(), Refused> {
        let revision = self.revision().await;
        self.store.deliver_first(self.caller(), self.acme.id, revision, switch_off).await
    }

    /// Delivers the oldest batch; gives its first and last record.
    async fn deliver(&self) -> Option<(i64, i64)> {
        let claim = self.claim().await?;
        let (lease, batch) = (claim.lease, claim.batch.id);
        let started = self.store.start_attempt(lease, batch, [7; 32], claim.settings.clone(), key_of(&claim));
        let attempt = started.await.unwrap().unwrap();
        let result = AttemptResult::Written { request_id: None };
        self.store.finish_attempt(FinishedBatch { lease, batch, attempt, result }).await.unwrap();
        Some((claim.batch.first.get(), claim.batch.last.get()))
    }

    async fn remaining(&self) -> Option<u64> {
        self.integration().await.stop.map(|stop| stop.remaining)
    }

    async fn last_event(&self) -> serde_json::Value {
        self.lines().await.pop().unwrap()["event"].clone()
    }
}

async fn what_was_stored_up_to_the_cut_is_delivered_and_what_came_after_is_named_as_lost(books: Books) {
    books.enable().await;
    books.append(3).await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Stopping);
    assert_eq!(books.remaining().await, Some(5), "enabling, three records, and the one that asked");
    assert_eq!(books.last_event().await["parameters"]["deliver_first_then"], "disable");
    books.append(2).await;
    assert_eq!(books.seal_now().await, 1, "sealed without waiting for the window");
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Stopping, "not delivered yet");

    assert_eq!(books.deliver().await, Some((1, 5)));
    assert_eq!(books.remaining().await, Some(0));
    books.end_stops().await.unwrap();
    let integration = books.integration().await;
    assert_eq!((integration.situation(), integration.stop.is_none()), (Situation::Inactive, true));
    let event = books.last_event().await;
    assert_eq!((&event["action"], &event["outcome"]["result"]), (&"disable".into(), &"success".into()));
    assert_eq!(event["parameters"]["discarded"]["first_sequence"], 6);
    assert_eq!(event["parameters"]["discarded"]["last_sequence"], 7);
    assert_eq!(books.seal().await, 0, "nothing more is sealed");
    assert!(books.deliver().await.is_none());

    books.pass(Purpose::Activate, None).await;
    let begins = books.last_event().await;
    let gap = &begins["parameters"]["not_delivered"];
    assert_eq!((&gap["first_sequence"], &gap["last_sequence"]), (&6.into(), &8.into()), "{begins}");
    books.append(1).await;
    books.seal().await;
    assert_eq!(books.deliver().await, Some((9, 10)), "switched on again, from there");
}

async fn no_batch_crosses_the_cut_and_none_is_made_behind_it_while_a_stop_waits(books: Books) {
    books.enable().await;
    books.append(1).await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    books.append(2).await;
    assert!(matches!(books.deliver_now().await, Err(Refused::NotPossible)));
    assert_eq!(books.seal().await, 1, "the window has ended for all of them");
    assert_eq!(books.remaining().await, Some(3));
    assert_eq!(books.deliver().await, Some((1, 3)));
    assert_eq!(books.seal().await, 0);
    let revision = books.revision().await;
    books.store.stop_waiting(books.caller(), books.acme.id, revision).await.unwrap();
    assert_eq!(
        books.seal().await,
        2,
        "what came after the cut, once the stop was given up, and the record of that"
    );
    assert_eq!(books.deliver().await, Some((4, 5)));
    assert_eq!(books.deliver().await, Some((6, 6)));
}

async fn a_plan_that_falls_ends_a_stop_and_keeps_what_was_collected(books: Books) {
    books.enable().await;
    books.deliver_first(SwitchOff::Remove).await.unwrap();
    books.append(1).await;
    books.store.set_plan(Caller::trailpost(), books.acme.id, Plan::Standard).await.unwrap();
    let integration = books.integration().await;
    assert_eq!(integration.situation(), Situation::Suspended);
    assert!(integration.stop.is_none() && integration.settings.is_some(), "the settings are kept");
    assert_eq!(books.last_event().await["resource_type"], "plan", "the last record that is collected");
    books.end_stops().await.unwrap();
    books.seal().await;
    assert_eq!(books.deliver().await, Some((1, 5)), "what was collected is delivered");
    assert_eq!(books.integration().await.situation(), Situation::Suspended);
}

async fn removing_waits_for_the_last_delivery_too(books: Books) {
    books.enable().await;
    books.deliver_first(SwitchOff::Remove).await.unwrap();
    books.seal_now().await;
    assert_eq!(books.deliver().await, Some((1, 2)));
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::NotConfigured);
    let event = books.last_event().await;
    assert_eq!(event["action"], "delete");
    assert!(event["parameters"].get("discarded").is_none(), "nothing was lost: {event}");
}

async fn whoever_stops_waiting_has_everything_as_before(books: Books) {
    books.enable().await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    let revision = books.revision().await;
    let stop = |revision| books.store.stop_waiting(books.caller(), books.acme.id, revision);
    let other = stop(Revision::new(0)).await;
    assert!(matches!(other, Err(Refused::Stale)), "a page that showed something else ends nothing");
    assert!(stop(revision).await.unwrap());
    assert!(!stop(books.revision().await).await.unwrap(), "nothing is waited for any more");
    let integration = books.integration().await;
    assert_eq!(integration.situation(), Situation::Active);
    assert_ne!(integration.revision, revision, "a page that shows the stop is out of date");
    assert_eq!(books.last_event().await["outcome"]["error_code"], "ABORTED");
    books.append(1).await;
    books.seal().await;
    let mut last = 0;
    while let Some((first, end)) = books.deliver().await {
        assert_eq!(first, last + 1, "nothing is lost");
        last = end;
    }
    assert_eq!(last, 4);
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Active);
}

async fn without_progress_for_two_minutes_everything_is_as_before(books: Books) {
    books.enable().await;
    books.seal().await;
    books.append(1).await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    books.seal_now().await;
    books.clock.advance(Duration::from_secs(100));
    assert_eq!(books.deliver().await, Some((1, 1)));
    books.clock.advance(Duration::from_secs(100));
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Stopping, "a file landed 100 s ago");
    books.clock.advance(Duration::from_secs(20));
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Active);
    assert_eq!(books.deliver().await, Some((2, 3)), "and goes on");
}

async fn a_writer_that_comes_back_tries_before_a_stop_is_given_up(books: Books) {
    books.enable().await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    books.seal_now().await;
    books.clock.advance(Duration::from_secs(600));
    let awake_since = books.clock.now();
    books.store.end_stops(awake_since).await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Stopping);
    books.clock.advance(Duration::from_secs(120));
    books.store.end_stops(awake_since).await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Active);
}

async fn a_stop_is_asked_for_once_and_supersedes_a_check(books: Books) {
    books.enable().await;
    books.clock.advance(Duration::from_secs(1));
    let new = books.asking(Purpose::Update, Some(settings("other-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    assert!(matches!(books.deliver_first(SwitchOff::Remove).await, Err(Refused::NotPossible)));
    let stop = books.integration().await.stop.unwrap();
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    assert_eq!(books.integration().await.stop.unwrap().cut, stop.cut, "a double click joins the first");
    let verdict = trailpost::store::CheckVerdict::Passed;
    let ended = books.store.finish_check(&claimed, Default::default(), verdict).await.unwrap();
    assert_eq!(ended, None);
    let check = books.integration().await.check.unwrap();
    assert_eq!(check.state, trailpost::domain::access_check::CheckState::Superseded);
    let superseded =
        books.lines().await.iter().rposition(|line| line["event"]["outcome"]["error_code"] == "ABORTED");
    assert!(
        superseded.unwrap() < usize::try_from(stop.cut.get()).unwrap(),
        "its record is delivered first, too"
    );
    let new = books.asking(Purpose::Update, Some(settings("other-bucket")), books.revision().await);
    assert!(
        matches!(books.store.open_check(new).await, Err(Refused::NotPossible)),
        "not while it is stopping"
    );
    let revision = books.revision().await;
    let stale = books
        .store
        .deliver_first(books.caller(), books.acme.id, Revision::new(revision.get() - 1), SwitchOff::Remove)
        .await;
    assert!(matches!(stale, Err(Refused::Stale)));
}

async fn discarding_ends_a_stop_at_once(books: Books) {
    books.enable().await;
    books.append(1).await;
    books.deliver_first(SwitchOff::Disable).await.unwrap();
    let revision = books.revision().await;
    let done = books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    assert_eq!(done.discarded.unwrap().records, 3);
    assert!(books.integration().await.stop.is_none());
    books.end_stops().await.unwrap();
    assert_eq!(books.integration().await.situation(), Situation::Inactive);
}

async fn what_is_asked_for_now_is_sealed_before_its_window_ends_and_the_rest_with_it(books: Books) {
    books.enable().await;
    books.append(2).await;
    let now = || books.deliver_now();
    assert!(now().await.unwrap());
    assert_eq!(books.seal_now().await, 1);
    assert_eq!(books.deliver().await, Some((1, 4)), "with the record of who asked");
    assert_eq!(books.lines().await[3]["event"]["parameters"]["requested"], "deliver_now");
    assert!(!now().await.unwrap(), "nothing is pending");
    assert_eq!(books.lines().await.len(), 4, "and nothing was done");
    books.append(2).await;
    assert_eq!(books.seal_now().await, 0, "what came later waits for the window");
    assert_eq!(books.seal().await, 1);
    assert_eq!(books.deliver().await, Some((5, 6)));
    let history = books.store.deliveries(books.acme.id, 10).await.unwrap();
    assert_eq!(history[0].window, history[1].window, "two files of one window");
    books.store.seal(SealSpread::PerOrganization).await.unwrap();
    assert!(books.deliver().await.is_none());
}

async fn trying_again_makes_a_failed_delivery_due(books: Books) {
    books.enable().await;
    let revision = books.revision().await;
    let again = || books.store.try_again(books.caller(), books.acme.id, revision);
    assert!(!again().await.unwrap(), "nothing has failed");
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let (lease, batch) = (claim.lease, claim.batch.id);
    let started = books.store.start_attempt(lease, batch, [7; 32], claim.settings.clone(), key_of(&claim));
    let attempt = started.await.unwrap().unwrap();
    let failure = Failure { stage: Stage::Write, cause: Cause::WriteDenied, aws: None };
    let result = AttemptResult::Failed { failure, let_in_at: None };
    books.store.finish_attempt(FinishedBatch { lease, batch, attempt, result }).await.unwrap();
    assert!(books.deliver().await.is_none(), "not before its time");
    let stale = Revision::new(revision.get() - 1);
    let stale = books.store.try_again(books.caller(), books.acme.id, stale).await;
    assert!(matches!(stale, Err(Refused::Stale)));
    assert!(again().await.unwrap());
    assert_eq!(books.last_event().await["parameters"]["requested"], "try_again");
    assert_eq!(books.deliver().await, Some((1, 1)));
    let history = books.store.deliveries(books.acme.id, 10).await.unwrap();
    assert_eq!(history[0].state, BatchState::Delivered);
}
