//! The configuration, read and worked out by a reader of the language, and by Terraform's own formatter.

use hcl::eval::{Context, FuncArgs, FuncDef, ParamType};
use proptest::prelude::*;
use serde_json::{Value, json};
use trailpost::domain::setup::{Setup, SetupFile};

use super::tools::{run_if_installed, said};
use super::{any_setup, samples};

fn jsonencode(arguments: FuncArgs) -> Result<hcl::Value, String> {
    serde_json::to_string(&arguments[0]).map(hcl::Value::from).map_err(|error| error.to_string())
}

/// What the configuration comes to.
fn worked_out(text: &str) -> Value {
    let mut context = Context::new();
    context.declare_func("jsonencode", FuncDef::builder().param(ParamType::Any).build(jsonencode));
    let made = hcl::value!({ trailpost_audit_logs = { id = "the role’s id", arn = "the role’s ARN" } });
    context.declare_var("aws_iam_role", made);
    hcl::eval::from_str(text, &context).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn document(encoded: &Value) -> Value {
    serde_json::from_str(encoded.as_str().unwrap()).unwrap()
}

fn makes_exactly_the_role(setup: &Setup) {
    let all = worked_out(&SetupFile::Terraform.of(setup));
    let resources = all["resource"].as_object().unwrap();
    assert_eq!(resources.keys().collect::<Vec<_>>(), ["aws_iam_role", "aws_iam_role_policy"]);
    let role = &resources["aws_iam_role"]["trailpost_audit_logs"];
    let asked = setup.values().role();
    assert_eq!(role["name"], asked.name().as_str());
    assert_eq!(role.get("path").and_then(Value::as_str), asked.path());
    assert_eq!(document(&role["assume_role_policy"]), setup.trust_policy());
    let policy = &resources["aws_iam_role_policy"]["trailpost_audit_logs"];
    assert_eq!(policy["name"], "trailpost-audit-logs");
    assert_eq!(policy["role"], "the role’s id");
    assert_eq!(document(&policy["policy"]), setup.permissions_policy());
    let said = all["output"].get("trailpost_bucket_policy").map(|output| document(&output["value"]));
    assert_eq!(said, setup.bucket_policy());
    assert_eq!(all["output"]["trailpost_role_arn"]["value"], json!("the role’s ARN"));
}

#[test]
fn the_configuration_makes_exactly_the_role() {
    samples().iter().for_each(makes_exactly_the_role);
}

#[test]
fn terraform_would_format_it_no_other_way() {
    for setup in samples() {
        let text = SetupFile::Terraform.of(&setup);
        let Some(output) = run_if_installed("terraform", &["fmt", "-check", "-diff", "-"], &text) else {
            return;
        };
        assert!(output.status.success(), "{}", said(&output));
    }
}

proptest! {
    #[test]
    fn whatever_was_typed_is_one_string(setup in any_setup()) {
        makes_exactly_the_role(&setup);
    }
}
