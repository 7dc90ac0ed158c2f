//! One error type with two faces: a page for people, a problem document (RFC 9457) for programs. Both say what
//! failed and what to do, and carry the request id; neither ever carries a source error's text, which goes to the
//! log.

use std::any::Any;

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use tower_sessions::session::Error as SessionError;
use tower_sessions::session_store;

use super::Web;
use super::access::{Denied, Member};
use super::api::problem::{FieldProblem, Problem};
use super::headers::RequestId;
use super::password::HashError;
use super::render::{Shell, html};
use super::visitor::Visitor;
use crate::domain::error_chain::ErrorChain;
use crate::domain::refusal::Refusal;
use crate::store::{ChangeRefused, Outage, StoreError};

/// When a program that was turned away may try again.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    #[error("there is nothing here")]
    NotFound,
    /// An invitation or reset link that is unknown, used, ended or revoked: it is never said which.
    #[error("this link can’t be used any more")]
    LinkOver,
    #[error("this address can't be used in this way")]
    WrongMethod,
    /// The form is not from a page that this browser was given.
    #[error("the form’s token does not fit this browser’s session")]
    ForeignForm,
    /// The role may not; on the audit-logs pages, the owners to ask.
    #[error("the role may not do this")]
    Forbidden { owners: Vec<String> },
    /// The same, found out by the transaction that would have done it, which has recorded it.
    #[error("the role may not do this")]
    ForbiddenOnRecord,
    /// The role may not; owners and managers may.
    #[error("the role may not work with projects")]
    ForbiddenProjects,
    #[error("the plan does not include this")]
    PlanTooLow,
    #[error("the form can’t be read")]
    BadForm,
    #[error("the address can’t be read")]
    BadAddress,
    #[error("the body is not of a form’s type")]
    NotAForm,
    /// A value in an address that a file is to be filled in with.
    #[error("{parameter}: {message}")]
    BadParameter { parameter: &'static str, message: String },
    /// Without it a trust policy would name nobody.
    #[error("the operator has not stated the principal")]
    PrincipalNotStated,
    #[error("what was sent is too large")]
    TooLarge,
    #[error("a producer token is needed")]
    Unauthenticated,
    #[error("{detail}")]
    Unprocessable { detail: String, index: Option<usize>, field: Option<String> },
    #[error("{detail}")]
    Conflict { detail: String, index: Option<usize> },
    #[error("too much is being sent at once")]
    TooBusy,
    #[error("the body took too long")]
    TooSlow,
    #[error("the page took too long")]
    Overdue,
    #[error("the content type is not one of those that can be read")]
    UnsupportedMediaType,
    /// What is said to programs alone.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A layer is missing: our fault.
    #[error("{0} is not in the request")]
    MissingExtension(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Password(#[from] HashError),
    #[error(transparent)]
    Template(#[from] askama::Error),
    #[error("the metrics could not be written")]
    Exposition(#[from] std::fmt::Error),
    #[error(transparent)]
    Address(#[from] serde_urlencoded::ser::Error),
}

impl From<ChangeRefused> for WebError {
    /// What a page doesn't say better itself.
    fn from(refused: ChangeRefused) -> WebError {
        match refused {
            ChangeRefused::NotFound | ChangeRefused::NotAMember => WebError::NotFound,
            // The transaction has recorded it.
            ChangeRefused::Rule(Refusal::NotAllowed | Refusal::RoleAboveOwn) => WebError::ForbiddenOnRecord,
            ChangeRefused::Rule(refusal) => WebError::Conflict { detail: refusal.to_string(), index: None },
            ChangeRefused::Store(error) => error.into(),
        }
    }
}

/// What an error says on its page.
struct Words {
    title: &'static str,
    explanation: String,
    what_next: &'static str,
}

/// A finished error, on its way to the face that the request wants.
#[derive(Clone)]
struct Faceless {
    status: StatusCode,
    title: &'static str,
    explanation: String,
    what_next: &'static str,
    owners: Vec<String>,
    index: Option<usize>,
    field: Option<String>,
    errors: Vec<FieldProblem>,
}

impl WebError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            WebError::NotFound | WebError::LinkOver => StatusCode::NOT_FOUND,
            WebError::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            WebError::ForeignForm
            | WebError::Forbidden { .. }
            | WebError::ForbiddenOnRecord
            | WebError::ForbiddenProjects
            | WebError::PlanTooLow => StatusCode::FORBIDDEN,
            WebError::BadForm | WebError::Unprocessable { .. } | WebError::BadParameter { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            WebError::Problem(problem) => problem.status,
            WebError::BadAddress => StatusCode::BAD_REQUEST,
            WebError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            WebError::Unauthenticated => StatusCode::UNAUTHORIZED,
            WebError::Conflict { .. } | WebError::PrincipalNotStated => StatusCode::CONFLICT,
            WebError::UnsupportedMediaType | WebError::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            WebError::TooBusy | WebError::Password(HashError::Crowded) => StatusCode::TOO_MANY_REQUESTS,
            WebError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            // The store may be back in a moment; a program tries again.
            WebError::Store(_)
            | WebError::Session(SessionError::Store(session_store::Error::Backend(_)))
            | WebError::Overdue => StatusCode::SERVICE_UNAVAILABLE,
            WebError::MissingExtension(_)
            | WebError::Session(_)
            | WebError::Password(_)
            | WebError::Template(_)
            | WebError::Exposition(_)
            | WebError::Address(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Which of a request's records is wrong, and which of its fields.
    pub(super) fn place(&self) -> (Option<usize>, Option<&str>) {
        match self {
            WebError::Unprocessable { index, field, .. } => (*index, field.as_deref()),
            WebError::Conflict { index, .. } => (*index, None),
            _ => (None, None),
        }
    }

    /// What belongs on the record of the organization.
    fn denied(&self) -> Option<Denied> {
        match self {
            WebError::Forbidden { .. } | WebError::ForbiddenProjects => {
                Some(Denied("The role does not allow this"))
            }
            WebError::Problem(problem) if problem.status == StatusCode::FORBIDDEN && !problem.is_recorded => {
                Some(Denied("The role does not allow this"))
            }
            WebError::PlanTooLow => Some(Denied("The plan does not include audit logs")),
            _ => None,
        }
    }

    fn words(&self) -> Words {
        let (title, explanation, what_next) = match self {
            WebError::NotFound => (
                "Page not found",
                "There is no page at this address, or it belongs to an organization that you are not a member of.",
                "Check the address, or start from the overview.",
            ),
            WebError::LinkOver => (
                "This link can’t be used any more",
                "A link works once and for seven days, and a newer one takes its place. Nothing was changed.",
                "Ask whoever sent it to you for a new one.",
            ),
            WebError::WrongMethod => (
                "That can’t be done here",
                "This address doesn’t take requests of this kind.",
                "Check the address and the method.",
            ),
            WebError::ForeignForm => (
                "This form is out of date",
                "It was made before you signed in or out, or by another site. Nothing was changed.",
                "Go back, reload the page, and send the form again.",
            ),
            WebError::Forbidden { owners } if !owners.is_empty() => (
                "Only organization owners can manage audit logs",
                "Your role in this organization doesn’t include audit logs.",
                "Ask one of the owners:",
            ),
            WebError::Forbidden { .. } | WebError::ForbiddenOnRecord => (
                "Your role doesn’t allow this",
                "Only organization owners can do this.",
                "Ask an owner of the organization to do it, or to change your role.",
            ),
            WebError::ForbiddenProjects => (
                "Your role doesn’t allow this",
                "Only organization owners and managers can do this.",
                "Ask one of them to do it, or an owner to change your role.",
            ),
            WebError::PlanTooLow => (
                "Audit logs need the Enterprise plan",
                "This organization’s plan doesn’t include audit logs. Nothing was changed.",
                "See Settings > Plan.",
            ),
            WebError::BadForm => (
                "This form can’t be read",
                "A field is missing, is there twice, or is not text. Nothing was changed.",
                "Go back, reload the page, and send the form again.",
            ),
            WebError::BadAddress => (
                "This address can’t be read",
                "A part of it is there twice, or is not text. Nothing was changed.",
                "Check the address, or start from the overview.",
            ),
            WebError::NotAForm => (
                "This form can’t be read",
                "This address takes forms as application/x-www-form-urlencoded. Nothing was changed.",
                "Send it from the page that it stands on.",
            ),
            WebError::BadParameter { parameter, message } => {
                return Words {
                    title: "This file can’t be filled in",
                    explanation: format!("{parameter}: {message}"),
                    what_next: "Correct the value, or start from Settings > Audit logs and press Show set-up.",
                };
            }
            WebError::Problem(problem) => {
                return Words {
                    title: problem.status.canonical_reason().unwrap_or_default(),
                    explanation: problem.explanation.clone(),
                    what_next: problem.what_next,
                };
            }
            WebError::PrincipalNotStated => (
                "The set-up can’t be written yet",
                "The operator of this service has not stated its AWS identity yet. Until then no role can trust it.",
                "Ask the operator for it.",
            ),
            WebError::TooLarge => (
                "That is too large",
                "More was sent than this address takes. Nothing was changed.",
                "Send less at once.",
            ),
            WebError::Unauthenticated => (
                "Unauthenticated",
                "A valid producer token is needed: Authorization: Bearer tp_…",
                "Ask the operator for a token.",
            ),
            WebError::Unprocessable { detail, .. } | WebError::Conflict { detail, .. } => {
                let title = match self {
                    WebError::Conflict { .. } => "Conflict",
                    _ => "Invalid record",
                };
                return Words {
                    title,
                    explanation: detail.clone(),
                    what_next: "Nothing of this request was stored.",
                };
            }
            WebError::UnsupportedMediaType => (
                "Unsupported content type",
                "Send application/json or application/x-ndjson, plain or with Content-Encoding: gzip.",
                "Nothing of this request was stored.",
            ),
            WebError::TooSlow => (
                "Request timeout",
                "The body did not arrive in time.",
                "Nothing of this request was stored. Send it again, or send less at once.",
            ),
            WebError::Overdue => (
                "This takes too long",
                "The page was not made in time, and the request was given up. A change may have been made all the \
                 same.",
                "Look whether the change is there, and try again in a moment.",
            ),
            WebError::TooBusy => (
                "Too many requests",
                "More is being sent at this moment than can be held.",
                "Nothing of this request was stored. Send it again after the time in Retry-After.",
            ),
            WebError::Password(HashError::Crowded) => (
                "Many people are signing in at this moment",
                "Passwords are looked at a few at a time, and too many wait already. Nothing was changed.",
                "Wait a few seconds, go back, and send the form again.",
            ),
            WebError::Store(error)
                if matches!(error.outage(), Some(Outage::DiskFull | Outage::Unwritable)) =>
            {
                (
                    "Nothing can be stored at this moment",
                    "The database of this service takes no writes. What was confirmed before is kept.",
                    "Try again in a moment. It ends once the operator of this service has mended it.",
                )
            }
            _ => (
                "Something went wrong on our side",
                "The request was not completed. What went wrong is in the log of this service.",
                "Try again in a moment. If it stays, send the request ID below to the operator of this service.",
            ),
        };
        Words { title, explanation: explanation.to_owned(), what_next }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(status = status.as_u16(), error = %ErrorChain(&self), "a request failed");
        }
        let Words { title, explanation, what_next } = self.words();
        let (index, field) = self.place();
        let field = field.map(str::to_owned);
        let denied = self.denied();
        let (owners, errors) = match self {
            WebError::Forbidden { owners } => (owners, Vec::new()),
            WebError::Problem(problem) => (Vec::new(), problem.errors),
            _ => (Vec::new(), Vec::new()),
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(Faceless {
            status,
            title,
            explanation,
            what_next,
            owners,
            index,
            field,
            errors,
        });
        if let Some(denied) = denied {
            response.extensions_mut().insert(denied);
        }
        response
    }
}

/// Turns the error of a page request into a page.
pub(super) async fn page_face(State(web): State<Web>, request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let response = next.run(request).await;
    match visitor {
        Some(visitor) => with_face(&web, &visitor, response).await,
        None => response,
    }
}

/// The page of an error; any other response as it is.
pub(super) async fn with_face(web: &Web, visitor: &Visitor, response: Response) -> Response {
    let faceless = match response.extensions().get::<Faceless>() {
        Some(faceless) => faceless.clone(),
        None if is_bare(&response) => bare(response.status()),
        None => return response,
    };
    let member = response.extensions().get::<Member>().cloned();
    page(web, visitor, member, faceless).await.unwrap_or(response)
}

/// Turns the error of a program's request into a problem document.
pub(super) async fn problem_face(request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let response = next.run(request).await;
    let faceless = match response.extensions().get::<Faceless>() {
        Some(faceless) => faceless.clone(),
        None if is_bare(&response) => bare(response.status()),
        None => return response,
    };
    let mut problem = json!({
        "type": "about:blank",
        // RFC 9457, section 4.2.1: `about:blank` goes with the status's own phrase.
        "title": faceless.status.canonical_reason().unwrap_or(faceless.title),
        "status": faceless.status.as_u16(),
        "detail": format!("{}. {}", faceless.explanation.trim_end_matches('.'), faceless.what_next),
        "request_id": request_id,
    });
    if let Some(index) = faceless.index {
        problem["index"] = json!(index);
    }
    if let Some(field) = &faceless.field {
        problem["field"] = json!(field);
    }
    if !faceless.errors.is_empty() {
        problem["errors"] = json!(faceless.errors);
    }
    let mut answer = (faceless.status, problem.to_string()).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if matches!(faceless.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    if faceless.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    // What a wrong method could have been.
    if let Some(allow) = response.headers().get(header::ALLOW) {
        headers.insert(header::ALLOW, allow.clone());
    }
    answer
}

/// An error that a layer or extractor of a library made, without a face of ours.
fn is_bare(response: &Response) -> bool {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    let has_face = [&b"text/html"[..], b"application/json"].iter().any(|ours| kind.starts_with(ours));
    (status.is_client_error() || status.is_server_error()) && !has_face
}

fn bare(status: StatusCode) -> Faceless {
    let error = match status {
        StatusCode::NOT_FOUND => WebError::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => WebError::WrongMethod,
        StatusCode::FORBIDDEN => WebError::ForeignForm,
        // Forms are read by `web::form`; this is from one of axum's own extractors.
        StatusCode::BAD_REQUEST => WebError::BadAddress,
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        StatusCode::SERVICE_UNAVAILABLE => WebError::Overdue,
        status if status.is_client_error() => WebError::BadForm,
        _ => WebError::MissingExtension("a face for this error"),
    };
    let Words { title, explanation, what_next } = error.words();
    Faceless {
        status,
        title,
        explanation,
        what_next,
        owners: Vec::new(),
        index: None,
        field: None,
        errors: Vec::new(),
    }
}

/// Any error's page. With an organization in `shell` it keeps the sidebar.
#[derive(Template)]
#[template(path = "errors/show.html")]
struct ErrorPage {
    shell: Shell,
    status: u16,
    title: String,
    explanation: String,
    what_next: String,
    request_id: String,
    owners: Vec<String>,
    home_href: String,
    home_label: String,
}

async fn page(web: &Web, visitor: &Visitor, member: Option<Member>, faceless: Faceless) -> Option<Response> {
    // Where the database itself is what failed, the page must do without it.
    let shell = match member {
        Some(member) => Shell::of_member(web, visitor, &member, faceless.title, None).await.ok(),
        None => None,
    };
    let shell = shell.unwrap_or_else(|| Shell::alone(visitor, faceless.title));
    let (home_href, home_label) = match &visitor.user {
        Some(_) => ("/".to_owned(), "Go to the overview".to_owned()),
        None => ("/sign-in".to_owned(), "Sign in".to_owned()),
    };
    let page = ErrorPage {
        shell,
        status: faceless.status.as_u16(),
        title: faceless.title.to_owned(),
        explanation: faceless.explanation,
        what_next: faceless.what_next.to_owned(),
        request_id: visitor.request_id.clone(),
        owners: faceless.owners,
        home_href,
        home_label,
    };
    html(faceless.status, &page).ok()
}

pub(super) async fn nothing_here() -> WebError {
    WebError::NotFound
}

pub(super) async fn wrong_method() -> WebError {
    WebError::WrongMethod
}

/// A program's wrong method; OPTIONS is answered by the Allow that the route adds.
pub(super) async fn wrong_method_of_a_program(method: Method) -> Result<StatusCode, WebError> {
    if method == Method::OPTIONS { Ok(StatusCode::NO_CONTENT) } else { Err(WebError::WrongMethod) }
}

/// Where there is nothing for a program.
pub(super) async fn nothing_for_a_program() -> WebError {
    Problem::not_found().into()
}

/// What is left of a handler that panicked: logged, and answered without its words.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = message, "a request panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.\n").into_response()
}

#[cfg(test)]
mod tests {
    use axum::Json;

    use super::*;

    #[test]
    fn what_a_layer_gives_up_on_says_that_it_took_too_long() {
        let given_up = StatusCode::SERVICE_UNAVAILABLE.into_response();
        assert!(is_bare(&given_up));
        assert_eq!(bare(given_up.status()).title, "This takes too long");
    }

    #[test]
    fn an_answer_with_a_face_of_its_own_is_left_alone() {
        let not_ready = (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable" })));
        assert!(!is_bare(&not_ready.into_response()));
        assert!(is_bare(&(StatusCode::BAD_REQUEST, "no").into_response()));
    }
}
