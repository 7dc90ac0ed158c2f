//! Policy documents: what IAM and S3 would have stored.
//!
//! A document that parses here is one whose every element the sandbox honours. Anything it
//! would have to ignore (an unknown element or condition operator, a policy variable,
//! `NotPrincipal`, a version other than 2012-10-17) is refused with the place and the reason,
//! because a policy that is silently half-applied would make a demo or a test lie.

use serde_json::{Map, Value};

/// Where a document is attached; it decides which elements it must and must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// Attached to a user or a role, or passed to AssumeRole as a session policy; a permissions
    /// boundary, or a service control policy.
    Identity,
    /// Attached to a bucket.
    Bucket,
    /// Attached to a KMS key.
    Key,
    /// Attached to an account, for what it owns.
    ResourceControl,
    /// Attached to a VPC endpoint.
    Endpoint,
    /// A role's trust policy.
    Trust,
}

/// Why a document was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("policy refused at {place}: {problem}")]
pub struct PolicyError {
    /// The element, for example `Statement[1].Condition`.
    pub place: String,
    /// What is wrong with it and what to write instead.
    pub problem: String,
}

/// A parsed policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) actions: Patterns,
    /// None in a trust policy: the role itself is the resource.
    pub(super) resources: Option<Patterns>,
    /// None in an identity policy: whoever it is attached to is the principal.
    pub(super) principals: Option<Principals>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patterns {
    Any(Vec<String>),
    NoneOf(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principals {
    Everyone,
    /// Values under `AWS`. Services and federated principals are accepted and match nobody:
    /// no such caller exists here.
    Aws(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operator: Operator,
    /// Lower case: condition keys are case-insensitive.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    StringNotLike,
    Null,
}

impl Policy {
    /// Parses a document for the place it is attached to.
    ///
    /// # Errors
    /// The first element that is malformed, or that the sandbox could not honour.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        let document: Value = serde_json::from_str(text)
            .map_err(|error| refused("the document", format!("it isn't JSON ({error})")))?;
        let document = object(&document, "the document")?;
        only(document, "the document", &["Version", "Id", "Statement"])?;
        if document.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
            return Err(refused("Version", r#"write "2012-10-17", the only version known here"#));
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => {
                return Err(refused("Statement", "give one statement, or a list of them"));
            }
        };
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(index, statement)| parse_statement(statement, kind, &format!("Statement[{index}]")))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }
}

fn parse_statement(value: &Value, kind: PolicyKind, place: &str) -> Result<Statement, PolicyError> {
    let statement = object(value, place)?;
    let known = ["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    only(statement, place, &known)?;
    Ok(Statement {
        effect: parse_effect(statement, place)?,
        actions: parse_actions(statement, place)?,
        resources: parse_resources(statement, kind, place)?,
        principals: parse_principals(statement, kind, place)?,
        conditions: parse_conditions(statement, place)?,
    })
}

fn parse_effect(statement: &Map<String, Value>, place: &str) -> Result<Effect, PolicyError> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Ok(Effect::Allow),
        Some("Deny") => Ok(Effect::Deny),
        _ => Err(refused(format!("{place}.Effect"), r#"write "Allow" or "Deny""#)),
    }
}

fn parse_actions(statement: &Map<String, Value>, place: &str) -> Result<Patterns, PolicyError> {
    let patterns = one_of(statement, "Action", "NotAction", place)?
        .ok_or_else(|| refused(place, "it has neither Action nor NotAction"))?;
    let (Patterns::Any(actions) | Patterns::NoneOf(actions)) = &patterns;
    match actions.iter().find(|action| *action != "*" && !action.contains(':')) {
        Some(action) => {
            Err(refused(place, format!("the action {action:?} has no service, as in s3:PutObject")))
        }
        None => Ok(patterns),
    }
}

fn parse_resources(
    statement: &Map<String, Value>,
    kind: PolicyKind,
    place: &str,
) -> Result<Option<Patterns>, PolicyError> {
    let patterns = one_of(statement, "Resource", "NotResource", place)?;
    match (kind, patterns) {
        (PolicyKind::Trust, None) => Ok(None),
        (PolicyKind::Trust, Some(_)) => Err(refused(place, "a trust policy has no Resource: the role is it")),
        (_, None) => Err(refused(place, "it has neither Resource nor NotResource")),
        (_, Some(patterns)) => {
            let (Patterns::Any(resources) | Patterns::NoneOf(resources)) = &patterns;
            match resources.iter().find(|resource| *resource != "*" && !resource.starts_with("arn:")) {
                Some(resource) => {
                    Err(refused(place, format!("the resource {resource:?} is neither an ARN nor *")))
                }
                None => Ok(Some(patterns)),
            }
        }
    }
}

fn parse_principals(
    statement: &Map<String, Value>,
    kind: PolicyKind,
    place: &str,
) -> Result<Option<Principals>, PolicyError> {
    let place = format!("{place}.Principal");
    match (kind, statement.get("Principal")) {
        (PolicyKind::Identity, None) => Ok(None),
        (PolicyKind::Identity, Some(_)) => {
            Err(refused(place, "an identity or session policy has no Principal: its holder is it"))
        }
        (_, None) => Err(refused(place, "it is missing; name who the statement is about")),
        (_, Some(Value::String(everyone))) if everyone == "*" => Ok(Some(Principals::Everyone)),
        (_, Some(value)) => parse_principal_map(object(value, &place)?, &place).map(Some),
    }
}

fn parse_principal_map(map: &Map<String, Value>, place: &str) -> Result<Principals, PolicyError> {
    only(map, place, &["AWS", "Service", "Federated"])?;
    let Some(value) = map.get("AWS") else {
        return Ok(Principals::Aws(Vec::new()));
    };
    let names = strings(value, place)?;
    if names.iter().any(|name| name == "*") {
        return Ok(Principals::Everyone);
    }
    match names.iter().find(|name| !is_principal(name)) {
        Some(name) => Err(refused(place, format!("{name:?} is no account, user, role or session"))),
        None => Ok(Principals::Aws(names)),
    }
}

/// An account id, or the ARN of an account root, user, role or role session. AWS takes no
/// wildcards inside one.
fn is_principal(name: &str) -> bool {
    let account = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    account(name)
        || match parts.as_slice() {
            ["arn", _, service, "", id, resource] => {
                let kinds: &[&str] = match *service {
                    "iam" => &["root", "user/", "role/"],
                    "sts" => &["assumed-role/"],
                    _ => &[],
                };
                account(id)
                    && !resource.contains(['*', '?'])
                    && kinds.iter().any(|kind| resource.starts_with(kind))
            }
            _ => false,
        }
}

fn parse_conditions(statement: &Map<String, Value>, place: &str) -> Result<Vec<Condition>, PolicyError> {
    let Some(value) = statement.get("Condition") else {
        return Ok(Vec::new());
    };
    let place = format!("{place}.Condition");
    let mut conditions = Vec::new();
    for (name, keys) in object(value, &place)? {
        let operator = parse_operator(name, &place)?;
        for (key, values) in object(keys, &place)? {
            let values = strings(values, &place)?;
            if operator == Operator::Null && values.iter().any(|value| value != "true" && value != "false") {
                return Err(refused(place, r#"Null takes "true" or "false""#));
            }
            conditions.push(Condition { operator, key: key.to_ascii_lowercase(), values });
        }
    }
    Ok(conditions)
}

fn parse_operator(name: &str, place: &str) -> Result<Operator, PolicyError> {
    match name {
        "StringEquals" => Ok(Operator::StringEquals),
        "StringNotEquals" => Ok(Operator::StringNotEquals),
        "StringLike" => Ok(Operator::StringLike),
        "StringNotLike" => Ok(Operator::StringNotLike),
        "Null" => Ok(Operator::Null),
        _ => Err(refused(
            place,
            format!(
                "the operator {name:?} isn't known here; use StringEquals, StringNotEquals, StringLike, \
                 StringNotLike or Null"
            ),
        )),
    }
}

fn one_of(
    statement: &Map<String, Value>,
    positive: &str,
    negative: &str,
    place: &str,
) -> Result<Option<Patterns>, PolicyError> {
    match (statement.get(positive), statement.get(negative)) {
        (Some(_), Some(_)) => Err(refused(place, format!("it has both {positive} and {negative}; keep one"))),
        (Some(value), None) => strings(value, place).map(|list| Some(Patterns::Any(list))),
        (None, Some(value)) => strings(value, place).map(|list| Some(Patterns::NoneOf(list))),
        (None, None) => Ok(None),
    }
}

/// A string or a non-empty list of strings, as IAM takes both everywhere.
fn strings(value: &Value, place: &str) -> Result<Vec<String>, PolicyError> {
    let list: Vec<&Value> = match value {
        Value::Array(list) if !list.is_empty() => list.iter().collect(),
        value => vec![value],
    };
    list.into_iter()
        .map(|item| match item {
            Value::String(text) if text.contains("${") => {
                Err(refused(place, format!("{text:?} holds a policy variable; write the value itself")))
            }
            Value::String(text) => Ok(text.clone()),
            _ => Err(refused(place, "a string, or a list of strings, belongs here")),
        })
        .collect()
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, PolicyError> {
    value.as_object().ok_or_else(|| refused(place, "a JSON object belongs here"))
}

fn only(map: &Map<String, Value>, place: &str, known: &[&str]) -> Result<(), PolicyError> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            Err(refused(place, format!("{key:?} isn't known here; leave it out or use {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

fn refused(place: impl Into<String>, problem: impl Into<String>) -> PolicyError {
    PolicyError { place: place.into(), problem: problem.into() }
}
