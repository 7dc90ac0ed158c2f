//! Accounts: name, password and sessions, each change on the record of every organization of the account.

use serde_json::{Value, json};
use trailpost::domain::clock::Timestamp;
use trailpost::domain::membership::Role;
use trailpost::store::{PasswordRefused, SessionContent, SessionHash, SessionHolder};

use super::Books;

on_both_engines! {
    a_name_is_changed_on_the_record_of_every_organization,
    of_two_names_at_once_each_record_has_the_one_that_it_replaced,
    a_password_is_changed_once_and_ends_every_session,
    sessions_are_listed_and_ended_by_their_owner_alone,
    a_session_that_was_ended_does_not_come_back,
    sessions_of_before_the_columns_know_their_owner,
}

const HOUR: i64 = 60 * 60 * 1000;

async fn a_name_is_changed_on_the_record_of_every_organization(books: Books) {
    let beta = books.store.create_organization("Beta".parse().unwrap(), books.acme.plan).await.unwrap();
    books.store.add_member(beta.id, books.owner.id, Role::Member).await.unwrap();
    let rename =
        |name: &str| books.store.rename_user(books.caller(), books.owner.clone(), name.parse().unwrap());
    rename("Olivia").await.unwrap();
    assert!(books.lines().await.is_empty(), "the same name is no change");
    rename("Liv").await.unwrap();
    let account = books.store.account(books.owner.id).await.unwrap().unwrap();
    assert_eq!(account.user.display_name.as_str(), "Liv");
    for (organization, role) in [(books.acme.id, "owner"), (beta.id, "member")] {
        let line = books.store.newest_lines(organization, 1).await.unwrap().remove(0);
        let record: Value = serde_json::from_str(line.line.as_str()).unwrap();
        assert_eq!(record["event"]["resource_id"], json!({ "user": "owner@acme.example", "role": role }));
        assert_eq!(
            record["event"]["parameters"],
            json!({
                "changed": ["display_name"], "before": { "display_name": "Olivia" },
                "after": { "display_name": "Liv" }, "source_ip": "127.0.0.1"
            })
        );
    }
}

async fn of_two_names_at_once_each_record_has_the_one_that_it_replaced(books: Books) {
    let rename =
        |name: &str| books.store.rename_user(books.caller(), books.owner.clone(), name.parse().unwrap());
    let (one, other) = tokio::join!(rename("Liv"), rename("Ollie"));
    one.and(other).unwrap();
    let lines = books.lines().await;
    let changes: Vec<_> = lines.iter().map(|line| &line["event"]["parameters"]).collect();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["before"]["display_name"], "Olivia");
    assert_eq!(changes[1]["before"], changes[0]["after"]);
    let account = books.store.account(books.owner.id).await.unwrap().unwrap();
    assert_eq!(changes[1]["after"]["display_name"], account.user.display_name.as_str());
    // Back to what the page of the first request had: that is a change too.
    rename("Olivia").await.unwrap();
    assert_eq!(books.lines().await.len(), 3);
}

async fn a_password_is_changed_once_and_ends_every_session(books: Books) {
    for id in [1, 2] {
        books.begin_session(id).await;
    }
    let proved = books.store.account(books.owner.id).await.unwrap().unwrap().password_version;
    let change = |hash: &str| {
        books.store.change_password(books.caller(), books.owner.clone(), proved, hash.to_owned())
    };
    let (one, other) = tokio::join!(change("one"), change("other"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let account = books.store.account(books.owner.id).await.unwrap().unwrap();
    assert_eq!(account.password_hash, if one.is_ok() { "one" } else { "other" });
    let (version, refused) = match (one, other) {
        (Ok(version), Err(refused)) | (Err(refused), Ok(version)) => (version, refused),
        both => panic!("{both:?}"),
    };
    assert_eq!(account.password_version, version);
    assert!(matches!(refused, PasswordRefused::ChangedMeanwhile));
    assert!(books.session_ids().await.is_empty());
    assert_eq!(books.events().await, ["update user success"]);
    assert_eq!(books.lines().await[0]["event"]["parameters"]["changed"], json!(["password"]));
}

async fn sessions_are_listed_and_ended_by_their_owner_alone(books: Books) {
    for id in 1..=4 {
        books.begin_session(id).await;
    }
    let listed = books.store.sessions_of(books.owner.id, books.clock.wall()).await.unwrap();
    assert_eq!(books.session_ids().await, [4, 3, 2, 1], "the one used last comes first");
    assert_eq!(listed[0].user_agent, "browser/4");
    assert_eq!(listed[0].created_at, Timestamp::from_millis(1000));

    let ada = books.join("ada@acme.example", Role::Manager).await;
    let by_ada = trailpost::domain::caller::Caller::user(&ada, "test/1", None);
    assert!(!books.store.end_session(by_ada.clone(), ada.clone(), session(1)).await.unwrap());
    assert_eq!(books.store.end_other_sessions(by_ada, ada, session(9)).await.unwrap(), 0);
    assert_eq!(books.session_ids().await.len(), 4);
    assert!(books.lines().await.is_empty(), "nothing was ended");

    let owner = || books.owner.clone();
    assert!(books.store.end_session(books.caller(), owner(), session(4)).await.unwrap());
    assert!(!books.store.end_session(books.caller(), owner(), session(4)).await.unwrap());
    assert_eq!(books.store.end_other_sessions(books.caller(), owner(), session(2)).await.unwrap(), 2);
    assert_eq!(books.session_ids().await, [2]);
    let ended: Vec<_> = books
        .lines()
        .await
        .iter()
        .map(|line| line["event"]["parameters"]["sessions_ended"].clone())
        .collect();
    assert_eq!(ended, [json!(1), json!(2)]);
}

async fn a_session_that_was_ended_does_not_come_back(books: Books) {
    books.begin_session(1).await;
    books.store.end_session(books.caller(), books.owner.clone(), session(1)).await.unwrap();
    // What a request that was under way saves behind it.
    books.store.save_session(session(1), books.content(1)).await.unwrap();
    assert!(books.store.load_session(session(1), books.clock.wall()).await.unwrap().is_none());
}

async fn sessions_of_before_the_columns_know_their_owner(books: Books) {
    let migration =
        |engine: &str| std::fs::read_to_string(format!("migrations/{engine}/0012_people.sql")).unwrap();
    let text = migration(if books.database.url().starts_with("sqlite:") { "sqlite" } else { "postgres" });
    let start = text.find("UPDATE sessions").unwrap();
    let update = &text[start..start + text[start..].find(';').unwrap()];
    let owner = books.owner.id.to_string();
    for (id, user) in [(1, owner.as_str()), (2, "0199f3c2-0000-7000-8000-000000000000")] {
        books.begin_session(id).await;
        let data = json!({ "signed_in": { "user": user } });
        books
            .database
            .tamper(&format!(
                "UPDATE sessions SET user_id = NULL, data = '{data}' WHERE user_agent = 'browser/{id}'"
            ))
            .await;
    }
    books.database.tamper("UPDATE sessions SET data = '{}' WHERE user_id = 'none'").await;
    assert!(books.session_ids().await.is_empty());
    books.database.tamper(update).await;
    assert_eq!(books.session_ids().await, [1]);
}

fn session(id: u8) -> SessionHash {
    [id; 32]
}

impl Books {
    fn content(&self, id: u8) -> SessionContent {
        let seen = self.clock.wall();
        SessionContent {
            data: "{}".to_owned(),
            expires_at: Timestamp::from_millis(seen.as_millis() + HOUR),
            holder: Some(SessionHolder {
                user: self.owner.id,
                user_agent: format!("browser/{id}"),
                since: Timestamp::from_millis(1000),
                seen: Timestamp::from_millis(seen.as_millis() + i64::from(id)),
            }),
        }
    }

    async fn begin_session(&self, id: u8) {
        assert!(self.store.create_session(session(id), self.content(id)).await.unwrap());
    }

    async fn session_ids(&self) -> Vec<u8> {
        let listed = self.store.sessions_of(self.owner.id, self.clock.wall()).await.unwrap();
        listed.iter().map(|session| session.id[0]).collect()
    }
}
