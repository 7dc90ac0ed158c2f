//! Forms: read only if they carry the token of the page that this browser was given.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::error::WebError;
use super::visitor::Visitor;

/// A posted form whose token fits. The only way for a handler to get at one.
#[derive(Debug)]
pub(super) struct CheckedForm<T>(pub(super) T);

/// A form of a button alone.
#[derive(Debug, Deserialize)]
pub(super) struct NoFields {}

fn is_form(request: &Request) -> bool {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[derive(Deserialize)]
struct Token {
    csrf_token: String,
}

impl<S, T> FromRequest<S> for CheckedForm<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<CheckedForm<T>, WebError> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let visitor = visitor.ok_or(WebError::MissingExtension("Visitor"))?;
        if !is_form(&request) {
            return Err(WebError::NotAForm);
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.status().as_u16() {
                413 => WebError::TooLarge,
                _ => WebError::BadForm,
            }
        })?;
        let token: Token = serde_urlencoded::from_bytes(&body).map_err(|_| WebError::ForeignForm)?;
        if !bool::from(token.csrf_token.as_bytes().ct_eq(visitor.form_token.as_bytes())) {
            return Err(WebError::ForeignForm);
        }
        serde_urlencoded::from_bytes(&body).map(CheckedForm).map_err(|_| WebError::BadForm)
    }
}
