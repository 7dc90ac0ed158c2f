//! What lies between the last file and the next: the record with which collecting begins names it, so that every gap in
//! the names of files is explained by a record that is in the bucket.

use super::StoreError;
use super::database::fetch_one;
use super::transaction::{LockedOrganization, Transaction, sequence};
use crate::domain::event_catalog::LeftOut;

impl Transaction {
    /// What was stored behind everything that is delivered, or will be: discarded, expired, or never collected. Gives
    /// `None` before the first file, too: nothing is missing there.
    pub(super) async fn left_out_before(
        &mut self,
        locked: &LockedOrganization,
    ) -> Result<Option<LeftOut>, StoreError> {
        let (covered,) = fetch_one!(
            self,
            (Option<i64>,),
            "SELECT MAX(last_sequence) FROM (
                 SELECT last_sequence FROM (
                     SELECT last_sequence FROM batches
                      WHERE organization_id = $1 AND state IN ('sealed', 'delivered')
                      ORDER BY first_sequence DESC LIMIT 1
                 ) AS newest
                 UNION ALL
                 SELECT r.last_sequence FROM collection_ranges r
                   JOIN integrations i ON i.organization_id = r.organization_id
                  WHERE r.organization_id = $1 AND r.discarded_from IS NULL AND r.last_sequence > i.sealed_through
             ) AS covered",
            locked.organization.id.to_string()
        )?;
        let Some(covered) = covered.filter(|covered| *covered < locked.last_sequence) else {
            return Ok(None);
        };
        Ok(Some(LeftOut {
            first: sequence("batches.last_sequence", covered)?.next(),
            last: sequence("organizations.last_sequence", locked.last_sequence)?,
            records: (locked.last_sequence - covered).unsigned_abs(),
        }))
    }
}
