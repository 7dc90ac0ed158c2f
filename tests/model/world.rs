//! The product, its writers and the customers' buckets, and beside them the models: every step is done in both, and
//! what they answer has to be the same.

use std::time::Duration;

use trailpost::domain::access_check::Purpose;
use trailpost::domain::clock::{Clock, Timestamp};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::{Settings, TypedSettings};
use trailpost::domain::window::WindowLength;
use trailpost::store::{AttemptResult, Claim};

use super::bucket::{Buckets, Place};
use super::model::{Holder, Model, Told};
use super::product::{LEASE, Product, number};
use super::schedule::{Fate, GiveBack, ORGANIZATIONS, Step, WRITERS};
use super::writer::{Attempt, Body, Flaw, Writer, put_of, send};
use super::{Broken, promise};
use crate::support::database::TestDatabase;

/// A whole hour, so that windows of every length begin with the schedule.
const START: i64 = 1_790_002_800_000;
const WITHOUT_PROGRESS: Duration = Duration::from_secs(120);
const INGESTED: Told = Told { action: "create", resource: "index", succeeded: true, left_out: None };

pub struct World {
    pub product: Product,
    pub database: TestDatabase,
    pub tenants: Vec<Tenant>,
    pub buckets: Buckets,
    clock: Clock,
    writers: [Writer; WRITERS],
    flaw: Flaw,
}

/// An organization, and what its books have to be.
pub struct Tenant {
    pub id: OrganizationId,
    pub model: Model,
    touched: bool,
}

impl World {
    pub async fn open(database: TestDatabase, seed: u64, flaw: Flaw) -> Result<World, Broken> {
        let clock = Clock::manual(Timestamp::from_millis(START));
        let (product, organizations) = Product::open(&database, &clock, seed, ORGANIZATIONS).await?;
        let tenants = organizations.into_iter().map(|organization| Tenant {
            id: organization.id,
            model: Model::default(),
            touched: true,
        });
        let (tenants, buckets) = (tenants.collect(), Buckets::default());
        Ok(World { product, database, tenants, buckets, clock, writers: Default::default(), flaw })
    }

    /// Leaves nothing behind.
    pub async fn close(self) {
        self.product.close().await;
        self.database.remove().await;
    }

    /// Does a step in the product and in the models, and compares those whose books it may have changed.
    pub async fn step(&mut self, step: Step) -> Result<(), Broken> {
        self.take(step).await?;
        for tenant in self.tenants.iter_mut().filter(|tenant| tenant.touched) {
            tenant.compare(&self.product).await?;
            tenant.touched = false;
        }
        Ok(())
    }

    async fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Append { organization, records } => self.append(organization, records).await,
            Step::Forward { seconds } => {
                self.clock.advance(Duration::from_secs(seconds));
                Ok(())
            }
            Step::Back { seconds } => self.turn_back(seconds).await,
            Step::Seal => self.seal().await,
            Step::Work { writer, put } => self.work(writer, put).await,
            Step::GiveBack { writer, how } => self.give_back(writer, how).await,
            Step::Crash { writer } => {
                self.writers[writer] = Writer::Idle;
                Ok(())
            }
            Step::Land => {
                self.buckets.land_first();
                Ok(())
            }
            Step::EndCheck { passes } => self.end_check(passes).await,
            Step::EndStops => self.end_stops().await,
            by_somebody => self.manage(by_somebody).await,
        }
    }

    /// Writers let no lease last longer than one that begins now, and no stop have made progress in a time to come.
    async fn turn_back(&mut self, seconds: u64) -> Result<(), Broken> {
        self.clock.turn_back(Duration::from_secs(seconds));
        self.product.bound_waits().await?;
        let longest = self.clock.now() + LEASE;
        for Model { holder, stop, .. } in self.tenants.iter_mut().map(|tenant| &mut tenant.model) {
            if let Some(holder) = holder {
                holder.until = holder.until.min(longest);
            }
            if let Some(stop) = stop {
                stop.progress_at = stop.progress_at.min(self.clock.now());
            }
        }
        Ok(())
    }

    async fn append(&mut self, organization: usize, records: usize) -> Result<(), Broken> {
        let now = self.clock.now();
        let tenant = &mut self.tenants[organization];
        tenant.touched = true;
        self.product.append(tenant.id, records).await?;
        for _ in 0..records {
            tenant.model.append(INGESTED, now);
        }
        Ok(())
    }

    async fn seal(&mut self) -> Result<(), Broken> {
        self.product.seal().await?;
        for tenant in &mut self.tenants {
            tenant.model.seal(self.clock.now());
            tenant.touched = true;
        }
        Ok(())
    }

    /// What an owner or the operator does.
    async fn manage(&mut self, step: Step) -> Result<(), Broken> {
        let (now, product, tenants) = (self.clock.now(), &self.product, &mut self.tenants);
        match step {
            Step::Ask { organization, purpose, settings: chosen } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                let proposed = settings(chosen);
                let given = matches!(purpose, Purpose::Enable | Purpose::Update).then(|| proposed.clone());
                same("asking", product.ask(*id, purpose, given).await?, model.ask(purpose, &proposed))
            }
            Step::SwitchOff { organization, how } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                same("discarded", product.switch_off(*id, how).await?, model.switch_off(how, now))
            }
            Step::SetPlan { organization, plan } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                model.set_plan(plan, now);
                product.set_plan(*id, plan).await
            }
            Step::DeliverFirst { organization, then } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                same("deliver first", product.deliver_first(*id, then).await?, model.deliver_first(then, now))
            }
            Step::StopWaiting { organization } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                same("stop waiting", product.stop_waiting(*id).await?, model.stop_waiting(now))
            }
            Step::DeliverNow { organization } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                same("deliver now", product.deliver_now(*id).await?, model.deliver_now(now))
            }
            Step::TryAgain { organization } => {
                let Tenant { id, model, touched } = &mut tenants[organization];
                *touched = true;
                let tried = product.try_again(*id).await?;
                if tried == Ok(true) {
                    model.tried_again(now);
                }
                same("try again", tried.map(drop), model.manage())
            }
            other => Err(Broken::new(format!("{other:?} is nobody's wish"))),
        }
    }

    async fn end_check(&mut self, passes: bool) -> Result<(), Broken> {
        let Some((id, state)) = self.product.end_check(passes).await? else {
            let open = self.tenants.iter().any(|tenant| tenant.model.check.is_some());
            promise!(!open, "a check waits and nobody is given it");
            return Ok(());
        };
        let now = self.clock.now();
        let expected = self.tenant_of(id)?.model.end_check(passes, now);
        promise!(expected == Some(state), "a check ended {state:?} instead of {expected:?}");
        Ok(())
    }

    async fn end_stops(&mut self) -> Result<(), Broken> {
        self.product.end_stops().await?;
        let now = self.clock.now();
        for Tenant { id, model, touched } in &mut self.tenants {
            *touched = true;
            if model.stop.is_none() || model.end_stop(now) {
                continue;
            }
            let Some(stop) = &model.stop else { continue };
            let without = |since: Timestamp| now >= since + WITHOUT_PROGRESS;
            let under_way = model.holder.is_some_and(|holder| holder.until > now);
            let may_give_up = without(stop.progress_at);
            let has_to = may_give_up && !under_way;
            let given_up = self.product.integration(*id).await?.stop.is_none();
            promise!(may_give_up || !given_up, "a stop was given up before its time");
            promise!(given_up || !has_to, "a stop without progress is not given up");
            if given_up {
                model.give_up(now);
            }
        }
        Ok(())
    }

    fn tenant_of(&mut self, id: OrganizationId) -> Result<&mut Tenant, Broken> {
        let found = self.tenants.iter_mut().find(|tenant| tenant.id == id);
        let found = found.ok_or_else(|| Broken::new(format!("nobody made the organization {id}")))?;
        found.touched = true;
        Ok(found)
    }

    // Writers.

    /// Does what is next for a writer.
    async fn work(&mut self, number: usize, fate: Fate) -> Result<(), Broken> {
        self.writers[number] = match std::mem::take(&mut self.writers[number]) {
            Writer::Idle => {
                self.claim(number).await?.map_or(Writer::Idle, |claim| Writer::Claimed(claim.into()))
            }
            Writer::Claimed(claim) => {
                let body = Body::of(&self.product.read(&claim).await?, self.flaw);
                Writer::Encoded(claim, body)
            }
            Writer::Encoded(claim, body) => self.book(claim, body).await?,
            Writer::Booked(claim, attempt, put) => {
                let place = put.place.clone();
                let result = send(&mut self.buckets, put, fate, self.flaw);
                Writer::Answered(claim, attempt, place, result)
            }
            Writer::Answered(claim, attempt, place, result) => {
                self.report(&claim, attempt, place, result).await?;
                Writer::Idle
            }
        };
        Ok(())
    }

    /// What is given has to be the oldest batch of somebody for whom nobody else delivers.
    async fn claim(&mut self, writer: usize) -> Result<Option<Claim>, Broken> {
        let now = self.clock.now();
        let Some(claim) = self.product.claim(writer).await? else { return Ok(None) };
        let model = &mut self.tenant_of(claim.lease.organization)?.model;
        promise!(
            model.holder.is_none_or(|holder| holder.until <= now),
            "two deliveries for one organization are in flight"
        );
        promise!(claim.lease.token > model.last_token, "a token is given twice");
        promise!(model.settings.as_ref() == Some(&claim.settings), "the settings are not those in force");
        let Some(oldest) = model.oldest() else { return Err(Broken::new("nothing was to be claimed")) };
        let batch = &model.batches[oldest];
        let members = (number(claim.batch.first), number(claim.batch.last));
        promise!(members == (batch.first, batch.last), "claimed {members:?}, not the oldest batch");
        promise!(batch.id == Some(claim.batch.id), "a batch has another id");
        let window = (claim.batch.window.start().as_millis(), claim.batch.window.end().as_millis());
        promise!(window == batch.window, "a batch has another window");
        let form = (claim.batch.format, claim.batch.compression);
        promise!(form == (batch.format, batch.compression), "a batch has another form");
        model.last_token = claim.lease.token;
        model.holder = Some(Holder { token: claim.lease.token, until: now + LEASE });
        Ok(Some(claim))
    }

    /// Books the try. What is allowed has to be the holder's, and of the oldest batch under the settings in force.
    async fn book(&mut self, claim: Box<Claim>, body: Body) -> Result<Writer, Broken> {
        let flaw = self.flaw;
        let attempt = self.product.start(&claim, body.digest).await?;
        let model = &mut self.tenant_of(claim.lease.organization)?.model;
        if attempt.is_some() {
            promise!(holds(model, &claim), "a try was allowed under an old token");
            promise!(
                model.settings.as_ref() == Some(&claim.settings),
                "a try was allowed under old settings"
            );
            let oldest = model.oldest().map(|oldest| model.batches[oldest].id);
            promise!(
                oldest == Some(Some(claim.batch.id)),
                "a try of a batch whose turn it is not was allowed"
            );
        }
        if attempt.is_none() && flaw != Flaw::SendWhatIsRefused {
            self.release(&claim).await?;
            return Ok(Writer::Idle);
        }
        let put = put_of(&claim, attempt, body, flaw);
        Ok(Writer::Booked(claim, attempt, put))
    }

    /// Books a result. It is taken from the holder alone; from anybody else it changes nothing.
    async fn report(
        &mut self,
        claim: &Claim,
        attempt: Attempt,
        place: Place,
        result: AttemptResult,
    ) -> Result<(), Broken> {
        let Some(attempt) = attempt else { return Ok(()) };
        let now = self.clock.now();
        let failed = matches!(result, AttemptResult::Failed { .. });
        let taken = self.product.finish(claim, attempt, result).await?;
        let there = self.buckets.at(&place).map(str::to_owned);
        let model = &mut self.tenant_of(claim.lease.organization)?.model;
        promise!(taken == holds(model, claim), "a result was taken ({taken}) against the lease");
        if !taken {
            return Ok(());
        }
        model.holder = None;
        if !failed {
            let Some(batch) = model.batches.iter().position(|batch| batch.id == Some(claim.batch.id)) else {
                return Err(Broken::new("a batch that is not in the books was delivered"));
            };
            let content = model.content(&model.batches[batch]);
            promise!(
                there.as_deref() == Some(content.as_str()),
                "what is booked as delivered is not in {place:?}"
            );
            model.delivered(batch, place, now);
        }
        Ok(())
    }

    async fn give_back(&mut self, writer: usize, how: GiveBack) -> Result<(), Broken> {
        let (Writer::Claimed(claim) | Writer::Encoded(claim, _)) = &self.writers[writer] else {
            return Ok(());
        };
        let (claim, again_at) = (claim.clone(), self.clock.now() + Duration::from_secs(5));
        self.writers[writer] = Writer::Idle;
        match how {
            GiveBack::Release => return self.release(&claim).await,
            GiveBack::StepBack => self.product.step_back(claim.lease, again_at).await?,
            GiveBack::PutOff => self.product.put_off(claim.lease).await?,
        }
        self.forget_holder(&claim)
    }

    async fn release(&mut self, claim: &Claim) -> Result<(), Broken> {
        self.product.release(claim.lease).await?;
        self.forget_holder(claim)
    }

    fn forget_holder(&mut self, claim: &Claim) -> Result<(), Broken> {
        let model = &mut self.tenant_of(claim.lease.organization)?.model;
        if holds(model, claim) {
            model.holder = None;
        }
        Ok(())
    }

    /// Lets everything come to its end: healthy writers, hours that pass, and whatever was on its way arrives.
    pub async fn settle(&mut self) -> Result<(), Broken> {
        const HOURS: usize = 24;
        for _ in 0..HOURS {
            self.step(Step::Seal).await?;
            self.step(Step::EndStops).await?;
            while self.deliver_one().await? {}
            if self.tenants.iter().all(|tenant| tenant.model.pending().next().is_none()) {
                self.buckets.land_all();
                return Ok(());
            }
            self.step(Step::Forward { seconds: 3600 }).await?;
        }
        Err(Broken::new("with healthy writers, not everything is delivered"))
    }

    /// Ends what the first writer is at, and delivers one more. Gives `false` if nobody has anything due.
    async fn deliver_one(&mut self) -> Result<bool, Broken> {
        let work = Step::Work { writer: 0, put: Fate::Answered };
        while !matches!(self.writers[0], Writer::Idle) {
            self.step(work).await?;
        }
        self.step(work).await?;
        Ok(!matches!(self.writers[0], Writer::Idle))
    }
}

fn holds(model: &Model, claim: &Claim) -> bool {
    model.holder.is_some_and(|holder| holder.token == claim.lease.token)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, product: T, model: T) -> Result<(), Broken> {
    promise!(product == model, "{what}: the product says {product:?}, and it should be {model:?}");
    Ok(())
}

/// Settings that differ in where they lead to, and in how they cut and form files.
fn settings(chosen: usize) -> Settings {
    let (bucket, prefix, format, compression, minutes) = [
        ("first-bucket", "", "json", "none", "1"),
        ("second-bucket", "logs", "ndjson", "gzip", "1"),
        ("first-bucket", "audit", "json", "gzip", "2"),
        ("first-bucket", "", "ndjson", "none", "30"),
        ("third-bucket", "", "json", "none", "1"),
        ("second-bucket", "", "json", "none", "5"),
    ][chosen];
    TypedSettings {
        role_arn: "arn:aws:iam::111122223333:role/trailpost-audit-logs".to_owned(),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        format: format.to_owned(),
        compression: compression.to_owned(),
        window_minutes: minutes.to_owned(),
        ..TypedSettings::default()
    }
    .parse(WindowLength::default())
    .unwrap()
}
