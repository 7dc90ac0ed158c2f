//! The choices of a run: which process, when, what fails. All of them follow from one seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trailpost::domain::clock::Entropy;

/// Repeats the choices of an earlier run. Processes keep their own time, so not everything is the same again.
const SEED: &str = "TRAILPOST_TORTURE_SEED";

pub struct Luck {
    pub seed: u64,
    random: StdRng,
}

impl Luck {
    /// With the seed from the environment, or a new one; it is printed, and seen if the test fails.
    pub fn try_it() -> Luck {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().unwrap_or_else(|error| panic!("{SEED}={text}: {error}")),
            Err(_) => u64::from_be_bytes(Entropy::system().bytes()),
        };
        eprintln!("{SEED}={seed}");
        Luck::of(seed)
    }

    fn of(seed: u64) -> Luck {
        Luck { seed, random: StdRng::seed_from_u64(seed) }
    }

    /// Another's luck, which follows from this one.
    pub fn branch(&mut self) -> Luck {
        Luck::of(self.random.random())
    }

    pub fn one_in(&mut self, chances: u32) -> bool {
        self.random.random_ratio(1, chances)
    }

    pub fn number(&mut self, least: u8, most: u8) -> u8 {
        self.random.random_range(least..=most)
    }

    pub fn index(&mut self, length: usize) -> usize {
        self.random.random_range(0..length)
    }

    /// Up to so many milliseconds.
    pub fn moment(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.random.random_range(0..=most))
    }
}
