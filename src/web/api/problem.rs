//! Why a program's request was not done, in words for whoever writes the program. It becomes a problem document
//! (RFC 9457) by `web::error`.

use http::StatusCode;
use serde::Serialize;

use crate::domain::refusal::Refusal;
use crate::store::ChangeRefused;
use crate::web::error::WebError;

/// What is wrong with one field of a body, or one parameter of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FieldProblem {
    /// Its name.
    pub(crate) field: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl FieldProblem {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> FieldProblem {
        FieldProblem { field: field.into(), message: message.into() }
    }
}

/// Why a request was not done. Nothing of it was.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{explanation}")]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) explanation: String,
    pub(crate) what_next: &'static str,
    /// Field by field, where fields are what is wrong.
    pub(crate) errors: Vec<FieldProblem>,
    /// Whether the attempt is on the record already.
    pub(crate) is_recorded: bool,
}

impl Problem {
    fn new(status: StatusCode, explanation: impl Into<String>, what_next: &'static str) -> Problem {
        Problem { status, explanation: explanation.into(), what_next, errors: Vec::new(), is_recorded: false }
    }

    /// The same for what is not there and for what is another organization's.
    pub(crate) fn not_found() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "There is nothing at this address, or it is not of the organization that the secret belongs to.",
            "Check the address and the ids in it.",
        )
    }

    pub(super) fn unauthenticated() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "A secret that works is needed: Authorization: Bearer, and a service account’s secret (tps_…) or an \
             API key (tpk_…).",
            "Check that it is whole, and that it was neither deleted nor rotated away.",
        )
    }

    pub(crate) fn metrics_token_needed() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "The token of the operator’s monitoring is needed: Authorization: Bearer, and metrics.token.",
            "Check that it is whole.",
        )
    }

    pub(super) fn not_allowed() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "The role of this service account doesn’t allow this. An API key works in its own project only, and neither \
             makes nor deletes keys.",
            "Use a service account whose role includes it.",
        )
    }

    pub(super) fn role_above_own() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "Nobody grants a role above their own.",
            "Use a service account whose role is not below the one in question.",
        )
    }

    /// The same of an attempt that the transaction put on the record itself.
    pub(super) fn on_the_record(self) -> Problem {
        Problem { is_recorded: true, ..self }
    }

    pub(super) fn unreadable(explanation: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, explanation, "Nothing was changed.")
    }

    pub(super) fn invalid(errors: Vec<FieldProblem>) -> Problem {
        let explanation = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            several => {
                let fields: Vec<_> = several.iter().map(|error| error.field.as_str()).collect();
                format!("These can’t be used: {}.", fields.join(", "))
            }
        };
        Problem { errors, ..Problem::unreadable(explanation) }
    }

    pub(super) fn field(field: &str, message: impl Into<String>) -> Problem {
        Problem::invalid(vec![FieldProblem::new(field, message)])
    }

    pub(super) fn unsupported_media_type(expected: &str) -> Problem {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Send the body as Content-Type: {expected}, without Content-Encoding."),
            "Nothing was changed.",
        )
    }

    pub(super) fn precondition_required() -> Problem {
        Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "This write needs If-Match with the ETag that you saw, so that nobody’s change is overwritten unseen.",
            "Get the resource, look at it, and send its ETag as If-Match.",
        )
    }

    pub(super) fn precondition_failed() -> Problem {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "Someone else changed these settings: the ETag in If-Match is not the current one any more.",
            "Get the resource again, look at what changed, and send the new ETag.",
        )
    }

    /// Whether it is that somebody else was first.
    pub(super) fn is_stale(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    pub(super) fn conflict(explanation: impl Into<String>, what_next: &'static str) -> Problem {
        Problem::new(StatusCode::CONFLICT, explanation, what_next)
    }

    /// What a rule refused inside the transaction, which put the attempt on the record.
    pub(super) fn refused(refusal: Refusal) -> Problem {
        let problem = match refusal {
            Refusal::NotAllowed => Problem::not_allowed(),
            Refusal::RoleAboveOwn => Problem::role_above_own(),
            Refusal::NameTaken | Refusal::AlreadyMember | Refusal::TwoSecrets => {
                Problem::conflict(refusal.to_string(), "Nothing was changed.")
            }
        };
        problem.on_the_record()
    }
}

/// The error of a change of projects, API keys or service accounts.
pub(super) fn change_refused(refused: ChangeRefused) -> WebError {
    match refused {
        ChangeRefused::NotFound => Problem::not_found().into(),
        ChangeRefused::NotAMember => {
            Problem::field("email", "is no member of the organization: invite them first").into()
        }
        ChangeRefused::Rule(refusal) => Problem::refused(refusal).into(),
        ChangeRefused::Store(error) => error.into(),
    }
}
