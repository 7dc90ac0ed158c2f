//! Disabling and removing: each asks first, on a page that the browser may show as a dialog. What is pending is lost,
//! or delivered first; whoever waits for that can stop waiting.

use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::refusals::{Wish, had_been_done, turn_down};
use super::view::{AuditLogsSwitchOff, SwitchOffWords};
use super::{RevisionPost, back, href, integration};
use crate::domain::event_catalog::DeliveryRequest;
use crate::domain::integration::{Revision, Situation};
use crate::store::{Integration, Refused, SwitchOff};
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
    pending: PendingRecords,
}

/// What becomes of pending records.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PendingRecords {
    Discard,
    DeliverFirst,
}

const DISABLE: SwitchOffWords = SwitchOffWords {
    title: "Disable audit logs?",
    consequences: "Nothing is collected while audit logs are inactive, and nothing from that time is delivered later. \
                   Your settings stay, and so do the files in your bucket.",
    confirm: "Confirm",
    deliver_first: "Deliver first, then disable",
};

const REMOVE: SwitchOffWords = SwitchOffWords {
    title: "Remove integration?",
    consequences: "Collection stops and the settings are deleted. Files already in your bucket stay. You can set audit \
                   logs up again later with the same external ID.",
    confirm: "Remove integration",
    deliver_first: "Deliver first, then remove",
};

pub(crate) async fn confirm_disable(request: MemberRequest) -> Result<Response, WebError> {
    let integration = integration(&request).await?;
    if !integration.active {
        return Ok(back(&request));
    }
    confirm(&request, &integration, "disable", DISABLE).await
}

pub(crate) async fn confirm_remove(request: MemberRequest) -> Result<Response, WebError> {
    let integration = integration(&request).await?;
    if integration.settings.is_none() {
        return Ok(back(&request));
    }
    confirm(&request, &integration, "remove", REMOVE).await
}

async fn confirm(
    request: &MemberRequest,
    integration: &Integration,
    action: &str,
    words: SwitchOffWords,
) -> Result<Response, WebError> {
    let here = href(&request.member);
    let page = AuditLogsSwitchOff {
        shell: request.shell(words.title, Place::AuditLogs).await?,
        words,
        action: format!("{here}/{action}"),
        cancel_href: here,
        revision: integration.revision.get(),
        pending: pending(request).await?,
        may_deliver_first: may_deliver_first(integration),
    };
    html(StatusCode::OK, &page)
}

/// Only what is collected has a last record; and it is asked for once.
fn may_deliver_first(integration: &Integration) -> bool {
    integration.situation() == Situation::Active
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
    switch_off(&request, &post, SwitchOff::Disable).await
}

pub(crate) async fn remove(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SwitchOffPost>,
) -> Result<Response, WebError> {
    switch_off(&request, &post, SwitchOff::Remove).await
}

async fn switch_off(
    request: &MemberRequest,
    post: &SwitchOffPost,
    switch_off: SwitchOff,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let (store, caller, revision) = (&request.web.store, request.caller(), Revision::new(post.revision));
    match (post.pending, switch_off) {
        (PendingRecords::DeliverFirst, _) => {
            let asked = store.deliver_first(caller, organization, revision, switch_off).await;
            switched_off(request, asked, Wish::DeliverFirst(switch_off), Sentence::Stopping).await
        }
        (PendingRecords::Discard, SwitchOff::Disable) => {
            let done = store.disable(caller, organization, revision).await.map(drop);
            switched_off(request, done, Wish::SwitchOff(switch_off), Sentence::Disabled).await
        }
        (PendingRecords::Discard, SwitchOff::Remove) => {
            let done = store.remove(caller, organization, revision).await.map(drop);
            switched_off(request, done, Wish::SwitchOff(switch_off), Sentence::Removed).await
        }
    }
}

pub(crate) async fn stop_waiting(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let revision = Revision::new(post.revision);
    match request.web.store.stop_waiting(request.caller(), organization, revision).await {
        Ok(true) => request.leave_flash(Sentence::StoppedWaiting),
        Ok(false) => request.leave_flash(Sentence::NotStopping),
        Err(refused) => {
            let wish = Wish::Delivery(DeliveryRequest::StopWaiting);
            return turn_down(&request, wish, refused, None).await;
        }
    }
    Ok(back(&request))
}

async fn switched_off(
    request: &MemberRequest,
    done: Result<(), Refused>,
    wish: Wish<'_>,
    sentence: Sentence,
) -> Result<Response, WebError> {
    match done {
        Ok(()) => request.leave_flash(sentence),
        Err(refused @ Refused::NotPossible) => return had_been_done(request, wish, &refused).await,
        Err(refused) => return turn_down(request, wish, refused, None).await,
    }
    Ok(back(request))
}
