//! Whether the process lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::domain::error_chain::ErrorChain;
use crate::store::Store;

/// Whoever asks has other processes to ask.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The process answers.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Why a process is not ready, beside the body of the answer that says so: for whoever knows further reasons.
#[derive(Clone, Debug, Default)]
pub struct Unready(pub Vec<String>);

impl IntoResponse for Unready {
    fn into_response(self) -> Response {
        let body = Json(json!({ "status": "unavailable", "reasons": self.0 }));
        let mut answer = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// The store answers too, and can be written. What exactly is the matter with it is in the log.
pub(super) async fn ready(State(store): State<Store>) -> Response {
    let outage = match timeout(ANSWER_WITHIN, store.ping()).await {
        Ok(Ok(())) => return Json(json!({ "status": "ok" })).into_response(),
        Ok(Err(error)) => {
            tracing::error!(error = %ErrorChain(&error), "not ready");
            error.outage()
        }
        Err(_) => {
            tracing::error!("not ready: the store did not answer within {ANSWER_WITHIN:?}");
            None
        }
    };
    let reason = outage.map_or_else(|| "the store does not answer".to_owned(), |outage| outage.to_string());
    Unready(vec![reason]).into_response()
}
