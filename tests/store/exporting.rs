//! Exports: what is in one is fixed and recorded before it is read.

use serde_json::json;
use trailpost::domain::activity::{ActivityFilter, TypedFilter};
use trailpost::domain::export::{ExportFormat, ExportScope};
use trailpost::store::{Export, ExportRefused};

use super::Books;
use super::delivering::{finish, start, written};

on_both_engines! {
    an_export_holds_what_was_stored_before_its_record_and_nothing_later,
    what_a_filter_admits_is_exported_in_order_and_in_portions,
    what_is_pending_is_what_will_be_delivered,
    a_delivered_file_can_be_had_again_and_only_by_its_organization,
    who_is_no_owner_any_more_exports_nothing,
}

impl Books {
    async fn export(&self, scope: ExportScope) -> Result<Export, ExportRefused> {
        let (caller, user) = (self.caller(), self.owner.id);
        self.store.begin_export(caller, user, self.acme.id, scope, ExportFormat::Csv).await
    }

    /// The rest of an export, by sequence, and in how many portions it came.
    async fn read_export(&self, export: Export) -> (Vec<i64>, usize) {
        let (mut left, mut found, mut portions) = (Some(export), Vec::new(), 0);
        while let Some(export) = left {
            let (records, rest) = self.store.continue_export(export).await.unwrap();
            found.extend(records.iter().map(|record| record.sequence.get()));
            portions += 1;
            left = rest;
        }
        (found, portions)
    }
}

fn everything() -> ExportScope {
    ExportScope::Filter(ActivityFilter::default())
}

async fn an_export_holds_what_was_stored_before_its_record_and_nothing_later(books: Books) {
    books.append(3).await;
    let export = books.export(everything()).await.unwrap();
    assert_eq!(export.file_name, format!("activity-{}.csv", books.clock.now().compact()));
    books.append(2).await;
    assert_eq!(books.read_export(export.clone()).await.0, [1, 2, 3]);
    let record = &books.lines().await[3];
    assert_eq!(record["event"]["action"], "create");
    assert_eq!(record["event"]["resource_type"], "audit-log-export");
    assert_eq!(record["event"]["resource_id"], json!(export.file_name));
    let parameters = &record["event"]["parameters"];
    assert_eq!((&parameters["format"], &parameters["last_sequence"]), (&json!("csv"), &json!(3)));
    assert_eq!(parameters["filter"], json!({}));
}

async fn what_a_filter_admits_is_exported_in_order_and_in_portions(books: Books) {
    books.append(1300).await;
    let filter = TypedFilter { action: "create".to_owned(), ..TypedFilter::default() };
    for state in ["not indexed", "half indexed", "indexed"] {
        if state != "not indexed" {
            let mut behind = books.store.behind_in_activity(None).await.unwrap();
            while state == "indexed" && !behind.is_empty() {
                behind = books.store.index_activity(behind).await.unwrap();
            }
            if state == "half indexed" {
                books.store.index_activity(behind).await.unwrap();
            }
        }
        let export = books.export(ExportScope::Filter(filter.parse().unwrap())).await.unwrap();
        let (found, portions) = books.read_export(export).await;
        // Exports are created too.
        assert_eq!(found[..1300], (1..=1300).collect::<Vec<_>>(), "{state}");
        assert!((3..=5).contains(&portions), "{state}: {portions} portions");
    }
    let none = TypedFilter { action: "explode".to_owned(), ..TypedFilter::default() };
    let export = books.export(ExportScope::Filter(none.parse().unwrap())).await.unwrap();
    assert_eq!(books.read_export(export).await.0, [0; 0]);
}

async fn what_is_pending_is_what_will_be_delivered(books: Books) {
    books.append(2).await;
    assert!(matches!(books.export(ExportScope::Pending).await, Err(ExportRefused::Nothing)));
    assert_eq!(books.lines().await.len(), 2, "nothing was exported, and nothing recorded");
    books.enable().await;
    books.append(2).await;
    books.seal().await;
    books.append(1).await;
    let export = books.export(ExportScope::Pending).await.unwrap();
    assert_eq!(books.read_export(export).await.0, [3, 4, 5, 6]);
    assert_eq!(books.lines().await[6]["event"]["parameters"]["pending"], true);

    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, written()).await);
    let export = books.export(ExportScope::Pending).await.unwrap();
    assert_eq!(books.read_export(export).await.0, [6, 7], "with the record of the export before");
}

async fn a_delivered_file_can_be_had_again_and_only_by_its_organization(books: Books) {
    books.enable().await;
    books.append(2).await;
    books.seal().await;
    let batch = books.store.deliveries(books.acme.id, 1).await.unwrap()[0].id;
    let export = books.export(ExportScope::Delivery(batch)).await.unwrap();
    assert_eq!(books.read_export(export).await.0, [1, 2, 3]);
    assert_eq!(books.lines().await[3]["event"]["parameters"]["delivery"], batch.to_string());
    let other = books.tenant("Initech").await;
    let foreign = books.store.begin_export(
        books.caller(),
        books.owner.id,
        other.id,
        ExportScope::Delivery(batch),
        ExportFormat::Ndjson,
    );
    assert!(matches!(foreign.await, Err(ExportRefused::Nothing)));
}

async fn who_is_no_owner_any_more_exports_nothing(books: Books) {
    books.append(1).await;
    books.database.tamper("UPDATE memberships SET role = 'manager'").await;
    assert!(matches!(books.export(everything()).await, Err(ExportRefused::NotAnOwner)));
    assert_eq!(books.lines().await.len(), 1);
}
