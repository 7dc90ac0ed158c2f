//! Errors the way AWS writes them: S3's XML, or STS's.
//!
//! s3s reports its own refusals (a bad signature, an unknown key) in a terse S3 form without
//! request ids. Every error passes here once and leaves in the right service's form, with
//! AWS's wording for its code and with request ids in the headers and in the body.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use quick_xml::escape::escape;
use s3s::{Body, HttpResponse};
use serde::Deserialize;

use super::mint::RequestIds;

/// An error document of s3s is far smaller; a bigger body isn't one.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Which service a request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Service {
    S3 {
        /// The first path segment; empty for the service itself.
        bucket: String,
    },
    Sts,
}

#[derive(Debug, Deserialize)]
struct Plain {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

/// Adds the request ids, and rewrites the body if the answer is an error.
pub(super) async fn finish(mut response: HttpResponse, service: &Service, ids: &RequestIds) -> HttpResponse {
    if let Some(plain) = read_error(&mut response).await {
        let text = match service {
            Service::S3 { bucket } => s3_error(&plain, bucket, &response, ids),
            Service::Sts => sts_error(plain, &mut response, ids),
        };
        response.headers_mut().remove(CONTENT_LENGTH);
        let xml = match service {
            Service::S3 { .. } => "application/xml",
            Service::Sts => "text/xml",
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(xml));
        *response.body_mut() = Body::from(text);
    }
    let named = match service {
        Service::S3 { .. } => vec![("x-amz-request-id", &ids.s3), ("x-amz-id-2", &ids.host)],
        Service::Sts => vec![("x-amzn-requestid", &ids.sts)],
    };
    for (name, id) in named {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn read_error(response: &mut HttpResponse) -> Option<Plain> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    let body = response.body_mut().store_all_limited(MAX_ERROR_BYTES).await.ok()?;
    quick_xml::de::from_str(std::str::from_utf8(&body).ok()?).ok()
}

fn s3_error(plain: &Plain, bucket: &str, response: &HttpResponse, ids: &RequestIds) -> String {
    let message = if plain.message.is_empty() { s3_message(&plain.code) } else { &plain.message };
    let region = response.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
    let mut details = String::new();
    match (plain.code.as_str(), region) {
        ("PermanentRedirect", Some(region)) => {
            element(&mut details, "Endpoint", &format!("s3.{region}.amazonaws.com"));
            element(&mut details, "Bucket", bucket);
        }
        ("AuthorizationHeaderMalformed", Some(region)) => element(&mut details, "Region", region),
        ("NoSuchBucket", _) => element(&mut details, "BucketName", bucket),
        ("PreconditionFailed", _) => element(&mut details, "Condition", "If-None-Match"),
        _ => {}
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element(&mut text, "Code", &plain.code);
    element(&mut text, "Message", message);
    text.push_str(&details);
    element(&mut text, "RequestId", &ids.s3);
    element(&mut text, "HostId", &ids.host);
    text.push_str("</Error>");
    text
}

fn sts_error(plain: Plain, response: &mut HttpResponse, ids: &RequestIds) -> String {
    let (status, code, message) = sts_wording(plain, response.status());
    *response.status_mut() = status;
    let mut text = String::from("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>");
    element(&mut text, "Type", if status.is_server_error() { "Receiver" } else { "Sender" });
    element(&mut text, "Code", &code);
    element(&mut text, "Message", &message);
    text.push_str("</Error>");
    element(&mut text, "RequestId", &ids.sts);
    text.push_str("</ErrorResponse>");
    text
}

/// STS's code and words where s3s refused in S3's.
fn sts_wording(plain: Plain, status: StatusCode) -> (StatusCode, String, String) {
    let forbidden = |code: &str, message: &str| (StatusCode::FORBIDDEN, code.to_owned(), message.to_owned());
    match plain.code.as_str() {
        "InvalidAccessKeyId" => {
            forbidden("InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        "SignatureDoesNotMatch" if plain.message.is_empty() => forbidden(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
        "RequestTimeTooSkewed" => forbidden("SignatureDoesNotMatch", "Signature expired"),
        _ => (status, plain.code, plain.message),
    }
}

/// Appends `<name>text</name>`.
pub(super) fn element(xml: &mut String, name: &str, text: &str) {
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    xml.push_str(&escape(text));
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

/// S3's own text for codes that come without one. From the error responses page of the S3
/// API reference and from recorded answers.
fn s3_message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "ExpiredToken" => "The provided token has expired.",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidToken" => "The provided token is malformed or otherwise invalid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "PermanentRedirect" => {
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
             future requests to this endpoint."
        }
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the current time is too large."
        }
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method."
        }
        "XAmzContentSHA256Mismatch" => {
            "The provided 'x-amz-content-sha256' header does not match what was computed."
        }
        _ => "",
    }
}
