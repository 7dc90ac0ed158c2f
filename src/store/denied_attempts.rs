//! Attempts that were turned away, on the record.
//!
//! Guarantees:
//! - in a minute, one principal's attempts in one organization make [`MOST_A_MINUTE`] records and, once it is over, one
//!   more that counts the rest: in however many processes they were made, no attempt is neither;
//! - a wrong password is noted by the same write whether there is such an account or not.

use std::net::IpAddr;

use futures::FutureExt;

use super::database::{Sql, execute, fetch_all, fetch_one, fetch_optional, parse};
use super::integrations::{from_json, to_json};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::denied_attempt::{DeniedAttempt, LeftOutAttempts, MINUTE, MOST_A_MINUTE, TurnedAway};
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::{OrganizationId, RecordId, UserId};

/// So many minutes are closed, and so many failed sign-ins recorded, before other work has its turn.
const AT_ONCE: i64 = 500;

/// A sign-in whose password was wrong.
#[derive(Clone, Debug)]
pub struct FailedLogin {
    /// The account, if there is one with the typed address.
    pub account: Option<UserId>,
    /// The raw User-Agent.
    pub user_agent: String,
    /// The client's address.
    pub source_ip: Option<IpAddr>,
}

#[derive(sqlx::FromRow)]
struct MinuteRow {
    minute_ends_at: i64,
    attempts: i64,
    first_left_out_at: Option<i64>,
    last_at: i64,
    caller: String,
    attempt: String,
}

#[derive(sqlx::FromRow)]
struct FailedLoginRow {
    id: String,
    user_id: Option<String>,
    user_agent: String,
    source_ip: Option<String>,
    failed_at: i64,
}

/// Who is counted: the row's key.
#[derive(sqlx::FromRow)]
struct Counted {
    organization_id: String,
    principal_id: String,
    kind: String,
}

/// The oldest that no other writer is at. Nobody waits for such a row, so it may be taken before an organization's.
const TAKE_A_FAILED_LOGIN: Sql = Sql {
    sqlite: "SELECT id, user_id, user_agent, source_ip, failed_at FROM failed_logins ORDER BY id LIMIT 1",
    postgres: "SELECT id, user_id, user_agent, source_ip, failed_at FROM failed_logins ORDER BY id LIMIT 1
               FOR UPDATE SKIP LOCKED",
};

impl Store {
    /// Records what a member's role or the plan did not allow.
    pub async fn record_denied(
        &self,
        caller: Caller,
        organization: OrganizationId,
        attempt: DeniedAttempt,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let Some(mut locked) = tx.lock_organization(organization).await? else { return Ok(()) };
                let attempt = TurnedAway::Denied(attempt);
                let now = locked.taken_at;
                tx.record_turned_away(&mut locked, &caller, &attempt, now).await
            }
            .boxed()
        })
        .await
    }

    /// Records what was asked for and not done, because of how things stand.
    pub async fn record_refused(
        &self,
        caller: Caller,
        organization: OrganizationId,
        event: EventDraft,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                let Some(mut locked) = tx.lock_organization(organization).await? else { return Ok(()) };
                tx.append_event(&mut locked, &caller, event).await.map(drop)
            }
            .boxed()
        })
        .await
    }

    /// Notes a wrong password. A writer makes the records of it, one in each organization of the account.
    pub async fn note_failed_login(&self, failed: FailedLogin) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "INSERT INTO failed_logins (id, user_id, user_agent, source_ip, failed_at)
                     VALUES ($1, $2, $3, $4, $5)",
                    RecordId::generate(&tx.clock, &tx.entropy).to_string(),
                    failed.account.map(|account| account.to_string()),
                    failed.user_agent,
                    failed.source_ip.map(|address| address.to_string()),
                    tx.clock.now().as_millis()
                )
                .map(drop)
            }
            .boxed()
        })
        .await
    }

    /// Records the wrong passwords that were noted, and forgets those of nobody.
    pub async fn record_failed_logins(&self) -> Result<(), StoreError> {
        let waiting = self.read(|tx| async move { tx.failed_logins_waiting().await }.boxed()).await?;
        for _ in 0..waiting.min(AT_ONCE) {
            if !self.write(|tx| async move { tx.record_a_failed_login().await }.boxed()).await? {
                break;
            }
        }
        Ok(())
    }

    /// Ends the minutes that are over: what was only counted in them has its one record.
    ///
    /// # Errors
    /// The first one's that could not be ended; the others are ended all the same.
    pub async fn count_left_out_attempts(&self) -> Result<(), StoreError> {
        let over = self.read(|tx| async move { tx.minutes_that_are_over().await }.boxed()).await?;
        let mut outcome = Ok(());
        for counted in over {
            let ended = self.write(move |tx| async move { tx.end_minute_of(&counted).await }.boxed()).await;
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Transaction {
    /// Records an attempt, or counts it where the minute has had its records.
    pub(super) async fn record_turned_away(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        attempt: &TurnedAway,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let counted = Counted {
            organization_id: locked.organization.id.to_string(),
            principal_id: caller.actor.principal_id.clone(),
            kind: attempt.kind().to_owned(),
        };
        self.end_minute(locked, &counted).await?;
        let attempts = self.count_attempt(locked.taken_at, &counted, caller, attempt, at).await?;
        if attempts <= MOST_A_MINUTE {
            let event = event_catalog::turned_away(attempt).happened_at(at);
            self.append_event(locked, caller, event).await?;
        }
        Ok(())
    }

    /// Gives how many there are in this minute, with this one.
    async fn count_attempt(
        &mut self,
        now: Timestamp,
        counted: &Counted,
        caller: &Caller,
        attempt: &TurnedAway,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let before = self.minute(counted).await?;
        let attempts = before.as_ref().map_or(0, |minute| minute.attempts) + 1;
        let left_out_since = before.and_then(|minute| minute.first_left_out_at);
        let left_out_since = left_out_since.or((attempts > MOST_A_MINUTE).then_some(at.as_millis()));
        execute!(
            self,
            "INSERT INTO denied_attempts (organization_id, principal_id, kind, minute_ends_at, attempts,
                                          first_left_out_at, last_at, caller, attempt)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (organization_id, principal_id, kind) DO UPDATE
             SET attempts = excluded.attempts, first_left_out_at = excluded.first_left_out_at,
                 last_at = excluded.last_at, caller = excluded.caller, attempt = excluded.attempt",
            &counted.organization_id,
            &counted.principal_id,
            &counted.kind,
            (now + MINUTE).as_millis(),
            attempts,
            left_out_since,
            at.as_millis(),
            to_json(caller),
            to_json(attempt)
        )?;
        Ok(attempts)
    }

    /// Where the clock ran back, no minute may seem to last longer than one.
    async fn minutes_that_are_over(&mut self) -> Result<Vec<Counted>, StoreError> {
        let now = self.clock.now();
        fetch_all!(
            self,
            Counted,
            "SELECT organization_id, principal_id, kind FROM denied_attempts
             WHERE minute_ends_at <= $1 OR minute_ends_at > $2 ORDER BY minute_ends_at LIMIT $3",
            now.as_millis(),
            (now + MINUTE).as_millis(),
            AT_ONCE
        )
    }

    /// Ends every minute of an organization that nothing comes after, whose row is held.
    pub(super) async fn end_minutes(&mut self, locked: &mut LockedOrganization) -> Result<(), StoreError> {
        let all = fetch_all!(
            self,
            Counted,
            "SELECT organization_id, principal_id, kind FROM denied_attempts
             WHERE organization_id = $1 ORDER BY minute_ends_at",
            locked.organization.id.to_string()
        )?;
        for counted in all {
            if let Some(minute) = self.minute(&counted).await? {
                self.write_minute(locked, &counted, minute).await?;
            }
        }
        Ok(())
    }

    async fn end_minute_of(&mut self, counted: &Counted) -> Result<(), StoreError> {
        let id = parse("denied_attempts.organization_id", &counted.organization_id)?;
        match self.lock_organization(id).await? {
            Some(mut locked) => self.end_minute(&mut locked, counted).await,
            None => Ok(()),
        }
    }

    /// Ends a minute that is over; the organization's row is held.
    async fn end_minute(
        &mut self,
        locked: &mut LockedOrganization,
        counted: &Counted,
    ) -> Result<(), StoreError> {
        match self.minute(counted).await?.filter(|minute| minute.is_over(locked.taken_at)) {
            Some(minute) => self.write_minute(locked, counted, minute).await,
            None => Ok(()),
        }
    }

    /// Records what was only counted in a minute, and forgets the minute.
    async fn write_minute(
        &mut self,
        locked: &mut LockedOrganization,
        counted: &Counted,
        minute: MinuteRow,
    ) -> Result<(), StoreError> {
        if let Some(left_out) = minute.left_out() {
            let caller: Caller = from_json("denied_attempts.caller", &minute.caller)?;
            let attempt: TurnedAway = from_json("denied_attempts.attempt", &minute.attempt)?;
            let event = event_catalog::turned_away(&attempt).counting(left_out);
            self.append_event(locked, &caller, event).await?;
        }
        execute!(
            self,
            "DELETE FROM denied_attempts WHERE organization_id = $1 AND principal_id = $2 AND kind = $3",
            &counted.organization_id,
            &counted.principal_id,
            &counted.kind
        )?;
        Ok(())
    }

    async fn minute(&mut self, counted: &Counted) -> Result<Option<MinuteRow>, StoreError> {
        fetch_optional!(
            self,
            MinuteRow,
            "SELECT minute_ends_at, attempts, first_left_out_at, last_at, caller, attempt FROM denied_attempts
             WHERE organization_id = $1 AND principal_id = $2 AND kind = $3",
            &counted.organization_id,
            &counted.principal_id,
            &counted.kind
        )
    }

    async fn failed_logins_waiting(&mut self) -> Result<i64, StoreError> {
        let (waiting,) = fetch_one!(self, (i64,), "SELECT COUNT(*) FROM failed_logins")?;
        Ok(waiting)
    }

    /// Gives `false` if none waits.
    async fn record_a_failed_login(&mut self) -> Result<bool, StoreError> {
        let Some(row) = fetch_optional!(self, FailedLoginRow, TAKE_A_FAILED_LOGIN)? else { return Ok(false) };
        execute!(self, "DELETE FROM failed_logins WHERE id = $1", &row.id)?;
        let Some(user) = row.account()? else { return Ok(true) };
        let Some(found) = self.account(user).await? else { return Ok(true) };
        let caller = Caller::user(&found.user, &row.user_agent, row.address()?);
        let attempt = TurnedAway::FailedLogin { username: found.user.email.to_string() };
        let at = Timestamp::from_millis(row.failed_at);
        for locked in &mut self.lock_organizations_of(user).await? {
            self.record_turned_away(locked, &caller, &attempt, at).await?;
        }
        Ok(true)
    }
}

impl MinuteRow {
    fn is_over(&self, now: Timestamp) -> bool {
        let ends_at = Timestamp::from_millis(self.minute_ends_at);
        ends_at <= now || ends_at > now + MINUTE
    }

    fn left_out(&self) -> Option<LeftOutAttempts> {
        self.first_left_out_at.map(|first_at| LeftOutAttempts {
            count: (self.attempts - MOST_A_MINUTE).unsigned_abs(),
            first_at: Timestamp::from_millis(first_at),
            last_at: Timestamp::from_millis(self.last_at),
        })
    }
}

impl FailedLoginRow {
    fn account(&self) -> Result<Option<UserId>, StoreError> {
        self.user_id.as_deref().map(|id| parse("failed_logins.user_id", id)).transpose()
    }

    fn address(&self) -> Result<Option<IpAddr>, StoreError> {
        self.source_ip.as_deref().map(|address| parse("failed_logins.source_ip", address)).transpose()
    }
}
