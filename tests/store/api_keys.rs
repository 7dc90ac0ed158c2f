//! API keys: kept as hashes, recognised by their start, over at once when they are deleted.

use std::time::Duration;

use serde_json::json;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::ApiKeyToken;
use trailpost::domain::membership::Role;
use trailpost::domain::refusal::Refusal;
use trailpost::store::Listing;

use super::Books;
use super::projects::{caller, is_not_there, rule};

on_both_engines! {
    a_key_lets_its_bearer_in_until_it_is_deleted,
    a_closed_organization_lets_no_key_in,
    the_key_is_nowhere_in_the_database_or_the_records,
    a_form_that_is_sent_twice_makes_one_key,
    a_use_is_noted_once_a_minute,
    another_organizations_key_is_not_there,
    managers_make_keys_and_members_do_not,
    keys_are_listed_in_parts,
}

async fn a_key_lets_its_bearer_in_until_it_is_deleted(books: Books) {
    let project = books.project("Rockets").await;
    let (key, token) = books.key(&project, "ci").await;
    assert_eq!(key.token_start, token.start());
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("create api-key success", &json!(key.id)));
    assert_eq!(record["resource_name"], "ci");
    let named = json!({ "id": project.id, "name": "Rockets" });
    assert_eq!(
        record["parameters"],
        json!({ "after": { "name": "ci" }, "project": named, "source_ip": "127.0.0.1" })
    );

    let access = books.store.api_key_access(token.hash()).await.unwrap().unwrap();
    assert_eq!((access.organization, access.project, access.id), (books.acme.clone(), project.id, key.id));
    assert_eq!((access.project_name.as_str(), access.name.as_str()), ("Rockets", "ci"));
    let other = ApiKeyToken::generate(&Entropy::system());
    assert!(books.store.api_key_access(other.hash()).await.unwrap().is_none());

    books.store.delete_api_key(books.caller(), books.acme.id, key.id).await.unwrap();
    assert!(books.store.api_key_access(token.hash()).await.unwrap().is_none());
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("delete api-key success", &json!(key.id)));
    assert_eq!(record["parameters"]["before"], json!({ "name": "ci" }));
    let again = books.store.delete_api_key(books.caller(), books.acme.id, key.id).await;
    assert!(is_not_there(&again), "{again:?}");
}

async fn a_closed_organization_lets_no_key_in(books: Books) {
    let project = books.project("Rockets").await;
    let (_, token) = books.key(&project, "ci").await;
    assert!(books.store.api_key_access(token.hash()).await.unwrap().is_some());
    books.store.close_organization(books.caller(), books.acme.id, "Acme".to_owned()).await.unwrap();
    assert!(books.store.api_key_access(token.hash()).await.unwrap().is_none());
}

async fn the_key_is_nowhere_in_the_database_or_the_records(books: Books) {
    let project = books.project("Rockets").await;
    let (_, token) = books.key(&project, "ci").await;
    books.store.api_key_access(token.hash()).await.unwrap();
    let secret = &token.expose()[12..];
    for column in ["token_start", "name", "created_by", "id"] {
        let texts = books.database.texts(&format!("SELECT {column} FROM api_keys")).await;
        assert!(!texts.is_empty() && texts.iter().all(|text| !text.contains(secret)), "{column}");
    }
    for line in books.database.texts("SELECT line FROM records").await {
        assert!(!line.contains(&token.start()), "not even its start: {line}");
    }
}

async fn a_form_that_is_sent_twice_makes_one_key(books: Books) {
    let project = books.project("Rockets").await;
    let tokens = [ApiKeyToken::generate(&Entropy::system()), ApiKeyToken::generate(&Entropy::system())];
    let make = |token| {
        books.store.create_api_key(books.caller(), books.acme.id, project.id, "CI".parse().unwrap(), token)
    };
    let (first, second) = tokio::join!(make(&tokens[0]), make(&tokens[1]));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let refused = if first.is_ok() { rule(second) } else { rule(first) };
    assert_eq!(refused, Refusal::NameTaken);
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("create api-key failure", &json!("CI")));
    assert_eq!(record["outcome"]["error_code"], "ALREADY_EXISTS");

    let other = books.project("Other").await;
    books.key(&other, "CI").await;
}

async fn a_use_is_noted_once_a_minute(books: Books) {
    let project = books.project("Rockets").await;
    let (key, token) = books.key(&project, "ci").await;
    let last_used = async || {
        assert!(books.store.api_key_access(token.hash()).await.unwrap().is_some());
        books.store.api_key(books.acme.id, key.id).await.unwrap().unwrap().last_used_at.unwrap()
    };
    let first = last_used().await;
    assert_eq!(first, books.clock.now());
    books.clock.advance(Duration::from_secs(59));
    assert_eq!(last_used().await, first);
    books.clock.advance(Duration::from_secs(1));
    assert_eq!(last_used().await, books.clock.now());
}

async fn another_organizations_key_is_not_there(books: Books) {
    let project = books.project("Rockets").await;
    let (key, token) = books.key(&project, "ci").await;
    let beta = books.other_organization().await;
    books.store.add_member(beta.id, books.owner.id, Role::Owner).await.unwrap();
    let before = books.records_of(books.acme.id).await;

    assert!(books.store.api_key(beta.id, key.id).await.unwrap().is_none());
    let listed = books.store.api_keys_of_project(beta.id, project.id, Listing::first(9)).await.unwrap();
    assert!(listed.items.is_empty());
    assert!(books.store.api_keys(beta.id, Listing::first(9)).await.unwrap().items.is_empty());
    assert!(is_not_there(&books.store.delete_api_key(books.caller(), beta.id, key.id).await));
    let made = books.store.create_api_key(books.caller(), beta.id, project.id, "x".parse().unwrap(), &token);
    assert!(is_not_there(&made.await));
    assert_eq!((books.records_of(books.acme.id).await, books.records_of(beta.id).await), (before, 0));
}

async fn managers_make_keys_and_members_do_not(books: Books) {
    let project = books.project("Rockets").await;
    let token = ApiKeyToken::generate(&Entropy::system());
    let manager = books.member("manager@acme.example", Role::Manager).await;
    let made = books.store.create_api_key(
        caller(&manager),
        books.acme.id,
        project.id,
        "by a manager".parse().unwrap(),
        &token,
    );
    let key = made.await.unwrap();
    for (email, role) in [("m@acme.example", Role::Member), ("b@acme.example", Role::BillingAdmin)] {
        let user = books.member(email, role).await;
        let name = "by others".parse().unwrap();
        let made = books.store.create_api_key(caller(&user), books.acme.id, project.id, name, &token).await;
        assert_eq!(rule(made), Refusal::NotAllowed);
        assert_eq!(books.newest().await.0, "create api-key failure");
        let deleted = books.store.delete_api_key(caller(&user), books.acme.id, key.id).await;
        assert_eq!(rule(deleted), Refusal::NotAllowed);
        assert_eq!(books.newest().await.1["outcome"]["error_code"], "PERMISSION_DENIED");
    }
}

async fn keys_are_listed_in_parts(books: Books) {
    let mut expected = Vec::new();
    for project in ["One", "Two"] {
        books.clock.advance(Duration::from_millis(3));
        let project = books.project(project).await;
        for key in ["a", "b", "c"] {
            books.clock.advance(Duration::from_millis(3));
            let (key, _) = books.key(&project, key).await;
            expected.push((project.name.as_str().to_owned(), key.name.as_str().to_owned(), key.id));
        }
    }
    expected.reverse();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = books.store.api_keys(books.acme.id, Listing { after, limit: 2 }).await.unwrap();
        after = part.items.last().map(|listed| (listed.key.project, listed.key.id));
        seen.extend(
            part.items
                .iter()
                .map(|listed| (listed.project_name.to_string(), listed.key.name.to_string(), listed.key.id)),
        );
        if !part.has_more {
            break;
        }
        // A place whose key is gone is a place still.
        let gone = books.store.delete_api_key(books.caller(), books.acme.id, after.unwrap().1);
        gone.await.unwrap();
    }
    assert_eq!(seen, expected);
}
