//! Deliveries against a model. Schedules drawn from a seed mix everything that can happen to organizations, writers and
//! buckets, in any order; a model that knows PRODUCT's rules, and no SQL, says what the books and the buckets have to
//! be after every step.
//!
//! `TRAILPOST_MODEL_RUNS=2000` does more of them, `TRAILPOST_MODEL_SEED=7` begins at a seed (and does that one alone).
//! The seeds are the same each time by default: whoever changes something else finds the tests as they were. A failure
//! names its seed and the shortest schedule that was found to fail.

mod bucket;
#[expect(clippy::module_inception, reason = "the model itself")]
mod model;
mod product;
mod promises;
mod schedule;
mod world;
mod writer;

use std::env;
use std::fmt::Write as _;
use std::ops::Range;

use trailpost::store::{IngestError, StoreError};

use crate::support::database::{Engine, TestDatabase};
use schedule::{Step, draw};
use world::World;
use writer::Flaw;

const RUNS: u64 = 12;
/// What needs a rare order of things is found after some.
const RUNS_FOR_A_FLAW: u64 = 100;
/// How often a schedule that fails is tried with less of it.
const TRIES_TO_SHORTEN: usize = 300;

/// A promise that was not kept.
#[derive(Debug)]
pub struct Broken(String);

impl Broken {
    fn new(what: impl Into<String>) -> Broken {
        Broken(what.into())
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken(format!("the store failed: {error}"))
    }
}

impl From<IngestError> for Broken {
    fn from(error: IngestError) -> Broken {
        Broken(format!("the store failed: {error}"))
    }
}

/// Ends with what is broken if the condition does not hold.
macro_rules! promise {
    ($holds:expr, $($broken:tt)+) => {
        if !$holds {
            return Err($crate::model::Broken::new(format!($($broken)+)));
        }
    };
}
use promise;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_books_and_buckets_are_right_on_sqlite() {
    check(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_books_and_buckets_are_right_on_postgres() {
    check(Engine::Postgres).await;
}

/// A checker that finds nothing in what is wrong proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn writers_with_a_flaw_are_found() {
    for flaw in [Flaw::SendWhatIsRefused, Flaw::ReportWhatIsLost, Flaw::NameAfterTheTry, Flaw::SendAnother] {
        assert!(is_found(flaw).await, "nobody notices {flaw:?}");
    }
}

async fn is_found(flaw: Flaw) -> bool {
    for seed in 1..=RUNS_FOR_A_FLAW {
        if let Err(failed) = run(Engine::Sqlite, seed, &draw(seed), flaw).await {
            println!("{flaw:?}, seed {seed}: {}", failed.broken.0);
            return true;
        }
    }
    false
}

async fn check(engine: Engine) {
    for seed in seeds() {
        println!("{engine:?}, seed {seed}");
        let steps = draw(seed);
        if let Err(failed) = run(engine, seed, &steps, Flaw::None).await {
            let (shortest, failed) = shorten(engine, seed, steps, failed).await;
            panic!("{}", report(engine, seed, &shortest, &failed));
        }
    }
}

fn seeds() -> Range<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, runs) = (number("TRAILPOST_MODEL_SEED"), number("TRAILPOST_MODEL_RUNS"));
    let runs = runs.unwrap_or(if first.is_some() { 1 } else { RUNS });
    let first = first.unwrap_or(1);
    first..first + runs
}

/// A schedule that failed, and after how many of its steps.
struct Failed {
    steps: usize,
    broken: Broken,
}

async fn run(engine: Engine, seed: u64, steps: &[Step], flaw: Flaw) -> Result<(), Failed> {
    let database = TestDatabase::make(engine).await;
    let mut world = World::open(database, seed, flaw).await.map_err(|broken| Failed { steps: 0, broken })?;
    let outcome = play(&mut world, steps).await;
    world.close().await;
    outcome
}

async fn play(world: &mut World, steps: &[Step]) -> Result<(), Failed> {
    for (taken, step) in steps.iter().enumerate() {
        world.step(*step).await.map_err(|broken| Failed { steps: taken + 1, broken })?;
    }
    let at_the_end = |broken| Failed { steps: steps.len(), broken };
    world.settle().await.map_err(at_the_end)?;
    world.compare_at_the_end().await.map_err(at_the_end)
}

/// Leaves out whatever the failure does not need: the end, then ever smaller parts.
async fn shorten(engine: Engine, seed: u64, mut steps: Vec<Step>, mut failed: Failed) -> (Vec<Step>, Failed) {
    steps.truncate(failed.steps);
    let (mut size, mut from, mut tries) = (steps.len().div_ceil(2), 0, 0);
    while tries < TRIES_TO_SHORTEN {
        if from >= steps.len() {
            if size <= 1 {
                break;
            }
            (size, from) = (size / 2, 0);
        }
        let mut fewer = steps.clone();
        fewer.drain(from..steps.len().min(from + size));
        tries += 1;
        match run(engine, seed, &fewer, Flaw::None).await {
            Ok(()) => from += size,
            Err(still) => {
                fewer.truncate(still.steps);
                (steps, failed) = (fewer, still);
            }
        }
    }
    (steps, failed)
}

fn report(engine: Engine, seed: u64, steps: &[Step], failed: &Failed) -> String {
    let mut report = format!("{}\n{engine:?}, TRAILPOST_MODEL_SEED={seed}, shortened to:\n", failed.broken.0);
    for (number, step) in (1..).zip(steps) {
        writeln!(report, "{number:>4} {step:?}").unwrap();
    }
    report.push_str("and then everything that was pending is delivered by healthy writers");
    report
}
