//! How numbers, sizes and times read.

use crate::domain::clock::Timestamp;

/// An instant: for machines, exactly, and relative to now.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// `2026-11-23T09:31:53.697Z`.
    pub(super) iso: String,
    /// `2026-11-23 09:31:53 UTC`.
    pub(super) exact: String,
    /// `3 minutes ago`, `in 12 minutes`.
    pub(super) relative: String,
}

impl Moment {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Moment {
        Moment { iso: at.to_string(), exact: at.exact(), relative: relative(at, now) }
    }
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    let (span, past) =
        if at <= now { (now.since(at).as_secs(), true) } else { (at.since(now).as_secs(), false) };
    let words = match span {
        0..5 if past => return "just now".to_owned(),
        0..60 => count(span.max(1), "second"),
        60..3600 => count(span / 60, "minute"),
        3600..86_400 => count(span / 3600, "hour"),
        _ => count(span / 86_400, "day"),
    };
    if past { format!("{words} ago") } else { format!("in {words}") }
}

/// `1 record`, `132 records`, `12,345 records`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `1 record is`, `132 records are`.
pub(super) fn count_with_verb(number: u64, noun: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number, noun))
}

/// `12,345`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 bytes`, `48.2 KiB`, `3.1 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn bytes(number: u64) -> String {
    let value = number as f64;
    match number {
        0..1024 => count(number, "byte"),
        1024..1_048_576 => format!("{:.1} KiB", value / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", value / 1_048_576.0),
        _ => format!("{:.1} GiB", value / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let ago = |seconds| relative(now - Duration::from_secs(seconds), now);
        assert_eq!(ago(2), "just now");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(7300), "2 hours ago");
        assert_eq!(ago(3 * 86_400), "3 days ago");
        assert_eq!(relative(now + Duration::from_secs(42), now), "in 42 seconds");
    }

    #[test]
    fn numbers_are_exact_and_sizes_rounded() {
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(1_234_567, "record"), "1,234,567 records");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(49_357), "48.2 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
    }
}
