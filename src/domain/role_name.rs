//! Names of IAM roles.

use std::fmt;
use std::str::FromStr;

use super::role_arn::is_name;

/// A role's name: 1 to 64 of `A-Z a-z 0-9 + = , . @ _ -`
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleName(String);

/// Why a text is not a role's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A role name has 1 to 64 letters, digits and the characters _ + = , . @ -")]
pub struct RoleNameError;

impl RoleName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    /// White space around it is dropped.
    fn from_str(text: &str) -> Result<RoleName, RoleNameError> {
        let name = text.trim();
        if is_name(name) { Ok(RoleName(name.to_owned())) } else { Err(RoleNameError) }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_iam_s_rules() {
        for valid in ["a", " trailpost-audit-logs\n", "A_b+c=d,e.f@g-h", &"x".repeat(64)] {
            assert_eq!(valid.parse::<RoleName>().unwrap().as_str(), valid.trim());
        }
        for wrong in ["", " ", "a b", "a/b", "a'b", "a\nb", "$(id)", "${a}", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(wrong.parse::<RoleName>(), Err(RoleNameError), "{wrong:?}");
        }
    }
}
