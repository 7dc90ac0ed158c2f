//! `POST /v1/events`: records of the products beside which Trailpost runs.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::domain::credential::ProducerToken;
use crate::domain::strict_json::StrictJson;
use crate::domain::submission::SubmittedRecord;
use crate::store::{IngestError, ProducerAccess};
use crate::web::Web;
use crate::web::error::WebError;

/// The largest request.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_RECORDS: usize = 10_000;

/// What became of the records of a request.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted {
    accepted: usize,
    duplicates: usize,
}

/// Stores one record or an array of them, all or none. 202 says that they are durable.
pub(crate) async fn create(
    State(web): State<Web>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), WebError> {
    let producer = authenticate(&web, request.headers()).await?;
    require_json(request.headers())?;
    require_plain(request.headers())?;
    let body = Bytes::from_request(request, &web).await.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        _ => invalid(None, None, "the body broke off"),
    })?;
    let StrictJson(value) =
        serde_json::from_slice(&body).map_err(|error| invalid(None, None, &error.to_string()))?;
    let records = match value {
        Value::Array(records) => records,
        record => vec![record],
    };
    if records.is_empty() || records.len() > MOST_RECORDS {
        return Err(invalid(None, None, "send 1 to 10,000 records"));
    }
    let submitted = records
        .into_iter()
        .enumerate()
        .map(|(index, record)| parse(&producer, index, record))
        .collect::<Result<Vec<_>, _>>()?;
    let ingested = web.store.ingest(producer.producer, submitted).await.map_err(refused)?;
    let answer = Accepted { accepted: ingested.accepted, duplicates: ingested.duplicates };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn authenticate(web: &Web, headers: &HeaderMap) -> Result<ProducerAccess, WebError> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let token: ProducerToken = bearer.unwrap_or_default().parse().map_err(|_| WebError::Unauthenticated)?;
    web.store.producer_access(token.hash()).await?.ok_or(WebError::Unauthenticated)
}

fn require_json(headers: &HeaderMap) -> Result<(), WebError> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if media_type.trim().eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(WebError::UnsupportedMediaType)
    }
}

/// A compressed body would be read as broken JSON.
fn require_plain(headers: &HeaderMap) -> Result<(), WebError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(WebError::UnsupportedMediaType),
    }
}

fn parse(producer: &ProducerAccess, index: usize, value: Value) -> Result<SubmittedRecord, WebError> {
    let record = SubmittedRecord::parse(value)
        .map_err(|error| invalid(Some(index), Some(error.field), &error.message))?;
    // A token that may not name an organization learns nothing about whether it exists.
    if !producer.scope.allows(record.organization_id()) {
        return Err(unknown_organization(index));
    }
    if record.is_reserved() {
        let field = Some("event".to_owned());
        return Err(invalid(Some(index), field, "is recorded by Trailpost alone"));
    }
    Ok(record)
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
        (Some(index), _) => format!("record {index}: it "),
        (None, _) => String::new(),
    };
    let field = field.filter(|field| !field.is_empty());
    WebError::Unprocessable { detail: format!("{place}{message}"), index, field }
}
