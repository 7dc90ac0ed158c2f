//! What the books of one organization have to be, by PRODUCT's rules alone: plain lists, no database, nothing of the
//! product's own arithmetic.

use std::collections::BTreeSet;
use std::time::Duration;

use trailpost::domain::access_check::{CheckState, Purpose};
use trailpost::domain::clock::Timestamp;
use trailpost::domain::id::BatchId;
use trailpost::domain::integration::Settings;
use trailpost::domain::object_key::{Compression, Format};
use trailpost::domain::organization::Plan;
use trailpost::store::SwitchOff;

use super::bucket::Place;

const FAR_AHEAD: Duration = Duration::from_secs(300);

/// Why a wish is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    PlanTooLow,
    NotPossible,
    OtherCheck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    NotCollected,
    Pending,
    Delivered,
    Discarded,
}

/// A run of records that will not be delivered: first, last, and how many of those between.
pub type Run = (usize, usize, usize);

/// What a record says of itself, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub action: &'static str,
    pub resource: &'static str,
    pub succeeded: bool,
    /// The run that was discarded with it, or that is in no file before it.
    pub left_out: Option<Run>,
}

/// The record with the sequence that is its place in the list, from 1.
pub struct Record {
    pub stored_at: Timestamp,
    pub told: Told,
    pub fate: Fate,
    /// Which unbroken stretch of collecting it was stored in.
    stretch: usize,
    /// Somebody asked for it before its window's end.
    asked_for: bool,
    in_batch: bool,
    /// As it was first read.
    pub line: String,
}

pub struct Batch {
    pub first: usize,
    pub last: usize,
    pub window: (i64, i64),
    pub sealed_at: Timestamp,
    pub format: Format,
    pub compression: Compression,
    /// From when it is first seen.
    pub id: Option<BatchId>,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Sealed,
    Delivered(Place),
    Discarded,
}

pub struct Stop {
    pub then: SwitchOff,
    pub cut: usize,
    /// The last thing that nobody can deny is progress: that it was asked for, or a delivery.
    pub progress_at: Timestamp,
}

pub struct Check {
    purpose: Purpose,
    settings: Settings,
}

/// Who may report for the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub token: i64,
    pub until: Timestamp,
}

#[derive(Default)]
pub struct Model {
    pub records: Vec<Record>,
    pub batches: Vec<Batch>,
    pub settings: Option<Settings>,
    pub active: bool,
    pub suspended: bool,
    pub below_enterprise: Option<Plan>,
    pub stop: Option<Stop>,
    pub check: Option<Check>,
    pub holder: Option<Holder>,
    pub last_token: i64,
    stretches: usize,
}

impl Model {
    pub fn collecting(&self) -> bool {
        self.active && !self.suspended
    }

    pub fn append(&mut self, told: Told, now: Timestamp) {
        let stored_at = self.records.last().map_or(now, |before| before.stored_at.max(now));
        let fate = if self.collecting() { Fate::Pending } else { Fate::NotCollected };
        let stretch = self.stretches;
        let line = String::new();
        self.records.push(Record { stored_at, told, fate, stretch, asked_for: false, in_batch: false, line });
    }

    /// The record with this sequence.
    pub fn record(&self, sequence: usize) -> &Record {
        &self.records[sequence - 1]
    }

    pub fn pending(&self) -> impl Iterator<Item = (usize, &Record)> {
        self.records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.fate == Fate::Pending)
            .map(|(i, r)| (i + 1, r))
    }

    fn pending_run(&self) -> Option<Run> {
        let first = self.pending().next()?.0;
        let last = self.pending().last()?.0;
        Some((first, last, self.pending().count()))
    }

    pub fn manage(&self) -> Result<(), No> {
        if self.below_enterprise.is_some() { Err(No::PlanTooLow) } else { Ok(()) }
    }

    // Sealing.

    /// Ended windows, and what was asked for, become batches.
    pub fn seal(&mut self, now: Timestamp) {
        while let Some(batch) = self.next_batch(now) {
            for record in &mut self.records[batch.first - 1..batch.last] {
                record.in_batch = true;
            }
            self.batches.push(batch);
        }
    }

    fn next_batch(&self, now: Timestamp) -> Option<Batch> {
        let settings = self.settings.as_ref()?;
        let (first, oldest) = self.pending().find(|(_, record)| !record.in_batch)?;
        let length = i64::from(settings.window.minutes()) * 60_000;
        // What is stamped far ahead counts as stored now, once in each window.
        let far_ahead = oldest.stored_at > now + FAR_AHEAD;
        let stored_at = if far_ahead { now } else { oldest.stored_at };
        let start = stored_at.as_millis().div_euclid(length) * length;
        let window = (start, start + length);
        let ended = if far_ahead {
            let sealed_at = self.batches.iter().rev().map(|batch| batch.sealed_at).find(|at| *at < now);
            sealed_at.is_none_or(|at| at.as_millis() < start)
        } else {
            window.1 <= now.as_millis()
        };
        let cut = self.stop.as_ref().map_or(usize::MAX, |stop| stop.cut);
        let members = self.records[first - 1..].iter().zip(first..).take_while(|(record, sequence)| {
            record.stretch == oldest.stretch
                && record.fate == Fate::Pending
                && (far_ahead || record.stored_at.as_millis() < window.1)
                && (ended || record.asked_for)
                && *sequence <= cut
        });
        let last = members.last()?.1;
        let Settings { format, compression, .. } = *settings;
        Some(Batch {
            first,
            last,
            window,
            sealed_at: now,
            format,
            compression,
            id: None,
            state: State::Sealed,
        })
    }

    /// The batch whose turn it is.
    pub fn oldest(&self) -> Option<usize> {
        self.batches.iter().position(|batch| batch.state == State::Sealed)
    }

    /// The content of a batch's file. Formats are another test's matter.
    pub fn content(&self, batch: &Batch) -> String {
        let lines: Vec<&str> =
            self.records[batch.first - 1..batch.last].iter().map(|record| record.line.as_str()).collect();
        lines.join("\n")
    }

    pub fn delivered(&mut self, batch: usize, place: Place, now: Timestamp) {
        let batch = &mut self.batches[batch];
        batch.state = State::Delivered(place);
        for record in &mut self.records[batch.first - 1..batch.last] {
            record.fate = Fate::Delivered;
        }
        if let Some(stop) = &mut self.stop {
            stop.progress_at = now;
        }
    }

    // What owners do.

    /// Asks for a check, or joins the one that is open if it is the same.
    pub fn ask(&mut self, purpose: Purpose, proposed: &Settings) -> Result<(), No> {
        self.manage()?;
        let settings = match (purpose, &self.settings) {
            (Purpose::Activate | Purpose::Test, Some(in_force)) => in_force.clone(),
            _ => proposed.clone(),
        };
        if let Some(open) = &self.check {
            let is_the_same = open.purpose == purpose && open.settings == settings;
            return if is_the_same { Ok(()) } else { Err(No::OtherCheck) };
        }
        if self.stop.is_some() || !self.is_possible(purpose) {
            return Err(No::NotPossible);
        }
        self.check = Some(Check { purpose, settings });
        Ok(())
    }

    fn is_possible(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Enable => self.settings.is_none(),
            Purpose::Activate => self.settings.is_some() && !self.active,
            Purpose::Update | Purpose::Test => self.settings.is_some(),
        }
    }

    /// Whatever changes makes the open check pointless: it ends with it.
    fn supersede(&mut self, now: Timestamp) {
        if let Some(check) = self.check.take() {
            self.append(about_integration(action_for(check.purpose), false, None), now);
        }
    }

    /// Ends the open check; what it was for comes into force.
    pub fn end_check(&mut self, passes: bool, now: Timestamp) -> Option<CheckState> {
        let check = self.check.take()?;
        let state = if passes { CheckState::Passed } else { CheckState::Failed };
        let action = action_for(check.purpose);
        let begins = matches!(check.purpose, Purpose::Enable | Purpose::Activate);
        let left_out = if state == CheckState::Passed && begins { self.left_out() } else { None };
        if state == CheckState::Passed && check.purpose != Purpose::Test {
            self.settings = Some(check.settings);
            if begins {
                self.active = true;
                self.stretches += 1;
            }
        }
        self.append(about_integration(action, state == CheckState::Passed, left_out), now);
        Some(state)
    }

    /// Discards what is pending. Gives what that was.
    pub fn switch_off(&mut self, how: SwitchOff, now: Timestamp) -> Result<Option<Run>, No> {
        self.manage()?;
        if self.settings.is_none() || (how == SwitchOff::Disable && !self.active) {
            return Err(No::NotPossible);
        }
        Ok(self.switch_off_now(how, now))
    }

    fn switch_off_now(&mut self, how: SwitchOff, now: Timestamp) -> Option<Run> {
        let discarded = self.pending_run();
        for record in self.records.iter_mut().filter(|record| record.fate == Fate::Pending) {
            record.fate = Fate::Discarded;
        }
        for batch in self.batches.iter_mut().filter(|batch| batch.state == State::Sealed) {
            batch.state = State::Discarded;
        }
        (self.active, self.stop, self.holder) = (false, None, None);
        if how == SwitchOff::Remove {
            self.settings = None;
        }
        self.append(about_integration(action_of(how), true, discarded), now);
        self.supersede(now);
        discarded
    }

    pub fn deliver_first(&mut self, then: SwitchOff, now: Timestamp) -> Result<(), No> {
        self.manage()?;
        match &self.stop {
            Some(stop) if stop.then == then => return Ok(()),
            Some(_) => return Err(No::NotPossible),
            None if !self.active => return Err(No::NotPossible),
            None => {}
        }
        self.supersede(now);
        self.append(about_integration("update", true, None), now);
        self.ask_for_all();
        self.stop = Some(Stop { then, cut: self.records.len(), progress_at: now });
        Ok(())
    }

    fn ask_for_all(&mut self) {
        for record in self.records.iter_mut().filter(|record| record.fate == Fate::Pending) {
            record.asked_for = true;
        }
    }

    pub fn stop_waiting(&mut self, now: Timestamp) -> Result<bool, No> {
        self.manage()?;
        Ok(self.give_up(now))
    }

    /// Everything is as before. Gives `false` if nothing was waited for.
    pub fn give_up(&mut self, now: Timestamp) -> bool {
        let Some(stop) = self.stop.take() else { return false };
        self.append(about_integration(action_of(stop.then), false, None), now);
        true
    }

    pub fn deliver_now(&mut self, now: Timestamp) -> Result<bool, No> {
        self.manage()?;
        if self.pending().next().is_none() {
            return Ok(false);
        }
        if self.stop.is_some() {
            return Err(No::NotPossible);
        }
        self.append(about_integration("update", true, None), now);
        self.ask_for_all();
        Ok(true)
    }

    /// Somebody had a failed delivery tried at once.
    pub fn tried_again(&mut self, now: Timestamp) {
        self.append(about_integration("update", true, None), now);
    }

    // What happens by itself, or to an organization.

    /// How many records a stop still waits for.
    pub fn remaining(&self) -> Option<usize> {
        let cut = self.stop.as_ref()?.cut;
        Some(self.pending().take_while(|(sequence, _)| *sequence <= cut).count())
    }

    /// Ends the stop for which everything is delivered. Gives `false` if it waits on.
    pub fn end_stop(&mut self, now: Timestamp) -> bool {
        let Some(stop) = self.stop.as_ref().filter(|_| self.remaining() == Some(0)) else { return false };
        self.switch_off_now(stop.then, now);
        true
    }

    pub fn set_plan(&mut self, plan: Plan, now: Timestamp) {
        if plan == self.plan() {
            return;
        }
        self.below_enterprise = (plan != Plan::Enterprise).then_some(plan);
        let update = Told { action: "update", resource: "plan", succeeded: true, left_out: None };
        match self.below_enterprise {
            None if self.suspended => {
                let left_out = self.left_out();
                self.suspended = false;
                self.stretches += 1;
                self.append(Told { left_out, ..update }, now);
            }
            Some(_) if self.collecting() => {
                self.give_up(now);
                self.append(update, now);
                self.supersede(now);
                self.suspended = true;
            }
            Some(_) => {
                self.append(update, now);
                self.supersede(now);
            }
            None => self.append(update, now),
        }
    }

    pub fn plan(&self) -> Plan {
        self.below_enterprise.unwrap_or(Plan::Enterprise)
    }

    /// What was stored behind everything that is delivered or will be, if anything is.
    fn left_out(&self) -> Option<Run> {
        let covers = |record: &Record| matches!(record.fate, Fate::Pending | Fate::Delivered);
        let covered = self.records.iter().rposition(covers)? + 1;
        let last = self.records.len();
        (covered < last).then_some((covered + 1, last, last - covered))
    }

    // The end.

    /// Sequences whose absence some delivered record explains.
    pub fn explained(&self) -> BTreeSet<usize> {
        let delivered = self.records.iter().filter(|record| record.fate == Fate::Delivered);
        let left_out = delivered.filter_map(|record| record.told.left_out);
        left_out.flat_map(|(first, last, _)| first..=last).collect()
    }
}

fn about_integration(action: &'static str, succeeded: bool, left_out: Option<Run>) -> Told {
    Told { action, resource: "audit-log-integration", succeeded, left_out }
}

fn action_for(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Enable => "create",
        Purpose::Update => "update",
        Purpose::Activate => "enable",
        Purpose::Test => "test",
    }
}

fn action_of(how: SwitchOff) -> &'static str {
    match how {
        SwitchOff::Disable => "disable",
        SwitchOff::Remove => "delete",
    }
}
