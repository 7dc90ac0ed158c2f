//! Settings > Audit logs: the page, and what turns audit logs on. `switching_off` has the way out, `live` the parts
//! that keep themselves fresh, `setup` what is to be made in AWS, `preview` what files will be like, `refusals` what is
//! answered when something can't be done; what the page shows is composed in `compose`, of the parts in `view`.

mod compose;
mod form;
pub(crate) mod live;
mod parts;
pub(crate) mod preview;
mod refusals;
mod settings_post;
pub(crate) mod setup;
pub(crate) mod switching_off;
mod view;

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use crate::domain::access_check::Purpose;
use crate::domain::event_catalog::DeliveryRequest;
use crate::domain::id::CheckId;
use crate::domain::integration::{Revision, Settings, Situation};
use crate::domain::sequence::Sequence;
use crate::store::{HistoryCursor, Integration, NewCheck, OpenedCheck, Refused};
use crate::web::access::{Member, MemberRequest};
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{html, organization_href};
use form::FormInput;
use refusals::{Wish, had_been_done, refusal, turn_down};
pub(crate) use settings_post::SettingsPost;

/// A button that names the revision its page showed.
#[derive(Deserialize)]
pub(crate) struct RevisionPost {
    revision: i64,
}

#[derive(Deserialize)]
pub(crate) struct CheckInPath {
    check_id: String,
}

impl CheckInPath {
    fn id(&self) -> Result<CheckId, WebError> {
        self.check_id.parse().map_err(|_| WebError::NotFound)
    }
}

/// Which page of the delivery history is looked at: none for the newest.
#[derive(Deserialize)]
pub(crate) struct HistoryQuery {
    before: Option<String>,
    after: Option<String>,
}

/// What the form is to hold.
#[derive(Deserialize)]
pub(crate) struct FormQuery {
    form: Option<String>,
}

impl FormQuery {
    const IN_FORCE: &str = "in_force";

    /// Rather than what a check without effect was about.
    fn is_in_force(&self) -> bool {
        self.form.as_deref() == Some(FormQuery::IN_FORCE)
    }
}

impl HistoryQuery {
    fn cursor(&self) -> Result<HistoryCursor, WebError> {
        let sequence = |text: &str| text.parse().ok().and_then(Sequence::new).ok_or(WebError::NotFound);
        match (&self.before, &self.after) {
            (None, None) => Ok(HistoryCursor::Newest),
            (Some(before), None) => Ok(HistoryCursor::Before(sequence(before)?)),
            (None, Some(after)) => Ok(HistoryCursor::After(sequence(after)?)),
            (Some(_), Some(_)) => Err(WebError::NotFound),
        }
    }
}

/// The page's address.
fn href(member: &Member) -> String {
    format!("{}/settings/audit-logs", organization_href(&member.organization))
}

fn back(request: &MemberRequest) -> Response {
    Redirect::to(&href(&request.member)).into_response()
}

async fn integration(request: &MemberRequest) -> Result<Integration, WebError> {
    request.web.store.integration(request.organization_id()).await?.ok_or(WebError::NotFound)
}

pub(crate) async fn show(
    request: MemberRequest,
    Query(history): Query<HistoryQuery>,
    Query(form): Query<FormQuery>,
) -> Result<Response, WebError> {
    let cursor = history.cursor()?;
    let integration = integration(&request).await?;
    let default_window = request.web.config.default_window;
    let input = match form.is_in_force() {
        true => FormInput::in_force(&integration, default_window),
        false => FormInput::as_stored(&integration, default_window),
    };
    let page = compose::page(&request, &integration, input, cursor).await?;
    html(StatusCode::OK, &page.with_flash(request.take_flash()))
}

pub(crate) async fn enable(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    submit(&request, post, Purpose::Enable).await
}

pub(crate) async fn update(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    submit(&request, post, Purpose::Update).await
}

/// Parses the form and asks for the check of it; what can't be done comes back with the typed values kept.
async fn submit(request: &MemberRequest, post: SettingsPost, purpose: Purpose) -> Result<Response, WebError> {
    let SettingsPost { revision, typed, repeated, choices } = post;
    let stored = integration(request).await?;
    let shown = FormInput::as_stored(&stored, request.web.config.default_window).typed;
    let typed = form::without_the_key_left_over(typed, &shown);
    let default_window =
        stored.settings.map_or(request.web.config.default_window, |settings| settings.window);
    let parsed = typed.parse_served(default_window, &request.web.config.principals);
    let (proposed, revision) = match (parsed, revision) {
        (Ok(settings), Some(revision)) if repeated.is_empty() => (settings, revision),
        (parsed, revision) => {
            let errors = form::with_repeated(parsed.err().unwrap_or_default(), repeated);
            let input = FormInput::invalid(typed, errors, choices).of_revision(revision);
            return again(request, StatusCode::UNPROCESSABLE_ENTITY, input).await;
        }
    };
    match ask(request, purpose, Some(proposed.clone()), revision).await {
        Ok(opened) => Ok(show_checklist(request, opened)),
        Err(refused) => turn_down(request, Wish::Check(purpose, Some(&proposed)), refused, Some(typed)).await,
    }
}

async fn again(request: &MemberRequest, status: StatusCode, input: FormInput) -> Result<Response, WebError> {
    let integration = integration(request).await?;
    html(status, &compose::page(request, &integration, input, HistoryCursor::Newest).await?)
}

pub(crate) async fn activate(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    press(&request, &post, Purpose::Activate).await
}

pub(crate) async fn check(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    press(&request, &post, Purpose::Test).await
}

/// Asks for a check of the settings in force.
async fn press(request: &MemberRequest, post: &RevisionPost, purpose: Purpose) -> Result<Response, WebError> {
    match ask(request, purpose, None, Revision::new(post.revision)).await {
        Ok(opened) => Ok(show_checklist(request, opened)),
        Err(refused) => {
            let wish = Wish::Check(purpose, None);
            let is_on = integration(request).await?.situation() == Situation::Active;
            if purpose == Purpose::Activate && is_on && matches!(refused, Refused::NotPossible) {
                return had_been_done(request, wish, &refused).await;
            }
            turn_down(request, wish, refused, None).await
        }
    }
}

async fn ask(
    request: &MemberRequest,
    purpose: Purpose,
    proposed: Option<Settings>,
    revision: Revision,
) -> Result<OpenedCheck, Refused> {
    let new = NewCheck {
        caller: request.caller(),
        organization: request.organization_id(),
        purpose,
        proposed,
        revision,
    };
    request.web.store.open_check(new).await
}

fn show_checklist(request: &MemberRequest, opened: OpenedCheck) -> Response {
    if opened.joined {
        request.leave_flash(Sentence::CheckJoined);
    }
    back(request)
}

pub(crate) async fn deliver_now(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let revision = Revision::new(post.revision);
    let asked = request.web.store.deliver_now(request.caller(), organization, revision).await;
    let wish = Wish::Delivery(DeliveryRequest::DeliverNow);
    match asked {
        Ok(true) => request.leave_flash(Sentence::DeliveringNow),
        Ok(false) => request.leave_flash(Sentence::NothingWaits),
        Err(refused @ Refused::NotPossible) => return had_been_done(&request, wish, &refused).await,
        Err(refused) => return turn_down(&request, wish, refused, None).await,
    }
    Ok(back(&request))
}

pub(crate) async fn try_again(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let revision = Revision::new(post.revision);
    match request.web.store.try_again(request.caller(), organization, revision).await {
        Ok(true) => request.leave_flash(Sentence::TryingAgain),
        Ok(false) => request.leave_flash(Sentence::NothingFailed),
        Err(refused) => {
            let wish = Wish::Delivery(DeliveryRequest::TryAgain);
            return turn_down(&request, wish, refused, None).await;
        }
    }
    Ok(back(&request))
}

pub(crate) async fn cancel_check(
    request: MemberRequest,
    Path(path): Path<CheckInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let (id, organization) = (path.id()?, request.organization_id());
    let store = &request.web.store;
    store.access_check(organization, id).await?.ok_or(WebError::NotFound)?;
    let cancelled = store.cancel_check(request.caller(), organization, id).await;
    let ended_by_us = cancelled.map_err(refusal)?;
    request.leave_flash(if ended_by_us { Sentence::CheckCancelled } else { Sentence::CheckHadEnded });
    Ok(back(&request))
}
