//! Projects, and the roles that users have in them.

use std::str::FromStr;

use super::clock::Timestamp;
use super::id::ProjectId;
use super::name::name;

name!(
    /// A project's name: 1 to 100 characters, trimmed and normalized. One of its kind in the
    /// organization, whatever the case of its letters.
    ProjectName
);

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: ProjectName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, by name.
    pub created_by: String,
}

/// What a user is in a project: a fact for the products beside Trailpost. What somebody may do here, the role in the
/// organization alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectRole {
    /// Answers for it.
    Owner,
    /// Changes what is in it.
    Editor,
    /// Looks.
    Viewer,
}

impl ProjectRole {
    /// All roles, the highest first.
    pub const ALL: [ProjectRole; 3] = [ProjectRole::Owner, ProjectRole::Editor, ProjectRole::Viewer];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectRole::Owner => "owner",
            ProjectRole::Editor => "editor",
            ProjectRole::Viewer => "viewer",
        }
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            ProjectRole::Owner => "Owner",
            ProjectRole::Editor => "Editor",
            ProjectRole::Viewer => "Viewer",
        }
    }
}

impl FromStr for ProjectRole {
    type Err = String;

    fn from_str(text: &str) -> Result<ProjectRole, String> {
        ProjectRole::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a role in a project: use owner, editor or viewer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_alone_are_the_same() {
        let folded = |name: &str| name.parse::<ProjectName>().unwrap().folded();
        assert_eq!(folded("Rockets"), folded(" ROCKETS "));
        assert_eq!(folded("Ökosystem"), folded("öKOSYSTEM"), "also beyond ASCII");
        assert_ne!(folded("Rockets"), folded("Rocket"));
    }

    #[test]
    fn roles_survive_their_text() {
        for role in ProjectRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("manager".parse::<ProjectRole>().is_err());
    }
}
