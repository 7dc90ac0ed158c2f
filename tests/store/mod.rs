//! The store’s promises, each on both engines: gapless sequences, exact books, fenced leases. The clock stands still
//! until a test moves it.

/// Makes a test for each engine of each of these functions, which are given books of their own.
macro_rules! on_both_engines {
    ($($test:ident,)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Books::open(crate::support::database::Engine::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::Books::open(crate::support::database::Engine::Postgres).await).await;
            })*
        }
    };
}

mod accounts;
mod activity;
mod api_keys;
mod appending;
mod checking;
mod claiming;
mod closing;
mod delivering;
mod denying;
mod encrypting;
mod expiring;
mod exporting;
mod history;
mod installation;
mod integrating;
mod inviting;
mod levels;
mod linking;
mod members;
mod naming;
mod opening;
mod overview;
mod plans;
mod projects;
mod reading;
mod retention;
mod running_back;
mod service_accounts;
mod sharing;
mod signing_in;
mod statements;
mod stopping;
mod timeline;
mod tokens;
mod unreadable;

use std::time::Duration;

use serde_json::Value;
use trailpost::domain::access_check::{CheckState, Checklist, Purpose};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::{Clock, Timestamp};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::{Revision, Settings, TypedSettings};
use trailpost::domain::membership::Role;
use trailpost::domain::object_key::{BatchName, ObjectKey};
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::submission::SubmittedRecord;
use trailpost::domain::user::User;
use trailpost::domain::window::{SealSpread, WindowLength};
use trailpost::store::{
    CheckVerdict, Claim, Integration, Lane, NewCheck, Opening, Refused, Store, StoreError,
};

use crate::support::EVERYTHING;
use crate::support::database::{Engine, TestDatabase};
use crate::support::{submission, with_id};

/// A whole minute, so that windows begin where the tests begin.
const START: i64 = 1_790_000_040_000;
const LEASE: Duration = Duration::from_secs(60);

/// A store with one organization and its owner.
pub struct Books {
    pub store: Store,
    pub clock: Clock,
    pub acme: Organization,
    pub owner: User,
    /// Where the store is, for another process on it.
    pub database: TestDatabase,
}

impl Books {
    pub async fn open(engine: Engine) -> Books {
        Books::on(TestDatabase::make(engine).await).await
    }

    pub async fn on(database: TestDatabase) -> Books {
        Books::since(Timestamp::from_millis(START), database).await
    }

    /// With a clock that stands still then.
    pub async fn since(start: Timestamp, database: TestDatabase) -> Books {
        let clock = Clock::manual(start);
        let store = database.open(Opening::Serve, &clock).await.unwrap();
        let acme = store.create_organization("Acme".parse().unwrap(), Plan::Enterprise).await.unwrap();
        let owner = store
            .create_user("owner@acme.example".parse().unwrap(), "Olivia".parse().unwrap(), String::new())
            .await
            .unwrap();
        store.add_member(acme.id, owner.id, Role::Owner).await.unwrap();
        Books { store, clock, acme, owner, database }
    }

    pub fn caller(&self) -> Caller {
        Caller::user(&self.owner, "test/1", Some([127, 0, 0, 1].into()))
    }

    pub async fn integration(&self) -> Integration {
        self.store.integration(self.acme.id).await.unwrap().unwrap()
    }

    pub async fn revision(&self) -> Revision {
        self.integration().await.revision
    }

    pub fn asking(&self, purpose: Purpose, proposed: Option<Settings>, revision: Revision) -> NewCheck {
        let (caller, organization) = (self.caller(), self.acme.id);
        NewCheck { caller, organization, purpose, proposed, revision: Some(revision) }
    }

    /// Asks for a check and lets it pass, as a writer would.
    pub async fn pass(&self, purpose: Purpose, proposed: Option<Settings>) -> CheckState {
        let new = self.asking(purpose, proposed, self.revision().await);
        self.store.open_check(new).await.unwrap();
        let claimed = self.store.claim_check().await.unwrap().unwrap();
        let ended =
            self.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap();
        ended.unwrap()
    }

    /// One more active organization of the same owner's.
    pub async fn tenant(&self, name: &str) -> Organization {
        let tenant = self.store.create_organization(name.parse().unwrap(), Plan::Enterprise).await.unwrap();
        self.store.add_member(tenant.id, self.owner.id, Role::Owner).await.unwrap();
        let revision = self.store.integration(tenant.id).await.unwrap().unwrap().revision;
        let enable = self.asking(Purpose::Enable, Some(settings("acme-audit-logs")), revision);
        self.store.open_check(NewCheck { organization: tenant.id, ..enable }).await.unwrap();
        let claimed = self.store.claim_check().await.unwrap().unwrap();
        let ended = self.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed);
        assert_eq!(ended.await.unwrap(), Some(CheckState::Passed));
        tenant
    }

    pub async fn enable(&self) {
        assert_eq!(self.pass(Purpose::Enable, Some(settings("acme-audit-logs"))).await, CheckState::Passed);
    }

    /// Appends that many records.
    pub async fn append(&self, count: usize) {
        let records = (0..count).map(|_| submitted(&self.acme, None, "docs")).collect();
        self.store.ingest("test".parse().unwrap(), records).await.unwrap();
    }

    /// Lets the window end, and seals. Gives how many batches that made.
    pub async fn seal(&self) -> usize {
        self.clock.advance(Duration::from_secs(60));
        self.seal_now().await
    }

    pub async fn seal_now(&self) -> usize {
        let batches = async || self.store.deliveries(self.acme.id, 1000).await.unwrap().len();
        let before = batches().await;
        self.store.seal(SealSpread::None).await.unwrap();
        batches().await - before
    }

    pub async fn deliver_now(&self) -> Result<bool, Refused> {
        self.deliver_now_of(self.acme.id).await
    }

    pub async fn deliver_now_of(&self, organization: OrganizationId) -> Result<bool, Refused> {
        let revision = self.store.integration(organization).await.unwrap().unwrap().revision;
        self.store.deliver_now(self.caller(), organization, Some(revision)).await
    }

    /// Claims whatever is due.
    pub async fn claim(&self) -> Option<Claim> {
        match self.claim_in(Lane::Healthy).await {
            Some(claim) => Some(claim),
            None => self.claim_in(Lane::Failing).await,
        }
    }

    pub async fn claim_in(&self, lane: Lane) -> Option<Claim> {
        self.store.claim("test".to_owned(), LEASE, lane).await.unwrap()
    }

    /// Ends what stops can be ended, as a writer that has been there for ever.
    pub async fn end_stops(&self) -> Result<(), StoreError> {
        self.store.end_stops(Timestamp::from_millis(0)).await
    }

    /// What seven days of the wall's clock would do: every link made so far is over.
    pub async fn expire_links(&self) {
        for table in ["invitations", "password_resets"] {
            self.database.tamper(&format!("UPDATE {table} SET expires_at = created_at")).await;
        }
    }

    pub async fn lines(&self) -> Vec<Value> {
        let (first, last) = (sequence(1), sequence(1_000_000));
        let stored = self.store.lines(self.acme.id, first, last, EVERYTHING).await.unwrap();
        for (place, line) in stored.iter().enumerate() {
            assert_eq!(line.sequence, sequence(place as i64 + 1), "sequences have no gap");
        }
        stored.iter().map(|line| serde_json::from_str(line.line.as_str()).unwrap()).collect()
    }

    /// Action and resource type of every record, in order.
    pub async fn events(&self) -> Vec<String> {
        let name = |line: &Value| {
            let event = &line["event"];
            format!(
                "{} {} {}",
                event["action"].as_str().unwrap(),
                event["resource_type"].as_str().unwrap(),
                event["outcome"]["result"].as_str().unwrap()
            )
        };
        self.lines().await.iter().map(name).collect()
    }
}

pub fn sequence(number: i64) -> trailpost::domain::sequence::Sequence {
    trailpost::domain::sequence::Sequence::new(number).unwrap()
}

pub fn settings(bucket: &str) -> Settings {
    TypedSettings {
        role_arn: "arn:aws:iam::111122223333:role/trailpost-audit-logs".to_owned(),
        bucket: bucket.to_owned(),
        ..TypedSettings::default()
    }
    .parse(WindowLength::new(1).unwrap())
    .unwrap()
}

pub fn submitted(organization: &Organization, id: Option<&str>, resource: &str) -> SubmittedRecord {
    let submission = submission(organization.id, resource);
    SubmittedRecord::parse(match id {
        Some(id) => with_id(submission, id),
        None => submission,
    })
    .unwrap()
}

pub fn key_of(claim: &Claim) -> ObjectKey {
    let name = BatchName {
        organization: claim.lease.organization,
        window: claim.batch.window,
        first: claim.batch.first,
        last: claim.batch.last,
        batch: claim.batch.id,
        format: claim.batch.format,
        compression: claim.batch.compression,
    };
    ObjectKey::of_batch(&claim.settings.prefix, &name)
}
