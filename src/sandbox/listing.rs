//! One page of a bucket's keys, for both ListObjects operations.
//!
//! Keys come in UTF-8 order; keys that share a prefix up to the delimiter are rolled up into
//! one common prefix, which counts as one entry. A page continues strictly after the entry
//! that ended the one before, so following the pages always ends.

use super::object_files::StoredObject;

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// List what comes after this key or common prefix.
    pub(super) after: &'a str,
    pub(super) max_entries: usize,
}

/// A page of keys and common prefixes.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<StoredObject>,
    pub(super) common_prefixes: Vec<String>,
    /// The last entry of the page, if more follow.
    pub(super) next_after: Option<String>,
}

impl Page {
    pub(super) fn entries(&self) -> usize {
        self.objects.len() + self.common_prefixes.len()
    }
}

/// Takes a page out of objects given in key order.
pub(super) fn page(objects: Vec<StoredObject>, query: &Query<'_>) -> Page {
    let mut page = Page::default();
    let mut last = String::new();
    if query.max_entries == 0 {
        return page;
    }
    for object in objects {
        let Some(rest) = object.key.strip_prefix(query.prefix) else {
            continue;
        };
        let rolled_up = rolled_up(query, rest);
        let entry = rolled_up.as_deref().unwrap_or(&object.key);
        if entry <= query.after || page.common_prefixes.last().is_some_and(|known| known == entry) {
            continue;
        }
        if page.entries() == query.max_entries {
            page.next_after = Some(last);
            return page;
        }
        last = entry.to_owned();
        match rolled_up {
            Some(common_prefix) => page.common_prefixes.push(common_prefix),
            None => page.objects.push(object),
        }
    }
    page
}

fn rolled_up(query: &Query<'_>, rest: &str) -> Option<String> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let end = rest.find(delimiter)? + delimiter.len();
    Some(format!("{}{}", query.prefix, &rest[..end]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn objects(keys: &[&str]) -> Vec<StoredObject> {
        keys.iter().map(|key| StoredObject::named(key, BTreeMap::new())).collect()
    }

    fn all_pages(keys: &[&str], prefix: &str, delimiter: Option<&str>, max_entries: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = page(objects(keys), &Query { prefix, delimiter, after: &after, max_entries });
            seen.extend(page.objects.iter().map(|object| object.key.clone()));
            seen.extend(page.common_prefixes.iter().cloned());
            match page.next_after {
                Some(next) => after = next,
                None => return seen,
            }
        }
    }

    #[test]
    fn pages_of_any_size_give_each_entry_once() {
        let keys = ["a", "b/1", "b/2", "b/3", "c", "d/x/1", "d/y", "e"];
        for size in 1..10 {
            let mut flat = all_pages(&keys, "", None, size);
            flat.sort();
            assert_eq!(flat, keys, "page size {size}");
            let mut rolled = all_pages(&keys, "", Some("/"), size);
            rolled.sort();
            assert_eq!(rolled, ["a", "b/", "c", "d/", "e"], "page size {size}");
        }
        assert_eq!(all_pages(&keys, "d/", Some("/"), 5), ["d/y", "d/x/"]);
        assert!(all_pages(&keys, "nothing", None, 5).is_empty());
    }
}
