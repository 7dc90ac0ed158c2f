//! Sealing: ended windows become batches, and so does what somebody asked for before its window's end. A batch's members
//! never change after that, and it never crosses a window or a collection range.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_one, fetch_optional, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::{BatchId, OrganizationId};
use crate::domain::window::{SealSpread, Window, WindowLength};

/// A batch holds at most this many bytes of records; a longer window is split.
const BATCH_BYTES: i64 = 64 * 1024 * 1024;
/// One sealing transaction stays short.
const BATCHES_PER_TRANSACTION: usize = 64;

/// A run of unsealed records and how it is to be sealed.
#[derive(sqlx::FromRow)]
struct UnsealedRow {
    range_id: String,
    first_sequence: i64,
    last_sequence: i64,
    recorded_at: i64,
    bytes_before: i64,
    window_minutes: i64,
    deliver_through: i64,
    /// Where a stop cuts: what comes after it is discarded with the stop's end, or sealed once it is given up.
    cut: Option<i64>,
    format: String,
    compression: String,
}

impl Store {
    /// Turns the ended windows of every organization into batches, and rings if there are any.
    ///
    /// # Errors
    /// The first organization's that could not be sealed; the others are sealed all the same.
    pub async fn seal(&self, spread: SealSpread) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for organization in self.organizations_with_ended_windows(spread).await? {
            if let Err(error) = self.seal_all_of(organization, spread).await {
                tracing::error!(%organization, %error, "an organization's windows are not sealed");
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    async fn seal_all_of(&self, organization: OrganizationId, spread: SealSpread) -> Result<(), StoreError> {
        loop {
            let made = self.seal_organization(organization, spread).await?;
            if made > 0 {
                self.ring();
            }
            if made < BATCHES_PER_TRANSACTION {
                return Ok(());
            }
        }
    }

    /// Windows divide the hour, so they are multiples of their length since the Unix epoch.
    async fn organizations_with_ended_windows(
        &self,
        spread: SealSpread,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let ended = self
            .read(move |tx| {
                async move {
                    fetch_all!(
                        tx,
                        (String, i64, i64, i64),
                        "SELECT i.organization_id, MIN(record.recorded_at), i.window_minutes,
                                CAST(MAX(CASE WHEN record.sequence <= i.deliver_through THEN 1 ELSE 0 END) AS BIGINT)
                         FROM integrations i
                         JOIN organizations o ON o.id = i.organization_id
                         JOIN collection_ranges r ON r.organization_id = i.organization_id
                         JOIN records record ON record.organization_id = r.organization_id
                          AND record.sequence = CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                                                     ELSE i.sealed_through + 1 END
                         LEFT JOIN stops s ON s.organization_id = r.organization_id
                         WHERE i.configured = 1 AND r.discarded_from IS NULL
                           AND (s.cut IS NULL OR record.sequence <= s.cut)
                           AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through
                           AND (CASE WHEN i.window_minutes > 0
                                     THEN (record.recorded_at / (i.window_minutes * 60000) + 1) * i.window_minutes * 60000
                                     ELSE 0 END <= $1
                                OR record.sequence <= i.deliver_through)
                         GROUP BY i.organization_id, i.window_minutes ORDER BY i.organization_id",
                        tx.clock.now().as_millis()
                    )
                }
                .boxed()
            })
            .await?;
        let now = self.clock.now();
        let mut due = Vec::new();
        for (id, recorded_at, minutes, asked_for) in ended {
            let organization: OrganizationId = parse("integrations.organization_id", &id)?;
            let has_ended = |length| {
                let window = Window::containing(Timestamp::from_millis(recorded_at), length);
                window.end() + spread.offset(organization, length) <= now
            };
            let length = parse::<WindowLength>("integrations.window_minutes", &minutes.to_string());
            // What can't be read fails when it is sealed, and keeps nobody else from their turn.
            if asked_for == 1 || length.map_or(true, has_ended) {
                due.push(organization);
            }
        }
        Ok(due)
    }

    async fn seal_organization(
        &self,
        organization: OrganizationId,
        spread: SealSpread,
    ) -> Result<usize, StoreError> {
        self.write(move |tx| {
            async move {
                // Disabling, removing and updating hold the same row: what is sealed here is what they see.
                let Some(locked) = tx.lock_organization(organization).await? else { return Ok(0) };
                let mut made = 0;
                // By the clock that stamped the records: what comes after this lies in no window that ended before.
                while made < BATCHES_PER_TRANSACTION
                    && tx.seal_next(organization, spread, locked.taken_at).await?
                {
                    made += 1;
                }
                Ok(made)
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    /// Seals the oldest unsealed window of an organization, or as much of it as a batch holds. Gives `false`
    /// when there is none that has ended.
    async fn seal_next(
        &mut self,
        organization: OrganizationId,
        spread: SealSpread,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(unsealed) = self.first_unsealed(organization).await? else { return Ok(false) };
        let length: WindowLength = parse("window_minutes", &unsealed.window_minutes.to_string())?;
        let window = Window::containing(Timestamp::from_millis(unsealed.recorded_at), length);
        let has_ended = window.end() + spread.offset(organization, length) <= now;
        let furthest = if has_ended { unsealed.last_sequence } else { unsealed.deliver_through };
        let furthest = furthest.min(unsealed.last_sequence).min(unsealed.cut.unwrap_or(i64::MAX));
        if furthest < unsealed.first_sequence {
            return Ok(false);
        }
        let (last, running) = self.last_of_batch(organization, &unsealed, &window, furthest).await?;
        execute!(
            self,
            "INSERT INTO batches (id, organization_id, range_id, window_start, window_minutes, first_sequence,
                                  last_sequence, records, bytes, format, compression, state, sealed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'sealed', $12)",
            BatchId::generate(&self.clock, &self.entropy).to_string(),
            organization.to_string(),
            unsealed.range_id,
            window.start().as_millis(),
            unsealed.window_minutes,
            unsealed.first_sequence,
            last,
            last - unsealed.first_sequence + 1,
            running - unsealed.bytes_before,
            unsealed.format,
            unsealed.compression,
            now.as_millis(),
        )?;
        execute!(
            self,
            "UPDATE integrations SET sealed_through = $2 WHERE organization_id = $1",
            organization.to_string(),
            last
        )?;
        Ok(true)
    }

    /// The first unsealed record of a collection range, with how far the range goes.
    async fn first_unsealed(
        &mut self,
        organization: OrganizationId,
    ) -> Result<Option<UnsealedRow>, StoreError> {
        fetch_optional!(
            self,
            UnsealedRow,
            "SELECT r.id AS range_id, record.sequence AS first_sequence,
                    COALESCE(r.last_sequence, o.last_sequence) AS last_sequence,
                    record.recorded_at, record.running_bytes - record.bytes AS bytes_before,
                    i.window_minutes, i.deliver_through, s.cut, i.format, i.compression
             FROM collection_ranges r
             JOIN integrations i ON i.organization_id = r.organization_id
             JOIN organizations o ON o.id = r.organization_id
             JOIN records record ON record.organization_id = r.organization_id
              AND record.sequence = CASE WHEN r.first_sequence > i.sealed_through THEN r.first_sequence
                                         ELSE i.sealed_through + 1 END
             LEFT JOIN stops s ON s.organization_id = r.organization_id
             WHERE r.organization_id = $1 AND i.configured = 1 AND r.discarded_from IS NULL
               AND COALESCE(r.last_sequence, o.last_sequence) > i.sealed_through
             ORDER BY r.first_sequence LIMIT 1",
            organization.to_string()
        )
    }

    /// The last record that belongs into the batch, and the running total with it: up to `furthest`, within the window
    /// and the batch's size, but always at least one record.
    async fn last_of_batch(
        &mut self,
        organization: OrganizationId,
        unsealed: &UnsealedRow,
        window: &Window,
        furthest: i64,
    ) -> Result<(i64, i64), StoreError> {
        // Time never runs back along the sequence, so the index by time finds the window's last record at once.
        let (in_window,) = fetch_one!(
            self,
            (i64,),
            "SELECT sequence FROM records WHERE organization_id = $1 AND recorded_at < $2
             ORDER BY recorded_at DESC, sequence DESC LIMIT 1",
            organization.to_string(),
            window.end().as_millis(),
        )?;
        let most = unsealed.bytes_before + BATCH_BYTES;
        let mut last = in_window.min(furthest);
        let mut running = self.running_bytes(organization, last).await?;
        if running > most {
            (last, running) = self.last_within(organization, unsealed.first_sequence, last, most).await?;
        }
        Ok((last, running))
    }

    /// The last record from `first` to `beyond` whose running total is at most `most`, by bisection; `first` in any
    /// case.
    async fn last_within(
        &mut self,
        organization: OrganizationId,
        first: i64,
        beyond: i64,
        most: i64,
    ) -> Result<(i64, i64), StoreError> {
        let (mut fits, mut beyond) = (first, beyond);
        let mut running = self.running_bytes(organization, first).await?;
        while beyond - fits > 1 {
            let middle = fits + (beyond - fits) / 2;
            let total = self.running_bytes(organization, middle).await?;
            if total <= most {
                (fits, running) = (middle, total);
            } else {
                beyond = middle;
            }
        }
        Ok((fits, running))
    }

    async fn running_bytes(
        &mut self,
        organization: OrganizationId,
        sequence: i64,
    ) -> Result<i64, StoreError> {
        let (total,) = fetch_one!(
            self,
            (i64,),
            "SELECT running_bytes FROM records WHERE organization_id = $1 AND sequence = $2",
            organization.to_string(),
            sequence
        )?;
        Ok(total)
    }
}
