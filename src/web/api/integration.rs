//! `audit-log-integration`: the one set-up of an organization. Every write names the revision it saw; what needs AWS
//! is an access check, whose address is answered.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::authentication::ProgramRequest;
use super::checks;
use super::listing::parameters;
use super::object::Object;
use super::problem::Problem;
use super::proposal::{Pending, Proposal, Wanted};
use super::revision::{IfMatch, etag};
use crate::domain::access_check::Purpose;
use crate::domain::integration::{Revision, Settings};
use crate::store::{Integration, Refused, SwitchOff};
use crate::web::error::WebError;

/// `GET audit-log-integration`: also before anything is set up, for the external ID and the revision.
pub(crate) async fn show(request: ProgramRequest) -> Result<Response, WebError> {
    request.take_no_query()?;
    Ok(answer(StatusCode::OK, &stored(&request).await?))
}

/// `PUT audit-log-integration`
pub(crate) async fn replace(
    request: ProgramRequest,
    headers: HeaderMap,
    object: Object,
) -> Result<Response, WebError> {
    write(&request, &headers, |stored, config| Proposal::replacing(stored, object, config)).await
}

/// `PATCH audit-log-integration`
pub(crate) async fn update(
    request: ProgramRequest,
    headers: HeaderMap,
    object: Object,
) -> Result<Response, WebError> {
    write(&request, &headers, |stored, config| Proposal::merging(stored, object, config)).await
}

/// `DELETE audit-log-integration?pending=…`
pub(crate) async fn delete(request: ProgramRequest, headers: HeaderMap) -> Result<Response, WebError> {
    let if_match = IfMatch::of(&headers)?;
    let pending = parameters(&request.query, &["pending"])?.into_iter().next();
    let pending: Pending = match pending {
        Some((_, word)) => word.parse().map_err(|error: String| Problem::field("pending", error))?,
        None => return Err(Problem::field("pending", Pending::MISSING).into()),
    };
    let stored = stored(&request).await?;
    if_match.require(stored.revision)?;
    if stored.settings.is_none() {
        let problem = Problem::conflict("There is no integration to remove.", "Nothing was changed.");
        return Err(problem.into());
    }
    switch_off(&request, stored.revision, SwitchOff::Remove, pending).await
}

async fn write(
    request: &ProgramRequest,
    headers: &HeaderMap,
    propose: impl FnOnce(&Integration, &crate::web::WebConfig) -> Result<Wanted, Problem>,
) -> Result<Response, WebError> {
    let if_match = IfMatch::of(headers)?;
    request.take_no_query()?;
    let stored = stored(request).await?;
    if_match.require(stored.revision)?;
    match propose(&stored, &request.web.config)? {
        Wanted::Nothing => Ok(answer(StatusCode::OK, &stored)),
        Wanted::Check { purpose, proposed } => {
            check(request, &stored, purpose, proposed.map(|settings| *settings)).await
        }
        Wanted::SwitchOff(pending) => switch_off(request, stored.revision, SwitchOff::Disable, pending).await,
        Wanted::StopWaiting => {
            let (store, organization) = (&request.web.store, request.organization_id());
            let stopped = store.stop_waiting(request.caller(), organization, stored.revision).await;
            if !stopped.map_err(refused)? {
                return Err(Problem::precondition_failed().into());
            }
            now(request, StatusCode::OK).await
        }
    }
}

/// A write that is repeated while its check is open joins it; another waits for its turn.
async fn check(
    request: &ProgramRequest,
    stored: &Integration,
    purpose: Purpose,
    proposed: Option<Settings>,
) -> Result<Response, WebError> {
    let opened = checks::open(request, purpose, proposed, stored).await?;
    checks::accepted(request, opened.id).await
}

async fn switch_off(
    request: &ProgramRequest,
    revision: Revision,
    switch_off: SwitchOff,
    pending: Pending,
) -> Result<Response, WebError> {
    let (store, caller, organization) = (&request.web.store, request.caller(), request.organization_id());
    match (pending, switch_off) {
        (Pending::DeliverFirst, _) => {
            let asked = store.deliver_first(caller, organization, revision, switch_off).await;
            asked.map_err(refused)?;
            let location = [(header::LOCATION, request.href("audit-log-integration"))];
            let answer = now(request, StatusCode::ACCEPTED).await?;
            Ok((location, answer).into_response())
        }
        (Pending::Discard, SwitchOff::Disable) => {
            store.disable(caller, organization, revision).await.map_err(refused)?;
            now(request, StatusCode::OK).await
        }
        (Pending::Discard, SwitchOff::Remove) => {
            store.remove(caller, organization, revision).await.map_err(refused)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

/// The integration as it is now.
pub(super) async fn stored(request: &ProgramRequest) -> Result<Integration, WebError> {
    let found = request.web.store.integration(request.organization_id()).await?;
    Ok(found.ok_or_else(Problem::not_found)?)
}

async fn now(request: &ProgramRequest, status: StatusCode) -> Result<Response, WebError> {
    Ok(answer(status, &stored(request).await?))
}

fn answer(status: StatusCode, integration: &Integration) -> Response {
    let etag = [(header::ETAG, etag(integration.revision))];
    (status, etag, Json(representation(integration))).into_response()
}

/// What is not set up is `null`.
pub(super) fn representation(integration: &Integration) -> Value {
    let mut representation = json!({
        "role_arn": null, "bucket": null, "prefix": null, "bucket_owner_account": null, "encryption": null,
        "kms_key_arn": null, "format": null, "compression": null, "window_minutes": null,
        "active": integration.active,
        "suspended": integration.suspended,
        "health": integration.health.as_str(),
        "check_id": integration.check.as_ref().map(|check| check.id),
        "external_id": integration.organization.external_id.as_str(),
        "revision": integration.revision.get(),
    });
    if let (Some(all), Value::Object(settings)) =
        (representation.as_object_mut(), json!(integration.settings))
    {
        all.extend(settings);
    }
    representation
}

/// The error of a write to an integration.
pub(super) fn refused(refused: Refused) -> WebError {
    match refused {
        Refused::NotAnOwner => Problem::not_allowed().into(),
        Refused::PlanTooLow => WebError::PlanTooLow,
        Refused::Stale => Problem::precondition_failed().into(),
        Refused::OtherCheck(id) => Problem::conflict(
            format!("Another access check is under way: {id}."),
            "Wait until it has ended, or cancel it, and send this again.",
        )
        .into(),
        Refused::NotPossible => Problem::conflict(
            "This can’t be done with the integration as it is now: it is not set up, not active, or being switched off.",
            "Get audit-log-integration to see how it is.",
        )
        .into(),
        Refused::Store(error) => error.into(),
    }
}
