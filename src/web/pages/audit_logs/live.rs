//! The parts of the page that keep themselves fresh: each is its partial alone. A page that shows another situation
//! than there is now is told to reload.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::view::{AuditLogsCheck, CheckFragment, CheckView, DeliveriesFragment, StatusFragment};
use super::{CheckInPath, HistoryQuery, compose, href, integration, parts};
use crate::domain::access_check::CheckState;
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::render::{Place, html};
use crate::web::visitor::POLLING;

const RELOAD: HeaderName = HeaderName::from_static("x-trailpost-reload");

/// What the page that polls was made of.
#[derive(Deserialize)]
pub(crate) struct SeenByPage {
    revision: Option<String>,
    situation: Option<String>,
    health: Option<String>,
    banners: Option<String>,
}

/// The checklist alone, for the page that shows it; for everybody else a page of its own.
pub(crate) async fn check(
    request: MemberRequest,
    headers: HeaderMap,
    Path(path): Path<CheckInPath>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let found = request.web.store.access_check(organization, path.id()?).await?;
    let check = found.ok_or(WebError::NotFound)?;
    let integration = integration(&request).await?;
    let view = parts::check(&request.web, &request.visitor, &integration, &check);
    if !headers.contains_key(POLLING) {
        let page = AuditLogsCheck {
            shell: request.shell("Access check", Place::AuditLogs).await?,
            back_href: href(&request.member),
            settings: compose::filled_in(&check.proposed),
            check: CheckView { heading: "Stages", ..view },
        };
        return html(StatusCode::OK, &page);
    }
    if check.state == CheckState::Passed {
        request.leave_flash(Sentence::CheckPassed);
    }
    let response = html(StatusCode::OK, &CheckFragment { check: view })?;
    Ok(if check.state.is_open() { response } else { asking_to_reload(response) })
}

/// The status card.
pub(crate) async fn status(
    request: MemberRequest,
    Query(seen): Query<SeenByPage>,
) -> Result<Response, WebError> {
    let integration = integration(&request).await?;
    let status = request.web.store.delivery_status(request.organization_id()).await?;
    let Some(card) = parts::status(&request.web, &integration, &status) else {
        return Ok(asking_to_reload(StatusCode::OK.into_response()));
    };
    let checking = integration.open_check().is_some();
    let as_seen = seen.revision.is_none_or(|revision| revision == integration.revision.get().to_string())
        && seen.situation.is_none_or(|situation| situation == integration.situation().as_str())
        && seen.health.is_none_or(|health| health == integration.health.as_str())
        && seen.banners.is_none_or(|banners| banners == parts::banners(&integration));
    let response = html(StatusCode::OK, &StatusFragment { status: card })?;
    Ok(if as_seen && !checking { response } else { asking_to_reload(response) })
}

/// The delivery history.
pub(crate) async fn deliveries(
    request: MemberRequest,
    Query(history): Query<HistoryQuery>,
) -> Result<Response, WebError> {
    let cursor = history.cursor()?;
    let integration = integration(&request).await?;
    let history = compose::history(&request, &integration, cursor).await?;
    html(StatusCode::OK, &DeliveriesFragment { history })
}

fn asking_to_reload(mut response: Response) -> Response {
    response.headers_mut().insert(RELOAD, HeaderValue::from_static("1"));
    response
}
