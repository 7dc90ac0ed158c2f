//! What was delivered and what failed lately: by the hour for a day, by the day for a month, in UTC.

use std::time::Duration;

use super::clock::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOURS_SHOWN: u32 = 24;
const DAYS_SHOWN: u32 = 30;

/// What happened in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourCount {
    /// Some instant in it.
    pub at: Timestamp,
    /// Records delivered.
    pub delivered: u64,
    /// Attempts that failed.
    pub failures: u64,
}

/// A span of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it begins.
    pub start: Timestamp,
    /// Records delivered in it.
    pub delivered: u64,
    /// Attempts that failed in it.
    pub failures: u64,
}

/// The last day and the last month, each up to now; the last slot is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// 24 slots, oldest first.
    pub hours: Vec<Slot>,
    /// 30 slots, oldest first.
    pub days: Vec<Slot>,
}

impl Timeline {
    /// Where the oldest slot begins.
    pub fn since(now: Timestamp) -> Timestamp {
        start_of(now, DAY) - DAY * (DAYS_SHOWN - 1)
    }

    /// Puts what happened into slots. What lies outside is left out.
    pub fn new(now: Timestamp, counts: &[HourCount]) -> Timeline {
        Timeline { hours: slots(now, HOUR, HOURS_SHOWN, counts), days: slots(now, DAY, DAYS_SHOWN, counts) }
    }

    /// Whether nothing at all happened.
    pub fn is_empty(&self) -> bool {
        self.days.iter().all(|slot| slot.delivered == 0 && slot.failures == 0)
    }
}

fn slots(now: Timestamp, length: Duration, many: u32, counts: &[HourCount]) -> Vec<Slot> {
    let newest = start_of(now, length);
    let slot = |back: u32| {
        let start = newest - length * back;
        let within = counts.iter().filter(|count| start_of(count.at, length) == start);
        let (mut delivered, mut failures) = (0, 0);
        for count in within {
            delivered += count.delivered;
            failures += count.failures;
        }
        Slot { start, delivered, failures }
    };
    (0..many).rev().map(slot).collect()
}

fn start_of(instant: Timestamp, length: Duration) -> Timestamp {
    let span = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(instant.as_millis().div_euclid(span) * span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slot_holds_now_and_what_is_older_than_a_month_is_left_out() {
        let now: Timestamp = "2026-11-24T14:05:00Z".parse().unwrap();
        let count =
            |at: &str, delivered, failures| HourCount { at: at.parse().unwrap(), delivered, failures };
        let counts = [
            count("2026-11-24T14:00:00Z", 1, 0),
            count("2026-11-23T15:59:00Z", 2, 1),
            count("2026-11-23T14:59:00Z", 4, 0),
            count("2026-10-26T00:00:00Z", 8, 0),
            count("2026-10-25T23:59:00Z", 16, 0),
        ];
        let timeline = Timeline::new(now, &counts);
        assert_eq!((timeline.hours.len(), timeline.days.len()), (24, 30));
        assert_eq!(timeline.hours[23].delivered, 1);
        assert_eq!((timeline.hours[0].delivered, timeline.hours[0].failures), (2, 1));
        assert_eq!(timeline.hours[0].start.to_string(), "2026-11-23T15:00:00.000Z");
        assert_eq!(timeline.hours.iter().map(|slot| slot.delivered).sum::<u64>(), 3);
        assert_eq!((timeline.days[29].delivered, timeline.days[28].delivered), (1, 6));
        assert_eq!((timeline.days[0].start, timeline.days[0].delivered), (Timeline::since(now), 8));
        assert!(Timeline::new(now, &counts[4..]).is_empty());
        assert!(!timeline.is_empty());
    }
}
