//! A Terraform configuration, as `terraform fmt` would have it
//! (<https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role>).

use serde_json::{Map, Value};

use super::{SUGGESTED_NAME, Setup};

const OPENING: &str = "\
# Makes the role that Trailpost assumes to write audit logs, and its policy. It makes no bucket.
";
const STEP: usize = 2;

pub(super) fn configuration(setup: &Setup) -> String {
    let role = setup.role();
    let name = quoted(role.name().as_str());
    let path = role.path().map(|path| format!("  path = {}\n", quoted(path))).unwrap_or_default();
    let trust = expression(&setup.trust_policy(), STEP);
    let permissions = expression(&setup.permissions_policy(), STEP);
    let policy_name = quoted(SUGGESTED_NAME);
    let bucket_policy = bucket_policy(setup).unwrap_or_default();
    format!(
        r#"{OPENING}
resource "aws_iam_role" "trailpost_audit_logs" {{
  name = {name}
{path}
  assume_role_policy = jsonencode({trust})
}}

resource "aws_iam_role_policy" "trailpost_audit_logs" {{
  name = {policy_name}
  role = aws_iam_role.trailpost_audit_logs.id

  policy = jsonencode({permissions})
}}

output "trailpost_role_arn" {{
  description = "To be entered as Role ARN"
  value       = aws_iam_role.trailpost_audit_logs.arn
}}
{bucket_policy}"#
    )
}

fn bucket_policy(setup: &Setup) -> Option<String> {
    let description = quoted(&format!("To be added to the policy of {}", setup.other_accounts_bucket()?));
    let policy = expression(&setup.bucket_policy()?, STEP);
    Some(format!(
        r#"
output "trailpost_bucket_policy" {{
  description = {description}

  value = jsonencode({policy})
}}
"#
    ))
}

/// A value of Terraform's language; what stands inside is indented deeper than `indent`.
fn expression(value: &Value, indent: usize) -> String {
    let inside = " ".repeat(indent + STEP);
    let close = " ".repeat(indent);
    match value {
        Value::Object(entries) => format!("{{\n{}{close}}}", object_lines(entries, indent + STEP)),
        Value::Array(items) => {
            let items: String =
                items.iter().map(|item| format!("{inside}{},\n", expression(item, indent + STEP))).collect();
            format!("[\n{items}{close}]")
        }
        Value::String(text) => quoted(text),
        scalar => scalar.to_string(),
    }
}

/// Neighbouring entries of one line each have their equals signs below each other.
fn object_lines(entries: &Map<String, Value>, indent: usize) -> String {
    let entries: Vec<(String, &Value)> = entries.iter().map(|(key, value)| (key_text(key), value)).collect();
    let is_line = |value: &Value| !value.is_object() && !value.is_array();
    let runs = entries.chunk_by(|(_, left), (_, right)| is_line(left) && is_line(right));
    let mut lines = String::new();
    for run in runs {
        let widest = run.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        for (key, value) in run {
            let value = expression(value, indent);
            lines.push_str(&format!("{}{key:widest$} = {value}\n", " ".repeat(indent)));
        }
    }
    lines
}

/// An identifier stands as it is.
fn key_text(key: &str) -> String {
    let is_identifier = key.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_identifier { key.to_owned() } else { quoted(key) }
}

/// A quoted template that stands for this text and nothing else: `${` and `%{` would begin a sequence
/// (<https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences>).
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
        .replace("${", "$${")
        .replace("%{", "%%{");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_would_begin_a_sequence_is_doubled() {
        assert_eq!(quoted("${a} %{b} $ %"), "\"$${a} %%{b} $ %\"");
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
    }
}
