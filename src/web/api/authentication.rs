//! Who a program is: the bearer of an API key or of a service account's secret, inside its own organization. The
//! route table says what a route needs; role and plan are read again in the transaction that writes.

use std::net::IpAddr;

use axum::RequestExt;
use axum::extract::{FromRequestParts, Path, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use serde::Deserialize;

use super::listing::parameters;
use super::problem::Problem;
use crate::domain::caller::Caller;
use crate::domain::credential::{ApiKeyToken, ServiceAccountToken};
use crate::domain::id::{OrganizationId, ProjectId};
use crate::domain::organization::Organization;
use crate::domain::principal::Reach;
use crate::web::Web;
use crate::web::access::{Attempted, Need, put_denial_on_record};
use crate::web::error::WebError;
use crate::web::headers::{RequestId, log_organization};
use crate::web::visitor::{client_address, user_agent};

/// A program inside the organization that it belongs to.
#[derive(Clone, Debug)]
pub(in crate::web) struct Program {
    caller: Caller,
    organization: Organization,
    reach: Reach,
}

#[derive(Deserialize)]
struct OrganizationInPath {
    organization_id: String,
}

/// Lets a program's request through to its handler, or answers in its place.
pub(in crate::web) async fn enforce(
    web: Web,
    attempted: Attempted,
    need: Need,
    mut request: Request,
    next: Next,
) -> Response {
    let program = match program(&web, &mut request).await {
        Ok(program) => program,
        Err(error) => return error.into_response(),
    };
    let response = match refusal(&program, need) {
        Some(error) => error.into_response(),
        None => {
            request.extensions_mut().insert(program.clone());
            next.run(request).await
        }
    };
    put_denial_on_record(&web, attempted, program.caller, &program.organization, response).await
}

async fn program(web: &Web, request: &mut Request) -> Result<Program, WebError> {
    let presented = Presented::of(web, request);
    let program = authenticate(web, presented).await?;
    log_organization(program.organization.id);
    let path = request.extract_parts::<Path<OrganizationInPath>>().await;
    let Path(path) = path.map_err(|_| Problem::not_found())?;
    if path.organization_id.parse() == Ok(program.organization.id) {
        return Ok(program);
    }
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
    tracing::warn!(
        target: "trailpost::security",
        principal = program.caller.actor.principal_id, path = request.uri().path(), request_id,
        "a route of an organization that the program does not belong to"
    );
    Err(Problem::not_found().into())
}

/// What a request says of who sends it.
struct Presented {
    bearer: String,
    user_agent: String,
    address: Option<IpAddr>,
}

impl Presented {
    fn of(web: &Web, request: &Request) -> Presented {
        Presented {
            bearer: bearer(request.headers()).to_owned(),
            user_agent: user_agent(request),
            address: client_address(web, request),
        }
    }
}

async fn authenticate(web: &Web, presented: Presented) -> Result<Program, WebError> {
    let Presented { bearer, user_agent, address } = presented;
    if let Ok(secret) = bearer.parse::<ServiceAccountToken>() {
        let access = web.store.service_account_access(secret.hash()).await?;
        let access = access.ok_or_else(Problem::unauthenticated)?;
        return Ok(Program {
            caller: Caller::service_account(access.id, &access.name, &user_agent, address),
            organization: access.organization,
            reach: Reach::Organization(access.role),
        });
    }
    let key: ApiKeyToken = bearer.parse().map_err(|_| Problem::unauthenticated())?;
    let access = web.store.api_key_access(key.hash()).await?.ok_or_else(Problem::unauthenticated)?;
    Ok(Program {
        caller: Caller::api_key(access.id, &access.name, &user_agent, address),
        organization: access.organization,
        reach: Reach::Project(access.project),
    })
}

/// What stands behind `Authorization: Bearer`; nothing if that is not there.
pub(in crate::web) fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let parts = value.and_then(|value| value.split_once(' '));
    let bearer = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    bearer.map_or("", |(_, secret)| secret.trim())
}

fn refusal(program: &Program, need: Need) -> Option<WebError> {
    let allowed = match program.reach {
        Reach::Organization(role) => role.may(need.ability),
        Reach::Project(_) => need.api_keys,
    };
    if !allowed {
        return Some(Problem::not_allowed().into());
    }
    let too_low = need.audit_logs && !program.organization.plan.includes_audit_logs();
    too_low.then_some(WebError::PlanTooLow)
}

/// What the handler of a program's request is given. Its address has no query: one that nobody reads is refused.
#[derive(Debug)]
pub(in crate::web) struct ProgramRequest {
    pub(super) web: Web,
    program: Program,
}

/// The same where the handler reads the query.
#[derive(Debug)]
pub(in crate::web) struct QueriedRequest {
    pub(super) request: ProgramRequest,
    /// As it came.
    pub(super) query: String,
}

impl ProgramRequest {
    /// Who acts, for the records.
    pub(super) fn caller(&self) -> Caller {
        self.program.caller.clone()
    }

    /// Where.
    pub(super) fn organization(&self) -> &Organization {
        &self.program.organization
    }

    pub(super) fn organization_id(&self) -> OrganizationId {
        self.program.organization.id
    }

    /// The one project that is reached; none if all are.
    pub(super) fn only_project(&self) -> Option<ProjectId> {
        match self.program.reach {
            Reach::Organization(_) => None,
            Reach::Project(project) => Some(project),
        }
    }

    /// Lets a request that reaches into a project pass if that is reached.
    ///
    /// # Errors
    /// It is not: an API key is not told whether there is another project.
    pub(super) fn require_project(&self, project: ProjectId) -> Result<(), Problem> {
        if self.only_project().is_none_or(|own| own == project) {
            return Ok(());
        }
        tracing::warn!(
            target: "trailpost::security",
            principal = self.program.caller.actor.principal_id, %project,
            "something of a project that the API key does not belong to"
        );
        Err(Problem::not_found())
    }

    /// The address of one of the organization's resources.
    pub(super) fn href(&self, rest: &str) -> String {
        format!("/v1/organizations/{}/{rest}", self.organization_id())
    }
}

impl FromRequestParts<Web> for ProgramRequest {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<ProgramRequest, WebError> {
        let QueriedRequest { request, query } = QueriedRequest::from_request_parts(parts, web).await?;
        parameters(&query, &[])?;
        Ok(request)
    }
}

impl FromRequestParts<Web> for QueriedRequest {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<QueriedRequest, WebError> {
        let program = parts.extensions.get::<Program>().cloned();
        let program = program.ok_or(WebError::MissingExtension("Program"))?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(QueriedRequest { request: ProgramRequest { web: web.clone(), program }, query })
    }
}
