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
use tokio::time::{Instant, timeout};

use super::authentication::bearer;
use super::body::{BodyError, Encoding};
use crate::domain::credential::ProducerToken;
use crate::domain::id::OrganizationId;
use crate::domain::submission::SubmittedRecord;
use crate::metrics::{IngestOutcome, RecordOutcome};
use crate::store::{IngestError, ProducerAccess, StoreError};
use crate::web::Web;
use crate::web::error::WebError;
use crate::web::headers::log_organization;

/// The largest request.
pub(crate) const MOST_BYTES: usize = super::body::MOST_BYTES;
/// KiB of requests that are held at once. What comes on top waits a little, and is then told to come back.
const BUDGET_KIB: usize = 128 * 1024;
const WAIT_FOR_BUDGET: Duration = Duration::from_secs(2);
/// A body that is not here by then is given up: it holds its part of the budget.
const BODY_WITHIN: Duration = Duration::from_secs(20);
/// So many characters of a field's name are in the log.
const LOGGED_OF_A_FIELD: usize = 64;

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
    let (metrics, begun) = (web.metrics.clone(), Instant::now());
    let answer = authenticate_and_store(web, request).await;
    metrics.ingested(outcome(answer.as_ref().err()), begun.elapsed());
    Ok((StatusCode::ACCEPTED, Json(answer?)))
}

/// What a producer sends is theirs to mend: the log says whose it was and where in it, and never what.
async fn authenticate_and_store(web: Web, request: Request) -> Result<Accepted, WebError> {
    let producer = authenticate(&web, request.headers()).await?;
    let name = producer.producer.to_string();
    let stored = store(web, producer, request).await;
    if let Err(refusal) = &stored
        && refusal.status().is_client_error()
    {
        let (status, (index, field)) = (refusal.status().as_u16(), refusal.place());
        // A key that is unknown can be as long as the body.
        let field: Option<String> = field.map(|field| field.chars().take(LOGGED_OF_A_FIELD).collect());
        let field = field.as_deref();
        tracing::info!(producer = name, status, index, field, "a producer's request was refused");
    }
    stored
}

async fn store(web: Web, producer: ProducerAccess, request: Request) -> Result<Accepted, WebError> {
    let encoding = Encoding::of(request.headers()).map_err(unreadable)?;
    let held = web.ingestion.take(request.headers()).await?;
    let received = timeout(BODY_WITHIN, Bytes::from_request(request, &web)).await;
    let body = received.map_err(|_| WebError::TooSlow)?.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        _ => invalid(None, None, "the body broke off"),
    })?;
    web.metrics.ingest_bytes.inc_by(body.len() as u64);
    let access = producer.clone();
    // Reading 16 MiB takes long enough to hold up others on an async thread. The part of the budget goes with it,
    // so that it is held even if the sender hangs up.
    let read = tokio::task::spawn_blocking(move || (read(&access, encoding, body), held));
    let (submitted, held) = read.await.map_err(StoreError::Interrupted)?;
    let submitted = submitted?;
    if let Some(organization) = only_organization(&submitted) {
        log_organization(organization);
    }
    // And while they wait for their commit.
    let stored = tokio::spawn(async move {
        let _held = held;
        let stored = web.store.ingest(producer.producer, submitted).await;
        // Here, because it is stored also where its sender has hung up.
        if let Ok(ingested) = &stored {
            let records = &web.metrics.ingest_records;
            records.of(RecordOutcome::Stored).inc_by(ingested.accepted as u64);
            records.of(RecordOutcome::Duplicate).inc_by(ingested.duplicates as u64);
        }
        stored
    });
    let ingested = stored.await.map_err(StoreError::Interrupted)?.map_err(refused)?;
    Ok(Accepted { accepted: ingested.accepted, duplicates: ingested.duplicates })
}

/// The one that all records are of.
fn only_organization(submitted: &[SubmittedRecord]) -> Option<OrganizationId> {
    let first = submitted.first()?.organization_id();
    submitted.iter().all(|record| record.organization_id() == first).then_some(first)
}

fn outcome(refusal: Option<&WebError>) -> IngestOutcome {
    let Some(refusal) = refusal else { return IngestOutcome::Accepted };
    match refusal.status() {
        StatusCode::UNAUTHORIZED => IngestOutcome::Unauthenticated,
        StatusCode::CONFLICT => IngestOutcome::Conflict,
        StatusCode::TOO_MANY_REQUESTS => IngestOutcome::TooBusy,
        StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            IngestOutcome::Unreadable
        }
        status if status.is_client_error() => IngestOutcome::Invalid,
        _ => IngestOutcome::Failed,
    }
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
