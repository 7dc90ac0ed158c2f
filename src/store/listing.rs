//! Lists that grow without bound, given in parts. Statements begin a list of ids at `z`: it stands after every id, in any
//! order of letters that a database may have.

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<C> {
    /// What follows this one in the list's order; none for its beginning. It may have been deleted since.
    pub after: Option<C>,
    /// At most so many.
    pub limit: u32,
}

impl<C> Listing<C> {
    /// The beginning of a list.
    pub fn first(limit: u32) -> Listing<C> {
        Listing { after: None, limit }
    }

    /// How many rows to ask for: one more, which says whether there are more.
    pub(super) fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Whether more follow.
    pub has_more: bool,
}

impl<T> Listed<T> {
    /// Of one item more than may be given.
    pub(super) fn cut<C>(mut items: Vec<T>, listing: &Listing<C>) -> Listed<T> {
        let limit = usize::try_from(listing.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Listed { items, has_more }
    }
}
