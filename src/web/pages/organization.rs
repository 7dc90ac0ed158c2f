//! An organization: overview, Settings > General, and deleting it.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use super::FieldView;
use crate::domain::clock::Timestamp;
use crate::domain::integration::{Health, Situation};
use crate::domain::membership::Ability;
use crate::domain::organization::OrganizationName;
use crate::domain::visible::visible;
use crate::store::{CloseRefused, Integration, Listing, RenameRefused, StoredLine};
use crate::web::access::{Member, MemberRequest};
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::CheckedForm;
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::timeline::{self, TimelineView};
use crate::web::wording::{Moment, count, count_with_verb};

const ACTIVITY_ROWS: u32 = 8;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// An organization's overview.
#[derive(Template)]
#[template(path = "pages/organization/show.html")]
struct OrganizationShow {
    shell: Shell,
    id: String,
    name: String,
    plan: &'static str,
    role: &'static str,
    /// For owners only.
    audit_logs: Option<AuditLogsSummary>,
    /// For owners, once anything was delivered, or failed.
    timeline: Option<TimelineView>,
    /// What is left to do, with what is done; empty once all is.
    steps: Vec<NextStep>,
    /// For owners only, newest first.
    activity: Option<Vec<Activity>>,
}

/// Something to do at the beginning.
struct NextStep {
    done: bool,
    title: &'static str,
    text: &'static str,
    href: String,
}

/// One of the newest records.
struct Activity {
    who: String,
    /// `create · index`.
    what: String,
    resource: String,
    failed: bool,
    when: Moment,
}

/// What the overview reads of a record.
#[derive(Deserialize)]
struct RecordExcerpt {
    actor: ActorExcerpt,
    event: EventExcerpt,
}

#[derive(Deserialize)]
struct ActorExcerpt {
    principal_name: String,
}

#[derive(Deserialize)]
struct EventExcerpt {
    time: Timestamp,
    action: String,
    resource_type: String,
    resource_name: String,
    outcome: OutcomeExcerpt,
}

#[derive(Deserialize)]
struct OutcomeExcerpt {
    result: String,
}

/// How audit logs stand, in one card.
struct AuditLogsSummary {
    /// `active checking action_needed suspended inactive needs_enterprise not_configured`.
    state: &'static str,
    /// The state as a word on the badge.
    state_label: &'static str,
    /// What that means.
    sentence: &'static str,
    /// What the owner does next.
    next_step: &'static str,
    href: String,
    action_label: &'static str,
}

/// Settings > General.
#[derive(Template)]
#[template(path = "pages/organization/edit.html")]
struct OrganizationEdit {
    shell: Shell,
    action: String,
    name: FieldView,
    organization_id: String,
    /// Only owners get the form.
    may_rename: bool,
    may_delete: bool,
    delete_href: String,
    leave_href: String,
}

/// What deleting will do, asked for before it is done.
#[derive(Template)]
#[template(path = "pages/organization/delete.html")]
struct OrganizationDelete {
    shell: Shell,
    action: String,
    cancel_href: String,
    organization_name: String,
    /// `3 members`.
    members: String,
    /// `132 records are`.
    pending: Option<String>,
    /// `30 days`.
    hold: String,
    /// Whether the record of the deletion will be.
    delivers: bool,
    /// As typed.
    name: FieldView,
}

#[derive(Deserialize)]
pub(crate) struct DeleteForm {
    typed_name: String,
}

#[derive(Deserialize)]
pub(crate) struct RenameForm {
    name: String,
}

pub(crate) async fn show(request: MemberRequest) -> Result<Response, WebError> {
    let MemberRequest { web, member, .. } = &request;
    let (mut audit_logs, mut activity, mut timeline, mut steps) = (None, None, None, Vec::new());
    if member.role.may(Ability::ManageAuditLogs) {
        let integration = web.store.integration(member.organization.id).await?.ok_or(WebError::NotFound)?;
        audit_logs = Some(summary(&integration));
        let newest = web.store.newest_lines(member.organization.id, ACTIVITY_ROWS).await?;
        activity = Some(newest.iter().filter_map(|line| activity_row(&request, line)).collect());
        timeline = timeline::of(web, member.organization.id).await?;
        steps = next_steps(&request, &integration).await?;
    }
    let page = OrganizationShow {
        shell: request.shell("Overview", Place::Overview).await?.with_flash(request.take_flash()),
        id: member.organization.id.to_string(),
        name: member.organization.name.to_string(),
        plan: member.organization.plan.label(),
        role: member.role.label(),
        audit_logs,
        timeline,
        steps,
        activity,
    };
    html(StatusCode::OK, &page)
}

pub(crate) async fn edit(request: MemberRequest) -> Result<Response, WebError> {
    let name = FieldView { value: request.member.organization.name.to_string(), error: None };
    general_page(&request, StatusCode::OK, name).await
}

pub(crate) async fn update(
    request: MemberRequest,
    CheckedForm(form): CheckedForm<RenameForm>,
) -> Result<Response, WebError> {
    let name: OrganizationName = match form.name.parse() {
        Ok(name) => name,
        Err(error) => {
            let field = FieldView { value: form.name, error: Some(format!("{error}")) };
            return general_page(&request, StatusCode::UNPROCESSABLE_ENTITY, field).await;
        }
    };
    let renamed = request.web.store.rename_organization(request.caller(), request.organization_id(), name);
    renamed.await.map_err(|refused| match refused {
        RenameRefused::NotFound => WebError::NotFound,
        RenameRefused::NotAllowed => WebError::ForbiddenOnRecord,
        RenameRefused::Store(error) => error.into(),
    })?;
    request.leave_flash(Sentence::Renamed);
    Ok(Redirect::to(&general_href(&request.member)).into_response())
}

pub(crate) async fn confirm_delete(request: MemberRequest) -> Result<Response, WebError> {
    delete_page(&request, StatusCode::OK, FieldView::default()).await
}

pub(crate) async fn delete(
    request: MemberRequest,
    CheckedForm(form): CheckedForm<DeleteForm>,
) -> Result<Response, WebError> {
    let organization = request.organization_id();
    match request.web.store.close_organization(request.caller(), organization, form.typed_name.clone()).await
    {
        Ok(closed) => {
            tracing::warn!(
                target: "trailpost::security",
                %organization, name = %closed.name, user = %request.member.user.id,
                request_id = request.visitor.request_id,
                "an organization was deleted by its owner"
            );
            request.leave_flash(Sentence::OrganizationDeleted);
            Ok(Redirect::to("/").into_response())
        }
        Err(CloseRefused::OtherName) => {
            let error = Some("This is not the organization’s name. Type it as it stands above.".to_owned());
            let name = FieldView { value: form.typed_name, error };
            delete_page(&request, StatusCode::UNPROCESSABLE_ENTITY, name).await
        }
        Err(CloseRefused::NotFound) => Err(WebError::NotFound),
        Err(CloseRefused::NotAllowed) => Err(WebError::ForbiddenOnRecord),
        Err(CloseRefused::Store(error)) => Err(error.into()),
    }
}

async fn delete_page(
    request: &MemberRequest,
    status: StatusCode,
    name: FieldView,
) -> Result<Response, WebError> {
    let (store, organization) = (&request.web.store, request.organization_id());
    let integration = store.integration(organization).await?.ok_or(WebError::NotFound)?;
    let pending = store.delivery_status(organization).await?.pending_records;
    let here = general_href(&request.member);
    let page = OrganizationDelete {
        shell: request.shell("Delete organization?", Place::General).await?,
        action: format!("{here}/delete"),
        cancel_href: here,
        organization_name: integration.organization.name.to_string(),
        members: count(store.count_members(organization).await?, "member"),
        pending: (pending > 0).then(|| count_with_verb(pending, "record")),
        hold: count(request.web.config.hold.span().as_secs() / SECONDS_A_DAY, "day"),
        delivers: matches!(integration.situation(), Situation::Active | Situation::Stopping),
        name,
    };
    html(status, &page)
}

/// What an owner does first, as far as it is not all done.
async fn next_steps(request: &MemberRequest, integration: &Integration) -> Result<Vec<NextStep>, WebError> {
    let (store, organization) = (&request.web.store, request.organization_id());
    let base = organization_href(&request.member.organization);
    let is_alone = store.count_members(organization).await? < 2;
    let nobody_is_invited = store.open_invitations(organization, Listing::first(1)).await?.items.is_empty();
    let has_no_project = store.projects(organization, Listing::first(1)).await?.items.is_empty();
    let mut steps = vec![
        NextStep {
            done: !has_no_project,
            title: "Create the first project",
            text: "A project has its own API keys, and says who works on it.",
            href: format!("{base}/projects/new"),
        },
        NextStep {
            done: !is_alone || !nobody_is_invited,
            title: "Invite somebody",
            text: "Bring in who works here with you, each with the role that they need.",
            href: format!("{base}/members"),
        },
    ];
    if request.member.organization.plan.includes_audit_logs() {
        steps.insert(
            0,
            NextStep {
                done: integration.settings.is_some(),
                title: "Set up audit logs",
                text: "Deliver who did what to an Amazon S3 bucket that you own.",
                href: format!("{base}/settings/audit-logs"),
            },
        );
    }
    let all_done = steps.iter().all(|step| step.done);
    Ok(if all_done { Vec::new() } else { steps })
}

/// A record that can't be read is not shown; deliveries and Activity have it as it is.
fn activity_row(request: &MemberRequest, line: &StoredLine) -> Option<Activity> {
    match serde_json::from_str::<RecordExcerpt>(line.line.as_str()) {
        Ok(RecordExcerpt { actor, event }) => Some(Activity {
            who: visible(&actor.principal_name),
            what: visible(&format!("{} · {}", event.action, event.resource_type)),
            resource: visible(&event.resource_name),
            failed: event.outcome.result == "failure",
            when: Moment::new(event.time, request.web.clock.now()),
        }),
        Err(error) => {
            let (organization, sequence) = (request.organization_id(), line.sequence.get());
            tracing::error!(%organization, sequence, %error, "a stored record can't be read");
            None
        }
    }
}

fn general_href(member: &Member) -> String {
    format!("{}/settings/general", organization_href(&member.organization))
}

async fn general_page(
    request: &MemberRequest,
    status: StatusCode,
    name: FieldView,
) -> Result<Response, WebError> {
    let member = &request.member;
    let page = OrganizationEdit {
        shell: request.shell("General", Place::General).await?.with_flash(request.take_flash()),
        action: general_href(member),
        name,
        organization_id: member.organization.id.to_string(),
        may_rename: member.role.may(Ability::RenameOrganization),
        may_delete: member.role.may(Ability::DeleteOrganization),
        delete_href: format!("{}/delete", general_href(member)),
        leave_href: format!("{}/leave", organization_href(&member.organization)),
    };
    html(status, &page)
}

fn summary(integration: &Integration) -> AuditLogsSummary {
    let checking = integration.check.as_ref().is_some_and(|check| check.state.is_open());
    let (state, state_label, sentence, next_step, action_label) = match integration.situation() {
        _ if checking => {
            ("checking", "Checking", "An access check is under way.", "See how far it is.", "Open audit logs")
        }
        Situation::NeedsEnterprise => (
            "needs_enterprise",
            "Enterprise",
            "Audit logs are part of the Enterprise plan.",
            "See what the plan includes.",
            "About audit logs",
        ),
        Situation::NotConfigured => (
            "not_configured",
            "Not set up",
            "Deliver who did what to an Amazon S3 bucket that you own.",
            "You need an IAM role and a bucket. It takes about five minutes.",
            "Set up audit logs",
        ),
        Situation::Suspended => (
            "suspended",
            "Suspended",
            "The plan no longer includes audit logs: nothing new is collected.",
            "Collection resumes by itself when Enterprise returns.",
            "Open audit logs",
        ),
        Situation::Inactive => (
            "inactive",
            "Inactive",
            "Set up and switched off: nothing is collected.",
            "Switch them on to collect again.",
            "Open audit logs",
        ),
        Situation::Stopping => (
            "checking",
            "Stopping",
            "What was collected is delivered first; then audit logs are switched off.",
            "See how far it is.",
            "Open audit logs",
        ),
        Situation::Active if integration.health == Health::ActionNeeded => (
            "action_needed",
            "Action needed",
            "Records are collected, but can’t be delivered.",
            "See what failed and how to mend it.",
            "See what to do",
        ),
        Situation::Active => (
            "active",
            "Active",
            "Records are collected and delivered to your bucket.",
            "Nothing to do.",
            "Open audit logs",
        ),
    };
    let href = format!("{}/settings/audit-logs", organization_href(&integration.organization));
    AuditLogsSummary { state, state_label, sentence, next_step, href, action_label }
}
