//! `projects/{project_id}/members`: who is in a project, for the products beside Trailpost. An API key sees to those of
//! its own project.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::{ProgramRequest, QueriedRequest};
use super::listing::ListQuery;
use super::object::Object;
use super::problem::{Problem, change_refused};
use super::projects::{self, ProjectInPath};
use crate::domain::id::{ProjectId, UserId};
use crate::domain::project::ProjectRole;
use crate::domain::user::EmailAddress;
use crate::store::ProjectMember;
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct MemberInPath {
    project_id: String,
    user_id: String,
}

impl MemberInPath {
    /// A project that is there and in reach, and whoever is named beside it.
    async fn find(&self, request: &ProgramRequest) -> Result<(ProjectId, UserId), WebError> {
        let project = self.project_id.parse().map_err(|_| Problem::not_found())?;
        let user = self.user_id.parse().map_err(|_| Problem::not_found())?;
        Ok((projects::one(request, project).await?.id, user))
    }
}

/// `GET projects/{project_id}/members`: by e-mail address.
pub(crate) async fn list(
    QueriedRequest { request, query }: QueriedRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    let query = ListQuery::read(&query, "project-members", &[])?;
    let project = projects::one(&request, path.id()?).await?;
    let listing = query.listing()?;
    let listed = request.web.store.project_members(request.organization_id(), project.id, listing).await?;
    let last = listed.items.last().map(|member| member.user.email.to_string()).filter(|_| listed.has_more);
    Ok(query.page(listed.items.iter().map(representation).collect(), last))
}

/// `POST projects/{project_id}/members`: a member of the organization joins the project.
pub(crate) async fn create(
    request: ProgramRequest,
    Path(path): Path<ProjectInPath>,
    mut object: Object,
) -> Result<Response, WebError> {
    let project = projects::one(&request, path.id()?).await?.id;
    let (email, role) = (object.required::<EmailAddress>("email"), object.required("role"));
    object.finish()?;
    let (Some(email), Some(role)) = (email, role) else {
        return Err(Problem::field("email", "is missing").into());
    };
    let (store, organization) = (&request.web.store, request.organization_id());
    let added = store.add_project_member(request.caller(), organization, project, email, role).await;
    let member = one(&request, project, added.map_err(change_refused)?).await?;
    let href = request.href(&format!("projects/{project}/members/{}", member.user.id));
    Ok((StatusCode::CREATED, [(header::LOCATION, href)], Json(representation(&member))).into_response())
}

/// `GET projects/{project_id}/members/{user_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    let (project, user) = path.find(&request).await?;
    Ok(Json(representation(&one(&request, project, user).await?)).into_response())
}

/// `PATCH projects/{project_id}/members/{user_id}`: another role in the project.
pub(crate) async fn update(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
    mut object: Object,
) -> Result<Response, WebError> {
    let (project, user) = path.find(&request).await?;
    let member = one(&request, project, user).await?;
    let role: Option<ProjectRole> = object.optional("role");
    object.finish()?;
    let Some(role) = role else { return Ok(Json(representation(&member)).into_response()) };
    let (store, organization) = (&request.web.store, request.organization_id());
    let changed = store.change_project_member(request.caller(), organization, project, user, role).await;
    changed.map_err(change_refused)?;
    Ok(Json(representation(&one(&request, project, user).await?)).into_response())
}

/// `DELETE projects/{project_id}/members/{user_id}`
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    let (project, user) = path.find(&request).await?;
    let organization = request.organization_id();
    let removed =
        request.web.store.remove_project_member(request.caller(), organization, project, user).await;
    removed.map_err(change_refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(request: &ProgramRequest, project: ProjectId, user: UserId) -> Result<ProjectMember, WebError> {
    let found = request.web.store.project_member(request.organization_id(), project, user).await?;
    Ok(found.ok_or_else(Problem::not_found)?)
}

fn representation(member: &ProjectMember) -> Value {
    json!({
        "user_id": member.user.id,
        "email": member.user.email.as_str(),
        "display_name": member.user.display_name.as_str(),
        "role": member.role.as_str(),
        "since": member.since,
    })
}
