//! The JSON object that a program sends: read strictly, every field taken by name, what is left over refused.

use std::str::FromStr;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::problem::{FieldProblem, Problem};
use crate::domain::strict_json;
use crate::web::error::WebError;

/// A resource of ours is small.
const MOST_BYTES: usize = 64 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(20);

/// What was sent. Fields are taken out of it; `finish` says what was wrong with any, and what is left.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Object {
    fields: Map<String, Value>,
    errors: Vec<FieldProblem>,
}

/// One field as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent<T> {
    /// Not at all.
    No,
    /// `null`: in a merge patch, to be taken away (RFC 7396).
    Null,
    /// With this value.
    Value(T),
}

impl Object {
    pub(super) fn of(fields: Map<String, Value>) -> Object {
        Object { fields, errors: Vec::new() }
    }

    /// Whether any of these is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.fields.contains_key(*name))
    }

    /// Takes a field as it is.
    pub(super) fn raw(&mut self, name: &str) -> Option<Value> {
        self.fields.shift_remove(name)
    }

    /// Notes what is wrong with a field.
    pub(super) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldProblem::new(field, message));
    }

    pub(super) fn string(&mut self, name: &str) -> Sent<String> {
        self.take(name, "must be a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        let sent = self.take(name, "must be true or false", |value| value.as_bool());
        self.value(name, sent)
    }

    pub(super) fn integer(&mut self, name: &str) -> Sent<i64> {
        self.take(name, "must be a whole number", |value| value.as_i64())
    }

    fn take<T>(&mut self, name: &str, wrong: &str, read: impl FnOnce(Value) -> Option<T>) -> Sent<T> {
        match self.raw(name) {
            None => Sent::No,
            Some(Value::Null) => Sent::Null,
            Some(value) => match read(value) {
                Some(value) => Sent::Value(value),
                None => {
                    self.refuse(name, wrong);
                    Sent::No
                }
            },
        }
    }

    /// The value of a field that can't be taken away.
    fn value<T>(&mut self, name: &str, sent: Sent<T>) -> Option<T> {
        match sent {
            Sent::Value(value) => Some(value),
            Sent::No => None,
            Sent::Null => {
                self.refuse(name, "can’t be null: leave it out");
                None
            }
        }
    }

    /// A string parsed into one of our types, if it is there.
    pub(super) fn optional<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let sent = self.string(name);
        let text = self.value(name, sent)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.refuse(name, T::Err::to_string(&error));
                None
            }
        }
    }

    /// The same for a string that has to be there.
    pub(super) fn required<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        if matches!(self.fields.get(name), None | Some(Value::Null)) {
            self.fields.shift_remove(name);
            self.refuse(name, "is missing");
            return None;
        }
        self.optional(name)
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// One entry for each field that was refused or is left over.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let unknown = self.fields.keys().map(|name| FieldProblem::new(name, "is not a field of this"));
        self.errors.extend(unknown);
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = WebError;

    async fn from_request(mut request: Request, state: &S) -> Result<Object, WebError> {
        require_json(request.method(), request.headers())?;
        DefaultBodyLimit::max(MOST_BYTES).apply(&mut request);
        let received = timeout(BODY_WITHIN, Bytes::from_request(request, state)).await;
        let body = received.map_err(|_| WebError::TooSlow)?.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
            _ => Problem::unreadable("The body broke off.").into(),
        })?;
        read(&body).map_err(WebError::from)
    }
}

/// A body that may be left out.
#[derive(Debug)]
pub(in crate::web) struct OptionalObject(pub(super) Object);

impl<S: Send + Sync> FromRequest<S> for OptionalObject {
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<OptionalObject, WebError> {
        if request.body().is_end_stream() {
            return Ok(OptionalObject(Object::default()));
        }
        Object::from_request(request, state).await.map(OptionalObject)
    }
}

/// JSON, and for a PATCH also what RFC 7396 calls it.
fn require_json(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    let encoding = text(header::CONTENT_ENCODING).trim().to_ascii_lowercase();
    let is_patch = *method == Method::PATCH;
    let is_ours =
        media_type == "application/json" || (is_patch && media_type == "application/merge-patch+json");
    if is_ours && matches!(encoding.as_str(), "" | "identity") {
        return Ok(());
    }
    let expected =
        if is_patch { "application/merge-patch+json or application/json" } else { "application/json" };
    Err(Problem::unsupported_media_type(expected))
}

fn read(body: &[u8]) -> Result<Object, Problem> {
    match strict_json::read(body) {
        Ok(Value::Object(fields)) => Ok(Object::of(fields)),
        Ok(_) => Err(Problem::unreadable("The body is JSON, and not an object.")),
        Err(error) => Err(Problem::unreadable(format!("The body can’t be read as JSON: {error}."))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::membership::Role;

    fn object(value: &Value) -> Object {
        read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn every_field_that_is_wrong_missing_or_unknown_is_named() {
        let mut sent = object(&json!({ "role": "king", "active": 1, "colour": "red", "window": 5 }));
        assert_eq!(sent.required::<Role>("role"), None);
        assert_eq!(sent.boolean("active"), None);
        assert_eq!(sent.required::<Role>("name"), None);
        assert_eq!(sent.integer("window"), Sent::Value(5));
        let errors = sent.finish().unwrap_err().errors;
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["role", "active", "name", "colour"]);
    }

    #[test]
    fn null_and_nothing_differ() {
        let mut sent = object(&json!({ "prefix": null, "bucket": "b" }));
        assert_eq!(sent.string("prefix"), Sent::Null);
        assert_eq!(sent.string("role_arn"), Sent::No);
        assert_eq!(sent.string("bucket"), Sent::Value("b".to_owned()));
        assert!(sent.finish().is_ok());
    }

    #[test]
    fn what_can_not_be_taken_away_is_not_null() {
        let mut sent = object(&json!({ "role": null, "active": null, "name": null }));
        assert_eq!(sent.optional::<Role>("role"), None);
        assert_eq!(sent.boolean("active"), None);
        assert_eq!(sent.required::<Role>("name"), None);
        let errors = sent.finish().unwrap_err().errors;
        let told: Vec<_> =
            errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect();
        let not_null = "can’t be null: leave it out";
        assert_eq!(told, [("role", not_null), ("active", not_null), ("name", "is missing")]);
    }

    #[test]
    fn only_an_object_without_repeated_keys_is_read() {
        for body in ["", "[]", "1", "{", r#"{"a":1,"a":2}"#, "{\"a\":\"\u{0}\"}"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_merge_patch_is_a_patch() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/merge-patch+json; charset=utf-8".parse().unwrap());
        assert!(require_json(&Method::PATCH, &headers).is_ok());
        assert!(require_json(&Method::PUT, &headers).is_err());
        headers.insert(header::CONTENT_TYPE, "text/json".parse().unwrap());
        assert!(require_json(&Method::PATCH, &headers).is_err());
    }
}
