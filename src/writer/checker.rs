//! Runs access checks: claims one, proves stage by stage, reports as it goes, and ends it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Writer;
use super::trial::Trial;
use crate::aws::{AssumedRole, BucketRegion, ExternalIdProbe, Object, Written};
use crate::domain::access_check::{CheckState, Checklist, Stage, StageState};
use crate::domain::error_chain::ErrorChain;
use crate::domain::failure::{Cause, Failure};
use crate::domain::object_key::ObjectKey;
use crate::domain::organization::ExternalId;
use crate::metrics::CheckOutcome;
use crate::store::{CheckVerdict, ClaimedCheck, StoreError, WriteStage};

/// Also how soon Cancel ends a call that hangs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// What the test object says to whoever opens it.
const TEST_BODY: &[u8] =
    b"Trailpost wrote this object to prove that it can deliver audit logs here. You may delete it.\n";

/// Why a check stops before its last stage.
enum Stopped {
    /// A stage failed.
    Failed(Failure),
    /// It was cancelled, or taken over by another writer.
    NotOurs,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Store(error)
    }
}

impl Writer {
    /// Runs a claimed check to its end, or hands it back when told to stop; says what kept it from that.
    pub(super) async fn run_check(
        self,
        check: ClaimedCheck,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let (organization, id) = (check.organization, check.id);
        // In a box: the driver moves it about, and it is large.
        if let Err(error) = Box::pin(self.run_or_hand_back(check, stop)).await {
            let error = ErrorChain(&error);
            tracing::error!(%organization, check = %id, %error, "an access check could not be run; it is tried again");
        }
        Ok(())
    }

    async fn run_or_hand_back(&self, check: ClaimedCheck, stop: CancellationToken) -> Result<(), StoreError> {
        let mut checklist = Checklist::default();
        let proved = tokio::select! {
            proved = self.prove(&check, &mut checklist) => proved,
            stopped = self.keep_alive(&check) => Err(stopped),
            // A check begins anew as easily as it ends: whoever runs next takes it.
            () = stop.cancelled() => return self.store.hand_back_check(&check).await,
        };
        let verdict = match proved {
            Ok(()) => CheckVerdict::Passed,
            Err(Stopped::Failed(failure)) => {
                checklist.set(failure.stage, StageState::Failed, Some(failure.title().to_owned()));
                CheckVerdict::Failed(failure)
            }
            Err(Stopped::NotOurs) => return Ok(()),
            Err(Stopped::Store(error)) => return Err(error),
        };
        let ended = self.store.finish_check(&check, checklist, verdict).await?;
        tracing::info!(organization = %check.organization, check = %check.id, state = ?ended, "access check ended");
        if let Some(outcome) = ended.and_then(outcome_of) {
            self.metrics.checks.of(outcome).inc();
        }
        self.store.ring();
        Ok(())
    }

    /// Gives signs of life until the check is not ours any more: somebody cancelled it.
    async fn keep_alive(&self, check: &ClaimedCheck) -> Stopped {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            match self.store.touch_check(check).await {
                Ok(true) => {}
                Ok(false) => return Stopped::NotOurs,
                Err(error) => return Stopped::Store(error),
            }
        }
    }

    async fn prove(&self, check: &ClaimedCheck, list: &mut Checklist) -> Result<(), Stopped> {
        let settings = &check.proposed;
        let role = AssumedRole::new(check.organization, check.external_id.clone(), settings);

        // The ARN was parsed before it was stored: this stage says what was read out of it.
        let read =
            format!("Role {} in account {}", settings.role_arn.role_name(), settings.role_arn.account_id());
        self.passed(check, list, Stage::RoleArn, read).await?;

        self.try_for_a_minute(check, list, Stage::AssumeRole, || self.aws.assume(&role)).await?;
        self.passed(check, list, Stage::AssumeRole, "Assumed with your external ID".to_owned()).await?;

        let other = ExternalId::generate(&self.entropy);
        self.try_for_a_minute(check, list, Stage::ExternalIdRequired, || {
            self.require_external_id(&role, &other)
        })
        .await?;
        let refused = "Refused without it and with another, as it should be".to_owned();
        self.passed(check, list, Stage::ExternalIdRequired, refused).await?;

        let region = self
            .try_for_a_minute(check, list, Stage::Bucket, || self.aws.bucket_region(&role, &settings.bucket))
            .await?;
        self.passed(check, list, Stage::Bucket, told_of_the_region(&region)).await?;

        if check.write == WriteStage::ProvedByADelivery {
            let proved = "Not needed: a file was delivered in the last 24 hours".to_owned();
            list.set(Stage::Write, StageState::Waiting, Some(proved));
            return Ok(());
        }
        let key = ObjectKey::access_test(&settings.prefix);
        let object = Object { key: key.clone(), content_type: "text/plain", body: TEST_BODY.into() };
        let written = self
            .try_for_a_minute(check, list, Stage::Write, || self.aws.put_test(&role, settings, &object))
            .await?;
        let note = match written {
            Written::Now { .. } => format!("Wrote {key}"),
            Written::Before => format!("{key} is there from an earlier check, and may not be overwritten"),
        };
        self.passed(check, list, Stage::Write, note).await
    }

    async fn require_external_id(&self, role: &AssumedRole, other: &ExternalId) -> Result<(), Failure> {
        match self.aws.probe_external_id(role, other).await? {
            ExternalIdProbe::Required => Ok(()),
            ExternalIdProbe::NotRequired => {
                Err(Failure { stage: Stage::ExternalIdRequired, cause: Cause::RoleTooOpen, aws: None })
            }
        }
    }

    /// Tries a stage until it is proved, or fails in a way that does not pass within a minute. What failed so far is
    /// shown meanwhile.
    async fn try_for_a_minute<T, F>(
        &self,
        check: &ClaimedCheck,
        list: &mut Checklist,
        stage: Stage,
        prove: impl Fn() -> F,
    ) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        list.set(stage, StageState::Running, None);
        self.report(check, list).await?;
        let mut trial = Trial::default();
        loop {
            let failure = match prove().await {
                Ok(proved) => return Ok(proved),
                Err(failure) => failure,
            };
            let cause = self.attributed(check.organization, failure.cause).await?;
            let failure = Failure { cause, ..failure };
            if trial.is_over(&failure, self.clock.now()) {
                return Err(Stopped::Failed(failure));
            }
            // A later stage finds out that an earlier one does not hold any more: that is where it failed.
            list.set_trying(Failure { stage, ..failure });
            self.report(check, list).await?;
            trial.wait_for_the_next_try(&self.clock).await;
        }
    }

    async fn passed(
        &self,
        check: &ClaimedCheck,
        list: &mut Checklist,
        stage: Stage,
        detail: String,
    ) -> Result<(), Stopped> {
        list.set(stage, StageState::Passed, Some(detail));
        self.report(check, list).await
    }

    async fn report(&self, check: &ClaimedCheck, list: &Checklist) -> Result<(), Stopped> {
        if self.store.report_check(check, list.clone()).await? { Ok(()) } else { Err(Stopped::NotOurs) }
    }
}

fn outcome_of(state: CheckState) -> Option<CheckOutcome> {
    match state {
        CheckState::Passed => Some(CheckOutcome::Passed),
        CheckState::Failed => Some(CheckOutcome::Failed),
        CheckState::Superseded => Some(CheckOutcome::Superseded),
        CheckState::Waiting | CheckState::Running | CheckState::Cancelled => None,
    }
}

fn told_of_the_region(region: &BucketRegion) -> String {
    match region {
        BucketRegion::Found(name) => format!("Found in {name}"),
        BucketRegion::Assumed(name) => format!("It is there, and S3 does not say where: {name} is tried"),
        BucketRegion::Stated(name) => format!("Found; its region, {name}, is as the operator set it"),
    }
}
