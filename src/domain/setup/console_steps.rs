//! Steps in AWS's console, by the words that stand there
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-custom.html>).

use super::{SUGGESTED_NAME, Setup};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub text: String,
    /// What to type or paste in it.
    pub paste: Option<Paste>,
}

/// What to type or paste.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what it is called and the text itself")]
pub enum Paste {
    /// A word or two.
    Value { name: &'static str, text: String },
    /// A policy in JSON.
    Document { name: &'static str, text: String },
}

pub(super) fn steps(setup: &Setup) -> Vec<Step> {
    let role = setup.role();
    let step = |text: &str, paste| Step { text: text.to_owned(), paste };
    let value = |name, text: &str| Some(Paste::Value { name, text: text.to_owned() });
    let mut steps = vec![
        step(
            "Sign in to the AWS account that the role belongs to, open IAM > Roles and choose “Create role”.",
            None,
        ),
        step(
            "As trusted entity type choose “Custom trust policy”, replace what stands in the editor with this, and choose “Next”.",
            Some(Paste::Document { name: "Trust policy", text: format!("{:#}", setup.trust_policy()) }),
        ),
        step("Add no permissions yet: choose “Next”.", None),
        step(
            "Enter this as the role name and choose “Create role”.",
            value("Role name", role.name().as_str()),
        ),
        step(
            "Open the new role. Under “Add permissions” choose “Create inline policy”, then “JSON”, replace what stands in the editor with this, and choose “Next”.",
            Some(Paste::Document {
                name: "Permissions policy",
                text: format!("{:#}", setup.permissions_policy()),
            }),
        ),
        step(
            "Enter this as the policy name and choose “Create policy”.",
            value("Policy name", SUGGESTED_NAME),
        ),
        step("Copy the role’s ARN from its summary: it is the Role ARN.", None),
    ];
    if let (Some(bucket), Some(policy)) = (setup.other_accounts_bucket(), setup.bucket_policy()) {
        let text = format!(
            "In S3 open {bucket}, choose Permissions > Bucket policy > “Edit”, and save this. If there is a policy already, add the statement to its list instead."
        );
        let document = Paste::Document { name: "Bucket policy", text: format!("{policy:#}") };
        steps.push(step(&text, Some(document)));
    }
    if let Some(path) = role.path() {
        let text = format!("The console makes roles without a path. For the path {path}, use another way.");
        steps.insert(0, step(&text, None));
    }
    steps
}
