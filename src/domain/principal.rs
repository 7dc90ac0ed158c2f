//! Who asks, and how far their rights reach.

use super::id::{ApiKeyId, ProjectId, ServiceAccountId, UserId};
use super::membership::{Ability, Role};

/// Who can be let into an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person.
    User(UserId),
    /// A program with an API key of a project.
    ApiKey(ApiKeyId),
    /// A program with a service account's secret.
    ServiceAccount(ServiceAccountId),
}

/// How far a principal's rights reach in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// As far as a role: a user's or a service account's.
    Organization(Role),
    /// An API key's: its own project, and nothing of the organization.
    Project(ProjectId),
}

impl Reach {
    /// Whether this may be done; `project` is the one that it is done to or in, if it is there already. An API key
    /// works in its project as a manager does; it can neither delete it nor make or delete keys, so that one that was
    /// stolen is over with its deletion.
    pub fn may(self, ability: Ability, project: Option<ProjectId>) -> bool {
        match self {
            Reach::Organization(role) => role.may(ability),
            Reach::Project(own) => ability == Ability::ManageProjects && project == Some(own),
        }
    }

    /// Whether this role may be granted.
    pub fn may_grant(self, role: Role) -> bool {
        match self {
            Reach::Organization(own) => own.may_grant(role),
            Reach::Project(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};

    #[test]
    fn an_api_key_acts_in_its_project_only() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let (own, other) = (ProjectId::generate(&clock, &entropy), ProjectId::generate(&clock, &entropy));
        let key = Reach::Project(own);
        assert!(key.may(Ability::ManageProjects, Some(own)));
        assert!(!key.may(Ability::ManageProjects, Some(other)));
        assert!(!key.may(Ability::ManageProjects, None), "a new project is the organization's");
        for ability in Ability::ALL.into_iter().filter(|ability| *ability != Ability::ManageProjects) {
            assert!(!key.may(ability, Some(own)), "{ability:?}");
        }
        assert!(Role::ALL.into_iter().all(|role| !key.may_grant(role)));
    }

    #[test]
    fn a_role_reaches_every_project() {
        let manager = Reach::Organization(Role::Manager);
        assert!(manager.may(Ability::ManageProjects, None));
        assert!(!manager.may(Ability::DeleteProject, None));
        assert!(manager.may_grant(Role::Member) && !manager.may_grant(Role::Owner));
    }
}
