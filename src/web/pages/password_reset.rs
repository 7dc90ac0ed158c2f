//! Password resets: a link that sets an account's password, once. Opening it changes nothing, because mail scanners
//! do.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_cookies::Cookies;
use tower_sessions::Session;

use super::LinkInPath;
use super::session::sign_out;
use crate::domain::credential::{LinkToken, Password};
use crate::domain::user::User;
use crate::store::ResetRefused;
use crate::web::error::WebError;
use crate::web::flash::{self, Sentence};
use crate::web::form::CheckedForm;
use crate::web::render::{Shell, html};
use crate::web::visitor::Visitor;
use crate::web::{Web, device};

/// The form for a new password.
#[derive(Template)]
#[template(path = "pages/password_reset/edit.html")]
struct PasswordResetEdit {
    shell: Shell,
    action: String,
    email: String,
    password_error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

pub(crate) async fn edit(
    State(web): State<Web>,
    visitor: Visitor,
    Path(path): Path<LinkInPath>,
) -> Result<Response, WebError> {
    let token = path.token()?;
    let user = account(&web, &token).await?;
    page(&visitor, StatusCode::OK, &token, &user, None)
}

pub(crate) async fn update(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Path(path): Path<LinkInPath>,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> Result<Response, WebError> {
    let token = path.token()?;
    let user = account(&web, &token).await?;
    let password = match Password::new(&form.password) {
        Ok(password) => password,
        Err(error) => {
            let error = Some(error.to_string());
            return page(&visitor, StatusCode::UNPROCESSABLE_ENTITY, &token, &user, error);
        }
    };
    let password_hash = web.passwords.hash(password, &web.entropy).await?;
    let caller = {
        let visitor = visitor.clone();
        move |user: &_| visitor.caller(user)
    };
    let user = web.store.reset_password(token.hash(), password_hash, caller).await.map_err(refusal)?;
    // Whoever has the link is let in here, however many guess elsewhere.
    device::remember(&web, &cookies, user.id).await?;
    // Whoever is signed in here makes room for the account that now signs in with its new password.
    sign_out(&web, &visitor, &session).await?;
    flash::leave(&web, &cookies, Sentence::PasswordSet);
    Ok(Redirect::to("/sign-in").into_response())
}

/// Whose password the link sets.
async fn account(web: &Web, token: &LinkToken) -> Result<User, WebError> {
    web.store.password_reset(token.hash()).await?.ok_or(WebError::LinkOver)
}

fn refusal(refused: ResetRefused) -> WebError {
    match refused {
        ResetRefused::LinkOver => WebError::LinkOver,
        ResetRefused::Store(error) => error.into(),
    }
}

fn page(
    visitor: &Visitor,
    status: StatusCode,
    token: &LinkToken,
    user: &User,
    password_error: Option<String>,
) -> Result<Response, WebError> {
    let page = PasswordResetEdit {
        shell: Shell::alone(visitor, "Set your password"),
        action: format!("/password-resets/{}", token.expose()),
        email: user.email.to_string(),
        password_error,
    };
    html(status, &page)
}
