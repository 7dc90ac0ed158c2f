//! Checks that no writer runs. A process without a writer notices too: when it looks at one, or is asked for another.
//!
//! Guarantees:
//! - a check without a writer for two minutes ends as our fault, once, with a record;
//! - one that waits for its turn at a writer that is busy is not taken for abandoned.

use std::time::Duration;

use futures::FutureExt;

use super::access_checks::{AccessCheck, CheckEnd, StoredCheck};
use super::database::{execute, fetch_all, fetch_one, parse};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::access_check::{CheckState, StageState};
use crate::domain::clock::Timestamp;
use crate::domain::error_chain::ErrorChain;
use crate::domain::failure::{Cause, Failure};
use crate::domain::id::CheckId;

/// So long a check waits for a writer.
pub(super) const ABANDONED_AFTER: Duration = Duration::from_secs(120);
/// A writer says that it is there, well before that.
const SEEN_AGAIN_AFTER: Duration = Duration::from_secs(30);

impl AccessCheck {
    /// Whether no writer has been there for it. `now` is the machine's own time.
    pub(super) fn is_abandoned(&self, now: Timestamp) -> bool {
        self.state.is_open() && self.seen_at + ABANDONED_AFTER < now
    }
}

impl Store {
    /// What a writer does for the checks that it does not run: it ends those that nobody ran, and says of those that
    /// wait that it is there.
    ///
    /// # Errors
    /// The first check's that could not be ended; the others are ended all the same.
    pub async fn tend_checks(&self) -> Result<(), StoreError> {
        let now = self.clock.wall();
        let (abandoned, quiet) =
            self.read(move |tx| async move { tx.untended_checks(now).await }.boxed()).await?;
        let mut outcome = Ok(());
        for check in abandoned {
            outcome = outcome.and(self.give_up_abandoned(check).await.map(drop));
        }
        if quiet {
            self.write(move |tx| async move { tx.see_waiting_checks(now).await }.boxed()).await?;
        }
        outcome
    }

    /// Ends a check that no writer runs. Gives `false` if there is a writer, or it has ended.
    pub(super) async fn give_up_if_abandoned(&self, check: &AccessCheck) -> Result<bool, StoreError> {
        if !check.is_abandoned(self.clock.wall()) {
            return Ok(false);
        }
        self.give_up_abandoned(check.id).await
    }

    async fn give_up_abandoned(&self, check: CheckId) -> Result<bool, StoreError> {
        self.write(move |tx| async move { tx.give_up_abandoned(check).await }.boxed()).await
    }
}

impl Transaction {
    /// The checks that no writer runs, and whether others wait that no writer has seen for a while.
    async fn untended_checks(&mut self, now: Timestamp) -> Result<(Vec<CheckId>, bool), StoreError> {
        let rows = fetch_all!(
            self,
            (String,),
            "SELECT id FROM access_checks WHERE state IN ('waiting', 'running') AND seen_at < $1 ORDER BY id",
            (now - ABANDONED_AFTER).as_millis()
        )?;
        let abandoned = rows.iter().map(|(id,)| parse("access_checks.id", id)).collect::<Result<_, _>>()?;
        let (quiet,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM access_checks
             WHERE state IN ('waiting', 'running') AND state = 'waiting' AND seen_at < $1",
            (now - SEEN_AGAIN_AFTER).as_millis()
        )?;
        Ok((abandoned, quiet > 0))
    }

    async fn see_waiting_checks(&mut self, now: Timestamp) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE access_checks SET seen_at = $1
             WHERE state IN ('waiting', 'running') AND state = 'waiting' AND seen_at >= $2",
            now.as_millis(),
            (now - ABANDONED_AFTER).as_millis()
        )?;
        Ok(())
    }

    async fn give_up_abandoned(&mut self, id: CheckId) -> Result<bool, StoreError> {
        let seen = match self.check(id).await {
            Err(error @ StoreError::Corrupt { .. }) => {
                self.end_unread(&id.to_string(), &error).await?;
                return Ok(true);
            }
            seen => seen?,
        };
        let Some(seen) = seen else { return Ok(false) };
        let Some(mut locked) = self.lock_organization(seen.organization).await? else { return Ok(false) };
        // Read again now that nobody else can end it.
        let Some(stored) = self.held_check(id).await? else { return Ok(false) };
        if !stored.check.is_abandoned(self.clock.wall()) {
            return Ok(false);
        }
        if stored.daily {
            self.forget_daily_checks(stored.organization).await?;
        } else {
            self.give_up_check(&mut locked, &stored).await?;
        }
        Ok(true)
    }

    /// Ends a check as our own fault.
    pub(super) async fn give_up_check(
        &mut self,
        locked: &mut LockedOrganization,
        stored: &StoredCheck,
    ) -> Result<(), StoreError> {
        let mut checklist = stored.check.checklist.clone();
        let failure = Failure { stage: checklist.current(), cause: Cause::NoWriter, aws: None };
        checklist.set(failure.stage, StageState::Failed, Some(failure.title().to_owned()));
        let ended = CheckEnd {
            checklist: Some(&checklist),
            failure: Some(&failure),
            ..CheckEnd::of(CheckState::Failed)
        };
        self.end_check(stored.check.id, ended).await?;
        let event = self.event_of(stored).await?.failed_because(&failure);
        self.append_event(locked, &stored.caller, event).await?;
        tracing::error!(
            organization = %stored.organization,
            check = %stored.check.id,
            "no writer was there for an access check: is one running?"
        );
        Ok(())
    }

    /// Ends a check that can't be read: it must not keep the others from their turn.
    pub(super) async fn end_unread(&mut self, id: &str, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(check = id, error = %ErrorChain(error), "an access check is ended unread");
        execute!(
            self,
            "UPDATE access_checks SET state = 'cancelled', finished_at = $2 WHERE id = $1",
            id,
            self.clock.now().as_millis()
        )?;
        Ok(())
    }
}
