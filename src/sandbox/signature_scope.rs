//! What a request's signature says besides the key: region, service, signed headers, token.
//!
//! s3s has verified the signature by then; this reads its claims, from the Authorization
//! header or from a presigned URL. Anything that isn't Signature Version 4 reads as nothing,
//! and its caller is refused.

use http::{HeaderMap, Uri};

/// The claims of a Signature Version 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignatureScope {
    pub(super) region: String,
    pub(super) service: String,
    pub(super) session_token: Option<String>,
    signed_headers: Vec<String>,
}

impl SignatureScope {
    pub(super) fn read(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        match headers.get(http::header::AUTHORIZATION) {
            Some(value) => Self::from_header(value.to_str().ok()?, headers),
            None => Self::from_query(uri.query()?),
        }
    }

    /// S3 wants every `x-amz-` header signed, or a proxy could add one. The body's hash is
    /// part of the signature anyway.
    pub(super) fn unsigned_header<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut names = headers.keys().map(http::HeaderName::as_str);
        names.find(|name| {
            name.starts_with("x-amz-")
                && *name != "x-amz-content-sha256"
                && !self.signed_headers.iter().any(|signed| signed == name)
        })
    }

    fn from_header(value: &str, headers: &HeaderMap) -> Option<Self> {
        let fields = value.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name));
        let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
        Self::new(field("Credential=")?, field("SignedHeaders=")?, token.map(str::to_owned))
    }

    fn from_query(query: &str) -> Option<Self> {
        let field = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        Self::new(&field("X-Amz-Credential")?, &field("X-Amz-SignedHeaders")?, field("X-Amz-Security-Token"))
    }

    fn new(credential: &str, signed_headers: &str, session_token: Option<String>) -> Option<Self> {
        // key/date/region/service/aws4_request, read from the end: a key could hold a slash.
        let mut parts = credential.rsplit('/');
        let (_terminator, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            region: region.to_owned(),
            service: service.to_owned(),
            session_token,
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        })
    }
}
