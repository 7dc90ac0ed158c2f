//! Attempts that were turned away: what their records say, and how many of them have one of their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::event_catalog::EventDraft;
use super::organization::Organization;
use super::record::{Action, ResourceType};

/// So many of one principal in one organization have a record of their own in a minute (PRODUCT.md, section 3).
pub const MOST_A_MINUTE: i64 = 20;
/// The minute begins with the first attempt.
pub const MINUTE: Duration = Duration::from_secs(60);
/// Of a path that somebody typed, so much is kept.
const PATH_BYTES: usize = 1024;

/// An attempt that was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TurnedAway {
    /// By role or plan, inside one's own organization.
    Denied(DeniedAttempt),
    /// At the door: the password was wrong.
    FailedLogin {
        /// The account's e-mail address.
        username: String,
    },
    /// By a rule, in the transaction that would have done it: the event as it is recorded.
    Refused(EventDraft),
}

impl TurnedAway {
    /// The word in the database. Each kind is counted by itself; what is refused late is denied all the same.
    pub fn kind(&self) -> &'static str {
        match self {
            TurnedAway::Denied(_) | TurnedAway::Refused(_) => "denied",
            TurnedAway::FailedLogin { .. } => "failed_login",
        }
    }
}

/// A request that its role or plan did not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedAttempt {
    /// What it would have done.
    pub action: Action,
    /// To what.
    pub resource_type: ResourceType,
    /// To which one.
    pub resource_id: String,
    /// How that is called.
    pub resource_name: String,
    /// Why not.
    pub reason: String,
    /// The HTTP method.
    pub method: String,
    /// The path that was asked for.
    pub path: String,
}

/// What a route does, and to what: the table of routes states it, for the record of whoever may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// One of the event catalogue, or `read`.
    pub action: &'static str,
    /// To what.
    pub resource: Resource,
}

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// One of the event catalogue.
    pub resource_type: &'static str,
    /// Which one.
    pub named: Named,
}

/// What names a resource before anything of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The organization's id, and its own type: there is one in each.
    ByType,
    /// The organization's id and name: a list of its things, or one that is not there yet.
    ByOrganization,
    /// The organization's name: it is the organization itself.
    Itself,
    /// The organization's plan.
    ByPlan,
    /// This parameter of the path.
    InPath(&'static str),
}

/// A request, as it was made and as the table of routes has it.
#[derive(Clone, Copy, Debug)]
pub struct Requested<'a> {
    /// `POST`.
    pub method: &'a str,
    /// `/organizations/{organization_id}/settings/audit-logs/enable`.
    pub route: &'a str,
    /// The same with its parameters.
    pub path: &'a str,
}

impl Resource {
    /// To look at it, or for it.
    pub const fn read(self) -> Deed {
        self.to("read")
    }

    /// To do this to it.
    pub const fn to(self, action: &'static str) -> Deed {
        Deed { action, resource: self }
    }

    /// One that this parameter of the path names.
    pub const fn in_path(resource_type: &'static str, parameter: &'static str) -> Resource {
        Resource { resource_type, named: Named::InPath(parameter) }
    }

    /// Those of the organization, or a new one.
    pub const fn in_organization(self) -> Resource {
        Resource { named: Named::ByOrganization, ..self }
    }

    /// The same of the project that the path names.
    pub const fn in_project(self) -> Resource {
        Resource { named: Named::InPath("project_id"), ..self }
    }
}

impl DeniedAttempt {
    /// What a request would have done.
    pub fn of(
        organization: &Organization,
        deed: Deed,
        requested: Requested<'_>,
        reason: &str,
    ) -> DeniedAttempt {
        let Deed { action, resource: Resource { resource_type, named } } = deed;
        let (id, name) = match named {
            Named::ByType => (organization.id.to_string(), resource_type.to_owned()),
            Named::ByOrganization => (organization.id.to_string(), organization.name.to_string()),
            Named::Itself => (organization.name.to_string(), organization.name.to_string()),
            Named::ByPlan => (organization.plan.as_str().to_owned(), organization.plan.label().to_owned()),
            Named::InPath(parameter) => {
                let value = requested.parameter(parameter).unwrap_or_default();
                (value.to_owned(), value.to_owned())
            }
        };
        DeniedAttempt {
            action: Action::from_static(action),
            resource_type: ResourceType::from_static(resource_type),
            resource_id: id,
            resource_name: name,
            reason: reason.to_owned(),
            method: requested.method.to_owned(),
            path: shortened(requested.path).to_owned(),
        }
    }
}

impl Requested<'_> {
    /// What the path has for a parameter of its route.
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut parts = self.route.split('/').zip(self.path.split('/'));
        let is_it = |part: &str| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(name);
        parts.find(|(part, _)| is_it(part)).map(|(_, value)| shortened(value))
    }
}

/// Paths are ASCII, as HTTP has them.
fn shortened(path: &str) -> &str {
    path.get(..PATH_BYTES).unwrap_or(path)
}

/// The attempts of a minute that have no record of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOutAttempts {
    /// How many.
    pub count: u64,
    /// When the first was made.
    pub first_at: Timestamp,
    /// When the last was made.
    pub last_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};
    use crate::domain::event_catalog;
    use crate::domain::id::OrganizationId;
    use crate::domain::organization::{ExternalId, Plan};
    use crate::domain::refusal::Refusal;

    fn acme() -> Organization {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        Organization {
            id: OrganizationId::generate(&clock, &entropy),
            name: "Acme".parse().unwrap(),
            plan: Plan::Enterprise,
            external_id: ExternalId::generate(&entropy),
        }
    }

    #[test]
    fn an_attempt_names_what_its_route_is_about() {
        const USER: Resource = Resource::in_path("user", "user_id");
        let acme = acme();
        let organization = acme.id.to_string();
        let only = Resource { resource_type: "audit-log-records", named: Named::ByType };
        let itself = Resource { resource_type: "organization", named: Named::Itself };
        let plan = Resource { resource_type: "plan", named: Named::ByPlan };
        for (deed, expected) in [
            (USER.to("delete"), ["delete", "user", "7", "7"]),
            (USER.in_project().to("create"), ["create", "user", "5", "5"]),
            (USER.in_organization().read(), ["read", "user", &organization, "Acme"]),
            (only.read(), ["read", "audit-log-records", &organization, "audit-log-records"]),
            (itself.to("update"), ["update", "organization", "Acme", "Acme"]),
            (plan.read(), ["read", "plan", "enterprise", "Enterprise"]),
        ] {
            let route = "/organizations/{organization_id}/projects/{project_id}/members/{user_id}/remove";
            let path = format!("/organizations/{organization}/projects/5/members/7/remove");
            let requested = Requested { method: "POST", route, path: &path };
            let denied = DeniedAttempt::of(&acme, deed, requested, "no");
            let (action, resource_type) = (denied.action.as_str(), denied.resource_type.as_str());
            assert_eq!([action, resource_type, &denied.resource_id, &denied.resource_name], expected);
            assert_eq!((denied.method.as_str(), &denied.path), ("POST", &path));
        }
    }

    #[test]
    fn what_was_counted_says_of_itself_what_it_was() {
        let requested = Requested { method: "GET", route: "/{id}", path: &format!("/{}", "x".repeat(5000)) };
        let denied = DeniedAttempt::of(&acme(), Resource::in_path("user", "id").read(), requested, "no");
        assert_eq!((denied.path.len(), denied.resource_id.len()), (1024, 1024));
        let refused = event_catalog::rename_organization(&acme().name, &"Beta".parse().unwrap());
        for attempt in [
            TurnedAway::Denied(denied),
            TurnedAway::FailedLogin { username: "a@b.example".to_owned() },
            TurnedAway::Refused(refused.refused(Refusal::NameTaken)),
        ] {
            let json = serde_json::to_string(&attempt).unwrap();
            assert_eq!(serde_json::from_str::<TurnedAway>(&json).unwrap(), attempt);
        }
    }
}
