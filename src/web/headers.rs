//! What every answer carries and every request must: a request id, the headers that confine a page, the Host.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower_cookies::Cookie;
use tracing::{Instrument, Span, field};

use super::Web;
use super::config::Hosts;
use crate::domain::id::OrganizationId;

/// Names one request in answers, logs and error pages.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// What stands before the secret in the paths of links.
const LINKS: [&str; 2] = ["/invitations/", "/password-resets/"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A year of https, from the last answer on: what redirects a first plain request could be somebody else.
const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

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
    let span = tracing::error_span!(
        "request", request_id = id, method = %request.method(), path, organization = field::Empty
    );
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
    if web.config.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
    // A page shows its reader's own organization: no cache may keep it, the browser's Back button included.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

/// Puts the organization that the request is about on every line that is logged of it from here on.
pub(super) fn log_organization(id: OrganizationId) {
    Span::current().record("organization", field::display(id));
}

/// A path as logs may have it: what follows in a link's path opens the link.
fn loggable(path: &str) -> &str {
    let secret = LINKS.iter().find(|start| path.starts_with(**start));
    secret.copied().unwrap_or(path)
}

/// Refuses a request for another host: a name that was pointed at us (DNS rebinding) gets nothing. Of two Hosts a proxy
/// may have believed the other one (RFC 9112, section 3.2).
pub(super) async fn require_host(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() {
        return (StatusCode::BAD_REQUEST, "A request has one Host header.\n").into_response();
    }
    if web.config.hosts == Hosts::Any || web.config.public_url.is_reached_by(host) {
        return next.run(request).await;
    }
    let answer = format!("This server answers only to {}.\n", web.config.public_url.authority());
    (StatusCode::MISDIRECTED_REQUEST, answer).into_response()
}

/// Makes every cookie of an https console Secure. tower-sessions leaves it out where it removes the session's, and a
/// browser ignores a `__Host-` cookie without it (RFC 6265bis, section 5.7).
pub(super) async fn secure_cookies(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if web.config.public_url.is_https()
        && let header::Entry::Occupied(mut cookies) = response.headers_mut().entry(header::SET_COOKIE)
    {
        cookies.iter_mut().for_each(make_secure);
    }
    response
}

fn make_secure(set_cookie: &mut HeaderValue) {
    let Some(mut cookie) = set_cookie.to_str().ok().and_then(|text| Cookie::parse(text.to_owned()).ok())
    else {
        return;
    };
    cookie.set_secure(true);
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        *set_cookie = value;
    }
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
