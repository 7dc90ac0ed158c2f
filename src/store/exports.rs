//! Records taken out of Activity: what is in an export is fixed, and recorded, before the first record is read.
//!
//! Guarantees:
//! - an export holds what was stored before its own record, and nothing later, however long it takes;
//! - it is read in portions of a bounded size, each by itself: nothing is held between them;
//! - what the retention forgets meanwhile is not in it any more.

use std::collections::VecDeque;

use futures::FutureExt;

use super::activity::{ActivityRecord, Direction, Portion, Span};
use super::database::{fetch_all, fetch_optional};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::activity::ActivityFilter;
use crate::domain::caller::Caller;
use crate::domain::event_catalog;
use crate::domain::export::{ExportFormat, ExportScope, NewExport};
use crate::domain::id::{BatchId, OrganizationId, UserId};
use crate::domain::membership::Role;

const PORTION: Portion = Portion { records: 500, bytes: 1024 * 1024 };

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportRefused {
    /// The role may not, by now.
    #[error("only an owner may export records")]
    NotAnOwner,
    /// There is no such file, or nothing that waits. Nothing is recorded.
    #[error("there is nothing to export")]
    Nothing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An export under way: what is left of it.
#[derive(Clone, Debug)]
pub struct Export {
    /// What the file is called.
    pub file_name: String,
    organization: OrganizationId,
    filter: ActivityFilter,
    /// In order; the first is under way.
    spans: VecDeque<Span>,
}

impl Store {
    /// Begins an export, and records it.
    ///
    /// # Errors
    /// `user` is no owner of the organization any more, or there is nothing to export.
    pub async fn begin_export(
        &self,
        caller: Caller,
        user: UserId,
        organization: OrganizationId,
        scope: ExportScope,
        format: ExportFormat,
    ) -> Result<Export, ExportRefused> {
        self.write(move |tx| {
            async move { tx.begin_export(&caller, user, organization, scope, format).await }.boxed()
        })
        .await
    }

    /// The next records of an export, oldest first, and what is left of it. There may be none of the first and
    /// something of the second.
    pub async fn continue_export(
        &self,
        export: Export,
    ) -> Result<(Vec<ActivityRecord>, Option<Export>), StoreError> {
        self.read(move |tx| async move { tx.continue_export(export).await }.boxed()).await
    }
}

impl Transaction {
    async fn begin_export(
        &mut self,
        caller: &Caller,
        user: UserId,
        organization: OrganizationId,
        scope: ExportScope,
        format: ExportFormat,
    ) -> Result<Export, ExportRefused> {
        let locked = self.lock_organization(organization).await?;
        let mut locked = locked.ok_or(ExportRefused::NotAnOwner)?;
        if self.role(organization, user).await? != Some(Role::Owner) {
            return Err(ExportRefused::NotAnOwner);
        }
        let through = locked.last_sequence;
        let spans = match &scope {
            ExportScope::Filter(_) => VecDeque::from([Span { first: 1, last: through }]),
            ExportScope::Pending => self.pending_spans(organization).await?,
            ExportScope::Delivery(batch) => self.span_of_a_batch(organization, *batch).await?,
        };
        if spans.is_empty() {
            return Err(ExportRefused::Nothing);
        }
        let new = NewExport::new(&scope, format, self.clock.now()).up_to(through);
        self.append_event(&mut locked, caller, event_catalog::create_export(&new)).await?;
        let filter = match scope {
            ExportScope::Filter(filter) => filter,
            ExportScope::Pending | ExportScope::Delivery(_) => ActivityFilter::default(),
        };
        Ok(Export { file_name: new.file_name, organization, filter, spans })
    }

    async fn continue_export(
        &mut self,
        mut export: Export,
    ) -> Result<(Vec<ActivityRecord>, Option<Export>), StoreError> {
        let Some(span) = export.spans.pop_front() else { return Ok((Vec::new(), None)) };
        let place = self.place(export.organization, &export.filter).await?;
        let found =
            self.search(&place, &export.filter, span.within(place.span), Direction::Newer, PORTION).await?;
        if let Some(reached) = found.reached {
            export.spans.push_front(Span { first: reached + 1, ..span });
        }
        let left = (!export.spans.is_empty()).then_some(export);
        Ok((found.records, left))
    }

    /// What waits in a batch, and of each collection range what is in no batch yet.
    async fn pending_spans(&mut self, organization: OrganizationId) -> Result<VecDeque<Span>, StoreError> {
        let pending = fetch_all!(
            self,
            (i64, i64),
            "SELECT first_sequence, last_sequence FROM batches
              WHERE organization_id = $1 AND state = 'sealed'
             UNION ALL
             SELECT CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                         ELSE i.sealed_through + 1 END,
                    COALESCE(r.last_sequence, o.last_sequence)
               FROM collection_ranges r
               JOIN integrations i ON i.organization_id = r.organization_id
               JOIN organizations o ON o.id = r.organization_id
              WHERE r.organization_id = $1 AND r.discarded_from IS NULL
                AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through
             ORDER BY 1",
            organization.to_string()
        )?;
        let mut spans: VecDeque<Span> = VecDeque::new();
        for (first, last) in pending {
            match spans.back_mut() {
                Some(before) if before.last + 1 == first => before.last = last,
                _ => spans.push_back(Span { first, last }),
            }
        }
        Ok(spans)
    }

    async fn span_of_a_batch(
        &mut self,
        organization: OrganizationId,
        batch: BatchId,
    ) -> Result<VecDeque<Span>, StoreError> {
        let span = fetch_optional!(
            self,
            (i64, i64),
            "SELECT first_sequence, last_sequence FROM batches WHERE id = $1 AND organization_id = $2",
            batch.to_string(),
            organization.to_string()
        )?;
        Ok(span.into_iter().map(|(first, last)| Span { first, last }).collect())
    }
}
