//! Settings > Audit logs: the handlers. What the page shows is composed in `compose`, of the parts in `view`.

mod compose;
mod form;
mod parts;
mod view;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use tower_cookies::Cookies;

use crate::domain::access_check::Purpose;
use crate::domain::id::CheckId;
use crate::domain::integration::{Revision, Settings, TypedSettings};
use crate::store::{Integration, NewCheck, OpenedCheck, Refused, SwitchedOff};
use crate::web::Web;
use crate::web::access::Member;
use crate::web::error::WebError;
use crate::web::flash::{self, Sentence};
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::visitor::Visitor;
use crate::web::wording::count;
use form::FormInput;
use view::{AuditLogsDisable, AuditLogsRemove, CheckFragment, DeliveriesFragment, StatusFragment};

/// Tells the live parts of a page that its situation has changed.
const RELOAD: HeaderName = HeaderName::from_static("x-trailpost-reload");

#[derive(Deserialize)]
pub(crate) struct SettingsPost {
    revision: i64,
    role_arn: String,
    bucket: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    bucket_owner_account: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    compression: String,
    #[serde(default)]
    window_minutes: String,
}

impl SettingsPost {
    fn into_typed(self) -> (Revision, TypedSettings) {
        let typed = TypedSettings {
            role_arn: self.role_arn,
            bucket: self.bucket,
            prefix: self.prefix,
            bucket_owner_account: self.bucket_owner_account,
            format: self.format,
            compression: self.compression,
            window_minutes: self.window_minutes,
        };
        (Revision::new(self.revision), typed)
    }
}

/// A button that names the revision its page showed.
#[derive(Deserialize)]
pub(crate) struct RevisionPost {
    revision: i64,
}

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

#[derive(Deserialize)]
pub(crate) struct CheckInPath {
    check_id: String,
}

/// The page's address.
fn href(member: &Member) -> String {
    format!("{}/settings/audit-logs", organization_href(&member.organization))
}

fn back(member: &Member) -> Response {
    Redirect::to(&href(member)).into_response()
}

async fn integration(web: &Web, member: &Member) -> Result<Integration, WebError> {
    web.store.integration(member.organization.id).await?.ok_or(WebError::NotFound)
}

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
) -> Result<Response, WebError> {
    let integration = integration(&web, &member).await?;
    let input = FormInput::as_stored(&integration, web.config.default_window);
    let flash = flash::take(&web, &cookies);
    let page = compose::page(&web, &visitor, &member, &integration, input).await?;
    html(StatusCode::OK, &page.with_flash(flash))
}

pub(crate) async fn enable(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    submit(&web, &visitor, &member, &cookies, post, Purpose::Enable).await
}

pub(crate) async fn update(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    submit(&web, &visitor, &member, &cookies, post, Purpose::Update).await
}

/// Parses the form and asks for the check of it; what can't be done comes back with the typed values kept.
async fn submit(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    cookies: &Cookies,
    post: SettingsPost,
    purpose: Purpose,
) -> Result<Response, WebError> {
    let (revision, typed) = post.into_typed();
    let default_window = integration(web, member)
        .await?
        .settings
        .map_or(web.config.default_window, |settings| settings.window);
    let proposed = match typed.parse(default_window) {
        Ok(settings) => settings,
        Err(errors) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return again(web, visitor, member, status, FormInput::invalid(typed, errors)).await;
        }
    };
    match ask(web, visitor, member, purpose, Some(proposed), revision).await {
        Ok(opened) => {
            tell_if_joined(web, cookies, opened);
            Ok(back(member))
        }
        Err(Refused::Stale | Refused::NotPossible) => {
            again(web, visitor, member, StatusCode::CONFLICT, FormInput::conflicting(typed)).await
        }
        Err(refused) => Err(refusal(refused)),
    }
}

async fn again(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    status: StatusCode,
    input: FormInput,
) -> Result<Response, WebError> {
    let integration = integration(web, member).await?;
    html(status, &compose::page(web, visitor, member, &integration, input).await?)
}

pub(crate) async fn activate(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    press(&web, &visitor, &member, &cookies, post, Purpose::Activate).await
}

pub(crate) async fn check(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<RevisionPost>,
) -> Result<Response, WebError> {
    press(&web, &visitor, &member, &cookies, post, Purpose::Test).await
}

/// Asks for a check of the settings in force.
async fn press(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    cookies: &Cookies,
    post: RevisionPost,
    purpose: Purpose,
) -> Result<Response, WebError> {
    let opened = ask(web, visitor, member, purpose, None, Revision::new(post.revision)).await;
    match opened {
        Ok(opened) => {
            tell_if_joined(web, cookies, opened);
            Ok(back(member))
        }
        Err(refused) => stale_or(web, visitor, member, refused).await,
    }
}

async fn ask(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    purpose: Purpose,
    proposed: Option<Settings>,
    revision: Revision,
) -> Result<OpenedCheck, Refused> {
    let new = NewCheck {
        caller: visitor.caller(&member.user),
        user: member.user.id,
        organization: member.organization.id,
        purpose,
        proposed,
        revision,
    };
    web.store.open_check(new).await
}

fn tell_if_joined(web: &Web, cookies: &Cookies, opened: OpenedCheck) {
    if opened.joined {
        flash::leave(web, cookies, Sentence::CheckJoined);
    }
}

pub(crate) async fn confirm_disable(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
) -> Result<Response, WebError> {
    let integration = integration(&web, &member).await?;
    if !integration.active {
        return Ok(back(&member));
    }
    let title = "Disable audit logs?";
    let page = AuditLogsDisable {
        shell: Shell::of_member(&web, &visitor, &member, title, Some(Place::AuditLogs)).await?,
        action: format!("{}/disable", href(&member)),
        cancel_href: href(&member),
        revision: integration.revision.get(),
        pending: pending(&web, &member).await?,
        deliver_first: false,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn confirm_remove(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
) -> Result<Response, WebError> {
    let integration = integration(&web, &member).await?;
    if integration.settings.is_none() {
        return Ok(back(&member));
    }
    let title = "Remove integration?";
    let page = AuditLogsRemove {
        shell: Shell::of_member(&web, &visitor, &member, title, Some(Place::AuditLogs)).await?,
        action: format!("{}/remove", href(&member)),
        cancel_href: href(&member),
        revision: integration.revision.get(),
        pending: pending(&web, &member).await?,
        deliver_first: false,
    };
    html(StatusCode::OK, &page)
}

/// `132 records are waiting`, or none.
async fn pending(web: &Web, member: &Member) -> Result<Option<String>, WebError> {
    let status = web.store.delivery_status(member.organization.id).await?;
    let verb = if status.pending_records == 1 { "is" } else { "are" };
    let sentence = || format!("{} {verb} waiting", count(status.pending_records, "record"));
    Ok((status.pending_records > 0).then(sentence))
}

pub(crate) async fn disable(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<SwitchOffPost>,
) -> Result<Response, WebError> {
    let (caller, user) = (visitor.caller(&member.user), member.user.id);
    let done = web.store.disable(caller, user, member.organization.id, Revision::new(post.revision)).await;
    switched_off(&web, &visitor, &member, &cookies, done, Sentence::Disabled).await
}

pub(crate) async fn remove(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    CheckedForm(post): CheckedForm<SwitchOffPost>,
) -> Result<Response, WebError> {
    let (caller, user) = (visitor.caller(&member.user), member.user.id);
    let done = web.store.remove(caller, user, member.organization.id, Revision::new(post.revision)).await;
    switched_off(&web, &visitor, &member, &cookies, done, Sentence::Removed).await
}

async fn switched_off(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    cookies: &Cookies,
    done: Result<SwitchedOff, Refused>,
    sentence: Sentence,
) -> Result<Response, WebError> {
    match done {
        Ok(SwitchedOff { .. }) => {
            flash::leave(web, cookies, sentence);
            Ok(back(member))
        }
        Err(Refused::NotPossible) => {
            flash::leave(web, cookies, Sentence::Nothing);
            Ok(back(member))
        }
        Err(refused) => stale_or(web, visitor, member, refused).await,
    }
}

/// A stale button shows the page as it is now, and why nothing was done.
async fn stale_or(
    web: &Web,
    visitor: &Visitor,
    member: &Member,
    refused: Refused,
) -> Result<Response, WebError> {
    if !matches!(refused, Refused::Stale | Refused::NotPossible) {
        return Err(refusal(refused));
    }
    let stored = integration(web, member).await?;
    let typed = FormInput::as_stored(&stored, web.config.default_window).typed;
    again(web, visitor, member, StatusCode::CONFLICT, FormInput::conflicting(typed)).await
}

pub(crate) async fn cancel_check(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    cookies: Cookies,
    Path(path): Path<CheckInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let id: CheckId = path.check_id.parse().map_err(|_| WebError::NotFound)?;
    let (caller, organization) = (visitor.caller(&member.user), member.organization.id);
    web.store.access_check(organization, id).await?.ok_or(WebError::NotFound)?;
    let cancelled =
        web.store.cancel_check(caller, member.user.id, organization, id).await.map_err(refusal)?;
    let sentence = if cancelled { Sentence::CheckCancelled } else { Sentence::CheckHadEnded };
    flash::leave(&web, &cookies, sentence);
    Ok(back(&member))
}

/// The checklist alone, for the live part of the page.
pub(crate) async fn show_check(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    Path(path): Path<CheckInPath>,
) -> Result<Response, WebError> {
    let id: CheckId = path.check_id.parse().map_err(|_| WebError::NotFound)?;
    let check = web.store.access_check(member.organization.id, id).await?.ok_or(WebError::NotFound)?;
    let view = parts::check(&web, &visitor, &integration(&web, &member).await?, &check);
    let response = html(StatusCode::OK, &CheckFragment { check: view })?;
    Ok(if check.state.is_open() { response } else { asking_to_reload(response) })
}

/// What the page that polls was made of.
#[derive(Deserialize)]
pub(crate) struct SeenByPage {
    revision: Option<i64>,
    health: Option<String>,
}

/// The status card alone, for the live part of the page. A page that shows another situation is told to reload.
pub(crate) async fn show_status(
    State(web): State<Web>,
    member: Member,
    Query(seen): Query<SeenByPage>,
) -> Result<Response, WebError> {
    let integration = integration(&web, &member).await?;
    let status = web.store.delivery_status(member.organization.id).await?;
    let Some(card) = parts::status(&web, &integration, &status) else {
        return Ok(asking_to_reload(StatusCode::OK.into_response()));
    };
    let checking = integration.check.as_ref().is_some_and(|check| check.state.is_open());
    let as_seen = seen.revision.is_none_or(|revision| revision == integration.revision.get())
        && seen.health.is_none_or(|health| health == integration.health.as_str());
    let response = html(StatusCode::OK, &StatusFragment { status: card })?;
    Ok(if as_seen && !checking { response } else { asking_to_reload(response) })
}

/// The delivery history alone, for the live part of the page.
pub(crate) async fn show_deliveries(State(web): State<Web>, member: Member) -> Result<Response, WebError> {
    let fragment = DeliveriesFragment {
        deliveries: compose::deliveries(&web, &member).await?,
        deliveries_live_url: compose::deliveries_live_url(&member),
    };
    html(StatusCode::OK, &fragment)
}

fn asking_to_reload(mut response: Response) -> Response {
    response.headers_mut().insert(RELOAD, HeaderValue::from_static("1"));
    response
}

fn refusal(refused: Refused) -> WebError {
    match refused {
        Refused::NotAnOwner => WebError::Forbidden { owners: Vec::new() },
        Refused::PlanTooLow => WebError::PlanTooLow,
        Refused::Stale | Refused::NotPossible => {
            WebError::Conflict { detail: "Someone else changed these settings.".to_owned(), index: None }
        }
        Refused::Store(error) => error.into(),
    }
}
