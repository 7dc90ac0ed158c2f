//! Changing an organization's plan, and what that does to its audit logs: below Enterprise collection is suspended,
//! with Enterprise it resumes by itself. What is pending is delivered either way.

use futures::FutureExt;

use super::database::{execute, fetch_optional};
use super::integrations::ClosedBecause;
use super::transaction::{LockedOrganization, Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::event_catalog::{self, Discarded};
use crate::domain::id::OrganizationId;
use crate::domain::organization::{Organization, Plan};

/// What became of a change of plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    /// The organization as it is now.
    pub organization: Organization,
    /// The plan before; the same where nothing changed.
    pub before: Plan,
}

impl Store {
    /// Gives an organization a plan and records it. The same plan again changes and records nothing. Gives `None` if
    /// there is no such organization.
    pub async fn set_plan(
        &self,
        caller: Caller,
        id: OrganizationId,
        plan: Plan,
    ) -> Result<Option<PlanChange>, StoreError> {
        self.write(move |tx| async move { tx.set_plan(&caller, id, plan).await }.boxed()).await
    }
}

impl Transaction {
    async fn set_plan(
        &mut self,
        caller: &Caller,
        id: OrganizationId,
        plan: Plan,
    ) -> Result<Option<PlanChange>, StoreError> {
        let Some(mut locked) = self.lock_organization(id).await? else { return Ok(None) };
        let before = locked.organization.plan;
        if before != plan {
            execute!(
                self,
                "UPDATE organizations SET plan = $2 WHERE id = $1",
                id.to_string(),
                plan.as_str()
            )?;
            locked.organization.plan = plan;
            self.record_plan(&mut locked, caller, before).await?;
        }
        Ok(Some(PlanChange { organization: locked.organization, before }))
    }

    /// The record of a suspension is the last one collected, that of the return the first: each explains its end of
    /// the gap in the bucket.
    async fn record_plan(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        before: Plan,
    ) -> Result<(), StoreError> {
        let id = locked.organization.id;
        let integration = self.integration(locked.organization.clone()).await?;
        let included = locked.organization.plan.includes_audit_logs();
        let event = event_catalog::change_plan(before, locked.organization.plan);
        if included && integration.suspended {
            let not_collected = self.not_collected(locked).await?;
            let at = self.append_event(locked, caller, event.not_collecting(not_collected)).await?;
            self.mark_suspended(id, false).await?;
            if integration.active {
                self.start_collecting(id, at).await?;
            }
        } else {
            let suspends = !included && integration.active && !integration.suspended;
            if suspends {
                self.give_up_for_the_plan(locked, caller).await?;
            }
            self.append_event(locked, caller, event).await?;
            if suspends {
                self.close_open_range(locked, ClosedBecause::Suspended).await?;
                self.mark_suspended(id, true).await?;
            }
        }
        Ok(())
    }

    async fn mark_suspended(&mut self, id: OrganizationId, suspended: bool) -> Result<(), StoreError> {
        execute!(
            self,
            "UPDATE integrations SET suspended = $2, revision = revision + 1 WHERE organization_id = $1",
            id.to_string(),
            i64::from(suspended)
        )?;
        Ok(())
    }

    /// What was stored since the suspension.
    async fn not_collected(&mut self, locked: &LockedOrganization) -> Result<Option<Discarded>, StoreError> {
        let row = fetch_optional!(
            self,
            (i64,),
            "SELECT last_sequence FROM collection_ranges
             WHERE organization_id = $1 AND closed_because = 'suspended'
             ORDER BY first_sequence DESC LIMIT 1",
            locked.organization.id.to_string()
        )?;
        let Some((suspended_at,)) = row.filter(|(last,)| *last < locked.last_sequence) else {
            return Ok(None);
        };
        Ok(Some(Discarded {
            first: sequence("collection_ranges.last_sequence", suspended_at)?.next(),
            last: sequence("organizations.last_sequence", locked.last_sequence)?,
            records: (locked.last_sequence - suspended_at).unsigned_abs(),
        }))
    }
}
