//! What an owner does about a failure: a list of their values to compare, and a statement to paste or commands to run,
//! filled in.

use serde_json::Value;

use super::key_fix::{
    at_the_key, denied_in_the_key, key_of, key_of_the_region, on_the_key, region_asked, use_of_the_key,
};
use super::{Cause, Failure, Refused};
use crate::domain::encryption::Encryption;
use crate::domain::integration::Settings;
use crate::domain::kms_key_arn::KmsKeyArn;
use crate::domain::organization::ExternalId;
use crate::domain::policy;
use crate::domain::principal_arn::PrincipalArn;
use crate::domain::shell::quoted;

/// What mends a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to do; before the list, where there is one.
    pub intro: String,
    /// What to compare in AWS, the likeliest first.
    pub checklist: Vec<String>,
    /// What to paste or run, where that helps.
    pub block: Option<Block>,
}

/// A text to copy from the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it goes; empty where the fix has said so already.
    pub intro: String,
    /// What is done with it: `Paste this`.
    pub title: &'static str,
    /// The text.
    pub text: String,
}

/// The values that a fix is filled in with.
#[derive(Clone, Debug)]
pub struct FixContext<'a> {
    /// The settings that failed.
    pub settings: &'a Settings,
    /// The organization's external ID.
    pub external_id: &'a ExternalId,
    /// The principal that a role has to trust; none while the operator has not stated it.
    pub principal_arn: Option<&'a PrincipalArn>,
}

const COMPARE: &str = "Compare, the likeliest first:";

impl Fix {
    pub(super) fn advice(intro: impl Into<String>) -> Fix {
        Fix { intro: intro.into(), checklist: Vec::new(), block: None }
    }

    pub(super) fn pasting(intro: impl Into<String>, document: &Value) -> Fix {
        Fix::with_block(intro, "Paste this", format!("{document:#}"))
    }

    pub(super) fn running(intro: impl Into<String>, commands: String) -> Fix {
        Fix::with_block(intro, "Run this", commands)
    }

    fn with_block(intro: impl Into<String>, title: &'static str, text: String) -> Fix {
        Fix { block: Some(Block { intro: String::new(), title, text }), ..Fix::advice(intro) }
    }

    /// The same when the list alone has not helped: what stood before the block stays with it.
    fn after(self, intro: impl Into<String>, checklist: Vec<String>) -> Fix {
        let block = self.block.map(|block| Block { intro: self.intro, ..block });
        Fix { intro: intro.into(), checklist, block }
    }
}

pub(super) fn fix(failure: &Failure, context: &FixContext<'_>) -> Option<Fix> {
    let settings = context.settings;
    let (role, bucket) = (settings.role_arn.role_name(), &settings.bucket);
    match failure.cause {
        Cause::AssumeRoleDenied => {
            let whole = [expected_trust(context), identity_of_the_role(context)].concat();
            Some(trust(context).after(COMPARE, whole))
        }
        Cause::TrustDoesNotAllow => Some(trust(context).after(COMPARE, expected_trust(context))),
        Cause::TrustDenies => Some(denied_in_the_trust(context)),
        Cause::RoleTooOpen => Some(trust(context)),
        Cause::RoleArnRefused => Some(
            Fix::running(
                "In the role’s account, this prints the ARN to enter:",
                format!("aws iam get-role --role-name={} --query Role.Arn --output text", quoted(role)),
            )
            .after(COMPARE, identity_of_the_role(context)),
        ),
        Cause::StsNotActivated => Some(activation_of_sts(failure, context)),
        Cause::BucketMissing => Some(Fix::running(
            format!("Create the bucket {bucket}, or enter another:"),
            format!("aws s3 mb s3://{bucket}"),
        )),
        Cause::AccountBlocked => Some(Fix::advice(format!(
            "Ask AWS Support about the bucket {bucket} and the account {}, and quote the code and the request ID, or \
             enter another bucket.",
            settings.expected_bucket_owner()
        ))),
        Cause::WriteDenied => {
            let mends =
                if settings.is_across_accounts() { at_the_bucket(context) } else { permissions(context) };
            Some(mends.after(COMPARE, suspects_of_a_plain_refusal(context)))
        }
        Cause::RoleDoesNotAllow => Some(permissions(context)),
        Cause::RoleDenies | Cause::RoleDeniesKey => Some(denied_in_the_role(failure, context)),
        Cause::BucketDoesNotAllow => Some(at_the_bucket(context)),
        Cause::BucketDenies => Some(denied_in_the_bucket(context)),
        Cause::ServiceControlPolicyDenies | Cause::ResourceControlPolicyDenies => {
            Some(by_the_administrators(failure, context))
        }
        Cause::PermissionsBoundaryDenies => Some(Fix::pasting(
            format!("Let the permissions boundary of the role {role} allow this too:"),
            &allowance(failure, context),
        )),
        Cause::KeyDenied => {
            let checklist = vec![
                format!("The permissions of the role {role} allow kms:GenerateDataKey on the key"),
                "The key’s policy lets the role use it, or leaves that to the policies of the key’s account"
                    .to_owned(),
            ];
            Some(use_of_the_key(failure, context).after(COMPARE, checklist))
        }
        Cause::KeyDeniedByRole => Some(use_of_the_key(failure, context)),
        Cause::KeyDeniedByKeyPolicy => Some(at_the_key(failure, context)),
        Cause::KeyPolicyDenies => Some(denied_in_the_key(failure, context)),
        Cause::KeyNotShared => {
            let checklist = vec![
                format!("The key’s policy, in the key’s account, allows {}", settings.role_arn),
                format!("The key exists, and is in the region of the bucket {bucket}"),
                "No statement of the key’s policy denies it".to_owned(),
            ];
            Some(at_the_key(failure, context).after(COMPARE, checklist))
        }
        Cause::KeyDisabled => Some(on_the_key(failure, context, "Enable the key:", &["enable-key"])),
        Cause::KeyUnusable if failure.said().contains("pending deletion") => {
            let intro = "Cancel the deletion, and enable the key again:";
            Some(on_the_key(failure, context, intro, &["cancel-key-deletion", "enable-key"]))
        }
        Cause::KeyUnusable => {
            let intro = "Bring the key into a state in which it can be used. This prints the one it is in:";
            Some(on_the_key(failure, context, intro, &["describe-key"]))
        }
        Cause::KeyNotFound => {
            let intro = format!(
                "Let the bucket {bucket}, or these settings, name a key that exists in the bucket’s region. This finds \
                 the one that they name:"
            );
            Some(on_the_key(failure, context, &intro, &["describe-key"]))
        }
        Cause::KeyInAnotherRegion => Some(key_of_the_region(failure, context)),
        Cause::KeyUnsuitable => {
            let intro = "Choose a key whose KeySpec is SYMMETRIC_DEFAULT and whose KeyUsage is ENCRYPT_DECRYPT. This \
                         prints those of the key:";
            Some(on_the_key(failure, context, intro, &["describe-key"]))
        }
        Cause::ManyDenied
        | Cause::OwnPolicyRefuses
        | Cause::SessionPolicyRefused
        | Cause::WrongRegion
        | Cause::SessionPolicyDenies
        | Cause::EndpointPolicyDenies
        | Cause::ChecksumDemanded
        | Cause::OwnIdentityRefused
        | Cause::ClockSkewed
        | Cause::CredentialsExpired
        | Cause::Conflict
        | Cause::Throttled
        | Cause::AwsUnavailable
        | Cause::Timeout
        | Cause::NameNotResolved
        | Cause::ConnectionRefused
        | Cause::TlsFailed
        | Cause::Unreachable
        | Cause::RecordsUnreadable
        | Cause::StoreFailed
        | Cause::NoWriter
        | Cause::Unexpected => None,
    }
}

fn trust(context: &FixContext<'_>) -> Fix {
    match context.principal_arn {
        Some(principal) => Fix::pasting(
            format!("Set this as the trust policy of the role {}:", context.settings.role_arn.role_name()),
            &policy::trust_policy(principal.as_str(), context.external_id),
        ),
        None => Fix::advice(
            "The operator of this service has not stated its AWS identity yet, which the role’s trust policy has to \
             name. Ask them for it.",
        ),
    }
}

/// What a trust policy is compared with: what goes wrong most often comes first.
fn expected_trust(context: &FixContext<'_>) -> Vec<String> {
    let principal = context.principal_arn.map(|principal| format!("The trust policy names {principal}"));
    let external_id = format!("It requires exactly the external ID {}", context.external_id);
    principal.into_iter().chain([external_id]).collect()
}

fn identity_of_the_role(context: &FixContext<'_>) -> Vec<String> {
    let role = &context.settings.role_arn;
    vec![
        format!("The role ARN is {role}, with its path if it has one"),
        format!("The role {} still exists", role.role_name()),
    ]
}

fn denied_in_the_trust(context: &FixContext<'_>) -> Fix {
    let role = context.settings.role_arn.role_name();
    let us = context.principal_arn.map_or_else(|| "us".to_owned(), ToString::to_string);
    Fix::running(
        format!(
            "Look through the trust policy of the role {role} for a Deny that covers {us}, and leave us out of it. This \
             prints it:"
        ),
        format!("aws iam get-role --role-name={} --query Role.AssumeRolePolicyDocument", quoted(role)),
    )
}

/// Regions that are on by default are activated in the console alone.
fn activation_of_sts(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let account = context.settings.role_arn.account_id();
    let region = region_asked(failure)
        .map_or_else(|| "our region".to_owned(), |region| format!("the region {region}"));
    Fix::advice(format!(
        "In the account {account}, open IAM > Account settings > Security Token Service (STS) in the AWS console and \
         activate the endpoint of {region}. A region that is off for the whole account is enabled under Account > AWS \
         Regions first."
    ))
}

fn permissions(context: &FixContext<'_>) -> Fix {
    Fix::pasting(
        format!("Add this as a permissions policy to the role {}:", context.settings.role_arn.role_name()),
        &permissions_policy(context),
    )
}

fn permissions_policy(context: &FixContext<'_>) -> Value {
    let settings = context.settings;
    policy::permissions_policy(
        &settings.destination(),
        settings.role_arn.partition(),
        settings.encryption.kms_key_arn(),
    )
}

fn at_the_bucket(context: &FixContext<'_>) -> Fix {
    let settings = context.settings;
    Fix::pasting(
        format!(
            "Add this statement to the policy of the bucket {}, in the account {}:",
            settings.bucket,
            settings.expected_bucket_owner()
        ),
        &policy::bucket_statement(&settings.destination(), &settings.role_arn),
    )
}

/// A plain 403 is what S3 says across accounts, and for another owner than the expected one
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>).
fn suspects_of_a_plain_refusal(context: &FixContext<'_>) -> Vec<String> {
    let (settings, owner) = (context.settings, context.settings.expected_bucket_owner());
    let bucket = &settings.bucket;
    vec![
        format!("The bucket {bucket} belongs to account {owner}; enter another under Bucket owner account"),
        format!("The permissions of the role {} allow s3:PutObject there", settings.role_arn.role_name()),
        format!("If the bucket is in another account than the role, its policy allows {}", settings.role_arn),
        "No policy of the bucket or of your AWS organization denies it".to_owned(),
    ]
}

/// IAM itself names the statement that denies
/// (<https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-principal-policy.html>).
fn denied_in_the_role(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let role = &context.settings.role_arn;
    let (action, resource) = refused_thing(failure, context);
    let command = format!(
        "aws iam simulate-principal-policy --policy-source-arn={} \\\n  --action-names={action} --resource-arns={} \\\n  \
         --query 'EvaluationResults[].MatchedStatements'",
        quoted(role.as_str()),
        quoted(&resource),
    );
    Fix::running(
        format!(
            "Look through the policies of the role {} for a Deny that covers {action} on {resource}, and leave this out \
             of it. IAM names the statement:",
            role.role_name()
        ),
        command,
    )
}

fn denied_in_the_bucket(context: &FixContext<'_>) -> Fix {
    let bucket = &context.settings.bucket;
    let checklist = vec![
        demanded_encryption(&context.settings.encryption).to_owned(),
        "A Deny for requests from outside a network, VPC endpoint or AWS organization".to_owned(),
        format!("A Deny for every principal that is not listed: list {}", context.settings.role_arn),
    ];
    Fix::running(
        "This prints it:",
        format!(
            "aws s3api get-bucket-policy --bucket={} --query Policy --output text",
            quoted(bucket.as_str())
        ),
    )
    .after(
        format!("Look through the policy of the bucket {bucket} for a Deny that covers this, such as:"),
        checklist,
    )
}

/// AWS sees what a request names, not what the bucket would add
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>).
fn demanded_encryption(encryption: &Encryption) -> &'static str {
    match encryption {
        Encryption::BucketDefault => {
            "A Deny unless the request names an encryption: if it demands an encryption header, choose SSE-S3 or KMS key \
             under Encryption"
        }
        Encryption::SseS3 => {
            "A Deny of every encryption but that with a KMS key: choose KMS key under Encryption, and the key that it \
             names"
        }
        Encryption::Kms(_) => {
            "A Deny of every KMS key but one, or of every encryption but SSE-S3: choose that under Encryption"
        }
    }
}

fn by_the_administrators(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let role = context.settings.role_arn.role_name();
    let (action, resource) = refused_thing(failure, context);
    let of_the_resource = failure.cause == Cause::ResourceControlPolicyDenies;
    if failure.refused() == Refused::Role {
        return Fix::advice(format!(
            "Ask whoever administers your AWS organization to let {} do {action} on {resource}, with the external ID {}.",
            context.principal_arn.map_or_else(|| "us".to_owned(), ToString::to_string),
            context.external_id
        ));
    }
    let statement = if of_the_resource { grant(failure, context) } else { allowance(failure, context) };
    Fix::pasting(
        format!(
            "Ask whoever administers your AWS organization to let the role {role} do {action} on {resource}. No Deny \
             may cover this:"
        ),
        &statement,
    )
}

/// What the role has to be allowed, of that which was refused.
fn allowance(failure: &Failure, context: &FixContext<'_>) -> Value {
    match (failure.refused(), key_of(failure, context)) {
        (Refused::Key, Some(key)) => policy::use_of_key(&key),
        _ => permissions_policy(context),
    }
}

/// The same from the side of what it is done to.
fn grant(failure: &Failure, context: &FixContext<'_>) -> Value {
    let settings = context.settings;
    match failure.refused() {
        Refused::Key => {
            let key = key_of(failure, context);
            policy::key_policy_statement(&settings.role_arn, key.as_ref().map(KmsKeyArn::region))
        }
        Refused::Role | Refused::Write => {
            policy::bucket_statement(&settings.destination(), &settings.role_arn)
        }
    }
}

/// The action that was refused, and on what.
fn refused_thing(failure: &Failure, context: &FixContext<'_>) -> (&'static str, String) {
    let settings = context.settings;
    match failure.refused() {
        Refused::Role => ("sts:AssumeRole", settings.role_arn.to_string()),
        Refused::Write => {
            (policy::WRITE, policy::objects(&settings.destination(), settings.role_arn.partition()))
        }
        Refused::Key => {
            let key = key_of(failure, context);
            (
                policy::GENERATE_DATA_KEY,
                key.map_or_else(|| "the key of the bucket".to_owned(), |key| key.to_string()),
            )
        }
    }
}

#[cfg(test)]
#[path = "fix_tests.rs"]
mod tests;
