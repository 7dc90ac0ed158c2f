//! The role that a set-up makes: its name, and its path if it has one.

use std::str::FromStr;

use super::SUGGESTED_NAME;
use crate::domain::role_arn::{RoleArn, RoleArnError};
use crate::domain::role_name::{RoleName, RoleNameError};

/// A role that is to be made. Its path holds only the characters of names, and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleToMake {
    path: String,
    name: RoleName,
    arn: Option<RoleArn>,
}

/// Why a role can't be made of what was typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum RoleToMakeError {
    #[error(transparent)]
    Arn(#[from] RoleArnError),
    #[error(transparent)]
    Name(#[from] RoleNameError),
    #[error(
        "The set-up can be written for a path of letters, digits and the characters _ + = , . @ - / only."
    )]
    Path,
}

impl RoleToMake {
    /// The path, with a slash at both ends; none where the role has none.
    pub fn path(&self) -> Option<&str> {
        Some(self.path.as_str()).filter(|path| *path != "/")
    }

    /// The name.
    pub fn name(&self) -> &RoleName {
        &self.name
    }

    /// The ARN that was typed; none where it was a name.
    pub fn arn(&self) -> Option<&RoleArn> {
        self.arn.as_ref()
    }
}

/// The role whose name we suggest.
impl Default for RoleToMake {
    fn default() -> RoleToMake {
        let name = SUGGESTED_NAME.parse().expect("the suggested name is a name");
        RoleToMake { path: "/".to_owned(), name, arn: None }
    }
}

impl FromStr for RoleToMake {
    type Err = RoleToMakeError;

    /// A name or a whole ARN. White space around it is dropped.
    fn from_str(text: &str) -> Result<RoleToMake, RoleToMakeError> {
        let typed = text.trim();
        if !typed.starts_with("arn:") {
            return Ok(RoleToMake { name: typed.parse()?, ..RoleToMake::default() });
        }
        let arn = RoleArn::parse(typed)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
        if !arn.path().bytes().all(allowed) {
            return Err(RoleToMakeError::Path);
        }
        Ok(RoleToMake { path: arn.path().to_owned(), name: arn.role_name().parse()?, arn: Some(arn) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_name_or_an_arn() {
        let named: RoleToMake = " audit-logs ".parse().unwrap();
        assert_eq!((named.name().as_str(), named.path(), named.arn()), ("audit-logs", None, None));
        let text = "arn:aws-cn:iam::111122223333:role/team/audit/logs";
        let role: RoleToMake = text.parse().unwrap();
        assert_eq!((role.name().as_str(), role.path()), ("logs", Some("/team/audit/")));
        assert_eq!(role.arn().map(RoleArn::as_str), Some(text));
        assert_eq!(RoleToMake::default().name().as_str(), "trailpost-audit-logs");
    }

    #[test]
    fn what_is_neither_is_refused() {
        let path = |path: &str| format!("arn:aws:iam::111122223333:role/{path}/name");
        for wrong in ["${a}", "$(id)", "a'b", "a\"b", "*", "é", "a`b", "%{x}", "a\\b"] {
            assert_eq!(wrong.parse::<RoleToMake>(), Err(RoleToMakeError::Name(RoleNameError)), "{wrong}");
            assert!(path(wrong).parse::<RoleToMake>().is_err(), "{wrong}");
        }
        assert_eq!(path("a'b").parse::<RoleToMake>(), Err(RoleToMakeError::Path));
        assert_eq!(
            "arn:aws:s3:::x".parse::<RoleToMake>(),
            Err(RoleArnError::Service("s3".to_owned()).into())
        );
    }
}
