//! Failed sign-ins, counted by subject.

use std::time::Duration;

use futures::FutureExt;

use super::database::{Sql, execute, fetch_optional};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::throttle::{FORGOTTEN_AFTER, Subject};

impl Store {
    /// How long the next sign-in of any of these subjects has to wait.
    pub async fn sign_in_wait(&self, subjects: Vec<Subject>, now: Timestamp) -> Result<Duration, StoreError> {
        self.read(move |tx| {
            async move {
                let mut longest = Duration::ZERO;
                for subject in subjects {
                    if let Some((failures, last)) = tx.failures_of(&subject).await? {
                        longest = longest.max(subject.wait(failures, last, now));
                    }
                }
                Ok(longest)
            }
            .boxed()
        })
        .await
    }

    /// Counts a failed sign-in for each subject.
    pub async fn count_failed_sign_in(
        &self,
        subjects: Vec<Subject>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                for subject in subjects {
                    execute!(
                        tx,
                        "INSERT INTO sign_in_failures (subject_hash, failures, last_failed_at) VALUES ($1, 1, $2)
                         ON CONFLICT (subject_hash) DO UPDATE SET failures = sign_in_failures.failures + 1,
                                                                  last_failed_at = $2",
                        subject.hash().to_vec(),
                        now.as_millis()
                    )?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// Forgets the failures of a subject that signed in.
    pub async fn forget_failed_sign_ins(&self, subject: Subject) -> Result<(), StoreError> {
        self.write(move |tx| async move { tx.forget_failed_sign_ins(&subject).await }.boxed()).await
    }

    /// Forgets the failures of long ago.
    pub async fn forget_old_failed_sign_ins(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = (now - FORGOTTEN_AFTER).as_millis();
        self.write(move |tx| async move { execute!(tx, FORGET_OLD, before).map(drop) }.boxed()).await
    }
}

/// Rows that somebody is just counting in are left for the next time: many rows taken in any order would make a circle
/// with those who take two.
const FORGET_OLD: Sql = Sql {
    sqlite: "DELETE FROM sign_in_failures WHERE last_failed_at < $1",
    postgres: "DELETE FROM sign_in_failures WHERE subject_hash IN (
                   SELECT subject_hash FROM sign_in_failures WHERE last_failed_at < $1 FOR UPDATE SKIP LOCKED
               )",
};

impl Transaction {
    pub(super) async fn forget_failed_sign_ins(&mut self, subject: &Subject) -> Result<(), StoreError> {
        execute!(self, "DELETE FROM sign_in_failures WHERE subject_hash = $1", subject.hash().to_vec())?;
        Ok(())
    }

    async fn failures_of(&mut self, subject: &Subject) -> Result<Option<(u32, Timestamp)>, StoreError> {
        let row = fetch_optional!(
            self,
            (i64, i64),
            "SELECT failures, last_failed_at FROM sign_in_failures WHERE subject_hash = $1",
            subject.hash().to_vec()
        )?;
        Ok(row.map(|(failures, last)| {
            (u32::try_from(failures).unwrap_or(u32::MAX), Timestamp::from_millis(last))
        }))
    }
}
