//! The secrets of a service account: rotating and ending them.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::confirmation::Confirmation;
use super::service_accounts::{AccountInPath, account_href, back, secret_shown};
use super::{Choice, Select, Summary, summary};
use crate::domain::clock::Timestamp;
use crate::domain::credential::ServiceAccountToken;
use crate::domain::id::SecretId;
use crate::domain::refusal::Refusal;
use crate::domain::service_account::Overlap;
use crate::store::{ChangeRefused, ServiceAccountDetails};
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html};

#[derive(Template)]
#[template(path = "pages/service_accounts/rotate.html")]
struct ServiceAccountsRotate {
    shell: Shell,
    action: String,
    account_href: String,
    account_name: String,
    overlap: Select,
    /// There is no third beside them.
    two_work: bool,
    summary: Summary,
}

#[derive(Deserialize)]
pub(crate) struct SecretInPath {
    secret_id: String,
}

impl SecretInPath {
    fn id(&self) -> Result<SecretId, WebError> {
        self.secret_id.parse().map_err(|_| WebError::NotFound)
    }
}

#[derive(Deserialize)]
pub(crate) struct RotateForm {
    #[serde(default)]
    overlap: String,
}

pub(crate) async fn confirm_rotate(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
) -> Result<Response, WebError> {
    let details = path.find(&request).await?;
    let chosen = if details.secrets.len() > 1 { Overlap::None } else { Overlap::Day };
    rotate_page(&request, StatusCode::OK, &details, chosen.as_str(), None).await
}

async fn rotate_page(
    request: &MemberRequest,
    status: StatusCode,
    details: &ServiceAccountDetails,
    chosen: &str,
    error: Option<String>,
) -> Result<Response, WebError> {
    let href = account_href(request, details.account.id);
    let overlap = Select { options: overlaps(chosen), error };
    let page = ServiceAccountsRotate {
        shell: request.shell("Rotate secret", Place::ServiceAccounts).await?,
        action: format!("{href}/rotate"),
        account_href: href,
        account_name: details.account.name.to_string(),
        two_work: details.secrets.len() > 1,
        summary: summary(&[("overlap", "Old secret stops", &overlap.error)]),
        overlap,
    };
    html(status, &page)
}

fn overlaps(chosen: &str) -> Vec<Choice> {
    let choice = |overlap: Overlap| Choice {
        value: overlap.as_str().to_owned(),
        label: match overlap {
            Overlap::None => "Now",
            Overlap::Hour => "In 1 hour",
            Overlap::Day => "In 24 hours",
            Overlap::Week => "In 7 days",
        }
        .to_owned(),
        selected: overlap.as_str() == chosen,
    };
    Overlap::ALL.into_iter().map(choice).collect()
}

pub(crate) async fn rotate(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
    CheckedForm(form): CheckedForm<RotateForm>,
) -> Result<Response, WebError> {
    let details = path.find(&request).await?;
    let refused = async |error: String| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        rotate_page(&request, status, &details, &form.overlap, Some(error)).await
    };
    let overlap: Overlap = match form.overlap.parse() {
        Ok(overlap) => overlap,
        Err(_) => return refused("Choose when the old secret stops working.".to_owned()).await,
    };
    let token = ServiceAccountToken::generate(&request.web.entropy);
    let (store, id) = (&request.web.store, details.account.id);
    let (caller, organization) = (request.caller(), request.organization_id());
    match store.rotate_service_account_secret(caller, organization, id, overlap, &token).await {
        Ok(until) => {
            let sentences = vec![old_secret_stops(overlap, until)];
            secret_shown(&request, &details.account, &token, "Secret rotated", sentences).await
        }
        Err(ChangeRefused::Rule(Refusal::TwoSecrets)) => refused(Refusal::TwoSecrets.to_string()).await,
        Err(error) => Err(error.into()),
    }
}

fn old_secret_stops(overlap: Overlap, until: Timestamp) -> String {
    match overlap {
        Overlap::None => "The old secret has stopped working.".to_owned(),
        _ => format!("The old secret goes on working until {}.", until.exact()),
    }
}

pub(crate) async fn confirm_end(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
    Path(secret): Path<SecretInPath>,
) -> Result<Response, WebError> {
    let details = path.find(&request).await?;
    let id = secret.id()?;
    let secret = details.secrets.iter().find(|secret| secret.id == id).ok_or(WebError::NotFound)?;
    let href = account_href(&request, details.account.id);
    let left = match details.secrets.len() {
        1 => "No other secret works: the service account is let in no more until you rotate.",
        _ => "The other secret goes on working.",
    };
    let page = Confirmation {
        shell: request.shell("End secret now?", Place::ServiceAccounts).await?,
        heading: "End secret now?",
        name: format!("{}…", secret.token_start),
        sentences: vec![
            format!("Programs that use this secret of {} are let in no more.", details.account.name),
            left.to_owned(),
        ],
        action: format!("{href}/secrets/{id}/end"),
        button: "End secret",
        cancel_href: href,
        typed: None,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn end(
    request: MemberRequest,
    Path(path): Path<AccountInPath>,
    Path(secret): Path<SecretInPath>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let account = path.find(&request).await?.account;
    let (caller, organization) = (request.caller(), request.organization_id());
    let store = &request.web.store;
    store.end_service_account_secret(caller, organization, account.id, secret.id()?).await?;
    Ok(back(&request, account.id, Sentence::SecretEnded))
}
