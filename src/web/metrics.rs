//! `GET /metrics`: what a monitoring system is told, on a listener of its own or behind a token.
//!
//! The gauges of the installation are read from the store when somebody asks, once in 15 seconds at most: however
//! often that is, nobody who appends notices. Where the store does not answer, the rest is told all the same.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::api::authentication::bearer;
use super::api::problem::Problem;
use super::error::{self, WebError};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::days::Days;
use crate::domain::error_chain::ErrorChain;
use crate::domain::failure::Cause;
use crate::domain::integration::Health;
use crate::metrics::{Exposition, Metrics, Within};
use crate::store::{InstallationState, Store};

/// What was read from the store is told again for so long.
const FRESH: Duration = Duration::from_secs(15);
/// Whoever asks waits so long for it: Prometheus itself gives up after 10 seconds by default.
const READ_WITHIN: Duration = Duration::from_secs(5);
const SHORTEST_TOKEN: usize = 16;

/// What a monitoring system presents. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct MetricsToken([u8; 32]);

/// Why a text is no token. It does not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write at least {SHORTEST_TOKEN} letters, digits or signs, without white space, such as `openssl rand -hex 32` gives"
)]
pub struct MetricsTokenError;

impl FromStr for MetricsToken {
    type Err = MetricsTokenError;

    fn from_str(text: &str) -> Result<MetricsToken, MetricsTokenError> {
        let is_token = text.len() >= SHORTEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(MetricsToken(Sha256::digest(text).into())) } else { Err(MetricsTokenError) }
    }
}

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsToken(…)")
    }
}

impl MetricsToken {
    /// Takes as long whatever is presented.
    fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

/// Who may ask on a listener.
#[derive(Clone, Debug)]
pub enum MetricsAccess {
    /// Nobody: there is nothing here.
    Nobody,
    /// Whoever reaches it.
    Anybody,
    /// Whoever presents this.
    Bearer(MetricsToken),
}

/// What is told, and where it comes from. Clones share what was read.
#[derive(Clone, Debug)]
pub struct MetricsSource {
    metrics: Metrics,
    store: Store,
    clock: Clock,
    /// How long records are held that can't be delivered.
    hold: Days,
    /// When the store was read. Whoever reads it holds this.
    read_at: Arc<Mutex<Option<Timestamp>>>,
}

/// What answers on one listener.
#[derive(Clone, Debug)]
pub struct MetricsEndpoint {
    /// Who may ask.
    pub access: MetricsAccess,
    /// What is told.
    pub source: MetricsSource,
}

impl MetricsSource {
    /// What these metrics tell, with the gauges of the installation in this store.
    pub fn new(metrics: Metrics, store: Store, clock: Clock, hold: Days) -> MetricsSource {
        MetricsSource { metrics, store, clock, hold, read_at: Arc::default() }
    }

    /// Reads the gauges of the installation, unless they are fresh. A clock that ran back makes nothing fresh.
    async fn refresh(&self) {
        let mut read_at = self.read_at.lock().await;
        let now = self.clock.now();
        if read_at.is_some_and(|read_at| read_at <= now && now.since(read_at) < FRESH) {
            return;
        }
        // Also after a failure: a store in trouble is not asked by every scrape.
        *read_at = Some(now);
        match timeout(READ_WITHIN, self.store.installation_state(self.hold)).await {
            Ok(Ok(state)) => self.tell(&state, now),
            Ok(Err(error)) => {
                self.metrics.installation.read_failures.inc();
                tracing::error!(error = %ErrorChain(&error), "the gauges of the installation could not be read");
            }
            Err(_) => {
                self.metrics.installation.read_failures.inc();
                tracing::error!("the gauges of the installation could not be read within {READ_WITHIN:?}");
            }
        }
    }

    fn tell(&self, state: &InstallationState, now: Timestamp) {
        let InstallationState { overview, .. } = state;
        let gauges = &self.metrics.installation;
        gauges.pending_records.set(whole(overview.pending_records));
        gauges.pending_bytes.set(whole(overview.pending_bytes));
        gauges.at_risk_records.of(Within::Day).set(whole(state.at_risk_in_a_day));
        gauges.at_risk_records.of(Within::Week).set(whole(state.at_risk_in_a_week));
        gauges.closing.set(whole(overview.closing));
        gauges.open_checks.set(whole(overview.open_checks));
        for (situation, count) in &overview.situations {
            gauges.situations.of(*situation).set(whole(*count));
        }
        for health in Health::ALL {
            gauges.healths.of(health).set(whole(sum(&state.healths, health)));
            gauges.undelivered_batches.of(health).set(whole(sum(&state.undelivered_batches, health)));
            let oldest = overview.oldest_pending_by_health.iter().find(|(one, _)| *one == health);
            gauges.set_oldest_pending_age(health, oldest.map_or(Duration::ZERO, |(_, at)| now.since(*at)));
        }
        for cause in Cause::ALL {
            gauges.failing.of(cause).set(whole(sum(&state.failing, cause)));
        }
        gauges.set_read(self.clock.wall());
        if let Some((ours, theirs)) = state.clocks {
            gauges.set_clock_skew(ours, theirs);
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn sum<W: PartialEq>(counted: &[(W, u64)], word: W) -> u64 {
    counted.iter().filter(|(one, _)| *one == word).map(|(_, count)| count).sum()
}

impl FromRef<super::Web> for MetricsEndpoint {
    fn from_ref(web: &super::Web) -> MetricsEndpoint {
        web.metrics_endpoint.clone()
    }
}

/// Tells everything, to whoever may ask.
pub(super) async fn show(
    State(endpoint): State<MetricsEndpoint>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    match &endpoint.access {
        MetricsAccess::Nobody => return Err(Problem::not_found().into()),
        MetricsAccess::Bearer(token) if !token.is(bearer(&headers)) => {
            return Err(Problem::metrics_token_needed().into());
        }
        MetricsAccess::Anybody | MetricsAccess::Bearer(_) => {}
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let exposition = Exposition::accepted(accept);
    endpoint.source.refresh().await;
    let text = endpoint.source.metrics.expose(exposition)?;
    let headers = [(header::CONTENT_TYPE, exposition.content_type()), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

/// What answers on a listener of its own: `/metrics`, and nothing else.
pub fn metrics_router(endpoint: MetricsEndpoint) -> Router {
    Router::new().route("/metrics", get(show)).layer(from_fn(error::problem_face)).with_state(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_and_never_shown() {
        let token: MetricsToken = "0123456789abcdef".parse().unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdeg") && !token.is(""));
        assert!(!format!("{token:?}").contains("0123"));
        for wrong in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdeé"] {
            assert_eq!(wrong.parse::<MetricsToken>(), Err(MetricsTokenError), "{wrong}");
        }
    }
}
