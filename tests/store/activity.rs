//! Looking records up: whatever is asked for, a page holds what reading everything would find, wherever the index is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use trailpost::domain::activity::{ActivityFilter, TypedFilter};
use trailpost::domain::clock::Entropy;
use trailpost::domain::days::Days;
use trailpost::domain::submission::SubmittedRecord;
use trailpost::store::{ACTIVITY_PAGE, ActivityCursor, ActivityPage, Opening};

use super::{Books, sequence};
use crate::support::database::Engine;
use crate::support::submission;

on_both_engines! {
    whatever_is_asked_for_is_found_wherever_the_index_is,
    pages_stay_right_while_records_arrive,
    what_is_not_indexed_is_looked_through_in_bounded_steps,
    what_is_rare_together_is_looked_for_in_bounded_steps,
    two_writers_index_each_record_once_and_then_rest,
    one_with_a_long_way_to_go_holds_up_no_other,
    what_is_forgotten_leaves_nothing_in_the_index,
    a_damaged_record_is_shown_and_keeps_nothing_from_being_found,
    a_page_of_large_records_is_short_and_goes_on,
}

const ACTIONS: [&str; 3] = ["create", "update", "delete"];
const TYPES: [&str; 2] = ["index", "backup"];
const PEOPLE: [&str; 4] = ["olivia", "mateo", "mei", "bela"];

impl Books {
    /// Indexes all that there is.
    pub async fn index(&self) {
        let mut behind = self.store.behind_in_activity(None).await.unwrap();
        while !behind.is_empty() {
            behind = self.store.index_activity(behind).await.unwrap();
        }
    }

    async fn page(&self, filter: &ActivityFilter, cursor: ActivityCursor) -> ActivityPage {
        self.store.activity(self.acme.id, filter.clone(), cursor).await.unwrap()
    }

    /// Everything that a filter finds, page by page; and that the way back leads through the same.
    async fn walk(&self, filter: &ActivityFilter) -> Vec<i64> {
        let (mut cursor, mut found, mut cursors) = (ActivityCursor::Newest, Vec::new(), Vec::new());
        loop {
            let page = self.page(filter, cursor).await;
            assert!(page.records.len() <= ACTIVITY_PAGE);
            found.extend(sequences(&page));
            cursors.push(cursor);
            let Some(older) = page.older else { break };
            cursor = ActivityCursor::Before(older.from);
        }
        assert!(found.is_sorted_by(|one, next| one > next), "newest first, each once");
        self.walk_back(filter, &found).await;
        found
    }

    async fn walk_back(&self, filter: &ActivityFilter, found: &[i64]) {
        let (mut after, mut back) = (sequence(1), Vec::new());
        loop {
            let page = self.page(filter, ActivityCursor::After(after)).await;
            let Some(newer) = page.newer else {
                back.extend(found.iter().copied().filter(|number| *number > after.get()).rev());
                break;
            };
            back.extend(sequences(&page).into_iter().rev());
            assert!(newer.from > after, "it gets on");
            after = newer.from;
        }
        let expected: Vec<i64> = found.iter().copied().filter(|number| *number > 1).rev().collect();
        assert_eq!(back, expected);
    }

    async fn terms(&self) -> i64 {
        self.database.numbers("SELECT COUNT(*) FROM activity_terms").await[0]
    }

    async fn send(&self, records: Vec<Value>) {
        let records = records.into_iter().map(|value| SubmittedRecord::parse(value).unwrap()).collect();
        self.store.ingest("docs".parse().unwrap(), records).await.unwrap();
    }

    /// Records that differ in what can be asked for.
    async fn send_various(&self, count: usize, entropy: &Entropy) {
        let mut records = Vec::new();
        for _ in 0..count {
            let [action, kind, person, resource] = entropy.bytes::<4>().map(usize::from);
            let mut record = submission(self.acme.id, &format!("docs-{}", resource % 5));
            let person = PEOPLE[person % PEOPLE.len()];
            record["actor"]["principal_id"] = json!(format!("id-{person}"));
            record["actor"]["principal_name"] = json!(format!("{person}@acme.example"));
            record["event"]["action"] = json!(ACTIONS[action % ACTIONS.len()]);
            record["event"]["resource_type"] = json!(TYPES[kind % TYPES.len()]);
            record["event"]["resource_id"] = json!([person, format!("docs-{}", resource % 5)]);
            if resource % 7 == 0 {
                record["event"]["outcome"] =
                    json!({ "result": "failure", "reason": "No", "error_code": "ABORTED" });
            }
            records.push(record);
        }
        self.send(records).await;
    }

    /// What reading everything finds.
    async fn read_through(&self, filter: &ActivityFilter) -> Vec<i64> {
        let mut expected = Vec::new();
        let mut cursor = ActivityCursor::Newest;
        loop {
            let page = self.page(&ActivityFilter::default(), cursor).await;
            expected.extend(page.records.iter().filter_map(|record| {
                let stored = record.recorded_at;
                let in_time = filter.from().is_none_or(|from| stored >= from)
                    && filter.to().is_none_or(|to| stored < to);
                let facts = record.facts.as_ref()?;
                (in_time && filter.admits(facts, record.producer.as_deref())).then(|| record.sequence.get())
            }));
            let Some(older) = page.older else { return expected };
            cursor = ActivityCursor::Before(older.from);
        }
    }
}

fn sequences(page: &ActivityPage) -> Vec<i64> {
    page.records.iter().map(|record| record.sequence.get()).collect()
}

fn filter(fields: Value) -> ActivityFilter {
    serde_json::from_value::<TypedFilter>(fields).unwrap().parse().unwrap()
}

async fn whatever_is_asked_for_is_found_wherever_the_index_is(books: Books) {
    let entropy = Entropy::seeded(8);
    books.enable().await;
    books.send_various(80, &entropy).await;
    let between = books.clock.now().to_string();
    books.clock.advance(Duration::from_secs(3600));
    books.send_various(80, &entropy).await;
    let asked = [
        json!({}),
        json!({ "actor": "ID-olivia" }),
        json!({ "actor": "mateo@acme.example" }),
        json!({ "action": "create" }),
        json!({ "resource_type": "backup" }),
        json!({ "resource_id": "docs-3" }),
        json!({ "resource_id": "mei" }),
        json!({ "outcome": "failure" }),
        json!({ "producer": "docs" }),
        json!({ "producer": "trailpost" }),
        json!({ "producer": "nobody" }),
        json!({ "to": between }),
        json!({ "from": between, "action": "delete" }),
        json!({ "action": "create", "actor": "bela@acme.example", "outcome": "success" }),
        json!({
            "from": "2020-01-01T00:00", "to": "2100-01-01T00:00", "actor": "id-mei", "action": "update",
            "resource_type": "index", "resource_id": "docs-1", "outcome": "success", "producer": "docs",
        }),
        json!({ "from": "2100-01-01T00:00" }),
        json!({ "to": "2020-01-01T00:00", "action": "create" }),
    ];
    for state in ["nothing", "a part", "everything"] {
        match state {
            "a part" => {
                books.index().await;
                books.send_various(60, &entropy).await;
            }
            "everything" => books.index().await,
            _ => {}
        }
        for fields in &asked {
            let filter = filter(fields.clone());
            assert_eq!(
                books.walk(&filter).await,
                books.read_through(&filter).await,
                "{fields} with {state} indexed"
            );
        }
    }
    let own = books.walk(&filter(json!({ "producer": "Trailpost" }))).await;
    assert_eq!(own, [1], "audit logs were enabled");
}

async fn pages_stay_right_while_records_arrive(books: Books) {
    books.append(120).await;
    books.index().await;
    for filter in [filter(json!({})), filter(json!({ "action": "create" }))] {
        let first = books.page(&filter, ActivityCursor::Newest).await;
        let top = sequences(&first)[0];
        books.append(7).await;
        let second = books.page(&filter, ActivityCursor::Before(first.older.unwrap().from)).await;
        let expected: Vec<i64> = (top - 99..=top - 50).rev().collect();
        assert_eq!(sequences(&second), expected, "none twice, none left out");
        let back = books.page(&filter, ActivityCursor::After(second.newer.unwrap().from)).await;
        assert_eq!(sequences(&back), sequences(&first));
        assert!(back.newer.is_some(), "seven have arrived");
        let newest = books.page(&filter, ActivityCursor::After(back.newer.unwrap().from)).await;
        assert_eq!(sequences(&newest)[0], top + 7);
        assert_eq!((newest.records.len(), newest.newer), (ACTIVITY_PAGE, None), "a full page, the newest");
    }
}

async fn what_is_not_indexed_is_looked_through_in_bounded_steps(books: Books) {
    let mut rare = submission(books.acme.id, "rare");
    rare["event"]["action"] = json!("restore");
    books.send(vec![rare]).await;
    let stored = books.clock.now();
    books.clock.advance(Duration::from_secs(60));
    books.append(1500).await;
    let filter = filter(json!({ "action": "restore" }));
    let page = books.page(&filter, ActivityCursor::Newest).await;
    let older = page.older.unwrap();
    assert_eq!((page.records.len(), older.from.get()), (0, 502), "a thousand were read");
    assert_eq!(older.searched_to, Some(books.clock.now()));
    let page = books.page(&filter, ActivityCursor::Before(older.from)).await;
    assert_eq!((sequences(&page), page.older), (vec![1], None));
    assert_eq!(page.records[0].recorded_at, stored);

    let page = books.page(&filter, ActivityCursor::After(sequence(1))).await;
    assert_eq!(page.newer.unwrap().from.get(), 1001, "forward too");
    books.index().await;
    let page = books.page(&filter, ActivityCursor::Newest).await;
    assert_eq!((sequences(&page), page.older), (vec![1], None), "the index knows at once");
}

async fn what_is_rare_together_is_looked_for_in_bounded_steps(books: Books) {
    let record = |action: &str, fails: bool| {
        let mut record = submission(books.acme.id, "docs");
        record["event"]["action"] = json!(action);
        if fails {
            record["event"]["outcome"] =
                json!({ "result": "failure", "reason": "No", "error_code": "ABORTED" });
        }
        record
    };
    books.send(vec![record("create", true)]).await;
    for _ in 0..3 {
        let half = |action: &'static str, fails| (0..3500).map(move |_| (action, fails));
        let mixed = half("create", false).zip(half("delete", true));
        let records =
            mixed.flat_map(|(one, other)| [one, other]).map(|(action, fails)| record(action, fails));
        books.send(records.collect()).await;
    }
    books.index().await;
    let filter = filter(json!({ "action": "create", "outcome": "failure", "resource_type": "index" }));
    let page = books.page(&filter, ActivityCursor::Newest).await;
    let older = page.older.unwrap();
    assert!(page.records.is_empty() && older.searched_to.is_some());
    assert!((1001..=1003).contains(&older.from.get()), "ten thousand of each were looked at: {older:?}");
    let page = books.page(&filter, ActivityCursor::Before(older.from)).await;
    assert_eq!((sequences(&page), page.older), (vec![1], None));

    let page = books.page(&filter, ActivityCursor::After(sequence(1))).await;
    let newer = page.newer.unwrap();
    assert!(page.records.is_empty() && newer.searched_to.is_some());
    assert!((20_000..=20_002).contains(&newer.from.get()), "forward too: {newer:?}");
    let page = books.page(&filter, ActivityCursor::After(newer.from)).await;
    assert_eq!(page.newer, None, "there is nothing newer: the newest page");
}

async fn two_writers_index_each_record_once_and_then_rest(books: Books) {
    books.send_various(700, &Entropy::seeded(1)).await;
    let other = books.database.open(Opening::Migrate, &books.clock).await.unwrap();
    let index = async |store: &trailpost::store::Store| loop {
        let mut behind = store.behind_in_activity(None).await.unwrap();
        if behind.is_empty() {
            return;
        }
        while !behind.is_empty() {
            behind = store.index_activity(behind).await.unwrap();
        }
    };
    tokio::join!(index(&books.store), index(&other));
    other.close().await;
    let through = books.database.numbers("SELECT through FROM activity_progress").await;
    assert_eq!(through, [700]);
    let mut expected = 0;
    let mut cursor = ActivityCursor::Newest;
    loop {
        let page = books.page(&ActivityFilter::default(), cursor).await;
        let facts = page.records.iter().map(|record| (record.facts.as_ref().unwrap(), &record.producer));
        expected += facts.map(|(facts, producer)| facts.terms(producer.as_deref()).len()).sum::<usize>();
        let Some(older) = page.older else { break };
        cursor = ActivityCursor::Before(older.from);
    }
    assert_eq!(books.terms().await, expected as i64);
    assert!(books.store.behind_in_activity(None).await.unwrap().is_empty());
}

async fn one_with_a_long_way_to_go_holds_up_no_other(books: Books) {
    books.append(1200).await;
    let initech = books.tenant("Initech").await;
    let mut behind = books.store.behind_in_activity(None).await.unwrap();
    assert_eq!(behind.len(), 2);
    for _ in 0..2 {
        behind = books.store.index_activity(behind).await.unwrap();
    }
    let left: Vec<_> = behind.iter().map(trailpost::store::Behind::organization).collect();
    assert_eq!(left, [books.acme.id], "two steps, and Initech’s one record is indexed");
    let last = books.acme.id.max(initech.id);
    let after = books.store.behind_in_activity(Some(last)).await.unwrap();
    assert!(after.is_empty(), "a turn goes through the organizations once");
}

async fn what_is_forgotten_leaves_nothing_in_the_index(books: Books) {
    let entropy = Entropy::seeded(2);
    books.send_various(40, &entropy).await;
    books.index().await;
    books.clock.advance(Duration::from_secs(24 * 3600 * 91));
    // As if a writer had read these before they were forgotten.
    let behind = {
        books.send_various(10, &entropy).await;
        books.store.behind_in_activity(None).await.unwrap()
    };
    assert_eq!(books.store.retire(Days::RETENTION, &CancellationToken::new()).await.unwrap().records, 40);
    assert_eq!(books.terms().await, 0);
    books.store.index_activity(behind).await.unwrap();
    let found = books.walk(&filter(json!({ "producer": "docs" }))).await;
    assert_eq!(found, (41..=50).rev().collect::<Vec<_>>());

    books.clock.advance(Duration::from_secs(24 * 3600 * 91));
    books.store.retire(Days::RETENTION, &CancellationToken::new()).await.unwrap();
    assert_eq!(books.terms().await, 0);
    assert!(
        books.page(&filter(json!({ "action": "create" })), ActivityCursor::Newest).await.records.is_empty()
    );
}

async fn a_damaged_record_is_shown_and_keeps_nothing_from_being_found(books: Books) {
    books.append(3).await;
    books.database.tamper("UPDATE records SET line = 'no json' WHERE sequence = 2").await;
    books.index().await;
    let all = books.page(&ActivityFilter::default(), ActivityCursor::Newest).await;
    assert_eq!(sequences(&all), [3, 2, 1]);
    assert!(all.records[1].facts.is_none());
    assert_eq!(books.walk(&filter(json!({ "action": "create" }))).await, [3, 1]);
    let one = books.store.activity_record(books.acme.id, sequence(2)).await.unwrap().unwrap();
    assert_eq!(one.line.as_str(), "no json");
    assert!(books.store.activity_record(books.acme.id, sequence(4)).await.unwrap().is_none());
}

async fn a_page_of_large_records_is_short_and_goes_on(books: Books) {
    let large = |_| {
        let mut record = submission(books.acme.id, "docs");
        record["event"]["parameters"] = json!({ "text": "x".repeat(200 * 1024) });
        record
    };
    books.send((0..30).map(large).collect()).await;
    for filter in [filter(json!({})), filter(json!({ "action": "create" }))] {
        let page = books.page(&filter, ActivityCursor::Newest).await;
        assert!((15..25).contains(&page.records.len()), "{} of 200 KiB", page.records.len());
        assert_eq!(books.walk(&filter).await, (1..=30).rev().collect::<Vec<_>>());
        books.index().await;
        assert_eq!(books.walk(&filter).await, (1..=30).rev().collect::<Vec<_>>());
    }
}

/// Counts the statements that sqlx says it ran.
struct Statements(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_page_takes_the_same_few_statements_however_many_records_there_are() {
    let counted = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry().with(Statements(Arc::clone(&counted)));
    // While there is but one, tracing asks only the thread that comes to a place first, which may be another test's.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _counting = tracing::subscriber::set_default(subscriber);
    let books = Books::open(Engine::Postgres).await;
    let every = json!({
        "from": "2020-01-01T00:00", "to": "2100-01-01T00:00", "actor": "key", "action": "create",
        "resource_type": "index", "resource_id": "docs", "outcome": "success", "producer": "test",
    });
    let mut counts = Vec::new();
    for more in [60, 1000] {
        books.append(more).await;
        books.index().await;
        books.append(5).await;
        let filter = filter(every.clone());
        let before = counted.load(Ordering::Relaxed);
        let page = books.page(&filter, ActivityCursor::Newest).await;
        counts.push(counted.load(Ordering::Relaxed) - before);
        assert_eq!(page.records.len(), ACTIVITY_PAGE);
    }
    assert_eq!(counts[0], counts[1]);
    // Begin and commit, where everything is, the rest, how rare each of six is, the candidates, the records.
    assert!((8..=13).contains(&counts[0]), "{counts:?}");
}
