//! An organization: overview, and Settings > General.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use super::FieldView;
use crate::domain::integration::{Health, Situation};
use crate::domain::membership::Ability;
use crate::domain::organization::OrganizationName;
use crate::store::Integration;
use crate::web::access::{Member, MemberRequest};
use crate::web::error::WebError;
use crate::web::flash::Sentence;
use crate::web::form::CheckedForm;
use crate::web::render::{Place, Shell, html, organization_href};
use crate::web::timeline::{self, TimelineView};

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
}

#[derive(Deserialize)]
pub(crate) struct RenameForm {
    name: String,
}

pub(crate) async fn show(request: MemberRequest) -> Result<Response, WebError> {
    let MemberRequest { web, member, .. } = &request;
    let audit_logs = if member.role.may(Ability::ManageAuditLogs) {
        web.store.integration(member.organization.id).await?.as_ref().map(summary)
    } else {
        None
    };
    let timeline = match audit_logs {
        Some(_) => timeline::of(web, member.organization.id).await?,
        None => None,
    };
    let page = OrganizationShow {
        shell: request.shell("Overview", Place::Overview).await?.with_flash(request.take_flash()),
        id: member.organization.id.to_string(),
        name: member.organization.name.to_string(),
        plan: member.organization.plan.label(),
        role: member.role.label(),
        audit_logs,
        timeline,
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
    renamed.await?.ok_or(WebError::NotFound)?;
    request.leave_flash(Sentence::Renamed);
    Ok(Redirect::to(&general_href(&request.member)).into_response())
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
