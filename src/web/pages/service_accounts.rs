//! Access > Service accounts: the list, making one, and the page of one with its role and secrets. A secret is shown
//! once, in the answer to the form that made it. `service_account_secrets` rotates and ends them.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::confirmation::Confirmation;
use super::listing::{Pages, ROWS};
use super::secret::SecretShow;
use super::{Choice, FieldView, Select, Summary, summary};
use crate::domain::clock::Timestamp;
use crate::domain::credential::ServiceAccountToken;
use crate::domain::id::ServiceAccountId;
use crate::domain::membership::Role;
use crate::domain::refusal::Refusal;
use crate::domain::service_account::{Secret, ServiceAccount, ServiceAccountName};
use crate::store::{ChangeRefused, ListedServiceAccount, Listing, ServiceAccountDetails};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::wording::Moment;

#[derive(Template)]
#[template(path = "pages/service_accounts/index.html")]
struct ServiceAccountsIndex {
    shell: Shell,
    accounts: Vec<AccountRow>,
    pages: Pages,
    new_href: String,
}

struct AccountRow {
    href: String,
    name: String,
    role: &'static str,
    client_id: String,
    last_used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "pages/service_accounts/new.html")]
struct ServiceAccountsNew {
    shell: Shell,
    action: String,
    cancel_href: String,
    name: FieldView,
    role: Select,
    summary: Summary,
}

#[derive(Template)]
#[template(path = "pages/service_accounts/show.html")]
struct ServiceAccountsShow {
    shell: Shell,
    accounts_href: String,
    /// `/organizations/{organization_id}/service-accounts/{service_account_id}`.
    href: String,
    id: String,
    client_id: String,
    name: String,
    created: Moment,
    created_by: String,
    role: Select,
    secrets: Vec<SecretRow>,
}

struct SecretRow {
    start: String,
    created: Moment,
    created_by: String,
    /// When it stops working, once another took its place.
    until: Option<Moment>,
    last_used: Option<Moment>,
    end_href: String,
}

/// A place in the list.
#[derive(Deserialize, Serialize)]
pub(crate) struct AccountPlace {
    after: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AccountInPath {
    service_account_id: String,
}

impl AccountInPath {
    /// The service account, if it is one of the organization in the path.
    pub(super) async fn find(&self, request: &MemberRequest) -> Result<ServiceAccountDetails, WebError> {
        let id = self.service_account_id.parse().map_err(|_| WebError::NotFound)?;
        let found = request.web.store.service_account(request.organization_id(), id).await?;
        found.ok_or(WebError::NotFound)
    }
}

#[derive(Deserialize)]
pub(crate) struct AccountForm {
    name: String,
    role: String,
}

#[derive(Deserialize)]
pub(crate) struct RoleForm {
    role: String,
}

fn accounts_href(request: &MemberRequest) -> String {
    format!("{}/service-accounts", organization_href(&request.member.organization))
}

/// A service account's page.
pub(super) fn account_href(request: &MemberRequest, account: ServiceAccountId) -> String {
    format!("{}/{account}", accounts_href(request))
}

/// The roles that the one at the keyboard may grant.
fn roles(request: &MemberRequest, chosen: &str) -> Vec<Choice> {
    let may_grant = |role: &Role| request.member.role.may_grant(*role);
    let choice = |role: Role| Choice {
        value: role.as_str().to_owned(),
        label: role.label().to_owned(),
        selected: role.as_str() == chosen,
    };
    Role::ALL.into_iter().filter(may_grant).map(choice).collect()
}

pub(crate) async fn index(
    request: MemberRequest,
    Query(place): Query<AccountPlace>,
) -> Result<Response, WebError> {
    let after: Option<ServiceAccountId> =
        place.after.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)?;
    let listing = Listing { after, limit: ROWS };
    let listed = request.web.store.service_accounts(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| AccountPlace { after: Some(last.account.id.to_string()) });
    let here = accounts_href(&request);
    let page = ServiceAccountsIndex {
        shell: request
            .shell("Service accounts", Place::ServiceAccounts)
            .await?
            .with_flash(request.take_flash()),
        accounts: listed.items.iter().map(|account| account_row(&request, account)).collect(),
        pages: Pages::new("More service accounts", &here, after.is_none(), next)?,
        new_href: format!("{here}/new"),
    };
    html(StatusCode::OK, &page)
}

fn account_row(request: &MemberRequest, listed: &ListedServiceAccount) -> AccountRow {
    AccountRow {
        href: account_href(request, listed.account.id),
        name: listed.account.name.to_string(),
        role: listed.account.role.label(),
        client_id: listed.account.client_id.to_string(),
        last_used: listed.last_used_at.map(|at| Moment::new(at, request.web.clock.now())),
    }
}

pub(crate) async fn new(request: MemberRequest) -> Result<Response, WebError> {
    let role = Select { options: roles(&request, Role::Member.as_str()), error: None };
    form_page(&request, StatusCode::OK, FieldView::default(), role).await
}

async fn form_page(
    request: &MemberRequest,
    status: StatusCode,
    name: FieldView,
    role: Select,
) -> Result<Response, WebError> {
    let here = accounts_href(request);
    let page = ServiceAccountsNew {
        shell: request.shell("Create service account", Place::ServiceAccounts).await?,
        action: format!("{here}/new"),
        cancel_href: here,
        summary: summary(&[("name", "Service account name", &name.error), ("role", "Role", &role.error)]),
        name,
        role,
    };
    html(status, &page)
}

pub(crate) async fn create(
    request: MemberRequest,
    CheckedForm(form): CheckedForm<AccountForm>,
) -> Result<Response, WebError> {
    let (name, role) = (form.name.parse::<ServiceAccountName>(), form.role.parse::<Role>());
    let refused = async |name_error: Option<String>, role_error: Option<String>| {
        let name = FieldView { value: form.name.clone(), error: name_error };
        let role = Select { options: roles(&request, &form.role), error: role_error };
        form_page(&request, StatusCode::UNPROCESSABLE_ENTITY, name, role).await
    };
    let (name, role) = match (name, role) {
        (Ok(name), Ok(role)) => (name, role),
        (name, role) => return refused(name.err().map(|error| error.to_string()), role.err()).await,
    };
    let token = ServiceAccountToken::generate(&request.web.entropy);
    let (caller, organization) = (request.caller(), request.organization_id());
    match request.web.store.create_service_account(caller, organization, name, role, &token).await {
        Ok(account) => {
            let heading = "Service account created";
            secret_shown(&request, &account, &token, heading, Vec::new()).await
        }
        Err(ChangeRefused::Rule(Refusal::NameTaken)) => refused(Some(NAME_TAKEN.to_owned()), None).await,
        Err(ChangeRefused::Rule(Refusal::RoleAboveOwn)) => {
            refused(None, Some(Refusal::RoleAboveOwn.to_string())).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Also what the second press of a button gets that was pressed twice: the first one's answer, with the secret, is lost
/// then.
const NAME_TAKEN: &str = "There is a service account with this name already. If you have just made it and not \
                          seen its secret, open it and rotate the secret.";

/// The answer to a form that made a secret.
pub(super) async fn secret_shown(
    request: &MemberRequest,
    account: &ServiceAccount,
    token: &ServiceAccountToken,
    heading: &'static str,
    sentences: Vec<String>,
) -> Result<Response, WebError> {
    let page = SecretShow {
        shell: request.shell(heading, Place::ServiceAccounts).await?,
        eyebrow: "Service accounts",
        heading,
        name: account.name.to_string(),
        label: "Secret",
        secret: token.expose().to_owned(),
        sentences,
        facts: vec![("Client ID", account.client_id.to_string())],
        done_href: account_href(request, account.id),
    };
    html(StatusCode::CREATED, &page)
}

pub(crate) async fn show(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
) -> Result<Response, WebError> {
    let ServiceAccountDetails { account, secrets } = path.find(&request).await?;
    let href = account_href(&request, account.id);
    let now = request.web.clock.now();
    let page = ServiceAccountsShow {
        shell: request
            .shell(account.name.as_str(), Place::ServiceAccounts)
            .await?
            .with_flash(request.take_flash()),
        accounts_href: accounts_href(&request),
        id: account.id.to_string(),
        client_id: account.client_id.to_string(),
        name: account.name.to_string(),
        created: Moment::new(account.created_at, now),
        created_by: account.created_by,
        role: Select { options: roles(&request, account.role.as_str()), error: None },
        secrets: secrets.iter().map(|secret| secret_row(&href, secret, now)).collect(),
        href,
    };
    html(StatusCode::OK, &page)
}

fn secret_row(account_href: &str, secret: &Secret, now: Timestamp) -> SecretRow {
    SecretRow {
        start: secret.token_start.clone(),
        created: Moment::new(secret.created_at, now),
        created_by: secret.created_by.clone(),
        until: secret.expires_at.map(|at| Moment::new(at, now)),
        last_used: secret.last_used_at.map(|at| Moment::new(at, now)),
        end_href: format!("{account_href}/secrets/{}/end", secret.id),
    }
}

pub(crate) async fn change_role(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
    CheckedForm(form): CheckedForm<RoleForm>,
) -> Result<Response, WebError> {
    let account = path.find(&request).await?.account;
    let role: Role = form.role.parse().map_err(|_| WebError::BadForm)?;
    let (caller, organization) = (request.caller(), request.organization_id());
    request.web.store.change_service_account_role(caller, organization, account.id, role).await?;
    Ok(back(&request, account.id, Sentence::ServiceAccountRoleChanged))
}

/// Back to the service account's page, which tells what was done.
pub(super) fn back(request: &MemberRequest, account: ServiceAccountId, sentence: Sentence) -> Response {
    request.leave_flash(sentence);
    Redirect::to(&account_href(request, account)).into_response()
}

pub(crate) async fn confirm_delete(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
) -> Result<Response, WebError> {
    let account = path.find(&request).await?.account;
    let href = account_href(&request, account.id);
    let page = Confirmation {
        shell: request.shell("Delete service account?", Place::ServiceAccounts).await?,
        heading: "Delete service account?",
        name: account.name.to_string(),
        sentences: vec![
            "Programs that use it are let in no more. Its records stay.".to_owned(),
            "This can’t be undone.".to_owned(),
        ],
        action: format!("{href}/delete"),
        button: "Delete service account",
        cancel_href: href,
        typed: None,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn delete(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let account = path.find(&request).await?.account;
    let (caller, organization) = (request.caller(), request.organization_id());
    request.web.store.delete_service_account(caller, organization, account.id).await?;
    request.leave_flash(Sentence::ServiceAccountDeleted);
    Ok(Redirect::to(&accounts_href(&request)).into_response())
}
