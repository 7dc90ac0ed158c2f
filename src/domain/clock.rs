//! Time and randomness, as values that are passed in. Nothing else reads the machine's clock or its random
//! source (clippy.toml forbids it), so tests and the demo can move the one and fix the other.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// From the year 1 to the last day of 9999: what RFC 3339 can write and jiff can hold.
const EARLIEST: i64 = -62_135_596_800_000;
const LATEST: i64 = 253_402_207_199_999;

/// An instant in UTC, in whole milliseconds. Displayed and serialized as RFC 3339 with three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant that many milliseconds after the Unix epoch, held within the years 1 to 9999.
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis.clamp(EARLIEST, LATEST))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// `YYYYMMDDTHHMMSSZ`, as in object keys.
    pub fn compact(self) -> String {
        self.civil().strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// `YYYY/MM/DD`, as in object keys.
    pub fn date_path(self) -> String {
        self.civil().strftime("%Y/%m/%d").to_string()
    }

    /// `YYYY-MM-DD HH:MM:SS UTC`, for people.
    pub fn exact(self) -> String {
        self.civil().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// `HH:MM`, for people who know that it is UTC.
    pub fn hour_and_minute(self) -> String {
        self.civil().strftime("%H:%M").to_string()
    }

    fn civil(self) -> jiff::civil::DateTime {
        let instant =
            jiff::Timestamp::from_millisecond(self.0).expect("clamped to the years that jiff can hold");
        jiff::tz::Offset::UTC.to_datetime(instant)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil().strftime("%Y-%m-%dT%H:%M:%S"))?;
        write!(f, ".{:03}Z", self.0.rem_euclid(1000))
    }
}

/// Why a text is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a time in RFC 3339, such as 2026-11-23T09:31:53.697Z")]
pub struct TimestampError(String);

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Any offset is taken to UTC; what is finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        let wrong = || TimestampError(text.chars().take(64).collect());
        // jiff reads more of ISO 8601 than RFC 3339 allows.
        if !has_rfc_3339_shape(text) {
            return Err(wrong());
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        let nanoseconds = instant.as_nanosecond();
        let millis = i64::try_from(nanoseconds.div_euclid(1_000_000)).map_err(|_| wrong())?;
        if (EARLIEST..=LATEST).contains(&millis) { Ok(Timestamp(millis)) } else { Err(wrong()) }
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction, and `Z` or `±HH:MM` (RFC 3339, section 5.6).
fn has_rfc_3339_shape(text: &str) -> bool {
    let fits = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'+' => matches!(byte, b'+' | b'-'),
                other => byte == other,
            })
    };
    let Some((date_and_time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if offset.len() == fraction.len() || fraction.len() > 20 {
                return false;
            }
            offset
        }
        None => rest,
    };
    fits(date_and_time, "0000-00-00T00:00:00") && (matches!(offset, "Z" | "z") || fits(offset, "+00:00"))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(whole_millis(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_sub(whole_millis(span)))
    }
}

fn whole_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// Milliseconds that `advance` has moved it.
    moved: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    Manual(Timestamp),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock { source: Source::System, moved: Arc::default() }
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: Timestamp) -> Clock {
        Clock { source: Source::Manual(start), moved: Arc::default() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.at(machine_time())
    }

    /// What this clock says when another machine's says `there`: a database's, which several processes share.
    pub fn at(&self, there: Timestamp) -> Timestamp {
        let base = match self.source {
            Source::System => there,
            Source::Manual(start) => start,
        };
        Timestamp::from_millis(base.0.saturating_add(self.moved.load(Ordering::Relaxed)))
    }

    /// The machine's own time, however far this clock was moved: for browser sessions, which a moved clock must not
    /// end.
    pub fn wall(&self) -> Timestamp {
        machine_time()
    }

    /// Moves this clock and its clones forward.
    pub fn advance(&self, span: Duration) {
        self.moved.fetch_add(whole_millis(span), Ordering::Relaxed);
    }

    /// Moves this clock and its clones back, as a machine's is when it is set right.
    pub fn turn_back(&self, span: Duration) {
        self.moved.fetch_sub(whole_millis(span), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn machine_time() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Where randomness comes from: a cryptographically secure generator. Clones draw from the same stream.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<StdRng>>);

impl Entropy {
    /// Seeded by the operating system.
    pub fn system() -> Entropy {
        let rng = StdRng::try_from_rng(&mut SysRng).expect("the operating system gives random bytes");
        Entropy(Arc::new(Mutex::new(rng)))
    }

    /// The same stream each time, for reproducible demos and tests. Never for a secret that matters.
    pub fn seeded(seed: u64) -> Entropy {
        Entropy(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// That many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instant_is_written_as_documented() {
        let instant: Timestamp = "2026-11-23T10:31:53.6979+01:00".parse().unwrap();
        assert_eq!(instant.to_string(), "2026-11-23T09:31:53.697Z");
        assert_eq!(instant.compact(), "20261123T093153Z");
        assert_eq!(instant.date_path(), "2026/11/23");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-30T21:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-11-23T09:31",
            "20261123T093153Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T09:31Z",
            "2026-11-23T09:31:53,5Z",
            "2026-11-23T09:31:53.Z",
            "2026-11-23T09:31:53+01",
            "2026-11-23T09:31:53Z[UTC]",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_and_so_do_its_clones() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let clone = clock.clone();
        clock.advance(Duration::from_secs(60));
        assert_eq!(clone.now().as_millis(), 60_000);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Entropy::seeded(7).bytes::<16>(), Entropy::seeded(7).bytes::<16>());
        assert_ne!(Entropy::system().bytes::<16>(), Entropy::system().bytes::<16>());
    }

    proptest! {
        #[test]
        fn every_instant_survives_its_text(millis in EARLIEST..=LATEST) {
            let instant = Timestamp::from_millis(millis);
            prop_assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        }
    }
}
