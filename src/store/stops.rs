//! Deliver first: switching off once everything up to a cut is delivered. Nobody waits in a request; a row says what
//! is to happen, and a writer looks whether it can.
//!
//! Guarantees:
//! - the cut is the record that asked for it: what was stored up to then is delivered, and collection goes on;
//! - one transaction switches off and discards what came after the cut;
//! - without progress, or when somebody stops waiting, everything is as before: nothing is lost.

use std::time::Duration;

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_one, fetch_optional, parse};
use super::integrations::{Refused, from_json, to_json};
use super::transaction::{LockedOrganization, Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::event_catalog::{self, IntegrationAction};
use crate::domain::id::OrganizationId;
use crate::domain::integration::Revision;
use crate::domain::sequence::Sequence;

/// A stop that makes no progress for so long is given up.
const WITHOUT_PROGRESS: Duration = Duration::from_secs(120);

/// What is to happen to an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchOff {
    /// The switch is turned off; the settings stay.
    Disable,
    /// The settings go too.
    Remove,
}

impl SwitchOff {
    fn as_str(self) -> &'static str {
        match self {
            SwitchOff::Disable => "disable",
            SwitchOff::Remove => "remove",
        }
    }

    /// What it is called on the record.
    pub fn action(self) -> IntegrationAction {
        match self {
            SwitchOff::Disable => IntegrationAction::Disable,
            SwitchOff::Remove => IntegrationAction::Delete,
        }
    }
}

impl std::str::FromStr for SwitchOff {
    type Err = String;

    fn from_str(text: &str) -> Result<SwitchOff, String> {
        match text {
            "disable" => Ok(SwitchOff::Disable),
            "remove" => Ok(SwitchOff::Remove),
            other => Err(format!("“{other}” is not a way to switch off")),
        }
    }
}

/// A stop that waits for the last deliveries.
#[derive(Clone, Debug)]
pub struct Stop {
    /// What happens then.
    pub switch_off: SwitchOff,
    /// The last record that is delivered first.
    pub cut: Sequence,
    /// Who asked, by name.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Records up to the cut that are not delivered yet.
    pub remaining: u64,
}

/// A stop that was given up because nothing could be delivered. Nothing was changed since.
#[derive(Clone, Debug)]
pub struct GivenUpStop {
    /// What was to happen.
    pub switch_off: SwitchOff,
    /// Who had asked, by name.
    pub asked_by: String,
    /// When it was given up.
    pub given_up_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct GivenUpRow {
    action: String,
    asked_by: String,
    given_up_at: i64,
}

#[derive(sqlx::FromRow)]
struct StopRow {
    action: String,
    cut: i64,
    asked_by: String,
    asked_at: i64,
    progress_at: i64,
}

impl StopRow {
    fn asker(&self) -> Result<String, StoreError> {
        let caller: Caller = from_json("stops.asked_by", &self.asked_by)?;
        Ok(caller.actor.principal_name)
    }
}

impl Store {
    /// Asks for switching off once everything stored up to now is delivered. What has not been sealed yet is sealed
    /// at once.
    ///
    /// # Errors
    /// The caller may not, the revision is old, nothing is collected, or a stop is awaited already.
    pub async fn deliver_first(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
        switch_off: SwitchOff,
    ) -> Result<(), Refused> {
        let asked = self
            .write(move |tx| {
                async move { tx.deliver_first(&caller, organization, revision, switch_off).await }.boxed()
            })
            .await;
        self.ring();
        asked
    }

    /// Gives up waiting: collection and settings are as before. Gives `false` if nothing was waited for any more.
    ///
    /// # Errors
    /// The caller may not, or it is another stop than the one that this revision had.
    pub async fn stop_waiting(
        &self,
        caller: Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<bool, Refused> {
        self.write(move |tx| async move { tx.stop_waiting(&caller, organization, revision).await }.boxed())
            .await
    }

    /// Ends every stop that can be ended: what was to be delivered first is delivered, or makes no progress. Nothing
    /// could make any before the writer was there, which is since `awake_since`.
    ///
    /// # Errors
    /// The first organization's that could not be looked at; the others are looked at all the same.
    pub async fn end_stops(&self, awake_since: Timestamp) -> Result<(), StoreError> {
        let waiting = self
            .read(|tx| {
                async move {
                    fetch_all!(tx, (String,), "SELECT organization_id FROM stops ORDER BY organization_id")
                }
                .boxed()
            })
            .await?;
        let mut outcome = Ok(());
        for (organization,) in waiting {
            let ended = match parse("stops.organization_id", &organization) {
                Ok(organization) => {
                    self.write(move |tx| async move { tx.end_stop(organization, awake_since).await }.boxed())
                        .await
                }
                Err(error) => Err(error),
            };
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Transaction {
    async fn deliver_first(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        revision: Revision,
        switch_off: SwitchOff,
    ) -> Result<(), Refused> {
        let mut locked = self.hold_as_manager(organization, caller).await?;
        let integration = self.integration(locked.organization.clone()).await?;
        // A double click joins what the first one asked for.
        if integration.stop.as_ref().is_some_and(|stop| stop.switch_off == switch_off) {
            return Ok(());
        }
        if integration.revision != revision {
            return Err(Refused::Stale);
        }
        if !integration.active || integration.stop.is_some() {
            return Err(Refused::NotPossible);
        }
        // It would change what is being stopped. Its record comes before the cut: it is delivered.
        let because = format!("{} began to switch audit logs off", caller.actor.principal_name);
        self.supersede_open_check(&mut locked, &because).await?;
        let event = event_catalog::deliver_first(switch_off.action(), organization);
        let cut = self.append_event(&mut locked, caller, event).await?;
        let now = self.clock.now().as_millis();
        execute!(
            self,
            "INSERT INTO stops (organization_id, action, cut, asked_by, asked_at, progress_at)
             VALUES ($1, $2, $3, $4, $5, $5)",
            organization.to_string(),
            switch_off.as_str(),
            cut.get(),
            to_json(caller),
            now
        )?;
        execute!(
            self,
            "UPDATE integrations SET revision = revision + 1, deliver_through = $2
             WHERE organization_id = $1",
            organization.to_string(),
            cut.get()
        )?;
        self.deliver_at_once(organization).await?;
        self.connection.ring_elsewhere().await?;
        Ok(())
    }

    async fn stop_waiting(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        revision: Revision,
    ) -> Result<bool, Refused> {
        let mut locked = self.hold_as_manager(organization, caller).await?;
        let Some(row) = self.stop_row(organization).await? else { return Ok(false) };
        // Another stop than the one that the page showed is not this page's to end.
        if self.integration(locked.organization.clone()).await?.revision != revision {
            return Err(Refused::Stale);
        }
        let reason = format!("{} stopped waiting", caller.actor.principal_name);
        self.give_up(&mut locked, caller, &row, reason).await?;
        Ok(true)
    }

    async fn end_stop(
        &mut self,
        organization: OrganizationId,
        awake_since: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(mut locked) = self.lock_organization(organization).await? else { return Ok(()) };
        self.hold_integration(organization).await?;
        let Some(row) = self.stop_row(organization).await? else { return Ok(()) };
        if self.remaining(organization, row.cut).await? == 0 {
            let caller: Caller = from_json("stops.asked_by", &row.asked_by)?;
            let switch_off: SwitchOff = parse("stops.action", &row.action)?;
            let settings = self.settings_in_force(organization).await?;
            self.switch_off_now(&mut locked, &caller, &settings, switch_off).await?;
        } else if self.is_without_progress(organization, &row, awake_since).await? {
            let reason = format!("Nothing could be delivered for two minutes; {} had asked", row.asker()?);
            self.give_up(&mut locked, &Caller::trailpost(), &row, reason).await?;
            self.remember_given_up(organization, &row).await?;
        }
        Ok(())
    }

    /// A try that is under way may take longer than the wait: it ends with its lease.
    async fn is_without_progress(
        &mut self,
        organization: OrganizationId,
        row: &StopRow,
        awake_since: Timestamp,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let (under_way,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM integrations WHERE organization_id = $1 AND lease_expires_at > $2",
            organization.to_string(),
            now.as_millis()
        )?;
        // A writer that has been there since a time to come was started before the clock ran back.
        let awake_since = if awake_since <= now { awake_since } else { Timestamp::from_millis(0) };
        let last_progress = Timestamp::from_millis(row.progress_at).max(awake_since);
        Ok(under_way == 0 && now.since(last_progress) >= WITHOUT_PROGRESS)
    }

    /// Gives up waiting for a reason of the organization's, if it is waited: what was collected is delivered, and the
    /// settings are kept.
    pub(super) async fn give_up_stop(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.hold_integration(locked.organization.id).await?;
        match self.stop_row(locked.organization.id).await? {
            Some(row) => self.give_up(locked, caller, &row, reason.to_owned()).await,
            None => Ok(()),
        }
    }

    /// Everything is as before, but for the revision: the page that shows the stop is out of date.
    async fn give_up(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        row: &StopRow,
        reason: String,
    ) -> Result<(), StoreError> {
        let organization = locked.organization.id;
        let switch_off: SwitchOff = parse("stops.action", &row.action)?;
        let settings = self.settings_in_force(organization).await?;
        let event = event_catalog::integration(switch_off.action(), organization, Some(&settings), None)
            .failed(reason, "ABORTED");
        self.append_event(locked, caller, event).await?;
        self.forget_stop(organization).await?;
        execute!(
            self,
            "UPDATE integrations SET revision = revision + 1 WHERE organization_id = $1",
            organization.to_string()
        )?;
        Ok(())
    }

    /// Nobody was there to see it: the page tells of it afterwards.
    async fn remember_given_up(
        &mut self,
        organization: OrganizationId,
        row: &StopRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO given_up_stops (organization_id, action, asked_by, given_up_at, revision)
             SELECT organization_id, $2, $3, $4, revision FROM integrations WHERE organization_id = $1
             ON CONFLICT (organization_id) DO UPDATE
             SET action = excluded.action, asked_by = excluded.asked_by, given_up_at = excluded.given_up_at,
                 revision = excluded.revision",
            organization.to_string(),
            &row.action,
            row.asker()?,
            self.clock.now().as_millis()
        )?;
        Ok(())
    }

    /// The stop that was given up, as long as nothing was changed since.
    pub(super) async fn given_up_stop(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<GivenUpStop>, StoreError> {
        let row = fetch_optional!(
            self,
            GivenUpRow,
            "SELECT g.action, g.asked_by, g.given_up_at FROM given_up_stops g
             JOIN integrations i ON i.organization_id = g.organization_id AND i.revision = g.revision
             WHERE g.organization_id = $1",
            organization.to_string()
        )?;
        row.map(|row| {
            Ok(GivenUpStop {
                switch_off: parse("given_up_stops.action", &row.action)?,
                asked_by: row.asked_by,
                given_up_at: Timestamp::from_millis(row.given_up_at),
            })
        })
        .transpose()
    }

    pub(super) async fn forget_stop(&mut self, organization: OrganizationId) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM stops WHERE organization_id = $1", organization.to_string())?;
        Ok(())
    }

    /// A file has landed: whoever waits for the last one waits on. Gives whether anybody does.
    pub(super) async fn note_progress(&mut self, organization: OrganizationId) -> Result<bool, StoreError> {
        let waiting = execute!(
            self,
            "UPDATE stops SET progress_at = $2 WHERE organization_id = $1",
            organization.to_string(),
            self.clock.now().as_millis()
        )?;
        Ok(waiting > 0)
    }

    pub(super) async fn stop(&mut self, organization: OrganizationId) -> Result<Option<Stop>, StoreError> {
        let Some(row) = self.stop_row(organization).await? else { return Ok(None) };
        Ok(Some(Stop {
            switch_off: parse("stops.action", &row.action)?,
            cut: sequence("stops.cut", row.cut)?,
            asked_by: row.asker()?,
            asked_at: Timestamp::from_millis(row.asked_at),
            remaining: self.remaining(organization, row.cut).await?.unsigned_abs(),
        }))
    }

    async fn stop_row(&mut self, organization: OrganizationId) -> Result<Option<StopRow>, StoreError> {
        fetch_optional!(
            self,
            StopRow,
            "SELECT action, cut, asked_by, asked_at, progress_at FROM stops WHERE organization_id = $1",
            organization.to_string()
        )
    }

    /// How many collected records up to the cut are not delivered: in batches, and in none yet.
    async fn remaining(&mut self, organization: OrganizationId, cut: i64) -> Result<i64, StoreError> {
        let (remaining,) = fetch_one!(
            self,
            (i64,),
            "SELECT CAST(COALESCE(SUM(last_sequence - first_sequence + 1), 0) AS BIGINT)
             FROM (
                 SELECT first_sequence, last_sequence FROM batches
                  WHERE organization_id = $1 AND state = 'sealed' AND first_sequence <= $2
                 UNION ALL
                 SELECT CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                             ELSE i.sealed_through + 1 END,
                        CASE WHEN COALESCE(r.last_sequence, $2) < $2 THEN r.last_sequence ELSE $2 END
                   FROM collection_ranges r
                   JOIN integrations i ON i.organization_id = r.organization_id
                  WHERE r.organization_id = $1 AND r.discarded_from IS NULL AND r.first_sequence <= $2
                    AND i.sealed_through < $2 AND COALESCE(r.last_sequence, $2) > i.sealed_through
             ) AS remaining",
            organization.to_string(),
            cut
        )?;
        Ok(remaining)
    }
}
