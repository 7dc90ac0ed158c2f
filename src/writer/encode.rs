//! Encodes a batch's records into the bytes of its file. The same records give the same bytes each time, so every
//! try of a batch writes the same object.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::domain::object_key::{Compression, Format};
use crate::domain::record::RecordLine;

/// Four times as fast as the best level at nearly its ratio, on audit records.
const GZIP_LEVEL: u32 = 4;
const IN_MEMORY: &str = "writing to memory can't fail";

/// A batch being encoded, record by record.
pub(super) struct Encoder {
    format: Format,
    records: u64,
    digest: Sha256,
    sink: Sink,
}

enum Sink {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

/// An encoded batch.
pub(super) struct Encoded {
    /// The file's bytes.
    pub(super) body: Bytes,
    /// SHA-256 of the content before compression.
    pub(super) digest: [u8; 32],
}

/// What so many records of so many bytes come to before compression, in either format.
pub(super) fn content_size(records: u64, bytes: u64) -> u64 {
    bytes + 2 * records + 3
}

impl Encoder {
    /// `size` is that of the content, so that memory for it is taken once.
    pub(super) fn new(format: Format, compression: Compression, size: u64) -> Encoder {
        let sink = match compression {
            Compression::None => Sink::Plain(Vec::with_capacity(usize::try_from(size).unwrap_or_default())),
            // No name and no time in the header: both would differ from try to try.
            Compression::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Sink::Gzip(Box::new(flate2::GzBuilder::new().mtime(0).write(Vec::new(), level)))
            }
        };
        Encoder { format, records: 0, digest: Sha256::new(), sink }
    }

    pub(super) fn push(&mut self, line: &RecordLine) {
        let before: &[u8] = match (self.format, self.records) {
            (Format::Json, 0) => b"[\n",
            (Format::Json, _) => b",\n",
            (Format::Ndjson, _) => b"",
        };
        self.records += 1;
        self.put(before);
        self.put(line.as_str().as_bytes());
        if self.format == Format::Ndjson {
            self.put(b"\n");
        }
    }

    pub(super) fn finish(mut self) -> Encoded {
        if self.format == Format::Json {
            self.put(b"\n]\n");
        }
        let body = match self.sink {
            Sink::Plain(body) => body,
            Sink::Gzip(encoder) => encoder.finish().expect(IN_MEMORY),
        };
        Encoded { body: body.into(), digest: self.digest.finalize().into() }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        match &mut self.sink {
            Sink::Plain(body) => body.extend_from_slice(bytes),
            Sink::Gzip(encoder) => encoder.write_all(bytes).expect(IN_MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn encode(format: Format, compression: Compression) -> Encoded {
        let mut encoder = Encoder::new(format, compression, content_size(2, 20));
        for line in [r#"{"id":"1"}"#, r#"{"id":"2"}"#] {
            encoder.push(&RecordLine::from_stored(line.to_owned()));
        }
        encoder.finish()
    }

    #[test]
    fn json_is_an_array_with_one_record_a_line() {
        let encoded = encode(Format::Json, Compression::None);
        assert_eq!(&encoded.body[..], b"[\n{\"id\":\"1\"},\n{\"id\":\"2\"}\n]\n");
        assert_eq!(encoded.body.len() as u64, content_size(2, 20), "no byte is copied for want of room");
        let parsed: Vec<serde_json::Value> = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(parsed.len(), 2);
    }

    #[test]
    fn ndjson_is_one_record_a_line() {
        let encoded = encode(Format::Ndjson, Compression::None);
        assert_eq!(&encoded.body[..], b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
    }

    #[test]
    fn gzip_holds_the_same_content_and_the_same_bytes_each_time() {
        let plain = encode(Format::Json, Compression::None);
        let gzip = encode(Format::Json, Compression::Gzip);
        assert_eq!(gzip.digest, plain.digest);
        assert_eq!(gzip.body, encode(Format::Json, Compression::Gzip).body);
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut content).unwrap();
        assert_eq!(content, plain.body);
    }
}
