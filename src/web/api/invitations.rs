//! `invitations`: those that are open. The link of one is answered once.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::ProgramRequest;
use super::listing::ListQuery;
use super::members::refused;
use super::object::Object;
use super::problem::Problem;
use crate::domain::credential::LinkToken;
use crate::domain::id::InvitationId;
use crate::domain::user::EmailAddress;
use crate::store::{Invite, OpenInvitation};
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct InvitationInPath {
    invitation_id: String,
}

impl InvitationInPath {
    fn id(&self) -> Result<InvitationId, Problem> {
        self.invitation_id.parse().map_err(|_| Problem::not_found())
    }
}

/// `GET invitations`: newest first.
pub(crate) async fn list(request: ProgramRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&request.query, "invitations", &[])?;
    let listed = request.web.store.open_invitations(request.organization_id(), query.listing()?).await?;
    let next = listed.items.last().map(|last| last.id).filter(|_| listed.has_more);
    Ok(query.page(listed.items.iter().map(representation).collect(), next))
}

/// `POST invitations`: an older one of the same person is revoked.
pub(crate) async fn create(request: ProgramRequest, mut object: Object) -> Result<Response, WebError> {
    request.take_no_query()?;
    let (email, role) = (object.required::<EmailAddress>("email"), object.required("role"));
    object.finish()?;
    let (Some(email), Some(role)) = (email, role) else {
        return Err(Problem::field("email", "is missing").into());
    };
    let (store, organization) = (&request.web.store, request.organization_id());
    let token = LinkToken::generate(&request.web.entropy);
    let invite = Invite { organization, email, role, token: token.hash() };
    let made = store.invite_as_member(request.caller(), invite).await.map_err(refused)?;
    let mut body = representation(&made);
    body["url"] = json!(format!("{}/invitations/{}", request.web.config.public_url.origin(), token.expose()));
    let location = [(header::LOCATION, request.href(&format!("invitations/{}", made.id)))];
    Ok((StatusCode::CREATED, location, Json(body)).into_response())
}

/// `GET invitations/{invitation_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<InvitationInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let id = path.id()?;
    let found = request.web.store.open_invitation(request.organization_id(), id).await?;
    Ok(Json(representation(&found.ok_or_else(Problem::not_found)?)).into_response())
}

/// `DELETE invitations/{invitation_id}`: its link stops working.
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<InvitationInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let organization = request.organization_id();
    let revoked = request.web.store.revoke_invitation(request.caller(), organization, path.id()?).await;
    revoked.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn representation(invitation: &OpenInvitation) -> Value {
    json!({
        "id": invitation.id,
        "email": invitation.email.as_str(),
        "role": invitation.role.as_str(),
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    })
}
