//! `api-keys`: the keys of all projects; an API key sees those of its own. A key itself is answered once.

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
use crate::domain::api_key::ApiKey;
use crate::domain::credential::ApiKeyToken;
use crate::domain::id::{ApiKeyId, ProjectId};
use crate::store::Listing;
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct KeyInPath {
    api_key_id: String,
}

impl KeyInPath {
    fn id(&self) -> Result<ApiKeyId, Problem> {
        self.api_key_id.parse().map_err(|_| Problem::not_found())
    }
}

/// `GET api-keys`: project by project; with `project_id`, those of one.
pub(crate) async fn list(QueriedRequest { request, query }: QueriedRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&query, "api-keys", &["project_id"])?;
    let asked: Option<ProjectId> = query.filter("project_id")?;
    if let Some(project) = asked {
        super::projects::one(&request, project).await?;
    }
    match asked.or(request.only_project()) {
        Some(project) => of_project(&request, &query, project).await,
        None => of_all(&request, &query).await,
    }
}

async fn of_project(
    request: &ProgramRequest,
    query: &ListQuery,
    project: ProjectId,
) -> Result<Response, WebError> {
    let (store, organization) = (&request.web.store, request.organization_id());
    let after = position(query)?.map(|(_, key)| key);
    let listing = Listing { after, limit: query.limit };
    let listed = store.api_keys_of_project(organization, project, listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more).map(place);
    Ok(query.page(listed.items.iter().map(representation).collect(), next))
}

async fn of_all(request: &ProgramRequest, query: &ListQuery) -> Result<Response, WebError> {
    let listing = Listing { after: position(query)?, limit: query.limit };
    let listed = request.web.store.api_keys(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more).map(|listed| place(&listed.key));
    Ok(query.page(listed.items.iter().map(|listed| representation(&listed.key)).collect(), next))
}

/// A place in the list is a key's project and its id.
fn place(key: &ApiKey) -> String {
    format!("{} {}", key.project, key.id)
}

fn position(query: &ListQuery) -> Result<Option<(ProjectId, ApiKeyId)>, Problem> {
    let Some(place) = query.position::<String>()? else { return Ok(None) };
    let parsed =
        place.split_once(' ').and_then(|(project, key)| Some((project.parse().ok()?, key.parse().ok()?)));
    parsed.map(Some).ok_or_else(|| Problem::field("cursor", "is not a cursor of this list"))
}

/// `POST api-keys`
pub(crate) async fn create(request: ProgramRequest, mut object: Object) -> Result<Response, WebError> {
    let (name, project) = (object.required("name"), object.required::<ProjectId>("project_id"));
    object.finish()?;
    let (Some(name), Some(project)) = (name, project) else {
        return Err(Problem::field("name", "is missing").into());
    };
    let (store, organization) = (&request.web.store, request.organization_id());
    if store.project(organization, project).await?.is_none() {
        return Err(Problem::field("project_id", "is not a project of this organization").into());
    }
    let token = ApiKeyToken::generate(&request.web.entropy);
    let made = store.create_api_key(request.caller(), organization, project, name, &token).await;
    let key = made.map_err(change_refused)?;
    let mut body = representation(&key);
    body["token"] = json!(token.expose());
    let location = [(header::LOCATION, request.href(&format!("api-keys/{}", key.id)))];
    Ok((StatusCode::CREATED, location, Json(body)).into_response())
}

/// `GET api-keys/{api_key_id}`
pub(crate) async fn show(request: ProgramRequest, Path(path): Path<KeyInPath>) -> Result<Response, WebError> {
    Ok(Json(representation(&one(&request, path.id()?).await?)).into_response())
}

/// `DELETE api-keys/{api_key_id}`: it stops working.
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<KeyInPath>,
) -> Result<Response, WebError> {
    let key = one(&request, path.id()?).await?;
    let organization = request.organization_id();
    let deleted = request.web.store.delete_api_key(request.caller(), organization, key.id).await;
    deleted.map_err(change_refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(request: &ProgramRequest, id: ApiKeyId) -> Result<ApiKey, WebError> {
    let found = request.web.store.api_key(request.organization_id(), id).await?;
    let key = found.ok_or_else(Problem::not_found)?;
    request.require_project(key.project)?;
    Ok(key)
}

fn representation(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "project_id": key.project,
        "name": key.name.as_str(),
        "token_start": key.token_start,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "last_used_at": key.last_used_at,
    })
}
