//! The principal that Trailpost acts as in AWS and that customers' roles trust, parsed segment by segment
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>).

use std::fmt;
use std::str::FromStr;

use super::role_arn::{AccountId, Partition, excerpt, is_name, is_path};

/// `arn:{partition}:iam::{account}:` and `user/{path/}{name}`, `role/{path/}{name}` or `root`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalArn {
    text: String,
    partition: Partition,
    account_id: AccountId,
}

/// Why a text is not the ARN of a principal: each names the wrong segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum PrincipalArnError {
    #[error("this is not an ARN; write one such as arn:aws:iam::999988887777:role/trailpost")]
    NotAnArn,
    #[error("the partition “{0}” is not one of AWS’s: aws, aws-us-gov, aws-cn or aws-eusc")]
    Partition(String),
    #[error(
        "this is a session of an assumed role; write the role itself, such as arn:aws:iam::999988887777:role/trailpost"
    )]
    AssumedRole,
    #[error("this is an ARN of the service “{0}”; the third segment is iam")]
    Service(String),
    #[error("the region segment must be empty, because IAM is global: write iam::, with two colons")]
    Region,
    #[error("the account “{0}” is not valid: an AWS account ID has exactly 12 digits")]
    Account(String),
    #[error("“{0}” is no principal that a role can trust: write user/NAME, role/NAME or root")]
    Kind(String),
    #[error("the name may have 1 to 64 letters, digits and the characters _ + = , . @ -")]
    Name,
    #[error("the path may have at most 512 letters, digits and punctuation marks, without // or spaces")]
    Path,
}

impl PrincipalArn {
    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition that it is served in.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Our own account.
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }
}

impl FromStr for PrincipalArn {
    type Err = PrincipalArnError;

    /// White space around it is dropped.
    fn from_str(text: &str) -> Result<PrincipalArn, PrincipalArnError> {
        let text = text.trim();
        let segments: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = segments[..] else {
            return Err(PrincipalArnError::NotAnArn);
        };
        let partition =
            Partition::of_word(partition).ok_or_else(|| PrincipalArnError::Partition(excerpt(partition)))?;
        match service {
            "iam" => {}
            "sts" => return Err(PrincipalArnError::AssumedRole),
            other => return Err(PrincipalArnError::Service(excerpt(other))),
        }
        if !region.is_empty() {
            return Err(PrincipalArnError::Region);
        }
        let account_id = account.parse().map_err(|_| PrincipalArnError::Account(excerpt(account)))?;
        check_resource(resource)?;
        Ok(PrincipalArn { text: text.to_owned(), partition, account_id })
    }
}

fn check_resource(resource: &str) -> Result<(), PrincipalArnError> {
    let path_and_name = match resource.split_once('/') {
        None if resource == "root" => return Ok(()),
        Some(("user" | "role", rest)) => rest,
        _ => return Err(PrincipalArnError::Kind(excerpt(resource))),
    };
    let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
    // A wildcard in a path would make every customer's trust policy trust more than us.
    if path_and_name.starts_with('/') || !is_path(path) || path.contains(['*', '?']) {
        return Err(PrincipalArnError::Path);
    }
    if !is_name(name) {
        return Err(PrincipalArnError::Name);
    }
    Ok(())
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_roles_and_accounts_are_principals() {
        for text in [
            "arn:aws:iam::999988887777:user/trailpost",
            "arn:aws-us-gov:iam::999988887777:role/team/trailpost",
            "arn:aws:iam::999988887777:root",
        ] {
            let principal: PrincipalArn = format!(" {text}\n").parse().unwrap();
            assert_eq!(principal.as_str(), text);
            assert_eq!(principal.account_id().as_str(), "999988887777");
        }
    }

    #[test]
    fn the_message_names_the_wrong_segment() {
        let cases = [
            ("", PrincipalArnError::NotAnArn),
            ("999988887777", PrincipalArnError::NotAnArn),
            ("*", PrincipalArnError::NotAnArn),
            ("arn:amazon:iam::999988887777:root", PrincipalArnError::Partition("amazon".to_owned())),
            ("arn:aws:sts::999988887777:assumed-role/a/b", PrincipalArnError::AssumedRole),
            ("arn:aws:s3:::bucket", PrincipalArnError::Service("s3".to_owned())),
            ("arn:aws:iam:eu-west-1:999988887777:root", PrincipalArnError::Region),
            ("arn:aws:iam::9999:root", PrincipalArnError::Account("9999".to_owned())),
            ("arn:aws:iam::999988887777:group/a", PrincipalArnError::Kind("group/a".to_owned())),
            ("arn:aws:iam::999988887777:user", PrincipalArnError::Kind("user".to_owned())),
            ("arn:aws:iam::999988887777:user/", PrincipalArnError::Name),
            ("arn:aws:iam::999988887777:role/*", PrincipalArnError::Name),
            ("arn:aws:iam::999988887777:role/*/a", PrincipalArnError::Path),
            ("arn:aws:iam::999988887777:role//a", PrincipalArnError::Path),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<PrincipalArn>(), Err(error), "{text}");
        }
    }
}
