//! The principals that Trailpost acts as: one for each partition of AWS that it serves. Accounts of one partition know
//! nothing of another's, so a role can only trust the principal of its own
//! (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).

use super::principal_arn::PrincipalArn;
use super::role_arn::{Partition, RoleArn};

/// At most one principal for each partition; none at all while the operator has stated none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principals(Vec<PrincipalArn>);

/// Two principals were stated for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two principals are in the partition {0}, and each partition has one")]
pub struct TwoPrincipals(&'static str);

/// Why Trailpost does not assume a role, in words to stand beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleRefused {
    /// It is of a partition that is not served.
    #[error("This Trailpost serves: {0}")]
    NotServed(String),
    /// It is in the account of our own principal, where a role would lead to us and not to a customer.
    #[error("This role is in Trailpost’s own AWS account. Enter a role of your own account.")]
    OwnAccount,
}

impl Principals {
    /// These principals; the first is the one of our home partition.
    ///
    /// # Errors
    /// Two are of one partition.
    pub fn new(principals: Vec<PrincipalArn>) -> Result<Principals, TwoPrincipals> {
        for (place, principal) in principals.iter().enumerate() {
            if principals[..place].iter().any(|earlier| earlier.partition() == principal.partition()) {
                return Err(TwoPrincipals(principal.partition().as_str()));
            }
        }
        Ok(Principals(principals))
    }

    /// Whom roles of this partition have to trust.
    pub fn of(&self, partition: Partition) -> Option<&PrincipalArn> {
        self.0.iter().find(|principal| principal.partition() == partition)
    }

    /// All of them, the home partition's first.
    pub fn as_slice(&self) -> &[PrincipalArn] {
        &self.0
    }

    /// The partition of a role that nobody has named yet.
    pub fn home(&self) -> Partition {
        self.0.first().map_or(Partition::Aws, PrincipalArn::partition)
    }

    /// Whether a role can be served. While no principal is stated, nothing speaks against any.
    ///
    /// # Errors
    /// Its partition is not served, or it is in our own account.
    pub fn check(&self, role: &RoleArn) -> Result<(), RoleRefused> {
        match self.of(role.partition()) {
            Some(principal) if principal.account_id() == role.account_id() => Err(RoleRefused::OwnAccount),
            Some(_) => Ok(()),
            None => self.check_partition(role.partition()),
        }
    }

    /// Whether roles of a partition can be served. While no principal is stated, nothing speaks against any.
    ///
    /// # Errors
    /// It is not served.
    pub fn check_partition(&self, partition: Partition) -> Result<(), RoleRefused> {
        if self.0.is_empty() || self.of(partition).is_some() {
            return Ok(());
        }
        let served: Vec<_> = self.0.iter().map(|each| each.partition().as_str()).collect();
        Err(RoleRefused::NotServed(served.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principals(texts: &[&str]) -> Result<Principals, TwoPrincipals> {
        Principals::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn check(principals: &Principals, role: &str) -> Result<(), String> {
        principals.check(&role.parse().unwrap()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_role_is_served_by_the_principal_of_its_partition() {
        let one = principals(&["arn:aws:iam::999988887777:role/trailpost"]).unwrap();
        assert_eq!(check(&one, "arn:aws:iam::111122223333:role/a"), Ok(()));
        let elsewhere = "arn:aws-us-gov:iam::111122223333:role/a";
        assert_eq!(check(&one, elsewhere), Err("This Trailpost serves: aws".to_owned()));
        let two =
            principals(&["arn:aws:iam::999988887777:role/t", "arn:aws-us-gov:iam::888877776666:user/t"])
                .unwrap();
        assert_eq!(check(&two, elsewhere), Ok(()));
        assert_eq!(two.of(Partition::AwsUsGov).unwrap().account_id().as_str(), "888877776666");
        let china = check(&two, "arn:aws-cn:iam::111122223333:role/a");
        assert_eq!(china, Err("This Trailpost serves: aws, aws-us-gov".to_owned()));
        assert_eq!((two.home(), Principals::default().home()), (Partition::Aws, Partition::Aws));
    }

    #[test]
    fn a_role_of_our_own_account_is_refused_in_its_partition_alone() {
        let two =
            principals(&["arn:aws-cn:iam::999988887777:role/t", "arn:aws:iam::888877776666:role/t"]).unwrap();
        assert_eq!(two.home(), Partition::AwsCn);
        assert!(check(&two, "arn:aws-cn:iam::999988887777:role/a").unwrap_err().contains("own AWS account"));
        assert_eq!(check(&two, "arn:aws:iam::999988887777:role/a"), Ok(()), "an account of somebody else's");
    }

    #[test]
    fn a_partition_has_one_principal_and_without_any_nothing_is_refused() {
        let twice = principals(&["arn:aws:iam::999988887777:role/t", "arn:aws:iam::999988887777:root"]);
        assert!(twice.unwrap_err().to_string().contains("in the partition aws,"));
        assert_eq!(check(&Principals::default(), "arn:aws-cn:iam::999988887777:role/a"), Ok(()));
    }
}
