//! The last month of deliveries, hour by hour. Two indexes hold nothing but what is counted here.

use std::collections::BTreeMap;

use futures::FutureExt;

use super::database::fetch_all;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::timeline::{HourCount, Timeline};

const HOUR_MILLIS: i64 = 3_600_000;

impl Store {
    /// What was delivered and what failed in the last 24 hours and 30 days.
    pub async fn timeline(&self, organization: OrganizationId) -> Result<Timeline, StoreError> {
        let now = self.clock.now();
        self.read(move |tx| async move { tx.timeline(organization, now).await }.boxed()).await
    }
}

impl Transaction {
    async fn timeline(
        &mut self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Timeline, StoreError> {
        let (id, since) = (organization.to_string(), Timeline::since(now).as_millis());
        let delivered = fetch_all!(
            self,
            (i64, i64),
            "SELECT finished_at / 3600000, CAST(SUM(records) AS BIGINT) FROM batches
             WHERE organization_id = $1 AND state = 'delivered' AND finished_at >= $2
             GROUP BY finished_at / 3600000",
            &id,
            since
        )?;
        let failed = fetch_all!(
            self,
            (i64, i64),
            "SELECT finished_at / 3600000, COUNT(*) FROM delivery_attempts
             WHERE organization_id = $1 AND result = 'failed' AND finished_at >= $2
             GROUP BY finished_at / 3600000",
            &id,
            since
        )?;
        let mut hours: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for (hour, records) in delivered {
            hours.entry(hour).or_default().0 = records.unsigned_abs();
        }
        for (hour, attempts) in failed {
            hours.entry(hour).or_default().1 = attempts.unsigned_abs();
        }
        let count = |(hour, (delivered, failures)): (i64, (u64, u64))| HourCount {
            at: Timestamp::from_millis(hour * HOUR_MILLIS),
            delivered,
            failures,
        };
        Ok(Timeline::new(now, &hours.into_iter().map(count).collect::<Vec<_>>()))
    }
}
