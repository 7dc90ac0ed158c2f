//! Told to stop while AWS does not answer: a success within the time that a service manager gives, and the delivery is
//! free for whoever comes next.

use std::time::{Duration, Instant};

use trailpost::domain::clock::Clock;
use trailpost::store::Opening;

use super::installation::Installation;
use crate::store::Books;
use crate::support::database::TestDatabase;
use crate::support::eventually;
use crate::support::silent_wire::silent_endpoint;

/// 20 seconds for what is in flight, and 5 to close (README, "The service and its proxy").
const STOPS_WITHIN: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_nobody_answers_holds_up_no_stop_and_is_free_afterwards() {
    let aws = silent_endpoint().await;
    let installation = Installation::new().with_environment(&[
        ("AWS_ENDPOINT_URL", &aws),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]);
    installation.json(&["migrate"]);
    let an_hour_ago = Clock::system().now() - Duration::from_secs(3600);
    let url = installation.database.url().to_owned();
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
    assert!(ended.stderr.contains("stopped with work in flight"), "{}", ended.stderr);

    let next = installation.database.open(Opening::Serve, &Clock::system()).await.unwrap();
    let claim = next.claim("next".to_owned(), Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (1, 2), "the same batch");
    assert_eq!(claim.failures, 0, "nothing failed");
    next.close().await;
}
