//! Looking records up: newest first, page by page, and along the sequence for an export.
//!
//! Guarantees:
//! - every record that was committed before is found, whether it is in the index yet or not;
//! - pages stay right while new records arrive: a page begins where another ended, at a sequence;
//! - a request looks at a bounded number of rows and bytes, whatever is asked for. Where that ends it before all was
//!   looked at, it says how far it came, and the next one goes on from there.
//!
//! Of several things asked for, the rarest is followed through the index and the others are looked up for each record
//! of it. Which one is the rarest is known from how far back its first `LOOKED_AT` records reach.

use futures::FutureExt;

use super::database::{Sql, fetch_all, fetch_optional};
use super::transaction::{Transaction, sequence};
use super::{Store, StoreError};
use crate::domain::activity::{ActivityFilter, RecordFacts, Term};
use crate::domain::clock::Timestamp;
use crate::domain::error_chain::ErrorChain;
use crate::domain::id::OrganizationId;
use crate::domain::record::RecordLine;
use crate::domain::sequence::Sequence;

/// Records on a page.
pub const ACTIVITY_PAGE: usize = 50;
/// What a page reads at most, beyond its first record.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;
/// Rows of the index that a request follows at most.
const LOOKED_AT: i64 = 10_000;
/// Records that a request reads at most where there is no index yet.
const UNINDEXED: i64 = 1000;

/// A record as it is stored.
#[derive(Clone, Debug)]
pub struct ActivityRecord {
    /// Its place in the organization.
    pub sequence: Sequence,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// Who sent it; none for what Trailpost itself recorded.
    pub producer: Option<String>,
    /// Its JSON as it is delivered.
    pub line: RecordLine,
    /// What it says, unless its row was damaged.
    pub facts: Option<RecordFacts>,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityCursor {
    /// At the newest record.
    Newest,
    /// It begins behind this record, going back.
    Before(Sequence),
    /// It ends before this record, going forward.
    After(Sequence),
}

/// Where the next page is, and why this one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPage {
    /// It begins behind this record, in its direction.
    pub from: Sequence,
    /// So far was looked for, and no further. None where the page is full.
    pub searched_to: Option<Timestamp>,
}

/// A page of records, newest first.
#[derive(Clone, Debug, Default)]
pub struct ActivityPage {
    /// The records.
    pub records: Vec<ActivityRecord>,
    /// Where newer ones are, if any may be.
    pub newer: Option<NextPage>,
    /// Where older ones are, if any may be.
    pub older: Option<NextPage>,
}

/// Which way one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Older,
    Newer,
}

/// A run of sequences; empty if the last comes before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// How much is taken at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    pub(super) records: usize,
    /// Beyond the first record.
    pub(super) bytes: i64,
}

/// What was found on the way through a span, in the order of the way.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<ActivityRecord>,
    /// Up to here all was looked at; none where the whole span was.
    pub(super) reached: Option<i64>,
}

/// Where an organization's records are.
#[derive(Debug)]
pub(super) struct Place {
    organization: OrganizationId,
    /// Its number in the index.
    number: i64,
    /// The last record in the index.
    indexed_through: i64,
    /// Those that there are, in the time that is asked for.
    pub(super) span: Span,
}

/// A statement for each direction.
struct Directed {
    older: &'static str,
    newer: &'static str,
}

impl Directed {
    fn to(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::Older => self.older,
            Direction::Newer => self.newer,
        }
    }
}

impl Span {
    const NOTHING: Span = Span { first: 1, last: 0 };

    pub(super) fn is_empty(self) -> bool {
        self.last < self.first
    }

    pub(super) fn within(self, other: Span) -> Span {
        Span { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// The last one on the way.
    fn end(self, direction: Direction) -> i64 {
        match direction {
            Direction::Older => self.first,
            Direction::Newer => self.last,
        }
    }

    /// Where one stands before the first step.
    fn before_start(self, direction: Direction) -> i64 {
        match direction {
            Direction::Older => self.last + 1,
            Direction::Newer => self.first - 1,
        }
    }
}

impl Store {
    /// A page of an organization's records.
    pub async fn activity(
        &self,
        organization: OrganizationId,
        filter: ActivityFilter,
        cursor: ActivityCursor,
    ) -> Result<ActivityPage, StoreError> {
        self.read(move |tx| async move { tx.activity(organization, &filter, cursor).await }.boxed()).await
    }

    /// One record.
    pub async fn activity_record(
        &self,
        organization: OrganizationId,
        at: Sequence,
    ) -> Result<Option<ActivityRecord>, StoreError> {
        self.read(move |tx| async move { Ok(tx.records_at(organization, &[at.get()]).await?.pop()) }.boxed())
            .await
    }
}

impl Transaction {
    async fn activity(
        &mut self,
        organization: OrganizationId,
        filter: &ActivityFilter,
        cursor: ActivityCursor,
    ) -> Result<ActivityPage, StoreError> {
        let place = self.place(organization, filter).await?;
        if let ActivityCursor::After(after) = cursor {
            let page = self.newer_page(&place, filter, after).await?;
            // Nothing newer is left: the newest page, and a full one.
            if page.newer.is_some() {
                return Ok(page);
            }
        }
        self.older_page(&place, filter, cursor).await
    }

    async fn older_page(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        cursor: ActivityCursor,
    ) -> Result<ActivityPage, StoreError> {
        let (last, newer) = match cursor {
            ActivityCursor::Before(before) => (before.get() - 1, Sequence::new(before.get() - 1)),
            ActivityCursor::Newest | ActivityCursor::After(_) => (i64::MAX, None),
        };
        let span = place.span.within(Span { first: 1, last });
        let found = self.search(place, filter, span, Direction::Older, ONE_MORE_THAN_A_PAGE).await?;
        let (records, older) = self.cut(place, filter, found).await?;
        let newer = newer.map(|from| NextPage { from, searched_to: None });
        Ok(ActivityPage { records, newer, older })
    }

    async fn newer_page(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        after: Sequence,
    ) -> Result<ActivityPage, StoreError> {
        let span = place.span.within(Span { first: after.get() + 1, last: i64::MAX });
        let found = self.search(place, filter, span, Direction::Newer, ONE_MORE_THAN_A_PAGE).await?;
        let (mut records, newer) = self.cut(place, filter, found).await?;
        records.reverse();
        let older = Some(NextPage { from: after.next(), searched_to: None });
        Ok(ActivityPage { records, newer, older })
    }

    /// A page of what was found, and where it goes on.
    async fn cut(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        found: Found,
    ) -> Result<(Vec<ActivityRecord>, Option<NextPage>), StoreError> {
        let Found { mut records, reached } = found;
        if records.len() > ACTIVITY_PAGE {
            records.truncate(ACTIVITY_PAGE);
            let from = records.last().map(|last| last.sequence);
            return Ok((records, from.map(|from| NextPage { from, searched_to: None })));
        }
        let Some(reached) = reached else { return Ok((records, None)) };
        let searched_to = match filter.terms().is_empty() {
            true => None,
            false => self.recorded_at(place.organization, reached).await?,
        };
        Ok((records, Some(NextPage { from: sequence("records.sequence", reached)?, searched_to })))
    }

    /// Where to look for what a filter asks for: sequence order is the order of time.
    pub(super) async fn place(
        &mut self,
        organization: OrganizationId,
        filter: &ActivityFilter,
    ) -> Result<Place, StoreError> {
        let found = fetch_optional!(
            self,
            (Option<i64>, Option<i64>, Option<i64>, Option<i64>),
            "SELECT p.number, p.through,
                    (SELECT r.sequence FROM records r WHERE r.organization_id = $1 AND r.recorded_at >= $2
                     ORDER BY r.recorded_at, r.sequence LIMIT 1),
                    (SELECT r.sequence FROM records r WHERE r.organization_id = $1 AND r.recorded_at < $3
                     ORDER BY r.recorded_at DESC, r.sequence DESC LIMIT 1)
             FROM organizations o LEFT JOIN activity_progress p ON p.organization_id = o.id WHERE o.id = $1",
            organization.to_string(),
            filter.from().map_or(i64::MIN, Timestamp::as_millis),
            filter.to().map_or(i64::MAX, Timestamp::as_millis)
        )?;
        let (number, through, first, last) = found.unwrap_or_default();
        let span = first.zip(last).map_or(Span::NOTHING, |(first, last)| Span { first, last });
        let indexed_through = number.and(through).unwrap_or(0);
        Ok(Place { organization, number: number.unwrap_or(0), indexed_through, span })
    }

    /// Goes through a span and takes what the filter admits, until the portion is full or enough was looked at.
    pub(super) async fn search(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        span: Span,
        direction: Direction,
        portion: Portion,
    ) -> Result<Found, StoreError> {
        let terms = filter.terms();
        if terms.is_empty() {
            return self.read_along(place.organization, span, direction, portion).await;
        }
        let indexed = span.within(Span { first: 1, last: place.indexed_through });
        let rest = span.within(Span { first: place.indexed_through + 1, last: i64::MAX });
        let mut parts = [(rest, false), (indexed, true)];
        if direction == Direction::Newer {
            parts.reverse();
        }
        let mut found = Found::default();
        for (part, is_indexed) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
            let left = Portion { records: portion.records - found.records.len(), ..portion };
            if left.records == 0 {
                found.reached = Some(part.before_start(direction));
                break;
            }
            let more = if is_indexed {
                self.search_index(place, filter, &terms, part, direction, left).await?
            } else {
                self.search_records(place, filter, part, direction, left).await?
            };
            found.records.extend(more.records);
            found.reached = more.reached;
            if found.reached.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// Looks at the records themselves.
    async fn search_records(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        span: Span,
        direction: Direction,
        portion: Portion,
    ) -> Result<Found, StoreError> {
        let looked_at =
            Portion { records: usize::try_from(UNINDEXED).unwrap_or(usize::MAX), bytes: PAGE_BYTES };
        let mut found = self.read_along(place.organization, span, direction, looked_at).await?;
        found.records.retain(|record| record.is_admitted_by(filter));
        if found.records.len() > portion.records {
            found.records.truncate(portion.records);
            found.reached = found.records.last().map(|last| last.sequence.get());
        }
        Ok(found)
    }

    /// Follows the rarest term through the index.
    async fn search_index(
        &mut self,
        place: &Place,
        filter: &ActivityFilter,
        terms: &[Term],
        span: Span,
        direction: Direction,
        portion: Portion,
    ) -> Result<Found, StoreError> {
        let (terms, bound) = self.rarest_first(place, terms, span, direction).await?;
        let looked_at = match (bound, direction) {
            (None, _) => span,
            (Some(bound), Direction::Older) => Span { first: bound, ..span },
            (Some(bound), Direction::Newer) => Span { last: bound, ..span },
        };
        let candidates = self.candidates(place, &terms, looked_at, direction, portion.records).await?;
        let taken = take_bytes(&candidates, portion.bytes);
        let sequences: Vec<i64> = taken.iter().map(|(sequence, _)| *sequence).collect();
        let mut records = self.records_at(place.organization, &sequences).await?;
        if direction == Direction::Older {
            records.reverse();
        }
        records.retain(|record| record.is_admitted_by(filter));
        let all_taken = taken.len() == candidates.len() && candidates.len() < portion.records;
        let reached = if all_taken { bound } else { sequences.last().copied() };
        Ok(Found { records, reached: reached.filter(|reached| *reached != span.end(direction)) })
    }

    /// The terms, and where the first `LOOKED_AT` rows of the rarest one end; none where it has no more in the span.
    async fn rarest_first(
        &mut self,
        place: &Place,
        terms: &[Term],
        span: Span,
        direction: Direction,
    ) -> Result<(Vec<Term>, Option<i64>), StoreError> {
        // One alone is all that is asked for: the first rows are the page.
        if let [only] = terms {
            return Ok((vec![*only], None));
        }
        let mut ends = Vec::new();
        for term in terms {
            let end = fetch_optional!(
                self,
                (i64,),
                END_OF_ROWS.to(direction),
                place.number,
                term.get(),
                span.first,
                span.last,
                LOOKED_AT - 1
            )?;
            let end = end.map(|(end,)| end);
            let distance =
                end.map_or(i64::MAX, |end| end.abs_diff(span.before_start(direction)).cast_signed());
            ends.push((std::cmp::Reverse(distance), end, *term));
        }
        ends.sort_by_key(|(distance, ..)| *distance);
        let bound = ends.first().and_then(|(_, end, _)| *end);
        Ok((ends.into_iter().map(|(.., term)| term).collect(), bound))
    }

    /// The records that have all the terms, with their sizes. The first term is followed.
    async fn candidates(
        &mut self,
        place: &Place,
        terms: &[Term],
        span: Span,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let term = |place: usize| terms.get(place).map_or(NO_TERM, |term| term.get());
        let found = fetch_all!(
            self,
            (i64, Option<i64>),
            CANDIDATES.to(direction),
            place.number,
            place.organization.to_string(),
            span.first,
            span.last,
            i64::try_from(limit).unwrap_or(i64::MAX),
            term(0),
            term(1),
            term(2),
            term(3),
            term(4),
            term(5)
        )?;
        // Without a size there is no such record.
        Ok(found.into_iter().map(|(sequence, bytes)| (sequence, bytes.unwrap_or(0))).collect())
    }

    /// Records one after the other.
    async fn read_along(
        &mut self,
        organization: OrganizationId,
        span: Span,
        direction: Direction,
        portion: Portion,
    ) -> Result<Found, StoreError> {
        if span.is_empty() {
            return Ok(Found::default());
        }
        let records = fetch_all!(
            self,
            RecordRow,
            RECORDS_ALONG.to(direction),
            organization.to_string(),
            span.first,
            span.last,
            i64::try_from(portion.records).unwrap_or(i64::MAX),
            portion.bytes
        )?;
        let reached = records.last().map(|last| last.sequence);
        Ok(Found {
            records: read_rows(organization, records)?,
            reached: reached.filter(|reached| *reached != span.end(direction)),
        })
    }

    /// These records, oldest first.
    async fn records_at(
        &mut self,
        organization: OrganizationId,
        sequences: &[i64],
    ) -> Result<Vec<ActivityRecord>, StoreError> {
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        let list = serde_json::json!(sequences).to_string();
        let mut rows = fetch_all!(self, RecordRow, RECORDS_AT, organization.to_string(), list)?;
        rows.sort_unstable_by_key(|row| row.sequence);
        read_rows(organization, rows)
    }

    async fn recorded_at(
        &mut self,
        organization: OrganizationId,
        at: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        let found = fetch_optional!(
            self,
            (i64,),
            "SELECT recorded_at FROM records WHERE organization_id = $1 AND sequence = $2",
            organization.to_string(),
            at
        )?;
        Ok(found.map(|(millis,)| Timestamp::from_millis(millis)))
    }
}

const ONE_MORE_THAN_A_PAGE: Portion = Portion { records: ACTIVITY_PAGE + 1, bytes: PAGE_BYTES };

/// Stands where there is no further term.
const NO_TERM: i64 = 0;

const RECORDS_ALONG: Directed = Directed {
    older: "SELECT sequence, recorded_at, producer, line FROM records
            WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3
              AND running_bytes >= (SELECT f.running_bytes FROM records f
                                    WHERE f.organization_id = $1 AND f.sequence <= $3
                                    ORDER BY f.sequence DESC LIMIT 1) - $5
            ORDER BY sequence DESC LIMIT $4",
    newer: "SELECT sequence, recorded_at, producer, line FROM records
            WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3
              AND running_bytes <= (SELECT f.running_bytes FROM records f
                                    WHERE f.organization_id = $1 AND f.sequence >= $2
                                    ORDER BY f.sequence LIMIT 1) + $5
            ORDER BY sequence LIMIT $4",
};

const RECORDS_AT: Sql = Sql {
    sqlite: "SELECT r.sequence, r.recorded_at, r.producer, r.line
             FROM json_each($2) AS wanted CROSS JOIN records r
             WHERE r.organization_id = $1 AND r.sequence = wanted.value",
    postgres: "SELECT sequence, recorded_at, producer, line FROM records
               WHERE organization_id = $1 AND sequence = ANY(CAST(translate($2, '[]', '{}') AS BIGINT[]))",
};

const END_OF_ROWS: Directed = Directed {
    older: "SELECT sequence FROM activity_terms
            WHERE organization = $1 AND term = $2 AND sequence BETWEEN $3 AND $4
            ORDER BY sequence DESC LIMIT 1 OFFSET $5",
    newer: "SELECT sequence FROM activity_terms
            WHERE organization = $1 AND term = $2 AND sequence BETWEEN $3 AND $4
            ORDER BY sequence LIMIT 1 OFFSET $5",
};

/// The inner query is done first and for itself, whatever a planner thinks of the sizes: it has a limit, and looks each
/// further term up for each row. The size of a record stands before its line: reading it does not read the record.
macro_rules! candidates {
    ($order:literal) => {
        concat!(
            "SELECT found.sequence, (SELECT r.bytes FROM records r
                                     WHERE r.organization_id = $2 AND r.sequence = found.sequence)
             FROM (SELECT e.sequence FROM activity_terms e
                   WHERE e.organization = $1 AND e.term = $6 AND e.sequence BETWEEN $3 AND $4
                     AND (CAST($7 AS BIGINT) = 0 OR (SELECT f.term FROM activity_terms f WHERE f.organization = $1
                             AND f.term = $7 AND f.sequence = e.sequence) IS NOT NULL)
                     AND (CAST($8 AS BIGINT) = 0 OR (SELECT f.term FROM activity_terms f WHERE f.organization = $1
                             AND f.term = $8 AND f.sequence = e.sequence) IS NOT NULL)
                     AND (CAST($9 AS BIGINT) = 0 OR (SELECT f.term FROM activity_terms f WHERE f.organization = $1
                             AND f.term = $9 AND f.sequence = e.sequence) IS NOT NULL)
                     AND (CAST($10 AS BIGINT) = 0 OR (SELECT f.term FROM activity_terms f WHERE f.organization = $1
                             AND f.term = $10 AND f.sequence = e.sequence) IS NOT NULL)
                     AND (CAST($11 AS BIGINT) = 0 OR (SELECT f.term FROM activity_terms f WHERE f.organization = $1
                             AND f.term = $11 AND f.sequence = e.sequence) IS NOT NULL) ",
            $order
        )
    };
}

const CANDIDATES: Directed = Directed {
    older: candidates!("ORDER BY e.sequence DESC LIMIT $5) AS found ORDER BY found.sequence DESC"),
    newer: candidates!("ORDER BY e.sequence LIMIT $5) AS found ORDER BY found.sequence"),
};

/// As many as there is room for; one in any case.
fn take_bytes(candidates: &[(i64, i64)], room: i64) -> &[(i64, i64)] {
    let mut so_far = 0;
    let fitting = candidates.iter().skip(1).take_while(|(_, bytes)| {
        so_far += bytes;
        so_far <= room
    });
    let many = candidates.len().min(1 + fitting.count());
    &candidates[..many]
}

#[derive(sqlx::FromRow)]
struct RecordRow {
    sequence: i64,
    recorded_at: i64,
    producer: Option<String>,
    line: String,
}

fn read_rows(organization: OrganizationId, rows: Vec<RecordRow>) -> Result<Vec<ActivityRecord>, StoreError> {
    rows.into_iter().map(|row| row.read(organization)).collect()
}

impl RecordRow {
    fn read(self, organization: OrganizationId) -> Result<ActivityRecord, StoreError> {
        let line = RecordLine::from_stored(self.line);
        let facts = match RecordFacts::of(&line) {
            Ok(facts) => Some(facts),
            Err(error) => {
                let sequence = self.sequence;
                tracing::error!(%organization, sequence, error = %ErrorChain(&error), "a record can't be read");
                None
            }
        };
        Ok(ActivityRecord {
            sequence: sequence("records.sequence", self.sequence)?,
            recorded_at: Timestamp::from_millis(self.recorded_at),
            producer: self.producer,
            line,
            facts,
        })
    }
}

impl ActivityRecord {
    fn is_admitted_by(&self, filter: &ActivityFilter) -> bool {
        self.facts.as_ref().is_some_and(|facts| filter.admits(facts, self.producer.as_deref()))
    }
}
