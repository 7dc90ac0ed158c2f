//! Access checks as rows: asking for one, reading one, cancelling one. `check_runs` has the writer's side.

use futures::FutureExt;

use super::database::{Sql, execute, fetch_all, fetch_optional, parse};
use super::integrations::{Integration, Refused, SettingsColumns, from_json, to_json};
use super::listing::{Listed, Listing};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::access_check::{CheckState, Checklist, Purpose};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::failure::Failure;
use crate::domain::id::{CheckId, OrganizationId};
use crate::domain::integration::{Revision, Settings};

/// What an owner asks for.
#[derive(Clone, Debug)]
pub struct NewCheck {
    /// Who asks, for the rules and the records.
    pub caller: Caller,
    /// Of which organization.
    pub organization: OrganizationId,
    /// What for.
    pub purpose: Purpose,
    /// The settings to prove; those in force if none are given.
    pub proposed: Option<Settings>,
    /// The revision that the page showed.
    pub revision: Revision,
}

/// The check that a request leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedCheck {
    /// Its id.
    pub id: CheckId,
    /// It was open already, for the same purpose and of the same settings: a double click joins it.
    pub joined: bool,
}

/// An access check, for the page.
#[derive(Clone, Debug)]
pub struct AccessCheck {
    /// Its id.
    pub id: CheckId,
    /// What for.
    pub purpose: Purpose,
    /// How far it is.
    pub state: CheckState,
    /// Stage by stage.
    pub checklist: Checklist,
    /// What failed, if a stage did.
    pub failure: Option<Failure>,
    /// The settings that it proves.
    pub proposed: Settings,
    /// Who asked, by name.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// The revision that was in force when it was asked for.
    pub revision: Revision,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it was cancelled or superseded, as a sentence without a full stop.
    pub ended_because: Option<String>,
    /// The last sign of life of a writer, by the machine's own time: a moved clock makes nobody look dead.
    pub(super) seen_at: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(super) struct CheckRow {
    pub(super) id: String,
    organization_id: String,
    purpose: String,
    asked_by: String,
    revision: i64,
    #[sqlx(flatten)]
    proposed: SettingsColumns,
    state: String,
    stages: String,
    failure: Option<String>,
    asked_at: i64,
    finished_at: Option<i64>,
    ended_because: Option<String>,
    seen_at: i64,
    run_token: i64,
    daily: i64,
}

/// A check with all that ending it needs.
pub(super) struct StoredCheck {
    pub(super) check: AccessCheck,
    pub(super) organization: OrganizationId,
    pub(super) caller: Caller,
    pub(super) run_token: i64,
    /// Nobody asked for it.
    pub(super) daily: bool,
}

impl TryFrom<CheckRow> for StoredCheck {
    type Error = StoreError;

    fn try_from(row: CheckRow) -> Result<StoredCheck, StoreError> {
        let caller: Caller = from_json("access_checks.asked_by", &row.asked_by)?;
        Ok(StoredCheck {
            check: AccessCheck {
                id: parse("access_checks.id", &row.id)?,
                purpose: parse("access_checks.purpose", &row.purpose)?,
                state: parse("access_checks.state", &row.state)?,
                checklist: from_json("access_checks.stages", &row.stages)?,
                failure: row.failure.map(|json| from_json("access_checks.failure", &json)).transpose()?,
                proposed: row.proposed.try_into()?,
                asked_by: caller.actor.principal_name.clone(),
                asked_at: Timestamp::from_millis(row.asked_at),
                revision: Revision::new(row.revision),
                finished_at: row.finished_at.map(Timestamp::from_millis),
                ended_because: row.ended_because,
                seen_at: Timestamp::from_millis(row.seen_at),
            },
            organization: parse("access_checks.organization_id", &row.organization_id)?,
            caller,
            run_token: row.run_token,
            daily: row.daily == 1,
        })
    }
}

/// Every column of a check, before a WHERE.
macro_rules! select_check {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization_id, purpose, asked_by, revision, role_arn, bucket, prefix,
                    bucket_owner_account, encryption, kms_key_arn, format, compression, window_minutes, state, stages,
                    failure, asked_at, finished_at, ended_because, seen_at, run_token, daily
             FROM access_checks ",
            $rest
        )
    };
}
pub(super) use select_check;

/// Who asks for a check, and for what.
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Caller,
    /// Nobody asks for a daily check.
    pub(super) daily: bool,
    pub(super) organization: OrganizationId,
    pub(super) purpose: Purpose,
    pub(super) revision: Revision,
}

/// How a check ended.
pub(super) struct CheckEnd<'a> {
    pub(super) state: CheckState,
    /// What was proved; what was reported stays where there is none.
    pub(super) checklist: Option<&'a Checklist>,
    pub(super) failure: Option<&'a Failure>,
    pub(super) because: Option<&'a str>,
}

impl CheckEnd<'_> {
    pub(super) fn of(state: CheckState) -> Self {
        CheckEnd { state, checklist: None, failure: None, because: None }
    }
}

const HOLD_OPEN_CHECK: Sql = Sql {
    sqlite: select_check!("WHERE organization_id = $1 AND state IN ('waiting', 'running')"),
    postgres: select_check!(
        "WHERE organization_id = $1 AND state IN ('waiting', 'running') FOR NO KEY UPDATE"
    ),
};

const HOLD_CHECK: Sql = Sql {
    sqlite: select_check!("WHERE id = $1"),
    postgres: select_check!("WHERE id = $1 FOR NO KEY UPDATE"),
};

/// The open check, else the one asked for last. A daily check is nobody's business before it has failed.
pub(super) async fn newest_check(
    tx: &mut Transaction,
    organization: OrganizationId,
) -> Result<Option<AccessCheck>, StoreError> {
    let organization = organization.to_string();
    let open = fetch_optional!(
        tx,
        CheckRow,
        select_check!("WHERE organization_id = $1 AND state IN ('waiting', 'running') AND daily = 0"),
        &organization
    )?;
    let newest = match open {
        Some(open) => Some(open),
        None => fetch_optional!(
            tx,
            CheckRow,
            select_check!(
                "WHERE organization_id = $1 AND state NOT IN ('waiting', 'running')
                 ORDER BY asked_at DESC, id DESC LIMIT 1"
            ),
            &organization
        )?,
    };
    Ok(newest.map(StoredCheck::try_from).transpose()?.map(|stored| stored.check))
}

impl Store {
    /// Asks for an access check, or joins the one that is open if that is for the same purpose and of the same settings.
    pub async fn open_check(&self, new: NewCheck) -> Result<OpenedCheck, Refused> {
        let opened = self.write(move |tx| async move { tx.open_check(new).await }.boxed()).await;
        self.ring();
        opened
    }

    /// The checks of an organization, newest first. A daily check is nobody's business before it has failed.
    pub async fn access_checks(
        &self,
        organization: OrganizationId,
        listing: Listing<CheckId>,
    ) -> Result<Listed<AccessCheck>, StoreError> {
        self.read(move |tx| {
            async move {
                let checks = fetch_all!(
                    tx,
                    CheckRow,
                    select_check!(
                        "WHERE organization_id = $1 AND id < COALESCE($2, 'z')
                           AND (daily = 0 OR state NOT IN ('waiting', 'running'))
                         ORDER BY id DESC LIMIT $3"
                    ),
                    organization.to_string(),
                    listing.after.map(|id| id.to_string()),
                    listing.rows()
                )?
                .into_iter()
                .map(|row| StoredCheck::try_from(row).map(|stored| stored.check))
                .collect::<Result<Vec<_>, _>>()?;
                Ok(Listed::cut(checks, &listing))
            }
            .boxed()
        })
        .await
    }

    /// One check of an organization.
    pub async fn access_check(
        &self,
        organization: OrganizationId,
        check: CheckId,
    ) -> Result<Option<AccessCheck>, StoreError> {
        let found = self.access_check_as_it_stands(organization, check).await?;
        match found {
            Some(check) if self.give_up_if_abandoned(&check).await? => {
                self.access_check_as_it_stands(organization, check.id).await
            }
            found => Ok(found),
        }
    }

    async fn access_check_as_it_stands(
        &self,
        organization: OrganizationId,
        check: CheckId,
    ) -> Result<Option<AccessCheck>, StoreError> {
        self.read(move |tx| {
            async move {
                let found = tx.check(check).await?;
                Ok(found.filter(|stored| stored.organization == organization).map(|stored| stored.check))
            }
            .boxed()
        })
        .await
    }

    /// Cancels an open check. Gives `false` if it had ended already.
    pub async fn cancel_check(
        &self,
        caller: Caller,
        organization: OrganizationId,
        check: CheckId,
    ) -> Result<bool, Refused> {
        self.write(move |tx| async move { tx.cancel_check(&caller, organization, check).await }.boxed()).await
    }
}

impl Transaction {
    async fn open_check(&mut self, new: NewCheck) -> Result<OpenedCheck, Refused> {
        let mut locked = self.lock_organization(new.organization).await?.ok_or(Refused::NotAnOwner)?;
        self.require_manager(&locked, &new.caller).await?;
        let integration = self.integration(locked.organization.clone()).await?;
        let proposed = new.proposed.clone().or_else(|| integration.settings.clone());
        if let Some(open) = self.held_open_check(new.organization).await?
            && !self.make_way(&mut locked, &open).await?
        {
            let open = open.check;
            let is_the_same = open.purpose == new.purpose && Some(&open.proposed) == proposed.as_ref();
            return match is_the_same {
                true => Ok(OpenedCheck { id: open.id, joined: true }),
                false => Err(Refused::OtherCheck(open.id)),
            };
        }
        // A second press finds what the first one did.
        if new.purpose == Purpose::Activate && integration.active {
            return Err(Refused::NotPossible);
        }
        if integration.revision != new.revision {
            return Err(Refused::Stale);
        }
        if integration.stop.is_some() || !is_possible(new.purpose, &integration) {
            return Err(Refused::NotPossible);
        }
        let proposed = proposed.ok_or(Refused::NotPossible)?;
        let asked = Asked {
            caller: &new.caller,
            daily: false,
            organization: new.organization,
            purpose: new.purpose,
            revision: new.revision,
        };
        let id = self.insert_check(asked, &proposed).await?;
        self.connection.ring_elsewhere().await?;
        Ok(OpenedCheck { id, joined: false })
    }

    /// Ends an open check that is in nobody's interest any more: a daily one, or one that no writer runs. Gives `false`
    /// if it is to be waited for.
    async fn make_way(
        &mut self,
        locked: &mut LockedOrganization,
        open: &StoredCheck,
    ) -> Result<bool, StoreError> {
        if open.daily {
            self.forget_daily_checks(open.organization).await?;
            return Ok(true);
        }
        if !open.check.is_abandoned(self.clock.wall()) {
            return Ok(false);
        }
        self.give_up_check(locked, open).await?;
        Ok(true)
    }

    /// The open check of an organization, held until the commit.
    pub(super) async fn held_open_check(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<StoredCheck>, StoreError> {
        fetch_optional!(self, CheckRow, HOLD_OPEN_CHECK, organization.to_string())?
            .map(StoredCheck::try_from)
            .transpose()
    }

    pub(super) async fn insert_check(
        &mut self,
        asked: Asked<'_>,
        proposed: &Settings,
    ) -> Result<CheckId, StoreError> {
        let id = CheckId::generate(&self.clock, &self.entropy);
        execute!(
            self,
            "INSERT INTO access_checks (id, organization_id, purpose, asked_by, revision, role_arn, bucket,
                                        prefix, bucket_owner_account, encryption, kms_key_arn, format, compression,
                                        window_minutes, state, stages, asked_at, seen_at, daily)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'waiting', $15, $16, $17, $18)",
            id.to_string(),
            asked.organization.to_string(),
            asked.purpose.as_str(),
            to_json(asked.caller),
            asked.revision.get(),
            proposed.role_arn.as_str(),
            proposed.bucket.as_str(),
            proposed.prefix.as_str(),
            proposed.bucket_owner_account.as_ref().map(ToString::to_string),
            proposed.encryption.kind().as_str(),
            proposed.encryption.kms_key_arn().map(ToString::to_string),
            proposed.format.as_str(),
            proposed.compression.as_str(),
            i64::from(proposed.window.minutes()),
            to_json(&Checklist::default()),
            self.clock.now().as_millis(),
            self.clock.wall().as_millis(),
            i64::from(asked.daily),
        )?;
        Ok(id)
    }

    async fn cancel_check(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        check: CheckId,
    ) -> Result<bool, Refused> {
        let mut locked = self.lock_organization(organization).await?.ok_or(Refused::NotAnOwner)?;
        self.require_manager(&locked, caller).await?;
        let Some(stored) = self.held_check(check).await? else { return Ok(false) };
        if stored.organization != organization || !stored.check.state.is_open() {
            return Ok(false);
        }
        let reason = format!("Cancelled by {}", caller.actor.principal_name);
        self.abort_check(&mut locked, caller, &stored, reason).await?;
        Ok(true)
    }

    async fn abort_check(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        stored: &StoredCheck,
        reason: String,
    ) -> Result<(), StoreError> {
        let ended = CheckEnd { because: Some(&reason), ..CheckEnd::of(CheckState::Cancelled) };
        self.end_check(stored.check.id, ended).await?;
        let event = self.event_of(stored).await?.failed(reason, "ABORTED");
        self.append_event(locked, caller, event).await?;
        Ok(())
    }

    /// Ends an open check whose revision is over from now on: it would not be applied, so nobody waits for it. To be
    /// called by whatever changes the revision, while the settings before are still there.
    pub(super) async fn supersede_open_check(
        &mut self,
        locked: &mut LockedOrganization,
        because: &str,
    ) -> Result<(), StoreError> {
        let Some(open) = self.held_open_check(locked.organization.id).await? else { return Ok(()) };
        if open.daily {
            return self.forget_daily_checks(open.organization).await;
        }
        let ended = CheckEnd { because: Some(because), ..CheckEnd::of(CheckState::Superseded) };
        self.end_check(open.check.id, ended).await?;
        let event = self.event_of(&open).await?.failed(because, "ABORTED");
        self.append_event(locked, &open.caller, event).await.map(drop)
    }

    /// Ends whatever check is open, for a reason of the organization's.
    pub(super) async fn end_open_check(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        reason: &str,
    ) -> Result<(), StoreError> {
        match self.held_open_check(locked.organization.id).await? {
            Some(open) if open.daily => self.forget_daily_checks(open.organization).await,
            Some(open) => self.abort_check(locked, caller, &open, reason.to_owned()).await,
            None => Ok(()),
        }
    }

    /// The event that a check is about, with the settings before and after.
    pub(super) async fn event_of(&mut self, stored: &StoredCheck) -> Result<EventDraft, StoreError> {
        let organization = stored.organization;
        let proposed = &stored.check.proposed;
        let before = match self.organization(organization).await? {
            Some(found) => self.integration(found).await?.settings,
            None => None,
        };
        Ok(event_catalog::access_check(stored.check.purpose, organization, before.as_ref(), Some(proposed)))
    }

    /// The same, held until the commit: no writer takes it over meanwhile.
    pub(super) async fn held_check(&mut self, id: CheckId) -> Result<Option<StoredCheck>, StoreError> {
        fetch_optional!(self, CheckRow, HOLD_CHECK, id.to_string())?.map(StoredCheck::try_from).transpose()
    }

    pub(super) async fn check(&mut self, id: CheckId) -> Result<Option<StoredCheck>, StoreError> {
        fetch_optional!(self, CheckRow, select_check!("WHERE id = $1"), id.to_string())?
            .map(StoredCheck::try_from)
            .transpose()
    }

    pub(super) async fn end_check(&mut self, id: CheckId, ended: CheckEnd<'_>) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE access_checks
             SET state = $2, stages = COALESCE($3, stages), failure = $4, ended_because = $5, finished_at = $6
             WHERE id = $1",
            id.to_string(),
            ended.state.as_str(),
            ended.checklist.map(to_json),
            ended.failure.map(to_json),
            ended.because,
            self.clock.now().as_millis()
        )?;
        Ok(())
    }
}

/// Whether what a check is for makes sense for the integration as it is.
pub(super) fn is_possible(purpose: Purpose, integration: &Integration) -> bool {
    match purpose {
        Purpose::Enable => integration.settings.is_none(),
        Purpose::Update | Purpose::Test => integration.settings.is_some(),
        Purpose::Activate => integration.settings.is_some() && !integration.active,
    }
}
