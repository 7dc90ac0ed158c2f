//! Who may do what in an organization. The table is PRODUCT.md section 2's.

use std::str::FromStr;

/// A member's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Owner,
    /// Works with projects and their keys.
    Manager,
    /// Looks.
    Member,
    /// Looks, and sees the plan.
    BillingAdmin,
}

/// What a role may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// See the organization.
    SeeOrganization,
    /// See the plan.
    SeePlan,
    /// Create and rename projects, and see to their members.
    ManageProjects,
    /// Make and delete the API keys of projects.
    ManageApiKeys,
    /// Delete a project with all that is in it.
    DeleteProject,
    /// Invite members, change their roles, remove them.
    ManageMembers,
    /// Create, change, rotate and delete service accounts.
    ManageServiceAccounts,
    /// Rename the organization.
    RenameOrganization,
    /// Close the organization for good.
    DeleteOrganization,
    /// Everything about audit logs, seeing them included.
    ManageAuditLogs,
}

impl Ability {
    /// All abilities.
    pub const ALL: [Ability; 10] = [
        Ability::SeeOrganization,
        Ability::SeePlan,
        Ability::ManageProjects,
        Ability::ManageApiKeys,
        Ability::DeleteProject,
        Ability::ManageMembers,
        Ability::ManageServiceAccounts,
        Ability::RenameOrganization,
        Ability::DeleteOrganization,
        Ability::ManageAuditLogs,
    ];
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Owner, Role::Manager, Role::Member, Role::BillingAdmin];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Manager => "manager",
            Role::Member => "member",
            Role::BillingAdmin => "billing_admin",
        }
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Role::Owner => "Owner",
            Role::Manager => "Manager",
            Role::Member => "Member",
            Role::BillingAdmin => "Billing admin",
        }
    }

    /// Whether the role may.
    pub fn may(self, ability: Ability) -> bool {
        match ability {
            Ability::SeeOrganization => true,
            Ability::SeePlan => matches!(self, Role::Owner | Role::BillingAdmin),
            Ability::ManageProjects | Ability::ManageApiKeys => matches!(self, Role::Owner | Role::Manager),
            Ability::DeleteProject
            | Ability::ManageMembers
            | Ability::ManageServiceAccounts
            | Ability::RenameOrganization
            | Ability::DeleteOrganization
            | Ability::ManageAuditLogs => self == Role::Owner,
        }
    }

    /// Whether the role may be granted by this one: nobody grants what they may not do themselves.
    pub fn may_grant(self, granted: Role) -> bool {
        Ability::ALL.into_iter().all(|ability| self.may(ability) || !granted.may(ability))
    }

    /// What the role may do, in a few words beside its name.
    pub fn explanation(self) -> &'static str {
        match self {
            Role::Owner => {
                "May do everything, also manage members and audit logs, and delete the organization."
            }
            Role::Manager => "Creates and renames projects and works with their API keys.",
            Role::Member => "Sees the organization and its projects.",
            Role::BillingAdmin => "Sees the organization and its plan.",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a role: use owner, manager, member or billing_admin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_roles_is_the_documented_one() {
        let table = [
            (Ability::SeeOrganization, [true, true, true, true]),
            (Ability::SeePlan, [true, false, false, true]),
            (Ability::ManageProjects, [true, true, false, false]),
            (Ability::ManageApiKeys, [true, true, false, false]),
            (Ability::DeleteProject, [true, false, false, false]),
            (Ability::ManageMembers, [true, false, false, false]),
            (Ability::ManageServiceAccounts, [true, false, false, false]),
            (Ability::RenameOrganization, [true, false, false, false]),
            (Ability::DeleteOrganization, [true, false, false, false]),
            (Ability::ManageAuditLogs, [true, false, false, false]),
        ];
        assert_eq!(table.map(|(ability, _)| ability), Ability::ALL);
        for (ability, allowed) in table {
            assert_eq!(Role::ALL.map(|role| role.may(ability)), allowed, "{ability:?}");
        }
    }

    #[test]
    fn nobody_grants_a_role_above_their_own() {
        // Granting, in the order of Role::ALL: owner, manager, member, billing admin.
        for (role, grants) in [
            (Role::Owner, [true, true, true, true]),
            (Role::Manager, [false, true, true, false]),
            (Role::Member, [false, false, true, false]),
            (Role::BillingAdmin, [false, false, true, true]),
        ] {
            assert_eq!(Role::ALL.map(|granted| role.may_grant(granted)), grants, "{role:?}");
        }
    }
}
