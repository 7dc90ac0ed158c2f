//! `members`: who belongs to the organization, and as what.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authentication::ProgramRequest;
use super::listing::ListQuery;
use super::object::Object;
use super::problem::Problem;
use crate::domain::id::UserId;
use crate::domain::membership::Role;
use crate::store::{ListedMember, MembersRefused};
use crate::web::error::WebError;

#[derive(Deserialize)]
pub(crate) struct MemberInPath {
    user_id: String,
}

impl MemberInPath {
    fn id(&self) -> Result<UserId, Problem> {
        self.user_id.parse().map_err(|_| Problem::not_found())
    }
}

/// `GET members`: by e-mail address.
pub(crate) async fn list(request: ProgramRequest) -> Result<Response, WebError> {
    let query = ListQuery::read(&request.query, "members", &[])?;
    let listed = request.web.store.members(request.organization_id(), query.listing()?).await?;
    let next = listed.items.last().map(|last| last.user.email.clone()).filter(|_| listed.has_more);
    Ok(query.page(listed.items.iter().map(representation).collect(), next))
}

/// `GET members/{user_id}`
pub(crate) async fn show(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    Ok(Json(representation(&one(&request, path.id()?).await?)).into_response())
}

/// `PATCH members/{user_id}`: another role.
pub(crate) async fn update(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
    mut object: Object,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let member = one(&request, path.id()?).await?;
    let role: Option<Role> = object.optional("role");
    object.finish()?;
    if let Some(role) = role {
        let (store, organization) = (&request.web.store, request.organization_id());
        let changed = store.change_role(request.caller(), organization, member.user.id, role).await;
        changed.map_err(refused)?;
    }
    Ok(Json(representation(&one(&request, member.user.id).await?)).into_response())
}

/// `DELETE members/{user_id}`
pub(crate) async fn delete(
    request: ProgramRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    request.take_no_query()?;
    let organization = request.organization_id();
    let removed = request.web.store.remove_member(request.caller(), organization, path.id()?).await;
    removed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(request: &ProgramRequest, id: UserId) -> Result<ListedMember, WebError> {
    let found = request.web.store.member(request.organization_id(), id).await?;
    Ok(found.ok_or_else(Problem::not_found)?)
}

/// The error of a change of members or invitations. The transaction put the attempt on the record.
pub(super) fn refused(refused: MembersRefused) -> WebError {
    const NOTHING: &str = "Nothing was changed.";
    match refused {
        MembersRefused::NotFound | MembersRefused::NotAMember | MembersRefused::InvitationOver => {
            Problem::not_found().into()
        }
        MembersRefused::NotAllowed => Problem::not_allowed().on_the_record().into(),
        MembersRefused::AboveOwnRole => Problem::role_above_own().on_the_record().into(),
        MembersRefused::LastOwner => Problem::conflict(
            "An organization keeps at least one owner.",
            "Make another member an owner first.",
        )
        .into(),
        MembersRefused::AlreadyMember => {
            Problem::conflict("This e-mail address belongs to a member of the organization already.", NOTHING)
                .into()
        }
        MembersRefused::Store(error) => error.into(),
    }
}

fn representation(member: &ListedMember) -> Value {
    json!({
        "user_id": member.user.id,
        "email": member.user.email.as_str(),
        "display_name": member.user.display_name.as_str(),
        "role": member.role.as_str(),
        "since": member.since,
    })
}
