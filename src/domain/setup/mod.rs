//! The set-up in AWS, written out for one customer: the role that trusts us and its policy, four ways (console steps,
//! AWS CLI, CloudFormation, Terraform) and as the two documents alone.
//!
//! - Every way makes the same role with the same two documents, those of `policy`, and nothing else. The bucket is
//!   the customer's and may exist already: none of them touches it. Where it is in another account than the role, each
//!   way says what its policy has to say.
//! - What is filled in was parsed into types that hold no quote, blank, `$` or wildcard but the prefix's `'`, `(`, `)`
//!   and `!`. It is quoted by the rules of each language all the same.

mod aws_cli;
mod cloudformation;
mod console_steps;
mod file;
mod role;
mod terraform;
mod values;

use serde_json::Value;

use super::organization::ExternalId;
use super::policy;
use super::principal_arn::PrincipalArn;
use super::principals::Principals;

pub use console_steps::{Paste, Step};
pub use file::{SetupFile, UnknownFile};
pub use role::{RoleToMake, RoleToMakeError};
pub use values::{Parameter, ParameterError, SetupValues, TypedSetup};

/// The name of the role's inline policy, and of the role where none was chosen.
const SUGGESTED_NAME: &str = "trailpost-audit-logs";

/// What to set up, for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    values: SetupValues,
    principal: PrincipalArn,
    external_id: ExternalId,
}

/// Why there is no set-up of some values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSetup {
    /// They can't be served.
    Refused(Vec<ParameterError>),
    /// The operator has stated no principal that a role could trust.
    PrincipalNotStated,
}

impl Setup {
    /// The set-up of these values for the organization with this external ID.
    ///
    /// # Errors
    /// Why it can't be written.
    pub fn new(
        values: SetupValues,
        principals: &Principals,
        external_id: ExternalId,
    ) -> Result<Setup, NoSetup> {
        let refused = values.refused_by(principals);
        if !refused.is_empty() {
            return Err(NoSetup::Refused(refused));
        }
        let principal = principals.of(values.partition(principals.home())).cloned();
        principal.map(|principal| Setup { values, principal, external_id }).ok_or(NoSetup::PrincipalNotStated)
    }

    /// Who may assume the role: our principal, with exactly the external ID.
    pub fn trust_policy(&self) -> Value {
        policy::trust_policy(self.principal.as_str(), &self.external_id)
    }

    /// What the role may do.
    pub fn permissions_policy(&self) -> Value {
        self.values.permissions_policy(self.principal.partition())
    }

    /// What the policy of a bucket in another account has to say; none where that is the role's own.
    pub fn bucket_policy(&self) -> Option<Value> {
        self.values.bucket_policy()
    }

    /// To be put over that policy: `the bucket acme-logs, in the account 444455556666`.
    fn other_accounts_bucket(&self) -> Option<String> {
        let (owner, bucket) = (self.values.other_bucket_owner()?, self.values.destination().bucket());
        Some(format!("the bucket {bucket}, in the account {owner}"))
    }

    /// Whom the role trusts.
    pub fn principal(&self) -> &PrincipalArn {
        &self.principal
    }

    /// What is to be typed and pasted in AWS's console.
    pub fn console_steps(&self) -> Vec<Step> {
        console_steps::steps(self)
    }

    /// What is to be pasted into a shell that the AWS CLI is signed in to.
    pub fn cli_commands(&self) -> String {
        aws_cli::commands(self)
    }

    /// The values that it is filled in with.
    pub fn values(&self) -> &SetupValues {
        &self.values
    }

    fn role(&self) -> &RoleToMake {
        self.values.role()
    }
}
