//! A process that works in the background is ready only while AWS takes its own identity, and does not deny it the roles
//! of many customers at once: whoever watches `/readyz` or `/metrics` hears of it before the customers do.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::aws::Aws;
use crate::web::Unready;

/// Adds to the answer of `/readyz` why AWS refuses us, where it does, and has `/metrics` tell whether it does.
pub(super) async fn tell_of_our_identity(
    State(aws): State<Arc<Aws>>,
    request: Request,
    next: Next,
) -> Response {
    let asks_for_readiness = request.uri().path() == "/readyz";
    if request.uri().path() == "/metrics" {
        aws.tell_own_identity();
    }
    let answer = next.run(request).await;
    let refusals = if asks_for_readiness { refusals(&aws) } else { Vec::new() };
    if refusals.is_empty() {
        return answer;
    }
    let Unready(reasons) = answer.extensions().get().cloned().unwrap_or_default();
    Unready([reasons, refusals].concat()).into_response()
}

fn refusals(aws: &Aws) -> Vec<String> {
    let refused = aws.refused_since().map(|since| {
        format!("AWS has refused our own identity, what it may do, or our clock, since {since}")
    });
    let denied = aws
        .many_denied_since()
        .map(|since| format!("AWS has denied us the roles of many organizations since {since}"));
    refused.into_iter().chain(denied).collect()
}
