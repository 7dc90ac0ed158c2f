//! Spans that an operator decides, in whole days.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

const FEWEST: u32 = 1;
const MOST: u32 = 3650;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// A whole number of days, from 1 to 3650.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(u32);

impl Days {
    /// As long as records are held that can't be delivered, where nobody decides.
    pub const HOLD: Days = Days(30);
    /// As long as records are kept where nobody decides.
    pub const RETENTION: Days = Days(90);

    /// That many days, if there may be so many.
    pub fn new(days: u32) -> Option<Days> {
        (FEWEST..=MOST).contains(&days).then_some(Days(days))
    }

    /// The same as a span of time.
    pub const fn span(self) -> Duration {
        Duration::from_secs(self.0 as u64 * SECONDS_A_DAY)
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Why a text is not a number of days.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a whole number of days from {FEWEST} to {MOST}")]
pub struct DaysError;

impl FromStr for Days {
    type Err = DaysError;

    fn from_str(text: &str) -> Result<Days, DaysError> {
        text.parse().ok().and_then(Days::new).ok_or(DaysError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_neither_none_nor_too_many() {
        for wrong in ["0", "3651", "-1", "1.5", "", "90d"] {
            assert_eq!(wrong.parse::<Days>(), Err(DaysError), "{wrong}");
        }
        let days: Days = "90".parse().unwrap();
        assert_eq!((days.span(), days.to_string()), (Duration::from_secs(7_776_000), "90".to_owned()));
    }
}
