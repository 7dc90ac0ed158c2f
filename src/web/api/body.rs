//! What a request of a producer holds: one record, an array of them, or one a line; plain or gzip. Every record is
//! read strictly and on its own, so that an error names its place.

use std::fmt;
use std::io::Read;
use std::ops::Range;

use axum::body::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::strict_json;

/// The largest body, and the largest that a compressed one may become.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_RECORDS: usize = 10_000;
/// A record has at most 256 KiB as it is delivered; indented it may be sent as more.
const MOST_TEXT_OF_A_RECORD: usize = 1024 * 1024;

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

    /// The records of a body, in order, each read when it is asked for.
    ///
    /// # Errors
    /// It holds no records, or too many, or can't be taken apart.
    pub(super) fn records(self, body: Bytes) -> Result<Records, BodyError> {
        let plain = if self.gzip { inflate(&body)? } else { body };
        let places = match self.shape {
            Shape::Json => elements(&plain)?,
            Shape::Ndjson => lines(&plain),
        };
        if places.is_empty() || places.len() > MOST_RECORDS {
            return Err(unreadable(None, "send 1 to 10,000 records"));
        }
        Ok(Records { plain, places: places.into_iter().enumerate() })
    }
}

/// The records of a body. Only one at a time is more than text: what a few bytes can grow into stays small.
#[derive(Debug)]
pub(super) struct Records {
    plain: Bytes,
    places: std::iter::Enumerate<std::vec::IntoIter<Range<usize>>>,
}

impl Iterator for Records {
    type Item = Result<Value, BodyError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, place) = self.places.next()?;
        if place.len() > MOST_TEXT_OF_A_RECORD {
            return Some(Err(unreadable(Some(index), "it is larger than 256 KiB")));
        }
        Some(strict_json::read(&self.plain[place]).map_err(|message| unreadable(Some(index), &message)))
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

/// Where each record of a JSON body is. Stops looking after one too many.
fn elements(body: &[u8]) -> Result<Vec<Range<usize>>, BodyError> {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'[') {
        return Ok(std::iter::once(0..body.len()).collect());
    }
    let raw: FirstElements<'_> =
        serde_json::from_slice(body).map_err(|error| unreadable(None, &error.to_string()))?;
    let place = |record: &&RawValue| {
        let start = record.get().as_ptr().addr() - body.as_ptr().addr();
        start..start + record.get().len()
    };
    Ok(raw.0.iter().map(place).collect())
}

/// The elements of an array, up to one more than a request may have.
struct FirstElements<'de>(Vec<&'de RawValue>);

impl<'de> Deserialize<'de> for FirstElements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FirstElements<'de>, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = FirstElements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<FirstElements<'de>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            if elements.len() == MOST_RECORDS {
                return Err(A::Error::custom("there are more than 10,000 records"));
            }
            elements.push(element);
        }
        Ok(FirstElements(elements))
    }
}

/// Where each line that holds something is. Stops looking after one too many.
fn lines(body: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let place = |line: &[u8]| {
        let place = start..start + line.len();
        start = place.end + 1;
        (!line.trim_ascii().is_empty()).then_some(place)
    };
    body.split(|byte| *byte == b'\n').filter_map(place).take(MOST_RECORDS + 1).collect()
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

    fn all(encoding: Encoding, body: impl Into<Bytes>) -> Result<Vec<Value>, BodyError> {
        encoding.records(body.into())?.collect()
    }

    fn read(content_type: &str, body: &str) -> Result<Vec<Value>, BodyError> {
        all(encoding(content_type, "identity").unwrap(), body.to_owned())
    }

    #[test]
    fn one_an_array_and_lines_hold_the_same() {
        let two = [json!({ "a": 1 }), json!({ "a": 2 })];
        assert_eq!(read("application/json", r#" {"a":1} "#).unwrap(), two[..1]);
        assert_eq!(read("application/json; charset=utf-8", r#"[{"a":1}, {"a":2}]"#).unwrap(), two);
        assert_eq!(read("application/x-ndjson", "{\"a\":1}\r\n\n{\"a\":2}\n").unwrap(), two);
        let packed = encoding("application/x-ndjson", "gzip").unwrap();
        assert_eq!(all(packed, gzip(b"{\"a\":1}\n{\"a\":2}")).unwrap(), two);
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
        assert!(matches!(all(invalid, body), Err(BodyError::Unreadable { index: Some(1), .. })));
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let packed = gzip(&vec![b' '; MOST_BYTES + 1]);
        assert!(packed.len() < MOST_BYTES / 100);
        assert_eq!(all(encoding("application/json", "gzip").unwrap(), packed), Err(BodyError::TooLarge));
        let cut = gzip(b"{}").slice(..10);
        assert!(matches!(
            all(encoding("application/json", "gzip").unwrap(), cut),
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
                    let _ = all(encoding, body.clone());
                    let _ = all(encoding, text.clone());
                }
            }
        }
    }
}
