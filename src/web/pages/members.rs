//! Access > Members: who belongs to the organization, inviting, roles, removing and leaving. What takes something away
//! asks first, on a page that the browser may show as a dialog.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::listing::{Pages, ROWS};
use super::{Choice, FieldView, Select};
use crate::domain::credential::LinkToken;
use crate::domain::id::{InvitationId, UserId};
use crate::domain::membership::{Ability, Role};
use crate::domain::user::EmailAddress;
use crate::store::{Invite, ListedMember, Listing, MembersRefused, OpenInvitation};
use crate::web::access::{Member, MemberRequest};
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::{CheckedForm, NoFields};
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::wording::{Moment, count};

const LAST_OWNER: &str = "An organization keeps at least one owner. Make another member an owner first.";

/// Access > Members.
#[derive(Template)]
#[template(path = "pages/members/index.html")]
struct MembersIndex {
    shell: Shell,
    invite_action: String,
    email: FieldView,
    roles: Select,
    /// The link that was just made, shown this once.
    invited: Option<NewLink>,
    members_count: String,
    members: Vec<MemberView>,
    member_pages: Pages,
    invitations: Vec<InvitationView>,
    invitation_pages: Pages,
}

/// Places in the page's two lists.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct PlacesInMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
}

impl PlacesInMembers {
    fn member(&self) -> Result<Option<EmailAddress>, WebError> {
        self.member.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)
    }

    fn invitation(&self) -> Result<Option<InvitationId>, WebError> {
        self.invitation.as_deref().map(str::parse).transpose().map_err(|_| WebError::NotFound)
    }
}

/// A link that nobody is shown again.
struct NewLink {
    email: String,
    role: &'static str,
    url: String,
    ends: Moment,
}

struct MemberView {
    name: String,
    email: String,
    role: &'static str,
    since: Moment,
    is_self: bool,
    /// `…/members/{user_id}`.
    href: String,
}

struct InvitationView {
    email: String,
    /// As the form sends it.
    role_word: &'static str,
    role: &'static str,
    sent: Moment,
    ends: Moment,
    expired: bool,
    revoke_action: String,
}

/// What a page that asks first is about.
struct Asked {
    action: String,
    cancel_href: String,
    /// The member, or the organization.
    name: String,
    email: String,
    /// Why it was refused.
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/members/role.html")]
struct MemberRole {
    asked: Asked,
    shell: Shell,
    choices: Vec<RoleChoice>,
    role_error: Option<String>,
}

struct RoleChoice {
    word: &'static str,
    label: &'static str,
    explanation: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "pages/members/remove.html")]
struct MemberRemove {
    asked: Asked,
    shell: Shell,
}

#[derive(Template)]
#[template(path = "pages/members/leave.html")]
struct MemberLeave {
    asked: Asked,
    shell: Shell,
}

#[derive(Deserialize)]
pub(crate) struct InviteForm {
    email: String,
    role: String,
}

#[derive(Deserialize)]
pub(crate) struct RoleForm {
    role: String,
}

#[derive(Deserialize)]
pub(crate) struct MemberInPath {
    user_id: String,
}

#[derive(Deserialize)]
pub(crate) struct InvitationInPath {
    invitation_id: String,
}

pub(crate) async fn index(
    request: MemberRequest,
    Query(places): Query<PlacesInMembers>,
) -> Result<Response, WebError> {
    index_page(&request, StatusCode::OK, &places, InviteFields::default(), None).await
}

pub(crate) async fn invite(
    request: MemberRequest,
    CheckedForm(form): CheckedForm<InviteForm>,
) -> Result<Response, WebError> {
    let places = PlacesInMembers::default();
    let (email, role) = match (form.email.parse::<EmailAddress>(), form.role.parse::<Role>()) {
        (Ok(email), Ok(role)) => (email, role),
        (email, role) => {
            let fields = InviteFields {
                role: role.clone().unwrap_or(Role::Member),
                role_error: role.err().map(|_| "Choose a role.".to_owned()),
                email: FieldView { value: form.email, error: email.err().map(|error| error.to_string()) },
            };
            return index_page(&request, StatusCode::UNPROCESSABLE_ENTITY, &places, fields, None).await;
        }
    };
    let token = LinkToken::generate(&request.web.entropy);
    let organization = request.organization_id();
    let invite = Invite { organization, email: email.clone(), role, token: token.hash() };
    match request.web.store.invite_as_member(request.caller(), invite).await {
        Ok(sent) => {
            let url = format!("{}/invitations/{}", request.web.config.public_url.origin(), token.expose());
            let ends = Moment::new(sent.expires_at, request.web.clock.wall());
            let link = NewLink { email: email.to_string(), role: role.label(), url, ends };
            index_page(&request, StatusCode::CREATED, &places, InviteFields::default(), Some(link)).await
        }
        Err(MembersRefused::AlreadyMember) => {
            let error = Some("This e-mail address belongs to a member already.".to_owned());
            let email = FieldView { value: form.email, error };
            let fields = InviteFields { email, role, role_error: None };
            index_page(&request, StatusCode::UNPROCESSABLE_ENTITY, &places, fields, None).await
        }
        Err(refused) => Err(refusal(refused)),
    }
}

pub(crate) async fn revoke(
    request: MemberRequest,
    Path(path): Path<InvitationInPath>,
    CheckedForm(_): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let id: InvitationId = path.invitation_id.parse().map_err(|_| WebError::NotFound)?;
    match request.web.store.revoke_invitation(request.caller(), request.organization_id(), id).await {
        Ok(_) => request.leave_flash(Sentence::InvitationRevoked),
        Err(MembersRefused::InvitationOver) => request.leave_flash(Sentence::Nothing),
        Err(refused) => return Err(refusal(refused)),
    }
    Ok(Redirect::to(&href(&request.member)).into_response())
}

pub(crate) async fn edit_role(
    request: MemberRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    let member = found(&request, &path).await?;
    let role = member.role;
    role_page(&request, StatusCode::OK, &member, role, Complaint::None).await
}

pub(crate) async fn change_role(
    request: MemberRequest,
    Path(path): Path<MemberInPath>,
    CheckedForm(form): CheckedForm<RoleForm>,
) -> Result<Response, WebError> {
    let member = found(&request, &path).await?;
    let Ok(role) = form.role.parse::<Role>() else {
        let (status, role) = (StatusCode::UNPROCESSABLE_ENTITY, member.role);
        return role_page(&request, status, &member, role, Complaint::Role("Choose a role.")).await;
    };
    let (store, own) = (&request.web.store, request.member.user.id);
    let changed = store.change_role(request.caller(), request.organization_id(), member.user.id, role);
    match changed.await {
        Ok(()) => request.leave_flash(Sentence::RoleChanged),
        Err(MembersRefused::NotAMember) => request.leave_flash(Sentence::Nothing),
        Err(MembersRefused::LastOwner) => {
            return role_page(&request, StatusCode::CONFLICT, &member, role, Complaint::Refused(LAST_OWNER))
                .await;
        }
        Err(refused) => return Err(refusal(refused)),
    }
    // Who gave their own role away can't come back to this page.
    let locked_out = member.user.id == own && !role.may(Ability::ManageMembers);
    let to = if locked_out { organization_href(&request.member.organization) } else { href(&request.member) };
    Ok(Redirect::to(&to).into_response())
}

pub(crate) async fn confirm_remove(
    request: MemberRequest,
    Path(path): Path<MemberInPath>,
) -> Result<Response, WebError> {
    let member = found(&request, &path).await?;
    remove_page(&request, StatusCode::OK, &member, None).await
}

pub(crate) async fn remove(
    request: MemberRequest,
    Path(path): Path<MemberInPath>,
    CheckedForm(_): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let member = found(&request, &path).await?;
    let (store, own) = (&request.web.store, request.member.user.id);
    match store.remove_member(request.caller(), request.organization_id(), member.user.id).await {
        Ok(()) if member.user.id == own => return Ok(left(&request)),
        Ok(()) => request.leave_flash(Sentence::MemberRemoved),
        Err(MembersRefused::NotAMember) => request.leave_flash(Sentence::Nothing),
        Err(MembersRefused::LastOwner) => {
            return remove_page(&request, StatusCode::CONFLICT, &member, Some(LAST_OWNER)).await;
        }
        Err(refused) => return Err(refusal(refused)),
    }
    Ok(Redirect::to(&href(&request.member)).into_response())
}

pub(crate) async fn confirm_leave(request: MemberRequest) -> Result<Response, WebError> {
    leave_page(&request, StatusCode::OK, None).await
}

pub(crate) async fn leave(
    request: MemberRequest,
    CheckedForm(_): CheckedForm<NoFields>,
) -> Result<Response, WebError> {
    let own = request.member.user.id;
    match request.web.store.remove_member(request.caller(), request.organization_id(), own).await {
        Ok(()) => Ok(left(&request)),
        Err(MembersRefused::LastOwner) => leave_page(&request, StatusCode::CONFLICT, Some(LAST_OWNER)).await,
        Err(refused) => Err(refusal(refused)),
    }
}

/// To wherever the visitor still belongs.
fn left(request: &MemberRequest) -> Response {
    request.leave_flash(Sentence::Left);
    Redirect::to("/").into_response()
}

fn href(member: &Member) -> String {
    format!("{}/members", organization_href(&member.organization))
}

async fn found(request: &MemberRequest, path: &MemberInPath) -> Result<ListedMember, WebError> {
    let user: UserId = path.user_id.parse().map_err(|_| WebError::NotFound)?;
    request.web.store.member(request.organization_id(), user).await?.ok_or(WebError::NotFound)
}

/// What a page has no words of its own for.
fn refusal(refused: MembersRefused) -> WebError {
    match refused {
        MembersRefused::NotAllowed | MembersRefused::AboveOwnRole | MembersRefused::LastOwner => {
            WebError::ForbiddenOnRecord
        }
        MembersRefused::NotFound
        | MembersRefused::NotAMember
        | MembersRefused::AlreadyMember
        | MembersRefused::InvitationOver => WebError::NotFound,
        MembersRefused::Store(error) => error.into(),
    }
}

/// The form that invites, as typed.
struct InviteFields {
    email: FieldView,
    role: Role,
    role_error: Option<String>,
}

impl Default for InviteFields {
    fn default() -> InviteFields {
        InviteFields { email: FieldView::default(), role: Role::Member, role_error: None }
    }
}

async fn index_page(
    request: &MemberRequest,
    status: StatusCode,
    places: &PlacesInMembers,
    fields: InviteFields,
    invited: Option<NewLink>,
) -> Result<Response, WebError> {
    let (members, member_pages) = members(request, places).await?;
    let (invitations, invitation_pages) = invitations(request, places).await?;
    let members_count = request.web.store.count_members(request.organization_id()).await?;
    let here = href(&request.member);
    let own = request.member.role;
    let options = Role::ALL.into_iter().filter(|role| own.may_grant(*role)).map(|role| Choice {
        value: role.as_str().to_owned(),
        label: role.label().to_owned(),
        selected: role == fields.role,
    });
    let page = MembersIndex {
        shell: request.shell("Members", Place::Members).await?.with_flash(request.take_flash()),
        invite_action: format!("{here}/invite"),
        email: fields.email,
        roles: Select { options: options.collect(), error: fields.role_error },
        invited,
        members_count: count(members_count, "member"),
        members,
        member_pages,
        invitations,
        invitation_pages,
    };
    html(status, &page)
}

async fn members(
    request: &MemberRequest,
    places: &PlacesInMembers,
) -> Result<(Vec<MemberView>, Pages), WebError> {
    let (here, after) = (href(&request.member), places.member()?);
    let is_first = after.is_none();
    let listing = Listing { after, limit: ROWS };
    let listed = request.web.store.members(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next =
        next.map(|last| PlacesInMembers { member: Some(last.user.email.to_string()), invitation: None });
    let rows = listed.items.iter().map(|member| member_view(request, &here, member)).collect();
    Ok((rows, Pages::new("More members", &here, is_first, next)?))
}

async fn invitations(
    request: &MemberRequest,
    places: &PlacesInMembers,
) -> Result<(Vec<InvitationView>, Pages), WebError> {
    let (here, after) = (href(&request.member), places.invitation()?);
    let listing = Listing { after, limit: ROWS };
    let listed = request.web.store.open_invitations(request.organization_id(), listing).await?;
    let next = listed.items.last().filter(|_| listed.has_more);
    let next = next.map(|last| PlacesInMembers { member: None, invitation: Some(last.id.to_string()) });
    let rows = listed.items.iter().map(|open| invitation_view(request, &here, open)).collect();
    Ok((rows, Pages::new("More invitations", &here, after.is_none(), next)?))
}

fn member_view(request: &MemberRequest, here: &str, member: &ListedMember) -> MemberView {
    MemberView {
        name: member.user.display_name.to_string(),
        email: member.user.email.to_string(),
        role: member.role.label(),
        since: Moment::new(member.since, request.web.clock.now()),
        is_self: member.user.id == request.member.user.id,
        href: format!("{here}/{}", member.user.id),
    }
}

fn invitation_view(request: &MemberRequest, here: &str, open: &OpenInvitation) -> InvitationView {
    let now = request.web.clock.wall();
    InvitationView {
        email: open.email.to_string(),
        role_word: open.role.as_str(),
        role: open.role.label(),
        sent: Moment::new(open.created_at, now),
        ends: Moment::new(open.expires_at, now),
        expired: open.expires_at <= now,
        revoke_action: format!("{here}/invitations/{}/revoke", open.id),
    }
}

/// What is wrong with a change of role.
enum Complaint {
    None,
    /// Nothing, or no role, was chosen.
    Role(&'static str),
    Refused(&'static str),
}

async fn role_page(
    request: &MemberRequest,
    status: StatusCode,
    member: &ListedMember,
    chosen: Role,
    complaint: Complaint,
) -> Result<Response, WebError> {
    let (role_error, refused) = match complaint {
        Complaint::None => (None, None),
        Complaint::Role(error) => (Some(error.to_owned()), None),
        Complaint::Refused(error) => (None, Some(error)),
    };
    let choices = Role::ALL.into_iter().filter(|role| request.member.role.may_grant(*role));
    let choices = choices.map(|role| RoleChoice {
        word: role.as_str(),
        label: role.label(),
        explanation: role.explanation(),
        chosen: role == chosen,
    });
    let page = MemberRole {
        shell: request.shell("Change role", Place::Members).await?,
        asked: asked(request, member, "role", refused),
        choices: choices.collect(),
        role_error,
    };
    html(status, &page)
}

async fn remove_page(
    request: &MemberRequest,
    status: StatusCode,
    member: &ListedMember,
    error: Option<&str>,
) -> Result<Response, WebError> {
    let shell = request.shell("Remove member?", Place::Members).await?;
    html(status, &MemberRemove { shell, asked: asked(request, member, "remove", error) })
}

fn asked(request: &MemberRequest, member: &ListedMember, action: &str, error: Option<&str>) -> Asked {
    let here = href(&request.member);
    Asked {
        action: format!("{here}/{}/{action}", member.user.id),
        cancel_href: here,
        name: member.user.display_name.to_string(),
        email: member.user.email.to_string(),
        error: error.map(str::to_owned),
    }
}

async fn leave_page(
    request: &MemberRequest,
    status: StatusCode,
    error: Option<&str>,
) -> Result<Response, WebError> {
    let base = organization_href(&request.member.organization);
    let asked = Asked {
        action: format!("{base}/leave"),
        cancel_href: format!("{base}/settings/general"),
        name: request.member.organization.name.to_string(),
        email: request.member.user.email.to_string(),
        error: error.map(str::to_owned),
    };
    html(status, &MemberLeave { shell: request.shell("Leave organization?", Place::General).await?, asked })
}
