//! The values that a set-up is filled in with, by the names that they have in the addresses of its files.

use std::str::FromStr;

use serde_json::Value;

use super::role::RoleToMake;
use crate::domain::bucket::{BucketName, Destination, Field, Prefix};
use crate::domain::encryption::Encryption;
use crate::domain::kms_key_arn::KmsKeyArn;
use crate::domain::policy;
use crate::domain::principals::Principals;
use crate::domain::role_arn::{Partition, RoleArn};

/// One of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// The name or the ARN of the role.
    RoleName,
    /// The bucket.
    Bucket,
    /// The folder in it.
    Prefix,
    /// The key to encrypt with.
    KmsKeyArn,
}

impl Parameter {
    /// All of them.
    pub const ALL: [Parameter; 4] =
        [Parameter::RoleName, Parameter::Bucket, Parameter::Prefix, Parameter::KmsKeyArn];

    /// Its name in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Parameter::RoleName => "role_name",
            Parameter::Bucket => "bucket",
            Parameter::Prefix => "prefix",
            Parameter::KmsKeyArn => "kms_key_arn",
        }
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Parameter, String> {
        let found = Parameter::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| "The parameters are role_name, bucket, prefix and kms_key_arn.".to_owned())
    }
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterError {
    /// Which one.
    pub parameter: Parameter,
    /// What is wrong and what to do.
    pub message: String,
}

/// The values as typed; empty is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the value of the parameter with the same name")]
pub struct TypedSetup {
    pub role_name: String,
    pub bucket: String,
    pub prefix: String,
    pub kms_key_arn: String,
}

impl TypedSetup {
    /// The value of a parameter, to write into.
    pub fn value_mut(&mut self, parameter: Parameter) -> &mut String {
        match parameter {
            Parameter::RoleName => &mut self.role_name,
            Parameter::Bucket => &mut self.bucket,
            Parameter::Prefix => &mut self.prefix,
            Parameter::KmsKeyArn => &mut self.kms_key_arn,
        }
    }
}

/// The values. Without a role's name it is the suggested one; without a key, none is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupValues {
    role: RoleToMake,
    destination: Destination,
    kms_key_arn: Option<KmsKeyArn>,
}

impl SetupValues {
    /// Parses what was typed.
    ///
    /// # Errors
    /// One entry for each value that can't be used.
    pub fn parse(typed: &TypedSetup) -> Result<SetupValues, Vec<ParameterError>> {
        let role = optional(&typed.role_name, Parameter::RoleName);
        let kms_key_arn = optional(&typed.kms_key_arn, Parameter::KmsKeyArn);
        let destination = Destination::parse(&typed.bucket, &typed.prefix).map_err(|error| ParameterError {
            parameter: match error.field() {
                Field::Bucket => Parameter::Bucket,
                Field::Prefix => Parameter::Prefix,
            },
            message: error.to_string(),
        });
        match (role, destination, kms_key_arn) {
            (Ok(role), Ok(destination), Ok(kms_key_arn)) => {
                Ok(SetupValues { role: role.unwrap_or_default(), destination, kms_key_arn })
            }
            (role, destination, key) => {
                Err([role.err(), destination.err(), key.err()].into_iter().flatten().collect())
            }
        }
    }

    /// What stands there until something is typed.
    pub fn example() -> SetupValues {
        let bucket: BucketName = "your-bucket".parse().expect("the example is a bucket's name");
        let destination = Destination::new(bucket, Prefix::default());
        SetupValues { role: RoleToMake::default(), destination, kms_key_arn: None }
    }

    /// The role to make.
    pub fn role(&self) -> &RoleToMake {
        &self.role
    }

    /// Where it may write.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The key that it may use.
    pub fn kms_key_arn(&self) -> Option<&KmsKeyArn> {
        self.kms_key_arn.as_ref()
    }

    /// The partition that the ARNs are of; where there is none, the one that roles are of by default.
    pub fn partition(&self, home: Partition) -> Partition {
        let of_key = || self.kms_key_arn().map(KmsKeyArn::partition);
        self.role.arn().map(RoleArn::partition).or_else(of_key).unwrap_or(home)
    }

    /// What the role may do.
    pub fn permissions_policy(&self, home: Partition) -> Value {
        policy::permissions_policy(&self.destination, self.partition(home), self.kms_key_arn())
    }

    /// The values that are not for us to serve, or not for the role to use.
    pub(super) fn refused_by(&self, principals: &Principals) -> Vec<ParameterError> {
        let refused = |parameter, message: String| ParameterError { parameter, message };
        let role = self.role.arn().and_then(|arn| principals.check(arn).err());
        let role = role.map(|error| refused(Parameter::RoleName, error.to_string()));
        let key = match self.role.arn() {
            Some(arn) => {
                self.encryption().check_partition(arn.partition()).err().map(|error| error.to_string())
            }
            None => {
                let partition = self.partition(principals.home());
                principals.check_partition(partition).err().map(|error| error.to_string())
            }
        };
        let key = key.map(|message| refused(Parameter::KmsKeyArn, message));
        role.into_iter().chain(key).collect()
    }

    fn encryption(&self) -> Encryption {
        self.kms_key_arn.clone().map_or(Encryption::BucketDefault, Encryption::Kms)
    }
}

fn optional<T: FromStr>(typed: &str, parameter: Parameter) -> Result<Option<T>, ParameterError>
where
    T::Err: std::fmt::Display,
{
    match typed.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|error: T::Err| ParameterError { parameter, message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn typed(role_name: &str, bucket: &str, prefix: &str, kms_key_arn: &str) -> TypedSetup {
        let [role_name, bucket, prefix, kms_key_arn] =
            [role_name, bucket, prefix, kms_key_arn].map(str::to_owned);
        TypedSetup { role_name, bucket, prefix, kms_key_arn }
    }

    #[test]
    fn the_bucket_alone_is_enough() {
        let values = SetupValues::parse(&typed("", "s3://acme-audit-logs/team", " ", "")).unwrap();
        assert_eq!(values.role(), &RoleToMake::default());
        assert_eq!(values.destination().prefix().as_str(), "team");
        assert_eq!(values.kms_key_arn(), None);
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let errors = SetupValues::parse(&typed("a b", "", "", "alias/a")).unwrap_err();
        let named: Vec<_> = errors.iter().map(|error| error.parameter).collect();
        assert_eq!(named, [Parameter::RoleName, Parameter::Bucket, Parameter::KmsKeyArn]);
        let errors = SetupValues::parse(&typed("", "acme-audit-logs", "a*", "")).unwrap_err();
        assert_eq!(errors[0].parameter, Parameter::Prefix);
    }

    #[test]
    fn what_is_not_served_or_can_t_be_used_together_is_named() {
        let principals = |text: &str| Principals::new(vec![text.parse().unwrap()]).unwrap();
        let aws = principals("arn:aws:iam::999988887777:role/trailpost");
        let refused = |role: &str, key: &str, by: &Principals| -> Vec<_> {
            let values = SetupValues::parse(&typed(role, "acme-audit-logs", "", key)).unwrap();
            values.refused_by(by).into_iter().map(|error| error.parameter).collect()
        };
        assert!(refused("", "", &aws).is_empty());
        assert!(refused("arn:aws:iam::111122223333:role/a", "", &aws).is_empty());
        assert_eq!(refused("arn:aws:iam::999988887777:role/a", "", &aws), [Parameter::RoleName], "our own");
        assert_eq!(refused("arn:aws-cn:iam::111122223333:role/a", KEY, &aws), [Parameter::RoleName]);
        assert_eq!(refused("arn:aws:iam::111122223333:role/a", KEY, &aws), [Parameter::KmsKeyArn]);
        assert_eq!(refused("", KEY, &aws), [Parameter::KmsKeyArn]);
        assert!(refused("", KEY, &principals("arn:aws-cn:iam::999988887777:role/trailpost")).is_empty());
    }
}
