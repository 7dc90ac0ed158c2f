//! Whose turn it is: who has waited longest, and those who fail among themselves.

use std::time::Duration;

use trailpost::domain::access_check::{Purpose, Stage};
use trailpost::domain::failure::{AwsAnswer, Cause, Failure};
use trailpost::domain::integration::Health;
use trailpost::domain::organization::Organization;
use trailpost::store::{AttemptResult, Claim, Lane};

use super::Books;
use super::delivering::{failed, finish, start, written};

on_both_engines! {
    who_has_waited_longest_comes_first_and_who_asked_before_everybody,
    a_backlog_of_one_keeps_nobody_from_their_turn,
    what_is_asked_for_under_a_try_that_fails_follows_at_once,
    what_fails_has_a_lane_of_its_own_until_it_is_mended,
    a_wait_is_as_long_as_aws_asks_for,
    many_denied_at_once_are_ours_until_somebody_is_let_in,
    a_few_denied_are_their_owners_turn,
    a_lease_given_back_is_due_at_once_and_a_step_back_later,
}

impl Books {
    /// Claims, and lets the try end so.
    async fn try_once(&self, lane: Lane, result: AttemptResult) -> Option<Claim> {
        let claim = self.claim_in(lane).await?;
        let attempt = start(self, &claim).await.unwrap();
        assert!(finish(self, &claim, attempt, result).await);
        Some(claim)
    }

    async fn health_of(&self, tenant: &Organization) -> (Health, Option<Cause>) {
        let integration = self.store.integration(tenant.id).await.unwrap().unwrap();
        (integration.health, integration.failure.map(|(failure, _)| failure.cause))
    }

    /// For how many of them the failure is taken to be ours.
    async fn ours(&self, tenants: &[Organization]) -> usize {
        let mut ours = 0;
        for tenant in tenants {
            let health = self.health_of(tenant).await;
            ours += usize::from(health == (Health::Retrying, Some(Cause::ManyDenied)));
        }
        ours
    }
}

async fn who_has_waited_longest_comes_first_and_who_asked_before_everybody(books: Books) {
    let first = books.tenant("First").await;
    books.seal().await;
    let second = books.tenant("Second").await;
    books.seal().await;
    let third = books.tenant("Third").await;
    books.seal().await;
    assert!(books.deliver_now_of(third.id).await.unwrap());
    let mut turns = Vec::new();
    while let Some(claim) = books.claim_in(Lane::Healthy).await {
        turns.push(claim.lease.organization);
    }
    assert_eq!(turns, [third.id, first.id, second.id]);
}

async fn a_backlog_of_one_keeps_nobody_from_their_turn(books: Books) {
    books.enable().await;
    for _ in 0..5 {
        books.append(1).await;
        books.seal().await;
    }
    let other = books.tenant("Other").await;
    books.seal().await;
    books.clock.advance(Duration::from_secs(1));
    let mut turns = Vec::new();
    while let Some(claim) = books.try_once(Lane::Healthy, written()).await {
        turns.push(claim.lease.organization);
        books.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(turns.iter().position(|organization| *organization == other.id), Some(1));
    assert_eq!(turns.len(), 5 + 1);
}

async fn what_is_asked_for_under_a_try_that_fails_follows_at_once(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    books.pass(Purpose::Test, None).await;
    assert!(finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await);
    assert!(books.try_once(Lane::Failing, failed(Cause::WriteDenied)).await.is_some(), "it may be mended");
    assert!(books.claim().await.is_none(), "and then it waits");
}

async fn what_fails_has_a_lane_of_its_own_until_it_is_mended(books: Books) {
    let broken = books.tenant("Broken").await;
    books.seal().await;
    assert!(books.try_once(Lane::Healthy, failed(Cause::WriteDenied)).await.is_some());
    let well = books.tenant("Well").await;
    books.clock.advance(Duration::from_secs(3600));
    books.seal_now().await;
    let claim = books.claim_in(Lane::Healthy).await.unwrap();
    assert_eq!(claim.lease.organization, well.id);
    assert!(books.claim_in(Lane::Healthy).await.is_none());
    let again = books.try_once(Lane::Failing, written()).await.unwrap();
    assert_eq!(again.lease.organization, broken.id);
    assert_eq!(books.health_of(&broken).await, (Health::Ok, None));
    assert!(books.claim_in(Lane::Failing).await.is_none(), "nothing is left of it");
}

async fn a_wait_is_as_long_as_aws_asks_for(books: Books) {
    books.enable().await;
    books.seal().await;
    let answer = AwsAnswer {
        code: "SlowDown".to_owned(),
        message: "Please reduce your request rate.".to_owned(),
        status: 503,
        retry_after_seconds: Some(120),
        ..AwsAnswer::default()
    };
    let failure = Failure { stage: Stage::Write, cause: Cause::Throttled, aws: Some(answer) };
    books.try_once(Lane::Healthy, AttemptResult::Failed { failure, let_in_at: None }).await.unwrap();
    books.clock.advance(Duration::from_secs(119));
    assert!(books.claim().await.is_none(), "AWS asked for two minutes");
    books.clock.advance(Duration::from_secs(1));
    assert!(books.claim().await.is_some());
}

async fn many_denied_at_once_are_ours_until_somebody_is_let_in(books: Books) {
    let mut tenants = Vec::new();
    for number in 0..6 {
        tenants.push(books.tenant(&format!("Tenant {number}")).await);
    }
    books.seal().await;
    // An access check of somebody whose deliveries were not denied asks the same.
    let is_ours = async |let_in_at| books.store.is_denial_ours(books.acme.id, let_in_at).await.unwrap();
    assert!(!is_ours(None).await);
    while books.try_once(Lane::Healthy, failed(Cause::AssumeRoleDenied)).await.is_some() {}
    assert_eq!(books.ours(&tenants).await, 2, "from the fifth on");
    assert!(is_ours(None).await && is_ours(Some(books.clock.now() - Duration::from_secs(1))).await);
    assert!(!is_ours(Some(books.clock.now())).await, "AWS let somebody in since");
    // The first four come again soon, and all stay ours for as long as nobody is let in.
    for later in [60, 3600] {
        books.clock.advance(Duration::from_secs(later));
        while books.try_once(Lane::Failing, failed(Cause::AssumeRoleDenied)).await.is_some() {}
        assert_eq!(books.ours(&tenants).await, 6, "{later} s later");
    }
    // AWS lets somebody in: our identity is accepted, and who is still denied has a cause of their own.
    books.clock.advance(Duration::from_secs(3600));
    let let_in_at = Some(books.clock.now());
    let failure = Failure { stage: Stage::AssumeRole, cause: Cause::AssumeRoleDenied, aws: None };
    let denied = || AttemptResult::Failed { failure: failure.clone(), let_in_at };
    while books.try_once(Lane::Failing, denied()).await.is_some() {}
    for tenant in &tenants {
        assert_eq!(books.health_of(tenant).await, (Health::ActionNeeded, Some(Cause::AssumeRoleDenied)));
    }
}

async fn a_few_denied_are_their_owners_turn(books: Books) {
    for number in 0..5 {
        let tenant = books.tenant(&format!("Tenant {number}")).await;
        books.seal().await;
        books.try_once(Lane::Healthy, failed(Cause::AssumeRoleDenied)).await.unwrap();
        assert_eq!(books.health_of(&tenant).await, (Health::ActionNeeded, Some(Cause::AssumeRoleDenied)));
        books.clock.advance(Duration::from_secs(180));
    }
}

async fn a_lease_given_back_is_due_at_once_and_a_step_back_later(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    books.store.release(claim.lease).await.unwrap();
    let claim = books.claim().await.unwrap();
    let soon = books.clock.now() + Duration::from_secs(2);
    books.store.step_back(claim.lease, soon).await.unwrap();
    assert!(books.claim().await.is_none());
    books.clock.advance(Duration::from_secs(2));
    let last = books.claim_in(Lane::Healthy).await.unwrap();
    books.store.step_back(claim.lease, soon).await.unwrap();
    books.store.release(claim.lease).await.unwrap();
    assert!(books.claim().await.is_none(), "who lost the lease can't give it back");
    assert!(start(&books, &last).await.is_some());
}
