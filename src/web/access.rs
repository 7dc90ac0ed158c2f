//! Access, enforced by the route table before any handler runs.

use axum::RequestExt;
use axum::extract::{FromRequestParts, Path, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{Method, header};
use serde::Deserialize;
use tower_cookies::Cookies;

use super::error::WebError;
use super::flash::{self, Flash, Sentence};
use super::headers::log_organization;
use super::render::{Place, Shell};
use super::visitor::Visitor;
use super::{Web, api};
use crate::domain::caller::Caller;
use crate::domain::denied_attempt::{Deed, DeniedAttempt, Requested};
use crate::domain::id::OrganizationId;
use crate::domain::membership::{Ability, Role};
use crate::domain::organization::Organization;
use crate::domain::user::User;

/// Who may use a route, and what a member or a program would do by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Members of the organization in the path whose role has the ability. Others who are members get 403,
    /// everyone else 404.
    Member(Ability, Deed),
    /// Those who may manage audit logs, and the organization's plan includes them.
    AuditLogsWrite(Deed),
    /// The bearer of a producer token; the handler reads it.
    Producer,
    /// The bearer of an API key or of a service account's secret, in the organization that it is of; elsewhere 404.
    Program(Need, Deed),
}

/// What a route asks of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What its role has to include.
    pub ability: Ability,
    /// Whether the organization's plan has to include audit logs.
    pub audit_logs: bool,
    /// Whether API keys are let in; that it is about their own project, the handler sees to.
    pub api_keys: bool,
}

/// What stands before a route's handler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    pub(super) access: Access,
    /// The route, with its parameters in braces.
    pub(super) path: &'static str,
}

/// Why a request was denied inside the organization. An answer that carries it is put on the organization's record,
/// whoever gave it: this gate, or a transaction that read role and plan again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denied(pub(super) &'static str);

/// A signed-in user inside an organization of theirs.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) user: User,
    pub(super) organization: Organization,
    pub(super) role: Role,
}

#[derive(Deserialize)]
struct OrganizationInPath {
    organization_id: String,
}

/// Lets a request through to its handler, or answers in its place.
pub(super) async fn enforce(web: Web, gate: Gate, mut request: Request, next: Next) -> Response {
    let access = gate.access;
    let as_member = match access {
        Access::Public | Access::Producer => return next.run(request).await,
        Access::Program(need, deed) => {
            let attempted = Attempted::of(gate, deed, &request);
            return api::authentication::enforce(web, attempted, need, request, next).await;
        }
        Access::SignedIn => None,
        Access::Member(ability, deed) => Some((ability, deed)),
        Access::AuditLogsWrite(deed) => Some((Ability::ManageAuditLogs, deed)),
    };
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return WebError::MissingExtension("Visitor").into_response();
    };
    let Some(user) = visitor.user.clone() else {
        return Redirect::to(&sign_in_href(&web, &request)).into_response();
    };
    let Some((ability, deed)) = as_member else {
        return next.run(request).await;
    };
    let member = match member(&web, &mut request, user, &visitor).await {
        Ok(member) => member,
        Err(error) => return error.into_response(),
    };
    let attempted = Attempted::of(gate, deed, &request);
    let response = match refusal(&web, &member, access, ability).await {
        Some(error) => error.into_response(),
        None => {
            request.extensions_mut().insert(member.clone());
            next.run(request).await
        }
    };
    let caller = visitor.caller(&member.user);
    let mut response = put_denial_on_record(&web, attempted, caller, &member.organization, response).await;
    // An error's page keeps the organization's sidebar.
    response.extensions_mut().insert(member);
    response
}

/// What a request would do, if it were let.
#[derive(Clone, Debug)]
pub(super) struct Attempted {
    deed: Deed,
    method: Method,
    route: &'static str,
    path: String,
}

impl Attempted {
    fn of(gate: Gate, deed: Deed, request: &Request) -> Attempted {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        Attempted { deed, method, route: gate.path, path }
    }
}

/// Puts a denied attempt on the organization's record, if the answer says that it is one.
pub(super) async fn put_denial_on_record(
    web: &Web,
    attempted: Attempted,
    caller: Caller,
    organization: &Organization,
    response: Response,
) -> Response {
    let Some(Denied(reason)) = response.extensions().get::<Denied>().copied() else { return response };
    let Attempted { deed, method, route, path } = attempted;
    let requested = Requested { method: method.as_str(), route, path: &path };
    let attempt = DeniedAttempt::of(organization, deed, requested, reason);
    match web.store.record_denied(caller, organization.id, attempt).await {
        Ok(()) => response,
        Err(error) => WebError::from(error).into_response(),
    }
}

async fn member(web: &Web, request: &mut Request, user: User, visitor: &Visitor) -> Result<Member, WebError> {
    let Path(path) =
        request.extract_parts::<Path<OrganizationInPath>>().await.map_err(|_| WebError::NotFound)?;
    let id: OrganizationId = path.organization_id.parse().map_err(|_| WebError::NotFound)?;
    log_organization(id);
    let memberships = web.store.memberships(user.id).await?;
    let Some(found) = memberships.into_iter().find(|membership| membership.organization.id == id) else {
        tracing::warn!(
            target: "trailpost::security",
            user = %user.id, organization = %id, path = visitor.path, request_id = visitor.request_id,
            "a route of an organization that the user does not belong to"
        );
        return Err(WebError::NotFound);
    };
    Ok(Member { user, organization: found.organization, role: found.role })
}

async fn refusal(web: &Web, member: &Member, access: Access, ability: Ability) -> Option<WebError> {
    if !member.role.may(ability) {
        let owners = match ability {
            Ability::ManageProjects | Ability::ManageApiKeys => return Some(WebError::ForbiddenProjects),
            Ability::ManageAuditLogs => web.store.owners(member.organization.id).await,
            _ => Ok(Vec::new()),
        };
        return Some(match owners {
            Ok(owners) => WebError::Forbidden { owners: owners.iter().map(ToString::to_string).collect() },
            Err(error) => error.into(),
        });
    }
    let too_low =
        matches!(access, Access::AuditLogsWrite(_)) && !member.organization.plan.includes_audit_logs();
    too_low.then_some(WebError::PlanTooLow)
}

/// The sign-in page that comes back to where the visitor was: the page asked for or, for a form, the page that it
/// stands on.
fn sign_in_href(web: &Web, request: &Request) -> String {
    let path = if request.method().is_safe() {
        request.uri().path()
    } else {
        let referer = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok());
        let origin = web.config.public_url.origin();
        referer.and_then(|url| url.strip_prefix(&origin)).filter(|path| path.starts_with('/')).unwrap_or("/")
    };
    match serde_urlencoded::to_string([("return_to", path)]) {
        Ok(query) if path != "/" => format!("/sign-in?{query}"),
        _ => "/sign-in".to_owned(),
    }
}

/// What the handler of an organization's page is given.
pub(super) struct MemberRequest {
    pub(super) web: Web,
    pub(super) visitor: Visitor,
    pub(super) member: Member,
    cookies: Cookies,
}

impl MemberRequest {
    /// Who acts, for the records.
    pub(super) fn caller(&self) -> Caller {
        self.visitor.caller(&self.member.user)
    }

    /// The organization's id.
    pub(super) fn organization_id(&self) -> OrganizationId {
        self.member.organization.id
    }

    /// What the page stands in.
    pub(super) async fn shell(&self, title: &str, place: Place) -> Result<Shell, WebError> {
        Shell::of_member(&self.web, &self.visitor, &self.member, title, Some(place)).await
    }

    /// Leaves a sentence for the next page.
    pub(super) fn leave_flash(&self, sentence: Sentence) {
        flash::leave(&self.web, &self.cookies, sentence);
    }

    /// Takes the sentence that the last page left.
    pub(super) fn take_flash(&self) -> Option<Flash> {
        flash::take(&self.web, &self.cookies)
    }
}

impl FromRequestParts<Web> for MemberRequest {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<MemberRequest, WebError> {
        Ok(MemberRequest {
            web: web.clone(),
            visitor: Visitor::from_request_parts(parts, web).await?,
            member: Member::from_request_parts(parts, web).await?,
            cookies: parts.extensions.get().cloned().ok_or(WebError::MissingExtension("Cookies"))?,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Member {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Member, WebError> {
        parts.extensions.get::<Member>().cloned().ok_or(WebError::MissingExtension("Member"))
    }
}
