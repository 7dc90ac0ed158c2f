//! For how long an invitation can be used: while its sender may still give its role, and not when they were removed,
//! demoted or deleted.

use serde_json::json;
use trailpost::domain::caller::Caller;
use trailpost::domain::credential::TokenHash;
use trailpost::domain::membership::Role;
use trailpost::domain::user::User;
use trailpost::store::AcceptRefused;

use super::Books;

on_both_engines! {
    what_a_demoted_owner_sent_is_revoked_with_a_record_each,
    what_a_removed_owner_sent_is_revoked_also_when_they_leave,
    what_another_owner_sent_again_stays,
    what_a_service_account_sent_is_revoked_with_its_role_or_with_it,
    a_link_is_not_used_once_its_sender_may_not_give_it_however_that_came,
    of_a_demotion_and_a_use_at_once_the_first_decides,
    what_was_open_before_senders_were_kept_has_expired,
}

const MALLORY: &str = "mallory@acme.example";
const SECOND: &str = "mallory@home.example";

async fn what_a_demoted_owner_sent_is_revoked_with_a_record_each(books: Books) {
    let mallory = books.join(MALLORY, Role::Owner).await;
    let as_owner = books.invite_by(by(&mallory), SECOND, Role::Owner).await.unwrap();
    let as_member = books.invite_by(by(&mallory), "ada@acme.example", Role::Member).await.unwrap();
    let other = books.invite_by(books.caller(), "eve@acme.example", Role::Owner).await.unwrap();
    let before = books.lines().await.len();
    books.store.change_role(books.caller(), books.acme.id, mallory.id, Role::Manager).await.unwrap();

    for token in [as_owner, as_member] {
        assert!(books.store.invitation(token).await.unwrap().is_none());
        assert!(matches!(books.accept(token).await, Err(AcceptRefused::LinkOver)));
    }
    assert_eq!(books.invited().await, ["eve@acme.example"]);
    let lines = books.lines().await;
    let events: Vec<_> = lines[before..].iter().map(|line| &line["event"]).collect();
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!([&events[0]["action"], &events[0]["resource_type"]], ["update", "user"]);
    let mut ended: Vec<_> = events[1..].iter().map(|event| event["resource_id"].as_str().unwrap()).collect();
    ended.sort_unstable();
    assert_eq!(ended, ["ada@acme.example", SECOND]);
    for event in &events[1..] {
        assert_eq!([&event["action"], &event["resource_type"]], ["delete", "invitation"]);
        let role = if event["resource_id"] == SECOND { "owner" } else { "member" };
        assert_eq!(
            event["parameters"],
            json!({ "before": { "role": role }, "sent_by": MALLORY, "source_ip": "127.0.0.1" })
        );
    }
    assert_eq!(lines.last().unwrap()["actor"]["principal_name"], "owner@acme.example");

    // With the role the old links don’t come back; of another owner’s nothing was touched.
    books.store.change_role(books.caller(), books.acme.id, mallory.id, Role::Owner).await.unwrap();
    assert!(matches!(books.accept(as_owner).await, Err(AcceptRefused::LinkOver)));
    books.accept(other).await.unwrap();
}

async fn what_a_removed_owner_sent_is_revoked_also_when_they_leave(books: Books) {
    for leaves in [false, true] {
        let mallory = books.join(MALLORY, Role::Owner).await;
        let token = books.invite_by(by(&mallory), SECOND, Role::Owner).await.unwrap();
        let remover = if leaves { by(&mallory) } else { books.caller() };
        books.store.remove_member(remover, books.acme.id, mallory.id).await.unwrap();
        assert!(matches!(books.accept(token).await, Err(AcceptRefused::LinkOver)));
        assert!(books.invited().await.is_empty());
        let events = books.events().await;
        assert_eq!(events[events.len() - 2..], ["delete user success", "delete invitation success"]);
    }
}

async fn what_another_owner_sent_again_stays(books: Books) {
    let mallory = books.join(MALLORY, Role::Owner).await;
    let ada = "ada@acme.example";
    let older = books.invite_by(by(&mallory), ada, Role::Member).await.unwrap();
    let again = books.invite_by(books.caller(), ada, Role::Member).await.unwrap();
    books.store.remove_member(books.caller(), books.acme.id, mallory.id).await.unwrap();
    assert!(matches!(books.accept(older).await, Err(AcceptRefused::LinkOver)));
    assert_eq!(books.invited().await, [ada]);
    books.accept(again).await.unwrap();
}

async fn what_a_service_account_sent_is_revoked_with_its_role_or_with_it(books: Books) {
    let (account, _) = books.account("inviter", Role::Owner).await;
    let by_account = || Caller::service_account(account.id, &account.name, "curl/8", None);
    let first = books.invite_by(by_account(), SECOND, Role::Owner).await.unwrap();
    let change = async |role| {
        let changed =
            books.store.change_service_account_role(books.caller(), books.acme.id, account.id, role);
        changed.await.unwrap()
    };
    change(Role::Member).await;
    assert!(matches!(books.accept(first).await, Err(AcceptRefused::LinkOver)));
    assert_eq!(books.lines().await.pop().unwrap()["event"]["parameters"]["sent_by"], "inviter");

    change(Role::Owner).await;
    let second = books.invite_by(by_account(), SECOND, Role::Owner).await.unwrap();
    books.store.delete_service_account(books.caller(), books.acme.id, account.id).await.unwrap();
    assert!(matches!(books.accept(second).await, Err(AcceptRefused::LinkOver)));
    assert!(books.invited().await.is_empty());
    let events = books.events().await;
    assert_eq!(events[events.len() - 2..], ["delete service-account success", "delete invitation success"]);
}

/// As a process of an older version leaves it, which knows no senders.
async fn a_link_is_not_used_once_its_sender_may_not_give_it_however_that_came(books: Books) {
    let mallory = books.join(MALLORY, Role::Owner).await;
    let token = books.invite_by(by(&mallory), SECOND, Role::Owner).await.unwrap();
    let demote = format!("UPDATE memberships SET role = 'manager' WHERE user_id = '{}'", mallory.id);
    assert_eq!(books.database.tamper(&demote).await, 1);
    assert!(books.store.invitation(token).await.unwrap().is_none(), "nor is its page shown");
    assert!(matches!(books.accept(token).await, Err(AcceptRefused::LinkOver)));
    assert_eq!(books.database.numbers("SELECT COUNT(*) FROM users WHERE email LIKE '%home%'").await, [0]);
}

async fn of_a_demotion_and_a_use_at_once_the_first_decides(books: Books) {
    let mallory = books.join(MALLORY, Role::Owner).await;
    let token = books.invite_by(by(&mallory), SECOND, Role::Owner).await.unwrap();
    let demote = books.store.change_role(books.caller(), books.acme.id, mallory.id, Role::Member);
    let (demoted, used) = tokio::join!(demote, books.accept(token));
    demoted.unwrap();
    let events = books.events().await;
    let place = |event: &str| events.iter().position(|one| one == event);
    match used {
        // Mallory was an owner still, and the record says that somebody came in before.
        Ok(()) => assert!(place("create user success") < place("update user success"), "{events:?}"),
        Err(refused) => {
            assert!(matches!(refused, AcceptRefused::LinkOver), "{refused:?}");
            assert_eq!(place("create user success"), None);
        }
    }
    assert!(books.invited().await.is_empty());
}

async fn what_was_open_before_senders_were_kept_has_expired(books: Books) {
    let engine = if books.database.url().starts_with("sqlite:") { "sqlite" } else { "postgres" };
    let text = std::fs::read_to_string(format!("migrations/{engine}/0015_invitation_senders.sql")).unwrap();
    let start = text.find("UPDATE invitations").unwrap();
    let update = &text[start..start + text[start..].find(';').unwrap()];
    let used = books.invite_by(books.caller(), "eve@acme.example", Role::Member).await.unwrap();
    books.accept(used).await.unwrap();
    let open = books.invite_by(books.caller(), SECOND, Role::Owner).await.unwrap();
    let forget = "UPDATE invitations SET sender_kind = NULL, sender_id = NULL";
    assert_eq!(books.database.tamper(forget).await, 2);
    assert!(matches!(books.accept(open).await, Err(AcceptRefused::LinkOver)), "not even without that");
    assert_eq!(books.database.tamper(update).await, 1);
    let listed = books.open_invitations().await;
    assert_eq!(listed.len(), 1, "an owner sees it, to make a new link");
    assert!(listed[0].expires_at <= books.clock.wall());
    let again = books.invite_by(books.caller(), SECOND, Role::Member).await.unwrap();
    books.accept(again).await.unwrap();
    for (kind, id) in [("'operator'", "'x'"), ("'user'", "NULL"), ("'x'", "'x'"), ("NULL", "'x'")] {
        let statement = format!("UPDATE invitations SET sender_kind = {kind}, sender_id = {id}");
        assert!(books.database.is_refused(&statement).await, "{statement}");
    }
}

fn by(user: &User) -> Caller {
    Caller::user(user, "test/1", Some([127, 0, 0, 1].into()))
}

impl Books {
    /// Uses a link as somebody who has no account.
    async fn accept(&self, token: TokenHash) -> Result<(), AcceptRefused> {
        let name = "Somebody".parse().unwrap();
        self.store.accept_as_new_account(token, name, "a hash".to_owned(), by).await.map(drop)
    }

    /// Whose invitations are open, newest first.
    async fn invited(&self) -> Vec<String> {
        let open = self.open_invitations().await;
        open.iter().map(|invitation| invitation.email.to_string()).collect()
    }
}
