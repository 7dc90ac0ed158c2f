//! Lists that are shown in parts.

use serde::Serialize;

/// How many rows a page shows of a list.
pub(super) const ROWS: u32 = 50;

/// The way through a list.
#[derive(Clone)]
pub(super) struct Pages {
    /// Whose it is, for those who can't see where it stands.
    pub(super) label: &'static str,
    pub(super) first_href: Option<String>,
    pub(super) next_href: Option<String>,
}

impl Pages {
    /// Of a page that shows this part: whether it is the beginning, and after which place the next part begins.
    pub(super) fn new(
        label: &'static str,
        path: &str,
        is_first: bool,
        next: Option<impl Serialize>,
    ) -> Result<Pages, serde_urlencoded::ser::Error> {
        let href = |place| Ok(format!("{path}?{}", serde_urlencoded::to_string(place)?));
        let first_href = (!is_first).then(|| path.to_owned());
        Ok(Pages { label, first_href, next_href: next.map(href).transpose()? })
    }
}
