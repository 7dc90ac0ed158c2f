//! Console pages and the HTTP API. A request is parsed into domain values, handed to one store transaction, and
//! answered; AWS is never asked from here. What needs AWS is a row that the writer picks up.

mod access;
mod api;
mod assets;
mod browser;
mod config;
mod device;
mod error;
mod flash;
mod form;
mod headers;
mod health;
mod metrics;
mod pages;
mod password;
mod render;
pub mod route;
mod session;
mod timeline;
mod traffic;
mod trusted_proxies;
mod visitor;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration as CookieAge;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::domain::clock::{Clock, Entropy};
use crate::metrics::WebMetrics;
use crate::store::Store;
use password::PasswordHasher;

pub use config::{Hosts, PublicUrl, PublicUrlError, SignInShortcut, WebConfig};
pub use health::Unready;
pub use metrics::{MetricsAccess, MetricsEndpoint, MetricsSource, MetricsToken, metrics_router};
pub use password::{HashError, hash_new_password};
pub use trusted_proxies::TrustedProxies;

/// A form is small; ingestion has a bound of its own.
const MOST_FORM_BYTES: usize = 64 * 1024;
/// A page is made in far less; ingestion has a bound of its own.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

/// What every handler has at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Web {
    store: Store,
    clock: Clock,
    entropy: Entropy,
    config: Arc<WebConfig>,
    passwords: PasswordHasher,
    ingestion: api::events::IngestionBudget,
    metrics: WebMetrics,
    metrics_endpoint: MetricsEndpoint,
}

impl FromRef<Web> for Store {
    fn from_ref(web: &Web) -> Store {
        web.store.clone()
    }
}

impl Web {
    /// A console over a store, which counts what it answers.
    pub fn new(
        store: Store,
        clock: Clock,
        entropy: Entropy,
        config: WebConfig,
        metrics: WebMetrics,
        metrics_endpoint: MetricsEndpoint,
    ) -> Web {
        Web {
            store,
            clock,
            entropy,
            config: Arc::new(config),
            passwords: PasswordHasher::default(),
            ingestion: api::events::IngestionBudget::default(),
            metrics,
            metrics_endpoint,
        }
    }

    /// Everything that answers HTTP.
    pub fn router(self) -> Router {
        let sessions =
            SessionManagerLayer::new(session::Sessions::new(self.store.clone(), self.clock.clone()))
                .with_name(self.config.public_url.cookie_name("session"))
                .with_secure(self.config.public_url.is_https())
                .with_same_site(SameSite::Lax)
                .with_expiry(Expiry::OnInactivity(CookieAge::seconds(session::IDLE_SECONDS)));
        let csrf = CsrfLayer::new()
            .add_trusted_origin(self.config.public_url.origin())
            .expect("a public URL's origin is an origin");
        let pages = route::router(route::Face::Page, &self)
            .fallback(error::nothing_here)
            .method_not_allowed_fallback(error::wrong_method)
            .layer(DefaultBodyLimit::max(MOST_FORM_BYTES))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PAGE_WITHIN))
            .layer(csrf)
            .layer(from_fn_with_state(self.clone(), error::page_face))
            .layer(from_fn_with_state(self.clone(), visitor::recognise))
            .layer(sessions)
            .layer(from_fn_with_state(self.clone(), headers::secure_cookies))
            .layer(from_fn_with_state(self.clone(), headers::require_host));
        let programs = route::router(route::Face::Problem, &self)
            .route("/v1", any(error::nothing_for_a_program))
            .route("/v1/", any(error::nothing_for_a_program))
            .route("/v1/{*rest}", any(error::nothing_for_a_program))
            .method_not_allowed_fallback(error::wrong_method_of_a_program)
            .layer(DefaultBodyLimit::max(api::events::MOST_BYTES))
            .layer(from_fn(error::problem_face));
        Router::new()
            .merge(programs)
            .merge(assets::router())
            .fallback_service(pages.with_state(self.clone()))
            .layer(CatchPanicLayer::custom(error::panicked))
            .layer(from_fn_with_state(self.clone(), headers::identify_and_protect))
            .layer(from_fn_with_state(self.clone(), traffic::count))
            .with_state(self)
    }
}

/// What a process that only works in the background answers: whether it lives, whether its store does, and what a
/// monitoring system is told.
pub fn background_router(store: Store, metrics: MetricsEndpoint) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(store)
        .merge(metrics_router(metrics))
}
