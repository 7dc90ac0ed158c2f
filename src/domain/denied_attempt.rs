//! Attempts that were turned away: what their records say, and how many of them have one of their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::membership::Ability;
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
}

impl TurnedAway {
    /// The word in the database. Each kind is counted by itself.
    pub fn kind(&self) -> &'static str {
        match self {
            TurnedAway::Denied(_) => "denied",
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

impl DeniedAttempt {
    /// What a request for something that needs this ability would have done.
    pub fn of(
        organization: &Organization,
        ability: Ability,
        requested: Requested<'_>,
        reason: &str,
    ) -> DeniedAttempt {
        let resource_type = requested.resource_type(ability);
        let (resource_id, resource_name) = match resource_type {
            "audit-log-integration" | "audit-log-records" | "audit-log-export" => {
                (organization.id.to_string(), resource_type.to_owned())
            }
            "organization" => (organization.name.to_string(), organization.name.to_string()),
            "plan" => (organization.plan.as_str().to_owned(), organization.plan.label().to_owned()),
            _ => {
                let id = requested.last_parameter().unwrap_or_default();
                (id.to_owned(), id.to_owned())
            }
        };
        DeniedAttempt {
            action: Action::from_static(requested.action()),
            resource_type: ResourceType::from_static(resource_type),
            resource_id,
            resource_name,
            reason: reason.to_owned(),
            method: requested.method.to_owned(),
            path: shortened(requested.path).to_owned(),
        }
    }
}

impl Requested<'_> {
    /// What the request would have done, by the last word of its route. A form on a path that names a collection adds
    /// to it, and on one that names a thing changes that; what only shows something reads, whatever its method.
    fn action(&self) -> &'static str {
        match self.method {
            "GET" | "HEAD" => return "read",
            "PUT" | "PATCH" => return "update",
            "DELETE" => return "delete",
            _ => {}
        }
        if self.route.ends_with('}') {
            return "update";
        }
        match self.words().next_back().unwrap_or_default() {
            "setup" | "preview" => "read",
            // The switch of an integration that is there is turned on by `activate`.
            "enable" | "create" | "new" | "invite" | "projects" | "members" | "invitations"
            | "service-accounts" | "api-keys" | "exports" => "create",
            "activate" => "enable",
            "disable" => "disable",
            "remove" | "delete" | "revoke" | "leave" => "delete",
            "rotate" => "rotate",
            "check" | "checks" => "test",
            _ => "update",
        }
    }

    fn resource_type(&self, ability: Ability) -> &'static str {
        let names = |word| self.words().any(|part| part == word);
        match ability {
            Ability::SeeOrganization | Ability::RenameOrganization | Ability::DeleteOrganization => {
                "organization"
            }
            Ability::SeePlan => "plan",
            Ability::ManageProjects | Ability::DeleteProject if names("api-keys") => "api-key",
            Ability::ManageProjects | Ability::DeleteProject if names("members") => "user",
            Ability::ManageProjects | Ability::DeleteProject => "project",
            Ability::ManageMembers => "user",
            Ability::ManageServiceAccounts => "service-account",
            Ability::ManageAuditLogs if names("exports") => "audit-log-export",
            Ability::ManageAuditLogs if names("activity") => "audit-log-records",
            Ability::ManageAuditLogs => "audit-log-integration",
        }
    }

    /// The parts of the route that are no parameters.
    fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.route.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'))
    }

    /// The innermost thing that the path names.
    fn last_parameter(&self) -> Option<&str> {
        let parts = self.route.split('/').zip(self.path.split('/'));
        parts.filter(|(part, _)| part.starts_with('{')).last().map(|(_, value)| shortened(value))
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
    use crate::domain::id::OrganizationId;
    use crate::domain::organization::{ExternalId, Plan};

    fn acme() -> Organization {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        Organization {
            id: OrganizationId::generate(&clock, &entropy),
            name: "Acme".parse().unwrap(),
            plan: Plan::Enterprise,
            external_id: ExternalId::generate(&entropy),
        }
    }

    fn attempt(ability: Ability, method: &str, route: &str) -> [String; 3] {
        let acme = acme();
        let path = route.replace("{organization_id}", &acme.id.to_string()).replace("{id}", "7");
        let denied = DeniedAttempt::of(&acme, ability, Requested { method, route, path: &path }, "no");
        assert_eq!((denied.path, denied.method.as_str()), (path, method));
        let id = denied.resource_id.replace(&acme.id.to_string(), "{organization_id}");
        [denied.action.to_string(), denied.resource_type.to_string(), id]
    }

    #[test]
    fn an_attempt_is_named_by_what_it_would_have_done() {
        use Ability::{
            DeleteOrganization, DeleteProject, ManageAuditLogs, ManageMembers, ManageProjects,
            ManageServiceAccounts, RenameOrganization, SeePlan,
        };
        for (ability, method, rest, expected) in [
            (
                ManageAuditLogs,
                "GET",
                "settings/audit-logs",
                ["read", "audit-log-integration", "{organization_id}"],
            ),
            (ManageAuditLogs, "GET", "activity", ["read", "audit-log-records", "{organization_id}"]),
            (
                ManageAuditLogs,
                "POST",
                "activity/exports",
                ["create", "audit-log-export", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "HEAD",
                "settings/audit-logs/disable",
                ["read", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/enable",
                ["create", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/update",
                ["update", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/activate",
                ["enable", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/disable",
                ["disable", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/remove",
                ["delete", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/check",
                ["test", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/deliver-now",
                ["update", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/setup",
                ["read", "audit-log-integration", "{organization_id}"],
            ),
            (
                ManageAuditLogs,
                "POST",
                "settings/audit-logs/checks/{id}/cancel",
                ["update", "audit-log-integration", "{organization_id}"],
            ),
            (RenameOrganization, "POST", "settings/general", ["update", "organization", "Acme"]),
            (DeleteOrganization, "POST", "settings/general/delete", ["delete", "organization", "Acme"]),
            (SeePlan, "GET", "settings/plan", ["read", "plan", "enterprise"]),
            (ManageProjects, "POST", "projects", ["create", "project", "{organization_id}"]),
            (ManageProjects, "POST", "projects/{id}/settings", ["update", "project", "7"]),
            (ManageProjects, "POST", "projects/{id}/api-keys", ["create", "api-key", "7"]),
            (ManageProjects, "POST", "projects/{id}/members", ["create", "user", "7"]),
            (ManageProjects, "POST", "projects/new", ["create", "project", "{organization_id}"]),
            (ManageProjects, "POST", "projects/{id}", ["update", "project", "7"]),
            (ManageProjects, "POST", "projects/{id}/api-keys/new", ["create", "api-key", "7"]),
            (ManageProjects, "POST", "projects/1/members/{id}", ["update", "user", "7"]),
            (ManageServiceAccounts, "POST", "service-accounts/{id}", ["update", "service-account", "7"]),
            (DeleteProject, "POST", "projects/{id}/delete", ["delete", "project", "7"]),
            (ManageMembers, "POST", "members/{id}/remove", ["delete", "user", "7"]),
            (ManageMembers, "POST", "members/invite", ["create", "user", "{organization_id}"]),
            (ManageMembers, "POST", "members/invitations/{id}/revoke", ["delete", "user", "7"]),
            (ManageMembers, "POST", "members/{id}/role", ["update", "user", "7"]),
            (
                ManageServiceAccounts,
                "POST",
                "service-accounts/{id}/rotate",
                ["rotate", "service-account", "7"],
            ),
        ] {
            let route = format!("/organizations/{{organization_id}}/{rest}");
            assert_eq!(attempt(ability, method, &route), expected, "{method} {route}");
        }
    }

    #[test]
    fn what_was_counted_says_of_itself_what_it_was() {
        let requested = Requested { method: "GET", route: "/{id}", path: &format!("/{}", "x".repeat(5000)) };
        let denied = DeniedAttempt::of(&acme(), Ability::ManageMembers, requested, "no");
        assert_eq!((denied.path.len(), denied.resource_id.len()), (1024, 1024));
        for attempt in
            [TurnedAway::Denied(denied), TurnedAway::FailedLogin { username: "a@b.example".to_owned() }]
        {
            let json = serde_json::to_string(&attempt).unwrap();
            assert!(json.contains(attempt.kind()), "{json}");
            assert_eq!(serde_json::from_str::<TurnedAway>(&json).unwrap(), attempt);
        }
    }
}
