//! An organization's audit-log set-up: its settings and the four independent facts about it
//! (configured, active, suspended, health).

use std::str::FromStr;

use super::organization::Plan;
pub use super::settings::{FieldError, Settings, SettingsField, TypedSettings};

/// How the deliveries of an integration go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is failing.
    Ok,
    /// Trying again by itself; nobody has to act.
    Retrying,
    /// Deliveries wait until somebody acts.
    ActionNeeded,
}

impl Health {
    /// Each, in the order above.
    pub const ALL: [Health; 3] = [Health::Ok, Health::Retrying, Health::ActionNeeded];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Retrying => "retrying",
            Health::ActionNeeded => "action_needed",
        }
    }
}

impl FromStr for Health {
    type Err = String;

    fn from_str(text: &str) -> Result<Health, String> {
        Health::ALL
            .into_iter()
            .find(|health| health.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a health"))
    }
}

/// The settings revision a page or client saw. Every write names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(i64);

impl Revision {
    /// The revision with this number.
    pub fn new(number: i64) -> Revision {
        Revision(number)
    }

    /// Its number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The revision after a change.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

/// What an integration is, for the rules that decide what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The organization's plan.
    pub plan: Plan,
    /// There are settings in force.
    pub configured: bool,
    /// The switch.
    pub active: bool,
    /// Collection is paused because the plan fell below Enterprise.
    pub suspended: bool,
    /// Everything up to a cut is delivered first, and then it is switched off.
    pub stopping: bool,
}

/// The situation that an owner's page is in, apart from a check under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// The plan does not include audit logs and nothing was set up.
    NeedsEnterprise,
    /// Nothing is set up yet.
    NotConfigured,
    /// Records are collected and delivered.
    Active,
    /// Records are collected, and it is switched off once those up to a cut are delivered.
    Stopping,
    /// Set up, switched off.
    Inactive,
    /// Set up, but the plan fell below Enterprise.
    Suspended,
}

impl Situation {
    /// All situations.
    pub const ALL: [Situation; 6] = [
        Situation::NeedsEnterprise,
        Situation::NotConfigured,
        Situation::Active,
        Situation::Stopping,
        Situation::Inactive,
        Situation::Suspended,
    ];

    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Situation::NeedsEnterprise => "needs_enterprise",
            Situation::NotConfigured => "not_configured",
            Situation::Active => "active",
            Situation::Stopping => "stopping",
            Situation::Inactive => "inactive",
            Situation::Suspended => "suspended",
        }
    }
}

impl Standing {
    /// The one situation that these facts add up to.
    pub fn situation(self) -> Situation {
        match self {
            Standing { configured: false, plan, .. } if !plan.includes_audit_logs() => {
                Situation::NeedsEnterprise
            }
            Standing { configured: false, .. } => Situation::NotConfigured,
            Standing { plan, suspended, .. } if suspended || !plan.includes_audit_logs() => {
                Situation::Suspended
            }
            Standing { active: true, stopping: true, .. } => Situation::Stopping,
            Standing { active: true, .. } => Situation::Active,
            Standing { active: false, .. } => Situation::Inactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_without_audit_logs_suspends_what_is_configured_and_offers_nothing_else() {
        let standing = Standing {
            plan: Plan::Standard,
            configured: false,
            active: false,
            suspended: false,
            stopping: false,
        };
        assert_eq!(standing.situation(), Situation::NeedsEnterprise);
        let configured = Standing { configured: true, active: true, ..standing };
        assert_eq!(configured.situation(), Situation::Suspended);
        let enterprise = Standing { plan: Plan::Enterprise, ..configured };
        assert_eq!(enterprise.situation(), Situation::Active);
        assert_eq!(Standing { stopping: true, ..enterprise }.situation(), Situation::Stopping);
        assert_eq!(Standing { active: false, ..enterprise }.situation(), Situation::Inactive);
    }
}
