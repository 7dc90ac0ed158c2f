//! A revision as an ETag, and the If-Match that a write has to name it with (RFC 9110, section 13.1.1).

use http::{HeaderMap, HeaderValue, header};

use super::problem::Problem;
use crate::domain::integration::Revision;

/// The ETag of a revision: strong, because a representation changes with it alone as far as a write is concerned.
pub(super) fn etag(revision: Revision) -> HeaderValue {
    let quoted = format!("\"{}\"", revision.get());
    HeaderValue::try_from(quoted).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The ETags that a write was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IfMatch(String);

impl IfMatch {
    /// Reads the header, however many lines it has.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn of(headers: &HeaderMap) -> Result<IfMatch, Problem> {
        let lines: Vec<_> =
            headers.get_all(header::IF_MATCH).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        if lines.is_empty() { Err(Problem::precondition_required()) } else { Ok(IfMatch(lines.join(","))) }
    }

    /// Whether any revision will do: `*`.
    pub(super) fn takes_any(&self) -> bool {
        self.tags().any(|tag| tag == "*")
    }

    /// Lets the write of this revision pass. A weak ETag matches none.
    ///
    /// # Errors
    /// The revision is another.
    pub(super) fn require(&self, current: Revision) -> Result<(), Problem> {
        let current = format!("\"{}\"", current.get());
        let matches = self.takes_any() || self.tags().any(|tag| tag == current);
        if matches { Ok(()) } else { Err(Problem::precondition_failed()) }
    }

    fn tags(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        IfMatch::of(&headers).unwrap().require(Revision::new(7)).is_ok()
    }

    #[test]
    fn only_the_current_revision_passes() {
        assert!(
            passes(&["\"7\""]) && passes(&["\"6\", \"7\""]) && passes(&["\"6\"", "\"7\""]) && passes(&["*"])
        );
        assert!(!passes(&["\"6\""]) && !passes(&["7"]) && !passes(&["W/\"7\""]) && !passes(&[""]));
        assert!(IfMatch::of(&HeaderMap::new()).is_err());
        assert_eq!(etag(Revision::new(7)), "\"7\"");
    }
}
