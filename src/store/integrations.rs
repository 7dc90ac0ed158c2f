//! Integrations: reading one, and switching it off. Everything that turns one on goes through an access check.

use futures::FutureExt;

use super::access_checks::{AccessCheck, newest_check};
use super::database::{execute, fetch_one, holding, parse};
use super::stops::{GivenUpStop, Stop, SwitchOff};
use super::transaction::{LockedOrganization, Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::access_check::CheckState;
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::encryption::Encryption;
use crate::domain::event_catalog::{self, LeftOut};
use crate::domain::failure::Failure;
use crate::domain::id::{CheckId, OrganizationId};
use crate::domain::integration::{Health, Revision, Settings, Situation, Standing};
use crate::domain::membership::{Ability, Role};
use crate::domain::organization::Organization;

/// An organization's integration, as of one moment.
#[derive(Clone, Debug)]
pub struct Integration {
    /// The organization.
    pub organization: Organization,
    /// The settings in force; none while nothing is configured.
    pub settings: Option<Settings>,
    /// The switch.
    pub active: bool,
    /// Collection is paused because of the plan.
    pub suspended: bool,
    /// How deliveries go.
    pub health: Health,
    /// What every write has to name.
    pub revision: Revision,
    /// Who changed it last, by name, and when.
    pub changed: Option<(String, Timestamp)>,
    /// What is to be delivered before it is switched off.
    pub stop: Option<Stop>,
    /// The stop that was given up by itself, until something is changed.
    pub given_up: Option<GivenUpStop>,
    /// What is failing, and since when.
    pub failure: Option<(Failure, Timestamp)>,
    /// Since when it is known that the role does not require the external ID.
    pub too_open_since: Option<Timestamp>,
    /// The newest access check.
    pub check: Option<AccessCheck>,
    /// When the access to the settings in force was proved last, by whatever check.
    pub access_proved_at: Option<Timestamp>,
}

impl Integration {
    /// The facts that rules are decided by.
    pub fn standing(&self) -> Standing {
        Standing {
            plan: self.organization.plan,
            configured: self.settings.is_some(),
            active: self.active,
            suspended: self.suspended,
            stopping: self.stop.is_some(),
        }
    }

    /// The situation of the page.
    pub fn situation(&self) -> Situation {
        self.standing().situation()
    }

    /// The check under way. A daily one is not among them.
    pub fn open_check(&self) -> Option<&AccessCheck> {
        self.check.as_ref().filter(|check| check.state.is_open())
    }

    /// The newest check, if it ended without effect and nothing was changed since: but for what superseded it.
    pub fn check_without_effect(&self) -> Option<&AccessCheck> {
        let check = self.check.as_ref()?;
        let changes_since = self.revision.get() - check.revision.get();
        let is_the_last_word = match check.state {
            CheckState::Waiting | CheckState::Running | CheckState::Passed => false,
            CheckState::Failed | CheckState::Cancelled => changes_since == 0,
            CheckState::Superseded => changes_since <= 1,
        };
        is_the_last_word.then_some(check)
    }
}

/// Why a write to an integration was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The caller is not an owner any more.
    #[error("only organization owners can manage audit logs")]
    NotAnOwner,
    /// The plan does not include audit logs.
    #[error("audit logs need the Enterprise plan")]
    PlanTooLow,
    /// Somebody changed the settings since the page was made.
    #[error("someone else changed these settings")]
    Stale,
    /// A check of other settings, or for another purpose, is under way.
    #[error("another access check is under way: {0}")]
    OtherCheck(CheckId),
    /// There is nothing set up that could be changed so.
    #[error("the integration is not in a state in which this can be done")]
    NotPossible,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What switching off left undelivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchedOff {
    /// The run of records that will not be delivered, if there was any.
    pub discarded: Option<LeftOut>,
}

/// Why a collection range ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClosedBecause {
    Disabled,
    Removed,
    Suspended,
}

impl ClosedBecause {
    fn as_str(self) -> &'static str {
        match self {
            ClosedBecause::Disabled => "disabled",
            ClosedBecause::Removed => "removed",
            ClosedBecause::Suspended => "suspended",
        }
    }
}

/// The columns that hold settings, in integrations and in access checks.
#[derive(sqlx::FromRow)]
pub(super) struct SettingsColumns {
    role_arn: String,
    bucket: String,
    prefix: String,
    bucket_owner_account: Option<String>,
    encryption: String,
    kms_key_arn: Option<String>,
    format: String,
    compression: String,
    window_minutes: i64,
}

impl TryFrom<SettingsColumns> for Settings {
    type Error = StoreError;

    fn try_from(row: SettingsColumns) -> Result<Settings, StoreError> {
        Ok(Settings {
            role_arn: parse("role_arn", &row.role_arn)?,
            bucket: parse("bucket", &row.bucket)?,
            prefix: parse("prefix", &row.prefix)?,
            bucket_owner_account: row
                .bucket_owner_account
                .map(|account| parse("bucket_owner_account", &account))
                .transpose()?,
            encryption: encryption(&row.encryption, row.kms_key_arn.as_deref())?,
            format: parse("format", &row.format)?,
            compression: parse("compression", &row.compression)?,
            window: parse("window_minutes", &row.window_minutes.to_string())?,
        })
    }
}

/// The columns that hold an encryption.
fn encryption(kind: &str, key: Option<&str>) -> Result<Encryption, StoreError> {
    let key = key.map(|key| parse("kms_key_arn", key)).transpose()?;
    Encryption::of(parse("encryption", kind)?, key)
        .map_err(|error| StoreError::Corrupt { column: "kms_key_arn", reason: error.to_string() })
}

#[derive(sqlx::FromRow)]
struct IntegrationRow {
    configured: i64,
    active: i64,
    suspended: i64,
    health: String,
    revision: i64,
    changed_by: Option<String>,
    changed_at: Option<i64>,
    failure: Option<String>,
    failing_since: Option<i64>,
    too_open_since: Option<i64>,
    access_proved_at: Option<i64>,
}

impl Store {
    /// An organization's integration as it is now.
    pub async fn integration(&self, id: OrganizationId) -> Result<Option<Integration>, StoreError> {
        let found = self.integration_as_it_stands(id).await?;
        match found.as_ref().and_then(|integration| integration.check.as_ref()) {
            Some(check) if self.give_up_if_abandoned(check).await? => self.integration_as_it_stands(id).await,
            _ => Ok(found),
        }
    }

    async fn integration_as_it_stands(&self, id: OrganizationId) -> Result<Option<Integration>, StoreError> {
        self.read(move |tx| {
            async move {
                let Some(organization) = tx.organization(id).await? else { return Ok(None) };
                let mut integration = tx.integration(organization).await?;
                integration.check = newest_check(tx, id).await?;
                Ok(Some(integration))
            }
            .boxed()
        })
        .await
    }

    /// Turns the switch off: what is pending is discarded, and the record says which run.
    pub async fn disable(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<SwitchedOff, Refused> {
        self.switch_off(caller, organization, revision, SwitchOff::Disable).await
    }

    /// Removes the integration: what is pending is discarded, and the record says which run.
    pub async fn remove(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<SwitchedOff, Refused> {
        self.switch_off(caller, organization, revision, SwitchOff::Remove).await
    }

    async fn switch_off(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
        switch_off: SwitchOff,
    ) -> Result<SwitchedOff, Refused> {
        self.write(move |tx| {
            async move { tx.switch_off(&caller, organization, revision, switch_off).await }.boxed()
        })
        .await
    }
}

impl Transaction {
    pub(super) async fn integration(
        &mut self,
        organization: Organization,
    ) -> Result<Integration, StoreError> {
        let id = organization.id;
        let row = fetch_one!(
            self,
            IntegrationRow,
            "SELECT configured, active, suspended, health, revision, changed_by, changed_at,
                    failure, failing_since, too_open_since, access_proved_at
             FROM integrations WHERE organization_id = $1",
            id.to_string()
        )?;
        let settings = if row.configured == 1 { Some(self.settings_in_force(id).await?) } else { None };
        let failure = match (row.failure, row.failing_since) {
            (Some(json), Some(since)) => {
                Some((from_json("integrations.failure", &json)?, Timestamp::from_millis(since)))
            }
            _ => None,
        };
        Ok(Integration {
            organization,
            settings,
            active: row.active == 1,
            suspended: row.suspended == 1,
            health: parse("integrations.health", &row.health)?,
            revision: Revision::new(row.revision),
            stop: self.stop(id).await?,
            given_up: self.given_up_stop(id).await?,
            changed: row.changed_by.zip(row.changed_at.map(Timestamp::from_millis)),
            failure,
            too_open_since: row.too_open_since.map(Timestamp::from_millis),
            check: None,
            access_proved_at: row.access_proved_at.map(Timestamp::from_millis),
        })
    }

    pub(super) async fn settings_in_force(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Settings, StoreError> {
        fetch_one!(
            self,
            SettingsColumns,
            "SELECT role_arn, bucket, prefix, bucket_owner_account, encryption, kms_key_arn, format, compression,
                    window_minutes
             FROM integrations WHERE organization_id = $1",
            organization.to_string()
        )?
        .try_into()
    }

    /// The rules that every write to an integration passes, read inside its own transaction: role and plan may
    /// have changed since the page was made.
    pub(super) async fn require_manager(
        &mut self,
        locked: &LockedOrganization,
        caller: &Caller,
    ) -> Result<(), Refused> {
        let role = self.role_of_caller(locked.organization.id, caller).await?;
        if !role.is_some_and(|role: Role| role.may(Ability::ManageAuditLogs)) {
            return Err(Refused::NotAnOwner);
        }
        if !locked.organization.plan.includes_audit_logs() {
            return Err(Refused::PlanTooLow);
        }
        Ok(())
    }

    /// Takes the rows of an organization and its integration for whoever may manage audit logs.
    pub(super) async fn hold_as_manager(
        &mut self,
        organization: OrganizationId,
        caller: &Caller,
    ) -> Result<LockedOrganization, Refused> {
        let locked = self.lock_organization(organization).await?.ok_or(Refused::NotAnOwner)?;
        self.require_manager(&locked, caller).await?;
        self.hold_integration(organization).await?;
        Ok(locked)
    }

    async fn switch_off(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        revision: Revision,
        switch_off: SwitchOff,
    ) -> Result<SwitchedOff, Refused> {
        let mut locked = self.hold_as_manager(organization, caller).await?;
        let integration = self.integration(locked.organization.clone()).await?;
        // What is so already is nobody's change to look at: a second press finds what the first one did.
        let Some(settings) = &integration.settings else { return Err(Refused::NotPossible) };
        if switch_off == SwitchOff::Disable && !integration.active {
            return Err(Refused::NotPossible);
        }
        if integration.revision != revision {
            return Err(Refused::Stale);
        }
        Ok(self.switch_off_now(&mut locked, caller, settings, switch_off).await?)
    }

    /// Closes the range, discards what is pending, and records both, in whatever situation the integration is. Its row
    /// is held.
    pub(super) async fn switch_off_now(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        settings: &Settings,
        switch_off: SwitchOff,
    ) -> Result<SwitchedOff, StoreError> {
        let organization = locked.organization.id;
        let closed = match switch_off {
            SwitchOff::Disable => ClosedBecause::Disabled,
            SwitchOff::Remove => ClosedBecause::Removed,
        };
        self.close_open_range(locked, closed).await?;
        let discarded = self.discard_pending(organization).await?;
        let event = event_catalog::integration(switch_off.action(), organization, Some(settings), None);
        self.append_event(locked, caller, event.discarding(discarded)).await?;
        let because = match switch_off {
            SwitchOff::Disable => "disabled audit logs",
            SwitchOff::Remove => "removed the integration",
        };
        let because = format!("{} {because} during the access check", caller.actor.principal_name);
        self.supersede_open_check(locked, &because).await?;
        self.forget_stop(organization).await?;
        let removed = switch_off == SwitchOff::Remove;
        self.mark_switched_off(organization, removed, &caller.actor.principal_name).await?;
        Ok(SwitchedOff { discarded })
    }

    /// Takes the integration's row, behind its organization's: what is booked for its deliveries waits until the
    /// commit, or is there already.
    pub(super) async fn hold_integration(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        let held = holding!("SELECT organization_id FROM integrations WHERE organization_id = $1");
        fetch_one!(self, (String,), held, organization.to_string()).map(drop)
    }

    /// The newest record is the range's last member.
    pub(super) async fn close_open_range(
        &mut self,
        locked: &LockedOrganization,
        because: ClosedBecause,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE collection_ranges SET last_sequence = $2, closed_because = $3, closed_at = $4
             WHERE organization_id = $1 AND last_sequence IS NULL",
            locked.organization.id.to_string(),
            locked.last_sequence,
            because.as_str(),
            self.clock.now().as_millis(),
        )?;
        Ok(())
    }

    /// Ends the books of everything that is pending, in every range. Gives what that was.
    async fn discard_pending(&mut self, organization: OrganizationId) -> Result<Option<LeftOut>, StoreError> {
        let Some(pending) = self.pending(organization).await? else { return Ok(None) };
        execute!(
            self,
            "UPDATE batches SET state = 'discarded', finished_at = $2
             WHERE organization_id = $1 AND state = 'sealed'",
            organization.to_string(),
            self.clock.now().as_millis()
        )?;
        execute!(
            self,
            "UPDATE collection_ranges
             SET discarded_from = CASE WHEN first_sequence > $2 THEN first_sequence ELSE $2 END
             WHERE organization_id = $1 AND discarded_from IS NULL AND last_sequence >= $2",
            organization.to_string(),
            pending.first.get(),
        )?;
        Ok(Some(pending))
    }

    /// From the first pending record to the last, and how many there are; ranges may leave records out between.
    pub(super) async fn pending(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<LeftOut>, StoreError> {
        let (first, last, records) = fetch_one!(
            self,
            (Option<i64>, Option<i64>, i64),
            "SELECT MIN(first_sequence), MAX(last_sequence),
                    CAST(COALESCE(SUM(last_sequence - first_sequence + 1), 0) AS BIGINT)
             FROM (
                 SELECT first_sequence, last_sequence FROM batches
                  WHERE organization_id = $1 AND state = 'sealed'
                 UNION ALL
                 SELECT CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                             ELSE i.sealed_through + 1 END,
                        COALESCE(r.last_sequence, o.last_sequence)
                   FROM collection_ranges r
                   JOIN integrations i ON i.organization_id = r.organization_id
                   JOIN organizations o ON o.id = r.organization_id
                  WHERE r.organization_id = $1 AND r.discarded_from IS NULL
                    AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through
             ) AS pending",
            organization.to_string()
        )?;
        match (first, last) {
            (Some(first), Some(last)) => Ok(Some(LeftOut {
                first: sequence("pending.first", first)?,
                last: sequence("pending.last", last)?,
                records: records.unsigned_abs(),
            })),
            _ => Ok(None),
        }
    }

    /// The token moves on, so that a delivery under way can't report into the books any more.
    pub(super) async fn mark_switched_off(
        &mut self,
        organization: OrganizationId,
        removed: bool,
        changed_by: &str,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations
             SET active = 0, revision = revision + 1, changed_by = $2, changed_at = $3,
                 lease_owner = NULL, lease_expires_at = NULL, lease_token = lease_token + 1, due_at = NULL
             WHERE organization_id = $1",
            organization.to_string(),
            changed_by,
            self.clock.now().as_millis()
        )?;
        self.forget_failure(organization).await?;
        if removed {
            execute!(
                self,
                "UPDATE integrations
                 SET configured = 0, suspended = 0, role_arn = NULL, bucket = NULL, prefix = NULL,
                     bucket_owner_account = NULL, encryption = NULL, kms_key_arn = NULL, format = NULL,
                     compression = NULL, window_minutes = NULL, access_proved_at = NULL
                 WHERE organization_id = $1",
                organization.to_string()
            )?;
        }
        Ok(())
    }
}

/// A JSON column as one of our types.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: &'static str,
    json: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
}

/// One of our types as a JSON column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys and finite numbers")
}
