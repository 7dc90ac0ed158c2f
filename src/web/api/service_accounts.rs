//! `service-accounts`: made, given another role, rotated and deleted. A secret is answered once.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::ProgramRequest;
use super::listing::ListQuery;
use super::object::{Object, OptionalObject};
use super::problem::{Problem, change_refused};
use crate::domain::credential::ServiceAccountToken;
use crate::domain::id::{SecretId, ServiceAccountId};
use crate::domain::service_account::{Overlap, Secret, ServiceAccount};
use crate::store::ServiceAccountDetails;
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct AccountInPath {
    service_account_id: String,
}

impl AccountInPath {
    fn id(&self) -> Result<ServiceAccountId, Problem> {
        self.service_account_id.parse().map_err(|_| Problem::not_found())
    }
}

#[derive(Deserialize)]
pub(crate) struct SecretInPath {
    service_account_id: String,
    secret_id: String,
}

/// `GET service-accounts`: newest first.
pub(crate) async fn list(request: ProgramRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&request.query, "service-accounts", &[])?;
    let store = &request.web.store;
    let listed = store.service_accounts(request.organization_id(), query.listing()?).await?;
    let last = listed.items.last().map(|listed| listed.account.id).filter(|_| listed.has_more);
    let accounts = listed.items.iter().map(|listed| {
        let mut account = representation(&listed.account);
        account["last_used_at"] = json!(listed.last_used_at);
        account
    });
    Ok(query.page(accounts.collect(), last))
}

/// `POST service-accounts`
pub(crate) async fn create(request: ProgramRequest, mut object: Object) -> Result<Response, WebError> {
    request.take_no_query()?;
    let (name, role) = (object.required("name"), object.required("role"));
    object.finish()?;
    let (Some(name), Some(role)) = (name, role) else {
        return Err(Problem::field("name", "is missing").into());
    };
    let token = ServiceAccountToken::generate(&request.web.entropy);
    let (store, organization) = (&request.web.store, request.organization_id());
    let made = store.create_service_account(request.caller(), organization, name, role, &token).await;
    let account = made.map_err(change_refused)?;
    let details = one(&request, account.id).await?;
    let location = [(header::LOCATION, request.href(&format!("service-accounts/{}", account.id)))];
    Ok((StatusCode::CREATED, location, Json(with_token(&details, &token))).into_response())
}

/// `GET service-accounts/{service_account_id}`: with the secrets that work.
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<AccountInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    Ok(Json(detailed(&one(&request, path.id()?).await?)).into_response())
}

/// `PATCH service-accounts/{service_account_id}`: another role.
pub(crate) async fn update(
    request: ProgramRequest,
    Path(path): Path<AccountInPath>,
    mut object: Object,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let details = one(&request, path.id()?).await?;
    let role = object.optional("role");
    object.finish()?;
    let Some(role) = role else { return Ok(Json(detailed(&details)).into_response()) };
    let (store, organization, id) = (&request.web.store, request.organization_id(), details.account.id);
    let changed = store.change_service_account_role(request.caller(), organization, id, role).await;
    let account = changed.map_err(change_refused)?;
    Ok(Json(detailed(&ServiceAccountDetails { account, ..details })).into_response())
}

/// `POST service-accounts/{service_account_id}/rotate`: another secret; the one before works on for the overlap. That
/// has to be stated: whoever leaves it out may not have thought of what still uses the old one.
pub(crate) async fn rotate(
    request: ProgramRequest,
    Path(path): Path<AccountInPath>,
    OptionalObject(mut object): OptionalObject,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let id = one(&request, path.id()?).await?.account.id;
    let overlap: Option<Overlap> = object.required("overlap");
    object.finish()?;
    let overlap = overlap.ok_or_else(|| Problem::field("overlap", "is missing"))?;
    let token = ServiceAccountToken::generate(&request.web.entropy);
    let (store, organization) = (&request.web.store, request.organization_id());
    let rotated =
        store.rotate_service_account_secret(request.caller(), organization, id, overlap, &token).await;
    rotated.map_err(change_refused)?;
    // An account that rotates itself without an overlap is still let out with its new secret.
    let details = one(&request, id).await?;
    Ok(Json(with_token(&details, &token)).into_response())
}

/// `DELETE service-accounts/{service_account_id}/secrets/{secret_id}`: it stops working.
pub(crate) async fn delete_secret(
    request: ProgramRequest,
    Path(path): Path<SecretInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let account: ServiceAccountId = path.service_account_id.parse().map_err(|_| Problem::not_found())?;
    let secret: SecretId = path.secret_id.parse().map_err(|_| Problem::not_found())?;
    let (store, organization) = (&request.web.store, request.organization_id());
    let ended = store.end_service_account_secret(request.caller(), organization, account, secret).await;
    ended.map_err(change_refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE service-accounts/{service_account_id}`: its secrets stop working.
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<AccountInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let organization = request.organization_id();
    let deleted = request.web.store.delete_service_account(request.caller(), organization, path.id()?).await;
    deleted.map_err(change_refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(request: &ProgramRequest, id: ServiceAccountId) -> Result<ServiceAccountDetails, WebError> {
    let found = request.web.store.service_account(request.organization_id(), id).await?;
    Ok(found.ok_or_else(Problem::not_found)?)
}

fn representation(account: &ServiceAccount) -> Value {
    json!({
        "id": account.id,
        "name": account.name.as_str(),
        "client_id": account.client_id.as_str(),
        "role": account.role.as_str(),
        "created_at": account.created_at,
        "created_by": account.created_by,
    })
}

fn detailed(details: &ServiceAccountDetails) -> Value {
    let mut account = representation(&details.account);
    account["last_used_at"] = json!(details.secrets.iter().filter_map(|secret| secret.last_used_at).max());
    account["secrets"] = details.secrets.iter().map(secret).collect();
    account
}

fn with_token(details: &ServiceAccountDetails, token: &ServiceAccountToken) -> Value {
    let mut account = detailed(details);
    account["token"] = json!(token.expose());
    account
}

fn secret(secret: &Secret) -> Value {
    json!({
        "id": secret.id,
        "token_start": secret.token_start,
        "created_at": secret.created_at,
        "created_by": secret.created_by,
        "expires_at": secret.expires_at,
        "last_used_at": secret.last_used_at,
    })
}
