//! `deliveries`: the files that records were delivered in, and those that are to be.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::{ProgramRequest, QueriedRequest};
use super::failure::plain_failure;
use super::integration::refused;
use super::listing::ListQuery;
use super::object::OptionalObject;
use super::problem::Problem;
use crate::domain::id::BatchId;
use crate::domain::sequence::Sequence;
use crate::store::{BatchState, DeliveryAttempt, DeliveryRow, HistoryCursor, Landing};
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct DeliveryInPath {
    delivery_id: String,
}

/// `GET deliveries`: newest first.
pub(crate) async fn list(QueriedRequest { request, query }: QueriedRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&query, "deliveries", &[])?;
    let from = match query.position::<i64>()?.map(Sequence::new) {
        None => HistoryCursor::Newest,
        Some(before) => HistoryCursor::Before(before.ok_or_else(|| Problem::field("cursor", "is not one"))?),
    };
    let store = &request.web.store;
    let page = store.delivery_history(request.organization_id(), from, query.limit).await?;
    let last = page.rows.last().map(|row| row.first).filter(|_| page.older.is_some());
    Ok(query.page(page.rows.iter().map(summary).collect(), last))
}

/// `GET deliveries/{delivery_id}`: with its newest attempts.
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<DeliveryInPath>,
) -> Result<Response, WebError> {
    let id: BatchId = path.delivery_id.parse().map_err(|_| Problem::not_found())?;
    let found = request.web.store.delivery(request.organization_id(), id).await?;
    let row = found.ok_or_else(Problem::not_found)?;
    let mut delivery = summary(&row);
    delivery["attempts"] = row.attempts.iter().map(|tried| attempt(&row, tried)).collect();
    Ok(Json(delivery).into_response())
}

/// `POST deliveries`: what is pending is delivered now, without waiting for its window's end.
pub(crate) async fn create(
    request: ProgramRequest,
    OptionalObject(object): OptionalObject,
) -> Result<Response, WebError> {
    object.finish()?;
    let (store, organization) = (&request.web.store, request.organization_id());
    let asked = store.deliver_now(request.caller(), organization, None).await.map_err(refused)?;
    let pending = store.delivery_status(organization).await?.pending_records;
    let body = Json(json!({ "pending_records": pending }));
    if !asked {
        return Ok((StatusCode::OK, body).into_response());
    }
    let location = [(header::LOCATION, request.href("deliveries"))];
    Ok((StatusCode::ACCEPTED, location, body).into_response())
}

fn summary(row: &DeliveryRow) -> Value {
    json!({
        "id": row.id,
        "state": state(row.state),
        "window": {
            "start": row.window.start(),
            "end": row.window.end(),
        },
        "first_sequence": row.first.get(),
        "last_sequence": row.last.get(),
        "records": row.records,
        "bytes": row.bytes,
        "bucket": row.bucket,
        "object_key": row.object_key,
        "finished_at": row.finished_at,
        "landing": landing(row.landing()),
        "stray": landing(row.strays()),
        "attempt_count": row.attempt_count,
    })
}

fn attempt(row: &DeliveryRow, tried: &DeliveryAttempt) -> Value {
    let result = match (&tried.failure, tried.finished_at) {
        (Some(_), _) => "failed",
        (None, None) => "unknown",
        (None, Some(_)) if tried.already_there => "already_there",
        (None, Some(_)) => "written",
    };
    json!({
        "result": result,
        "started_at": tried.started_at,
        "finished_at": tried.finished_at,
        "bucket": tried.bucket,
        "object_key": tried.object_key,
        "request_id": tried.request_id,
        "failure": tried.failure.as_ref().map(plain_failure),
        "stray": landing(row.stray(tried)),
    })
}

fn state(state: BatchState) -> &'static str {
    match state {
        BatchState::Sealed => "sealed",
        BatchState::Delivered => "delivered",
        BatchState::Discarded => "discarded",
        BatchState::Expired => "expired",
    }
}

/// Whether a file is there.
fn landing(landing: Landing) -> &'static str {
    match landing {
        Landing::No => "no",
        Landing::Maybe => "maybe",
        Landing::Yes => "yes",
    }
}
