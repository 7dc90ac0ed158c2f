//! What a program reads a page at a time: records, access checks, deliveries.

use serde_json::json;
use trailpost::domain::access_check::Purpose;
use trailpost::domain::submission::SubmittedRecord;
use trailpost::store::{ListedRecord, Listing, RecordsFrom};

use super::{Books, settings, submitted};
use crate::support::submission;

on_both_engines! {
    records_are_read_from_either_end,
    a_page_of_large_records_ends_before_its_limit,
    a_record_is_found_by_its_id_in_its_organization_alone,
    checks_and_deliveries_are_listed_and_found_in_their_organization_alone,
}

fn sequences(records: &[ListedRecord]) -> Vec<i64> {
    records.iter().map(|record| record.sequence.get()).collect()
}

async fn records_are_read_from_either_end(books: Books) {
    books.append(5).await;
    let page = async |from| {
        let page = books.store.record_page(books.acme.id, from, 2).await.unwrap();
        (sequences(&page.items), page.has_more)
    };
    assert_eq!(page(RecordsFrom::Newest).await, (vec![5, 4], true));
    assert_eq!(page(RecordsFrom::Before(4)).await, (vec![3, 2], true));
    assert_eq!(page(RecordsFrom::Before(2)).await, (vec![1], false));
    assert_eq!(page(RecordsFrom::Before(1)).await, (vec![], false));
    assert_eq!(page(RecordsFrom::After(0)).await, (vec![1, 2], true));
    assert_eq!(page(RecordsFrom::After(3)).await, (vec![4, 5], false));
    assert_eq!(page(RecordsFrom::After(5)).await, (vec![], false));
}

async fn a_page_of_large_records_ends_before_its_limit(books: Books) {
    const MANY: usize = 30;
    let mut large = submission(books.acme.id, "docs");
    large["event"]["parameters"] = json!({ "text": "x".repeat(200_000) });
    let records = vec![SubmittedRecord::parse(large).unwrap(); MANY];
    books.store.ingest("test".parse().unwrap(), records).await.unwrap();
    let (mut seen, mut from) = (Vec::new(), RecordsFrom::After(0));
    loop {
        let page = books.store.record_page(books.acme.id, from, 100).await.unwrap();
        assert!((1..25).contains(&page.items.len()), "{} at once", page.items.len());
        seen.extend(sequences(&page.items));
        let Some(last) = page.items.last().filter(|_| page.has_more) else { break };
        from = RecordsFrom::After(last.sequence.get());
    }
    assert_eq!(seen, (1..=MANY as i64).collect::<Vec<_>>());
    let newest = books.store.record_page(books.acme.id, RecordsFrom::Newest, 100).await.unwrap();
    assert!((1..25).contains(&newest.items.len()) && newest.has_more);
}

async fn a_record_is_found_by_its_id_in_its_organization_alone(books: Books) {
    const ID: &str = "0199f3c2-7d1a-7000-8000-00000000000a";
    let sent = vec![submitted(&books.acme, Some(ID), "a")];
    books.store.ingest("test".parse().unwrap(), sent).await.unwrap();
    let found = books.store.record(books.acme.id, ID.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((found.sequence.get(), found.producer.as_deref()), (1, Some("test")));
    let other = "0199f3c2-7d1a-7000-8000-00000000000f".parse().unwrap();
    assert!(books.store.record(other, ID.parse().unwrap()).await.unwrap().is_none());
}

async fn checks_and_deliveries_are_listed_and_found_in_their_organization_alone(books: Books) {
    books.enable().await;
    books.pass(Purpose::Test, None).await;
    books.pass(Purpose::Update, Some(settings("other-bucket"))).await;
    let first = books.store.access_checks(books.acme.id, Listing::first(2)).await.unwrap();
    let rest = Listing { after: first.items.last().map(|check| check.id), limit: 2 };
    let rest = books.store.access_checks(books.acme.id, rest).await.unwrap();
    assert_eq!((first.items.len(), first.has_more), (2, true));
    assert_eq!((rest.items.len(), rest.has_more), (1, false));
    for purpose in [Purpose::Enable, Purpose::Test, Purpose::Update] {
        let mut all = first.items.iter().chain(&rest.items);
        assert!(all.any(|check| check.purpose == purpose), "{purpose:?}");
    }

    books.append(3).await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let found = books.store.delivery(books.acme.id, claim.batch.id).await.unwrap().unwrap();
    assert_eq!((found.first, found.last), (claim.batch.first, claim.batch.last));
    let other = "0199f3c2-7d1a-7000-8000-00000000000f".parse().unwrap();
    assert!(books.store.delivery(other, claim.batch.id).await.unwrap().is_none());
}
