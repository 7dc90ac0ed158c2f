//! Running access checks: a writer claims one, reports, and ends it; the transaction that ends it reads everything
//! again and puts into force what it was for.

use std::time::Duration;

use futures::FutureExt;

use super::abandoned_checks::ABANDONED_AFTER;
use super::access_checks::{CheckEnd, CheckRow, StoredCheck, is_possible, select_check};
use super::database::{Sql, execute, fetch_optional};
use super::integrations::{Refused, to_json};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::access_check::{CheckState, Checklist, Purpose, Stage, next_daily_check};
use crate::domain::event_catalog::EventDraft;
use crate::domain::failure::{Cause, Failure};
use crate::domain::id::{CheckId, OrganizationId, RangeId};
use crate::domain::integration::Settings;
use crate::domain::organization::ExternalId;
use crate::domain::sequence::Sequence;

/// A running check whose writer gave no sign of life for so long is taken over.
pub(super) const SILENCE_BEFORE_TAKEOVER: Duration = Duration::from_secs(30);

/// A check that this writer runs.
#[derive(Clone, Debug)]
pub struct ClaimedCheck {
    /// Its id.
    pub id: CheckId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// What the role has to require.
    pub external_id: ExternalId,
    /// The settings to prove.
    pub proposed: Settings,
    /// Whether the test object is to be written.
    pub write: WriteStage,
    /// Proof of the claim: a report under an older token is not taken.
    pub run_token: i64,
}

/// What the last stage is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStage {
    /// Write the test object.
    TestObject,
    /// Nothing: a file landed lately, and nobody asked for more.
    ProvedByADelivery,
}

/// How a check ended.
#[derive(Clone, Debug)]
pub enum CheckVerdict {
    /// Every stage passed.
    Passed,
    /// A stage failed.
    Failed(Failure),
}

impl Store {
    /// Takes the oldest check that somebody asked for and that waits for a writer, or whose writer has gone silent.
    pub async fn claim_check(&self) -> Result<Option<ClaimedCheck>, StoreError> {
        self.write(move |tx| async move { tx.claim_check().await }.boxed()).await
    }

    /// Gives a sign of life for a check. Gives `false` if it is not this writer's any more: stop then.
    pub async fn touch_check(&self, claimed: &ClaimedCheck) -> Result<bool, StoreError> {
        let (id, run_token) = (claimed.id, claimed.run_token);
        self.write(move |tx| {
            async move {
                let changed = execute!(
                    tx,
                    "UPDATE access_checks SET seen_at = $3 WHERE id = $1 AND run_token = $2 AND state = 'running'",
                    id.to_string(),
                    run_token,
                    tx.clock.wall().as_millis()
                )?;
                Ok(changed == 1)
            }
            .boxed()
        })
        .await
    }

    /// Gives a check back, for whoever claims next.
    pub async fn hand_back_check(&self, claimed: &ClaimedCheck) -> Result<(), StoreError> {
        let (id, run_token) = (claimed.id, claimed.run_token);
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE access_checks SET state = 'waiting'
                     WHERE id = $1 AND run_token = $2 AND state = 'running'",
                    id.to_string(),
                    run_token
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Reports how far a check is. Gives `false` if it is not this writer's any more: stop then.
    pub async fn report_check(
        &self,
        claimed: &ClaimedCheck,
        checklist: Checklist,
    ) -> Result<bool, StoreError> {
        let (id, run_token) = (claimed.id, claimed.run_token);
        self.write(move |tx| {
            async move {
                let changed = execute!(
                    tx,
                    "UPDATE access_checks SET stages = $3, seen_at = $4
                     WHERE id = $1 AND run_token = $2 AND state = 'running'",
                    id.to_string(),
                    run_token,
                    to_json(&checklist),
                    tx.clock.wall().as_millis()
                )?;
                Ok(changed == 1)
            }
            .boxed()
        })
        .await
    }

    /// Ends a check, puts into force what it was for, and records it. Gives how it ended; `None` if it was not
    /// this writer's any more.
    pub async fn finish_check(
        &self,
        claimed: &ClaimedCheck,
        checklist: Checklist,
        verdict: CheckVerdict,
    ) -> Result<Option<CheckState>, StoreError> {
        let (id, run_token) = (claimed.id, claimed.run_token);
        self.write(move |tx| async move { tx.finish_check(id, run_token, &checklist, verdict).await }.boxed())
            .await
    }
}

/// On PostgreSQL, one that another writer is just taking is left to it.
const HOLD_A_WAITING_CHECK: Sql = Sql {
    sqlite: select_check!(
        "WHERE state IN ('waiting', 'running') AND daily = 0 AND (state = 'waiting' OR seen_at < $1) AND seen_at >= $2
         ORDER BY asked_at, id LIMIT 1"
    ),
    postgres: select_check!(
        "WHERE state IN ('waiting', 'running') AND daily = 0 AND (state = 'waiting' OR seen_at < $1) AND seen_at >= $2
         ORDER BY asked_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"
    ),
};

impl Transaction {
    async fn claim_check(&mut self) -> Result<Option<ClaimedCheck>, StoreError> {
        let now = self.clock.wall();
        let silent_since = (now - SILENCE_BEFORE_TAKEOVER).as_millis();
        let abandoned_since = (now - ABANDONED_AFTER).as_millis();
        while let Some(row) =
            fetch_optional!(self, CheckRow, HOLD_A_WAITING_CHECK, silent_since, abandoned_since)?
        {
            if let Some(claimed) = self.take_check(row).await? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// Makes a held check this writer's. Gives none for one that can't be read: it is ended.
    pub(super) async fn take_check(&mut self, row: CheckRow) -> Result<Option<ClaimedCheck>, StoreError> {
        let id = row.id.clone();
        match self.claimed_check(row).await {
            Ok(claimed) => {
                execute!(
                    self,
                    "UPDATE access_checks
                     SET state = 'running', seen_at = $2, run_token = run_token + 1 WHERE id = $1",
                    id,
                    self.clock.wall().as_millis()
                )?;
                Ok(Some(claimed))
            }
            Err(error @ StoreError::Corrupt { .. }) => {
                self.end_unread(&id, &error).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn claimed_check(&mut self, row: CheckRow) -> Result<ClaimedCheck, StoreError> {
        let stored = StoredCheck::try_from(row)?;
        let organization =
            self.organization(stored.organization).await?.ok_or_else(|| StoreError::Corrupt {
                column: "access_checks.organization_id",
                reason: format!("there is no organization {}", stored.organization),
            })?;
        let proved = stored.daily && self.has_delivered_lately(stored.organization).await?;
        Ok(ClaimedCheck {
            id: stored.check.id,
            organization: stored.organization,
            external_id: organization.external_id,
            proposed: stored.check.proposed,
            write: if proved { WriteStage::ProvedByADelivery } else { WriteStage::TestObject },
            run_token: stored.run_token + 1,
        })
    }

    async fn finish_check(
        &mut self,
        id: CheckId,
        run_token: i64,
        checklist: &Checklist,
        verdict: CheckVerdict,
    ) -> Result<Option<CheckState>, StoreError> {
        let Some(claimed) = self.check(id).await? else { return Ok(None) };
        let Some(mut locked) = self.lock_organization(claimed.organization).await? else {
            return Ok(None);
        };
        // Read again now that nobody else can end it.
        let Some(stored) = self.held_check(id).await? else { return Ok(None) };
        if stored.run_token != run_token || stored.check.state != CheckState::Running {
            return Ok(None);
        }
        let event = self.event_of(&stored).await?;
        let (state, failure, because, event) = match verdict {
            CheckVerdict::Failed(failure) => {
                let event = event.failed_because(&failure);
                (CheckState::Failed, Some(failure), None, event)
            }
            CheckVerdict::Passed => match self.why_superseded(&locked, &stored).await? {
                Some(because) => {
                    (CheckState::Superseded, None, Some(because), event.failed(because, "ABORTED"))
                }
                None => (CheckState::Passed, None, None, self.explaining(&locked, &stored, event).await?),
            },
        };
        let ended = CheckEnd { state, checklist: Some(checklist), failure: failure.as_ref(), because };
        self.end_check(id, ended).await?;
        let at = self.append_event(&mut locked, &stored.caller, event).await?;
        match (state, failure) {
            (CheckState::Passed, _) => self.put_into_force(&stored, checklist, at).await?,
            (_, Some(failure)) if failure.cause == Cause::RoleTooOpen => self.note_too_open(&stored).await?,
            _ if checklist.has_passed(Stage::ExternalIdRequired) => self.note_not_too_open(&stored).await?,
            _ => {}
        }
        if stored.daily && state != CheckState::Failed {
            self.forget_daily_checks(stored.organization).await?;
        }
        Ok(Some(state))
    }

    /// The record with which collecting begins names what comes before it and is in no file.
    async fn explaining(
        &mut self,
        locked: &LockedOrganization,
        stored: &StoredCheck,
        event: EventDraft,
    ) -> Result<EventDraft, StoreError> {
        match stored.check.purpose {
            Purpose::Enable | Purpose::Activate => {
                Ok(event.not_delivering(self.left_out_before(locked).await?))
            }
            Purpose::Update | Purpose::Test => Ok(event),
        }
    }

    /// The role that deliveries use lets anybody in: the page says so, and deliveries go on.
    async fn note_too_open(&mut self, stored: &StoredCheck) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations SET too_open_since = COALESCE(too_open_since, $2)
             WHERE organization_id = $1 AND active = 1 AND role_arn = $3",
            stored.organization.to_string(),
            self.clock.now().as_millis(),
            stored.check.proposed.role_arn.as_str()
        )?;
        Ok(())
    }

    /// AWS has proved that the role that deliveries use requires the external ID, whatever failed after that.
    async fn note_not_too_open(&mut self, stored: &StoredCheck) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations SET too_open_since = NULL WHERE organization_id = $1 AND role_arn = $2",
            stored.organization.to_string(),
            stored.check.proposed.role_arn.as_str()
        )?;
        Ok(())
    }

    /// Role, plan, revision and toggle, read again in the transaction that would apply the check. What changes the
    /// revision has ended it already; the role does not.
    async fn why_superseded(
        &mut self,
        locked: &LockedOrganization,
        stored: &StoredCheck,
    ) -> Result<Option<&'static str>, StoreError> {
        if !stored.daily {
            match self.require_manager(locked, &stored.caller).await {
                Ok(()) => {}
                Err(Refused::PlanTooLow) => return Ok(Some("The plan changed during the access check")),
                Err(Refused::Store(error)) => return Err(error),
                Err(_) => return Ok(Some("Who asked is not an owner any more")),
            }
        }
        let integration = self.integration(locked.organization.clone()).await?;
        if integration.revision != stored.check.revision || !is_possible(stored.check.purpose, &integration) {
            return Ok(Some("The settings changed during the access check"));
        }
        Ok(None)
    }

    /// What a passed check was for. Any failure is forgotten: the next delivery is tried at once.
    async fn put_into_force(
        &mut self,
        stored: &StoredCheck,
        checklist: &Checklist,
        at: Sequence,
    ) -> Result<(), StoreError> {
        let id = stored.organization.to_string();
        // A daily check that wrote nothing says nothing of what deliveries fail at.
        if !stored.daily || checklist.has_passed(Stage::Write) {
            self.forget_failure(stored.organization).await?;
        }
        execute!(
            self,
            "UPDATE integrations
             SET too_open_since = NULL,
                 access_proved_at = (SELECT c.finished_at FROM access_checks c WHERE c.id = $2)
             WHERE organization_id = $1",
            &id,
            stored.check.id.to_string()
        )?;
        self.deliver_at_once(stored.organization).await?;
        if stored.check.purpose == Purpose::Test {
            return Ok(());
        }
        let proposed = &stored.check.proposed;
        execute!(
            self,
            "UPDATE integrations
             SET configured = 1, revision = revision + 1, role_arn = $2, bucket = $3, prefix = $4,
                 bucket_owner_account = $5, encryption = $6, kms_key_arn = $7, format = $8, compression = $9,
                 window_minutes = $10, changed_by = $11, changed_at = $12
             WHERE organization_id = $1",
            &id,
            proposed.role_arn.as_str(),
            proposed.bucket.as_str(),
            proposed.prefix.as_str(),
            proposed.bucket_owner_account.as_ref().map(ToString::to_string),
            proposed.encryption.kind().as_str(),
            proposed.encryption.kms_key_arn().map(ToString::to_string),
            proposed.format.as_str(),
            proposed.compression.as_str(),
            i64::from(proposed.window.minutes()),
            &stored.check.asked_by,
            self.clock.now().as_millis(),
        )?;
        match stored.check.purpose {
            Purpose::Enable | Purpose::Activate => self.start_collecting(stored.organization, at).await,
            Purpose::Update | Purpose::Test => Ok(()),
        }
    }

    /// Opens a collection range whose first member is the record of the enabling, or resuming, itself.
    pub(super) async fn start_collecting(
        &mut self,
        organization: OrganizationId,
        first: Sequence,
    ) -> Result<(), StoreError> {
        let id = organization.to_string();
        execute!(
            self,
            "UPDATE integrations SET active = 1, next_check_at = $2 WHERE organization_id = $1",
            &id,
            next_daily_check(organization, self.clock.now()).as_millis()
        )?;
        execute!(
            self,
            "INSERT INTO collection_ranges (id, organization_id, first_sequence, opened_at) VALUES ($1, $2, $3, $4)",
            RangeId::generate(&self.clock, &self.entropy).to_string(),
            &id,
            first.get(),
            self.clock.now().as_millis()
        )?;
        Ok(())
    }
}
