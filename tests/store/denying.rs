//! Attempts that were turned away: twenty a minute have a record each, one more counts the rest, and none is neither.

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use trailpost::domain::caller::Caller;
use trailpost::domain::days::Days;
use trailpost::domain::denied_attempt::{DeniedAttempt, Named, Requested, Resource};
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::refusal::Refusal;
use trailpost::store::{FailedLogin, Opening, Store};

use super::Books;
use super::projects::rule;
use crate::support::database::{Engine, TestDatabase};

const MINUTE: Duration = Duration::from_secs(60);

on_both_engines! {
    twenty_in_a_minute_have_a_record_each_and_one_more_counts_the_rest,
    a_minute_begins_with_its_first_attempt_and_ends_at_the_next_one_too,
    each_principal_and_each_kind_is_counted_by_itself,
    what_a_rule_refuses_is_counted_with_what_is_denied,
    a_clock_that_runs_back_ends_the_minute,
    a_wrong_password_is_recorded_in_every_organization_of_the_account,
    of_a_hundred_at_once_none_is_forgotten,
    an_organization_that_is_deleted_has_counted_them_before,
}

fn attempt(organization: &Organization, path: &str) -> DeniedAttempt {
    let route = "/organizations/{organization_id}/settings/audit-logs/disable";
    let requested = Requested { method: "POST", route, path };
    let integration = Resource { resource_type: "audit-log-integration", named: Named::ByType };
    DeniedAttempt::of(organization, integration.to("disable"), requested, "The role does not allow this")
}

impl Books {
    pub async fn deny(&self, path: &str) {
        deny(&self.store, self.caller(), &self.acme, path).await;
    }

    async fn guess(&self, exists: bool) {
        let failed = FailedLogin {
            account: exists.then_some(self.owner.id),
            user_agent: "guess/1".to_owned(),
            source_ip: Some([192, 0, 2, 1].into()),
        };
        self.store.note_failed_login(failed).await.unwrap();
    }

    async fn settle(&self) {
        self.store.record_failed_logins().await.unwrap();
        self.store.count_left_out_attempts().await.unwrap();
    }

    /// Nothing is kept of minutes that are over, and nothing waits.
    async fn nothing_is_left(&self) {
        for table in ["denied_attempts", "failed_logins"] {
            let rows = self.database.numbers(&format!("SELECT COUNT(*) FROM {table}")).await;
            assert_eq!(rows, [0], "{table}");
        }
    }
}

async fn deny(store: &Store, caller: Caller, organization: &Organization, path: &str) {
    store.record_denied(caller, organization.id, attempt(organization, path)).await.unwrap();
}

/// How many attempts the records stand for.
fn attempts(lines: &[Value]) -> u64 {
    let counted = |line: &Value| line["event"]["parameters"]["more_attempts"]["count"].as_u64().unwrap_or(1);
    lines.iter().map(counted).sum()
}

async fn twenty_in_a_minute_have_a_record_each_and_one_more_counts_the_rest(books: Books) {
    let began_at = books.clock.now();
    for number in 1..=157 {
        books.deny(&format!("/{number}")).await;
        books.clock.advance(Duration::from_millis(100));
        books.settle().await;
    }
    let lines = books.lines().await;
    assert_eq!(lines.len(), 20);
    let event = &lines[0]["event"];
    assert_eq!(event["action"], "disable");
    assert_eq!(event["resource_type"], "audit-log-integration");
    assert_eq!(event["resource_id"], books.acme.id.to_string());
    assert_eq!(event["outcome"]["result"], "failure");
    assert_eq!(event["outcome"]["error_code"], "PERMISSION_DENIED");
    assert_eq!(event["outcome"]["reason"], "The role does not allow this");
    assert_eq!(event["parameters"]["path"], "/1");
    assert_eq!(event["parameters"]["method"], "POST");
    assert_eq!(event["parameters"]["source_ip"], "127.0.0.1");

    books.clock.advance(MINUTE);
    books.settle().await;
    books.settle().await;
    let lines = books.lines().await;
    assert_eq!(lines.len(), 21, "once");
    let (event, more) = (&lines[20]["event"], &lines[20]["event"]["parameters"]["more_attempts"]);
    assert_eq!(lines[20]["actor"], lines[0]["actor"]);
    assert_eq!(
        (event["action"].as_str(), event["parameters"]["path"].as_str()),
        (Some("disable"), Some("/157"))
    );
    let last_at = began_at + Duration::from_millis(15_600);
    assert_eq!(more["count"], 137);
    assert_eq!(more["first_at"], (began_at + Duration::from_secs(2)).to_string());
    assert_eq!(more["last_at"], last_at.to_string());
    assert_eq!(event["time"], last_at.to_string());
    assert!(event["outcome"]["reason"].as_str().unwrap().contains("137 more attempts within a minute"));
    books.nothing_is_left().await;
}

async fn a_minute_begins_with_its_first_attempt_and_ends_at_the_next_one_too(books: Books) {
    for _ in 0..21 {
        books.deny("/first").await;
    }
    books.clock.advance(MINUTE - Duration::from_millis(1));
    books.deny("/first").await;
    assert_eq!(books.lines().await.len(), 20);
    books.clock.advance(Duration::from_millis(1));
    // No writer has looked yet.
    books.deny("/second").await;
    let lines = books.lines().await;
    assert_eq!(lines.len(), 22);
    assert_eq!(lines[20]["event"]["parameters"]["more_attempts"]["count"], 2);
    assert_eq!(lines[21]["event"]["parameters"]["path"], "/second");
    books.clock.advance(MINUTE);
    books.settle().await;
    assert_eq!(books.lines().await.len(), 22, "of one attempt nothing was left out");
    books.nothing_is_left().await;
}

async fn each_principal_and_each_kind_is_counted_by_itself(books: Books) {
    let bob =
        books.store.create_user("bob@acme.example".parse().unwrap(), "Bob".parse().unwrap(), String::new());
    let bob = Caller::user(&bob.await.unwrap(), "test/1", None);
    for _ in 0..25 {
        books.deny("/").await;
        books.guess(true).await;
    }
    deny(&books.store, bob, &books.acme, "/").await;
    books.settle().await;
    let lines = books.lines().await;
    let of = |action: &str, name: &str| {
        let is_it =
            |line: &&Value| line["event"]["action"] == action && line["actor"]["principal_name"] == name;
        lines.iter().filter(is_it).count()
    };
    assert_eq!(of("disable", "owner@acme.example"), 20);
    assert_eq!(
        of("login", "owner@acme.example"),
        20,
        "guesses push no denied attempt out, nor the other way round"
    );
    assert_eq!(of("disable", "bob@acme.example"), 1);
    books.clock.advance(MINUTE);
    books.settle().await;
    assert_eq!(attempts(&books.lines().await), 51);
}

async fn what_a_rule_refuses_is_counted_with_what_is_denied(books: Books) {
    books.project("Rockets").await;
    let taken = || books.store.create_project(books.caller(), books.acme.id, "ROCKETS".parse().unwrap());
    for _ in 0..5 {
        books.deny("/").await;
    }
    for _ in 0..27 {
        assert_eq!(rule(taken().await), Refusal::NameTaken);
    }
    assert_eq!(books.lines().await.len(), 1 + 20);
    books.clock.advance(MINUTE);
    books.settle().await;
    let lines = books.lines().await;
    assert_eq!(attempts(&lines), 1 + 5 + 27);
    let (last, rest) = (&lines[20]["event"], &lines[21]["event"]);
    for same in ["action", "resource_type", "resource_id", "resource_name"] {
        assert_eq!(last[same], rest[same]);
    }
    assert_eq!(rest["outcome"]["error_code"], "ALREADY_EXISTS");
    assert_eq!(rest["parameters"]["more_attempts"]["count"], 12);
    assert_eq!(lines[21]["actor"]["principal_name"], "owner@acme.example");
    books.nothing_is_left().await;
}

async fn a_clock_that_runs_back_ends_the_minute(books: Books) {
    for _ in 0..22 {
        books.deny("/").await;
    }
    books.clock.turn_back(Duration::from_secs(3600));
    books.settle().await;
    assert_eq!(attempts(&books.lines().await), 22);
    books.deny("/").await;
    assert_eq!(attempts(&books.lines().await), 23);
}

async fn a_wrong_password_is_recorded_in_every_organization_of_the_account(books: Books) {
    let beta = books.store.create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    books.store.add_member(beta.id, books.owner.id, Role::Member).await.unwrap();
    let at = books.clock.now();
    books.guess(true).await;
    books.guess(false).await;
    books.clock.advance(Duration::from_secs(5));
    books.settle().await;
    let lines = books.lines().await;
    assert_eq!(lines.len(), 1);
    let event = &lines[0]["event"];
    assert_eq!((&event["action"], &event["resource_type"]), (&"login".into(), &"user".into()));
    assert_eq!(event["resource_id"], "owner@acme.example");
    assert_eq!(event["outcome"]["error_code"], "UNAUTHENTICATED");
    assert_eq!(event["time"], at.to_string(), "when it happened");
    assert_eq!(event["parameters"]["source_ip"], "192.0.2.1");
    assert_eq!(lines[0]["client"]["userAgent"], "guess/1");
    let sequence = super::sequence(1);
    let there = books.store.lines(beta.id, sequence, sequence, crate::support::EVERYTHING).await.unwrap();
    assert_eq!(there.len(), 1);
    assert_eq!(books.database.numbers("SELECT COUNT(*) FROM failed_logins").await, [0], "and none waits");
}

async fn of_a_hundred_at_once_none_is_forgotten(books: Books) {
    let all = (0..100).map(|_| books.deny("/"));
    futures::future::join_all(all).await;
    books.clock.advance(MINUTE);
    books.settle().await;
    let lines = books.lines().await;
    assert_eq!((lines.len(), attempts(&lines)), (21, 100));
}

async fn an_organization_that_is_deleted_has_counted_them_before(books: Books) {
    for _ in 0..25 {
        books.deny("/").await;
    }
    let name = books.acme.name.to_string();
    books.store.close_organization(books.caller(), books.acme.id, name).await.unwrap();
    let lines = books.lines().await;
    assert_eq!(lines.len(), 22);
    assert_eq!(lines[20]["event"]["parameters"]["more_attempts"]["count"], 5);
    assert_eq!(lines[21]["event"]["action"], "delete", "nothing comes after that");
    books.deny("/").await;
    books.guess(true).await;
    books.settle().await;
    assert_eq!(books.lines().await.len(), 22);
    books.nothing_is_left().await;
    assert_eq!(books.store.purge_closed(Days::HOLD, &CancellationToken::new()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_agree() {
    let books = Books::on(TestDatabase::make(Engine::Postgres).await).await;
    let other = books.database.open(Opening::Serve, &books.clock).await.unwrap();
    let (store, caller, acme) = (&books.store, books.caller(), &books.acme);
    let all = (0..60).map(|number| {
        let store = if number % 2 == 0 { store } else { &other };
        deny(store, caller.clone(), acme, "/")
    });
    futures::future::join_all(all).await;
    for _ in 0..30 {
        books.guess(true).await;
    }
    let (here, there) = tokio::join!(store.record_failed_logins(), other.record_failed_logins());
    here.and(there).unwrap();
    assert_eq!(books.lines().await.len(), 40);
    // On PostgreSQL the minute is that of the database's own clock: it is made to be over.
    books.database.tamper("UPDATE denied_attempts SET minute_ends_at = 0").await;
    let (here, there) = tokio::join!(store.count_left_out_attempts(), other.count_left_out_attempts());
    here.and(there).unwrap();
    let lines = books.lines().await;
    assert_eq!((lines.len(), attempts(&lines)), (42, 90));
    other.close().await;
}
