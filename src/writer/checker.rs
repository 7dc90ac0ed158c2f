//! Runs access checks: claims one, proves stage by stage, reports as it goes, and ends it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::{AssumedRole, ExternalIdProbe, Object, Written};
use crate::domain::access_check::{Checklist, Stage, StageState};
use crate::domain::failure::{Cause, Failure};
use crate::domain::object_key::ObjectKey;
use crate::domain::organization::ExternalId;
use crate::store::{CheckVerdict, ClaimedCheck, StoreError};

use super::Writer;

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
    /// Runs a claimed check to its end, or hands it back when told to stop.
    pub(super) async fn run_check(
        self,
        check: ClaimedCheck,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
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
        self.passed(check, list, Stage::RoleArn, Some(read)).await?;

        self.started(check, list, Stage::AssumeRole).await?;
        self.aws.assume(&role).await.map_err(Stopped::Failed)?;
        self.passed(check, list, Stage::AssumeRole, Some("Assumed with your external ID".to_owned())).await?;

        self.started(check, list, Stage::ExternalIdRequired).await?;
        let other = ExternalId::generate(&self.entropy);
        match self.aws.probe_external_id(&role, &other).await.map_err(Stopped::Failed)? {
            ExternalIdProbe::Required => {}
            ExternalIdProbe::NotRequired => {
                return Err(Stopped::Failed(Failure {
                    stage: Stage::ExternalIdRequired,
                    cause: Cause::RoleTooOpen,
                    aws: None,
                }));
            }
        }
        let refused = "Refused without it, as it should be".to_owned();
        self.passed(check, list, Stage::ExternalIdRequired, Some(refused)).await?;

        self.started(check, list, Stage::Bucket).await?;
        let region = self.aws.bucket_region(&role, &settings.bucket).await.map_err(Stopped::Failed)?;
        self.passed(check, list, Stage::Bucket, Some(format!("Found in {region}"))).await?;

        self.started(check, list, Stage::Write).await?;
        let key = ObjectKey::access_test(&settings.prefix);
        let object = Object { key: key.clone(), content_type: "text/plain", body: TEST_BODY.into() };
        let note = match self.aws.put_test(&role, settings, &object).await.map_err(Stopped::Failed)? {
            Written::Now { .. } => format!("Wrote {key}"),
            Written::Before => format!("{key} is there from an earlier check, and may not be overwritten"),
        };
        self.passed(check, list, Stage::Write, Some(note)).await
    }

    async fn started(&self, check: &ClaimedCheck, list: &mut Checklist, stage: Stage) -> Result<(), Stopped> {
        list.set(stage, StageState::Running, None);
        self.report(check, list).await
    }

    async fn passed(
        &self,
        check: &ClaimedCheck,
        list: &mut Checklist,
        stage: Stage,
        detail: Option<String>,
    ) -> Result<(), Stopped> {
        list.set(stage, StageState::Passed, detail);
        self.report(check, list).await
    }

    async fn report(&self, check: &ClaimedCheck, list: &Checklist) -> Result<(), Stopped> {
        if self.store.report_check(check, list.clone()).await? { Ok(()) } else { Err(Stopped::NotOurs) }
    }
}
