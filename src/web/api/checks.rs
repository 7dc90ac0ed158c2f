//! `checks`: access checks, asked for, looked at and cancelled.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::ProgramRequest;
use super::failure::failure;
use super::integration::{refused, stored};
use super::listing::ListQuery;
use super::object::OptionalObject;
use super::problem::Problem;
use crate::domain::access_check::{Purpose, StageProgress};
use crate::domain::event_catalog;
use crate::domain::failure::Failure;
use crate::domain::id::CheckId;
use crate::domain::integration::Settings;
use crate::store::{AccessCheck, Integration, NewCheck, OpenedCheck, Refused};
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct CheckInPath {
    check_id: String,
}

impl CheckInPath {
    fn id(&self) -> Result<CheckId, Problem> {
        self.check_id.parse().map_err(|_| Problem::not_found())
    }
}

/// `GET checks`: newest first.
pub(crate) async fn list(request: ProgramRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&request.query, "checks", &[])?;
    let listed = request.web.store.access_checks(request.organization_id(), query.listing()?).await?;
    let last = listed.items.last().map(|check| check.id).filter(|_| listed.has_more);
    Ok(query.page(listed.items.iter().map(|check| representation(&request, check)).collect(), last))
}

/// `GET checks/{check_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<CheckInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let check = one(&request, path.id()?).await?;
    Ok(Json(representation(&request, &check)).into_response())
}

/// `POST checks`: a check of the settings in force, or the one of them that is open.
pub(crate) async fn create(
    request: ProgramRequest,
    OptionalObject(object): OptionalObject,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    object.finish()?;
    let opened = open(&request, Purpose::Test, None, &stored(&request).await?).await?;
    accepted(&request, opened.id).await
}

/// `POST checks/{check_id}/cancel`
pub(crate) async fn cancel(
    request: ProgramRequest,
    Path(path): Path<CheckInPath>,
    OptionalObject(object): OptionalObject,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    object.finish()?;
    let id = one(&request, path.id()?).await?.id;
    let store = &request.web.store;
    if !store.cancel_check(request.caller(), request.organization_id(), id).await.map_err(refused)? {
        let problem = Problem::conflict("This access check has ended already.", "Get it to see how.");
        return Err(problem.into());
    }
    let check = one(&request, id).await?;
    Ok(Json(representation(&request, &check)).into_response())
}

/// Asks for a check, or joins the one that is open and proves the same. Any other that is open goes on record as the
/// reason why nothing was done.
pub(super) async fn open(
    request: &ProgramRequest,
    purpose: Purpose,
    proposed: Option<Settings>,
    stored: &Integration,
) -> Result<OpenedCheck, WebError> {
    let in_force = stored.settings.as_ref();
    let event = event_catalog::access_check(purpose, request.organization_id(), in_force, proposed.as_ref());
    let new = NewCheck {
        caller: request.caller(),
        organization: request.organization_id(),
        purpose,
        proposed,
        revision: stored.revision,
    };
    let opened = request.web.store.open_check(new).await;
    if let Err(Refused::OtherCheck(_)) = opened {
        let event = event.failed("Another access check was under way", "ABORTED");
        request.web.store.record_refused(request.caller(), request.organization_id(), event).await?;
    }
    opened.map_err(refused)
}

/// 202 with the check, and where to look how far it is.
pub(super) async fn accepted(request: &ProgramRequest, id: CheckId) -> Result<Response, WebError> {
    let check = one(request, id).await?;
    let location = [(header::LOCATION, request.href(&format!("checks/{id}")))];
    Ok((StatusCode::ACCEPTED, location, Json(representation(request, &check))).into_response())
}

pub(super) async fn one(request: &ProgramRequest, id: CheckId) -> Result<AccessCheck, WebError> {
    let found = request.web.store.access_check(request.organization_id(), id).await?;
    Ok(found.ok_or_else(Problem::not_found)?)
}

fn representation(request: &ProgramRequest, check: &AccessCheck) -> Value {
    let failure = |failed: &Failure| failure(&request.web, request.organization(), &check.proposed, failed);
    let stages: Vec<_> = check.checklist.lines().iter().map(|line| stage(line, &failure)).collect();
    json!({
        "id": check.id,
        "purpose": check.purpose.as_str(),
        "state": check.state.as_str(),
        "stages": stages,
        "failure": check.failure.as_ref().map(&failure),
        "proposed": check.proposed,
        "asked_by": check.asked_by,
        "asked_at": check.asked_at,
        "revision": check.revision.get(),
    })
}

fn stage(line: &StageProgress, failure: &impl Fn(&Failure) -> Value) -> Value {
    json!({
        "stage": line.stage,
        "state": line.state,
        "detail": line.detail,
        "trying": line.trying.as_ref().map(failure),
    })
}
