//! kill -9 under load, again and again, while AWS fails: what was acknowledged is in the bucket once.
//!
//! Runs the real `serve`: on SQLite one process, on PostgreSQL a console and three writers, whose database crashes too.
//! The sandbox lives in the test's process, so that the bucket outlives the kills. `TRAILPOST_KILLS=200` makes a long
//! run of it, and `TRAILPOST_TORTURE_SEED`, which a run that fails prints, repeats its choices. Chance picks the
//! moments; the verdict has to hold whichever they were.

mod faults;
mod luck;
mod organizations;
mod processes;
mod producers;
mod verdict;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;
use trailpost::domain::clock::Clock;
use trailpost::sandbox::{Sandbox, SandboxConfig};

use crate::cli::installation::Installation;
use crate::support::customer::Customer;
use crate::support::database::{TestDatabase, new_database};
use crate::support::eventually;
use crate::support::postgres::Cluster;
use luck::Luck;
use organizations::{Organization, Pressed};
use processes::Processes;
use producers::{Producers, Sent};
use verdict::judge;

const KILLS: &str = "TRAILPOST_KILLS";
/// Of a short run.
const FEW: u32 = 6;
/// The longest that is waited for a kill's moment, in milliseconds.
const MOMENT: u64 = 800;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_every_acknowledged_record_is_in_the_bucket_once() {
    torture(Installation::new(), &["all"], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_every_acknowledged_record_is_in_the_bucket_once() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::create(&[])).await.unwrap();
    let database = TestDatabase::at(new_database(cluster.url()).await);
    let installation = Installation::over(database);
    torture(installation, &["console", "writer", "writer", "writer"], Some(cluster)).await;
}

/// A run under way.
struct Torture {
    luck: Luck,
    sandbox: Sandbox,
    processes: Processes,
    organizations: Vec<Organization>,
    /// PostgreSQL, which can crash; Mutex because a test moves between threads.
    cluster: Option<Mutex<Cluster>>,
    crashes: u32,
}

async fn torture(installation: Installation, roles: &'static [&'static str], cluster: Option<Cluster>) {
    let started = Instant::now();
    let mut luck = Luck::try_it();
    let sandbox = start_sandbox(&installation, CancellationToken::new()).await;
    let installation = with_aws(installation, &sandbox);
    let organizations = organizations::make(&installation, &sandbox);
    let token = installation.json(&["token", "create", "--producer", "torture", "--all-organizations"]);
    let processes = Processes::start(installation, roles);
    let console = processes.console();
    for organization in &organizations {
        let at = console.borrow().clone();
        organization.enable(&at).await;
    }
    let ids = organizations.iter().map(|organization| organization.id.clone());
    let producers = Producers::start(ids, token["token"].as_str().unwrap(), &console, &mut luck);
    let cluster = cluster.map(Mutex::new);
    let mut torture = Torture { luck, sandbox, processes, organizations, cluster, crashes: 0 };

    torture.kill_many().await;
    torture.let_all_be_well().await;
    let acknowledged = producers.finish().await;
    torture.deliver_everything().await;
    torture.pronounce(&acknowledged, started).await;

    torture.processes.end();
    torture.sandbox.stop().await;
}

impl Torture {
    async fn kill_many(&mut self) {
        let kills = kills();
        while self.processes.kills < kills {
            self.change_faults();
            self.press_deliver_now().await;
            self.wait_for_a_moment().await;
            // Once at least, halfway.
            if self.luck.one_in(12) || (self.crashes == 0 && self.processes.kills >= kills / 2) {
                self.crash_database();
            }
            let at = self.luck.index(self.processes.count());
            let killed_while_starting = u8::from(self.luck.one_in(5));
            let moments: Vec<_> = (0..killed_while_starting).map(|_| self.luck.moment(300)).collect();
            self.processes.kill_and_start(at, &moments);
            self.expire_leases().await;
        }
    }

    /// Half of the time nothing fails.
    fn change_faults(&mut self) {
        self.sandbox.switch_all_off();
        while self.sandbox.faults().len() < 2 && self.luck.one_in(2) {
            self.sandbox.switch_on(faults::any(&mut self.luck, &self.organizations));
        }
    }

    async fn press_deliver_now(&mut self) {
        let console = self.processes.console().borrow().clone();
        for organization in &self.organizations {
            if self.luck.one_in(2)
                && let Some(owner) = organization.owner(&console).await
            {
                owner.deliver_now().await;
            }
        }
    }

    /// Any, or just after a fault has hit.
    async fn wait_for_a_moment(&mut self) {
        if self.luck.one_in(2) {
            return sleep(self.luck.moment(MOMENT)).await;
        }
        let before = self.sandbox.fault_hits();
        let hit = async {
            while self.sandbox.fault_hits() == before {
                sleep(Duration::from_millis(2)).await;
            }
        };
        // Perhaps none does: then it is any moment.
        let _ = timeout(Duration::from_millis(MOMENT), hit).await;
        sleep(self.luck.moment(20)).await;
    }

    fn crash_database(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let down_for = self.luck.moment(500);
        block_in_place(|| {
            let mut cluster = cluster.lock().unwrap();
            cluster.stop();
            std::thread::sleep(down_for);
            cluster.start();
        });
        self.crashes += 1;
    }

    /// Requests that a fault still holds end with their processes.
    async fn let_all_be_well(&mut self) {
        self.sandbox.switch_all_off();
        self.processes.kill_all();
        self.expire_leases().await;
        self.processes.start_all();
    }

    /// On PostgreSQL a dead process's leases end in some minutes; this brings it forward. One that is taken from a process
    /// that lives does no harm either: that is what the fencing token is for. On SQLite whoever opens the file frees them.
    async fn expire_leases(&self) {
        if self.cluster.is_some() {
            let expire =
                "UPDATE integrations SET lease_expires_at = 0, due_at = 0 WHERE lease_owner IS NOT NULL";
            self.processes.installation.database.tamper(expire).await;
        }
    }

    async fn deliver_everything(&self) {
        let console = self.processes.console().borrow().clone();
        for organization in &self.organizations {
            let owner = eventually("the owner signs in", async || organization.owner(&console).await).await;
            eventually("everything is delivered", async || {
                (owner.deliver_now().await? == Pressed::NothingWaits).then_some(())
            })
            .await;
        }
    }

    async fn pronounce(&self, acknowledged: &[Sent], started: Instant) {
        let customer = Customer::new(
            &self.sandbox.endpoint_url(),
            world::REGION,
            world::CUSTOMER_ACCESS_KEY_ID,
            world::CUSTOMER_SECRET_ACCESS_KEY,
        );
        let mut objects = Vec::new();
        for key in customer.list(world::BUCKET).await {
            if key != "audit-log-access-test" {
                let content = customer.read(world::BUCKET, &key).await;
                objects.push((key, content));
            }
        }
        let verdict = judge(&objects, acknowledged);
        eprintln!(
            "{} kills, {} crashes of the database, {} requests hit by faults, {} tries cut off, {} records \
             acknowledged, {} records in {} files, {} s",
            self.processes.kills,
            self.crashes,
            self.sandbox.fault_hits(),
            tries_cut_off(&self.processes.installation).await,
            acknowledged.len(),
            verdict.records,
            verdict.files,
            started.elapsed().as_secs()
        );
        assert!(verdict.problems.is_empty(), "seed {}: {:#?}", self.luck.seed, verdict.problems);
        assert!(!acknowledged.is_empty(), "something was sent");
    }
}

fn kills() -> u32 {
    match std::env::var(KILLS) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{KILLS}={text}: {error}")),
        Err(_) => FEW,
    }
}

/// Tries of deliveries whose process did not live to book their end.
async fn tries_cut_off(installation: &Installation) -> u64 {
    let count = "UPDATE delivery_attempts SET result = 'unknown' WHERE result = 'unknown'";
    installation.database.tamper(count).await
}

async fn start_sandbox(installation: &Installation, stop: CancellationToken) -> Sandbox {
    let clock = Clock::system();
    let config = SandboxConfig {
        folder: installation.folder().join("sandbox"),
        users: world::users(),
        roles: Vec::new(),
        keys: world::keys(),
        buckets: world::buckets(),
        members: world::members(),
        now: Arc::new(move || clock.now().as_millis()),
        seed: [7; 32],
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Sandbox::start(config, listener, stop).await.unwrap()
}

fn with_aws(installation: Installation, sandbox: &Sandbox) -> Installation {
    installation.with_environment(&[
        ("AWS_ENDPOINT_URL", &sandbox.endpoint_url()),
        ("AWS_REGION", world::REGION),
        ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
    ])
}
