//! Checks that no writer runs, and those that nobody asked for.

use std::time::Duration;

use trailpost::domain::access_check::{CheckState, Checklist, Purpose, Stage, StageState};
use trailpost::domain::failure::{AwsAnswer, Cause, Failure};
use trailpost::domain::integration::{Health, Settings};
use trailpost::store::{CheckVerdict, ClaimedCheck, WriteStage};

use super::delivering::{failed, finish, start, written};
use super::{Books, settings};

on_both_engines! {
    a_check_without_a_writer_ends_as_ours_when_somebody_looks,
    a_check_without_a_writer_makes_way_for_another,
    a_writer_that_comes_too_late_ends_it_and_one_that_is_busy_keeps_it,
    a_daily_check_is_made_once_a_day_and_recorded,
    a_daily_check_makes_way_for_an_owner,
    a_role_that_became_too_open_is_a_banner_until_a_check_passes,
    a_role_that_is_proved_to_require_the_external_id_is_no_banner_whatever_fails_after_that,
    a_daily_check_that_fails_leaves_deliveries_and_their_failure_alone,
    a_daily_check_writes_only_when_no_file_landed,
    only_an_active_integration_is_checked_every_day,
}

const DAYS: Duration = Duration::from_secs(2 * 24 * 3600);
const TWO_MINUTES: Duration = Duration::from_secs(121);

fn failure(stage: Stage, cause: Cause) -> Failure {
    let answer = AwsAnswer {
        code: "AccessDenied".to_owned(),
        message: "Access Denied".to_owned(),
        request_id: Some("REQUEST1".to_owned()),
        status: 403,
        ..AwsAnswer::default()
    };
    Failure { stage, cause, aws: Some(answer) }
}

/// Every stage passed, the last only if the test object was written.
fn passed(claimed: &ClaimedCheck) -> Checklist {
    let mut checklist = Checklist::default();
    for stage in Stage::ALL {
        if stage != Stage::Write || claimed.write == WriteStage::TestObject {
            checklist.set(stage, StageState::Passed, None);
        }
    }
    checklist
}

impl Books {
    async fn daily(&self) -> Option<ClaimedCheck> {
        self.store.claim_daily_check().await.unwrap()
    }

    /// Lets a day go by, and its check end so.
    async fn end_daily(&self, verdict: CheckVerdict) -> ClaimedCheck {
        self.clock.advance(DAYS);
        let claimed = self.daily().await.unwrap();
        self.store.finish_check(&claimed, passed(&claimed), verdict).await.unwrap().unwrap();
        claimed
    }

    async fn ask(&self, purpose: Purpose) {
        let proposed = (purpose != Purpose::Test).then(|| settings("a-bucket"));
        let new = self.asking(purpose, proposed, self.revision().await);
        assert!(!self.store.open_check(new).await.unwrap().joined);
    }
}

async fn a_check_without_a_writer_ends_as_ours_when_somebody_looks(books: Books) {
    books.ask(Purpose::Enable).await;
    books.clock.advance(DAYS);
    assert!(books.integration().await.check.unwrap().state.is_open(), "a moved clock makes nobody look away");
    books.silence(TWO_MINUTES).await;
    let check = books.integration().await.check.unwrap();
    assert_eq!(check.state, CheckState::Failed);
    let failure = check.failure.unwrap();
    assert_eq!((failure.stage, failure.cause), (Stage::RoleArn, Cause::NoWriter));
    let looked = books.store.access_check(books.acme.id, check.id).await.unwrap().unwrap();
    assert_eq!(looked.state, CheckState::Failed);
    assert_eq!(books.events().await, ["create audit-log-integration failure"], "recorded once");
    let record = &books.lines().await[0]["event"]["outcome"];
    assert_eq!(record["reason"], "Trailpost did not run the access check");
}

async fn a_check_without_a_writer_makes_way_for_another(books: Books) {
    books.ask(Purpose::Enable).await;
    let running = books.store.claim_check().await.unwrap().unwrap();
    books.silence(TWO_MINUTES).await;
    books.ask(Purpose::Enable).await;
    assert_eq!(books.events().await, ["create audit-log-integration failure"]);
    let late = books.store.finish_check(&running, passed(&running), CheckVerdict::Passed).await.unwrap();
    assert_eq!(late, None, "it has ended");
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    assert_ne!(claimed.id, running.id);
}

async fn a_writer_that_comes_too_late_ends_it_and_one_that_is_busy_keeps_it(books: Books) {
    books.ask(Purpose::Enable).await;
    for _ in 0..5 {
        books.silence(Duration::from_secs(60)).await;
        books.store.tend_checks().await.unwrap();
    }
    assert!(books.integration().await.check.unwrap().state.is_open(), "a writer was there all the time");
    books.silence(TWO_MINUTES).await;
    assert!(books.store.claim_check().await.unwrap().is_none());
    books.store.tend_checks().await.unwrap();
    assert_eq!(books.events().await, ["create audit-log-integration failure"]);
    books.store.tend_checks().await.unwrap();
    assert_eq!(books.events().await.len(), 1, "it ends once");
}

async fn a_daily_check_is_made_once_a_day_and_recorded(books: Books) {
    books.enable().await;
    assert!(books.daily().await.is_none(), "enabling was the first");
    assert_eq!(books.integration().await.access_proved_at, Some(books.clock.now()));
    books.clock.advance(DAYS);
    let claimed = books.daily().await.unwrap();
    assert!(books.daily().await.is_none(), "one writer makes it");
    assert!(
        books.integration().await.check.is_some_and(|check| !check.state.is_open()),
        "no page waits for it"
    );
    books.store.finish_check(&claimed, passed(&claimed), CheckVerdict::Passed).await.unwrap();
    assert!(books.daily().await.is_none());
    assert_eq!(books.integration().await.access_proved_at, Some(books.clock.now()), "it has no row any more");
    let lines = books.lines().await;
    let (record, events) = (lines.last().unwrap(), books.events().await);
    assert_eq!(events.last().unwrap(), "test audit-log-integration success");
    assert_eq!(record["actor"]["principal_id"], "trailpost");
    assert_eq!(record["actor"]["principal_type"], "service_account");
    books.clock.advance(DAYS);
    let claimed = books.daily().await.unwrap();
    books.silence(Duration::from_secs(31)).await;
    let again = books.daily().await.unwrap();
    assert_eq!(again.id, claimed.id, "a writer that died is followed by another");
}

async fn a_daily_check_makes_way_for_an_owner(books: Books) {
    books.enable().await;
    books.clock.advance(DAYS);
    let daily = books.daily().await.unwrap();
    books.ask(Purpose::Test).await;
    assert!(!books.store.touch_check(&daily).await.unwrap());
    let ended = books.store.finish_check(&daily, passed(&daily), CheckVerdict::Passed).await.unwrap();
    assert_eq!(ended, None);
    assert!(books.store.claim_check().await.unwrap().is_some());
    books.clock.advance(DAYS);
    assert!(books.daily().await.is_none(), "somebody's own check is open");
}

async fn a_role_that_became_too_open_is_a_banner_until_a_check_passes(books: Books) {
    books.enable().await;
    books.append(1).await;
    books.end_daily(CheckVerdict::Failed(failure(Stage::ExternalIdRequired, Cause::RoleTooOpen))).await;
    let integration = books.integration().await;
    assert_eq!(integration.too_open_since, Some(books.clock.now()));
    assert_eq!((integration.health, integration.failure), (Health::Ok, None), "deliveries go on");
    assert_eq!(integration.check.unwrap().failure.unwrap().cause, Cause::RoleTooOpen);
    books.seal_now().await;
    assert!(books.claim().await.is_some());
    books.end_daily(CheckVerdict::Passed).await;
    let integration = books.integration().await;
    assert_eq!(integration.too_open_since, None);
    assert_eq!(integration.check.unwrap().state, CheckState::Passed, "what failed yesterday is gone");

    let asked = books.asking(Purpose::Test, None, books.revision().await);
    books.store.open_check(asked).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    let too_open = CheckVerdict::Failed(failure(Stage::ExternalIdRequired, Cause::RoleTooOpen));
    books.store.finish_check(&claimed, Checklist::default(), too_open).await.unwrap();
    assert!(books.integration().await.too_open_since.is_some(), "whoever finds it out");
    assert_eq!(books.pass(Purpose::Test, None).await, CheckState::Passed);
    assert_eq!(books.integration().await.too_open_since, None);
}

async fn a_role_that_is_proved_to_require_the_external_id_is_no_banner_whatever_fails_after_that(
    books: Books,
) {
    books.enable().await;
    let too_open = || CheckVerdict::Failed(failure(Stage::ExternalIdRequired, Cause::RoleTooOpen));
    let end = async |proposed: Option<Settings>, proved: &[Stage], verdict: CheckVerdict| {
        let purpose = if proposed.is_some() { Purpose::Update } else { Purpose::Test };
        let asked = books.asking(purpose, proposed, books.revision().await);
        books.store.open_check(asked).await.unwrap();
        let claimed = books.store.claim_check().await.unwrap().unwrap();
        let mut checklist = Checklist::default();
        for stage in proved {
            checklist.set(*stage, StageState::Passed, None);
        }
        books.store.finish_check(&claimed, checklist, verdict).await.unwrap();
        books.integration().await.too_open_since.is_some()
    };
    assert!(end(None, &[], too_open()).await);
    let refused = || CheckVerdict::Failed(failure(Stage::Write, Cause::BucketDenies));
    let mut of_another_role = settings("a-bucket");
    of_another_role.role_arn = "arn:aws:iam::111122223333:role/another".parse().unwrap();
    assert!(
        end(Some(of_another_role), &Stage::ALL[..4], refused()).await,
        "that proves nothing of the role in force"
    );
    assert!(end(None, &Stage::ALL[..2], refused()).await, "it was not asked");
    assert!(!end(None, &Stage::ALL[..4], refused()).await);
}

async fn a_daily_check_that_fails_leaves_deliveries_and_their_failure_alone(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    let before = books.integration().await;
    let denied = failure(Stage::AssumeRole, Cause::AssumeRoleDenied);
    books.end_daily(CheckVerdict::Failed(denied)).await;
    let integration = books.integration().await;
    assert_eq!(integration.failure, before.failure);
    assert_eq!((integration.health, integration.active), (Health::ActionNeeded, true));
    assert_eq!(books.events().await.last().unwrap(), "test audit-log-integration failure");
    books.end_daily(CheckVerdict::Passed).await;
    assert_eq!(books.integration().await.health, Health::Ok, "the test object was written");
}

async fn a_daily_check_writes_only_when_no_file_landed(books: Books) {
    books.enable().await;
    books.clock.advance(DAYS);
    books.seal_now().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    books.append(1).await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    let claimed = books.daily().await.unwrap();
    assert_eq!(claimed.write, WriteStage::ProvedByADelivery);
    books.store.finish_check(&claimed, passed(&claimed), CheckVerdict::Passed).await.unwrap();
    assert!(books.integration().await.failure.is_some(), "it says nothing of what fails since");
    let claimed = books.end_daily(CheckVerdict::Passed).await;
    assert_eq!(claimed.write, WriteStage::TestObject);
}

async fn only_an_active_integration_is_checked_every_day(books: Books) {
    books.enable().await;
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    books.clock.advance(DAYS);
    assert!(books.daily().await.is_none());
    assert_eq!(books.pass(Purpose::Activate, None).await, CheckState::Passed);
    assert!(books.daily().await.is_none());
    books.clock.advance(DAYS);
    assert!(books.daily().await.is_some());
}
