//! Lists, a page at a time: `limit` and an opaque `cursor` in, `data` and `next_cursor` out.

use std::str::FromStr;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{FieldProblem, Problem};
use crate::store::Listing;

const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 100;

/// What a program asks of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    /// Names the list in its cursors: one list's cursor is not taken by another.
    list: &'static str,
    pub(super) limit: u32,
    position: Option<String>,
    filters: Vec<(String, String)>,
}

/// A page of a list.
#[derive(Serialize)]
struct Page<T> {
    data: Vec<T>,
    /// None on the last page.
    next_cursor: Option<String>,
}

impl ListQuery {
    /// Reads a query string. Besides `limit` and `cursor` it may have these filters, each once.
    ///
    /// # Errors
    /// One entry for each parameter that can't be used.
    pub(super) fn read(
        query: &str,
        list: &'static str,
        filters: &[&'static str],
    ) -> Result<ListQuery, Problem> {
        let mut read = ListQuery { list, limit: DEFAULT_LIMIT, position: None, filters: Vec::new() };
        let mut errors = Vec::new();
        for (name, value) in parameters(query, &[&["limit", "cursor"], filters].concat())? {
            let taken = match name.as_str() {
                "limit" => limit(&value).map(|limit| read.limit = limit),
                "cursor" => read.position_of(&value).map(|position| read.position = Some(position)),
                _ => {
                    read.filters.push((name.clone(), value));
                    Ok(())
                }
            };
            if let Err(message) = taken {
                errors.push(FieldProblem::new(name, message));
            }
        }
        if errors.is_empty() { Ok(read) } else { Err(Problem::invalid(errors)) }
    }

    /// Where the page before ended.
    pub(super) fn position<C: FromStr>(&self) -> Result<Option<C>, Problem> {
        let parsed = self.position.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| Problem::field("cursor", NO_CURSOR))
    }

    /// A filter, parsed.
    pub(super) fn filter<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let typed = self.filters.iter().find(|(filter, _)| filter == name).map(|(_, value)| value);
        typed
            .map(|value| value.parse())
            .transpose()
            .map_err(|error: T::Err| Problem::field(name, error.to_string()))
    }

    /// The part of the store's list that is asked for.
    pub(super) fn listing<C: FromStr>(&self) -> Result<Listing<C>, Problem> {
        Ok(Listing { after: self.position()?, limit: self.limit })
    }

    /// The answer; `next` is where it ended, if more follow.
    pub(super) fn page<T: Serialize>(&self, data: Vec<T>, next: Option<impl ToString>) -> Response {
        let next_cursor = next.map(|position| self.cursor(&position.to_string()));
        Json(Page { data, next_cursor }).into_response()
    }

    fn cursor(&self, position: &str) -> String {
        hex::encode(format!("{}:{position}", self.list))
    }

    fn position_of(&self, cursor: &str) -> Result<String, &'static str> {
        let text = hex::decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position = text.as_deref().and_then(|text| text.strip_prefix(self.list)?.strip_prefix(':'));
        position.map(str::to_owned).ok_or(NO_CURSOR)
    }
}

const NO_CURSOR: &str = "is not a cursor of this list: use next_cursor as it came";

fn limit(typed: &str) -> Result<u32, &'static str> {
    let limit = typed.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or("must be a whole number from 1 to 100")
}

/// The parameters of a query string: those that are known, each once.
///
/// # Errors
/// One entry for each that is not.
pub(super) fn parameters(query: &str, known: &[&'static str]) -> Result<Vec<(String, String)>, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| {
        Problem::unreadable("The address’s query can’t be read: it is not URL-encoded UTF-8.")
    })?;
    let mut errors = Vec::new();
    for (index, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            errors.push(FieldProblem::new(name, format!("is not a parameter here{}", known_names(known))));
        } else if pairs[..index].iter().any(|(before, _)| before == name) {
            errors.push(FieldProblem::new(name, "is there twice"));
        }
    }
    if errors.is_empty() { Ok(pairs) } else { Err(Problem::invalid(errors)) }
}

fn known_names(known: &[&str]) -> String {
    if known.is_empty() { String::new() } else { format!(": use {}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(query: &str) -> Vec<String> {
        let refused = ListQuery::read(query, "records", &["after"]).unwrap_err();
        refused.errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_cursor_leads_on_in_its_own_list_alone() {
        let first = ListQuery::read("limit=2", "records", &[]).unwrap();
        assert_eq!((first.limit, first.position::<i64>().unwrap()), (2, None));
        let query = format!("cursor={}", first.cursor("17"));
        let second = ListQuery::read(&query, "records", &[]).unwrap();
        assert_eq!(second.position::<i64>().unwrap(), Some(17));
        assert!(ListQuery::read(&query, "checks", &[]).is_err());
        assert!(ListQuery::read(&query, "record", &[]).is_err());
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        for (query, named) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("cursor=zz", "cursor"),
            ("cursor=31", "cursor"),
            ("sort=id", "sort"),
            ("limit=1&limit=1", "limit"),
        ] {
            assert_eq!(fields(query), [named], "{query}");
        }
        assert_eq!(fields("limit=0&cursor=1"), ["limit", "cursor"]);
        let filtered = ListQuery::read("after=7", "records", &["after"]).unwrap();
        assert_eq!(filtered.filter::<i64>("after").unwrap(), Some(7));
        assert!(ListQuery::read("after=x", "records", &["after"]).unwrap().filter::<i64>("after").is_err());
    }
}
