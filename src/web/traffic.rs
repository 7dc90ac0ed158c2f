//! Counts requests: by route, method and status, and how long each took.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tokio::time::Instant;

use super::Web;
use super::route::Face;
use crate::metrics::{Answered, Surface};

/// The label of what reached no route: an address where nothing is, a file, or a request that was turned away before.
const NO_ROUTE: &str = "none";

/// The route that a request reached. It is noted on the way in, so that one that fails or panics there is counted as its.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached(Arc<OnceLock<(&'static str, Surface)>>);

impl Reached {
    /// Notes that `request` has reached this route.
    pub(super) fn note(request: &Request, path: &'static str, face: Face) {
        let surface = match face {
            Face::Page => Surface::Console,
            Face::Problem => Surface::Api,
        };
        if let Some(Reached(reached)) = request.extensions().get() {
            reached.get_or_init(|| (path, surface));
        }
    }

    fn route(&self) -> (&'static str, Surface) {
        self.0.get().copied().unwrap_or((NO_ROUTE, Surface::Other))
    }
}

/// Counts a request once its answer's head is there.
pub(super) async fn count(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let (reached, method, begun) = (Reached::default(), known(request.method()), Instant::now());
    request.extensions_mut().insert(reached.clone());
    let response = next.run(request).await;
    let (route, surface) = reached.route();
    let status = response.status().as_u16();
    web.metrics.answered(Answered { route, method, status, surface, took: begun.elapsed() });
    response
}

/// Clients can make methods up; a label can't.
fn known(method: &Method) -> &'static str {
    let of_http = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let words = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    of_http.iter().zip(words).find(|(one, _)| *one == method).map_or("other", |(_, word)| word)
}
