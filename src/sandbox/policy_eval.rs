//! Policy evaluation: may this caller do this to that, and if not, which policy says so.
//!
//! Follows IAM's order: a Deny in any policy ends it; inside one account an identity-based or
//! a resource-based Allow will do; across accounts both are needed; a permissions boundary and a
//! session policy narrow what the role has; a VPC endpoint's policy and those of the organizations
//! that caller and resource are in have to allow as well. A key the request does not carry is
//! absent, never empty. What the sandbox cannot honour never gets here: `policy_document` refuses
//! it at loading. Not modelled: organizational units (an account's policies are one level), ACLs.

use std::sync::Arc;

use super::policy_document::{Condition, Effect, Operator, Patterns, Policy, Principals, Statement};

/// Who asks, as policies name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's ARN, or the role session's (`arn:aws:sts::…:assumed-role/name/session`).
    pub arn: String,
    /// The role behind a session; none for a user.
    pub role_arn: Option<String>,
    /// The account of the user or role.
    pub account: String,
}

/// One thing asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For example `s3:PutObject`.
    pub action: &'a str,
    /// The resource's ARN, or `*` where the action has none.
    pub resource: &'a str,
    /// Condition keys of this request. `aws:PrincipalArn` and `aws:PrincipalAccount` come
    /// from the principal.
    pub keys: &'a [(&'a str, String)],
}

/// The policies that bear on a question. None, or an empty list, restricts nothing; only without
/// an identity-based or resource-based Allow is the answer no.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Attached to the user or role.
    pub identity: &'a [Arc<Policy>],
    /// The most that the role may be allowed by its identity policies.
    pub boundary: Option<&'a Policy>,
    /// Passed when the session was made.
    pub session: Option<&'a Policy>,
    /// Service control policies of the caller's account.
    pub service_control: &'a [Arc<Policy>],
    /// Resource control policies of the resource's account.
    pub resource_control: &'a [Arc<Policy>],
    /// Of the VPC endpoint that the request comes through.
    pub endpoint: Option<&'a Policy>,
    /// The bucket's policy, the key's, or the role's trust policy.
    pub resource: Option<&'a Policy>,
    /// The account that owns the resource.
    pub resource_account: &'a str,
    /// A trust policy and a key's must allow even inside one account; a bucket policy need not.
    pub resource_must_allow: bool,
}

/// The kinds of policy that a refusal can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Attached to a user or role.
    Identity,
    /// Passed to AssumeRole.
    Session,
    /// Attached to a bucket, a key or a role.
    Resource,
    /// Set on a role.
    Boundary,
    /// Attached to the caller's account by its organization.
    ServiceControl,
    /// Attached to the resource's account by its organization.
    ResourceControl,
    /// Attached to a VPC endpoint.
    Endpoint,
}

impl PolicyType {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
        }
    }
}

/// Why the answer is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// A Deny statement matched.
    Explicit(PolicyType),
    /// No Allow statement matched where one was needed.
    Implicit(PolicyType),
}

impl Denial {
    /// The ending of AWS's message: IAM user guide, "Troubleshoot access denied error messages".
    #[must_use]
    pub fn because(self, action: &str) -> String {
        match self {
            Self::Explicit(PolicyType::Identity) => {
                format!("with an explicit deny in an {}", PolicyType::Identity.name())
            }
            Self::Explicit(policy_type) => format!("with an explicit deny in a {}", policy_type.name()),
            Self::Implicit(policy_type) => {
                format!("because no {} allows the {action} action", policy_type.name())
            }
        }
    }
}

/// How directly a resource-based Allow names the caller. Only the exact user or session
/// escapes a permissions boundary and a session policy; naming the account merely lets its
/// identity policies decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Account,
    RoleOrEveryone,
    Exact,
}

/// Decides a question.
///
/// # Errors
/// The denial, with the policy type that AWS would name.
pub fn decide(question: &Question<'_>, policies: &Policies<'_>) -> Result<(), Denial> {
    if let Some(policy_type) = explicit_deny(question, policies) {
        return Err(Denial::Explicit(policy_type));
    }
    if let Some(policy_type) = unpermitted(question, policies) {
        return Err(Denial::Implicit(policy_type));
    }
    let same_account = question.principal.account == policies.resource_account;
    let reach = policies.resource.and_then(|policy| resource_reach(question, policy));
    let granted_at_home = |least: Reach| same_account && reach >= Some(least);

    let by_identity = policies.identity.iter().any(|policy| has(question, policy, Effect::Allow));
    if !by_identity && !granted_at_home(Reach::RoleOrEveryone) {
        return Err(Denial::Implicit(PolicyType::Identity));
    }
    for (policy_type, policy) in
        [(PolicyType::Boundary, policies.boundary), (PolicyType::Session, policies.session)]
    {
        let within = policy.is_none_or(|policy| has(question, policy, Effect::Allow));
        if !within && !granted_at_home(Reach::Exact) {
            return Err(Denial::Implicit(policy_type));
        }
    }
    if reach.is_none() && (!same_account || policies.resource_must_allow) {
        return Err(Denial::Implicit(PolicyType::Resource));
    }
    Ok(())
}

fn explicit_deny(question: &Question<'_>, policies: &Policies<'_>) -> Option<PolicyType> {
    let one = |policy: Option<&Policy>| policy.is_some_and(|policy| has(question, policy, Effect::Deny));
    let any = |list: &[Arc<Policy>]| list.iter().any(|policy| has(question, policy, Effect::Deny));
    [
        (PolicyType::Identity, any(policies.identity)),
        (PolicyType::Resource, one(policies.resource)),
        (PolicyType::Boundary, one(policies.boundary)),
        (PolicyType::Session, one(policies.session)),
        (PolicyType::ServiceControl, any(policies.service_control)),
        (PolicyType::ResourceControl, any(policies.resource_control)),
        (PolicyType::Endpoint, one(policies.endpoint)),
    ]
    .into_iter()
    .find_map(|(policy_type, denies)| denies.then_some(policy_type))
}

/// The policy that nothing is allowed without, whoever grants it, and that does not allow this.
fn unpermitted(question: &Question<'_>, policies: &Policies<'_>) -> Option<PolicyType> {
    let allows = |policy: &Policy| has(question, policy, Effect::Allow);
    let any = |list: &[Arc<Policy>]| list.is_empty() || list.iter().any(|policy| allows(policy));
    [
        (PolicyType::Endpoint, policies.endpoint.is_none_or(allows)),
        (PolicyType::ResourceControl, any(policies.resource_control)),
        (PolicyType::ServiceControl, any(policies.service_control)),
    ]
    .into_iter()
    .find_map(|(policy_type, allowed)| (!allowed).then_some(policy_type))
}

fn has(question: &Question<'_>, policy: &Policy, effect: Effect) -> bool {
    policy
        .statements
        .iter()
        .any(|statement| statement.effect == effect && applies(question, statement).is_some())
}

fn resource_reach(question: &Question<'_>, policy: &Policy) -> Option<Reach> {
    let allows = policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    allows.filter_map(|statement| applies(question, statement)).max()
}

/// Whether the statement is about this question; in a resource-based policy, how directly.
fn applies(question: &Question<'_>, statement: &Statement) -> Option<Reach> {
    let action = question.action.to_ascii_lowercase();
    let about = statement.actions.covers(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
        && statement
            .resources
            .as_ref()
            .is_none_or(|resources| resources.covers(|pattern| wildcard(pattern, question.resource)))
        && statement.conditions.iter().all(|condition| holds(question, condition));
    if !about {
        return None;
    }
    match &statement.principals {
        None => Some(Reach::Exact),
        Some(Principals::Everyone) => Some(Reach::RoleOrEveryone),
        Some(Principals::Aws(names)) => names.iter().filter_map(|name| named(question.principal, name)).max(),
    }
}

fn named(principal: &Principal, name: &str) -> Option<Reach> {
    if name == principal.arn {
        Some(Reach::Exact)
    } else if Some(name) == principal.role_arn.as_deref() {
        Some(Reach::RoleOrEveryone)
    } else if name == principal.account || name.ends_with(&format!(":iam::{}:root", principal.account)) {
        Some(Reach::Account)
    } else {
        None
    }
}

fn holds(question: &Question<'_>, condition: &Condition) -> bool {
    let value = key_value(question, &condition.key);
    let equals = |value: &str| condition.values.iter().any(|wanted| wanted == value);
    let like = |value: &str| condition.values.iter().any(|pattern| wildcard(pattern, value));
    match condition.operator {
        Operator::StringEquals => value.is_some_and(equals),
        Operator::StringLike => value.is_some_and(like),
        // An absent key is not equal: AWS's negated operators hold for it.
        Operator::StringNotEquals => !value.is_some_and(equals),
        Operator::StringNotLike => !value.is_some_and(like),
        Operator::Null => equals(if value.is_none() { "true" } else { "false" }),
    }
}

fn key_value<'a>(question: &'a Question<'_>, key: &str) -> Option<&'a str> {
    let principal = question.principal;
    match key {
        // For a session this is the role's ARN, not the session's.
        "aws:principalarn" => Some(principal.role_arn.as_deref().unwrap_or(&principal.arn)),
        "aws:principalaccount" => Some(&principal.account),
        _ => question
            .keys
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_str()),
    }
}

impl Patterns {
    fn covers(&self, matches: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any(patterns) => patterns.iter().any(|pattern| matches(pattern)),
            Self::NoneOf(patterns) => !patterns.iter().any(|pattern| matches(pattern)),
        }
    }
}

/// Matches `*` (any run) and `?` (one character). Remembers only the last star, so the time
/// is bounded by pattern × text whatever the policy says.
fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut reading) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while reading < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, reading));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[reading] => {
                at += 1;
                reading += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    reading = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
#[path = "policy_eval_tests.rs"]
mod tests;
