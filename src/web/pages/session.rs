//! Signing in and out, and where one lands.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tower_cookies::Cookies;
use tower_sessions::Session;

use super::{FieldView, local_path};
use crate::domain::credential::Password;
use crate::domain::id::UserId;
use crate::domain::throttle::SignInTry;
use crate::domain::user::EmailAddress;
use crate::store::{SignIn, SignInRefused};
use crate::web::device::BrowserDevice;
use crate::web::error::WebError;
use crate::web::flash;
use crate::web::form::CheckedForm;
use crate::web::password::{HashError, Turn};
use crate::web::render::{Shell, html, organization_href};
use crate::web::visitor::Visitor;
use crate::web::wording::count;
use crate::web::{Web, session};

/// The same words for an unknown account as for a wrong password.
const WRONG: &str = "That e-mail address and password don’t belong together. Check both and try again.";

const CROWDED: &str = "Many people are signing in at this moment. Wait a few seconds, then try again.";

/// The sign-in page.
#[derive(Template)]
#[template(path = "pages/session/new.html")]
struct SignInPage {
    shell: Shell,
    email: FieldView,
    /// Why the last try failed.
    error: Option<String>,
    return_to: String,
    /// Empty outside the demo.
    shortcuts: Vec<Shortcut>,
}

/// One click that posts the ordinary sign-in form.
struct Shortcut {
    label: String,
    detail: String,
    email: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct ReturnTo {
    #[serde(default)]
    return_to: String,
}

#[derive(Deserialize)]
pub(crate) struct SignInForm {
    email: String,
    password: String,
    #[serde(default)]
    return_to: String,
}

#[derive(Deserialize)]
pub(crate) struct SignOutForm {
    #[serde(default)]
    return_to: String,
}

/// Where one lands before the first invitation.
#[derive(Template)]
#[template(path = "pages/session/home.html")]
struct NoOrganization {
    shell: Shell,
    email: String,
}

pub(crate) async fn home(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
) -> Result<Response, WebError> {
    let Some(user) = &visitor.user else { return Ok(Redirect::to("/sign-in").into_response()) };
    let memberships = web.store.memberships(user.id).await?;
    let Some(first) = memberships.first() else {
        let email = user.email.to_string();
        let shell = Shell::alone(&visitor, "No organization").with_flash(flash::take(&web, &cookies));
        return html(StatusCode::OK, &NoOrganization { shell, email });
    };
    Ok(Redirect::to(&organization_href(&first.organization)).into_response())
}

pub(crate) async fn new(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    Query(query): Query<ReturnTo>,
) -> Result<Response, WebError> {
    let return_to = local_path(&query.return_to).to_owned();
    if visitor.user.is_some() {
        return Ok(Redirect::to(&return_to).into_response());
    }
    let shell = Shell::alone(&visitor, "Sign in").with_flash(flash::take(&web, &cookies));
    sign_in_page(&web, shell, StatusCode::OK, FieldView::default(), None, return_to)
}

pub(crate) async fn create(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    CheckedForm(form): CheckedForm<SignInForm>,
) -> Result<Response, WebError> {
    let return_to = local_path(&form.return_to).to_owned();
    let again = |status, error: &str| {
        let email = FieldView { value: form.email.clone(), error: None };
        let shell = Shell::alone(&visitor, "Sign in");
        sign_in_page(&web, shell, status, email, Some(error.to_owned()), return_to.clone())
    };
    // Held until it is known whether the try failed: of those who sign in at once, few count as failed meanwhile.
    let turn = match web.passwords.turn().await {
        Err(HashError::Crowded) => return again(StatusCode::TOO_MANY_REQUESTS, CROWDED),
        turn => turn?,
    };
    let device = BrowserDevice::of(&web, &cookies);
    let counted = match web.store.begin_sign_in(attempt(&visitor, &form, &device), web.clock.wall()).await {
        Err(SignInRefused::Wait(wait)) => {
            let seconds = count(wait.as_secs() + 1, "second");
            let error = format!("Too many sign-ins have failed here. Wait {seconds}, then try again.");
            return again(StatusCode::TOO_MANY_REQUESTS, &error);
        }
        Err(SignInRefused::Store(error)) => return Err(error.into()),
        Ok(counted) => counted,
    };
    let (authenticated, turn) = authenticate(&web, turn, &form).await?;
    let (user, password_version) = match authenticated {
        Ok(SignIn { user, password_version, .. }) => (user, password_version),
        Err(account) => {
            web.store.note_failed_login(visitor.failed_login(account)).await?;
            return again(StatusCode::UNPROCESSABLE_ENTITY, WRONG);
        }
    };
    let was_known = web.store.finish_sign_in(counted, user.id, device.hashes(), web.clock.wall()).await?;
    drop(turn);
    device.leave(&web, &cookies, was_known);
    if visitor.user.as_ref().is_some_and(|before| before.id != user.id) {
        sign_out(&web, &visitor, &session).await?;
    }
    session::sign_in(&session, user.id, password_version, visitor.user_agent(), web.clock.wall()).await?;
    web.store.record_login(visitor.caller(&user), user).await?;
    Ok(Redirect::to(&return_to).into_response())
}

fn attempt(visitor: &Visitor, form: &SignInForm, device: &BrowserDevice) -> SignInTry {
    SignInTry { email: form.email.parse().ok(), address: visitor.address(), device: device.brought() }
}

pub(crate) async fn delete(
    State(web): State<Web>,
    visitor: Visitor,
    session: Session,
    CheckedForm(form): CheckedForm<SignOutForm>,
) -> Result<Redirect, WebError> {
    sign_out(&web, &visitor, &session).await?;
    Ok(Redirect::to(match local_path(&form.return_to) {
        "/" => "/sign-in",
        elsewhere => elsewhere,
    }))
}

/// Signs out whoever is signed in, on the record.
pub(super) async fn sign_out(web: &Web, visitor: &Visitor, session: &Session) -> Result<(), WebError> {
    if let (Some(user), Some(id)) = (visitor.user.clone(), session.id()) {
        web.store.sign_out(visitor.caller(&user), user, session::hash(id)).await?;
    }
    // The row is gone; this takes the cookie too.
    session.flush().await?;
    Ok(())
}

/// Who signs in, or else the account that the password was wrong for, if there is one.
type Authenticated = Result<SignIn, Option<UserId>>;

/// The same work for an account that does not exist as for a wrong password.
async fn authenticate(web: &Web, turn: Turn, form: &SignInForm) -> Result<(Authenticated, Turn), WebError> {
    let found = match form.email.parse::<EmailAddress>() {
        Ok(email) => web.store.sign_in(email).await?,
        Err(_) => None,
    };
    let account = found.as_ref().map(|found| found.user.id);
    let Ok(password) = Password::typed(&form.password) else { return Ok((Err(account), turn)) };
    let stored = found.as_ref().map(|found| found.password_hash.clone());
    let (matches, turn) = turn.matches(password, stored).await?;
    Ok((found.filter(|_| matches).ok_or(account), turn))
}

fn sign_in_page(
    web: &Web,
    shell: Shell,
    status: StatusCode,
    email: FieldView,
    error: Option<String>,
    return_to: String,
) -> Result<Response, WebError> {
    let shortcuts = web.config.shortcuts.iter().map(|shortcut| Shortcut {
        label: shortcut.label.clone(),
        detail: shortcut.detail.clone(),
        email: shortcut.email.clone(),
        password: shortcut.password.expose_secret().to_owned(),
    });
    let page = SignInPage { shell, email, error, return_to, shortcuts: shortcuts.collect() };
    html(status, &page)
}
