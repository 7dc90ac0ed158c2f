//! A CloudFormation template
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html>).

use serde_json::{Map, Value, json};

use super::{SUGGESTED_NAME, Setup};

const OPENING: &str = "\
# Makes the role that Trailpost assumes to write audit logs, and its policy. It makes no bucket.
# The stack needs the capability CAPABILITY_NAMED_IAM, because the role has a name.
";
const STEP: usize = 2;

pub(super) fn template(setup: &Setup) -> String {
    let mut document = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role that Trailpost assumes to write audit logs",
        "Resources": {
            "TrailpostRole": { "Type": "AWS::IAM::Role", "Properties": properties(setup) },
        },
        "Outputs": {
            "RoleArn": {
                "Description": "To be entered as Role ARN",
                "Value": { "Fn::GetAtt": ["TrailpostRole", "Arn"] },
            },
        },
    });
    if let (Some(bucket), Some(policy)) = (setup.other_accounts_bucket(), setup.bucket_policy()) {
        document["Outputs"]["BucketPolicy"] = json!({
            "Description": format!("To be added to the policy of {bucket}"),
            "Value": policy.to_string(),
        });
    }
    let mut text = OPENING.to_owned();
    write_value(&mut text, &document, 0);
    text
}

fn properties(setup: &Setup) -> Value {
    let mut properties = Map::new();
    properties.insert("RoleName".to_owned(), json!(setup.role().name().as_str()));
    if let Some(path) = setup.role().path() {
        properties.insert("Path".to_owned(), json!(path));
    }
    properties.insert("AssumeRolePolicyDocument".to_owned(), setup.trust_policy());
    let policy = json!({ "PolicyName": SUGGESTED_NAME, "PolicyDocument": setup.permissions_policy() });
    properties.insert("Policies".to_owned(), json!([policy]));
    Value::Object(properties)
}

/// Block style. An object's entries and a list's items each begin a line; what they hold is indented below.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                text.push_str(&" ".repeat(indent));
                write_entry(text, key, value, indent);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&" ".repeat(indent));
                text.push_str("- ");
                write_item(text, item, indent + STEP);
            }
        }
        scalar => {
            text.push_str(&" ".repeat(indent));
            text.push_str(&quoted(scalar));
            text.push('\n');
        }
    }
}

fn write_entry(text: &mut String, key: &str, value: &Value, indent: usize) {
    text.push_str(&key_text(key));
    text.push(':');
    if value.is_object() || value.is_array() {
        text.push('\n');
        write_value(text, value, indent + STEP);
    } else {
        text.push(' ');
        text.push_str(&quoted(value));
        text.push('\n');
    }
}

/// The first entry stands on the line of the dash.
fn write_item(text: &mut String, item: &Value, indent: usize) {
    let mut inner = String::new();
    write_value(&mut inner, item, indent);
    text.push_str(inner.trim_start());
}

/// Plain where no version of YAML reads anything into it.
fn key_text(key: &str) -> String {
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_function = key.starts_with("Fn::");
    if is_plain || is_function { key.to_owned() } else { quoted(&json!(key)) }
}

/// A double-quoted scalar: JSON's string is one (<https://yaml.org/spec/1.2.2/#732-double-quoted-style>). Every
/// value is quoted, because YAML 1.1, which CloudFormation reads, makes a date of 2012-10-17.
fn quoted(scalar: &Value) -> String {
    scalar.to_string()
}
