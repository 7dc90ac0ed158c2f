//! What happens, step by step. A schedule is drawn in advance and knows nothing of what its steps lead to: one that
//! makes no sense where it stands is refused, or does nothing. So any part of a schedule is a schedule too.

use trailpost::domain::access_check::Purpose;
use trailpost::domain::clock::Entropy;
use trailpost::domain::organization::Plan;
use trailpost::store::SwitchOff;

pub const ORGANIZATIONS: usize = 2;
pub const WRITERS: usize = 3;
const STEPS: usize = 140;

/// One step. Organizations, writers and settings go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Append {
        organization: usize,
        records: usize,
    },
    Forward {
        seconds: u64,
    },
    Back {
        seconds: u64,
    },
    Seal,
    /// The writer does what is next for it: claim, read and encode, book the try, PUT, book the result.
    Work {
        writer: usize,
        put: Fate,
    },
    GiveBack {
        writer: usize,
        how: GiveBack,
    },
    /// The writer forgets everything.
    Crash {
        writer: usize,
    },
    /// A PUT whose sender has long given up reaches the bucket.
    Land,
    Ask {
        organization: usize,
        purpose: Purpose,
        settings: usize,
    },
    EndCheck {
        passes: bool,
    },
    SwitchOff {
        organization: usize,
        how: SwitchOff,
    },
    SetPlan {
        organization: usize,
        plan: Plan,
    },
    DeliverFirst {
        organization: usize,
        then: SwitchOff,
    },
    StopWaiting {
        organization: usize,
    },
    EndStops,
    DeliverNow {
        organization: usize,
    },
    TryAgain {
        organization: usize,
    },
}

/// What becomes of a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// It never reaches the bucket.
    Lost,
    /// It reaches the bucket; the answer does not reach the writer.
    AnswerLost,
    /// It reaches the bucket some time after the writer has given up.
    Late,
}

/// How a writer ends a claim without a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveBack {
    Release,
    StepBack,
    PutOff,
}

/// The schedule of a seed.
pub fn draw(seed: u64) -> Vec<Step> {
    let dice = Dice(Entropy::seeded(seed));
    // Somebody turns it on first, or most of the schedule would be about nothing.
    let opening = (0..ORGANIZATIONS).flat_map(|organization| {
        let enable = Step::Ask { organization, purpose: Purpose::Enable, settings: organization };
        [enable, Step::EndCheck { passes: true }]
    });
    opening.chain((0..STEPS).map(|_| dice.step())).collect()
}

struct Dice(Entropy);

impl Dice {
    fn step(&self) -> Step {
        let organization = self.below(ORGANIZATIONS);
        let writer = self.below(WRITERS);
        match self.below(129) {
            0..14 => Step::Append { organization, records: 1 + self.below(4) },
            14..20 => Step::Forward { seconds: 1 + self.below(40) as u64 },
            20..29 => Step::Forward { seconds: 60 },
            29..32 => Step::Forward { seconds: 130 },
            32..33 => Step::Forward { seconds: 3600 },
            33..34 => Step::Back { seconds: 3600 },
            34..46 => Step::Seal,
            46..91 => Step::Work { writer, put: self.fate() },
            91..93 => Step::GiveBack { writer, how: self.give_back() },
            93..96 => Step::Crash { writer },
            96..98 => Step::Land,
            98..105 => Step::Ask { organization, purpose: self.purpose(), settings: self.below(6) },
            105..112 => Step::EndCheck { passes: self.below(8) > 0 },
            112..114 => Step::SwitchOff { organization, how: self.switch_off() },
            114..117 => Step::SetPlan { organization, plan: self.plan() },
            117..120 => Step::DeliverFirst { organization, then: self.switch_off() },
            120..121 => Step::StopWaiting { organization },
            121..125 => Step::EndStops,
            125..128 => Step::DeliverNow { organization },
            _ => Step::TryAgain { organization },
        }
    }

    fn fate(&self) -> Fate {
        [Fate::Answered, Fate::Answered, Fate::Answered, Fate::Lost, Fate::AnswerLost, Fate::Late]
            [self.below(6)]
    }

    fn give_back(&self) -> GiveBack {
        [GiveBack::Release, GiveBack::StepBack, GiveBack::PutOff][self.below(3)]
    }

    fn purpose(&self) -> Purpose {
        let most = [Purpose::Enable, Purpose::Activate, Purpose::Update];
        if self.below(10) == 0 { Purpose::Test } else { most[self.below(3)] }
    }

    fn switch_off(&self) -> SwitchOff {
        [SwitchOff::Disable, SwitchOff::Remove][self.below(2)]
    }

    fn plan(&self) -> Plan {
        [Plan::Enterprise, Plan::Enterprise, Plan::Standard, Plan::Starter][self.below(4)]
    }

    fn below(&self, many: usize) -> usize {
        u32::from_le_bytes(self.0.bytes()) as usize % many
    }
}
