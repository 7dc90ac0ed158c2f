//! A record's place in its organization: 1, 2, 3 … without a gap.

use std::fmt;

/// A sequence. Never below 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(i64);

impl Sequence {
    /// The sequence with this number, if it is one.
    pub fn new(number: i64) -> Option<Sequence> {
        (number >= 1).then_some(Sequence(number))
    }

    /// Its number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Sequence {
        Sequence(self.0.saturating_add(1))
    }

    /// Twelve digits, as in object keys.
    pub fn padded(self) -> String {
        format!("{:012}", self.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
