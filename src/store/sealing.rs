//! Sealing: ended windows become batches, and so does what somebody asked for before its window's end. A batch's members
//! never change after that, and it never crosses a window or a collection range.
//!
//! A record's time never runs back along the sequence. After the clock did, records are stamped with the time that it
//! had reached, until it has caught up. Those that are far ahead for this reason are taken as stored now, and sealed
//! with the window that now lies in: once in each window, so that they neither wait for hours nor come one by one.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use super::database::{execute, fetch_all, fetch_one, fetch_optional, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::error_chain::ErrorChain;
use crate::domain::id::{BatchId, OrganizationId};
use crate::domain::window::{SealSpread, Window, WindowLength};
use crate::metrics::StoreOperation;

/// A batch holds at most this many bytes of records; a longer window is split.
const BATCH_BYTES: i64 = 64 * 1024 * 1024;
/// A record that was stored in a time so far ahead counts as stored now.
const FAR_AHEAD: Duration = Duration::from_secs(5 * 60);
/// What was asked for is looked for so often, should nobody ring.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const ORGANIZATIONS_PER_RING: usize = 100;
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

/// Where something may be sealed.
struct Unsealed {
    due: Vec<OrganizationId>,
    look_again_at: Timestamp,
}

/// The window that a run of records is sealed into, and how far the run may go.
struct Slot {
    window: Window,
    has_ended: bool,
    /// The last record that lies in the window, or in none that is over by then.
    through: i64,
}

impl Store {
    /// Turns the ended windows of every organization into batches, and rings if there are any. Gives when to look
    /// again: before that nothing is due, unless somebody asks for it.
    ///
    /// # Errors
    /// The first organization's that could not be sealed; the others are sealed all the same.
    pub async fn seal(&self, spread: SealSpread) -> Result<Timestamp, StoreError> {
        let begun = Instant::now();
        let sealed = self.seal_a_round(spread).await;
        self.metrics.took(StoreOperation::Seal, begun.elapsed());
        sealed
    }

    async fn seal_a_round(&self, spread: SealSpread) -> Result<Timestamp, StoreError> {
        let unsealed = self.organizations_with_ended_windows(spread).await?;
        let mut outcome = Ok(unsealed.look_again_at);
        if unsealed.due.is_empty() {
            return outcome;
        }
        for (place, organization) in unsealed.due.into_iter().enumerate() {
            // The first of many need not wait for the last; each by itself would wake everybody too often.
            if place % ORGANIZATIONS_PER_RING == 1 {
                self.ring();
            }
            if let Err(error) = self.seal_all_of(organization, spread).await {
                tracing::error!(%organization, error = %ErrorChain(&error), "an organization's windows are not sealed");
                outcome = outcome.and(Err(error));
            }
        }
        self.ring();
        outcome
    }

    async fn seal_all_of(&self, organization: OrganizationId, spread: SealSpread) -> Result<(), StoreError> {
        loop {
            let made = self.seal_organization(organization, spread).await?;
            self.metrics.sealed_batches.inc_by(made as u64);
            if made < BATCHES_PER_TRANSACTION {
                return Ok(());
            }
        }
    }

    /// Windows divide the hour, so they are multiples of their length since the Unix epoch.
    async fn organizations_with_ended_windows(&self, spread: SealSpread) -> Result<Unsealed, StoreError> {
        let now = self.clock.now();
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
                                OR record.sequence <= i.deliver_through OR record.recorded_at > $2)
                         GROUP BY i.organization_id, i.window_minutes ORDER BY 4 DESC, i.organization_id",
                        now.as_millis(),
                        (now + FAR_AHEAD).as_millis()
                    )
                }
                .boxed()
            })
            .await?;
        let next_minute = Window::containing(now, WindowLength::SHORTEST).end();
        let mut unsealed = Unsealed { due: Vec::new(), look_again_at: next_minute.min(now + LOOK_AGAIN) };
        for (id, recorded_at, minutes, asked_for) in ended {
            let Ok(organization) = parse::<OrganizationId>("integrations.organization_id", &id) else {
                tracing::error!(id, "an organization's id can't be read: its windows are not sealed");
                continue;
            };
            let length = parse::<WindowLength>("integrations.window_minutes", &minutes.to_string());
            let recorded_at = Timestamp::from_millis(recorded_at);
            // What can't be read fails when it is sealed, and keeps nobody else from their turn.
            let due_at = length.map_or(now, |length| {
                Window::containing(recorded_at, length).end() + spread.offset(organization, length)
            });
            if asked_for == 1 || is_far_ahead(recorded_at, now) || due_at <= now {
                unsealed.due.push(organization);
            } else {
                unsealed.look_again_at = unsealed.look_again_at.min(due_at);
            }
        }
        Ok(unsealed)
    }

    async fn seal_organization(
        &self,
        organization: OrganizationId,
        spread: SealSpread,
    ) -> Result<usize, StoreError> {
        self.write(move |tx| {
            async move {
                // Disabling, removing and updating hold the same row: what is sealed here is what they see.
                let Some(locked) = tx.lock_organization_even_if_closed(organization).await? else {
                    return Ok(0);
                };
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
        let offset = spread.offset(organization, length);
        let Slot { window, has_ended, through } =
            if is_far_ahead(Timestamp::from_millis(unsealed.recorded_at), now) {
                self.slot_of_now(organization, &unsealed, length, offset, now).await?
            } else {
                self.slot_by_time(organization, &unsealed, length, offset, now).await?
            };
        let furthest = if has_ended { through } else { through.min(unsealed.deliver_through) };
        let furthest = furthest.min(unsealed.cut.unwrap_or(i64::MAX));
        if furthest < unsealed.first_sequence {
            return Ok(false);
        }
        let (last, running) = self.last_of_batch(organization, &unsealed, furthest).await?;
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
            "UPDATE integrations SET sealed_through = $2, due_at = COALESCE(due_at, $3) WHERE organization_id = $1",
            organization.to_string(),
            last,
            now.as_millis()
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

    async fn slot_by_time(
        &mut self,
        organization: OrganizationId,
        unsealed: &UnsealedRow,
        length: WindowLength,
        offset: Duration,
        now: Timestamp,
    ) -> Result<Slot, StoreError> {
        let window = Window::containing(Timestamp::from_millis(unsealed.recorded_at), length);
        // Time never runs back along the sequence, so the index by time finds the window's last record at once.
        let (in_window,) = fetch_one!(
            self,
            (i64,),
            "SELECT sequence FROM records WHERE organization_id = $1 AND recorded_at < $2
             ORDER BY recorded_at DESC, sequence DESC LIMIT 1",
            organization.to_string(),
            window.end().as_millis(),
        )?;
        Ok(Slot {
            window,
            has_ended: window.end() + offset <= now,
            through: in_window.min(unsealed.last_sequence),
        })
    }

    /// For records that are far ahead: the window of now, as if it had ended, unless something was sealed in it before.
    async fn slot_of_now(
        &mut self,
        organization: OrganizationId,
        unsealed: &UnsealedRow,
        length: WindowLength,
        offset: Duration,
        now: Timestamp,
    ) -> Result<Slot, StoreError> {
        let window = Window::containing(now, length);
        let sealed = fetch_optional!(
            self,
            (i64,),
            "SELECT sealed_at FROM batches WHERE organization_id = $1 AND sealed_at < $2
             ORDER BY first_sequence DESC LIMIT 1",
            organization.to_string(),
            now.as_millis()
        )?;
        let is_first = sealed.is_none_or(|(at,)| at < window.start().as_millis());
        Ok(Slot {
            window,
            has_ended: is_first && window.start() + offset <= now,
            through: unsealed.last_sequence,
        })
    }

    /// The last record that belongs into the batch, and the running total with it: up to `furthest` and within the
    /// batch's size, but always at least one record.
    async fn last_of_batch(
        &mut self,
        organization: OrganizationId,
        unsealed: &UnsealedRow,
        furthest: i64,
    ) -> Result<(i64, i64), StoreError> {
        let most = unsealed.bytes_before + BATCH_BYTES;
        let mut last = furthest;
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

fn is_far_ahead(recorded_at: Timestamp, now: Timestamp) -> bool {
    recorded_at > now + FAR_AHEAD
}
