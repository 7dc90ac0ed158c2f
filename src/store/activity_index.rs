//! The index that Activity looks records up by, filled behind the append.
//!
//! Guarantees:
//! - an append never waits for more than one step, which is short: what it costs is done before it begins to write;
//! - each organization's records are indexed in the order of their sequences, up to its `through` and no further: what
//!   comes after that is found in the records themselves;
//! - of several writers that index the same records one does, and the others find it done;
//! - what the retention forgets leaves nothing in the index.

use futures::FutureExt;

use super::database::{Sql, execute, fetch_all, fetch_one, fetch_optional, holding, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::activity::{RecordFacts, Term};
use crate::domain::error_chain::ErrorChain;
use crate::domain::id::OrganizationId;
use crate::domain::record::RecordLine;

/// What one step indexes at most.
const RECORDS_A_STEP: usize = 500;
/// What one step reads at most of an organization's records, beyond the first.
const BYTES_A_STEP: i64 = 1024 * 1024;
const ORGANIZATIONS_AT_ONCE: i64 = 64;

/// An organization with records that are not in the index yet.
#[derive(Clone, Debug)]
pub struct Behind {
    organization: OrganizationId,
    through: i64,
    last: i64,
}

impl Behind {
    /// Which organization.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }
}

/// The next records of an organization, with what they are found by.
struct Share {
    behind: Behind,
    /// The last record of the share.
    through: i64,
    entries: Vec<(Term, i64)>,
}

/// The next lines of an organization.
struct Lines {
    behind: Behind,
    lines: Vec<(i64, Option<String>, String)>,
}

impl Store {
    /// The next organizations, by id, with records that are not in the index yet. Where there are none this costs two
    /// sums over the organizations.
    pub async fn behind_in_activity(&self, after: Option<OrganizationId>) -> Result<Vec<Behind>, StoreError> {
        self.read(move |tx| async move { tx.behind_in_activity(after).await }.boxed()).await
    }

    /// Indexes the next records of these organizations, as many as one step holds. Gives those that are not done yet.
    pub async fn index_activity(&self, behind: Vec<Behind>) -> Result<Vec<Behind>, StoreError> {
        let (read, mut left) =
            self.read(move |tx| async move { tx.next_lines(behind).await }.boxed()).await?;
        let mut shares: Vec<Share> = read.into_iter().map(Lines::into_share).collect();
        let unfinished = shares.iter().filter(|share| share.through < share.behind.last);
        // To the end of the queue: one with a long way to go holds up no other.
        left.extend(unfinished.map(|share| Behind { through: share.through, ..share.behind.clone() }));
        // In id order, so that two writers never wait for each other.
        shares.sort_by_key(|share| share.behind.organization);
        self.write(move |tx| async move { tx.index(&shares).await }.boxed()).await?;
        Ok(left)
    }
}

impl Lines {
    fn into_share(self) -> Share {
        let Lines { behind, lines } = self;
        let through = lines.last().map_or(behind.last, |(sequence, ..)| *sequence);
        let mut entries = Vec::new();
        for (sequence, producer, line) in lines {
            match RecordFacts::of(&RecordLine::from_stored(line)) {
                Ok(facts) => {
                    entries.extend(facts.terms(producer.as_deref()).into_iter().map(|term| (term, sequence)));
                }
                Err(error) => {
                    let organization = behind.organization;
                    tracing::error!(%organization, sequence, error = %ErrorChain(&error), "a record can't be read, and is not indexed");
                }
            }
        }
        Share { behind, through, entries }
    }
}

const NEXT_LINES: &str = "
    SELECT sequence, producer, line FROM records
    WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3
      AND running_bytes - bytes <= $5 + (
          SELECT f.running_bytes - f.bytes FROM records f
          WHERE f.organization_id = $1 AND f.sequence > $2 ORDER BY f.sequence LIMIT 1)
    ORDER BY sequence LIMIT $4";

/// All in one statement. What an earlier version of us may have left there stays.
const INSERT_TERMS: Sql = Sql {
    sqlite: "INSERT OR IGNORE INTO activity_terms (organization, term, sequence)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1)",
    postgres: "INSERT INTO activity_terms (organization, term, sequence)
               SELECT CAST(entry ->> 0 AS BIGINT), CAST(entry ->> 1 AS BIGINT), CAST(entry ->> 2 AS BIGINT)
               FROM json_array_elements(CAST($1 AS json)) AS entries (entry)
               ON CONFLICT DO NOTHING",
};

const FORGET_TERMS: Sql = Sql {
    sqlite: "DELETE FROM activity_terms
             WHERE organization = $1 AND sequence <= $2 AND term IN (SELECT value FROM json_each($3))",
    postgres: "DELETE FROM activity_terms
               WHERE organization = $1 AND sequence <= $2
                 AND term = ANY(CAST(translate($3, '[]', '{}') AS BIGINT[]))",
};

impl Transaction {
    async fn behind_in_activity(&mut self, after: Option<OrganizationId>) -> Result<Vec<Behind>, StoreError> {
        let (appended, indexed) = fetch_one!(
            self,
            (i64, i64),
            "SELECT (SELECT CAST(COALESCE(SUM(last_sequence), 0) AS BIGINT) FROM organizations),
                    (SELECT CAST(COALESCE(SUM(through), 0) AS BIGINT) FROM activity_progress)"
        )?;
        // None is ahead of its records, so equal sums are equal everywhere.
        if appended == indexed {
            return Ok(Vec::new());
        }
        fetch_all!(
            self,
            (String, i64, i64),
            "SELECT o.id, COALESCE(p.through, 0), o.last_sequence
             FROM organizations o LEFT JOIN activity_progress p ON p.organization_id = o.id
             WHERE o.id > $1 AND o.last_sequence > COALESCE(p.through, 0) ORDER BY o.id LIMIT $2",
            after.map(|id| id.to_string()).unwrap_or_default(),
            ORGANIZATIONS_AT_ONCE
        )?
        .into_iter()
        .map(|(id, through, last)| {
            Ok(Behind { organization: parse("organizations.id", &id)?, through, last })
        })
        .collect()
    }

    /// Reads for one after the other until the step is full. Gives the others back.
    async fn next_lines(&mut self, behind: Vec<Behind>) -> Result<(Vec<Lines>, Vec<Behind>), StoreError> {
        let (mut read, mut left) = (Vec::new(), Vec::new());
        let mut room = RECORDS_A_STEP;
        for behind in behind {
            if room == 0 {
                left.push(behind);
                continue;
            }
            let lines = fetch_all!(
                self,
                (i64, Option<String>, String),
                NEXT_LINES,
                behind.organization.to_string(),
                behind.through,
                behind.last,
                i64::try_from(room).unwrap_or(i64::MAX),
                BYTES_A_STEP
            )?;
            room -= lines.len().min(room);
            read.push(Lines { behind, lines });
        }
        Ok((read, left))
    }

    async fn index(&mut self, shares: &[Share]) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for share in shares {
            // Another writer may have been here, or the retention: what is forgotten by now is not indexed.
            if let Some(number) = self.move_forward(share).await?
                && let Some(oldest) = self.oldest_record(&share.behind.organization.to_string()).await?
            {
                let kept = share.entries.iter().filter(|(_, sequence)| *sequence >= oldest);
                rows.extend(kept.map(|(term, sequence)| (number, term.get(), *sequence)));
            }
        }
        if !rows.is_empty() {
            rows.sort_unstable();
            execute!(self, INSERT_TERMS, serde_json::json!(rows).to_string())?;
        }
        Ok(())
    }

    /// Gives the organization's number, unless it is further or not as far as it was.
    async fn move_forward(&mut self, share: &Share) -> Result<Option<i64>, StoreError> {
        let organization = share.behind.organization.to_string();
        if share.behind.through == 0 {
            execute!(
                self,
                "INSERT INTO activity_progress (organization_id) VALUES ($1) ON CONFLICT DO NOTHING",
                &organization
            )?;
        }
        let moved = fetch_optional!(
            self,
            (i64,),
            "UPDATE activity_progress SET through = $3 WHERE organization_id = $1 AND through = $2 RETURNING number",
            &organization,
            share.behind.through,
            share.through
        )?;
        Ok(moved.map(|(number,)| number))
    }

    async fn oldest_record(&mut self, organization: &str) -> Result<Option<i64>, StoreError> {
        let oldest = fetch_optional!(
            self,
            (i64,),
            "SELECT sequence FROM records WHERE organization_id = $1 ORDER BY sequence LIMIT 1",
            organization
        )?;
        Ok(oldest.map(|(sequence,)| sequence))
    }

    /// Takes an organization's records from `first` to `last` out of the index; none older are in it.
    pub(super) async fn forget_terms(
        &mut self,
        organization: &str,
        first: i64,
        last: i64,
    ) -> Result<(), StoreError> {
        // Held, so that nobody indexes meanwhile what is about to go.
        let progress = holding!("SELECT number FROM activity_progress WHERE organization_id = $1");
        let Some((number,)) = fetch_optional!(self, (i64,), progress, organization)? else {
            return Ok(());
        };
        let lines = fetch_all!(
            self,
            (Option<String>, String),
            "SELECT producer, line FROM records WHERE organization_id = $1 AND sequence BETWEEN $2 AND $3",
            organization,
            first,
            last
        )?;
        let facts = lines.into_iter().filter_map(|(producer, line)| {
            // What can't be read was not indexed either.
            Some((RecordFacts::of(&RecordLine::from_stored(line)).ok()?, producer))
        });
        let terms: std::collections::BTreeSet<Term> =
            facts.flat_map(|(facts, producer)| facts.terms(producer.as_deref())).collect();
        let terms: Vec<i64> = terms.into_iter().map(Term::get).collect();
        execute!(self, FORGET_TERMS, number, last, serde_json::json!(terms).to_string())?;
        Ok(())
    }
}
