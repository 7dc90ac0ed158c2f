//! Appending: every record gets the next sequence, once, whoever else appends.

use trailpost::domain::organization::Plan;
use trailpost::store::{IngestError, Ingested, Page};

use super::{Books, sequence, submitted};
use crate::support::EVERYTHING;

on_both_engines! {
    concurrent_appends_leave_no_gap_and_no_time_runs_back,
    the_same_id_with_the_same_content_is_stored_once,
    a_refused_request_stores_nothing_of_itself,
    a_refused_request_takes_back_only_itself_from_a_shared_commit,
    requests_that_share_a_commit_know_each_others_ids,
    an_id_is_taken_by_trailposts_own_records_too_but_in_one_organization_only,
    an_organization_that_can_not_be_read_stops_no_other,
    a_page_ends_where_it_is_full_and_holds_one_record_in_any_case,
    a_rename_and_its_record_are_one,
    signing_in_is_recorded_in_every_organization_of_the_account,
}

const ID: &str = "0199f3c2-7d1a-7000-8000-00000000000a";

async fn concurrent_appends_leave_no_gap_and_no_time_runs_back(books: Books) {
    let requests = (0..40).map(|_| books.append(5));
    futures::future::join_all(requests).await;
    assert_eq!(books.lines().await.len(), 200);
}

async fn the_same_id_with_the_same_content_is_stored_once(books: Books) {
    let ingest = |records| books.store.ingest("test".parse().unwrap(), records);
    let twice = vec![submitted(&books.acme, Some(ID), "a"), submitted(&books.acme, Some(ID), "a")];
    assert_eq!(ingest(twice).await.unwrap(), Ingested { accepted: 1, duplicates: 1 });
    let again = vec![submitted(&books.acme, Some(ID), "a")];
    assert_eq!(ingest(again).await.unwrap(), Ingested { accepted: 0, duplicates: 1 });
    assert_eq!(books.lines().await.len(), 1);
}

async fn a_refused_request_stores_nothing_of_itself(books: Books) {
    let ingest = |records| books.store.ingest("test".parse().unwrap(), records);
    ingest(vec![submitted(&books.acme, Some(ID), "a")]).await.unwrap();
    let conflicting = vec![submitted(&books.acme, None, "b"), submitted(&books.acme, Some(ID), "other")];
    assert!(matches!(ingest(conflicting).await, Err(IngestError::Conflict { index: 1 })));
    let other = trailpost::domain::organization::Organization {
        id: "0199f3c2-7d1a-7000-8000-00000000000f".parse().unwrap(),
        ..books.acme.clone()
    };
    let unknown = vec![submitted(&books.acme, None, "b"), submitted(&other, None, "b")];
    assert!(matches!(ingest(unknown).await, Err(IngestError::UnknownOrganization { index: 1 })));
    assert_eq!(books.lines().await.len(), 1);
    books.append(1).await;
    assert_eq!(books.lines().await.len(), 2, "a roll-back leaves no gap");
}

async fn a_refused_request_takes_back_only_itself_from_a_shared_commit(books: Books) {
    let ingest = |records| books.store.ingest("test".parse().unwrap(), records);
    ingest(vec![submitted(&books.acme, Some(ID), "a")]).await.unwrap();
    let requests = (0..30).map(|number| {
        let last = if number % 3 == 0 { Some(ID) } else { None };
        ingest(vec![submitted(&books.acme, None, "b"), submitted(&books.acme, last, "other")])
    });
    let answers = futures::future::join_all(requests).await;
    let stored = answers.iter().filter(|answer| matches!(answer, Ok(done) if done.accepted == 2)).count();
    let refused =
        answers.iter().filter(|answer| matches!(answer, Err(IngestError::Conflict { index: 1 }))).count();
    assert_eq!((stored, refused), (20, 10));
    assert_eq!(books.lines().await.len(), 1 + 2 * 20);
}

async fn requests_that_share_a_commit_know_each_others_ids(books: Books) {
    let ingest = |resource| {
        books.store.ingest("test".parse().unwrap(), vec![submitted(&books.acme, Some(ID), resource)])
    };
    let answers = futures::future::join_all(["a", "a", "other", "a", "other"].map(ingest)).await;
    let stored = answers.iter().filter(|answer| matches!(answer, Ok(done) if done.accepted == 1)).count();
    let conflicts =
        answers.iter().filter(|answer| matches!(answer, Err(IngestError::Conflict { index: 0 }))).count();
    assert_eq!(stored, 1, "{answers:?}");
    // Whichever came first, the others repeat it or conflict with it.
    let first = &books.lines().await[0]["event"]["resource_id"];
    assert_eq!(conflicts, if first == "a" { 2 } else { 3 }, "{answers:?}");
}

async fn an_id_is_taken_by_trailposts_own_records_too_but_in_one_organization_only(books: Books) {
    let beta = books.store.create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    let name = "Acme Corp".parse().unwrap();
    books.store.rename_organization(books.caller(), books.acme.id, name).await.unwrap();
    let id = books.lines().await[0]["id"].as_str().unwrap().to_owned();
    let ingest = |organization| {
        books.store.ingest("test".parse().unwrap(), vec![submitted(organization, Some(&id), "a")])
    };
    assert!(matches!(ingest(&books.acme).await, Err(IngestError::Conflict { index: 0 })));
    assert_eq!(ingest(&beta).await.unwrap(), Ingested { accepted: 1, duplicates: 0 });
}

async fn an_organization_that_can_not_be_read_stops_no_other(books: Books) {
    let beta = books.store.create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    // What our own types would never write, and the schema does not know of.
    let broken = format!("UPDATE organizations SET external_id = 'broken' WHERE id = '{}'", beta.id);
    assert_eq!(books.database.tamper(&broken).await, 1);
    let requests = (0..20).map(|number| {
        let organization = if number % 4 == 0 { &beta } else { &books.acme };
        books.store.ingest("test".parse().unwrap(), vec![submitted(organization, None, "a")])
    });
    let answers = futures::future::join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 15, "{answers:?}");
    assert_eq!(books.lines().await.len(), 15);
}

async fn a_page_ends_where_it_is_full_and_holds_one_record_in_any_case(books: Books) {
    books.append(10).await;
    let one = books.lines().await[0].to_string().len() as u32;
    let page = async |first, records, bytes| {
        let lines = books.store.lines(books.acme.id, sequence(first), sequence(9), Page { records, bytes });
        lines.await.unwrap().iter().map(|line| line.sequence.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(4, 100, 3 * one + one / 2).await, [4, 5, 6], "as many as there is room for");
    assert_eq!(page(4, 2, u32::MAX).await, [4, 5]);
    assert_eq!(page(4, 100, 1).await, [4], "one in any case");
    assert_eq!(page(8, 100, u32::MAX).await, [8, 9], "no further than asked");
}

async fn a_rename_and_its_record_are_one(books: Books) {
    let rename =
        |name: &str| books.store.rename_organization(books.caller(), books.acme.id, name.parse().unwrap());
    assert_eq!(rename("Acme Corp").await.unwrap().name.as_str(), "Acme Corp");
    rename("Acme Corp").await.unwrap();
    let lines = books.lines().await;
    assert_eq!(lines.len(), 1, "renaming to the same name changes nothing and records nothing");
    assert_eq!(lines[0]["organization_name"], "Acme Corp");
    assert_eq!(lines[0]["event"]["resource_id"], "Acme Corp");
    assert_eq!(lines[0]["event"]["parameters"]["before"]["name"], "Acme");
    assert_eq!(lines[0]["event"]["parameters"]["source_ip"], "127.0.0.1");
}

async fn signing_in_is_recorded_in_every_organization_of_the_account(books: Books) {
    let other = books.store.create_organization("Other".parse().unwrap(), Plan::Starter).await.unwrap();
    let role = trailpost::domain::membership::Role::Member;
    books.store.add_member(other.id, books.owner.id, role).await.unwrap();
    books.store.record_login(books.caller(), books.owner.clone()).await.unwrap();
    books.store.sign_out(books.caller(), books.owner.clone(), [0; 32]).await.unwrap();
    assert_eq!(books.events().await, ["login user success", "logout user success"]);
    let (first, last) = (super::sequence(1), super::sequence(9));
    assert_eq!(books.store.lines(other.id, first, last, EVERYTHING).await.unwrap().len(), 2);
}
