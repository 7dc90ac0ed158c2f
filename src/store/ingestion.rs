//! Group commit: requests of producers that wait at the same time share one commit, because the disk's sync is what
//! an append costs.
//!
//! Guarantees:
//! - each request is stored whole or not at all: it is decided before anything is written, so that one that is
//!   refused leaves no trace in the commit that it shares;
//! - none is acknowledged before the commit that holds it;
//! - what holds one organization up holds up no other: where an engine commits in parallel, a commit is shared only by
//!   requests of the same organization (one that names several goes with its first).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::StoreError;
use super::database::{Database, Sql, fetch_each, parse};
use super::records::{IngestError, Ingested};
use super::transaction::{LockedOrganization, NewRecord, Numbered, Transaction, in_its_own_task, within};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::credential::ProducerName;
use crate::domain::id::{OrganizationId, RecordId};
use crate::domain::submission::SubmittedRecord;

/// Requests that may wait to be seen; a further one waits to wait.
const QUEUE: usize = 256;
/// One commit holds at most about so many records, so that other writers get their turn.
const RECORDS_PER_COMMIT: usize = 10_000;
/// A commit that takes longer is given up, and its requests are told to come again.
const COMMIT_WITHIN: Duration = Duration::from_secs(20);

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
    /// Starts what commits. It ends with the last clone of the queue.
    pub(super) fn start(database: &Database, clock: &Clock, entropy: &Entropy) -> Ingestion {
        let (queue, coming) = mpsc::channel(QUEUE);
        let commits = GroupCommit {
            database: database.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            under_way: JoinSet::new(),
        };
        tokio::spawn(commits.work(coming));
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

/// Whose requests share a commit; nobody's in particular where all do.
type Party = Option<OrganizationId>;

/// Hands out to commits what waits for one.
struct GroupCommit {
    database: Database,
    clock: Clock,
    entropy: Entropy,
    /// Every party that waits or has a commit under way, with what waits.
    waiting: HashMap<Party, VecDeque<Request>>,
    /// The parties that wait and have no commit under way, who came first first.
    turns: VecDeque<Party>,
    under_way: JoinSet<Party>,
}

impl GroupCommit {
    async fn work(mut self, mut coming: mpsc::Receiver<Request>) {
        loop {
            self.start_commits();
            tokio::select! {
                Some(ended) = self.under_way.join_next() => self.end_commit(ended),
                request = coming.recv() => match request {
                    Some(request) => {
                        self.seat(request);
                        while let Ok(request) = coming.try_recv() {
                            self.seat(request);
                        }
                    }
                    None => break,
                },
            }
        }
        // Whoever waited for these is gone; what was begun is finished.
        while self.under_way.join_next().await.is_some() {}
    }

    fn party(&self, work: &Work) -> Party {
        match self.database.commits_at_once() {
            1 => None,
            _ => work.submitted.first().map(SubmittedRecord::organization_id),
        }
    }

    fn seat(&mut self, request: Request) {
        let party = self.party(&request.work);
        match self.waiting.entry(party) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push_back(request),
            Entry::Vacant(nobody) => {
                nobody.insert([request].into());
                self.turns.push_back(party);
            }
        }
    }

    fn start_commits(&mut self) {
        while self.under_way.len() < self.database.commits_at_once()
            && let Some(party) = self.turns.pop_front()
        {
            let group = self.waiting.get_mut(&party).map(group).unwrap_or_default();
            let (database, clock, entropy) =
                (self.database.clone(), self.clock.clone(), self.entropy.clone());
            self.under_way.spawn(async move {
                commit_together(database, clock, entropy, group).await;
                party
            });
        }
    }

    fn end_commit(&mut self, ended: Result<Party, JoinError>) {
        // `commit_together` does its work in a task of its own, whose panic it answers for.
        let party = ended.expect("handing answers out does not panic");
        match self.waiting.get(&party) {
            Some(waiting) if !waiting.is_empty() => self.turns.push_back(party),
            _ => _ = self.waiting.remove(&party),
        }
    }
}

/// As many of those who wait as one commit holds.
fn group(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let mut records = 0;
    let mut group = Vec::new();
    while records < RECORDS_PER_COMMIT
        && let Some(next) = waiting.pop_front()
    {
        records += next.work.submitted.len();
        group.push(next);
    }
    group
}

/// Commits a group and answers each of its requests. A failure of the store itself fails all of them: nobody knows
/// what is left of the transaction.
async fn commit_together(database: Database, clock: Clock, entropy: Entropy, group: Vec<Request>) {
    let (replies, work): (Vec<_>, Vec<_>) =
        group.into_iter().map(|request| (request.reply, request.work)).unzip();
    // In a task of its own: a panic costs this group its commit, and no other.
    let applied = in_its_own_task(within(COMMIT_WITHIN, apply(database, clock, entropy, work))).await;
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
#[derive(Default)]
struct Books {
    organizations: BTreeMap<OrganizationId, LockedOrganization>,
    /// Those whose rows can't be read: their own affair, and nobody else's.
    unreadable: BTreeMap<OrganizationId, Arc<StoreError>>,
    taken: HashMap<RecordKey, Digest>,
}

impl Transaction {
    async fn ingest(&mut self, work: Vec<Work>) -> Result<Vec<Result<Ingested, IngestError>>, StoreError> {
        let submitted = || work.iter().flat_map(|request| &request.submitted);
        let organizations = submitted().map(SubmittedRecord::organization_id).collect();
        let keys: Vec<_> =
            submitted().filter_map(|record| Some((record.organization_id(), record.id()?))).collect();
        let mut books = self.lock_organizations(organizations).await?;
        books.taken = self.digests_of(&keys).await?;
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
    async fn lock_organizations(&mut self, ids: BTreeSet<OrganizationId>) -> Result<Books, StoreError> {
        let mut books = Books::default();
        for id in ids {
            match self.lock_organization(id).await {
                Ok(Some(organization)) => _ = books.organizations.insert(id, organization),
                Ok(None) => {}
                Err(error @ StoreError::Corrupt { .. }) => {
                    books.unreadable.insert(id, Arc::new(error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(books)
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
        let new = NewRecord {
            record_id,
            line,
            producer: Some(producer.to_string()),
            submission_digest: Some(digest),
        };
        Some(organization.number(new))
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
            if let Some(error) = self.unreadable.get(&organization) {
                return Err(StoreError::Group(Arc::clone(error)).into());
            }
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
