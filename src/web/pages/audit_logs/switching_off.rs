//! Disabling and removing: each asks first, on a page that the browser may show as a dialog.

use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::view::{AuditLogsDisable, AuditLogsRemove};
use super::{back, href, integration, stale_or};
use crate::domain::integration::Revision;
use crate::store::{Refused, SwitchedOff};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::CheckedForm;
use crate::web::render::{Place, html};
use crate::web::wording::count_with_verb;

/// Switching off. What becomes of pending records must be said: they are lost.
#[derive(Deserialize)]
pub(crate) struct SwitchOffPost {
    revision: i64,
    #[serde(rename = "pending")]
    _pending: PendingRecords,
}

/// What becomes of pending records.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PendingRecords {
    Discard,
}

pub(crate) async fn confirm_disable(request: MemberRequest) -> Result<Response, WebError> {
    let integration = integration(&request).await?;
    if !integration.active {
        return Ok(back(&request));
    }
    let here = href(&request.member);
    let page = AuditLogsDisable {
        shell: request.shell("Disable audit logs?", Place::AuditLogs).await?,
        action: format!("{here}/disable"),
        cancel_href: here,
        revision: integration.revision.get(),
        pending: pending(&request).await?,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn confirm_remove(request: MemberRequest) -> Result<Response, WebError> {
    let integration = integration(&request).await?;
    if integration.settings.is_none() {
        return Ok(back(&request));
    }
    let here = href(&request.member);
    let page = AuditLogsRemove {
        shell: request.shell("Remove integration?", Place::AuditLogs).await?,
        action: format!("{here}/remove"),
        cancel_href: here,
        revision: integration.revision.get(),
        pending: pending(&request).await?,
    };
    html(StatusCode::OK, &page)
}

/// `132 records are waiting`, or none.
async fn pending(request: &MemberRequest) -> Result<Option<String>, WebError> {
    let status = request.web.store.delivery_status(request.organization_id()).await?;
    let sentence = || format!("{} waiting", count_with_verb(status.pending_records, "record"));
    Ok((status.pending_records > 0).then(sentence))
}

pub(crate) async fn disable(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SwitchOffPost>,
) -> Result<Response, WebError> {
    let (user, organization) = (request.member.user.id, request.organization_id());
    let revision = Revision::new(post.revision);
    let done = request.web.store.disable(request.caller(), user, organization, revision).await;
    switched_off(&request, done, Sentence::Disabled).await
}

pub(crate) async fn remove(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SwitchOffPost>,
) -> Result<Response, WebError> {
    let (user, organization) = (request.member.user.id, request.organization_id());
    let revision = Revision::new(post.revision);
    let done = request.web.store.remove(request.caller(), user, organization, revision).await;
    switched_off(&request, done, Sentence::Removed).await
}

async fn switched_off(
    request: &MemberRequest,
    done: Result<SwitchedOff, Refused>,
    sentence: Sentence,
) -> Result<Response, WebError> {
    match done {
        Ok(SwitchedOff { .. }) => request.leave_flash(sentence),
        Err(Refused::NotPossible) => request.leave_flash(Sentence::Nothing),
        Err(refused) => return stale_or(request, refused).await,
    }
    Ok(back(request))
}
