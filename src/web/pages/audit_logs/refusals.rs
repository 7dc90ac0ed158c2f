//! What an owner asked for and the integration did not allow: it goes on the record, and the page as it is now says why.

use axum::response::Response;
use http::StatusCode;

use super::form::{FormInput, TurnedDown};
use super::{again, back, integration};
use crate::domain::access_check::Purpose;
use crate::domain::event_catalog::{self, DeliveryRequest, EventDraft};
use crate::domain::integration::{Settings, TypedSettings};
use crate::store::{Integration, Refused, SwitchOff};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish<'a> {
    /// An access check, and what it is for; with the settings that were typed.
    Check(Purpose, Option<&'a Settings>),
    /// Switching off at once.
    SwitchOff(SwitchOff),
    /// Switching off after the last delivery.
    DeliverFirst(SwitchOff),
    /// A delivery, or no more waiting for one.
    Delivery(DeliveryRequest),
}

impl Wish<'_> {
    /// The event that it would have been, with the settings before and after.
    fn event(&self, stored: &Integration) -> EventDraft {
        let (organization, before) = (stored.organization.id, stored.settings.as_ref());
        match *self {
            Wish::Check(purpose, proposed) => {
                event_catalog::access_check(purpose, organization, before, proposed)
            }
            Wish::SwitchOff(switch_off) => {
                event_catalog::integration(switch_off.action(), organization, before, None)
            }
            Wish::DeliverFirst(then) => event_catalog::deliver_first(then.action(), organization),
            Wish::Delivery(request) => event_catalog::delivery_request(request, organization),
        }
    }
}

/// Records what was refused for how things stand. What role or plan did not allow is recorded where it is denied.
async fn record(
    request: &MemberRequest,
    stored: &Integration,
    wish: Wish<'_>,
    refused: &Refused,
) -> Result<(), WebError> {
    let (reason, code) = match refused {
        Refused::Stale => ("Someone else changed the settings meanwhile", "ABORTED"),
        Refused::OtherCheck(_) => ("Another access check was under way", "ABORTED"),
        Refused::NotPossible => ("As the integration is, this can’t be done", "FAILED_PRECONDITION"),
        Refused::NotAnOwner | Refused::PlanTooLow | Refused::Store(_) => return Ok(()),
    };
    let event = wish.event(stored).failed(reason, code);
    Ok(request.web.store.record_refused(request.caller(), request.organization_id(), event).await?)
}

/// Answers what was refused: with the page as it is now, and what was typed beside it.
pub(super) async fn turn_down(
    request: &MemberRequest,
    wish: Wish<'_>,
    refused: Refused,
    typed: Option<TypedSettings>,
) -> Result<Response, WebError> {
    let turned_down = match refused {
        Refused::Stale | Refused::NotPossible => TurnedDown::Stale,
        Refused::OtherCheck(_) => TurnedDown::OtherCheck,
        Refused::NotAnOwner | Refused::PlanTooLow | Refused::Store(_) => return Err(refusal(refused)),
    };
    let stored = integration(request).await?;
    record(request, &stored, wish, &refused).await?;
    conflict(request, &stored, turned_down, typed).await
}

/// Answers what was refused and is no conflict with anybody's change: it had been done already.
pub(super) async fn had_been_done(
    request: &MemberRequest,
    wish: Wish<'_>,
    refused: &Refused,
) -> Result<Response, WebError> {
    let stored = integration(request).await?;
    record(request, &stored, wish, refused).await?;
    request.leave_flash(Sentence::Nothing);
    Ok(back(request))
}

/// The page as it is now, with what was typed beside it, if anything was. While it is stopping there is no form to
/// compare with.
pub(super) async fn conflict(
    request: &MemberRequest,
    stored: &Integration,
    turned_down: TurnedDown,
    typed: Option<TypedSettings>,
) -> Result<Response, WebError> {
    if stored.stop.is_some() {
        request.leave_flash(Sentence::StoppingNow);
        return Ok(back(request));
    }
    let default_window = request.web.config.default_window;
    let as_stored = || FormInput::as_stored(stored, default_window).pressed_late(turned_down);
    let input = typed.map_or_else(as_stored, |typed| FormInput::conflicting(typed, turned_down));
    again(request, StatusCode::CONFLICT, input).await
}

pub(super) fn refusal(refused: Refused) -> WebError {
    match refused {
        Refused::NotAnOwner => WebError::Forbidden { owners: Vec::new() },
        Refused::PlanTooLow => WebError::PlanTooLow,
        Refused::Stale | Refused::NotPossible => {
            WebError::Conflict { detail: "Someone else changed these settings.".to_owned(), index: None }
        }
        Refused::OtherCheck(_) => {
            WebError::Conflict { detail: "Another access check is under way.".to_owned(), index: None }
        }
        Refused::Store(error) => error.into(),
    }
}
