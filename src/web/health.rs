//! Whether the process lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::store::Store;

/// Whoever asks has other processes to ask.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The process answers.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The store answers too, and can be written. What exactly is the matter with it is in the log.
pub(super) async fn ready(State(store): State<Store>) -> Response {
    let outage = match timeout(ANSWER_WITHIN, store.ping()).await {
        Ok(Ok(())) => return Json(json!({ "status": "ok" })).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "not ready");
            error.outage()
        }
        Err(_) => {
            tracing::error!("not ready: the store did not answer within {ANSWER_WITHIN:?}");
            None
        }
    };
    let reason = outage.map_or_else(|| "the store does not answer".to_owned(), |outage| outage.to_string());
    let answer = Json(json!({ "status": "unavailable", "reasons": [reason] }));
    (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
}
