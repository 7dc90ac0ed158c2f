//! The access check: the staged proof that a role and a bucket work. A check is a row that the console writes
//! and the writer runs; this file holds what both agree on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stage, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The role ARN parses and is of a served partition.
    RoleArn,
    /// The role can be assumed with our external ID.
    AssumeRole,
    /// The role can't be assumed without it.
    ExternalIdRequired,
    /// The bucket exists; its region is found out.
    Bucket,
    /// The test object can be written.
    Write,
}

impl Stage {
    /// All stages in their order.
    pub const ALL: [Stage; 5] =
        [Stage::RoleArn, Stage::AssumeRole, Stage::ExternalIdRequired, Stage::Bucket, Stage::Write];

    /// The name on the page.
    pub fn label(self) -> &'static str {
        match self {
            Stage::RoleArn => "Role ARN",
            Stage::AssumeRole => "Assume role",
            Stage::ExternalIdRequired => "External ID is required",
            Stage::Bucket => "Bucket",
            Stage::Write => "Write",
        }
    }
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Its turn has not come.
    Waiting,
    /// Under way.
    Running,
    /// Proved.
    Passed,
    /// Refuted; the check ends here.
    Failed,
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// Which stage.
    pub stage: Stage,
    /// How far it is.
    pub state: StageState,
    /// What was found out, in words.
    pub detail: Option<String>,
}

/// The checklist of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checklist(Vec<StageProgress>);

impl Default for Checklist {
    /// Every stage waiting.
    fn default() -> Checklist {
        Checklist(
            Stage::ALL
                .into_iter()
                .map(|stage| StageProgress { stage, state: StageState::Waiting, detail: None })
                .collect(),
        )
    }
}

impl Checklist {
    /// The lines in order.
    pub fn lines(&self) -> &[StageProgress] {
        &self.0
    }

    /// Notes how far a stage is.
    pub fn set(&mut self, stage: Stage, state: StageState, detail: Option<String>) {
        if let Some(line) = self.0.iter_mut().find(|line| line.stage == stage) {
            line.state = state;
            line.detail = detail;
        }
    }
}

/// What a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The first set-up.
    Enable,
    /// Other settings.
    Update,
    /// Turning the switch on again.
    Activate,
    /// By hand: nothing changes.
    Test,
}

impl Purpose {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Enable => "enable",
            Purpose::Update => "update",
            Purpose::Activate => "activate",
            Purpose::Test => "test",
        }
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(text: &str) -> Result<Purpose, String> {
        [Purpose::Enable, Purpose::Update, Purpose::Activate, Purpose::Test]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a purpose of an access check"))
    }
}

/// How far a check is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// Waiting for a writer.
    Waiting,
    /// A writer runs it.
    Running,
    /// Every stage passed and what it was for is in force.
    Passed,
    /// A stage failed.
    Failed,
    /// Somebody pressed Cancel.
    Cancelled,
    /// Every stage passed, but role, plan, revision or toggle had changed meanwhile: nothing was applied.
    Superseded,
}

impl CheckState {
    const ALL: [CheckState; 6] = [
        CheckState::Waiting,
        CheckState::Running,
        CheckState::Passed,
        CheckState::Failed,
        CheckState::Cancelled,
        CheckState::Superseded,
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckState::Waiting => "waiting",
            CheckState::Running => "running",
            CheckState::Passed => "passed",
            CheckState::Failed => "failed",
            CheckState::Cancelled => "cancelled",
            CheckState::Superseded => "superseded",
        }
    }

    /// Not ended yet.
    pub fn is_open(self) -> bool {
        matches!(self, CheckState::Waiting | CheckState::Running)
    }
}

impl FromStr for CheckState {
    type Err = String;

    fn from_str(text: &str) -> Result<CheckState, String> {
        CheckState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a state of an access check"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checklist_keeps_every_stage_in_order_through_its_json() {
        let mut checklist = Checklist::default();
        checklist.set(Stage::Bucket, StageState::Passed, Some("eu-west-1".to_owned()));
        let json = serde_json::to_string(&checklist).unwrap();
        let back: Checklist = serde_json::from_str(&json).unwrap();
        assert_eq!(back, checklist);
        let stages: Vec<_> = back.lines().iter().map(|line| line.stage).collect();
        assert_eq!(stages, Stage::ALL);
    }
}
