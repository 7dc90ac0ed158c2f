//! The account of whoever is signed in: name, password, and the browsers in which they are signed in.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tower_cookies::Cookies;
use tower_sessions::Session;

use super::FieldView;
use crate::domain::credential::Password;
use crate::domain::throttle::SignInTry;
use crate::domain::user::{DisplayName, User};
use crate::store::{ListedSession, Membership, PasswordRefused, SessionHash, SignIn, SignInRefused};
use crate::web::access::Member;
use crate::web::browser::browser_label;
use crate::web::device::{self, BrowserDevice};
use crate::web::error::WebError;
use crate::web::flash::{self, Sentence};
use crate::web::form::CheckedForm;
use crate::web::render::{Shell, html};
use crate::web::visitor::Visitor;
use crate::web::wording::{Moment, count};
use crate::web::{Web, session};

const TITLE: &str = "Your account";

/// An organization's pages lead here with its id, so that its sidebar stays; everybody's first one's is shown
/// otherwise.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct CameFrom {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
}

/// The account page.
#[derive(Template)]
#[template(path = "pages/account/show.html")]
struct AccountShow {
    shell: Shell,
    /// Behind the addresses of the page's forms: where the visitor came from.
    query: String,
    email: String,
    name: FieldView,
    current_password_error: Option<String>,
    password_error: Option<String>,
    sessions: Vec<SessionView>,
    /// Whether there is another one than this.
    has_others: bool,
}

struct SessionView {
    /// As the form that ends it sends it.
    id: String,
    browser: String,
    is_current: bool,
    began: Moment,
    seen: Moment,
}

/// A request of somebody who is signed in.
struct Visit {
    web: Web,
    visitor: Visitor,
    user: User,
    cookies: Cookies,
    session: Session,
    came_from: CameFrom,
}

/// What is wrong with the forms, and what was typed into them.
#[derive(Default)]
struct Wrong {
    name: Option<FieldView>,
    current_password: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct NameForm {
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    current_password: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct SessionForm {
    session: String,
}

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Query(came_from): Query<CameFrom>,
) -> Result<Response, WebError> {
    Visit::new(web, visitor, cookies, session, came_from)?.page(StatusCode::OK, Wrong::default()).await
}

pub(crate) async fn rename(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Query(came_from): Query<CameFrom>,
    CheckedForm(form): CheckedForm<NameForm>,
) -> Result<Response, WebError> {
    let visit = Visit::new(web, visitor, cookies, session, came_from)?;
    let name: DisplayName = match form.name.parse() {
        Ok(name) => name,
        Err(error) => {
            let name = FieldView { value: form.name, error: Some(format!("{error}")) };
            let wrong = Wrong { name: Some(name), ..Wrong::default() };
            return visit.page(StatusCode::UNPROCESSABLE_ENTITY, wrong).await;
        }
    };
    visit.web.store.rename_user(visit.visitor.caller(&visit.user), visit.user.clone(), name).await?;
    visit.done(Sentence::NameSaved)
}

pub(crate) async fn change_password(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Query(came_from): Query<CameFrom>,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> Result<Response, WebError> {
    Visit::new(web, visitor, cookies, session, came_from)?.change_password(form).await
}

pub(crate) async fn end_sessions(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Query(came_from): Query<CameFrom>,
    CheckedForm(form): CheckedForm<SessionForm>,
) -> Result<Response, WebError> {
    let visit = Visit::new(web, visitor, cookies, session, came_from)?;
    let kept = visit.current().ok_or(WebError::MissingExtension("Session"))?;
    let (store, user, caller) = (&visit.web.store, visit.user.clone(), visit.visitor.caller(&visit.user));
    let sentence = match SessionsInForm::parse(&form.session).ok_or(WebError::BadForm)? {
        SessionsInForm::Others => match store.end_other_sessions(caller, user, kept).await? {
            0 => Sentence::Nothing,
            _ => Sentence::OtherSessionsEnded,
        },
        // This one is signed out with its own button.
        SessionsInForm::One(id) if id != kept && store.end_session(caller, user, id).await? => {
            Sentence::SessionEnded
        }
        SessionsInForm::One(_) => Sentence::Nothing,
    };
    visit.done(sentence)
}

/// Which sessions are to end.
enum SessionsInForm {
    Others,
    One(SessionHash),
}

impl SessionsInForm {
    /// The word `others`, or a session's hash in hexadecimal.
    fn parse(text: &str) -> Option<SessionsInForm> {
        let mut id = SessionHash::default();
        match (text, hex::decode_to_slice(text, &mut id)) {
            ("others", _) => Some(SessionsInForm::Others),
            (_, Ok(())) => Some(SessionsInForm::One(id)),
            (_, Err(_)) => None,
        }
    }
}

impl Visit {
    fn new(
        web: Web,
        visitor: Visitor,
        cookies: Cookies,
        session: Session,
        came_from: CameFrom,
    ) -> Result<Visit, WebError> {
        let user = visitor.user.clone().ok_or(WebError::MissingExtension("User"))?;
        Ok(Visit { web, visitor, user, cookies, session, came_from })
    }

    fn current(&self) -> Option<SessionHash> {
        self.session.id().map(session::hash)
    }

    fn done(&self, sentence: Sentence) -> Result<Response, WebError> {
        flash::leave(&self.web, &self.cookies, sentence);
        Ok(Redirect::to(&format!("/account{}", self.query()?)).into_response())
    }

    fn query(&self) -> Result<String, WebError> {
        let query = serde_urlencoded::to_string(&self.came_from)?;
        Ok(if query.is_empty() { query } else { format!("?{query}") })
    }

    /// In the organization that the visitor came from, in their first one, or in none where they belong to none.
    async fn shell(&self) -> Result<Shell, WebError> {
        let alone = Shell::alone(&self.visitor, TITLE);
        let memberships = self.web.store.memberships(self.user.id).await?;
        let is_theirs = |membership: &&Membership| {
            Some(membership.organization.id.to_string()) == self.came_from.organization
        };
        let Some(found) = memberships.iter().find(is_theirs).or(memberships.first()) else {
            return Ok(alone);
        };
        let Membership { organization, role } = found.clone();
        let member = Member { user: self.user.clone(), organization, role };
        // The account is no organization's: its title names none.
        let shell = Shell::of_member(&self.web, &self.visitor, &member, TITLE, None).await?;
        Ok(Shell { title: alone.title, ..shell })
    }

    /// The same tries as at sign-in, counted with them: whoever finds a browser signed in can't guess on from here.
    async fn change_password(self, form: PasswordForm) -> Result<Response, WebError> {
        let password = match Password::new(&form.password) {
            Ok(password) => password,
            Err(error) => {
                let wrong = Wrong { password: Some(error.to_string()), ..Wrong::default() };
                return self.page(StatusCode::UNPROCESSABLE_ENTITY, wrong).await;
            }
        };
        let turn = self.web.passwords.turn().await?;
        let device = BrowserDevice::of(&self.web, &self.cookies);
        let attempt = SignInTry {
            email: Some(self.user.email.clone()),
            address: self.visitor.address(),
            device: device.brought(),
        };
        let counted = match self.web.store.begin_sign_in(attempt, self.web.clock.wall()).await {
            Err(SignInRefused::Wait(wait)) => {
                let seconds = count(wait.as_secs() + 1, "second");
                let error = format!("Too many tries have failed. Wait {seconds}, then try again.");
                return self.wrong_password(StatusCode::TOO_MANY_REQUESTS, &error).await;
            }
            Err(SignInRefused::Store(error)) => return Err(error.into()),
            Ok(counted) => counted,
        };
        let account =
            self.web.store.account(self.user.id).await?.ok_or(WebError::MissingExtension("User"))?;
        let SignIn { password_hash, password_version, .. } = account;
        let (matches, turn) = match Password::typed(&form.current_password) {
            Ok(typed) => turn.matches(typed, Some(password_hash)).await?,
            Err(_) => (false, turn),
        };
        if !matches {
            return self.wrong_password(StatusCode::UNPROCESSABLE_ENTITY, "This is not your password.").await;
        }
        self.web.store.finish_sign_in(counted, self.user.id, device.hashes(), self.web.clock.wall()).await?;
        drop(turn);
        let new_hash = self.web.passwords.hash(password, &self.web.entropy).await?;
        let caller = self.visitor.caller(&self.user);
        let changed =
            self.web.store.change_password(caller, self.user.clone(), password_version, new_hash).await;
        let version = match changed {
            Ok(version) => version,
            Err(PasswordRefused::ChangedMeanwhile) => {
                let error = "Your password was changed meanwhile. Try again with the new one.";
                return self.wrong_password(StatusCode::CONFLICT, error).await;
            }
            Err(PasswordRefused::Store(error)) => return Err(error.into()),
        };
        // Every other browser is signed out and forgotten; this one begins anew.
        device::remember(&self.web, &self.cookies, self.user.id).await?;
        let (user_agent, now) = (self.visitor.user_agent(), self.web.clock.wall());
        session::sign_in(&self.session, self.user.id, version, user_agent, now).await?;
        self.done(Sentence::PasswordChanged)
    }

    async fn wrong_password(&self, status: StatusCode, error: &str) -> Result<Response, WebError> {
        self.page(status, Wrong { current_password: Some(error.to_owned()), ..Wrong::default() }).await
    }

    async fn page(&self, status: StatusCode, wrong: Wrong) -> Result<Response, WebError> {
        let now = self.web.clock.wall();
        let sessions = self.web.store.sessions_of(self.user.id, now).await?;
        let sessions: Vec<SessionView> = sessions
            .iter()
            .filter(|listed| now.since(listed.created_at) <= session::ABSOLUTE)
            .map(|listed| self.session_view(listed))
            .collect();
        let name = FieldView { value: self.user.display_name.to_string(), error: None };
        let page = AccountShow {
            shell: self.shell().await?.with_flash(flash::take(&self.web, &self.cookies)),
            query: self.query()?,
            email: self.user.email.to_string(),
            name: wrong.name.unwrap_or(name),
            current_password_error: wrong.current_password,
            password_error: wrong.password,
            has_others: sessions.iter().any(|session| !session.is_current),
            sessions,
        };
        html(status, &page)
    }

    fn session_view(&self, listed: &ListedSession) -> SessionView {
        let now = self.web.clock.wall();
        SessionView {
            id: hex::encode(listed.id),
            browser: browser_label(&listed.user_agent),
            is_current: self.current() == Some(listed.id),
            began: Moment::new(listed.created_at, now),
            seen: Moment::new(listed.last_seen_at, now),
        }
    }
}
