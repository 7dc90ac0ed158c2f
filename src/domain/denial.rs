//! When AWS refuses many customers' roles at once: our fault until shown otherwise, because one identity of ours
//! stands behind all of them and their owners have nothing to do with each other.

use std::time::Duration;

use super::clock::Timestamp;

/// So many organizations that begin to be denied within [`WITHIN`] are many.
pub const MANY: u32 = 5;
/// Denials that began further apart have causes of their own.
pub const WITHIN: Duration = Duration::from_secs(10 * 60);

/// From when on denials count together. One organization that AWS lets in shows that our identity is accepted: what was
/// denied before that doesn't count any more.
pub fn from(now: Timestamp, let_in_at: Option<Timestamp>) -> Timestamp {
    let earliest = now - WITHIN;
    let_in_at.map_or(earliest, |let_in| let_in.max(earliest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_denied_before_somebody_was_let_in_does_not_count() {
        let minute = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        assert_eq!(from(minute(100), None), minute(90));
        assert_eq!(from(minute(100), Some(minute(97))), minute(97));
        assert_eq!(from(minute(100), Some(minute(3))), minute(90));
    }
}
