//! Failed sign-ins, counted by subject.
//!
//! Guarantees:
//! - a try is counted as failed before its password is looked at, and in the write that found that it need not wait:
//!   of many guesses at once, in however many processes, no more are let through than one after the other;
//! - a try that has to wait counts nothing;
//! - an account that does not exist is counted by the same writes.

use std::time::Duration;

use futures::FutureExt;

use super::database::{Sql, execute, fetch_one, fetch_optional, holding};
use super::sign_in_devices::Device;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::throttle::{FORGOTTEN_AFTER, SignInTry, Subject};

/// A try whose password may be looked at. It counts as failed until it is finished.
#[derive(Debug)]
pub struct CountedTry {
    subjects: Vec<Subject>,
}

/// Why a password may not be looked at. Nothing was counted.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefused {
    /// Too many tries have failed: the next is taken after so long.
    #[error("too many sign-ins have failed; the next is taken in {0:?}")]
    Wait(Duration),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Begins a sign-in: counts it as failed, unless it has to wait.
    ///
    /// # Errors
    /// It has to wait, or the store failed.
    pub async fn begin_sign_in(
        &self,
        attempt: SignInTry,
        now: Timestamp,
    ) -> Result<CountedTry, SignInRefused> {
        self.write(move |tx| {
            async move {
                let known = tx.is_known_device(&attempt).await?;
                let (subjects, mut longest) = (attempt.subjects(known), Duration::ZERO);
                for subject in &subjects {
                    longest = longest.max(tx.count_failure(subject, now).await?);
                }
                // What was counted is taken back with the transaction.
                if longest.is_zero() {
                    Ok(CountedTry { subjects })
                } else {
                    Err(SignInRefused::Wait(longest))
                }
            }
            .boxed()
        })
        .await
    }

    /// Finishes a sign-in whose password was right: takes back what it counted, with the failures before it where
    /// they are the account's own, and remembers the browser. Gives whether that was known already, to any account.
    pub async fn finish_sign_in(
        &self,
        counted: CountedTry,
        user: UserId,
        device: Device,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            async move {
                // The account comes before what is counted, as in a password reset.
                let was_known = tx.remember_device(user, device, now).await?;
                for subject in &counted.subjects {
                    if subject.is_shared() {
                        tx.take_one_failure_back(subject).await?;
                    } else {
                        tx.forget_failed_sign_ins(subject).await?;
                    }
                }
                Ok(was_known)
            }
            .boxed()
        })
        .await
    }

    /// Forgets the failures of long ago.
    pub async fn forget_old_failed_sign_ins(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = (now - FORGOTTEN_AFTER).as_millis();
        self.write(move |tx| async move { execute!(tx, FORGET_OLD, before).map(drop) }.boxed()).await
    }
}

/// Rows that somebody is just counting in are left for the next time: many rows taken in any order would make a circle
/// with those who take a few.
const FORGET_OLD: Sql = Sql {
    sqlite: "DELETE FROM sign_in_failures WHERE last_failed_at < $1",
    postgres: "DELETE FROM sign_in_failures WHERE subject_hash IN (
                   SELECT subject_hash FROM sign_in_failures WHERE last_failed_at < $1 FOR UPDATE SKIP LOCKED
               )",
};

impl Transaction {
    /// Counts a failure and holds its row. Gives how long the try had to wait for those before it. Whoever counts for
    /// several subjects does so in their order.
    async fn count_failure(&mut self, subject: &Subject, now: Timestamp) -> Result<Duration, StoreError> {
        let (failures, last) = fetch_one!(
            self,
            (i64, i64),
            "INSERT INTO sign_in_failures (subject_hash, failures, last_failed_at) VALUES ($1, 1, $2)
             ON CONFLICT (subject_hash) DO UPDATE SET failures = sign_in_failures.failures + 1
             RETURNING failures, last_failed_at",
            subject.hash().to_vec(),
            now.as_millis()
        )?;
        // The time of the one before is known now, and the row is held: this one's is set.
        execute!(
            self,
            "UPDATE sign_in_failures SET last_failed_at = $2 WHERE subject_hash = $1",
            subject.hash().to_vec(),
            now.as_millis()
        )?;
        let before = u32::try_from(failures - 1).unwrap_or(u32::MAX);
        Ok(subject.wait(before, Timestamp::from_millis(last), now))
    }

    async fn take_one_failure_back(&mut self, subject: &Subject) -> Result<(), StoreError> {
        let counted = holding!("SELECT failures FROM sign_in_failures WHERE subject_hash = $1");
        match fetch_optional!(self, (i64,), counted, subject.hash().to_vec())? {
            None => Ok(()),
            Some((1,)) => self.forget_failed_sign_ins(subject).await,
            Some(_) => execute!(
                self,
                "UPDATE sign_in_failures SET failures = failures - 1 WHERE subject_hash = $1",
                subject.hash().to_vec()
            )
            .map(drop),
        }
    }

    pub(super) async fn forget_failed_sign_ins(&mut self, subject: &Subject) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM sign_in_failures WHERE subject_hash = $1", subject.hash().to_vec())?;
        Ok(())
    }
}
