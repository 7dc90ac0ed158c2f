//! Commands for the AWS CLI (<https://docs.aws.amazon.com/cli/latest/reference/iam/create-role.html>).

use serde_json::Value;

use super::{SUGGESTED_NAME, Setup};
use crate::domain::shell::quoted;

const OPENING: &str = "\
#!/usr/bin/env bash
# Makes the role that Trailpost assumes to write audit logs, and its policy. It makes no bucket.
# Prints the ARN to enter as Role ARN. For a role that exists, run the second command alone.
";

/// A file to run.
pub(super) fn script(setup: &Setup) -> String {
    format!("{OPENING}\n{}", commands(setup))
}

/// To be pasted into a shell: no comments, which an interactive zsh takes for commands, and nothing that ends the
/// shell when a command fails.
pub(super) fn commands(setup: &Setup) -> String {
    let role = setup.role();
    let name = quoted(role.name().as_str());
    let path = role.path().map(|path| format!("  --path={} \\\n", quoted(path))).unwrap_or_default();
    let trust = quoted(&document(&setup.trust_policy()));
    let permissions = quoted(&document(&setup.permissions_policy()));
    let policy_name = quoted(SUGGESTED_NAME);
    // A name may begin with a hyphen, and would be an option of its own behind a blank.
    let role_made = format!(
        "aws iam create-role \\\n  --role-name={name} \\\n{path}  --assume-role-policy-document={trust} \\\n  \
         --query Role.Arn --output text &&\n\n\
         aws iam put-role-policy \\\n  --role-name={name} \\\n  --policy-name={policy_name} \\\n  \
         --policy-document={permissions}"
    );
    format!("{role_made}{}\n", bucket_policy(setup).unwrap_or_default())
}

/// It is said and not put: a bucket's policy replaces the one that it may have.
fn bucket_policy(setup: &Setup) -> Option<String> {
    let (bucket, policy) = (setup.other_accounts_bucket()?, setup.bucket_policy()?);
    let words = quoted(&format!("Add this to the policy of {bucket}:"));
    Some(format!(" &&\n\nprintf '%s\\n' {words} {}", quoted(&document(&policy))))
}

/// Over several lines an interactive bash before 5.0 takes `!` for history even between single quotes. It stands in
/// strings of JSON only, which have another way to write it.
fn document(policy: &Value) -> String {
    format!("{policy:#}").replace('!', r"\u0021")
}
