//! Changing an organization's plan, and what that does to its audit logs: below Enterprise collection is suspended,
//! with Enterprise it resumes by itself. What is pending is delivered either way.

use futures::FutureExt;

use super::database::execute;
use super::integrations::ClosedBecause;
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::event_catalog;
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
            let left_out = self.left_out_before(locked).await?;
            let at = self.append_event(locked, caller, event.not_delivering(left_out)).await?;
            self.mark_suspended(id, false).await?;
            if integration.active {
                self.start_collecting(id, at).await?;
            }
        } else {
            let suspends = !included && integration.active && !integration.suspended;
            if suspends {
                // With the plan goes what the stop would do.
                self.give_up_stop(locked, caller, "The plan no longer includes audit logs").await?;
            }
            self.append_event(locked, caller, event).await?;
            if !included {
                self.supersede_open_check(locked, "The plan changed during the access check").await?;
            }
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
}
