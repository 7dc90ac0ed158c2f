//! The encryption that an owner chose, through checks, records and tries.

use serde_json::{Value, json};
use trailpost::domain::access_check::{CheckState, Purpose};
use trailpost::domain::encryption::Encryption;
use trailpost::domain::integration::Settings;

use super::delivering::start;
use super::{Books, settings};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

on_both_engines! {
    every_encryption_is_in_force_as_it_was_proposed,
    records_say_what_it_was_before_and_after,
    a_try_keeps_the_encryption_that_it_began_with,
    a_key_is_kept_with_kms_and_with_nothing_else,
}

fn with(encryption: Encryption) -> Settings {
    Settings { encryption, ..settings("acme-audit-logs") }
}

fn with_key() -> Settings {
    with(Encryption::Kms(KEY.parse().unwrap()))
}

async fn every_encryption_is_in_force_as_it_was_proposed(books: Books) {
    books.enable().await;
    for proposed in [with_key(), with(Encryption::SseS3), with_key(), with(Encryption::BucketDefault)] {
        let new = books.asking(Purpose::Update, Some(proposed.clone()), books.revision().await);
        let opened = books.store.open_check(new).await.unwrap();
        let check = books.store.access_check(books.acme.id, opened.id).await.unwrap().unwrap();
        assert_eq!(check.proposed, proposed);
        let joined = books.pass(Purpose::Update, Some(proposed.clone())).await;
        assert_eq!(joined, CheckState::Passed, "the open check, which was joined");
        assert_eq!(books.integration().await.settings, Some(proposed));
    }
    books.pass(Purpose::Update, Some(with_key())).await;
    let revision = books.revision().await;
    books.store.remove(books.caller(), books.acme.id, revision).await.unwrap();
    assert_eq!(books.integration().await.settings, None);
    books.enable().await;
    assert_eq!(books.integration().await.settings.unwrap().encryption, Encryption::BucketDefault);
}

async fn records_say_what_it_was_before_and_after(books: Books) {
    books.enable().await;
    books.pass(Purpose::Update, Some(with_key())).await;
    let parameters = books.lines().await.last().unwrap()["event"]["parameters"].clone();
    let said = |value: &Value| (value["encryption"].clone(), value["kms_key_arn"].clone());
    assert_eq!(said(&parameters["before"]), (json!("bucket_default"), Value::Null));
    assert_eq!(said(&parameters["after"]), (json!("kms"), json!(KEY)));
}

async fn a_try_keeps_the_encryption_that_it_began_with(books: Books) {
    books.enable().await;
    books.pass(Purpose::Update, Some(with_key())).await;
    books.append(1).await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    assert_eq!(claim.settings, with_key());
    start(&books, &claim).await.unwrap();
    books.pass(Purpose::Update, Some(with(Encryption::SseS3))).await;
    let tries = format!(
        "UPDATE delivery_attempts SET result = 'unknown' WHERE encryption = 'kms' AND kms_key_arn = '{KEY}'"
    );
    assert_eq!(books.database.tamper(&tries).await, 1);
}

async fn a_key_is_kept_with_kms_and_with_nothing_else(books: Books) {
    books.enable().await;
    books.pass(Purpose::Update, Some(with_key())).await;
    books.append(1).await;
    books.seal().await;
    start(&books, &books.claim().await.unwrap()).await.unwrap();
    for table in ["integrations", "access_checks", "delivery_attempts"] {
        for wrong in
            ["kms_key_arn = NULL", "encryption = 'sse_s3'", "encryption = 'rot13', kms_key_arn = NULL"]
        {
            let statement = format!("UPDATE {table} SET {wrong} WHERE encryption = 'kms'");
            assert!(books.database.is_refused(&statement).await, "{statement}");
        }
    }
}
