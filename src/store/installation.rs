//! How the installation stands, for whoever monitors it: the overview, and what is about to go wrong. All of it is
//! read from indexes and running totals, as of one moment, and holds up nobody who appends.

use std::time::Duration;

use futures::FutureExt;

use super::database::{Sql, fetch_all, fetch_one, parse};
use super::overview::Overview;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::days::Days;
use crate::domain::failure::Cause;
use crate::domain::integration::Health;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The installation as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallationState {
    /// What `trailpost status` says.
    pub overview: Overview,
    /// Sealed batches that are not delivered, by the health of their integration; those that there are.
    pub undelivered_batches: Vec<(Health, u64)>,
    /// Configured integrations by health; those that there are.
    pub healths: Vec<(Health, u64)>,
    /// Integrations whose deliveries fail, by the cause of the last failure; those that there are.
    pub failing: Vec<(Cause, u64)>,
    /// Records of failing organizations that expire within a day.
    pub at_risk_in_a_day: u64,
    /// And within a week, those of the day included.
    pub at_risk_in_a_week: u64,
    /// What this machine's clock and that of the database's server said at one moment, if that has one of its own.
    pub clocks: Option<(Timestamp, Timestamp)>,
}

impl Store {
    /// How the installation stands, where undelivered records are held for `hold`.
    pub async fn installation_state(&self, hold: Days) -> Result<InstallationState, StoreError> {
        let now = self.clock.now();
        self.read(move |tx| async move { tx.installation_state(now - hold.span()).await }.boxed()).await
    }
}

/// SQLite has no clock but this process's.
const DATABASE_TIME: Sql = Sql {
    sqlite: "SELECT CAST(NULL AS INTEGER)",
    postgres: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
};

const FAILING_BY_CAUSE: Sql = Sql {
    sqlite: "SELECT failure ->> 'cause', COUNT(*) FROM integrations WHERE failure IS NOT NULL GROUP BY 1",
    postgres: "SELECT CAST(failure AS json) ->> 'cause', COUNT(*) FROM integrations WHERE failure IS NOT NULL
               GROUP BY 1",
};

impl Transaction {
    /// What was sealed before `expired` has been held for as long as anything is.
    async fn installation_state(&mut self, expired: Timestamp) -> Result<InstallationState, StoreError> {
        let (there,) = fetch_one!(self, (Option<i64>,), DATABASE_TIME)?;
        let clocks = there.map(|there| (self.clock.wall(), Timestamp::from_millis(there)));
        let overview = self.overview().await?;
        let (in_a_day, in_a_week) = fetch_one!(
            self,
            (i64, i64),
            "SELECT CAST(COALESCE(SUM(CASE WHEN b.sealed_at <= CAST($1 AS BIGINT) THEN b.records ELSE 0 END), 0) AS BIGINT),
                    CAST(COALESCE(SUM(b.records), 0) AS BIGINT)
             FROM integrations i JOIN batches b ON b.organization_id = i.organization_id
             WHERE i.failing_since IS NOT NULL AND b.state = 'sealed' AND b.sealed_at <= $2",
            (expired + DAY).as_millis(),
            (expired + WEEK).as_millis()
        )?;
        Ok(InstallationState {
            overview,
            undelivered_batches: by_health(fetch_all!(
                self,
                (String, i64),
                "SELECT i.health, COUNT(*) FROM batches b JOIN integrations i ON i.organization_id = b.organization_id
                 WHERE b.state = 'sealed' GROUP BY i.health"
            )?)?,
            healths: by_health(fetch_all!(
                self,
                (String, i64),
                "SELECT health, COUNT(*) FROM integrations WHERE configured = 1 GROUP BY health"
            )?)?,
            failing: self.failing_by_cause().await?,
            at_risk_in_a_day: in_a_day.unsigned_abs(),
            at_risk_in_a_week: in_a_week.unsigned_abs(),
            clocks,
        })
    }

    /// A cause that this version does not know, such as a later one's, counts as one that nobody expected.
    async fn failing_by_cause(&mut self) -> Result<Vec<(Cause, u64)>, StoreError> {
        let rows = fetch_all!(self, (Option<String>, i64), FAILING_BY_CAUSE)?;
        let known = |word: Option<String>| {
            Cause::ALL.into_iter().find(|cause| word.as_ref() == Some(&cause.to_string()))
        };
        Ok(rows
            .into_iter()
            .map(|(word, count)| (known(word).unwrap_or(Cause::Unexpected), count.unsigned_abs()))
            .collect())
    }
}

fn by_health(rows: Vec<(String, i64)>) -> Result<Vec<(Health, u64)>, StoreError> {
    let parsed =
        |(health, count): (String, i64)| Ok((parse("integrations.health", &health)?, count.unsigned_abs()));
    rows.into_iter().map(parsed).collect()
}
