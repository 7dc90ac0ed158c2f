//! What an owner does about a failure: a list of their values to compare, and a statement to paste, filled in.

use serde_json::{Value, json};

use super::{Cause, Failure};
use crate::domain::integration::Settings;
use crate::domain::kms_key_arn::KmsKeyArn;
use crate::domain::organization::ExternalId;
use crate::domain::policy;
use crate::domain::principal_arn::PrincipalArn;

/// What mends a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to do, and where the statement goes.
    pub intro: String,
    /// What to compare in AWS, the likeliest first.
    pub checklist: Vec<String>,
    /// The text to paste, where pasting helps.
    pub statement: Option<String>,
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

impl Fix {
    fn advice(intro: impl Into<String>) -> Fix {
        Fix { intro: intro.into(), checklist: Vec::new(), statement: None }
    }

    fn pasting(intro: impl Into<String>, document: &Value) -> Fix {
        Fix { statement: Some(format!("{document:#}")), ..Fix::advice(intro) }
    }

    fn running(intro: impl Into<String>, command: String) -> Fix {
        Fix { statement: Some(command), ..Fix::advice(intro) }
    }
}

pub(super) fn fix(failure: &Failure, context: &FixContext<'_>) -> Option<Fix> {
    let role = context.settings.role_arn.role_name();
    let bucket = &context.settings.bucket;
    match failure.cause {
        Cause::AssumeRoleDenied => Some(Fix { checklist: trusted_values(context), ..trust(context) }),
        Cause::RoleTooOpen => Some(trust(context)),
        Cause::BucketMissing => Some(Fix::running(
            format!("Create the bucket {bucket}, or enter another:"),
            format!("aws s3 mb s3://{bucket}"),
        )),
        Cause::WriteDenied => Some(Fix { checklist: suspects_of_a_plain_refusal(context), ..permissions(context) }),
        Cause::RoleDoesNotAllow => Some(permissions(context)),
        Cause::RoleDenies => Some(Fix::advice(format!(
            "Look through the policies of the role {role} for a Deny that covers s3:PutObject on the bucket {bucket}, \
             and leave this bucket out of it."
        ))),
        Cause::BucketDoesNotAllow => Some(Fix::pasting(
            format!("Add this statement to the policy of the bucket {bucket}:"),
            &bucket_statement(context),
        )),
        Cause::BucketDenies => Some(Fix {
            checklist: vec![
                "A Deny unless the request names an encryption: AWS sees what we send, not what the bucket would add"
                    .to_owned(),
                "A Deny for requests from outside a network, VPC endpoint or AWS organization".to_owned(),
                format!("A Deny for every principal that is not listed: list {}", context.settings.role_arn),
            ],
            ..Fix::advice(format!("Look through the policy of the bucket {bucket} for a Deny that covers this, such as:"))
        }),
        Cause::ServiceControlPolicyDenies | Cause::ResourceControlPolicyDenies => Some(Fix::advice(format!(
            "Ask whoever administers your AWS organization to let the role {role} do s3:PutObject on the bucket \
             {bucket}."
        ))),
        Cause::PermissionsBoundaryDenies => Some(Fix::pasting(
            format!("Let the permissions boundary of the role {role} allow this too:"),
            &policy::permissions_policy(
                &context.settings.destination(),
                context.settings.role_arn.partition(),
                context.settings.encryption.kms_key_arn(),
            ),
        )),
        Cause::KeyDenied => Some(Fix {
            checklist: vec![
                format!("The permissions of the role {role} allow kms:GenerateDataKey on the key"),
                "The key’s policy lets the role use it, or leaves that to the policies of the key’s account".to_owned(),
            ],
            ..use_of_the_key(failure, context)
        }),
        Cause::KeyDeniedByRole => Some(use_of_the_key(failure, context)),
        Cause::KeyDeniedByKeyPolicy => Some(Fix::pasting(
            "Add this statement to the policy of the key:",
            &json!({
                "Sid": "TrailpostEncryptsAuditLogs",
                "Effect": "Allow",
                "Principal": { "AWS": context.settings.role_arn.as_str() },
                "Action": "kms:GenerateDataKey",
                "Resource": "*",
            }),
        )),
        Cause::KeyDisabled => Some(on_the_key(failure, context, "Enable the key:", &["enable-key"])),
        Cause::KeyUnusable if failure.said().contains("pending deletion") => {
            let intro = "Cancel the deletion, and enable the key again:";
            Some(on_the_key(failure, context, intro, &["cancel-key-deletion", "enable-key"]))
        }
        Cause::KeyUnusable => Some(Fix::advice("Bring the key into a state in which it can be used.")),
        Cause::KeyNotFound => Some(Fix::advice(format!(
            "Let the bucket {bucket}, or these settings, name a key that exists in the bucket’s region."
        ))),
        Cause::ManyDenied
        | Cause::WrongRegion
        | Cause::SessionPolicyDenies
        | Cause::EndpointPolicyDenies
        | Cause::ChecksumDemanded
        | Cause::OwnIdentityRefused
        | Cause::ClockSkewed
        | Cause::CredentialsExpired
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

/// The values that a trust policy is compared with: what goes wrong most often comes first.
fn trusted_values(context: &FixContext<'_>) -> Vec<String> {
    let principal = context.principal_arn.map(|principal| format!("The trust policy names {principal}"));
    let rest = [
        format!("It requires exactly the external ID {}", context.external_id),
        format!("The role ARN is {}, with its path if it has one", context.settings.role_arn),
        format!("The role {} still exists", context.settings.role_arn.role_name()),
    ];
    principal.into_iter().chain(rest).collect()
}

fn permissions(context: &FixContext<'_>) -> Fix {
    let settings = context.settings;
    Fix::pasting(
        format!("Add this as a permissions policy to the role {}:", settings.role_arn.role_name()),
        &policy::permissions_policy(
            &settings.destination(),
            settings.role_arn.partition(),
            settings.encryption.kms_key_arn(),
        ),
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

/// What a bucket's policy says to let the role of another account write.
fn bucket_statement(context: &FixContext<'_>) -> Value {
    let settings = context.settings;
    let permissions = policy::permissions_policy(
        &settings.destination(),
        settings.role_arn.partition(),
        settings.encryption.kms_key_arn(),
    );
    let mut statement = permissions["Statement"][0].clone();
    statement["Principal"] = json!({ "AWS": settings.role_arn.as_str() });
    statement
}

fn use_of_the_key(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let role = context.settings.role_arn.role_name();
    match key_of(failure, context) {
        Some(key) => Fix::pasting(
            format!("Add this statement to the permissions policy of the role {role}:"),
            &json!({
                "Sid": "TrailpostEncryptsAuditLogs",
                "Effect": "Allow",
                "Action": "kms:GenerateDataKey",
                "Resource": key,
            }),
        ),
        None => {
            Fix::advice(format!("Let the role {role} do kms:GenerateDataKey with the key of the bucket."))
        }
    }
}

fn on_the_key(failure: &Failure, context: &FixContext<'_>, intro: &str, commands: &[&str]) -> Fix {
    let Some(key) = key_of(failure, context) else { return Fix::advice(intro.replace(':', ".")) };
    let in_region = key.split(':').nth(3).map(|region| format!(" --region {region}")).unwrap_or_default();
    let lines: Vec<_> =
        commands.iter().map(|command| format!("aws kms {command} --key-id {key}{in_region}")).collect();
    Fix::running(intro, lines.join("\n"))
}

/// The key that AWS names, else the one that is set.
fn key_of<'a>(failure: &'a Failure, context: &'a FixContext<'_>) -> Option<&'a str> {
    let set = || context.settings.encryption.kms_key_arn().map(KmsKeyArn::as_str);
    key_arn(failure.said()).or_else(set)
}

/// The key that AWS names in its answer. What is pasted into a shell has none of a shell's own characters.
fn key_arn(said: &str) -> Option<&str> {
    let is_of_an_arn = |character: char| character.is_ascii_alphanumeric() || ":/_-".contains(character);
    let arns = said.split(|character: char| !is_of_an_arn(character));
    arns.map(|word| word.trim_end_matches(':'))
        .find(|word| word.starts_with("arn:") && word.contains(":kms:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_out_of_the_words_of_aws() {
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for said in [
            format!("{key} is disabled. (Service: Kms; Status Code: 400)"),
            format!("not authorized to perform: kms:GenerateDataKey on resource: {key} because no"),
            format!("on resource: \"{key}\"; rm -rf /"),
        ] {
            assert_eq!(key_arn(&said), Some(key), "{said}");
        }
        assert_eq!(key_arn("Access Denied"), None);
    }
}
