//! The whole installation at a glance, for the operator: every organization, what is pending and what is failing.

use std::collections::BTreeMap;

use futures::FutureExt;

use super::database::{fetch_all, fetch_one, fetch_optional, parse};
use super::organizations::OrganizationRow;
use super::status::unsealed_totals;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::integration::{Health, Situation, Standing};
use crate::domain::organization::{Organization, Plan};

/// The installation as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The number of the newest migration that was applied.
    pub schema_version: i64,
    /// How many organizations there are.
    pub organizations: u64,
    /// How many of them are closed: what is pending of them is delivered, and then they are deleted.
    pub closing: u64,
    /// How many of them are in each situation, in the order of [`Situation::ALL`].
    pub situations: Vec<(Situation, u64)>,
    /// Records collected and not delivered yet.
    pub pending_records: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When the oldest of them was stored.
    pub oldest_pending: Option<Timestamp>,
    /// The same by the health of its integration; where none is pending, there is none.
    pub oldest_pending_by_health: Vec<(Health, Timestamp)>,
    /// Organizations whose deliveries are failing.
    pub failing: u64,
    /// Access checks that wait or run.
    pub open_checks: u64,
}

/// An organization with how its audit logs stand.
#[derive(Clone, Debug)]
pub struct OrganizationSummary {
    /// The organization.
    pub organization: Organization,
    /// How its audit logs stand.
    pub situation: Situation,
    /// How their deliveries fare.
    pub health: Health,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is closed, if it is.
    pub closed_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct StandingColumns {
    configured: i64,
    active: i64,
    suspended: i64,
    stopping: Option<String>,
}

impl StandingColumns {
    fn situation(&self, plan: Plan) -> Situation {
        Standing {
            plan,
            configured: self.configured == 1,
            active: self.active == 1,
            suspended: self.suspended == 1,
            stopping: self.stopping.is_some(),
        }
        .situation()
    }
}

#[derive(sqlx::FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    organization: OrganizationRow,
    #[sqlx(flatten)]
    standing: StandingColumns,
    health: String,
    created_at: i64,
    closed_at: Option<i64>,
}

impl TryFrom<SummaryRow> for OrganizationSummary {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<OrganizationSummary, StoreError> {
        let organization = Organization::try_from(row.organization)?;
        Ok(OrganizationSummary {
            situation: row.standing.situation(organization.plan),
            organization,
            health: parse("integrations.health", &row.health)?,
            created_at: Timestamp::from_millis(row.created_at),
            closed_at: row.closed_at.map(Timestamp::from_millis),
        })
    }
}

#[derive(sqlx::FromRow)]
struct SituationRow {
    plan: String,
    #[sqlx(flatten)]
    standing: StandingColumns,
    organizations: i64,
}

/// The columns of a [`SummaryRow`], with what comes behind them.
macro_rules! select_summary {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.name, o.plan, o.external_id, o.created_at, o.closed_at, i.configured, i.active, i.suspended,
                    i.health, s.action AS stopping
             FROM organizations o JOIN integrations i ON i.organization_id = o.id
             LEFT JOIN stops s ON s.organization_id = o.id ",
            $rest
        )
    };
}

impl Store {
    /// The installation at a glance.
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        self.read(|tx| async move { tx.overview().await }.boxed()).await
    }

    /// Every organization, by name.
    pub async fn organizations(&self) -> Result<Vec<OrganizationSummary>, StoreError> {
        self.read(|tx| {
            async move {
                fetch_all!(tx, SummaryRow, select_summary!("ORDER BY o.name, o.id"))?
                    .into_iter()
                    .map(OrganizationSummary::try_from)
                    .collect()
            }
            .boxed()
        })
        .await
    }

    /// The organization with this id.
    pub async fn organization_summary(
        &self,
        id: OrganizationId,
    ) -> Result<Option<OrganizationSummary>, StoreError> {
        self.read(move |tx| {
            async move {
                fetch_optional!(tx, SummaryRow, select_summary!("WHERE o.id = $1"), id.to_string())?
                    .map(OrganizationSummary::try_from)
                    .transpose()
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    pub(super) async fn overview(&mut self) -> Result<Overview, StoreError> {
        let situations = self.situations().await?;
        let (sealed_records, sealed_bytes) = fetch_one!(
            self,
            (i64, i64),
            "SELECT CAST(COALESCE(SUM(records), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT)
             FROM batches WHERE state = 'sealed'"
        )?;
        let (unsealed_records, unsealed_bytes) = fetch_one!(self, (i64, i64), unsealed_totals!(""))?;
        let (failing,) =
            fetch_one!(self, (i64,), "SELECT COUNT(*) FROM integrations WHERE failing_since IS NOT NULL")?;
        let (closing,) =
            fetch_one!(self, (i64,), "SELECT COUNT(*) FROM organizations WHERE closed_at IS NOT NULL")?;
        let (open_checks,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM access_checks WHERE state IN ('waiting', 'running')"
        )?;
        let oldest_pending_by_health = self.oldest_pending_by_health().await?;
        Ok(Overview {
            schema_version: self.schema_version().await?,
            organizations: situations.values().sum(),
            closing: closing.unsigned_abs(),
            situations: Situation::ALL
                .into_iter()
                .map(|situation| (situation, situations.get(situation.as_str()).copied().unwrap_or(0)))
                .collect(),
            pending_records: (sealed_records + unsealed_records).unsigned_abs(),
            pending_bytes: (sealed_bytes + unsealed_bytes).unsigned_abs(),
            oldest_pending: oldest_pending_by_health.iter().map(|(_, stored_at)| *stored_at).min(),
            oldest_pending_by_health,
            failing: failing.unsigned_abs(),
            open_checks: open_checks.unsigned_abs(),
        })
    }

    async fn situations(&mut self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let rows = fetch_all!(
            self,
            SituationRow,
            "SELECT o.plan, i.configured, i.active, i.suspended, s.action AS stopping, COUNT(*) AS organizations
             FROM organizations o JOIN integrations i ON i.organization_id = o.id
             LEFT JOIN stops s ON s.organization_id = o.id
             GROUP BY o.plan, i.configured, i.active, i.suspended, s.action"
        )?;
        let mut situations = BTreeMap::new();
        for row in rows {
            let situation = row.standing.situation(parse("organizations.plan", &row.plan)?);
            *situations.entry(situation.as_str()).or_default() += row.organizations.unsigned_abs();
        }
        Ok(situations)
    }

    /// Pending is what waits in a batch, and of each collection range what is in no batch yet.
    async fn oldest_pending_by_health(&mut self) -> Result<Vec<(Health, Timestamp)>, StoreError> {
        let oldest = fetch_all!(
            self,
            (String, i64),
            "SELECT i.health, MIN(record.recorded_at)
             FROM (
                 SELECT organization_id, first_sequence FROM batches WHERE state = 'sealed'
                 UNION ALL
                 SELECT r.organization_id,
                        CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                             ELSE i.sealed_through + 1 END
                   FROM collection_ranges r
                   JOIN integrations i ON i.organization_id = r.organization_id
                   JOIN organizations o ON o.id = r.organization_id
                  WHERE r.discarded_from IS NULL
                    AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through
             ) AS pending
             JOIN records record ON record.organization_id = pending.organization_id
              AND record.sequence = pending.first_sequence
             JOIN integrations i ON i.organization_id = pending.organization_id
             GROUP BY i.health"
        )?;
        oldest
            .into_iter()
            .map(|(health, at)| Ok((parse("integrations.health", &health)?, Timestamp::from_millis(at))))
            .collect()
    }
}
