//! Files of records: what Activity shows, what is pending, what one delivery holds. A file is written while it is read
//! from the store, portion by portion and not faster than the browser takes it; whoever goes away ends it.

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use futures::stream::try_unfold;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tracing::{Instrument as _, Span};

use super::href;
use crate::domain::activity::TypedFilter;
use crate::domain::error_chain::ErrorChain;
use crate::domain::export::{ExportFormat, ExportScope, ExportedRecord};
use crate::store::{ActivityRecord, Export, ExportRefused, Store, StoreError};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};

#[derive(Debug, Deserialize)]
pub(crate) struct ExportPost {
    #[serde(flatten)]
    filter: TypedFilter,
    format: String,
}

#[derive(Deserialize)]
pub(crate) struct BatchInPath {
    batch_id: String,
}

/// What is looked for, as a file.
pub(crate) async fn create(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<ExportPost>,
) -> Result<Response, WebError> {
    let format: ExportFormat = post.format.parse().map_err(|_| WebError::BadForm)?;
    let filter = post.filter.parse().map_err(|_| WebError::BadForm)?;
    file(&request, ExportScope::Filter(filter), format).await
}

/// What is still to be delivered.
pub(crate) async fn pending(
    request: MemberRequest,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    match file(&request, ExportScope::Pending, ExportFormat::Ndjson).await {
        Err(WebError::NotFound) => {
            request.leave_flash(Sentence::NothingWaits);
            Ok(Redirect::to(&href(&request.member)).into_response())
        }
        answer => answer,
    }
}

/// What one file holds, or would have held.
pub(crate) async fn delivery(
    request: MemberRequest,
    Path(path): Path<BatchInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let batch = path.batch_id.parse().map_err(|_| WebError::NotFound)?;
    file(&request, ExportScope::Delivery(batch), ExportFormat::Ndjson).await
}

async fn file(
    request: &MemberRequest,
    scope: ExportScope,
    format: ExportFormat,
) -> Result<Response, WebError> {
    let store = &request.web.store;
    let (user, organization) = (request.member.user.id, request.organization_id());
    let begun = store.begin_export(request.caller(), user, organization, scope, format).await;
    let export = begun.map_err(|refused| match refused {
        ExportRefused::NotAnOwner => WebError::Forbidden { owners: Vec::new() },
        ExportRefused::Nothing => WebError::NotFound,
        ExportRefused::Store(error) => error.into(),
    })?;
    Ok((headers(&export, format), body(store.clone(), export, format)).into_response())
}

fn headers(export: &Export, format: ExportFormat) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let disposition = format!("attachment; filename=\"{}\"", export.file_name);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers
}

/// What fails on the way breaks the file off, so that nobody takes a part for the whole.
fn body(store: Store, export: Export, format: ExportFormat) -> Body {
    let head = format.head();
    // The body is sent when the request's own span is over.
    let request = Span::current();
    Body::from_stream(try_unfold((Some(export), head), move |(left, head)| {
        let store = store.clone();
        async move {
            let Some(export) = left else { return Ok(None) };
            let (records, left) = store.continue_export(export).await.inspect_err(broken_off)?;
            Ok::<_, StoreError>(Some((Bytes::from(written(head, &records, format)), (left, String::new()))))
        }
        .instrument(request.clone())
    }))
}

fn broken_off(error: &StoreError) {
    tracing::error!(error = %ErrorChain(error), "an export is broken off");
}

fn written(mut file: String, records: &[ActivityRecord], format: ExportFormat) -> String {
    for record in records {
        format.write(
            &mut file,
            ExportedRecord {
                sequence: record.sequence,
                recorded_at: record.recorded_at,
                producer: record.producer.as_deref(),
                line: &record.line,
                facts: record.facts.as_ref(),
            },
        );
    }
    file
}
