//! Group commit: requests of producers that wait at the same time share one commit, because the disk's sync is what
//! an append costs.
//!
//! Guarantees:
//! - each request is stored whole or not at all: it is decided before anything is written, so that one that is
//!   refused leaves no trace in the commit that it shares;
//! - none is acknowledged before the commit that holds it;
//! - an organization's requests go through one queue; where an engine commits in parallel, others have theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::database::{Database, Sql, fetch_each, parse};
use super::records::{IngestError, Ingested};
use super::transaction::{Entry, LockedOrganization, Numbered, Transaction, in_its_own_task};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::credential::ProducerName;
use crate::domain::id::{OrganizationId, RecordId};
use crate::domain::submission::SubmittedRecord;

/// Requests that may wait in a queue; a further one waits to wait.
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

/// Where requests queue for a commit. Clones share the queues.
#[derive(Clone, Debug)]
pub(super) struct Ingestion(Arc<[mpsc::Sender<Request>]>);

impl Ingestion {
    /// Starts the tasks that commit. They end with the last clone of the queues.
    pub(super) fn start(database: &Database, clock: &Clock, entropy: &Entropy) -> Ingestion {
        let queue = |_| {
            let (queue, mut waiting) = mpsc::channel(QUEUE);
            let (database, clock, entropy) = (database.clone(), clock.clone(), entropy.clone());
            tokio::spawn(async move {
                while let Some(first) = waiting.recv().await {
                    let group = group(first, &mut waiting);
                    commit_together(&database, &clock, &entropy, group).await;
                }
            });
            queue
        };
        Ingestion((0..database.commits_at_once()).map(queue).collect())
    }

    /// Stores a request. Once this gives `Ok`, the records are durable.
    pub(super) async fn store(
        &self,
        producer: ProducerName,
        submitted: Vec<SubmittedRecord>,
    ) -> Result<Ingested, IngestError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue_of(&submitted);
        let request = Request { work: Work { producer, submitted }, reply };
        queue.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// A request that names several organizations goes with the first: it takes their rows all the same.
    fn queue_of(&self, submitted: &[SubmittedRecord]) -> &mpsc::Sender<Request> {
        let first = submitted.first().map_or(0, |record| record.organization_id().as_uuid().as_u128());
        let queues = self.0.len();
        &self.0[usize::try_from(first % queues as u128).unwrap_or_default()]
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
    match transaction.ingest(work).await {
        Ok(results) => {
            transaction.connection.commit().await?;
            Ok(results)
        }
        Err(error) => {
            transaction.connection.roll_back().await;
            Err(error)
        }
    }
}

/// What tells a record from every other.
type RecordKey = (OrganizationId, RecordId);
/// SHA-256 of what a producer sent; `None` for a record that no producer sent.
type Digest = Option<[u8; 32]>;

/// The organizations that a group names, and those of its ids that are taken.
struct Books {
    organizations: BTreeMap<OrganizationId, LockedOrganization>,
    taken: HashMap<RecordKey, Digest>,
}

impl Transaction {
    async fn ingest(&mut self, work: Vec<Work>) -> Result<Vec<Result<Ingested, IngestError>>, StoreError> {
        let submitted = || work.iter().flat_map(|request| &request.submitted);
        let organizations = submitted().map(SubmittedRecord::organization_id).collect();
        let keys: Vec<_> =
            submitted().filter_map(|record| Some((record.organization_id(), record.id()?))).collect();
        let mut books = Books {
            organizations: self.lock_organizations(organizations).await?,
            taken: self.digests_of(&keys).await?,
        };
        let mut numbered = Vec::new();
        let results =
            work.into_iter().map(|request| self.decide(&mut books, request, &mut numbered)).collect();
        if !numbered.is_empty() {
            self.insert_records(&numbered).await?;
            for organization in books.organizations.values() {
                self.save_totals(organization).await?;
            }
        }
        Ok(results)
    }

    /// In id order, so that two groups never wait for each other.
    async fn lock_organizations(
        &mut self,
        ids: BTreeSet<OrganizationId>,
    ) -> Result<BTreeMap<OrganizationId, LockedOrganization>, StoreError> {
        let mut locked = BTreeMap::new();
        for id in ids {
            if let Some(organization) = self.lock_organization(id).await? {
                locked.insert(id, organization);
            }
        }
        Ok(locked)
    }

    /// Of these records, the digests of those that are stored.
    async fn digests_of(&mut self, keys: &[RecordKey]) -> Result<HashMap<RecordKey, Digest>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = fetch_each!(
            self,
            (String, String, Option<Vec<u8>>),
            keys,
            STORED_DIGESTS,
            |key| key.0.to_string(),
            key.1.to_string(),
        )?;
        rows.into_iter()
            .map(|(organization, record, digest)| {
                let key =
                    (parse("records.organization_id", &organization)?, parse("records.record_id", &record)?);
                Ok((key, digest.and_then(|bytes| bytes.try_into().ok())))
            })
            .collect()
    }

    /// Numbers a request's new records, if all of it can be stored.
    fn decide(
        &self,
        books: &mut Books,
        Work { producer, submitted }: Work,
        numbered: &mut Vec<Numbered>,
    ) -> Result<Ingested, IngestError> {
        let new = books.new_records(&submitted)?;
        let accepted = new.iter().filter(|new| **new).count();
        let ingested = Ingested { accepted, duplicates: submitted.len() - accepted };
        for (record, _) in submitted.into_iter().zip(new).filter(|(_, new)| *new) {
            numbered.extend(self.number(books, &producer, record));
        }
        Ok(ingested)
    }

    fn number(
        &self,
        books: &mut Books,
        producer: &ProducerName,
        record: SubmittedRecord,
    ) -> Option<Numbered> {
        let organization = books.organizations.get_mut(&record.organization_id())?;
        let digest = record.digest();
        let record_id = record.id().unwrap_or_else(|| RecordId::generate(&self.clock, &self.entropy));
        books.taken.insert((organization.organization.id, record_id), Some(digest));
        let name = organization.organization.name.clone();
        let line = record.complete(record_id, &name, self.clock.now()).to_line();
        let entry =
            Entry { record_id, line, producer: Some(producer.to_string()), submission_digest: Some(digest) };
        Some(organization.number(entry))
    }
}

const STORED_DIGESTS: Sql = Sql {
    sqlite: "SELECT organization_id, record_id, submission_digest FROM records
             WHERE organization_id = $1 AND record_id = $2",
    postgres: "SELECT organization_id, record_id, submission_digest FROM records
               JOIN UNNEST($1::text[], $2::text[]) AS sent (organization_id, record_id)
               USING (organization_id, record_id)",
};

impl Books {
    /// For each record whether it is new. A repeat of a stored one, or of an earlier one in the request, is not.
    fn new_records(&self, submitted: &[SubmittedRecord]) -> Result<Vec<bool>, IngestError> {
        let mut in_this_request = HashMap::new();
        let mut new = Vec::with_capacity(submitted.len());
        for (index, record) in submitted.iter().enumerate() {
            let organization = record.organization_id();
            if !self.organizations.contains_key(&organization) {
                return Err(IngestError::UnknownOrganization { index });
            }
            let earlier = record.id().and_then(|id| {
                let key = (organization, id);
                let sent = in_this_request.insert(key, Some(record.digest()));
                sent.or_else(|| self.taken.get(&key).copied())
            });
            match earlier {
                Some(digest) if digest != Some(record.digest()) => {
                    return Err(IngestError::Conflict { index });
                }
                earlier => new.push(earlier.is_none()),
            }
        }
        Ok(new)
    }
}
