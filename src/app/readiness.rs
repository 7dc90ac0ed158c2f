//! A process that works in the background is ready only while AWS takes its own identity, and does not deny it the roles
//! of many customers at once: whoever watches `/readyz` hears of it before the customers do.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use http::StatusCode;
use serde_json::json;

use crate::aws::Aws;

/// Answers `/readyz` in place of the router where it would say that all is well, and AWS refuses us.
pub(super) async fn require_our_identity(
    State(aws): State<Arc<Aws>>,
    request: Request,
    next: Next,
) -> Response {
    let asks = request.uri().path() == "/readyz";
    let answer = next.run(request).await;
    let reasons = if asks && answer.status().is_success() { reasons(&aws) } else { Vec::new() };
    if reasons.is_empty() {
        return answer;
    }
    let body = Json(json!({ "status": "unavailable", "reasons": reasons }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

fn reasons(aws: &Aws) -> Vec<String> {
    let refused = aws.refused_since().map(|since| {
        format!("AWS has refused our own identity, what it may do, or our clock, since {since}")
    });
    let denied = aws
        .many_denied_since()
        .map(|since| format!("AWS has denied us the roles of many organizations since {since}"));
    refused.into_iter().chain(denied).collect()
}
