//! Who is at the keyboard: worked out once for each page request, before anything else looks at it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{header, request::Parts};
use sha2::{Digest, Sha256};
use tower_cookies::cookie::SameSite;
use tower_cookies::{Cookie, Cookies};
use tower_sessions::Session;

use super::Web;
use super::error::{self, WebError};
use super::headers::RequestId;
use super::session;
use crate::domain::caller::Caller;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::FailedLogin;

/// Live parts send it whenever nobody pressed anything, so that an open page alone keeps nobody signed in.
pub(super) const POLLING: &str = "x-trailpost-live";
const USER_AGENT_BYTES: usize = 512;

/// One page request's visitor.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The signed-in user.
    pub(super) user: Option<User>,
    /// What forms of this browser carry.
    pub(super) form_token: String,
    /// `auto`, `light` or `dark`.
    pub(super) theme: &'static str,
    /// The path that was asked for.
    pub(super) path: String,
    /// Names the request.
    pub(super) request_id: String,
    user_agent: String,
    address: Option<IpAddr>,
}

impl Visitor {
    /// Where the request came from.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// A wrong password for this account, for the records.
    pub(super) fn failed_login(&self, account: Option<UserId>) -> FailedLogin {
        FailedLogin { account, user_agent: self.user_agent.clone(), source_ip: self.address }
    }

    /// What the browser calls itself.
    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Who acts, for the records.
    pub(super) fn caller(&self, user: &User) -> Caller {
        Caller::user(user, &self.user_agent, self.address)
    }
}

/// Recognises the visitor and leaves them in the request. Whom the store can't be asked about is told so, on a page for
/// nobody in particular.
pub(super) async fn recognise(
    State(web): State<Web>,
    cookies: Cookies,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let polling = request.headers().contains_key(POLLING);
    let mut visitor = Visitor {
        user: None,
        form_token: form_token(&web, &cookies, &session),
        theme: theme(&web, &cookies),
        path: request.uri().path().to_owned(),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        user_agent: user_agent(&request),
        address: client_address(&web, &request),
    };
    match signed_in_user(&web, &session, polling).await {
        Ok(user) => visitor.user = user,
        Err(error) => return error::with_face(&web, &visitor, error.into_response()).await,
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

async fn signed_in_user(web: &Web, session: &Session, polling: bool) -> Result<Option<User>, WebError> {
    let Some(signed_in) = session::signed_in(session, web.clock.wall(), polling).await? else {
        return Ok(None);
    };
    let account = web.store.account(signed_in.user).await?;
    match account.filter(|account| account.password_version == signed_in.password) {
        Some(account) => Ok(Some(account.user)),
        // The password was set anew since: whoever knew the old one is out.
        None => {
            session.flush().await?;
            Ok(None)
        }
    }
}

/// Where a request came from, as far as the proxies in between are to be believed.
pub(super) fn client_address(web: &Web, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| web.config.trusted_proxies.client(peer.ip(), request.headers()))
}

/// The raw User-Agent, its beginning if it is long.
pub(super) fn user_agent(request: &Request) -> String {
    let raw = request.headers().get(header::USER_AGENT).map(|value| value.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&raw[..raw.len().min(USER_AGENT_BYTES)]).into_owned()
}

/// The second line against cross-site posts, behind the Origin check: a form carries a hash of a cookie that no
/// other site can read and of the session that it was made in.
fn form_token(web: &Web, cookies: &Cookies, session: &Session) -> String {
    let name = web.config.public_url.cookie_name("form");
    let secret = cookies.get(&name).map(|cookie| cookie.value().to_owned()).filter(|value| value.len() == 64);
    let secret = secret.unwrap_or_else(|| {
        let fresh = hex::encode(web.entropy.bytes::<32>());
        cookies.add(lasting_cookie(web, name, fresh.clone()));
        fresh
    });
    let session = session.id().map(|id| id.to_string()).unwrap_or_default();
    hex::encode(Sha256::digest(format!("{secret}.{session}")))
}

fn theme(web: &Web, cookies: &Cookies) -> &'static str {
    let chosen = cookies.get(&web.config.public_url.cookie_name("theme"));
    parse_theme(chosen.as_ref().map_or("", Cookie::value))
}

/// One of the themes that there are.
pub(super) fn parse_theme(word: &str) -> &'static str {
    match word {
        "light" => "light",
        "dark" => "dark",
        _ => "auto",
    }
}

/// A cookie for this host alone that no script reads.
pub(super) fn lasting_cookie(web: &Web, name: String, value: String) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(web.config.public_url.is_https())
        .permanent()
        .build()
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, WebError> {
        parts.extensions.get::<Visitor>().cloned().ok_or(WebError::MissingExtension("Visitor"))
    }
}
