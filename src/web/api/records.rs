//! `records`: what an organization's audit log holds, exactly as it is delivered, with its place in it.

use std::str::FromStr;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::authentication::{ProgramRequest, QueriedRequest};
use super::listing::ListQuery;
use super::problem::Problem;
use crate::domain::clock::Timestamp;
use crate::domain::id::RecordId;
use crate::domain::sequence::Sequence;
use crate::store::{ListedRecord, RecordsFrom, StoreError};
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct RecordInPath {
    record_id: String,
}

/// A record in its place.
#[derive(Serialize)]
struct PlacedRecord {
    sequence: i64,
    /// When it was stored.
    recorded_at: Timestamp,
    /// Who sent it; none for what Trailpost itself records.
    producer: Option<String>,
    /// As it is delivered.
    record: Box<RawValue>,
}

/// `GET records`: newest first; with `after`, what comes after a sequence, oldest first.
pub(crate) async fn list(QueriedRequest { request, query }: QueriedRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&query, "records", &["after"])?;
    let from = from(&query)?;
    let store = &request.web.store;
    let listed = store.record_page(request.organization_id(), from, query.limit).await?;
    let last = listed.items.last().map(|stored| stored.sequence).filter(|_| listed.has_more);
    let next = last.map(|sequence| match from {
        RecordsFrom::After(_) => format!("after:{sequence}"),
        RecordsFrom::Newest | RecordsFrom::Before(_) => format!("before:{sequence}"),
    });
    let records = listed.items.into_iter().map(placed).collect::<Result<Vec<_>, _>>()?;
    Ok(query.page(records, next))
}

/// `GET records/{record_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<RecordInPath>,
) -> Result<Response, WebError> {
    let id: RecordId = path.record_id.parse().map_err(|_| Problem::not_found())?;
    let found = request.web.store.record(request.organization_id(), id).await?;
    Ok(Json(placed(found.ok_or_else(Problem::not_found)?)?).into_response())
}

/// A sequence, or the place before the first.
struct After(i64);

impl FromStr for After {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<After, &'static str> {
        let sequence = text.parse().ok().filter(|sequence| *sequence >= 0);
        sequence.map(After).ok_or("must be a sequence, or 0 for all records")
    }
}

/// A cursor keeps its direction; `after` begins another.
fn from(query: &ListQuery) -> Result<RecordsFrom, Problem> {
    let after = query.filter::<After>("after")?.map(|After(sequence)| sequence);
    let Some(position) = query.position::<String>()? else {
        return Ok(after.map_or(RecordsFrom::Newest, RecordsFrom::After));
    };
    let (direction, number) = position.split_once(':').unwrap_or_default();
    let sequence = number.parse().ok().and_then(Sequence::new);
    match (direction, sequence, after) {
        ("after", Some(sequence), _) => Ok(RecordsFrom::After(sequence.get())),
        ("before", Some(sequence), None) => Ok(RecordsFrom::Before(sequence.get())),
        _ => Err(Problem::field("cursor", "is not a cursor of this list")),
    }
}

fn placed(stored: ListedRecord) -> Result<PlacedRecord, WebError> {
    let record = RawValue::from_string(stored.line.as_str().to_owned())
        .map_err(|error| StoreError::Corrupt { column: "records.line", reason: error.to_string() })?;
    Ok(PlacedRecord {
        sequence: stored.sequence.get(),
        recorded_at: stored.recorded_at,
        producer: stored.producer,
        record,
    })
}
