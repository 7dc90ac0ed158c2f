//! API keys: all of the organization's by project, making one, deleting one. A key is shown once, in the answer to the
//! form that made it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::confirmation::Confirmation;
use super::listing::{Pages, ROWS};
use super::projects::{ProjectInPath, project_href, projects_href};
use super::secret::SecretShow;
use super::{FieldView, Summary, summary};
use crate::domain::api_key::{ApiKey, ApiKeyName};
use crate::domain::credential::ApiKeyToken;
use crate::domain::id::{ApiKeyId, ProjectId};
use crate::domain::project::Project;
use crate::domain::refusal::Refusal;
use crate::store::{ChangeRefused, ListedApiKey, Listing};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::wording::Moment;

/// One row of a table of keys.
pub(super) struct KeyRow {
    pub(super) name: String,
    pub(super) start: String,
    pub(super) created: Moment,
    pub(super) created_by: String,
    pub(super) last_used: Option<Moment>,
    pub(super) delete_href: String,
}

impl KeyRow {
    pub(super) fn new(request: &MemberRequest, key: &ApiKey) -> KeyRow {
        let now = request.web.clock.now();
        KeyRow {
            name: key.name.to_string(),
            start: key.token_start.clone(),
            created: Moment::new(key.created_at, now),
            created_by: key.created_by.clone(),
            last_used: key.last_used_at.map(|at| Moment::new(at, now)),
            delete_href: format!("{}/api-keys/{}/delete", project_href(request, key.project), key.id),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/api_keys/index.html")]
struct ApiKeysIndex {
    shell: Shell,
    groups: Vec<KeyGroup>,
    pages: Pages,
    projects_href: String,
}

/// The keys of one project.
struct KeyGroup {
    project_id: String,
    project_name: String,
    project_href: String,
    caption: String,
    keys: Vec<KeyRow>,
}

#[derive(Template)]
#[template(path = "pages/api_keys/new.html")]
struct ApiKeysNew {
    shell: Shell,
    action: String,
    project_href: String,
    project_name: String,
    name: FieldView,
    summary: Summary,
}

/// A place in the list of the organization's keys.
#[derive(Deserialize, Serialize)]
pub(crate) struct KeyPlace {
    project: Option<String>,
    after: Option<String>,
}

impl KeyPlace {
    fn parse(&self) -> Result<Option<(ProjectId, ApiKeyId)>, WebError> {
        let (Some(project), Some(key)) = (&self.project, &self.after) else { return Ok(None) };
        let project = project.parse().map_err(|_| WebError::NotFound)?;
        Ok(Some((project, key.parse().map_err(|_| WebError::NotFound)?)))
    }
}

#[derive(Deserialize)]
pub(crate) struct KeyInPath {
    api_key_id: String,
}

impl KeyInPath {
    /// The key, if it is one of this project.
    async fn find(&self, request: &MemberRequest, project: &Project) -> Result<ApiKey, WebError> {
        let id = self.api_key_id.parse().map_err(|_| WebError::NotFound)?;
        let found = request.web.store.api_key(request.organization_id(), id).await?;
        found.filter(|key| key.project == project.id).ok_or(WebError::NotFound)
    }
}

#[derive(Deserialize)]
pub(crate) struct KeyForm {
    name: String,
}

pub(crate) async fn index(
    request: MemberRequest,
    Query(place): Query<KeyPlace>,
) -> Result<Response, WebError> {
    let after = place.parse()?;
    let listing = Listing { after, limit: ROWS };
    let listed = request.web.store.api_keys(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| KeyPlace {
        project: Some(last.key.project.to_string()),
        after: Some(last.key.id.to_string()),
    });
    let here = format!("{}/api-keys", organization_href(&request.member.organization));
    let groups = listed.items.chunk_by(|left, right| left.key.project == right.key.project);
    let page = ApiKeysIndex {
        shell: request.shell("API keys", Place::ApiKeys).await?.with_flash(request.take_flash()),
        groups: groups.filter_map(|keys| group(&request, keys)).collect(),
        pages: Pages::new("More API keys", &here, after.is_none(), next)?,
        projects_href: projects_href(&request),
    };
    html(StatusCode::OK, &page)
}

fn group(request: &MemberRequest, keys: &[ListedApiKey]) -> Option<KeyGroup> {
    let first = keys.first()?;
    Some(KeyGroup {
        project_id: first.key.project.to_string(),
        project_name: first.project_name.to_string(),
        project_href: project_href(request, first.key.project),
        caption: format!("API keys of {}", first.project_name),
        keys: keys.iter().map(|listed| KeyRow::new(request, &listed.key)).collect(),
    })
}

pub(crate) async fn new(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    form_page(&request, StatusCode::OK, &project, FieldView::default()).await
}

async fn form_page(
    request: &MemberRequest,
    status: StatusCode,
    project: &Project,
    name: FieldView,
) -> Result<Response, WebError> {
    let href = project_href(request, project.id);
    let page = ApiKeysNew {
        shell: request.shell("Create API key", Place::Projects).await?,
        action: format!("{href}/api-keys/new"),
        project_href: href,
        project_name: project.name.to_string(),
        summary: summary(&[("name", "API key name", &name.error)]),
        name,
    };
    html(status, &page)
}

pub(crate) async fn create(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    CheckedForm(form): CheckedForm<KeyForm>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let refused = async |error: String| {
        let name = FieldView { value: form.name.clone(), error: Some(error) };
        form_page(&request, StatusCode::UNPROCESSABLE_ENTITY, &project, name).await
    };
    let name: ApiKeyName = match form.name.parse() {
        Ok(name) => name,
        Err(error) => return refused(format!("{error}")).await,
    };
    let token = ApiKeyToken::generate(&request.web.entropy);
    let (caller, organization) = (request.caller(), request.organization_id());
    match request.web.store.create_api_key(caller, organization, project.id, name, &token).await {
        Ok(key) => key_shown(&request, &project, &key, &token).await,
        Err(ChangeRefused::Rule(Refusal::NameTaken)) => refused(NAME_TAKEN.to_owned()).await,
        Err(error) => Err(error.into()),
    }
}

/// Also what the second press of a button gets that was pressed twice: the first one's answer, with the key, is lost then.
const NAME_TAKEN: &str = "This project has a key with this name already. If you have just made it and not seen \
                          it, delete it and create another.";

async fn key_shown(
    request: &MemberRequest,
    project: &Project,
    key: &ApiKey,
    token: &ApiKeyToken,
) -> Result<Response, WebError> {
    let page = SecretShow {
        shell: request.shell("API key created", Place::Projects).await?,
        eyebrow: "API keys",
        heading: "API key created",
        name: key.name.to_string(),
        label: "API key",
        secret: token.expose().to_owned(),
        sentences: vec![format!("It acts in the project {} only.", project.name)],
        facts: Vec::new(),
        done_href: project_href(request, project.id),
    };
    html(StatusCode::CREATED, &page)
}

pub(crate) async fn confirm_delete(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Path(key): Path<KeyInPath>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let key = key.find(&request, &project).await?;
    let href = project_href(&request, project.id);
    let page = Confirmation {
        shell: request.shell("Delete API key?", Place::Projects).await?,
        heading: "Delete API key?",
        name: key.name.to_string(),
        sentences: vec![
            format!(
                "Programs that use {}… in the project {} are let in no more.",
                key.token_start, project.name
            ),
            "This can’t be undone.".to_owned(),
        ],
        action: format!("{href}/api-keys/{}/delete", key.id),
        button: "Delete API key",
        cancel_href: href,
        typed: None,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn delete(
    request: MemberRequest,
    Path(path): Path<ProjectInPath>,
    Path(key): Path<KeyInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let project = path.find(&request).await?;
    let key = key.find(&request, &project).await?;
    request.web.store.delete_api_key(request.caller(), request.organization_id(), key.id).await?;
    request.leave_flash(Sentence::ApiKeyDeleted);
    Ok(Redirect::to(&project_href(&request, project.id)).into_response())
}
