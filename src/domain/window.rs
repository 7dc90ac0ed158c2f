//! Windows: spans of clock time, aligned to the UTC hour. The records of one window go into one batch (or more,
//! by size), and a window never crosses an hour.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::clock::Timestamp;
use super::id::OrganizationId;

const HOUR_MILLIS: i64 = 3_600_000;
const MINUTE_MILLIS: i64 = 60_000;
const LONGEST_OFFSET: Duration = Duration::from_secs(120);

/// How long a window is: a whole number of minutes that divides the hour. 30 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowLength(u8);

/// Why a number is not a window's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Choose a delivery window of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes.")]
pub struct WindowLengthError;

impl WindowLength {
    /// One minute. Every window begins where one of these does.
    pub const SHORTEST: WindowLength = WindowLength(1);

    /// Every length, shortest first.
    pub const ALL: [WindowLength; 12] = [
        WindowLength(1),
        WindowLength(2),
        WindowLength(3),
        WindowLength(4),
        WindowLength(5),
        WindowLength(6),
        WindowLength(10),
        WindowLength(12),
        WindowLength(15),
        WindowLength(20),
        WindowLength(30),
        WindowLength(60),
    ];

    /// The length of that many minutes.
    ///
    /// # Errors
    /// It does not divide the hour evenly.
    pub fn new(minutes: u32) -> Result<WindowLength, WindowLengthError> {
        WindowLength::ALL.into_iter().find(|length| length.minutes() == minutes).ok_or(WindowLengthError)
    }

    /// In minutes.
    pub fn minutes(self) -> u32 {
        u32::from(self.0)
    }

    /// As a span of time.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 60)
    }
}

impl Default for WindowLength {
    fn default() -> WindowLength {
        WindowLength(30)
    }
}

impl FromStr for WindowLength {
    type Err = WindowLengthError;

    fn from_str(text: &str) -> Result<WindowLength, WindowLengthError> {
        WindowLength::new(text.parse().map_err(|_| WindowLengthError)?)
    }
}

impl fmt::Display for WindowLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 minute"),
            minutes => write!(f, "{minutes} minutes"),
        }
    }
}

impl Serialize for WindowLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.minutes())
    }
}

/// One window: from its start up to, but not including, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    start: Timestamp,
    length: WindowLength,
}

impl Window {
    /// The window of this length that an instant lies in.
    pub fn containing(instant: Timestamp, length: WindowLength) -> Window {
        let millis = instant.as_millis();
        let hour = millis.div_euclid(HOUR_MILLIS) * HOUR_MILLIS;
        let span = i64::from(length.minutes()) * MINUTE_MILLIS;
        let start = hour + (millis - hour) / span * span;
        Window { start: Timestamp::from_millis(start), length }
    }

    /// Its first instant.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after it.
    pub fn end(&self) -> Timestamp {
        self.start + self.length.duration()
    }
}

/// How long after a window's end an organization's batches are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SealSpread {
    /// Spreads the load of a full hour over up to two minutes: each organization has an offset of its own, never
    /// more than a fifteenth of the window.
    #[default]
    PerOrganization,
    /// At once: for who waits for a file, and for tests.
    None,
}

impl SealSpread {
    /// The organization's offset; always the same for one organization and length.
    pub fn offset(self, organization: OrganizationId, length: WindowLength) -> Duration {
        if self == SealSpread::None {
            return Duration::ZERO;
        }
        let most = (length.duration() / 15).min(LONGEST_OFFSET);
        let bytes = organization.as_uuid().as_bytes();
        // The last bytes of a version 7 UUID are random.
        let random = u16::from_be_bytes([bytes[14], bytes[15]]);
        most.mul_f64(f64::from(random) / f64::from(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::clock::{Clock, Entropy};

    proptest! {
        #[test]
        fn a_window_holds_its_instant_and_never_crosses_an_hour(
            millis in -1_000_000_000_000i64..4_000_000_000_000,
            which in 0..WindowLength::ALL.len(),
        ) {
            let instant = Timestamp::from_millis(millis);
            let window = Window::containing(instant, WindowLength::ALL[which]);
            prop_assert!(window.start() <= instant && instant < window.end());
            let last = window.end().as_millis() - 1;
            prop_assert_eq!(
                window.start().as_millis().div_euclid(HOUR_MILLIS),
                last.div_euclid(HOUR_MILLIS)
            );
            let next = Window::containing(window.end(), WindowLength::ALL[which]);
            prop_assert_eq!(next.start(), window.end());
        }

        #[test]
        fn an_offset_is_small_and_always_the_same(seed: u64, which in 0..WindowLength::ALL.len()) {
            let organization = OrganizationId::generate(&Clock::system(), &Entropy::seeded(seed));
            let length = WindowLength::ALL[which];
            let offset = SealSpread::PerOrganization.offset(organization, length);
            prop_assert!(offset <= length.duration() / 15 && offset <= LONGEST_OFFSET);
            prop_assert_eq!(offset, SealSpread::PerOrganization.offset(organization, length));
            prop_assert_eq!(SealSpread::None.offset(organization, length), Duration::ZERO);
        }
    }

    #[test]
    fn only_divisors_of_the_hour_are_lengths() {
        let valid: Vec<u32> = (0..=120).filter(|minutes| WindowLength::new(*minutes).is_ok()).collect();
        assert_eq!(valid, [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]);
        assert_eq!("30".parse(), Ok(WindowLength::default()));
    }
}
