//! The set-up in AWS, written out for one customer: the role that trusts us and its policy, four ways (console steps,
//! AWS CLI, CloudFormation, Terraform) and as the two documents alone.
//!
//! - Every way makes the same role with the same two documents, those of `policy`, and nothing else. The bucket is
//!   the customer's and may exist already: none of them touches it.
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
use super::role_arn::Partition;

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

impl Setup {
    /// The set-up of these values for the organization with this external ID.
    ///
    /// # Errors
    /// The values that are in another partition than our principal: nothing there could trust it.
    pub fn new(
        values: SetupValues,
        principal: PrincipalArn,
        external_id: ExternalId,
    ) -> Result<Setup, Vec<ParameterError>> {
        let foreign = values.outside(principal.partition());
        if foreign.is_empty() { Ok(Setup { values, principal, external_id }) } else { Err(foreign) }
    }

    /// Who may assume the role: our principal, with exactly the external ID.
    pub fn trust_policy(&self) -> Value {
        policy::trust_policy(self.principal.as_str(), &self.external_id)
    }

    /// What the role may do.
    pub fn permissions_policy(&self) -> Value {
        policy::permissions_policy(self.values.destination(), self.partition(), self.values.kms_key_arn())
    }

    /// What is to be typed and pasted in AWS's console.
    pub fn console_steps(&self) -> Vec<Step> {
        console_steps::steps(self)
    }

    /// The values that it is filled in with.
    pub fn values(&self) -> &SetupValues {
        &self.values
    }

    fn role(&self) -> &RoleToMake {
        self.values.role()
    }

    fn partition(&self) -> Partition {
        self.principal.partition()
    }
}
