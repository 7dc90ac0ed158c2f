//! PutObject: a body received, checked against what its client said of it, and committed.
//!
//! Nothing becomes an object before its last byte, its signature, its checksums and its
//! Content-MD5 are right. Headers that the sandbox would have to ignore are refused first.

use std::sync::Arc;

use futures::StreamExt;
use http::HeaderMap;
use s3s::dto::{Metadata, PutObjectInput, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, TrailingHeaders, s3_error};

use super::account::Accounts;
use super::encryption::ObjectEncryption;
use super::object_files::{Attributes, ObjectFiles, PutRule, StoredObject};
use super::s3::{on_files, refuse_if};
use super::upload::{BadClaim, Claims, ReceivedBody};

const CHECKSUM_HEADER: &str = "x-amz-checksum-";

/// Puts an object whose caller has been let in.
pub(super) async fn put(
    accounts: &Accounts,
    files: &Arc<ObjectFiles>,
    request: S3Request<PutObjectInput>,
) -> S3Result<StoredObject> {
    let rule = put_rule(&request.input)?;
    refuse_unsupported(&request)?;
    refuse_unchecked(accounts, &request)?;
    let encryption = request.extensions.get::<ObjectEncryption>().cloned();
    let written_by = request.credentials.map(|credentials| credentials.access_key);
    let headers = request.headers;
    let attributes = attributes(&headers, encryption, written_by, request.input.metadata);
    let (bucket, key) = (request.input.bucket, request.input.key);
    let body = request.input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
    let received = receive(files, &bucket, body, &headers, request.trailing_headers).await?;
    let now_ms = accounts.now_ms();
    let commit = move |files: &ObjectFiles| files.commit(&bucket, &key, received, attributes, now_ms, rule);
    on_files(files, commit).await
}

async fn receive(
    files: &Arc<ObjectFiles>,
    bucket: &str,
    mut body: StreamingBlob,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
) -> S3Result<ReceivedBody> {
    let mut claims = claims(headers);
    let mut expected: Vec<String> = claims.checksums.keys().cloned().collect();
    let trailer = headers.get("x-amz-trailer").and_then(|name| name.to_str().ok());
    expected.extend(trailer.and_then(|name| name.strip_prefix(CHECKSUM_HEADER)).map(str::to_owned));
    let bucket = bucket.to_owned();
    let mut upload = on_files(files, move |files| files.receive(&bucket)).await?;
    upload.expect(expected.iter().map(String::as_str));
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| bad_body(&*error))?;
        let written = tokio::task::spawn_blocking(move || upload.write(&chunk).map(|()| upload)).await;
        upload = written.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)?;
    }
    if let Some(trailers) = trailers.and_then(|trailers| trailers.take()) {
        claims.checksums.extend(checksum_claims(&trailers));
    }
    upload.finish(&claims).map_err(bad_claim)
}

fn put_rule(input: &PutObjectInput) -> S3Result<PutRule> {
    match &input.if_none_match {
        None => Ok(PutRule::Replace),
        Some(condition) if condition.is_any() => Ok(PutRule::OnlyIfAbsent),
        Some(_) => Err(s3_error!(NotImplemented)),
    }
}

fn refuse_unsupported(request: &S3Request<PutObjectInput>) -> S3Result<()> {
    let input = &request.input;
    // New buckets have ACLs disabled; only the one that says nothing new is let through.
    if input.acl.as_ref().is_some_and(|acl| acl.as_str() != "bucket-owner-full-control") {
        let code = S3ErrorCode::AccessControlListNotSupported;
        return Err(S3Error::with_message(code, "The bucket does not allow ACLs"));
    }
    let prefixes = ["x-amz-object-lock-", "x-amz-grant-", "x-amz-server-side-encryption-customer-"];
    let unsupported = |name: &str| {
        prefixes.iter().any(|prefix| name.starts_with(prefix))
            || matches!(
                name,
                "if-match" | "x-amz-tagging" | "x-amz-website-redirect-location" | "x-amz-write-offset-bytes"
            )
    };
    refuse_if(request.headers.keys().any(|name| unsupported(name.as_str())))
}

/// What a bucket retains must be what its client meant (S3 user guide, "Object Lock considerations").
fn refuse_unchecked(accounts: &Accounts, request: &S3Request<PutObjectInput>) -> S3Result<()> {
    let locks = accounts.bucket(&request.input.bucket).is_some_and(|bucket| bucket.object_lock);
    let headers = &request.headers;
    let in_trailer = headers
        .get("x-amz-trailer")
        .is_some_and(|name| name.as_bytes().starts_with(CHECKSUM_HEADER.as_bytes()));
    if !locks
        || in_trailer
        || headers.contains_key("content-md5")
        || checksum_claims(headers).next().is_some()
    {
        return Ok(());
    }
    Err(s3_error!(
        InvalidRequest,
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
    ))
}

fn attributes(
    headers: &HeaderMap,
    encryption: Option<ObjectEncryption>,
    written_by: Option<String>,
    metadata: Option<Metadata>,
) -> Attributes {
    let (algorithm, key) = encryption.map(|encryption| (encryption.algorithm, encryption.key)).unzip();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let coding = text("content-encoding").map(|codings| {
        let kept = codings.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked");
        kept.collect::<Vec<_>>().join(",")
    });
    Attributes {
        content_type: text("content-type"),
        content_encoding: coding.filter(|coding| !coding.is_empty()),
        content_disposition: text("content-disposition"),
        cache_control: text("cache-control"),
        encryption: algorithm,
        kms_key_id: key.flatten(),
        written_by,
        metadata: metadata.into_iter().flatten().collect(),
    }
}

fn claims(headers: &HeaderMap) -> Claims {
    let md5 = headers.get("content-md5").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Claims { md5, checksums: checksum_claims(headers).collect() }
}

fn checksum_claims(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> + '_ {
    headers.iter().filter_map(|(name, value)| {
        let algorithm = name.as_str().strip_prefix(CHECKSUM_HEADER)?;
        let claim = !matches!(algorithm, "mode" | "type" | "algorithm");
        claim.then(|| (algorithm.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    })
}

fn bad_claim(claim: BadClaim) -> S3Error {
    match claim {
        BadClaim::Md5Differs => {
            s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received.")
        }
        BadClaim::ChecksumDiffers(algorithm) => {
            s3_error!(BadDigest, "The {algorithm} you specified did not match the calculated checksum.")
        }
        BadClaim::NotAChecksum(header) => {
            s3_error!(InvalidRequest, "Value for {header} header is invalid.")
        }
    }
}

/// s3s hides the types of its body errors, so their texts tell them apart.
fn bad_body(error: &(dyn std::error::Error + Send + Sync)) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        let code = S3ErrorCode::from_bytes(b"XAmzContentSHA256Mismatch").unwrap_or(S3ErrorCode::BadDigest);
        let mut error = S3Error::new(code);
        error.set_status_code(http::StatusCode::BAD_REQUEST);
        error
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch)
    } else {
        s3_error!(IncompleteBody)
    }
}
