//! `POST /v1/events`: records of the products beside which Trailpost runs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::authentication::bearer;
use super::body::{BodyError, Encoding};
use crate::domain::credential::ProducerToken;
use crate::domain::submission::SubmittedRecord;
use crate::store::{IngestError, ProducerAccess, StoreError};
use crate::web::Web;
use crate::web::error::WebError;

/// The largest request.
pub(crate) const MOST_BYTES: usize = super::body::MOST_BYTES;
/// KiB of requests that are held at once. What comes on top waits a little, and is then told to come back.
const BUDGET_KIB: usize = 128 * 1024;
const WAIT_FOR_BUDGET: Duration = Duration::from_secs(2);
/// A body that is not here by then is given up: it holds its part of the budget.
const BODY_WITHIN: Duration = Duration::from_secs(20);

/// What became of the records of a request.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted {
    accepted: usize,
    duplicates: usize,
}

/// The memory that requests of producers share.
#[derive(Clone, Debug)]
pub(crate) struct IngestionBudget(Arc<Semaphore>);

impl Default for IngestionBudget {
    fn default() -> IngestionBudget {
        IngestionBudget(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

impl IngestionBudget {
    /// Takes what a request may need, or tells its sender to come back. A compressed body counts as the most that
    /// it may become.
    async fn take(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, WebError> {
        let length = headers
            .get(header::CONTENT_LENGTH)
            .filter(|_| !headers.contains_key(header::CONTENT_ENCODING))
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok())
            .map_or(MOST_BYTES, |length| length.min(MOST_BYTES));
        let kib = u32::try_from(length.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).acquire_many_owned(kib);
        match timeout(WAIT_FOR_BUDGET, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(WebError::TooBusy),
        }
    }
}

/// Stores one record, an array of them, or one a line: all or none. 202 says that they are durable.
pub(crate) async fn create(
    State(web): State<Web>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), WebError> {
    let producer = authenticate(&web, request.headers()).await?;
    let encoding = Encoding::of(request.headers()).map_err(unreadable)?;
    let held = web.ingestion.take(request.headers()).await?;
    let received = timeout(BODY_WITHIN, Bytes::from_request(request, &web)).await;
    let body = received.map_err(|_| WebError::TooSlow)?.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        _ => invalid(None, None, "the body broke off"),
    })?;
    let access = producer.clone();
    // Reading 16 MiB takes long enough to hold up others on an async thread. The part of the budget goes with it,
    // so that it is held even if the sender hangs up.
    let read = tokio::task::spawn_blocking(move || (read(&access, encoding, body), held));
    let (submitted, held) = read.await.map_err(StoreError::Interrupted)?;
    let submitted = submitted?;
    // And while they wait for their commit.
    let stored = tokio::spawn(async move {
        let _held = held;
        web.store.ingest(producer.producer, submitted).await
    });
    let ingested = stored.await.map_err(StoreError::Interrupted)?.map_err(refused)?;
    let answer = Accepted { accepted: ingested.accepted, duplicates: ingested.duplicates };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn authenticate(web: &Web, headers: &HeaderMap) -> Result<ProducerAccess, WebError> {
    let token: ProducerToken = bearer(headers).parse().map_err(|_| WebError::Unauthenticated)?;
    web.store.producer_access(token.hash()).await?.ok_or(WebError::Unauthenticated)
}

fn read(
    producer: &ProducerAccess,
    encoding: Encoding,
    body: Bytes,
) -> Result<Vec<SubmittedRecord>, WebError> {
    let records = encoding.records(body).map_err(unreadable)?.enumerate();
    records.map(|(index, record)| parse(producer, index, record.map_err(unreadable)?)).collect()
}

fn parse(producer: &ProducerAccess, index: usize, value: Value) -> Result<SubmittedRecord, WebError> {
    let record = SubmittedRecord::parse(value)
        .map_err(|error| invalid(Some(index), Some(error.field), &error.message))?;
    // A token that may not name an organization learns nothing about whether it exists.
    if !producer.scope.allows(record.organization_id()) {
        return Err(unknown_organization(index));
    }
    if let Some(field) = record.reserved() {
        return Err(invalid(Some(index), Some(field.to_owned()), "is reserved for Trailpost itself"));
    }
    Ok(record)
}

fn unreadable(error: BodyError) -> WebError {
    match error {
        BodyError::Unsupported => WebError::UnsupportedMediaType,
        BodyError::TooLarge => WebError::TooLarge,
        BodyError::Unreadable { index, message } => invalid(index, None, &message),
    }
}

fn refused(error: IngestError) -> WebError {
    match error {
        IngestError::UnknownOrganization { index } => unknown_organization(index),
        IngestError::Conflict { index } => WebError::Conflict {
            detail: format!("record {index}: id is that of a stored record with other content"),
            index: Some(index),
        },
        IngestError::Store(error) => error.into(),
    }
}

fn unknown_organization(index: usize) -> WebError {
    invalid(Some(index), Some("organization_id".to_owned()), "is not an organization of this token")
}

fn invalid(index: Option<usize>, field: Option<String>, message: &str) -> WebError {
    let place = match (index, field.as_deref()) {
        (Some(index), Some(field)) if !field.is_empty() => format!("record {index}: {field} "),
        (Some(index), _) => format!("record {index}: "),
        (None, _) => String::new(),
    };
    let field = field.filter(|field| !field.is_empty());
    WebError::Unprocessable { detail: format!("{place}{message}"), index, field }
}
