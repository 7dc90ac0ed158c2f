//! Stored objects and pages as S3's answers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    ChecksumType, CommonPrefix, ETag, EncodingType, GetObjectOutput, HeadObjectOutput, Object,
    ObjectStorageClass, PutObjectOutput, ServerSideEncryption, StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3Result, s3_error};

use super::account::LoadedBucket;
use super::listing::Page;
use super::object_files::{Attributes, StoredObject};

const READ_BYTES: usize = 256 * 1024;

pub(super) fn put_output(stored: &StoredObject) -> PutObjectOutput {
    let checksum = |name: &str| stored.checksums.get(name).cloned();
    PutObjectOutput {
        e_tag: Some(ETag::Strong(stored.etag.clone())),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: Some(full_object()),
        server_side_encryption: Some(encryption(&stored.attributes)),
        ssekms_key_id: stored.attributes.kms_key_id.clone(),
        ..PutObjectOutput::default()
    }
}

pub(super) fn head_output(stored: StoredObject, with_checksums: bool) -> HeadObjectOutput {
    let checksums = if with_checksums { stored.checksums } else { BTreeMap::new() };
    let checksum = |name: &str| checksums.get(name).cloned();
    HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        checksum_crc32: checksum("crc32"),
        checksum_crc32c: checksum("crc32c"),
        checksum_crc64nvme: checksum("crc64nvme"),
        checksum_sha1: checksum("sha1"),
        checksum_sha256: checksum("sha256"),
        checksum_type: with_checksums.then(full_object),
        content_length: i64::try_from(stored.size).ok(),
        e_tag: Some(ETag::Strong(stored.etag)),
        last_modified: Some(timestamp(stored.last_modified_ms)),
        server_side_encryption: Some(encryption(&stored.attributes)),
        content_type: Some(content_type(&stored.attributes)),
        content_encoding: stored.attributes.content_encoding,
        content_disposition: stored.attributes.content_disposition,
        cache_control: stored.attributes.cache_control,
        ssekms_key_id: stored.attributes.kms_key_id,
        metadata: Some(stored.attributes.metadata.into_iter().collect()),
        ..HeadObjectOutput::default()
    }
}

/// A part of an object carries no checksums: they are of the whole.
pub(super) fn get_output(
    stored: StoredObject,
    file: File,
    wanted: Option<Range<u64>>,
    with_checksums: bool,
) -> S3Result<GetObjectOutput> {
    let size = stored.size;
    let range = wanted.clone().unwrap_or(0..size);
    let body = read_range(file, range.clone()).map_err(S3Error::internal_error)?;
    let head = head_output(stored, with_checksums && wanted.is_none());
    Ok(GetObjectOutput {
        body: Some(StreamingBlob::wrap(body)),
        accept_ranges: head.accept_ranges,
        checksum_crc32: head.checksum_crc32,
        checksum_crc32c: head.checksum_crc32c,
        checksum_crc64nvme: head.checksum_crc64nvme,
        checksum_sha1: head.checksum_sha1,
        checksum_sha256: head.checksum_sha256,
        checksum_type: head.checksum_type,
        content_length: i64::try_from(range.end - range.start).ok(),
        content_range: wanted
            .map(|range| format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))),
        content_type: head.content_type,
        content_encoding: head.content_encoding,
        content_disposition: head.content_disposition,
        cache_control: head.cache_control,
        e_tag: head.e_tag,
        last_modified: head.last_modified,
        server_side_encryption: head.server_side_encryption,
        ssekms_key_id: head.ssekms_key_id,
        metadata: head.metadata,
        ..GetObjectOutput::default()
    })
}

pub(super) fn contents(page: Page, name: fn(&str) -> String) -> Vec<Object> {
    let objects = page.objects.into_iter().map(|stored| Object {
        key: Some(name(&stored.key)),
        size: i64::try_from(stored.size).ok(),
        e_tag: Some(ETag::Strong(stored.etag)),
        last_modified: Some(timestamp(stored.last_modified_ms)),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Object::default()
    });
    objects.collect()
}

pub(super) fn common_prefixes(page: &Page, name: fn(&str) -> String) -> Vec<CommonPrefix> {
    page.common_prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(name(prefix)) }).collect()
}

/// With `encoding-type=url` names are percent-encoded, as XML can't carry every character.
pub(super) fn encoder(encoding: Option<&EncodingType>) -> fn(&str) -> String {
    if encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL) {
        percent_encode
    } else {
        str::to_owned
    }
}

fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// A continuation token is the Base64 of the last entry of the page before.
pub(super) fn read_token(token: &str) -> S3Result<String> {
    let bytes = aws_smithy_types::base64::decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

pub(super) fn region_header(bucket: &LoadedBucket) -> HeaderMap {
    let value = HeaderValue::from_str(&bucket.region).ok();
    value.map(|value| ("x-amz-bucket-region", value)).into_iter().fold(
        HeaderMap::new(),
        |mut headers, (name, value)| {
            headers.insert(name, value);
            headers
        },
    )
}

pub(super) fn timestamp(ms: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}

fn full_object() -> ChecksumType {
    ChecksumType::from_static(ChecksumType::FULL_OBJECT)
}

fn content_type(attributes: &Attributes) -> String {
    attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}

/// S3 encrypts every object, by its own keys if nothing else was asked for.
fn encryption(attributes: &Attributes) -> ServerSideEncryption {
    ServerSideEncryption::from(attributes.encryption.clone().unwrap_or_else(|| "AES256".to_owned()))
}

/// The bytes of a range, read piece by piece on the threads for blocking work.
fn read_range(
    mut file: File,
    range: Range<u64>,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + use<>> {
    file.seek(SeekFrom::Start(range.start))?;
    let whole = file.take(range.end - range.start);
    Ok(futures::stream::try_unfold(whole, |file| async move {
        let read = tokio::task::spawn_blocking(move || read_piece(file)).await;
        read.map_err(io::Error::other)?
    }))
}

fn read_piece(mut file: io::Take<File>) -> io::Result<Option<(Bytes, io::Take<File>)>> {
    let mut piece = vec![0; usize::try_from(file.limit()).unwrap_or(READ_BYTES).min(READ_BYTES)];
    let read = file.read(&mut piece)?;
    piece.truncate(read);
    Ok((read > 0).then(|| (Bytes::from(piece), file)))
}
