//! Enabling, updating and switching off: through checks that read everything again before they apply.

use std::time::Duration;

use trailpost::domain::access_check::{CheckState, Checklist, Purpose, Stage};
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::integration::{Health, Situation};
use trailpost::store::{CheckVerdict, Refused};

use super::{Books, settings};

on_both_engines! {
    enabling_collects_from_its_own_record_on,
    a_double_click_joins_the_open_check_and_nothing_else_does,
    a_failed_check_changes_nothing_and_is_recorded,
    what_changed_during_a_check_supersedes_it,
    a_cancelled_check_can_not_pass_any_more,
    a_check_whose_writer_died_is_taken_over_and_the_first_writer_is_fenced_out,
    a_stale_revision_is_refused,
    switching_off_names_what_it_discards_and_delivers_nothing_of_it,
    switching_on_again_collects_from_there,
    removing_forgets_the_settings_and_keeps_counting_revisions,
}

impl Books {
    /// What so long of the machine's own time would do, without a sign of life of a writer.
    pub async fn silence(&self, span: Duration) {
        let millis = span.as_millis();
        self.database.tamper(&format!("UPDATE access_checks SET seen_at = seen_at - {millis}")).await;
    }
}

fn denied() -> Failure {
    Failure { stage: Stage::AssumeRole, cause: Cause::AssumeRoleDenied, aws: None }
}

async fn enabling_collects_from_its_own_record_on(books: Books) {
    books.append(3).await;
    books.enable().await;
    let integration = books.integration().await;
    assert_eq!(integration.situation(), Situation::Active);
    assert_eq!(integration.health, Health::Ok);
    assert_eq!(integration.changed.unwrap().0, "owner@acme.example");
    books.append(2).await;
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!(status.pending_records, 3, "the record of enabling and the two after it");
    books.seal().await;
    let claim = books.claim().await.unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (4, 6));
}

async fn a_double_click_joins_the_open_check_and_nothing_else_does(books: Books) {
    let new = || async { books.asking(Purpose::Enable, Some(settings("a-bucket")), books.revision().await) };
    let first = books.store.open_check(new().await).await.unwrap();
    let second = books.store.open_check(new().await).await.unwrap();
    assert_eq!((second.id, second.joined), (first.id, true));
    let revision = books.revision().await;
    for (purpose, proposed) in
        [(Purpose::Enable, Some(settings("b-bucket"))), (Purpose::Update, Some(settings("a-bucket")))]
    {
        let other = books.store.open_check(books.asking(purpose, proposed, revision)).await;
        assert!(matches!(other, Err(Refused::OtherCheck(id)) if id == first.id), "{purpose:?}: {other:?}");
    }
    assert!(books.store.claim_check().await.unwrap().is_some());
    assert!(books.store.claim_check().await.unwrap().is_none(), "one writer runs it");
}

async fn a_failed_check_changes_nothing_and_is_recorded(books: Books) {
    let new = books.asking(Purpose::Enable, Some(settings("a-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    let verdict = CheckVerdict::Failed(denied());
    let ended = books.store.finish_check(&claimed, Checklist::default(), verdict).await.unwrap();
    assert_eq!(ended, Some(CheckState::Failed));
    assert_eq!(books.integration().await.situation(), Situation::NotConfigured);
    assert_eq!(books.events().await, ["create audit-log-integration failure"]);
    let repeated =
        books.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap();
    assert_eq!(repeated, None, "a check ends once");
}

async fn what_changed_during_a_check_supersedes_it(books: Books) {
    books.enable().await;
    books.clock.advance(Duration::from_secs(1));
    let new = books.asking(Purpose::Update, Some(settings("other-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    let integration = books.integration().await;
    let check = integration.check_without_effect().unwrap();
    assert_eq!((check.id, check.state), (claimed.id, CheckState::Superseded), "nobody waits for its end");
    let because = "owner@acme.example disabled audit logs during the access check";
    assert_eq!(check.ended_because.as_deref(), Some(because));
    assert_eq!(books.events().await.last().unwrap(), "update audit-log-integration failure");
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["outcome"]["reason"], because);
    assert_eq!(record["event"]["parameters"]["before"]["bucket"], "acme-audit-logs");
    assert!(!books.store.touch_check(&claimed).await.unwrap(), "its writer stops");
    let ended = books.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap();
    assert_eq!(ended, None);
    let integration = books.integration().await;
    assert_eq!(integration.settings.as_ref().unwrap().bucket.as_str(), "acme-audit-logs");
    books.clock.advance(Duration::from_secs(1));
    assert_eq!(books.pass(Purpose::Activate, None).await, CheckState::Passed, "the way is free");
    assert!(books.integration().await.check_without_effect().is_none(), "that is over");
}

async fn a_cancelled_check_can_not_pass_any_more(books: Books) {
    let new = books.asking(Purpose::Enable, Some(settings("a-bucket")), books.revision().await);
    let opened = books.store.open_check(new).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    let cancel = || books.store.cancel_check(books.caller(), books.acme.id, opened.id);
    assert!(cancel().await.unwrap());
    assert!(!cancel().await.unwrap());
    assert!(!books.store.report_check(&claimed, Checklist::default()).await.unwrap());
    let ended = books.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap();
    assert_eq!(ended, None);
    assert_eq!(books.integration().await.situation(), Situation::NotConfigured);
}

async fn a_check_whose_writer_died_is_taken_over_and_the_first_writer_is_fenced_out(books: Books) {
    let new = books.asking(Purpose::Enable, Some(settings("a-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let dead = books.store.claim_check().await.unwrap().unwrap();
    books.clock.advance(Duration::from_secs(3600));
    assert!(books.store.claim_check().await.unwrap().is_none(), "a moved clock makes nobody look dead");
    books.silence(Duration::from_secs(31)).await;
    let alive = books.store.claim_check().await.unwrap().unwrap();
    let finish = |claimed| books.store.finish_check(claimed, Checklist::default(), CheckVerdict::Passed);
    assert_eq!(finish(&dead).await.unwrap(), None);
    assert_eq!(finish(&alive).await.unwrap(), Some(CheckState::Passed));
}

async fn a_stale_revision_is_refused(books: Books) {
    let stale = books.revision().await;
    books.enable().await;
    let new = books.asking(Purpose::Update, Some(settings("b-bucket")), stale);
    assert!(matches!(books.store.open_check(new).await, Err(Refused::Stale)));
    let off = books.store.disable(books.caller(), books.acme.id, stale).await;
    assert!(matches!(off, Err(Refused::Stale)));
    assert_eq!(books.integration().await.situation(), Situation::Active);
}

async fn switching_off_names_what_it_discards_and_delivers_nothing_of_it(books: Books) {
    books.enable().await;
    books.append(2).await;
    books.seal().await;
    books.append(1).await;
    let revision = books.revision().await;
    let off = books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    let discarded = off.discarded.unwrap();
    assert_eq!((discarded.first.get(), discarded.last.get()), (1, 4), "sealed and unsealed alike");
    let parameters = books.lines().await.last().unwrap()["event"]["parameters"].clone();
    assert_eq!(parameters["discarded"]["first_sequence"], 1);
    assert_eq!(parameters["discarded"]["last_sequence"], 4);
    assert_eq!(parameters["discarded"]["records"], 4);
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!((status.pending_records, status.pending_bytes), (0, 0));
    books.append(5).await;
    assert_eq!(books.seal().await, 0, "nothing is collected while inactive");
    assert!(books.claim().await.is_none());
}

async fn switching_on_again_collects_from_there(books: Books) {
    books.enable().await;
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    books.append(3).await;
    assert_eq!(books.pass(Purpose::Activate, None).await, CheckState::Passed);
    books.append(1).await;
    assert_eq!(books.seal().await, 1);
    let claim = books.claim().await.unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (6, 7));
}

async fn removing_forgets_the_settings_and_keeps_counting_revisions(books: Books) {
    books.enable().await;
    let revision = books.revision().await;
    books.store.remove(books.caller(), books.acme.id, revision).await.unwrap();
    let integration = books.integration().await;
    assert_eq!(integration.situation(), Situation::NotConfigured);
    assert!(integration.revision > revision);
    for seen in [revision, integration.revision] {
        let again = books.store.remove(books.caller(), books.acme.id, seen).await;
        assert!(matches!(again, Err(Refused::NotPossible)), "nobody else did it: {again:?}");
    }
    books.enable().await;
    assert_eq!(books.integration().await.situation(), Situation::Active);
}
