//! Forgetting what is older than it is to be kept. The store knows what that is, and does it in short steps.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Writer;
use crate::domain::error_chain::ErrorChain;
use crate::store::Retired;

/// Nobody waits for this: it is not woken by the doorbell.
const HOURLY: Duration = Duration::from_secs(3600);

impl Writer {
    /// Keeps to the retention until told to stop. What could not be forgotten is tried again with the next hour.
    pub(super) async fn keep_retention(&self, stop: &CancellationToken) {
        let mut hours = interval(HOURLY);
        hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hours.tick() => {}
            }
            match self.store.purge_closed(self.settings.hold, stop).await {
                Ok(0) => {}
                Ok(organizations) => tracing::info!(organizations, "closed organizations are deleted"),
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::error!(%error, "a closed organization could not be deleted; it is tried again");
                }
            }
            match self.store.retire(self.settings.retention, stop).await {
                Ok(retired) if retired == Retired::default() => {}
                Ok(Retired { records, deliveries, checks }) => {
                    tracing::info!(
                        records,
                        deliveries,
                        checks,
                        "what was older than the retention is deleted"
                    );
                }
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::error!(%error, "the retention could not be kept; it is tried again");
                }
            }
        }
    }
}
