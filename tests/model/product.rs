//! The store under test: each call of it in one place.

use std::time::Duration;

use trailpost::domain::access_check::{CheckState, Checklist, Purpose, Stage};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::{Clock, Entropy, Timestamp};
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::id::{AttemptId, OrganizationId};
use trailpost::domain::integration::Settings;
use trailpost::domain::membership::Role;
use trailpost::domain::object_key::{BatchName, ObjectKey};
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::sequence::Sequence;
use trailpost::domain::submission::SubmittedRecord;
use trailpost::domain::user::User;
use trailpost::domain::window::SealSpread;
use trailpost::store::{
    AttemptResult, CheckVerdict, Claim, DeliveryRow, DeliveryStatus, FinishedBatch, Integration, Lane, Lease,
    NewCheck, Opening, Page, Refused, Store, SwitchOff,
};

use super::Broken;
use super::model::{No, Run};
use crate::support::database::TestDatabase;
use crate::support::{EVERYTHING, submission};

pub const LEASE: Duration = Duration::from_secs(120);
/// Small, so that a batch takes several.
const PAGE: Page = Page { records: 3, bytes: u32::MAX };
/// More than a schedule makes.
const ALL: u32 = 10_000;

/// What a wish came to.
pub type Outcome<T> = Result<Result<T, No>, Broken>;

pub struct Product {
    store: Store,
    owner: User,
}

impl Product {
    /// A store with one owner of so many organizations. The same seed makes the same rows.
    pub async fn open(
        database: &TestDatabase,
        clock: &Clock,
        seed: u64,
        organizations: usize,
    ) -> Result<(Product, Vec<Organization>), Broken> {
        let store = database.open_with(Opening::Serve, clock, Entropy::seeded(seed)).await?;
        let (email, name) = ("owner@acme.example".parse().unwrap(), "Olivia".parse().unwrap());
        let owner = store.create_user(email, name, String::new()).await?;
        let mut made = Vec::new();
        for number in 0..organizations {
            let name = format!("Organization {number}").parse().unwrap();
            let organization = store.create_organization(name, Plan::Enterprise).await?;
            store.add_member(organization.id, owner.id, Role::Owner).await?;
            made.push(organization);
        }
        Ok((Product { store, owner }, made))
    }

    pub async fn close(&self) {
        self.store.close().await;
    }

    fn caller(&self) -> Caller {
        Caller::user(&self.owner, "test/1", Some([127, 0, 0, 1].into()))
    }

    // Reading.

    pub async fn integration(&self, id: OrganizationId) -> Result<Integration, Broken> {
        self.store.integration(id).await?.ok_or_else(|| Broken::new("the organization is gone"))
    }

    pub async fn status(&self, id: OrganizationId) -> Result<DeliveryStatus, Broken> {
        Ok(self.store.delivery_status(id).await?)
    }

    /// Every batch, oldest first.
    pub async fn batches(&self, id: OrganizationId) -> Result<Vec<DeliveryRow>, Broken> {
        let mut batches = self.store.deliveries(id, ALL).await?;
        batches.reverse();
        Ok(batches)
    }

    /// The records from this sequence on, as sequence and line.
    pub async fn records_from(
        &self,
        id: OrganizationId,
        first: usize,
    ) -> Result<Vec<(usize, String)>, Broken> {
        self.lines(id, first, ALL as usize, EVERYTHING).await
    }

    async fn lines(
        &self,
        id: OrganizationId,
        first: usize,
        last: usize,
        page: Page,
    ) -> Result<Vec<(usize, String)>, Broken> {
        let stored = self.store.lines(id, sequence(first), sequence(last), page).await?;
        Ok(stored
            .into_iter()
            .map(|stored| (number(stored.sequence), stored.line.as_str().to_owned()))
            .collect())
    }

    // Producers, owners, operators.

    pub async fn append(&self, id: OrganizationId, records: usize) -> Result<(), Broken> {
        let records = (0..records).map(|_| SubmittedRecord::parse(submission(id, "docs")).unwrap()).collect();
        self.store.ingest("test".parse().unwrap(), records).await?;
        Ok(())
    }

    pub async fn ask(&self, id: OrganizationId, purpose: Purpose, proposed: Option<Settings>) -> Outcome<()> {
        let revision = self.integration(id).await?.revision;
        let caller = self.caller();
        let new = NewCheck { caller, organization: id, purpose, proposed, revision };
        answered(self.store.open_check(new).await.map(drop))
    }

    /// Ends the check that waits longest; gives whose it was and how it ended.
    pub async fn end_check(&self, passes: bool) -> Result<Option<(OrganizationId, CheckState)>, Broken> {
        let Some(claimed) = self.store.claim_check().await? else { return Ok(None) };
        let denied = Failure { stage: Stage::AssumeRole, cause: Cause::AssumeRoleDenied, aws: None };
        let verdict = if passes { CheckVerdict::Passed } else { CheckVerdict::Failed(denied) };
        let ended = self.store.finish_check(&claimed, Checklist::default(), verdict).await?;
        let ended = ended.ok_or_else(|| Broken::new("a claimed check could not be ended"))?;
        Ok(Some((claimed.organization, ended)))
    }

    pub async fn switch_off(&self, id: OrganizationId, how: SwitchOff) -> Outcome<Option<Run>> {
        let revision = self.integration(id).await?.revision;
        let caller = self.caller();
        let off = match how {
            SwitchOff::Disable => self.store.disable(caller, id, revision).await,
            SwitchOff::Remove => self.store.remove(caller, id, revision).await,
        };
        answered(
            off.map(|off| {
                off.discarded.map(|run| (number(run.first), number(run.last), run.records as usize))
            }),
        )
    }

    pub async fn deliver_first(&self, id: OrganizationId, then: SwitchOff) -> Outcome<()> {
        let revision = self.integration(id).await?.revision;
        answered(self.store.deliver_first(self.caller(), id, revision, then).await)
    }

    pub async fn stop_waiting(&self, id: OrganizationId) -> Outcome<bool> {
        let revision = self.integration(id).await?.revision;
        answered(self.store.stop_waiting(self.caller(), id, revision).await)
    }

    pub async fn end_stops(&self) -> Result<(), Broken> {
        Ok(self.store.end_stops(Timestamp::from_millis(0)).await?)
    }

    pub async fn deliver_now(&self, id: OrganizationId) -> Outcome<bool> {
        let revision = self.integration(id).await?.revision;
        answered(self.store.deliver_now(self.caller(), id, revision).await)
    }

    pub async fn try_again(&self, id: OrganizationId) -> Outcome<bool> {
        let revision = self.integration(id).await?.revision;
        answered(self.store.try_again(self.caller(), id, revision).await)
    }

    pub async fn set_plan(&self, id: OrganizationId, plan: Plan) -> Result<(), Broken> {
        self.store.set_plan(Caller::trailpost(), id, plan).await?;
        Ok(())
    }

    // The writer.

    pub async fn seal(&self) -> Result<(), Broken> {
        self.store.seal(SealSpread::None).await?;
        Ok(())
    }

    pub async fn claim(&self, writer: usize) -> Result<Option<Claim>, Broken> {
        let writer = format!("writer {writer}");
        match self.store.claim(writer.clone(), LEASE, Lane::Healthy).await? {
            Some(claim) => Ok(Some(claim)),
            None => Ok(self.store.claim(writer, LEASE, Lane::Failing).await?),
        }
    }

    pub async fn bound_waits(&self) -> Result<(), Broken> {
        Ok(self.store.bound_waits(LEASE).await?)
    }

    /// Reads a batch's records, page by page.
    pub async fn read(&self, claim: &Claim) -> Result<Vec<String>, Broken> {
        let (mut next, last) = (number(claim.batch.first), number(claim.batch.last));
        let mut read = Vec::new();
        while next <= last {
            let page = self.lines(claim.lease.organization, next, last, PAGE).await?;
            for (found, line) in &page {
                if *found != next {
                    return Err(Broken::new(format!("record {next} of a batch is missing")));
                }
                read.push(line.clone());
                next += 1;
            }
            if page.is_empty() {
                return Err(Broken::new(format!("record {next} of a batch is missing")));
            }
        }
        Ok(read)
    }

    pub async fn start(&self, claim: &Claim, digest: [u8; 32]) -> Result<Option<AttemptId>, Broken> {
        let (lease, batch, settings) = (claim.lease, claim.batch.id, claim.settings.clone());
        Ok(self.store.start_attempt(lease, batch, digest, settings, key_of(claim)).await?)
    }

    /// Gives whether the books took it.
    pub async fn finish(
        &self,
        claim: &Claim,
        attempt: AttemptId,
        result: AttemptResult,
    ) -> Result<bool, Broken> {
        let finished = FinishedBatch { lease: claim.lease, batch: claim.batch.id, attempt, result };
        Ok(self.store.finish_attempt(finished).await?)
    }

    pub async fn release(&self, lease: Lease) -> Result<(), Broken> {
        Ok(self.store.release(lease).await?)
    }

    pub async fn step_back(&self, lease: Lease, again_at: Timestamp) -> Result<(), Broken> {
        Ok(self.store.step_back(lease, again_at).await?)
    }

    pub async fn put_off(&self, lease: Lease) -> Result<(), Broken> {
        let failure = Failure { stage: Stage::Write, cause: Cause::StoreFailed, aws: None };
        Ok(self.store.put_off(lease, failure).await?)
    }
}

pub fn key_of(claim: &Claim) -> ObjectKey {
    let batch = &claim.batch;
    let name = BatchName {
        organization: claim.lease.organization,
        window: batch.window,
        first: batch.first,
        last: batch.last,
        batch: batch.id,
        format: batch.format,
        compression: batch.compression,
    };
    ObjectKey::of_batch(&claim.settings.prefix, &name)
}

pub fn number(sequence: Sequence) -> usize {
    usize::try_from(sequence.get()).unwrap()
}

fn sequence(number: usize) -> Sequence {
    Sequence::new(i64::try_from(number).unwrap()).unwrap()
}

fn answered<T>(outcome: Result<T, Refused>) -> Outcome<T> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Refused::PlanTooLow) => Ok(Err(No::PlanTooLow)),
        Err(Refused::NotPossible) => Ok(Err(No::NotPossible)),
        Err(Refused::OtherCheck(_)) => Ok(Err(No::OtherCheck)),
        Err(other) => Err(Broken::new(format!("refused: {other}"))),
    }
}
