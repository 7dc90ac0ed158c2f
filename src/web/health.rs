//! Whether the process lives, and whether it can serve.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::store::Store;

/// The process answers.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The store answers too. The reason it does not is in the log.
pub(super) async fn ready(State(store): State<Store>) -> Response {
    match store.ping().await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            let answer = Json(json!({ "status": "unavailable", "reasons": ["the store does not answer"] }));
            (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
        }
    }
}
