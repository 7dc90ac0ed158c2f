//! Failed sign-ins, counted by subject.

use std::time::Duration;

use futures::FutureExt;

use super::database::{execute, fetch_optional};
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

    /// Forgets the failures of a subject that signed in, or of all that failed long ago.
    pub async fn forget_failed_sign_ins(
        &self,
        subject: Option<Subject>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |tx| async move { tx.forget_failed_sign_ins(subject, now).await }.boxed()).await
    }
}

impl Transaction {
    pub(super) async fn forget_failed_sign_ins(
        &mut self,
        subject: Option<Subject>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "DELETE FROM sign_in_failures WHERE subject_hash = $1 OR last_failed_at < $2",
            subject.map(|subject| subject.hash().to_vec()),
            (now - FORGOTTEN_AFTER).as_millis()
        )?;
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
