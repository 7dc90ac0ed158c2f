//! What every answer carries and every request must: a request id, the headers that confine a page, the Host.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tracing::Instrument;

use super::Web;
use super::config::Hosts;

/// Names one request in answers, logs and error pages.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// What stands before the secret in the paths of links.
const LINKS: [&str; 2] = ["/invitations/", "/password-resets/"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing inline, nothing from elsewhere, no frames around us.
const CONTENT_SECURITY_POLICY: &str = concat!(
    // What is not named below is not loaded.
    "default-src 'none'; ",
    "style-src 'self'; ",
    "script-src 'self'; ",
    "img-src 'self' data:; ",
    // Live parts ask their own server.
    "connect-src 'self'; ",
    "form-action 'self'; ",
    "base-uri 'none'; ",
    "frame-ancestors 'none'",
);

pub(super) async fn identify_and_protect(
    State(web): State<Web>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = hex::encode(web.entropy.bytes::<8>());
    request.extensions_mut().insert(RequestId(id.clone()));
    let path = loggable(request.uri().path());
    let span = tracing::error_span!("request", id, method = %request.method(), path);
    let mut response = next.run(request).instrument(span).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // A page shows its reader's own organization: no cache may keep it, the browser's Back button included.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// A path as logs may have it: what follows in a link's path opens the link.
fn loggable(path: &str) -> &str {
    let secret = LINKS.iter().find(|start| path.starts_with(**start));
    secret.copied().unwrap_or(path)
}

/// Refuses a request for another host: a name that was pointed at us (DNS rebinding) gets nothing.
pub(super) async fn require_host(State(web): State<Web>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if web.config.hosts == Hosts::Any || web.config.public_url.is_reached_by(host) {
        return next.run(request).await;
    }
    let answer = format!("This server answers only to {}.\n", web.config.public_url.authority());
    (StatusCode::MISDIRECTED_REQUEST, answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::loggable;

    #[test]
    fn what_opens_a_link_is_not_logged() {
        assert_eq!(loggable("/invitations/0123abcd"), "/invitations/");
        assert_eq!(loggable("/password-resets/0123abcd/and/more"), "/password-resets/");
        assert_eq!(loggable("/organizations/1/settings/general"), "/organizations/1/settings/general");
        assert_eq!(loggable("/"), "/");
    }
}
