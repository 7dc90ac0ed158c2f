//! Invitations: what a link leads to, and accepting it. Opening a link changes nothing, because mail scanners do.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use tower_cookies::Cookies;
use tower_sessions::Session;

use super::{FieldView, LinkInPath};
use crate::domain::credential::{LinkToken, Password, PasswordVersion};
use crate::domain::invitation::{Invitation, WayIn};
use crate::domain::organization::Organization;
use crate::domain::user::DisplayName;
use crate::store::AcceptRefused;
use crate::web::error::WebError;
use crate::web::flash::{self, Sentence};
use crate::web::form::CheckedForm;
use crate::web::render::{Shell, html, organization_href};
use crate::web::visitor::Visitor;
use crate::web::{Web, device, session};

/// An invitation of an e-mail address that has no account.
#[derive(Template)]
#[template(path = "pages/invitation/new.html")]
struct InvitationNew {
    shell: Shell,
    invited: Invited,
    name: FieldView,
    password_error: Option<String>,
}

/// An invitation of an account.
#[derive(Template)]
#[template(path = "pages/invitation/show.html")]
struct InvitationShow {
    shell: Shell,
    invited: Invited,
    step: Step,
}

/// Whom, where to and as what.
struct Invited {
    /// The page's own address, where its forms go.
    href: String,
    organization: String,
    role: &'static str,
    email: String,
}

/// What has to be done.
enum Step {
    SignIn { href: String },
    Accept,
    SignOut { email: String },
}

/// Of an account that exists only the button is sent.
#[derive(Deserialize)]
pub(crate) struct AcceptForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

/// A request for an invitation that can be used.
struct Bearer {
    web: Web,
    visitor: Visitor,
    token: LinkToken,
    invitation: Invitation,
}

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    Path(path): Path<LinkInPath>,
) -> Result<Response, WebError> {
    Bearer::find(web, visitor, &path).await?.page(StatusCode::OK)
}

pub(crate) async fn accept(
    State(web): State<Web>,
    visitor: Visitor,
    cookies: Cookies,
    session: Session,
    Path(path): Path<LinkInPath>,
    CheckedForm(form): CheckedForm<AcceptForm>,
) -> Result<Response, WebError> {
    let bearer = Bearer::find(web, visitor, &path).await?;
    match bearer.way_in() {
        WayIn::NewAccount => bearer.make_account(&cookies, &session, form).await,
        WayIn::Accept => bearer.join(&cookies).await,
        // The page was made before somebody signed in or out, or made the account: this is what it would say now.
        WayIn::SignIn | WayIn::SomebodyElse(_) => bearer.page(StatusCode::CONFLICT),
    }
}

impl Bearer {
    async fn find(web: Web, visitor: Visitor, path: &LinkInPath) -> Result<Bearer, WebError> {
        let token = path.token()?;
        let invitation = web.store.invitation(token.hash()).await?.ok_or(WebError::LinkOver)?;
        Ok(Bearer { web, visitor, token, invitation })
    }

    fn way_in(&self) -> WayIn {
        self.invitation.way_in(self.visitor.user.as_ref().map(|user| &user.email))
    }

    fn href(&self) -> String {
        format!("/invitations/{}", self.token.expose())
    }

    fn page(&self, status: StatusCode) -> Result<Response, WebError> {
        let step = match self.way_in() {
            WayIn::NewAccount => {
                let name = FieldView { value: self.invitation.email.suggested_name(), error: None };
                return self.form_page(status, name, None);
            }
            WayIn::SignIn => Step::SignIn { href: format!("/sign-in?return_to={}", self.href()) },
            WayIn::Accept => Step::Accept,
            WayIn::SomebodyElse(email) => Step::SignOut { email: email.to_string() },
        };
        html(status, &InvitationShow { shell: self.shell(), invited: self.invited(), step })
    }

    fn form_page(
        &self,
        status: StatusCode,
        name: FieldView,
        password_error: Option<String>,
    ) -> Result<Response, WebError> {
        html(status, &InvitationNew { shell: self.shell(), invited: self.invited(), name, password_error })
    }

    fn shell(&self) -> Shell {
        Shell::alone(&self.visitor, &format!("Invitation to {}", self.invitation.organization_name))
    }

    fn invited(&self) -> Invited {
        Invited {
            href: self.href(),
            organization: self.invitation.organization_name.to_string(),
            role: self.invitation.role.label(),
            email: self.invitation.email.to_string(),
        }
    }

    async fn make_account(
        &self,
        cookies: &Cookies,
        session: &Session,
        form: AcceptForm,
    ) -> Result<Response, WebError> {
        let (name, password) = match (form.name.parse::<DisplayName>(), Password::new(&form.password)) {
            (Ok(name), Ok(password)) => (name, password),
            (name, password) => {
                let error = name.err().map(|error| error.to_string());
                let name = FieldView { value: form.name, error };
                let password_error = password.err().map(|error| error.to_string());
                return self.form_page(StatusCode::UNPROCESSABLE_ENTITY, name, password_error);
            }
        };
        let password_hash = self.web.passwords.hash(password, &self.web.entropy).await?;
        let visitor = self.visitor.clone();
        let caller = move |user: &_| visitor.caller(user);
        let (store, token) = (&self.web.store, self.token.hash());
        let (user, organization) = match store.accept_as_new_account(token, name, password_hash, caller).await
        {
            Ok(made) => made,
            Err(refused) => return self.refusal(refused).await,
        };
        device::remember(&self.web, cookies, user.id).await?;
        let user_agent = self.visitor.user_agent();
        session::sign_in(session, user.id, PasswordVersion::default(), user_agent, self.web.clock.wall())
            .await?;
        store.record_login(self.visitor.caller(&user), user).await?;
        Ok(self.arrive(cookies, &organization, Sentence::AccountMade))
    }

    async fn join(&self, cookies: &Cookies) -> Result<Response, WebError> {
        let user = self.visitor.user.clone().ok_or(WebError::MissingExtension("User"))?;
        let caller = self.visitor.caller(&user);
        match self.web.store.accept_as_account(caller, user, self.token.hash()).await {
            Ok(organization) => Ok(self.arrive(cookies, &organization, Sentence::Joined)),
            Err(refused) => self.refusal(refused).await,
        }
    }

    fn arrive(&self, cookies: &Cookies, organization: &Organization, sentence: Sentence) -> Response {
        flash::leave(&self.web, cookies, sentence);
        Redirect::to(&organization_href(organization)).into_response()
    }

    /// Somebody was quicker: what the page says from now on.
    async fn refusal(&self, refused: AcceptRefused) -> Result<Response, WebError> {
        match refused {
            AcceptRefused::LinkOver => Err(WebError::LinkOver),
            AcceptRefused::AccountExists | AcceptRefused::OtherAccount => {
                let found = self.web.store.invitation(self.token.hash()).await?;
                let invitation = found.ok_or(WebError::LinkOver)?;
                let (web, visitor, token) = (self.web.clone(), self.visitor.clone(), self.token.clone());
                Bearer { web, visitor, token, invitation }.page(StatusCode::CONFLICT)
            }
            AcceptRefused::Store(error) => Err(error.into()),
        }
    }
}
