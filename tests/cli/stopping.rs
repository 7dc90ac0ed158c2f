//! Told to stop while AWS does not answer: a success within the time that a service manager gives, and the delivery is
//! free for whoever comes next.

use std::time::{Duration, Instant};

use trailpost::domain::clock::Clock;

use super::installation::Installation;
use crate::store::Books;
use crate::support::database::{Engine, TestDatabase};
use crate::support::eventually;
use crate::support::silent_wire::silent_endpoint;

/// 20 seconds for what is in flight, and 5 to close (README, "The service and its proxy").
const STOPS_WITHIN: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_delivery_that_nobody_answers_holds_up_no_stop_and_is_given_back() {
    stop_while_aws_is_silent(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_delivery_that_nobody_answers_holds_up_no_stop_and_is_given_back() {
    stop_while_aws_is_silent(Engine::Postgres).await;
}

async fn stop_while_aws_is_silent(engine: Engine) {
    let aws = silent_endpoint().await;
    let installation = Installation::on(engine).await.with_environment(&[
        ("AWS_ENDPOINT_URL", &aws),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]);
    installation.json(&["migrate"]);
    let url = installation.database.url().to_owned();
    let an_hour_ago = Clock::system().now() - Duration::from_secs(3600);
    let books = Books::since(an_hour_ago, TestDatabase::at(url)).await;
    books.enable().await;
    books.append(1).await;
    books.store.close().await;

    let (mut serving, _) = installation.serve();
    eventually("its delivery is under way", async || {
        let tries = installation.database.numbers("SELECT COUNT(*) FROM delivery_attempts").await;
        (tries == [1]).then_some(())
    })
    .await;
    let told = Instant::now();
    serving.terminate();
    let ended = tokio::task::block_in_place(|| serving.end());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // What starting and ending a process takes on a busy machine comes on top.
    assert!(told.elapsed() < STOPS_WITHIN + Duration::from_secs(10), "{:?}", told.elapsed());

    let of = |condition| format!("SELECT COUNT(*) FROM integrations WHERE {condition}");
    let leases = installation.database.numbers(&of("lease_owner IS NOT NULL")).await;
    assert_eq!(leases, [0], "whoever comes next need not wait for its end");
    assert_eq!(installation.database.numbers(&of("due_at IS NOT NULL")).await, [1], "and finds the batch");
}
