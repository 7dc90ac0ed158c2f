//! IAM role ARNs, parsed segment by segment
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const LONGEST_NAME: usize = 64;
const LONGEST_PATH: usize = 512;

/// An AWS account id: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An AWS account ID has exactly 12 digits, such as 111122223333.")]
pub struct AccountIdError;

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<AccountId, AccountIdError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(AccountId(text.to_owned()))
        } else {
            Err(AccountIdError)
        }
    }
}

/// A partition of AWS: accounts of one know nothing of another's
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// AWS GovCloud (US).
    AwsUsGov,
    /// China.
    AwsCn,
    /// AWS European Sovereign Cloud.
    AwsEusc,
}

impl Partition {
    const ALL: [Partition; 4] = [Partition::Aws, Partition::AwsUsGov, Partition::AwsCn, Partition::AwsEusc];

    /// The word in ARNs.
    pub fn as_str(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsUsGov => "aws-us-gov",
            Partition::AwsCn => "aws-cn",
            Partition::AwsEusc => "aws-eusc",
        }
    }

    /// The partition of this word.
    pub(super) fn of_word(word: &str) -> Option<Partition> {
        Partition::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// The text is none of the partitions' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The partitions of AWS are aws, aws-us-gov, aws-cn and aws-eusc.")]
pub struct PartitionError;

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Partition, PartitionError> {
        Partition::of_word(text).ok_or(PartitionError)
    }
}

impl<'de> Deserialize<'de> for Partition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Partition, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The ARN of a role that can be assumed: `arn:{partition}:iam::{account}:role/{path/}{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn {
    text: String,
    partition: Partition,
    account_id: AccountId,
    /// Where the role's name starts in `text`.
    name_at: usize,
}

/// Why a text is not a role's ARN: each names the wrong segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum RoleArnError {
    #[error(
        "This is not an ARN. A role’s ARN looks like arn:aws:iam::111122223333:role/trailpost-audit-logs."
    )]
    NotAnArn,
    #[error(
        "The partition “{0}” is not one of AWS’s: the ARN starts with arn:aws: (or aws-us-gov, aws-cn, aws-eusc)."
    )]
    Partition(String),
    #[error("This is an ARN of the service “{0}”. Enter the ARN of an IAM role: the third segment is iam.")]
    Service(String),
    #[error(
        "This is a session of an assumed role. Enter the role itself: arn:aws:iam::111122223333:role/its-name."
    )]
    AssumedRole,
    #[error("The region segment must be empty, because IAM is global: write iam::, with two colons.")]
    Region,
    #[error("The account “{0}” is not valid: an AWS account ID has exactly 12 digits.")]
    Account(String),
    #[error("This is the ARN of a “{0}”. Enter the ARN of a role: the last segment starts with role/.")]
    NotARole(String),
    #[error("The role has no name: the ARN ends with role/ and the name.")]
    NoName,
    #[error("The role name may have 1 to 64 letters, digits and the characters _ + = , . @ -")]
    Name,
    #[error(
        "The role’s path may have at most 512 letters, digits and punctuation marks, without // or spaces."
    )]
    Path,
    #[error(
        "This is a service-linked role, which only AWS’s own services can assume. Create a role for Trailpost."
    )]
    ServiceLinked,
}

impl RoleArn {
    /// Parses a typed ARN; white space around it is dropped.
    ///
    /// # Errors
    /// The segment that is wrong, and what it should be.
    pub fn parse(typed: &str) -> Result<RoleArn, RoleArnError> {
        let text = typed.trim();
        let segments: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = segments[..] else {
            return Err(RoleArnError::NotAnArn);
        };
        if arn != "arn" {
            return Err(RoleArnError::NotAnArn);
        }
        let partition =
            Partition::of_word(partition).ok_or_else(|| RoleArnError::Partition(excerpt(partition)))?;
        match service {
            "iam" => {}
            "sts" => return Err(RoleArnError::AssumedRole),
            other => return Err(RoleArnError::Service(excerpt(other))),
        }
        if !region.is_empty() {
            return Err(RoleArnError::Region);
        }
        let account_id: AccountId = account.parse().map_err(|_| RoleArnError::Account(excerpt(account)))?;
        let path_and_name = match resource.split_once('/') {
            Some(("role", rest)) => rest,
            Some((kind, _)) => return Err(RoleArnError::NotARole(excerpt(kind))),
            None => return Err(RoleArnError::NotARole(excerpt(resource))),
        };
        if path_and_name.starts_with('/') {
            return Err(RoleArnError::Path);
        }
        let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
        check_path(path)?;
        check_name(name)?;
        Ok(RoleArn { name_at: text.len() - name.len(), text: text.to_owned(), partition, account_id })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account that the role is in.
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The role's path, with a slash at both ends: `/` where it has none.
    pub fn path(&self) -> &str {
        let start = self.text.find('/').unwrap_or(self.name_at);
        &self.text[start..self.name_at]
    }

    /// The role's name, without its path.
    pub fn role_name(&self) -> &str {
        &self.text[self.name_at..]
    }
}

fn check_path(path: &str) -> Result<(), RoleArnError> {
    if path == "aws-service-role" || path.starts_with("aws-service-role/") {
        return Err(RoleArnError::ServiceLinked);
    }
    if is_path(path) { Ok(()) } else { Err(RoleArnError::Path) }
}

/// Whether this can stand between `role/` or `user/` and the name.
pub(super) fn is_path(path: &str) -> bool {
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
    printable && path.len() + 2 <= LONGEST_PATH && !path.contains("//")
}

fn check_name(name: &str) -> Result<(), RoleArnError> {
    if name.is_empty() {
        return Err(RoleArnError::NoName);
    }
    if is_name(name) { Ok(()) } else { Err(RoleArnError::Name) }
}

/// Whether this can be the name of a role or a user.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

/// Enough of a wrong segment to recognise it.
pub(super) fn excerpt(segment: &str) -> String {
    const SHOWN: usize = 40;
    if segment.chars().count() <= SHOWN {
        return segment.to_owned();
    }
    segment.chars().take(SHOWN).chain(['…']).collect()
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RoleArn {
    type Err = RoleArnError;

    fn from_str(text: &str) -> Result<RoleArn, RoleArnError> {
        RoleArn::parse(text)
    }
}

impl Serialize for RoleArn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RoleArn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RoleArn, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_of_a_role_arn_are_found() {
        let role = RoleArn::parse(" arn:aws-us-gov:iam::111122223333:role/team/audit/logs \n").unwrap();
        assert_eq!(role.partition(), Partition::AwsUsGov);
        assert_eq!(role.account_id().as_str(), "111122223333");
        assert_eq!(role.path(), "/team/audit/");
        assert_eq!(role.role_name(), "logs");
        assert!(RoleArn::parse("arn:aws:iam::111122223333:role/aws-service-roles-of-ours/a").is_ok());
        assert_eq!(role.as_str(), "arn:aws-us-gov:iam::111122223333:role/team/audit/logs");
    }

    #[test]
    fn the_message_names_the_wrong_segment() {
        let cases = [
            ("", RoleArnError::NotAnArn),
            ("trailpost-audit-logs", RoleArnError::NotAnArn),
            ("arn:aws::iam::111122223333:role/a", RoleArnError::Service(String::new())),
            ("arn:amazon:iam::111122223333:role/a", RoleArnError::Partition("amazon".to_owned())),
            ("arn:aws:s3:::bucket", RoleArnError::Service("s3".to_owned())),
            ("arn:aws:sts::111122223333:assumed-role/a/b", RoleArnError::AssumedRole),
            ("arn:aws:iam:us-east-1:111122223333:role/a", RoleArnError::Region),
            ("arn:aws:iam::1111:role/a", RoleArnError::Account("1111".to_owned())),
            ("arn:aws:iam::111122223333:user/a", RoleArnError::NotARole("user".to_owned())),
            ("arn:aws:iam::111122223333:root", RoleArnError::NotARole("root".to_owned())),
            ("arn:aws:iam::111122223333:role/", RoleArnError::NoName),
            ("arn:aws:iam::111122223333:role/a b", RoleArnError::Name),
            ("arn:aws:iam::111122223333:role/ä", RoleArnError::Name),
            ("arn:aws:iam::111122223333:role//a", RoleArnError::Path),
            (
                "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/y",
                RoleArnError::ServiceLinked,
            ),
        ];
        for (typed, error) in cases {
            match (RoleArn::parse(typed), error) {
                (Err(found), expected) => assert_eq!(found, expected, "{typed}"),
                (Ok(role), _) => panic!("{role} was accepted"),
            }
        }
    }

    proptest! {
        #[test]
        fn valid_parts_make_a_role_arn(
            account in "[0-9]{12}",
            path in "([a-zA-Z0-9.]{1,8}/){0,3}",
            name in "[A-Za-z0-9_+=,.@-]{1,64}",
        ) {
            let text = format!("arn:aws:iam::{account}:role/{path}{name}");
            let role = RoleArn::parse(&text).unwrap();
            prop_assert_eq!(role.as_str(), &text);
            prop_assert_eq!(role.path(), format!("/{path}"));
            prop_assert_eq!(role.role_name(), &name);
            prop_assert_eq!(role.account_id().as_str(), &account);
        }

        #[test]
        fn no_text_panics_and_what_parses_is_stable(text in "(arn:aws:iam::)?.{0,80}") {
            if let Ok(role) = RoleArn::parse(&text) {
                prop_assert_eq!(RoleArn::parse(role.as_str()), Ok(role));
            }
        }
    }
}
