//! Projects: the list, making one, and the page of one with its name, members and API keys.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::api_keys::KeyRow;
use super::confirmation::Confirmation;
use super::listing::{Pages, ROWS};
use super::project_members::MemberRow;
use super::{FieldView, Summary, summary};
use crate::domain::id::{ApiKeyId, ProjectId};
use crate::domain::membership::Ability;
use crate::domain::project::{Project, ProjectName};
use crate::domain::refusal::Refusal;
use crate::domain::user::EmailAddress;
use crate::store::{ChangeRefused, ListedProject, Listing};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::CheckedForm;
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::wording::{Moment, count, thousands};

#[derive(Template)]
#[template(path = "pages/projects/index.html")]
struct ProjectsIndex {
    shell: Shell,
    projects: Vec<ProjectRow>,
    pages: Pages,
    may_manage: bool,
    new_href: String,
}

struct ProjectRow {
    href: String,
    name: String,
    members: String,
    api_keys: String,
    created: Moment,
}

#[derive(Template)]
#[template(path = "pages/projects/new.html")]
struct ProjectsNew {
    shell: Shell,
    action: String,
    cancel_href: String,
    name: FieldView,
    summary: Summary,
}

#[derive(Template)]
#[template(path = "pages/projects/show.html")]
struct ProjectsShow {
    shell: Shell,
    projects_href: String,
    /// `/organizations/{organization_id}/projects/{project_id}`.
    href: String,
    id: String,
    project_name: String,
    created: Moment,
    created_by: String,
    /// Renaming, members and API keys.
    may_manage: bool,
    may_delete: bool,
    name: FieldView,
    summary: Summary,
    members: Vec<MemberRow>,
    member_pages: Pages,
    /// Only for whoever may manage them.
    keys: Vec<KeyRow>,
    key_pages: Pages,
}

#[derive(Deserialize)]
pub(crate) struct ProjectInPath {
    project_id: String,
}

impl ProjectInPath {
    fn id(&self) -> Result<ProjectId, WebError> {
        self.project_id.parse().map_err(|_| WebError::NotFound)
    }

    /// The project, if it is one of the organization in the path.
    pub(super) async fn find(&self, request: &MemberRequest) -> Result<Project, WebError> {
        let found = request.web.store.project(request.organization_id(), self.id()?).await?;
        found.ok_or(WebError::NotFound)
    }
}

/// A place in the list of projects.
#[derive(Deserialize, Serialize)]
pub(crate) struct ProjectPlace {
    after: Option<String>,
}

/// Places in the lists of a project's page.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct PlacesInProject {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

impl PlacesInProject {
    fn member(&self) -> Result<Option<EmailAddress>, WebError> {
        self.member.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)
    }

    fn api_key(&self) -> Result<Option<ApiKeyId>, WebError> {
        self.api_key.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)
    }
}

#[derive(Deserialize)]
pub(crate) struct NameForm {
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    confirmation: String,
}

/// Where projects are listed.
pub(super) fn projects_href(request: &MemberRequest) -> String {
    format!("{}/projects", organization_href(&request.member.organization))
}

/// A project's page.
pub(super) fn project_href(request: &MemberRequest, project: ProjectId) -> String {
    format!("{}/{project}", projects_href(request))
}

pub(crate) async fn index(
    request: MemberRequest,
    Query(place): Query<ProjectPlace>,
) -> Result<Response, WebError> {
    let after: Option<ProjectId> =
        place.after.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)?;
    let listing = Listing { after, limit: ROWS };
    let listed = request.web.store.projects(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| ProjectPlace { after: Some(last.project.id.to_string()) });
    let page = ProjectsIndex {
        shell: request.shell("Projects", Place::Projects).await?.with_flash(request.take_flash()),
        projects: listed.items.iter().map(|project| project_row(&request, project)).collect(),
        pages: Pages::new("More projects", &projects_href(&request), after.is_none(), next)?,
        may_manage: request.member.role.may(Ability::ManageProjects),
        new_href: format!("{}/new", projects_href(&request)),
    };
    html(StatusCode::OK, &page)
}

fn project_row(request: &MemberRequest, listed: &ListedProject) -> ProjectRow {
    ProjectRow {
        href: project_href(request, listed.project.id),
        name: listed.project.name.to_string(),
        members: thousands(listed.members),
        api_keys: thousands(listed.api_keys),
        created: Moment::new(listed.project.created_at, request.web.clock.now()),
    }
}

pub(crate) async fn new(request: MemberRequest) -> Result<Response, WebError> {
    form_page(&request, StatusCode::OK, FieldView::default()).await
}

async fn form_page(
    request: &MemberRequest,
    status: StatusCode,
    name: FieldView,
) -> Result<Response, WebError> {
    let page = ProjectsNew {
        shell: request.shell("Create project", Place::Projects).await?,
        action: format!("{}/new", projects_href(request)),
        cancel_href: projects_href(request),
        summary: summary(&[("name", "Project name", &name.error)]),
        name,
    };
    html(status, &page)
}

pub(crate) async fn create(
    request: MemberRequest,
    CheckedForm(form): CheckedForm<NameForm>,
) -> Result<Response, WebError> {
    let refused = async |error: String| {
        let name = FieldView { value: form.name.clone(), error: Some(error) };
        form_page(&request, StatusCode::UNPROCESSABLE_ENTITY, name).await
    };
    let name: ProjectName = match form.name.parse() {
        Ok(name) => name,
        Err(error) => return refused(format!("{error}")).await,
    };
    let made = request.web.store.create_project(request.caller(), request.organization_id(), name).await;
    match made {
        Ok(project) => {
            request.leave_flash(Sentence::ProjectCreated);
            Ok(Redirect::to(&project_href(&request, project.id)).into_response())
        }
        Err(ChangeRefused::Rule(Refusal::NameTaken)) => refused(NAME_TAKEN.to_owned()).await,
        Err(error) => Err(error.into()),
    }
}

const NAME_TAKEN: &str = "There is a project with this name already.";

pub(crate) async fn show(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Query(places): Query<PlacesInProject>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let name = FieldView { value: project.name.to_string(), error: None };
    project_page(&request, StatusCode::OK, &project, &places, name).await
}

pub(crate) async fn rename(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    CheckedForm(form): CheckedForm<NameForm>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let refused = async |error: String| {
        let name = FieldView { value: form.name.clone(), error: Some(error) };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        project_page(&request, status, &project, &PlacesInProject::default(), name).await
    };
    let name: ProjectName = match form.name.parse() {
        Ok(name) => name,
        Err(error) => return refused(format!("{error}")).await,
    };
    let (caller, organization) = (request.caller(), request.organization_id());
    match request.web.store.rename_project(caller, organization, project.id, name).await {
        Ok(_) => {
            request.leave_flash(Sentence::ProjectRenamed);
            Ok(Redirect::to(&project_href(&request, project.id)).into_response())
        }
        Err(ChangeRefused::Rule(Refusal::NameTaken)) => refused(NAME_TAKEN.to_owned()).await,
        Err(error) => Err(error.into()),
    }
}

async fn project_page(
    request: &MemberRequest,
    status: StatusCode,
    project: &Project,
    places: &PlacesInProject,
    name: FieldView,
) -> Result<Response, WebError> {
    let may_manage = request.member.role.may(Ability::ManageProjects);
    let href = project_href(request, project.id);
    let (members, member_pages) = members(request, project, places).await?;
    let (keys, key_pages) = match may_manage {
        true => keys(request, project, places).await?,
        false => (Vec::new(), Pages { label: "", first_href: None, next_href: None }),
    };
    let page = ProjectsShow {
        shell: request.shell(project.name.as_str(), Place::Projects).await?.with_flash(request.take_flash()),
        projects_href: projects_href(request),
        href,
        id: project.id.to_string(),
        project_name: project.name.to_string(),
        created: Moment::new(project.created_at, request.web.clock.now()),
        created_by: project.created_by.clone(),
        may_manage,
        may_delete: request.member.role.may(Ability::DeleteProject),
        summary: summary(&[("name", "Project name", &name.error)]),
        name,
        members,
        member_pages,
        keys,
        key_pages,
    };
    html(status, &page)
}

async fn members(
    request: &MemberRequest,
    project: &Project,
    places: &PlacesInProject,
) -> Result<(Vec<MemberRow>, Pages), WebError> {
    let after = places.member()?;
    let (store, organization, is_first) = (&request.web.store, request.organization_id(), after.is_none());
    let listed = store.project_members(organization, project.id, Listing { after, limit: ROWS }).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| PlacesInProject { member: Some(last.user.email.to_string()), api_key: None });
    let href = project_href(request, project.id);
    let now = request.web.clock.now();
    let rows = listed.items.iter().map(|member| MemberRow::new(&href, member, now)).collect();
    Ok((rows, Pages::new("More members", &href, is_first, next)?))
}

async fn keys(
    request: &MemberRequest,
    project: &Project,
    places: &PlacesInProject,
) -> Result<(Vec<KeyRow>, Pages), WebError> {
    let after = places.api_key()?;
    let (store, organization) = (&request.web.store, request.organization_id());
    let listed = store.api_keys_of_project(organization, project.id, Listing { after, limit: ROWS }).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| PlacesInProject { api_key: Some(last.id.to_string()), member: None });
    let href = project_href(request, project.id);
    let rows = listed.items.iter().map(|key| KeyRow::new(request, key)).collect();
    Ok((rows, Pages::new("More API keys", &href, after.is_none(), next)?))
}

pub(crate) async fn confirm_delete(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    confirmation(&request, StatusCode::OK, &project, FieldView::default()).await
}

pub(crate) async fn delete(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    CheckedForm(form): CheckedForm<DeleteForm>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    if !project.name.is_typed(&form.confirmation) {
        let error = Some("This is not the project’s name. Nothing was deleted.".to_owned());
        let typed = FieldView { value: form.confirmation, error };
        return confirmation(&request, StatusCode::UNPROCESSABLE_ENTITY, &project, typed).await;
    }
    let (caller, organization) = (request.caller(), request.organization_id());
    request.web.store.delete_project(caller, organization, project.id).await?;
    request.leave_flash(Sentence::ProjectDeleted);
    Ok(Redirect::to(&projects_href(&request)).into_response())
}

async fn confirmation(
    request: &MemberRequest,
    status: StatusCode,
    project: &Project,
    typed: FieldView,
) -> Result<Response, WebError> {
    let href = project_href(request, project.id);
    let keys = request.web.store.count_api_keys(request.organization_id(), project.id).await?;
    let page = Confirmation {
        shell: request.shell("Delete project?", Place::Projects).await?,
        heading: "Delete project?",
        name: project.name.to_string(),
        sentences: vec![
            format!("Its API keys stop working at once: {}.", count(keys, "key")),
            "Its members keep their place in the organization. Its records stay. This can’t be undone."
                .to_owned(),
        ],
        action: format!("{href}/delete"),
        button: "Delete project",
        cancel_href: href,
        typed: Some(typed),
    };
    html(status, &page)
}
