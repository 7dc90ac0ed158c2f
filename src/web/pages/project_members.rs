//! Members of a project: rows of its page, adding one, changing a role, removing one.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use super::confirmation::Confirmation;
use super::projects::{ProjectInPath, project_href};
use super::{Choice, FieldView, Select, Summary, summary};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::refusal::Refusal;
use crate::domain::user::EmailAddress;
use crate::store::{ChangeRefused, ProjectMember};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html};
use crate::web::wording::Moment;

/// One row of the project's page.
pub(super) struct MemberRow {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: &'static str,
    pub(super) roles: Vec<Choice>,
    pub(super) since: Moment,
    /// `…/projects/{project_id}/members/{user_id}`.
    pub(super) href: String,
}

impl MemberRow {
    pub(super) fn new(project_href: &str, member: &ProjectMember, now: Timestamp) -> MemberRow {
        MemberRow {
            name: member.user.display_name.to_string(),
            email: member.user.email.to_string(),
            role: member.role.label(),
            roles: choices(member.role.as_str()),
            since: Moment::new(member.since, now),
            href: format!("{project_href}/members/{}", member.user.id),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/project_members/new.html")]
struct ProjectMembersNew {
    shell: Shell,
    action: String,
    project_href: String,
    project_name: String,
    email: FieldView,
    role: Select,
    summary: Summary,
}

#[derive(Deserialize)]
pub(crate) struct MemberInPath {
    user_id: String,
}

impl MemberInPath {
    fn id(&self) -> Result<UserId, WebError> {
        self.user_id.parse().map_err(|_| WebError::NotFound)
    }
}

#[derive(Deserialize)]
pub(crate) struct MemberForm {
    email: String,
    role: String,
}

#[derive(Deserialize)]
pub(crate) struct RoleForm {
    role: String,
}

fn choices(chosen: &str) -> Vec<Choice> {
    let choice = |role: ProjectRole| Choice {
        value: role.as_str().to_owned(),
        label: role.label().to_owned(),
        selected: role.as_str() == chosen,
    };
    ProjectRole::ALL.into_iter().map(choice).collect()
}

pub(crate) async fn new(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let role = Select { options: choices(ProjectRole::Viewer.as_str()), error: None };
    form_page(&request, StatusCode::OK, &project, FieldView::default(), role).await
}

async fn form_page(
    request: &MemberRequest,
    status: StatusCode,
    project: &Project,
    email: FieldView,
    role: Select,
) -> Result<Response, WebError> {
    let href = project_href(request, project.id);
    let page = ProjectMembersNew {
        shell: request.shell("Add member", Place::Projects).await?,
        action: format!("{href}/members/new"),
        project_href: href,
        project_name: project.name.to_string(),
        summary: summary(&[("email", "Email", &email.error), ("role", "Role in the project", &role.error)]),
        email,
        role,
    };
    html(status, &page)
}

pub(crate) async fn create(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    CheckedForm(form): CheckedForm<MemberForm>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let (email, role) = (form.email.parse::<EmailAddress>(), form.role.parse::<ProjectRole>());
    let refused = async |email_error: Option<String>, role_error: Option<String>| {
        let email = FieldView { value: form.email.clone(), error: email_error };
        let role = Select { options: choices(&form.role), error: role_error };
        form_page(&request, StatusCode::UNPROCESSABLE_ENTITY, &project, email, role).await
    };
    let (email, role) = match (email, role) {
        (Ok(email), Ok(role)) => (email, role),
        (email, role) => {
            return refused(email.err().map(|error| error.to_string()), role.err()).await;
        }
    };
    let (caller, organization) = (request.caller(), request.organization_id());
    match request.web.store.add_project_member(caller, organization, project.id, email, role).await {
        Ok(_) => Ok(back(&request, &project, Sentence::ProjectMemberAdded)),
        Err(ChangeRefused::Rule(Refusal::AlreadyMember)) => {
            refused(Some("They are in this project already.".to_owned()), None).await
        }
        Err(ChangeRefused::NotAMember) => {
            let error = "No member of this organization has this address. An owner can invite them.";
            refused(Some(error.to_owned()), None).await
        }
        Err(error) => Err(error.into()),
    }
}

fn back(request: &MemberRequest, project: &Project, sentence: Sentence) -> Response {
    request.leave_flash(sentence);
    Redirect::to(&project_href(request, project.id)).into_response()
}

pub(crate) async fn change_role(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Path(member): Path<MemberInPath>,
    CheckedForm(form): CheckedForm<RoleForm>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let role: ProjectRole = form.role.parse().map_err(|_| WebError::BadForm)?;
    let (caller, organization, user) = (request.caller(), request.organization_id(), member.id()?);
    request.web.store.change_project_member(caller, organization, project.id, user, role).await?;
    Ok(back(&request, &project, Sentence::ProjectRoleChanged))
}

pub(crate) async fn confirm_remove(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Path(member): Path<MemberInPath>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let (store, organization) = (&request.web.store, request.organization_id());
    let found = store.project_member(organization, project.id, member.id()?).await?;
    let member = found.ok_or(WebError::NotFound)?;
    let href = project_href(&request, project.id);
    let page = Confirmation {
        shell: request.shell("Remove from project?", Place::Projects).await?,
        heading: "Remove from project?",
        name: member.user.email.to_string(),
        sentences: vec![
            format!("They are taken out of the project {}.", project.name),
            "They stay a member of the organization.".to_owned(),
        ],
        action: format!("{href}/members/{}/remove", member.user.id),
        button: "Remove from project",
        cancel_href: href,
        typed: None,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn remove(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Path(member): Path<MemberInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let (caller, organization, user) = (request.caller(), request.organization_id(), member.id()?);
    request.web.store.remove_project_member(caller, organization, project.id, user).await?;
    Ok(back(&request, &project, Sentence::ProjectMemberRemoved))
}
