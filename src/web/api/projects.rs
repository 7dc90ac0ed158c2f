//! `projects`: made, renamed and deleted. An API key reaches its own and sees no other.

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
use crate::domain::id::ProjectId;
use crate::domain::project::Project;
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct ProjectInPath {
    project_id: String,
}

impl ProjectInPath {
    pub(super) fn id(&self) -> Result<ProjectId, Problem> {
        self.project_id.parse().map_err(|_| Problem::not_found())
    }
}

/// `GET projects`: newest first.
pub(crate) async fn list(QueriedRequest { request, query }: QueriedRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&query, "projects", &[])?;
    let (store, organization) = (&request.web.store, request.organization_id());
    if let Some(own) = request.only_project() {
        let after = query.position::<ProjectId>()?;
        let own = store.project(organization, own).await?;
        let own = own.filter(|project| after.is_none_or(|after| project.id < after));
        return Ok(query.page(own.iter().map(representation).collect(), None::<String>));
    }
    let listed = store.projects(organization, query.listing()?).await?;
    let last = listed.items.last().map(|listed| listed.project.id).filter(|_| listed.has_more);
    let projects = listed.items.iter().map(|listed| representation(&listed.project)).collect();
    Ok(query.page(projects, last))
}

/// `POST projects`
pub(crate) async fn create(request: ProgramRequest, mut object: Object) -> Result<Response, WebError> {
    let name = object.required("name");
    object.finish()?;
    let name = name.ok_or_else(|| Problem::field("name", "is missing"))?;
    let made = request.web.store.create_project(request.caller(), request.organization_id(), name).await;
    let project = made.map_err(change_refused)?;
    let location = [(header::LOCATION, request.href(&format!("projects/{}", project.id)))];
    Ok((StatusCode::CREATED, location, Json(representation(&project))).into_response())
}

/// `GET projects/{project_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    Ok(Json(representation(&one(&request, path.id()?).await?)).into_response())
}

/// `PATCH projects/{project_id}`
pub(crate) async fn update(
    request: ProgramRequest,
    Path(path): Path<ProjectInPath>,
    mut object: Object,
) -> Result<Response, WebError> {
    let project = one(&request, path.id()?).await?;
    let name = object.optional("name");
    object.finish()?;
    let Some(name) = name else { return Ok(Json(representation(&project)).into_response()) };
    let organization = request.organization_id();
    let renamed = request.web.store.rename_project(request.caller(), organization, project.id, name).await;
    Ok(Json(representation(&renamed.map_err(change_refused)?)).into_response())
}

/// `DELETE projects/{project_id}`: with its API keys, which stop working.
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    let deleted = request.web.store.delete_project(request.caller(), organization, path.id()?).await;
    deleted.map_err(change_refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A project that is there and in reach.
pub(super) async fn one(request: &ProgramRequest, id: ProjectId) -> Result<Project, WebError> {
    let found = request.web.store.project(request.organization_id(), id).await?;
    let project = found.ok_or_else(Problem::not_found)?;
    request.require_project(project.id)?;
    Ok(project)
}

fn representation(project: &Project) -> Value {
    json!({
        "id": project.id,
        "name": project.name.as_str(),
        "created_at": project.created_at,
        "created_by": project.created_by,
    })
}
