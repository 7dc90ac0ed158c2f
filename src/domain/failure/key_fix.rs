//! What mends a failure at the KMS key, or of its use.

use super::Failure;
use super::fix::{Fix, FixContext};
use crate::domain::kms_key_arn::KmsKeyArn;
use crate::domain::policy;
use crate::domain::shell::quoted;

pub(super) fn use_of_the_key(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let role = context.settings.role_arn.role_name();
    match key_of(failure, context) {
        Some(key) => Fix::pasting(
            format!("Add this statement to the permissions policy of the role {role}:"),
            &policy::use_of_key(&key),
        ),
        None => {
            let intro = format!(
                "Let the role {role} do kms:GenerateDataKey with the key of the bucket. This prints it:"
            );
            Fix::running(intro, key_of_the_bucket(context))
        }
    }
}

pub(super) fn at_the_key(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let key = key_of(failure, context);
    let of = key.as_ref().map_or_else(String::new, |key| format!(" {key}"));
    Fix::pasting(
        format!("Add this statement to the policy of the key{of}:"),
        &policy::key_policy_statement(&context.settings.role_arn, key.as_ref().map(KmsKeyArn::region)),
    )
}

pub(super) fn denied_in_the_key(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let intro = format!(
        "Look through the policy of the key for a Deny that covers kms:GenerateDataKey by {}, and leave it out of that. \
         This prints it:",
        context.settings.role_arn
    );
    on_the_key(failure, context, &intro, &["get-key-policy --policy-name default --output text"])
}

pub(super) fn key_of_the_region(failure: &Failure, context: &FixContext<'_>) -> Fix {
    let key = key_of(failure, context);
    let of_the_key = key.as_ref().map_or("another region", KmsKeyArn::region);
    let bucket = &context.settings.bucket;
    match region_asked(failure) {
        Some(region) => Fix::running(
            format!(
                "The key is in {of_the_key}, and the bucket {bucket} in {region}. Choose a key of {region}; these are \
                 there:"
            ),
            format!("aws kms list-aliases --region {region}"),
        ),
        None => Fix::advice(format!(
            "The key is in {of_the_key}, and the bucket {bucket} is not. Choose a key of the bucket’s region."
        )),
    }
}

pub(super) fn on_the_key(failure: &Failure, context: &FixContext<'_>, intro: &str, commands: &[&str]) -> Fix {
    let Some(key) = key_of(failure, context) else {
        let intro = format!("{}. Which key that is, this prints:", intro.trim_end_matches(':'));
        return Fix::running(intro, key_of_the_bucket(context));
    };
    let (arn, region) = (key.as_str(), key.region());
    let lines: Vec<_> = commands
        .iter()
        .map(|command| format!("aws kms {command} --key-id {arn} --region {region}"))
        .collect();
    Fix::running(intro, lines.join("\n"))
}

fn key_of_the_bucket(context: &FixContext<'_>) -> String {
    format!("aws s3api get-bucket-encryption --bucket={}", quoted(context.settings.bucket.as_str()))
}

/// The key that AWS names, else the one that is set.
pub(super) fn key_of(failure: &Failure, context: &FixContext<'_>) -> Option<KmsKeyArn> {
    key_arn(failure.said()).or_else(|| context.settings.encryption.kms_key_arn().cloned())
}

/// The key that AWS names in its answer. What is pasted into a shell or a policy has none of their own characters: it
/// was parsed.
pub(super) fn key_arn(said: &str) -> Option<KmsKeyArn> {
    let is_of_an_arn = |character: char| character.is_ascii_alphanumeric() || ":/_-".contains(character);
    let arns = said.split(|character: char| !is_of_an_arn(character));
    arns.map(|word| word.trim_end_matches(':')).find_map(|word| word.parse().ok())
}

/// The region that gave the answer; it comes from AWS, and may end up in a shell.
pub(super) fn region_asked(failure: &Failure) -> Option<&str> {
    let region = failure.aws.as_ref()?.region.as_deref()?;
    region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then_some(region)
}
