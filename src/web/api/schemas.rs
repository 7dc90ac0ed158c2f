//! The JSON Schema of what is delivered.

use axum::response::{IntoResponse, Response};
use http::header;

/// Published for whoever reads the files; the product's own tests hold every record against it.
pub(super) const AUDIT_RECORD: &str = include_str!("../../../static/schemas/audit-record.v1.json");

pub(crate) async fn audit_record() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], AUDIT_RECORD).into_response()
}
