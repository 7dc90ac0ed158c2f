//! The events that Trailpost itself records: one function for each, so that the shape of a record is decided
//! here and nowhere else. Resource ids follow the documented table of PRODUCT.md section 3.

pub mod project;
pub mod service_account;

use serde_json::{Map, Value, json};

use super::access_check::Purpose;
use super::caller::Caller;
use super::clock::Timestamp;
use super::denied_attempt::{DeniedAttempt, LeftOutAttempts, TurnedAway};
use super::export::NewExport;
use super::failure::Failure;
use super::id::{OrganizationId, RecordId};
use super::integration::Settings;
use super::membership::Role;
use super::organization::{OrganizationName, Plan};
use super::record::{Action, ErrorCode, Event, Outcome, Record, ResourceType};
use super::refusal::Refusal;
use super::sequence::Sequence;
use super::user::{DisplayName, EmailAddress, User};

/// An event before the store gives it its organization, id and time.
#[derive(Clone, Debug)]
pub struct EventDraft {
    action: Action,
    resource_type: ResourceType,
    resource_id: Value,
    resource_name: String,
    outcome: Outcome,
    parameters: Map<String, Value>,
    /// None while it happens as it is recorded.
    happened_at: Option<Timestamp>,
}

impl EventDraft {
    /// The same event as one that happened before it is recorded.
    #[must_use]
    pub fn happened_at(mut self, time: Timestamp) -> EventDraft {
        self.happened_at = Some(time);
        self
    }

    /// The same event as one that was tried and did not happen.
    #[must_use]
    pub fn failed(mut self, reason: impl Into<String>, error_code: &'static str) -> EventDraft {
        self.outcome =
            Outcome::Failure { reason: reason.into(), error_code: ErrorCode::from_static(error_code) };
        self
    }

    /// The same event as one that a rule refused.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> EventDraft {
        self.failed(refusal.to_string(), refusal.error_code())
    }

    /// The finished record. `source_ip` joins the parameters.
    pub fn into_record(
        mut self,
        id: RecordId,
        organization_id: OrganizationId,
        organization_name: &OrganizationName,
        caller: &Caller,
        time: Timestamp,
    ) -> Record {
        if let Some(address) = caller.source_ip {
            self.parameters.insert("source_ip".to_owned(), json!(address));
        }
        Record {
            id,
            organization_id,
            organization_name: organization_name.to_string(),
            client: caller.client.clone(),
            actor: caller.actor.clone(),
            event: Event {
                time: self.happened_at.unwrap_or(time),
                action: self.action,
                resource_type: self.resource_type,
                resource_id: self.resource_id,
                resource_name: self.resource_name,
                outcome: self.outcome,
                parameters: self.parameters,
            },
        }
    }
}

fn draft(
    action: &'static str,
    resource_type: &'static str,
    resource_id: Value,
    resource_name: impl Into<String>,
) -> EventDraft {
    EventDraft {
        action: Action::from_static(action),
        resource_type: ResourceType::from_static(resource_type),
        resource_id,
        resource_name: resource_name.into(),
        outcome: Outcome::Success,
        parameters: Map::new(),
        happened_at: None,
    }
}

/// `login · user · username`
pub fn login(user: &User) -> EventDraft {
    draft("login", "user", json!(user.email.as_str()), user.email.as_str())
}

/// `logout · user · username`
pub fn logout(user: &User) -> EventDraft {
    draft("logout", "user", json!(user.email.as_str()), user.email.as_str())
}

/// What was tried and turned away.
pub fn turned_away(attempt: &TurnedAway) -> EventDraft {
    match attempt {
        TurnedAway::Denied(attempt) => denied(attempt),
        TurnedAway::FailedLogin { username } => draft("login", "user", json!(username), username)
            .failed("The password was wrong", "UNAUTHENTICATED"),
    }
}

fn denied(attempt: &DeniedAttempt) -> EventDraft {
    let mut event = EventDraft {
        action: attempt.action.clone(),
        resource_type: attempt.resource_type.clone(),
        resource_id: json!(attempt.resource_id),
        resource_name: attempt.resource_name.clone(),
        outcome: Outcome::Success,
        parameters: Map::new(),
        happened_at: None,
    };
    event.parameters.insert("method".to_owned(), json!(attempt.method));
    event.parameters.insert("path".to_owned(), json!(attempt.path));
    event.failed(attempt.reason.clone(), "PERMISSION_DENIED")
}

/// `create · user · [emails]`: a membership gained.
pub fn create_user(user: &User, role: Role) -> EventDraft {
    let mut event = draft("create", "user", json!([user.email.as_str()]), user.email.as_str());
    event.parameters.insert("role".to_owned(), json!(role.as_str()));
    event
}

/// `update · user · {user, role}`: the role that is asked for.
pub fn change_role(user: &User, before: Role, after: Role) -> EventDraft {
    let mut event = update_user(user, after, "role");
    event.parameters.extend(changes(&json!({ "role": before.as_str() }), &json!({ "role": after.as_str() })));
    event
}

/// `delete · user · e-mail`: a membership ended, by an owner or by the member.
pub fn delete_user(user: &User, role: Role) -> EventDraft {
    let mut event = draft("delete", "user", json!(user.email.as_str()), user.email.as_str());
    event.parameters = changes(&json!({ "role": role.as_str() }), &Value::Null);
    event
}

/// `create · invitation · e-mail`: an invitation sent. `replaced` is the role of an older one that it revokes.
pub fn create_invitation(email: &EmailAddress, role: Role, replaced: Option<Role>) -> EventDraft {
    let mut event = draft("create", "invitation", json!(email.as_str()), email.as_str());
    let of = |role: Role| json!({ "role": role.as_str() });
    event.parameters = changes(&replaced.map_or(Value::Null, of), &of(role));
    event
}

/// `delete · invitation · e-mail`: an invitation revoked before it was used.
pub fn delete_invitation(email: &EmailAddress, role: Role) -> EventDraft {
    let mut event = draft("delete", "invitation", json!(email.as_str()), email.as_str());
    event.parameters = changes(&json!({ "role": role.as_str() }), &Value::Null);
    event
}

/// The same for one that ends because its sender may not give its role any more. `sender` is how they are called.
pub fn end_invitation(email: &EmailAddress, role: Role, sender: &str) -> EventDraft {
    let mut event = delete_invitation(email, role);
    event.parameters.insert("sent_by".to_owned(), json!(sender));
    event
}

/// `update · user · {user, role}`: a new password, by a reset link or on the account page, as each organization of the
/// account has it.
pub fn set_password(user: &User, role: Role) -> EventDraft {
    update_user(user, role, "password")
}

/// `update · user · {user, role}`: another display name, as each organization of the account has it.
pub fn rename_user(user: &User, role: Role, after: &DisplayName) -> EventDraft {
    let mut event = update_user(user, role, "display_name");
    let name = |name: &DisplayName| json!({ "display_name": name.as_str() });
    event.parameters.extend(changes(&name(&user.display_name), &name(after)));
    event
}

/// `update · user · {user, role}`: sessions that their owner ended from another, as each organization of the account
/// has it.
pub fn end_sessions(user: &User, role: Role, ended: u64) -> EventDraft {
    let mut event = update_user(user, role, "sessions");
    event.parameters.insert("sessions_ended".to_owned(), json!(ended));
    event
}

fn update_user(user: &User, role: Role, changed: &str) -> EventDraft {
    let whose = json!({ "user": user.email.as_str(), "role": role.as_str() });
    let mut event = draft("update", "user", whose, user.email.as_str());
    event.parameters.insert("changed".to_owned(), json!([changed]));
    event
}

/// `update · organization · new name`
pub fn rename_organization(before: &OrganizationName, after: &OrganizationName) -> EventDraft {
    let mut event = draft("update", "organization", json!(after.as_str()), after.as_str());
    event.parameters = changes(&json!({ "name": before.as_str() }), &json!({ "name": after.as_str() }));
    event
}

/// `delete · organization · name`: its last record.
pub fn delete_organization(name: &OrganizationName, plan: Plan) -> EventDraft {
    let mut event = draft("delete", "organization", json!(name.as_str()), name.as_str());
    event.parameters = changes(&json!({ "name": name.as_str(), "plan": plan }), &Value::Null);
    event
}

/// `update · plan · new plan`
pub fn change_plan(before: Plan, after: Plan) -> EventDraft {
    let mut event = draft("update", "plan", json!(after), after.label());
    event.parameters = changes(&json!({ "plan": before }), &json!({ "plan": after }));
    event
}

/// `expire · audit-log-records · first-last`: what could not be delivered for as long as records are held.
pub fn expire_records(expired: LeftOut) -> EventDraft {
    let run = format!("{}-{}", expired.first, expired.last);
    draft("expire", "audit-log-records", json!(run), &run).naming("expired", Some(expired))
}

/// `create · audit-log-export · file name`: records taken out of Activity. Which ones, and in what format, is in the
/// parameters.
pub fn create_export(export: &NewExport) -> EventDraft {
    let mut event = draft("create", "audit-log-export", json!(export.file_name), &export.file_name);
    event.parameters = export.parameters.clone();
    event
}

/// What is done to an organization's integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationAction {
    /// The first set-up, which also starts collecting.
    Create,
    /// Other settings.
    Update,
    /// The switch turned on again.
    Enable,
    /// The switch turned off.
    Disable,
    /// The integration removed.
    Delete,
    /// An access check by hand.
    Test,
}

impl IntegrationAction {
    fn as_str(self) -> &'static str {
        match self {
            IntegrationAction::Create => "create",
            IntegrationAction::Update => "update",
            IntegrationAction::Enable => "enable",
            IntegrationAction::Disable => "disable",
            IntegrationAction::Delete => "delete",
            IntegrationAction::Test => "test",
        }
    }
}

/// `… · audit-log-integration · organization id`, with the settings before and after.
pub fn integration(
    action: IntegrationAction,
    organization: OrganizationId,
    before: Option<&Settings>,
    after: Option<&Settings>,
) -> EventDraft {
    let mut event = draft(
        action.as_str(),
        "audit-log-integration",
        json!(organization.to_string()),
        "audit-log-integration",
    );
    event.parameters = changes(&json!(before), &json!(after));
    event
}

/// The same, as it follows from an access check: what it is for, and the settings before and those that it proves. One
/// without settings of its own proves those in force.
pub fn access_check(
    purpose: Purpose,
    organization: OrganizationId,
    in_force: Option<&Settings>,
    proposed: Option<&Settings>,
) -> EventDraft {
    let proposed = proposed.or(in_force);
    match purpose {
        Purpose::Enable => integration(IntegrationAction::Create, organization, in_force, proposed),
        Purpose::Update => integration(IntegrationAction::Update, organization, in_force, proposed),
        Purpose::Activate => integration(IntegrationAction::Enable, organization, in_force, proposed),
        Purpose::Test => integration(IntegrationAction::Test, organization, None, proposed),
    }
}

/// `update · audit-log-integration · organization id`: what is pending is to be delivered, and then this is to happen.
pub fn deliver_first(then: IntegrationAction, organization: OrganizationId) -> EventDraft {
    let mut event = integration(IntegrationAction::Update, organization, None, None);
    event.parameters.insert("deliver_first_then".to_owned(), json!(then.as_str()));
    event
}

/// What an owner asks for that changes no setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryRequest {
    /// Deliver what is pending without waiting for its window.
    DeliverNow,
    /// Try the delivery that failed at once.
    TryAgain,
    /// Give up waiting for the last deliveries.
    StopWaiting,
}

/// `update · audit-log-integration · organization id`: how deliveries go on, while the settings stay.
pub fn delivery_request(request: DeliveryRequest, organization: OrganizationId) -> EventDraft {
    let mut event = integration(IntegrationAction::Update, organization, None, None);
    let word = match request {
        DeliveryRequest::DeliverNow => "deliver_now",
        DeliveryRequest::TryAgain => "try_again",
        DeliveryRequest::StopWaiting => "stop_waiting",
    };
    event.parameters.insert("requested".to_owned(), json!(word));
    event
}

/// A run of records that will not be delivered, discarded or never collected, for the record that explains the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The first sequence that is left out.
    pub first: Sequence,
    /// The last sequence that is left out.
    pub last: Sequence,
    /// How many are left out; fewer than lie between where some were never collected.
    pub records: u64,
}

impl EventDraft {
    /// Names the run that this event discarded, if it discarded any.
    #[must_use]
    pub fn discarding(self, discarded: Option<LeftOut>) -> EventDraft {
        self.naming("discarded", discarded)
    }

    /// Names the run between the last file and this event, with which collecting begins again, if there is one: what
    /// was discarded, and what was stored while nothing was collected.
    #[must_use]
    pub fn not_delivering(self, left_out: Option<LeftOut>) -> EventDraft {
        self.naming("not_delivered", left_out)
    }

    /// Stands for all those of its minute that have no record of their own.
    #[must_use]
    pub fn counting(mut self, attempts: LeftOutAttempts) -> EventDraft {
        let LeftOutAttempts { count, first_at, last_at } = attempts;
        if let Outcome::Failure { reason, .. } = &mut self.outcome {
            *reason = format!("{reason}; {count} more attempts within a minute, of which this is the last");
        }
        let counted = json!({ "count": count, "first_at": first_at, "last_at": last_at });
        self.parameters.insert("more_attempts".to_owned(), counted);
        self.happened_at(last_at)
    }

    fn naming(mut self, parameter: &str, run: Option<LeftOut>) -> EventDraft {
        if let Some(run) = run {
            self.parameters.insert(
                parameter.to_owned(),
                json!({
                    "first_sequence": run.first.get(),
                    "last_sequence": run.last.get(),
                    "records": run.records,
                }),
            );
        }
        self
    }

    /// The same event as one that failed for an AWS reason.
    #[must_use]
    pub fn failed_because(self, failure: &Failure) -> EventDraft {
        let reason = match &failure.aws {
            Some(answer) if !answer.message.is_empty() => {
                format!("{}: {}", failure.title(), answer.message)
            }
            _ => failure.title().to_owned(),
        };
        self.failed(reason, "FAILED_PRECONDITION")
    }
}

fn changes(before: &Value, after: &Value) -> Map<String, Value> {
    let mut parameters = Map::new();
    if !before.is_null() {
        parameters.insert("before".to_owned(), before.clone());
    }
    if !after.is_null() {
        parameters.insert("after".to_owned(), after.clone());
    }
    parameters
}
