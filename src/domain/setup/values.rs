//! The values that a set-up is filled in with, by the names that they have in the addresses of its files.

use std::str::FromStr;

use serde_json::Value;

use super::role::RoleToMake;
use crate::domain::bucket::{BucketName, Destination, DestinationError, Field, Prefix};
use crate::domain::encryption::Encryption;
use crate::domain::kms_key_arn::KmsKeyArn;
use crate::domain::policy;
use crate::domain::principals::Principals;
use crate::domain::role_arn::{AccountId, Partition, RoleArn};

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
    /// The account that the bucket is in, where it is not the role's.
    BucketOwnerAccount,
    /// The partition of AWS that the role is in, where no ARN says so.
    Partition,
}

impl Parameter {
    /// All of them.
    pub const ALL: [Parameter; 6] = [
        Parameter::RoleName,
        Parameter::Bucket,
        Parameter::Prefix,
        Parameter::KmsKeyArn,
        Parameter::BucketOwnerAccount,
        Parameter::Partition,
    ];

    /// Its name in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Parameter::RoleName => "role_name",
            Parameter::Bucket => "bucket",
            Parameter::Prefix => "prefix",
            Parameter::KmsKeyArn => "kms_key_arn",
            Parameter::BucketOwnerAccount => "bucket_owner_account",
            Parameter::Partition => "partition",
        }
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Parameter, String> {
        let found = Parameter::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| {
            "The parameters are role_name, bucket, prefix, kms_key_arn, bucket_owner_account and partition.".to_owned()
        })
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
    pub bucket_owner_account: String,
    pub partition: String,
}

impl TypedSetup {
    /// The value of a parameter, to write into.
    pub fn value_mut(&mut self, parameter: Parameter) -> &mut String {
        match parameter {
            Parameter::RoleName => &mut self.role_name,
            Parameter::Bucket => &mut self.bucket,
            Parameter::Prefix => &mut self.prefix,
            Parameter::KmsKeyArn => &mut self.kms_key_arn,
            Parameter::BucketOwnerAccount => &mut self.bucket_owner_account,
            Parameter::Partition => &mut self.partition,
        }
    }
}

/// The values. Without a role's name it is the suggested one; without a key, none is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupValues {
    role: RoleToMake,
    destination: Destination,
    kms_key_arn: Option<KmsKeyArn>,
    bucket_owner: Option<AccountId>,
    partition: Option<Partition>,
}

impl SetupValues {
    /// Parses what was typed.
    ///
    /// # Errors
    /// One entry for each value that can't be used.
    pub fn parse(typed: &TypedSetup) -> Result<SetupValues, Vec<ParameterError>> {
        let role = optional(&typed.role_name, Parameter::RoleName);
        let kms_key_arn = optional(&typed.kms_key_arn, Parameter::KmsKeyArn);
        let destination = Destination::parse(&typed.bucket, &typed.prefix);
        let owner = optional(&typed.bucket_owner_account, Parameter::BucketOwnerAccount);
        let partition = optional(&typed.partition, Parameter::Partition);
        match (role, destination, kms_key_arn, owner, partition) {
            (Ok(role), Ok(destination), Ok(kms_key_arn), Ok(bucket_owner), Ok(partition)) => SetupValues {
                role: role.unwrap_or_default(),
                destination,
                kms_key_arn,
                bucket_owner,
                partition,
            }
            .checked(),
            (role, destination, key, owner, partition) => {
                let destination = destination.err().unwrap_or_default().into_iter().map(destination_error);
                let others = [key.err(), owner.err(), partition.err()].into_iter().flatten();
                Err(role.err().into_iter().chain(destination).chain(others).collect())
            }
        }
    }

    /// These values, if they go together.
    fn checked(self) -> Result<SetupValues, Vec<ParameterError>> {
        let refused =
            |parameter, message: &str| Err(vec![ParameterError { parameter, message: message.to_owned() }]);
        match (self.role.arn(), self.partition) {
            (None, _) if self.bucket_owner.is_some() => refused(
                Parameter::RoleName,
                "Enter the role’s whole ARN: the policy of a bucket in another account has to name it.",
            ),
            (Some(arn), Some(partition)) if arn.partition() != partition => {
                refused(Parameter::Partition, "The role’s ARN is of another partition. Leave this out.")
            }
            _ => Ok(self),
        }
    }

    /// What stands there until something is typed, for a role of this partition if one is chosen.
    pub fn example(partition: Option<Partition>) -> SetupValues {
        let bucket: BucketName = "your-bucket".parse().expect("the example is a bucket's name");
        let destination = Destination::new(bucket, Prefix::default());
        SetupValues {
            role: RoleToMake::default(),
            destination,
            kms_key_arn: None,
            bucket_owner: None,
            partition,
        }
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

    /// The account that the bucket is in, if that is another than the role's.
    pub fn other_bucket_owner(&self) -> Option<&AccountId> {
        let role = self.role.arn()?;
        self.bucket_owner.as_ref().filter(|owner| *owner != role.account_id())
    }

    /// The partition that the role's ARN is of; without one, that which was chosen, or the key's, or the one that roles
    /// are of by default.
    pub fn partition(&self, home: Partition) -> Partition {
        let of_role = self.role.arn().map(RoleArn::partition);
        let of_key = || self.kms_key_arn().map(KmsKeyArn::partition);
        of_role.or(self.partition).or_else(of_key).unwrap_or(home)
    }

    /// What the policy of a bucket in another account has to say; none where that is the role's own.
    pub fn bucket_policy(&self) -> Option<Value> {
        self.other_bucket_owner()?;
        self.role.arn().map(|role| policy::bucket_policy(&self.destination, role))
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
        let partition = self.partition(principals.home());
        let served = match self.role.arn() {
            Some(_) => None,
            None => principals.check_partition(partition).err(),
        };
        let named_by = if self.partition.is_some() { Parameter::Partition } else { Parameter::KmsKeyArn };
        let served = served.map(|error| refused(named_by, error.to_string()));
        let key = self.encryption().check_partition(partition).err();
        let key = key.map(|error| refused(Parameter::KmsKeyArn, error.to_string()));
        role.into_iter().chain(served).chain(key).collect()
    }

    fn encryption(&self) -> Encryption {
        self.kms_key_arn.clone().map_or(Encryption::BucketDefault, Encryption::Kms)
    }
}

fn destination_error(error: DestinationError) -> ParameterError {
    let parameter = match error.field() {
        Field::Bucket => Parameter::Bucket,
        Field::Prefix => Parameter::Prefix,
    };
    ParameterError { parameter, message: error.to_string() }
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
        TypedSetup { role_name, bucket, prefix, kms_key_arn, ..TypedSetup::default() }
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
        let errors = SetupValues::parse(&typed("a b", "", "a*", "alias/a")).unwrap_err();
        let named: Vec<_> = errors.iter().map(|error| error.parameter).collect();
        assert_eq!(named, [Parameter::RoleName, Parameter::Bucket, Parameter::Prefix, Parameter::KmsKeyArn]);
        let errors = SetupValues::parse(&typed("", "acme-audit-logs", "a*", "")).unwrap_err();
        assert_eq!(errors[0].parameter, Parameter::Prefix);
    }

    #[test]
    fn a_bucket_of_another_account_has_a_policy_that_names_the_whole_role() {
        let role = "arn:aws:iam::111122223333:role/team/logs";
        let of = |role: &str, owner: &str| {
            let bucket_owner_account = owner.to_owned();
            SetupValues::parse(&TypedSetup { bucket_owner_account, ..typed(role, "acme-logs", "a", "") })
        };
        let policy = of(role, "444455556666").unwrap().bucket_policy().unwrap();
        let statement = &policy["Statement"][0];
        assert_eq!(statement["Principal"]["AWS"], role);
        assert_eq!(statement["Resource"], "arn:aws:s3:::acme-logs/a/*");
        assert_eq!(statement["Action"], "s3:PutObject");
        for own in ["", "111122223333"] {
            assert_eq!(of(role, own).unwrap().bucket_policy(), None, "{own}");
        }
        assert_eq!(of("logs", "444455556666").unwrap_err()[0].parameter, Parameter::RoleName);
        assert_eq!(of(role, "4444").unwrap_err()[0].parameter, Parameter::BucketOwnerAccount);
    }

    #[test]
    fn a_name_is_of_the_partition_that_was_chosen() {
        let served = ["arn:aws:iam::999988887777:role/t", "arn:aws-cn:iam::999988887777:role/t"];
        let served = Principals::new(served.map(|text| text.parse().unwrap()).to_vec()).unwrap();
        let of = |role: &str, key: &str, partition: &str| {
            let partition = partition.to_owned();
            SetupValues::parse(&TypedSetup { partition, ..typed(role, "acme-logs", "", key) })
        };
        let chosen = of("logs", "", "aws-cn").unwrap();
        assert_eq!(chosen.partition(served.home()), Partition::AwsCn);
        let resource = &chosen.permissions_policy(served.home())["Statement"][0]["Resource"];
        assert_eq!(resource, "arn:aws-cn:s3:::acme-logs/*");
        let refused = |values: SetupValues| {
            values.refused_by(&served).into_iter().map(|error| error.parameter).collect::<Vec<_>>()
        };
        assert!(refused(chosen).is_empty());
        assert_eq!(refused(of("logs", "", "aws-eusc").unwrap()), [Parameter::Partition], "not served");
        assert_eq!(refused(of("logs", KEY, "aws").unwrap()), [Parameter::KmsKeyArn], "a key of another");
        let role = "arn:aws:iam::111122223333:role/logs";
        assert_eq!(of(role, "", "aws-cn").unwrap_err()[0].parameter, Parameter::Partition);
        assert_eq!(of("logs", "", "moon").unwrap_err()[0].parameter, Parameter::Partition);
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
