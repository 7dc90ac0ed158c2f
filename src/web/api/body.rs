//! What a request of a producer holds: one record, an array of them, or one a line; plain or gzip. Every record is
//! read strictly and on its own, so that an error names its place.

use std::io::Read;

use axum::body::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::strict_json::StrictJson;

/// The largest body, and the largest that a compressed one may become.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_RECORDS: usize = 10_000;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// A content type or encoding that is not one of ours.
    Unsupported,
    /// It is, or becomes, larger than [`MOST_BYTES`].
    TooLarge,
    /// It can't be read; at which record, if that is known.
    Unreadable { index: Option<usize>, message: String },
}

/// How a body holds its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One record, or an array of them.
    Json,
    /// One record a line.
    Ndjson,
}

/// How a body is encoded, as its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    shape: Shape,
    gzip: bool,
}

impl Encoding {
    /// Reads Content-Type and Content-Encoding.
    ///
    /// # Errors
    /// One of them is not one of ours.
    pub(super) fn of(headers: &HeaderMap) -> Result<Encoding, BodyError> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
        let shape = match media_type.to_ascii_lowercase().as_str() {
            "application/json" => Shape::Json,
            "application/x-ndjson" => Shape::Ndjson,
            _ => return Err(BodyError::Unsupported),
        };
        let gzip = match text(header::CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
            "" | "identity" => false,
            "gzip" => true,
            _ => return Err(BodyError::Unsupported),
        };
        Ok(Encoding { shape, gzip })
    }

    /// The records of a body, in order.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(super) fn records(self, body: Bytes) -> Result<Vec<Value>, BodyError> {
        let plain = if self.gzip { inflate(&body)? } else { body };
        let raw = match self.shape {
            Shape::Json => elements(&plain)?,
            Shape::Ndjson => lines(&plain),
        };
        if raw.is_empty() || raw.len() > MOST_RECORDS {
            return Err(unreadable(None, "send 1 to 10,000 records"));
        }
        raw.iter().enumerate().map(|(index, record)| strict(index, record)).collect()
    }
}

/// Stops at the bound: a small body that would become a huge one is refused, not unpacked.
fn inflate(body: &[u8]) -> Result<Bytes, BodyError> {
    let mut plain = Vec::new();
    let bound = MOST_BYTES as u64 + 1;
    MultiGzDecoder::new(body)
        .take(bound)
        .read_to_end(&mut plain)
        .map_err(|_| unreadable(None, "the body is not gzip, or broke off"))?;
    if plain.len() > MOST_BYTES { Err(BodyError::TooLarge) } else { Ok(plain.into()) }
}

/// The text of each record, not yet read.
fn elements(body: &[u8]) -> Result<Vec<&[u8]>, BodyError> {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'[') {
        return Ok(vec![body]);
    }
    let raw: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| unreadable(None, &error.to_string()))?;
    Ok(raw.into_iter().map(|record| record.get().as_bytes()).collect())
}

fn lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect()
}

fn strict(index: usize, record: &[u8]) -> Result<Value, BodyError> {
    serde_json::from_slice(record)
        .map(|StrictJson(value)| value)
        .map_err(|error| unreadable(Some(index), &error.to_string()))
}

fn unreadable(index: Option<usize>, message: &str) -> BodyError {
    BodyError::Unreadable { index, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn encoding(content_type: &str, content_encoding: &str) -> Result<Encoding, BodyError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        headers.insert(header::CONTENT_ENCODING, content_encoding.parse().unwrap());
        Encoding::of(&headers)
    }

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn read(content_type: &str, body: &str) -> Result<Vec<Value>, BodyError> {
        encoding(content_type, "identity").unwrap().records(Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn one_an_array_and_lines_hold_the_same() {
        let two = [json!({ "a": 1 }), json!({ "a": 2 })];
        assert_eq!(read("application/json", r#" {"a":1} "#).unwrap(), two[..1]);
        assert_eq!(read("application/json; charset=utf-8", r#"[{"a":1}, {"a":2}]"#).unwrap(), two);
        assert_eq!(read("application/x-ndjson", "{\"a\":1}\r\n\n{\"a\":2}\n").unwrap(), two);
        let packed = encoding("application/x-ndjson", "gzip").unwrap();
        assert_eq!(packed.records(gzip(b"{\"a\":1}\n{\"a\":2}")).unwrap(), two);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let index_of = |content_type: &str, body: &str| match read(content_type, body) {
            Err(BodyError::Unreadable { index, .. }) => index,
            other => panic!("{body}: {other:?}"),
        };
        assert_eq!(index_of("application/json", r#"[{"a":1},{"a":1,"a":2}]"#), Some(1));
        assert_eq!(index_of("application/x-ndjson", "{}\n{\"a\":\"\\ud800\"}"), Some(1));
        assert_eq!(index_of("application/x-ndjson", "{}\n{}\n{]"), Some(2));
        assert_eq!(index_of("application/json", "[]"), None);
        assert_eq!(index_of("application/json", ""), Some(0));
        assert_eq!(index_of("application/json", &format!("[{}]", vec!["{}"; 10_001].join(","))), None);
        assert_eq!(index_of("application/json", &"[".repeat(200_000)), None);
        assert_eq!(index_of("application/x-ndjson", &"{\"a\":".repeat(200_000)), Some(0));
        let invalid = encoding("application/x-ndjson", "identity").unwrap();
        let body = Bytes::from_static(b"{}\n{\"a\":\"\xff\"}");
        assert!(matches!(invalid.records(body), Err(BodyError::Unreadable { index: Some(1), .. })));
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let packed = gzip(&vec![b' '; MOST_BYTES + 1]);
        assert!(packed.len() < MOST_BYTES / 100);
        assert_eq!(encoding("application/json", "gzip").unwrap().records(packed), Err(BodyError::TooLarge));
        let cut = gzip(b"{}").slice(..10);
        assert!(matches!(
            encoding("application/json", "gzip").unwrap().records(cut),
            Err(BodyError::Unreadable { .. })
        ));
    }

    #[test]
    fn other_types_and_encodings_are_not_ours() {
        assert_eq!(encoding("text/plain", "identity"), Err(BodyError::Unsupported));
        assert_eq!(encoding("application/json", "br"), Err(BodyError::Unsupported));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{},:"a0 \n]{0,60}"#) {
            for content_type in ["application/json", "application/x-ndjson"] {
                for content_encoding in ["identity", "gzip"] {
                    let encoding = encoding(content_type, content_encoding).unwrap();
                    let _ = encoding.records(Bytes::from(body.clone()));
                    let _ = encoding.records(Bytes::from(text.clone()));
                }
            }
        }
    }
}
