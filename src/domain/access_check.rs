//! The access check: the staged proof that a role and a bucket work. A check is a row that the console writes
//! and the writer runs; this file holds what both agree on.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::failure::{Cause, Failure, Turn};
use super::id::OrganizationId;

/// So long a stage is tried before a failure is believed that may pass: what was just changed in IAM can take a while
/// to be seen everywhere
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).
pub const TRIED_FOR: Duration = Duration::from_secs(60);

/// Between two daily checks lies at least so much.
const SHORTEST_DAY: Duration = Duration::from_secs(20 * 60 * 60);

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

impl fmt::Display for Stage {
    /// The word for programs, as it is stored: `assume_role`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
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
    /// While it is running: what failed so far, and is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying: Option<Failure>,
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
                .map(|stage| StageProgress { stage, state: StageState::Waiting, detail: None, trying: None })
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
            line.trying = None;
        }
    }

    /// Notes that a stage failed and is tried again.
    pub fn set_trying(&mut self, failure: Failure) {
        if let Some(line) = self.0.iter_mut().find(|line| line.stage == failure.stage) {
            line.state = StageState::Running;
            line.detail = Some(still_trying(&failure));
            line.trying = Some(failure);
        }
    }

    /// The stage that is under way, or whose turn is next; the last when all have passed.
    pub fn current(&self) -> Stage {
        let line = self.0.iter().find(|line| line.state != StageState::Passed).or(self.0.last());
        line.map_or(Stage::RoleArn, |line| line.stage)
    }

    /// What failed so far at the stage that is tried again.
    pub fn trying(&self) -> Option<&Failure> {
        self.0.iter().find_map(|line| line.trying.as_ref())
    }

    /// Whether a stage was proved.
    pub fn has_passed(&self, stage: Stage) -> bool {
        self.0.iter().any(|line| line.stage == stage && line.state == StageState::Passed)
    }
}

/// When an organization's next daily check is due. Each has its own time of day, so that they spread over it, however
/// many there are and whenever a writer comes back.
pub fn next_daily_check(organization: OrganizationId, now: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let bytes = organization.as_uuid().as_bytes();
    // The last bytes of a version 7 UUID are random.
    let random = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let time_of_day = i64::from(random) % DAY;
    // One that is made late is not followed by another at once.
    let earliest = (now + SHORTEST_DAY).as_millis();
    Timestamp::from_millis(earliest + (time_of_day - earliest).rem_euclid(DAY))
}

/// Whether a failure of a stage may pass by itself within a minute.
pub fn may_pass(failure: &Failure) -> bool {
    let of_a_change = failure.cause.is_denial() || failure.cause.may_be_a_matter_of_time();
    let is_unclear = matches!(failure.cause, Cause::RoleTooOpen | Cause::Unexpected);
    of_a_change || is_unclear || failure.turn() == Turn::Nobody
}

fn still_trying(failure: &Failure) -> String {
    let hint = match failure.cause {
        cause if cause.is_denial() => ", new roles can be slow",
        Cause::RoleTooOpen => ", changed trust policies can be slow",
        cause if cause.may_be_a_matter_of_time() => ", new policies can be slow",
        _ => "",
    };
    format!("{}: still trying for {} s{hint}", failure.title(), TRIED_FOR.as_secs())
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
    use crate::domain::clock::{Clock, Entropy};

    #[test]
    fn daily_checks_are_a_day_apart_and_spread_over_the_day() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let now = Timestamp::from_millis(1_790_000_000_000);
        let mut hours = [0; 24];
        for _ in 0..1000 {
            let organization = OrganizationId::generate(&clock, &entropy);
            let first = next_daily_check(organization, now);
            assert!(first.since(now) >= SHORTEST_DAY && first.since(now) < Duration::from_secs(44 * 3600));
            let second = next_daily_check(organization, first + Duration::from_secs(60));
            assert_eq!(second.since(first), Duration::from_secs(24 * 3600));
            hours[usize::try_from(first.as_millis() / 3_600_000 % 24).unwrap()] += 1;
        }
        assert!(hours.iter().all(|checks| (15..80).contains(checks)), "{hours:?}");
    }

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
