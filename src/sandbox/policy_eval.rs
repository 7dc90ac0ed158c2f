//! Policy evaluation: may this caller do this to that, and if not, which policy says so.
//!
//! Follows IAM's order: a Deny in any policy ends it; inside one account an identity-based or
//! a resource-based Allow will do; across accounts both are needed; a session policy narrows
//! what the role has. A key the request does not carry is absent, never empty. What the
//! sandbox cannot honour never gets here: `policy_document` refuses it at loading.
//! Not modelled: organizations' policies, permission boundaries, VPC endpoint policies, ACLs.

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

/// The policies that bear on a question.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'a> {
    /// Attached to the user or role.
    pub identity: &'a [Arc<Policy>],
    /// Passed when the session was made.
    pub session: Option<&'a Policy>,
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
                "with an explicit deny in an identity-based policy".into()
            }
            Self::Explicit(PolicyType::Session) => "with an explicit deny in a session policy".into(),
            Self::Explicit(PolicyType::Resource) => "with an explicit deny in a resource-based policy".into(),
            Self::Implicit(PolicyType::Identity) => {
                format!("because no identity-based policy allows the {action} action")
            }
            Self::Implicit(PolicyType::Session) => {
                format!("because no session policy allows the {action} action")
            }
            Self::Implicit(PolicyType::Resource) => {
                format!("because no resource-based policy allows the {action} action")
            }
        }
    }
}

/// How directly a resource-based Allow names the caller. Only the exact user or session
/// escapes a session policy; naming the account merely lets its identity policies decide.
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
    let same_account = question.principal.account == policies.resource_account;
    let reach = policies.resource.and_then(|policy| resource_reach(question, policy));
    let granted_at_home = |least: Reach| same_account && reach >= Some(least);

    let by_identity = policies.identity.iter().any(|policy| has(question, policy, Effect::Allow));
    if !by_identity && !granted_at_home(Reach::RoleOrEveryone) {
        return Err(Denial::Implicit(PolicyType::Identity));
    }
    let by_session = policies.session.is_none_or(|policy| has(question, policy, Effect::Allow));
    if !by_session && !granted_at_home(Reach::Exact) {
        return Err(Denial::Implicit(PolicyType::Session));
    }
    if reach.is_none() && (!same_account || policies.resource_must_allow) {
        return Err(Denial::Implicit(PolicyType::Resource));
    }
    Ok(())
}

fn explicit_deny(question: &Question<'_>, policies: &Policies<'_>) -> Option<PolicyType> {
    let denies = |policy: &Policy| has(question, policy, Effect::Deny);
    if policies.identity.iter().any(|policy| denies(policy)) {
        Some(PolicyType::Identity)
    } else if policies.resource.is_some_and(denies) {
        Some(PolicyType::Resource)
    } else if policies.session.is_some_and(denies) {
        Some(PolicyType::Session)
    } else {
        None
    }
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
