//! Group commit: requests of producers that wait at the same time share one commit, because the disk's sync is what
//! an append costs. Each request is a SAVEPOINT: one that is refused takes back only itself, and none is
//! acknowledged before the commit that holds it.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::database::{Database, execute};
use super::records::{IngestError, Ingested};
use super::transaction::{Transaction, in_its_own_task};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::credential::ProducerName;
use crate::domain::submission::SubmittedRecord;

/// Requests that may wait; a further one waits to wait.
const QUEUE: usize = 256;
/// One commit holds at most about so many records, so that other writers get their turn.
const RECORDS_PER_COMMIT: usize = 10_000;

/// A request of a producer on its way into the books.
struct Request {
    work: Work,
    reply: oneshot::Sender<Result<Ingested, IngestError>>,
}

/// What a request asks for.
struct Work {
    producer: ProducerName,
    submitted: Vec<SubmittedRecord>,
}

/// Where requests queue for a commit. Clones share the queue.
#[derive(Clone, Debug)]
pub(super) struct Ingestion(mpsc::Sender<Request>);

impl Ingestion {
    /// Starts the task that commits. It ends with the last clone of the queue.
    pub(super) fn start(database: Database, clock: Clock, entropy: Entropy) -> Ingestion {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            while let Some(first) = waiting.recv().await {
                let group = group(first, &mut waiting);
                commit_together(&database, &clock, &entropy, group).await;
            }
        });
        Ingestion(queue)
    }

    /// Stores a request. Once this gives `Ok`, the records are durable.
    pub(super) async fn store(
        &self,
        producer: ProducerName,
        submitted: Vec<SubmittedRecord>,
    ) -> Result<Ingested, IngestError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { work: Work { producer, submitted }, reply };
        self.0.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// The first request and those that wait behind it.
fn group(first: Request, waiting: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut records = first.work.submitted.len();
    let mut group = vec![first];
    while records < RECORDS_PER_COMMIT {
        let Ok(next) = waiting.try_recv() else { break };
        records += next.work.submitted.len();
        group.push(next);
    }
    group
}

/// Commits a group and answers each of its requests. A failure of the store itself fails all of them: nobody knows
/// what is left of the transaction.
async fn commit_together(database: &Database, clock: &Clock, entropy: &Entropy, group: Vec<Request>) {
    let (replies, work): (Vec<_>, Vec<_>) =
        group.into_iter().map(|request| (request.reply, request.work)).unzip();
    // In a task of its own: a panic costs this group its commit, and no other.
    let applied = in_its_own_task(apply(database.clone(), clock.clone(), entropy.clone(), work)).await;
    let answers: Vec<Result<Ingested, IngestError>> = match applied {
        Ok(results) => results,
        Err(error) => {
            let error = Arc::new(error);
            replies.iter().map(|_| Err(StoreError::Group(Arc::clone(&error)).into())).collect()
        }
    };
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Who has gone away gets no answer; what was stored stays stored.
        let _ = reply.send(answer);
    }
}

async fn apply(
    database: Database,
    clock: Clock,
    entropy: Entropy,
    work: Vec<Work>,
) -> Result<Vec<Result<Ingested, IngestError>>, StoreError> {
    let connection = database.begin_write().await?;
    let mut transaction = Transaction { connection, clock, entropy };
    let mut results = Vec::with_capacity(work.len());
    for request in work {
        match transaction.ingest_apart(request).await {
            Ok(result) => results.push(result),
            Err(error) => {
                transaction.connection.roll_back().await;
                return Err(error);
            }
        }
    }
    transaction.connection.commit().await?;
    Ok(results)
}

impl Transaction {
    /// Ingests one request so that a refusal takes back only its own records.
    async fn ingest_apart(
        &mut self,
        Work { producer, submitted }: Work,
    ) -> Result<Result<Ingested, IngestError>, StoreError> {
        execute!(self, "SAVEPOINT request")?;
        let result = match self.ingest(&producer, submitted).await {
            Err(IngestError::Store(error)) => return Err(error),
            result => result,
        };
        if result.is_err() {
            execute!(self, "ROLLBACK TO SAVEPOINT request")?;
        }
        execute!(self, "RELEASE SAVEPOINT request")?;
        Ok(result)
    }
}
