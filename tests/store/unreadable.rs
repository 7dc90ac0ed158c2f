//! A row that holds what Trailpost never writes: its own organization is told, and nobody else notices.

use std::time::Duration;

use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::domain::window::SealSpread;
use trailpost::store::StoreError;

use super::Books;
use super::delivering::{finish, start, written};
use crate::support::database::TestDatabase;

on_both_engines! {
    settings_that_can_not_be_read_are_told_and_others_are_sealed_and_delivered,
    a_batch_that_can_not_be_read_is_told_and_others_are_delivered,
}

impl Books {
    /// The same of a second organization, with the same owner and database.
    async fn of_another(&self) -> Books {
        let beta = self.store.create_organization("Beta".parse().unwrap(), Plan::Enterprise).await.unwrap();
        self.store.add_member(beta.id, self.owner.id, Role::Owner).await.unwrap();
        Books {
            store: self.store.clone(),
            clock: self.clock.clone(),
            acme: beta,
            owner: self.owner.clone(),
            database: TestDatabase::at(self.database.url().to_owned()),
        }
    }

    /// Both organizations have records whose window has ended.
    async fn with_another(&self) -> Books {
        let other = self.of_another().await;
        for books in [self, &other] {
            books.enable().await;
            books.append(1).await;
        }
        self.clock.advance(Duration::from_secs(60));
        other
    }

    /// Delivers what is claimed until nothing is; gives how many records of this organization are pending then.
    async fn left_after_delivering(&self) -> u64 {
        while let Some(claim) = self.claim().await {
            let attempt = start(self, &claim).await.unwrap();
            assert!(finish(self, &claim, attempt, written()).await);
        }
        self.store.delivery_status(self.acme.id).await.unwrap().pending_records
    }
}

fn column<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    match result {
        Err(StoreError::Corrupt { column, .. }) => column,
        other => panic!("it was read: {other:?}"),
    }
}

async fn settings_that_can_not_be_read_are_told_and_others_are_sealed_and_delivered(books: Books) {
    let other = books.with_another().await;
    let window = |minutes: u32| format!("window_minutes = {minutes}");
    for (garbage, named) in [
        ("role_arn = 'nobody'".to_owned(), "role_arn"),
        (window(7), "window_minutes"),
        (window(0), "window_minutes"),
    ] {
        let id = books.acme.id;
        let broken = format!("UPDATE integrations SET {garbage} WHERE organization_id = '{id}'");
        assert_eq!(books.database.tamper(&broken).await, 1);
        assert_eq!(column(books.store.integration(id).await), named, "{garbage}");

        books.append(1).await;
        other.append(1).await;
        books.clock.advance(Duration::from_secs(600));
        let sealed = books.store.seal(SealSpread::None).await;
        if named == "window_minutes" {
            assert_eq!(column(sealed), named, "{garbage}");
        }
        assert_eq!(other.left_after_delivering().await, 0, "{garbage}");
        assert_eq!(books.store.overview().await.unwrap().organizations, 2, "{garbage}");
        assert_eq!(books.store.organizations().await.unwrap().len(), 2, "{garbage}");
        assert!(other.store.integration(other.acme.id).await.unwrap().is_some(), "{garbage}");
        let mended = format!(
            "UPDATE integrations SET window_minutes = 1,
                 role_arn = 'arn:aws:iam::111122223333:role/trailpost-audit-logs' WHERE organization_id = '{id}'"
        );
        books.database.tamper(&mended).await;
    }
    books.clock.advance(Duration::from_secs(600));
    books.store.seal(SealSpread::None).await.unwrap();
    assert_eq!(books.left_after_delivering().await, 0, "mended, it goes on by itself");
}

async fn a_batch_that_can_not_be_read_is_told_and_others_are_delivered(books: Books) {
    let other = books.with_another().await;
    books.store.seal(SealSpread::None).await.unwrap();
    let id = books.acme.id;
    let broken = format!("UPDATE batches SET window_minutes = 7 WHERE organization_id = '{id}'");
    assert_eq!(books.database.tamper(&broken).await, 1);
    assert_eq!(other.left_after_delivering().await, 0);
    assert_eq!(column(books.store.deliveries(id, 10).await), "batches.window_minutes");
    assert_eq!(books.store.overview().await.unwrap().pending_records, 2, "it is pending still");
    assert_eq!(books.store.delivery_status(id).await.unwrap().pending_records, 2);
}
