//! `trailpost organization`: tenants, their plans, and the invitations of their owners.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::answer::{Answer, CommandError, table};
use super::operator::{Desk, OperatorArguments};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::id::OrganizationId;
use crate::domain::membership::Role;
use crate::domain::organization::{OrganizationName, Plan};
use crate::domain::user::EmailAddress;
use crate::store::{Invite, InviteRefused, Opening, OrganizationSummary};

/// Where the link of an invitation leads.
const INVITATIONS: &str = "invitations";

#[derive(Debug, Args)]
pub(super) struct OrganizationArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an organization and invite its first owner
    Create {
        /// How it is called
        #[arg(long)]
        name: OrganizationName,
        /// starter, standard or enterprise
        #[arg(long)]
        plan: Plan,
        /// Whom the invitation is for
        #[arg(long, value_name = "EMAIL")]
        owner_email: EmailAddress,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Every organization, by name
    List {
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// One organization: plan, owners, how its audit logs stand
    Show {
        /// Its ID
        id: OrganizationId,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Give an organization a plan; below Enterprise its audit logs are suspended
    SetPlan {
        /// Its ID
        id: OrganizationId,
        /// starter, standard or enterprise
        plan: Plan,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Invite one more owner, or revoke the open invitations of an address
    InviteOwner {
        /// The organization's ID
        id: OrganizationId,
        /// Whom the invitation is for
        #[arg(long)]
        email: EmailAddress,
        /// Revoke the open invitations instead
        #[arg(long)]
        revoke: bool,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

/// Does what was asked for.
pub(super) async fn run(arguments: OrganizationArguments) -> ExitCode {
    match arguments.action {
        Action::Create { name, plan, owner_email, operator } => {
            let creating = async |desk: &Desk| create(desk, name, plan, owner_email).await;
            operator.run_opening(Opening::FirstCommand, creating).await
        }
        Action::List { operator } => operator.run(async |desk| list(desk).await).await,
        Action::Show { id, operator } => operator.run(async |desk| show(desk, id).await).await,
        Action::SetPlan { id, plan, operator } => {
            operator.run(async |desk| set_plan(desk, id, plan).await).await
        }
        Action::InviteOwner { id, email, revoke: true, operator } => {
            operator.run(async |desk| revoke_invitations(desk, id, email).await).await
        }
        Action::InviteOwner { id, email, revoke: false, operator } => {
            operator.run(async |desk| invite_owner(desk, id, email).await).await
        }
    }
}

async fn create(
    desk: &Desk,
    name: OrganizationName,
    plan: Plan,
    owner: EmailAddress,
) -> Result<Answer, CommandError> {
    let (url, token) = desk.new_link(INVITATIONS)?;
    let made = desk
        .store
        .create_organization_with_owner(Caller::trailpost(), name, plan, owner.clone(), token.hash())
        .await?;
    let (organization, expires_at) = made;
    let id = organization.id;
    let answer = Answer::new(
        format!(
            "Organization {} ({})\nExternal ID  {}\nInvitation of {owner}, valid until {}:\n{url}",
            organization.name,
            id,
            organization.external_id,
            expires_at.exact()
        ),
        json!({
            "organization_id": id,
            "external_id": organization.external_id.as_str(),
            "invitation_url": url,
        }),
    );
    Ok(answer.making(format!(
        "organization {id} was made; for another invitation: trailpost organization invite-owner {id} --email {owner}"
    )))
}

async fn list(desk: &Desk) -> Result<Answer, CommandError> {
    let organizations = desk.store.organizations().await?;
    let mut rows =
        vec![["ID", "NAME", "PLAN", "STATE", "AUDIT LOGS", "HEALTH", "CREATED"].map(str::to_owned).to_vec()];
    rows.extend(organizations.iter().map(|summary| {
        vec![
            summary.organization.id.to_string(),
            summary.organization.name.to_string(),
            summary.organization.plan.as_str().to_owned(),
            state_of(summary).to_owned(),
            summary.situation.as_str().to_owned(),
            summary.health.as_str().to_owned(),
            summary.created_at.exact(),
        ]
    }));
    let json = json!({ "organizations": organizations.iter().map(json_of).collect::<Vec<_>>() });
    Ok(Answer::new(table(&rows), json))
}

/// A closed organization is there until what is pending of it is delivered.
fn state_of(summary: &OrganizationSummary) -> &'static str {
    if summary.closed_at.is_some() { "closing" } else { "open" }
}

fn json_of(summary: &OrganizationSummary) -> Value {
    json!({
        "organization_id": summary.organization.id,
        "name": summary.organization.name,
        "plan": summary.organization.plan,
        "external_id": summary.organization.external_id.as_str(),
        "state": state_of(summary),
        "closed_at": summary.closed_at,
        "audit_logs": summary.situation.as_str(),
        "health": summary.health.as_str(),
        "created_at": summary.created_at,
    })
}

async fn show(desk: &Desk, id: OrganizationId) -> Result<Answer, CommandError> {
    let summary = desk.store.organization_summary(id).await?.ok_or_else(|| unknown(id))?;
    let status = desk.store.delivery_status(id).await?;
    let owners: Vec<String> = desk.store.owners(id).await?.iter().map(ToString::to_string).collect();
    let delivered_at = status.last_delivery.and_then(|delivery| delivery.finished_at);
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let text = table(&[
        row("ID", id.to_string()),
        row("Name", summary.organization.name.to_string()),
        row("Plan", summary.organization.plan.label().to_owned()),
        row("External ID", summary.organization.external_id.to_string()),
        row("Created", summary.created_at.exact()),
        row("State", summary.closed_at.map_or_else(|| "open".to_owned(), closing_since)),
        row("Owners", or_none(owners.join(", "))),
        row("Audit logs", summary.situation.as_str().to_owned()),
        row("Health", summary.health.as_str().to_owned()),
        row("Pending", format!("{} records, {} bytes", status.pending_records, status.pending_bytes)),
        row("Last delivery", or_none(delivered_at.map(|at| at.exact()).unwrap_or_default())),
    ]);
    let mut json = json_of(&summary);
    json["owners"] = json!(owners);
    json["pending_records"] = json!(status.pending_records);
    json["pending_bytes"] = json!(status.pending_bytes);
    json["last_delivery_at"] = json!(delivered_at);
    Ok(Answer::new(text, json))
}

async fn set_plan(desk: &Desk, id: OrganizationId, plan: Plan) -> Result<Answer, CommandError> {
    let change = desk.store.set_plan(Caller::trailpost(), id, plan).await?.ok_or_else(|| unknown(id))?;
    let name = &change.organization.name;
    let text = if change.before == plan {
        format!("{name} has the plan {} already; nothing was changed.", plan.label())
    } else {
        format!("{name} has the plan {} now; it was {}.", plan.label(), change.before.label())
    };
    Ok(Answer::new(text, json!({ "organization_id": id, "before": change.before, "plan": plan })))
}

async fn invite_owner(desk: &Desk, id: OrganizationId, email: EmailAddress) -> Result<Answer, CommandError> {
    let (url, token) = desk.new_link(INVITATIONS)?;
    let invite = Invite { organization: id, email: email.clone(), role: Role::Owner, token: token.hash() };
    let expires_at = desk.store.invite(Caller::trailpost(), invite).await.map_err(|error| match error {
        InviteRefused::UnknownOrganization => unknown(id),
        other => other.into(),
    })?;
    let answer = Answer::new(
        format!("Invitation of {email}, valid until {}:\n{url}", expires_at.exact()),
        json!({ "invitation_url": url, "expires_at": expires_at }),
    );
    Ok(answer.making(format!(
        "an invitation of {email} was made; revoke it with: trailpost organization invite-owner {id} --email {email} \
         --revoke"
    )))
}

async fn revoke_invitations(
    desk: &Desk,
    id: OrganizationId,
    email: EmailAddress,
) -> Result<Answer, CommandError> {
    let revoked = desk.store.revoke_invitations(Caller::trailpost(), id, email.clone()).await?;
    let revoked = revoked.ok_or_else(|| unknown(id))?;
    Ok(Answer::new(
        format!("Open invitations of {email} that were revoked: {revoked}."),
        json!({ "revoked": revoked }),
    ))
}

fn closing_since(at: Timestamp) -> String {
    format!("closing since {}: what is pending is delivered, then everything of it is deleted", at.exact())
}

/// Nothing has this ID.
pub(super) fn unknown(id: OrganizationId) -> CommandError {
    CommandError::Failed(format!(
        "there is no organization with the id {id}; see: trailpost organization list"
    ))
}
