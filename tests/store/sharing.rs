//! What only PostgreSQL lets happen: several processes on one database, and a database that goes away.

use std::time::Duration;

use tokio::sync::Mutex;
use trailpost::domain::access_check::Purpose;
use trailpost::domain::caller::Caller;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::window::SealSpread;
use trailpost::store::{AttemptResult, FinishedBatch, IngestError, Lane, Opening, Store};

use super::{Books, key_of, submitted};
use crate::support::database::{Engine, TestDatabase, new_database};
use crate::support::postgres::Cluster;
use crate::support::silent_wire::SilentWire;
use crate::support::{DEADLINE, eventually};

const LEASE: Duration = Duration::from_secs(60);

impl Books {
    /// One more process on the same database.
    async fn other_process(&self) -> Store {
        self.database.open(Opening::Serve, &self.clock).await.unwrap()
    }

    async fn another_organization(&self, name: &str) -> Organization {
        self.store.create_organization(name.parse().unwrap(), Plan::Enterprise).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_is_missed_and_is_used_again_when_it_is_back() {
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::create(&[])).await.unwrap();
    let database = TestDatabase::at(new_database(cluster.url()).await);
    let books = Books::on(database).await;
    books.append(3).await;
    books.store.ping().await.unwrap();

    let mut cluster = tokio::task::spawn_blocking(move || {
        cluster.stop();
        cluster
    })
    .await
    .unwrap();
    assert!(books.store.ping().await.is_err(), "a store without its server is not ready");
    let refused = books.store.ingest("test".parse().unwrap(), vec![submitted(&books.acme, None, "a")]).await;
    assert!(matches!(refused, Err(IngestError::Store(_))), "{refused:?}");

    let _cluster = tokio::task::spawn_blocking(move || {
        cluster.start();
        cluster
    })
    .await
    .unwrap();
    eventually("the store is ready again", async || books.store.ping().await.ok()).await;
    books.append(2).await;
    assert_eq!(books.lines().await.len(), 5, "what was acknowledged is there, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_request_leaves_no_transaction_open() {
    let books = Books::open(Engine::Postgres).await;
    for number in 0..200_u64 {
        let name = format!("Acme {number}").parse().unwrap();
        let rename = books.store.rename_organization(books.caller(), books.acme.id, name);
        // Dropped at a point of its own each time; some are never begun, some are done.
        let _ = tokio::time::timeout(Duration::from_micros(number * 40), rename).await;
    }
    let connection = Mutex::new(books.database.connect_to_postgres().await);
    eventually("every transaction has ended", async || {
        let mut connection = connection.lock().await;
        let open: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'trailpost' AND state <> 'idle'",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        (open == 0).then_some(())
    })
    .await;
    // A rename that was begun is done or not: the name is that of the last record, if any was made.
    let named = books.store.integration(books.acme.id).await.unwrap().unwrap().organization.name;
    let recorded = books.lines().await;
    let last = recorded.last().map_or("Acme", |line| line["organization_name"].as_str().unwrap());
    assert_eq!(named.as_str(), last);
    assert!(recorded.len() > 1, "some were dropped after they had begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_never_deliver_for_one_organization_at_once() {
    let books = Books::open(Engine::Postgres).await;
    books.enable().await;
    books.append(4).await;
    books.seal().await;
    let other = books.other_process().await;
    for _ in 0..20 {
        let claims = (0..8).map(|number| {
            let store = if number % 2 == 0 { &books.store } else { &other };
            async move { store.claim(format!("writer {number}"), LEASE, Lane::Healthy).await.unwrap() }
        });
        let claims: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().collect();
        assert_eq!(claims.len(), 1, "one organization has something to deliver");
        books.store.release(claims[0].lease).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_check_rings_in_other_processes() {
    let books = Books::open(Engine::Postgres).await;
    let other = books.other_process().await;
    let mut doorbell = other.doorbell();
    let settings = super::settings("acme-audit-logs");
    // Asked for again until it is heard: the other process may not be listening yet.
    let asking = async {
        loop {
            let new = books.asking(Purpose::Enable, Some(settings.clone()), books.revision().await);
            let check = books.store.open_check(new).await.unwrap().id;
            let cancelled = books.store.cancel_check(books.caller(), books.acme.id, check);
            cancelled.await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = doorbell.rung() => {}
        () = asking => {}
        () = tokio::time::sleep(DEADLINE) => panic!("no ring was heard"),
    }
}

/// Everything that takes rows, all at once from two processes: whoever waits gets its turn, and nobody is killed for
/// waiting in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_at_once_nothing_waits_in_a_circle() {
    const ROUNDS: usize = 25;
    let books = Books::open(Engine::Postgres).await;
    let beta = books.another_organization("Beta").await;
    let other = books.other_process().await;
    let stores = [&books.store, &other];
    let ingesting = stores.map(|store| async {
        for round in 0..ROUNDS {
            let (first, second) = if round % 2 == 0 { (&books.acme, &beta) } else { (&beta, &books.acme) };
            let records = vec![submitted(first, None, "a"), submitted(second, None, "b")];
            store.ingest("test".parse().unwrap(), records).await.unwrap();
        }
    });
    let sealing = stores.map(|store| async {
        for _ in 0..ROUNDS {
            books.clock.advance(Duration::from_secs(60));
            store.seal(SealSpread::None).await.unwrap();
        }
    });
    let delivering = stores.map(|store| async {
        for _ in 0..ROUNDS {
            deliver_one(store).await;
        }
    });
    let signing_in = stores.map(|store| async {
        for _ in 0..ROUNDS {
            let caller: Caller = books.caller();
            store.record_login(caller, books.owner.clone()).await.unwrap();
        }
    });
    let switching = async {
        for _ in 0..ROUNDS {
            books.enable().await;
            let revision = books.revision().await;
            books.store.remove(books.caller(), books.acme.id, revision).await.unwrap();
        }
    };
    tokio::join!(
        futures::future::join_all(ingesting),
        futures::future::join_all(sealing),
        futures::future::join_all(delivering),
        futures::future::join_all(signing_in),
        switching,
    );
    // Whoever came first: one batch there is.
    books.enable().await;
    books.seal().await;
    let ingested =
        books.lines().await.iter().filter(|line| line["event"]["resource_type"] == "index").count();
    assert_eq!(ingested, stores.len() * ROUNDS, "each request had one record of this organization");
    let mut batches = books.store.deliveries(books.acme.id, 10_000).await.unwrap();
    batches.reverse();
    assert!(!batches.is_empty());
    let records: u64 = batches.iter().map(|batch| batch.records).sum();
    assert!(records <= books.lines().await.len() as u64, "no record is in two batches");
}

/// A wire that falls silent takes no connection down: what waits for an answer would wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_given_up_and_the_others_go_on() {
    let books = Books::open(Engine::Postgres).await;
    let wire = SilentWire::to(books.database.url()).await;
    let far = TestDatabase::at(wire.url.clone()).open(Opening::Serve, &books.clock).await.unwrap();
    let ingest = || far.ingest("test".parse().unwrap(), vec![submitted(&books.acme, None, "a")]);
    // The request is in the middle of its transaction: it waits for a row that somebody holds.
    let mut holder = books.database.connect_to_postgres().await;
    let hold = format!("BEGIN; SELECT 1 FROM organizations WHERE id = '{}' FOR UPDATE", books.acme.id);
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold)).execute(&mut holder).await.unwrap();
    let falling_silent = async {
        eventually("the request waits for the row", async || is_waited_for(&books).await.then_some(())).await;
        wire.fall_silent().await;
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    };
    let (refused, ()) = tokio::join!(ingest(), falling_silent);
    assert!(matches!(refused, Err(IngestError::Store(_))), "{refused:?}");
    eventually("requests are stored again", async || ingest().await.ok()).await;
    far.ping().await.unwrap();
}

/// Whether some transaction waits for a row.
async fn is_waited_for(books: &Books) -> bool {
    let mut connection = books.database.connect_to_postgres().await;
    let waiting = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock')";
    sqlx::query_scalar(waiting).fetch_one(&mut connection).await.unwrap()
}

async fn deliver_one(store: &Store) {
    let Some(claim) = store.claim("test".to_owned(), LEASE, Lane::Healthy).await.unwrap() else { return };
    let (lease, batch) = (claim.lease, claim.batch.id);
    let started =
        store.start_attempt(lease, batch, [7; 32], claim.settings.clone(), key_of(&claim)).await.unwrap();
    let Some(attempt) = started else { return store.release(lease).await.unwrap() };
    let result = AttemptResult::Written { request_id: None };
    store.finish_attempt(FinishedBatch { lease, batch, attempt, result }).await.unwrap();
}
