//! Service accounts: roles, secrets, and rotations that end nothing that is in use.

use std::time::Duration;

use serde_json::json;
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::ServiceAccountToken;
use trailpost::domain::id::SecretId;
use trailpost::domain::membership::Role;
use trailpost::domain::refusal::Refusal;
use trailpost::domain::service_account::{Overlap, ServiceAccount};
use trailpost::store::{ChangeRefused, Listing};

use super::Books;
use super::projects::{caller, is_not_there, rule};

on_both_engines! {
    an_account_lets_its_bearer_in_with_its_role_until_it_is_deleted,
    a_role_is_changed_with_its_record,
    only_owners_and_none_above_their_own,
    an_account_acts_with_its_role,
    for_the_overlap_both_secrets_work,
    without_an_overlap_the_old_secret_stops_at_once,
    a_rotation_that_is_sent_twice_ends_nothing_that_is_in_use,
    a_secret_is_ended_by_hand,
    a_closed_organization_lets_no_account_in,
    a_name_is_given_once,
    another_organizations_account_is_not_there,
    the_secret_is_nowhere_in_the_database_or_the_records,
    accounts_are_listed_in_parts,
}

fn token() -> ServiceAccountToken {
    ServiceAccountToken::generate(&Entropy::system())
}

impl Books {
    pub async fn account(&self, name: &str, role: Role) -> (ServiceAccount, ServiceAccountToken) {
        let token = token();
        let made = self.store.create_service_account(
            self.caller(),
            self.acme.id,
            name.parse().unwrap(),
            role,
            &token,
        );
        (made.await.unwrap(), token)
    }

    async fn works(&self, token: &ServiceAccountToken) -> bool {
        self.store.service_account_access(token.hash()).await.unwrap().is_some()
    }

    async fn rotate(
        &self,
        account: &ServiceAccount,
        overlap: Overlap,
    ) -> Result<ServiceAccountToken, ChangeRefused> {
        let token = token();
        self.store
            .rotate_service_account_secret(self.caller(), self.acme.id, account.id, overlap, &token)
            .await?;
        Ok(token)
    }

    async fn secrets(&self, account: &ServiceAccount) -> Vec<trailpost::domain::service_account::Secret> {
        self.store.service_account(self.acme.id, account.id).await.unwrap().unwrap().secrets
    }
}

async fn an_account_lets_its_bearer_in_with_its_role_until_it_is_deleted(books: Books) {
    let (account, token) = books.account("Terraform", Role::Manager).await;
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("create service-account success", &json!(account.id))
    );
    assert_eq!(record["resource_name"], "Terraform");
    assert_eq!(
        record["parameters"],
        json!({
            "after": { "name": "Terraform", "role": "manager" },
            "client_id": account.client_id.as_str(),
            "source_ip": "127.0.0.1",
        })
    );
    let access = books.store.service_account_access(token.hash()).await.unwrap().unwrap();
    assert_eq!(
        (access.organization, access.id, access.role),
        (books.acme.clone(), account.id, Role::Manager)
    );
    assert_eq!(access.name.as_str(), "Terraform");
    let used = books.secrets(&account).await[0].last_used_at;
    assert_eq!(used, Some(books.clock.now()));
    books.clock.advance(Duration::from_secs(59));
    assert!(books.works(&token).await);
    assert_eq!(books.secrets(&account).await[0].last_used_at, used, "once a minute");
    books.clock.advance(Duration::from_secs(1));
    assert!(books.works(&token).await);
    assert_ne!(books.secrets(&account).await[0].last_used_at, used);

    books.store.delete_service_account(books.caller(), books.acme.id, account.id).await.unwrap();
    assert!(!books.works(&token).await);
    let (event, record) = books.newest().await;
    assert_eq!(event, "delete service-account success");
    assert_eq!(record["parameters"]["before"], json!({ "name": "Terraform", "role": "manager" }));
    let again = books.store.delete_service_account(books.caller(), books.acme.id, account.id).await;
    assert!(is_not_there(&again), "{again:?}");
}

async fn a_role_is_changed_with_its_record(books: Books) {
    let (account, token) = books.account("Terraform", Role::Member).await;
    let change = async |role| {
        books
            .store
            .change_service_account_role(books.caller(), books.acme.id, account.id, role)
            .await
            .unwrap()
    };
    assert_eq!(change(Role::Owner).await.role, Role::Owner);
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("update service-account success", &json!(account.id))
    );
    assert_eq!(record["parameters"]["before"], json!({ "role": "member" }));
    assert_eq!(record["parameters"]["after"], json!({ "role": "owner" }));
    assert_eq!(books.store.service_account_access(token.hash()).await.unwrap().unwrap().role, Role::Owner);
    let before = books.events().await.len();
    change(Role::Owner).await;
    assert_eq!(books.events().await.len(), before, "the same role changes nothing");
}

async fn only_owners_and_none_above_their_own(books: Books) {
    let (account, _) = books.account("Terraform", Role::Owner).await;
    let (store, acme) = (&books.store, books.acme.id);
    let mut failures = 0;
    for (email, role) in [
        ("m@acme.example", Role::Manager),
        ("n@acme.example", Role::Member),
        ("b@acme.example", Role::BillingAdmin),
    ] {
        let user = books.member(email, role).await;
        let by = || caller(&user);
        let name = "mine".parse().unwrap();
        let secret = store.service_account(acme, account.id).await.unwrap().unwrap().secrets[0].id;
        let refused = [
            rule(store.create_service_account(by(), acme, name, Role::Member, &token()).await),
            rule(store.change_service_account_role(by(), acme, account.id, Role::Member).await),
            rule(store.rotate_service_account_secret(by(), acme, account.id, Overlap::Day, &token()).await),
            rule(store.end_service_account_secret(by(), acme, account.id, secret).await),
            rule(store.delete_service_account(by(), acme, account.id).await),
        ];
        assert_eq!(refused, [Refusal::NotAllowed; 5], "{role:?}");
        failures += 5;
    }
    let lines = books.lines().await;
    let denied = lines.iter().filter(|line| line["event"]["outcome"]["error_code"] == "PERMISSION_DENIED");
    assert_eq!(denied.count(), failures);
    assert_eq!(store.service_account(acme, account.id).await.unwrap().unwrap().account, account);
}

async fn an_account_acts_with_its_role(books: Books) {
    let (account, token) = books.account("Terraform", Role::Manager).await;
    let by =
        || Caller::service_account(account.id, &account.name, "terraform/1.9", Some([10, 0, 0, 1].into()));
    let (store, acme) = (&books.store, books.acme.id);
    let project = store.create_project(by(), acme, "Rockets".parse().unwrap()).await.unwrap();
    assert_eq!(project.created_by, "Terraform");
    let record = books.lines().await.pop().unwrap();
    assert_eq!(
        record["actor"],
        json!({ "principal_id": account.id, "principal_name": "Terraform", "principal_type": "service_account" })
    );
    assert_eq!(record["client"]["userAgent"], "terraform/1.9");
    assert_eq!(rule(store.delete_project(by(), acme, project.id).await), Refusal::NotAllowed);
    let change = async |role| {
        store.change_service_account_role(books.caller(), acme, account.id, role).await.unwrap();
    };
    change(Role::Member).await;
    assert_eq!(rule(store.create_project(by(), acme, "Late".parse().unwrap()).await), Refusal::NotAllowed);
    change(Role::Owner).await;
    store.delete_project(by(), acme, project.id).await.unwrap();

    let beta = books.other_organization().await;
    let elsewhere = store.create_project(by(), beta.id, "X".parse().unwrap()).await;
    assert!(is_not_there(&elsewhere), "{elsewhere:?}");
    assert_eq!(books.records_of(beta.id).await, 0);

    store.delete_service_account(books.caller(), acme, account.id).await.unwrap();
    assert!(!books.works(&token).await);
    assert!(is_not_there(&store.create_project(by(), acme, "Later".parse().unwrap()).await));
}

async fn for_the_overlap_both_secrets_work(books: Books) {
    let (account, old) = books.account("Terraform", Role::Member).await;
    let new = books.rotate(&account, Overlap::Hour).await.unwrap();
    let until = books.clock.now() + Duration::from_secs(3600);
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("rotate service-account success", &json!(account.id))
    );
    assert_eq!(record["parameters"]["after"], json!({ "overlap": "1h", "old_secret_until": until }));
    assert!(books.works(&old).await && books.works(&new).await);
    let secrets = books.secrets(&account).await;
    assert_eq!(
        secrets.iter().map(|secret| (secret.token_start.clone(), secret.expires_at)).collect::<Vec<_>>(),
        [(new.start(), None), (old.start(), Some(until))]
    );

    books.clock.advance(Duration::from_secs(3599));
    assert!(books.works(&old).await);
    books.clock.advance(Duration::from_secs(1));
    assert!(!books.works(&old).await && books.works(&new).await);
    assert_eq!(books.secrets(&account).await.len(), 1);
    let newer = books.rotate(&account, Overlap::Week).await.unwrap();
    assert!(books.works(&new).await && books.works(&newer).await && !books.works(&old).await);
}

async fn without_an_overlap_the_old_secret_stops_at_once(books: Books) {
    let (account, first) = books.account("Terraform", Role::Member).await;
    let second = books.rotate(&account, Overlap::Day).await.unwrap();
    let third = books.rotate(&account, Overlap::None).await.unwrap();
    assert!(!books.works(&first).await && !books.works(&second).await && books.works(&third).await);
    assert_eq!(books.secrets(&account).await.len(), 1);
}

async fn a_rotation_that_is_sent_twice_ends_nothing_that_is_in_use(books: Books) {
    let (account, in_use) = books.account("Terraform", Role::Member).await;
    let (first, second) =
        tokio::join!(books.rotate(&account, Overlap::Day), books.rotate(&account, Overlap::Day));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let refused = if first.is_ok() { rule(second) } else { rule(first) };
    assert_eq!(refused, Refusal::TwoSecrets);
    assert!(books.works(&in_use).await);
    let (event, record) = books.newest().await;
    assert_eq!(event, "rotate service-account failure");
    assert_eq!(record["outcome"]["error_code"], "FAILED_PRECONDITION");
}

async fn a_secret_is_ended_by_hand(books: Books) {
    let (account, old) = books.account("Terraform", Role::Member).await;
    let lost = books.rotate(&account, Overlap::Day).await.unwrap();
    let end = |secret: SecretId| {
        books.store.end_service_account_secret(books.caller(), books.acme.id, account.id, secret)
    };
    // The new one was not seen by anybody: it goes, and the next rotation keeps the one in use.
    let secrets = books.secrets(&account).await;
    end(secrets[0].id).await.unwrap();
    assert!(books.works(&old).await && !books.works(&lost).await);
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("update service-account success", &json!(account.id))
    );
    assert_eq!(record["parameters"]["ended_secret"], json!(secrets[0].id));
    assert!(is_not_there(&end(secrets[0].id).await));
    let stated = books.secrets(&account).await[0].expires_at.unwrap();
    let new = books.rotate(&account, Overlap::Week).await.unwrap();
    let (_, record) = books.newest().await;
    assert_eq!(record["parameters"]["after"], json!({ "overlap": "7d", "old_secret_until": stated }));
    books.clock.advance(Duration::from_secs(2 * 24 * 3600));
    assert!(!books.works(&old).await && books.works(&new).await, "an end that was stated comes no later");

    let (other, token) = books.account("Other", Role::Member).await;
    assert!(is_not_there(&end(books.secrets(&other).await[0].id).await), "another account's");
    assert!(books.works(&token).await);
}

async fn a_closed_organization_lets_no_account_in(books: Books) {
    let (_, token) = books.account("Terraform", Role::Owner).await;
    assert!(books.works(&token).await);
    books.store.close_organization(books.caller(), books.acme.id, "Acme".to_owned()).await.unwrap();
    assert!(!books.works(&token).await);
}

async fn a_name_is_given_once(books: Books) {
    books.account("Terraform", Role::Member).await;
    let token = token();
    let made = books.store.create_service_account(
        books.caller(),
        books.acme.id,
        "TERRAFORM".parse().unwrap(),
        Role::Member,
        &token,
    );
    assert_eq!(rule(made.await), Refusal::NameTaken);
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("create service-account failure", &json!("TERRAFORM"))
    );
    assert_eq!(record["outcome"]["error_code"], "ALREADY_EXISTS");
}

async fn another_organizations_account_is_not_there(books: Books) {
    let (account, _) = books.account("Terraform", Role::Member).await;
    let secret = books.secrets(&account).await[0].id;
    let beta = books.other_organization().await;
    books.store.add_member(beta.id, books.owner.id, Role::Owner).await.unwrap();
    let before = books.records_of(books.acme.id).await;
    let (store, id, by) = (&books.store, account.id, || books.caller());

    assert!(store.service_account(beta.id, id).await.unwrap().is_none());
    assert!(store.service_accounts(beta.id, Listing::first(9)).await.unwrap().items.is_empty());
    assert!(is_not_there(&store.change_service_account_role(by(), beta.id, id, Role::Owner).await));
    let rotated = store.rotate_service_account_secret(by(), beta.id, id, Overlap::None, &token()).await;
    assert!(is_not_there(&rotated));
    assert!(is_not_there(&store.end_service_account_secret(by(), beta.id, id, secret).await));
    assert!(is_not_there(&store.delete_service_account(by(), beta.id, id).await));
    assert_eq!((books.records_of(books.acme.id).await, books.records_of(beta.id).await), (before, 0));
}

async fn the_secret_is_nowhere_in_the_database_or_the_records(books: Books) {
    let (account, first) = books.account("Terraform", Role::Member).await;
    let second = books.rotate(&account, Overlap::Day).await.unwrap();
    for token in [first, second] {
        let secret = &token.expose()[12..];
        let starts = books.database.texts("SELECT token_start FROM service_account_secrets").await;
        assert!(starts.contains(&token.start()) && starts.iter().all(|start| !start.contains(secret)));
        for line in books.database.texts("SELECT line FROM records").await {
            assert!(!line.contains(&token.start()), "not even its start: {line}");
        }
    }
}

async fn accounts_are_listed_in_parts(books: Books) {
    let mut names = Vec::new();
    for number in 0..5 {
        books.clock.advance(Duration::from_millis(3));
        let (account, token) = books.account(&format!("Account {number}"), Role::Member).await;
        assert!(number != 4 || books.works(&token).await);
        names.push(account.name.to_string());
    }
    names.reverse();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = books.store.service_accounts(books.acme.id, Listing { after, limit: 2 }).await.unwrap();
        after = part.items.last().map(|listed| listed.account.id);
        seen.extend(part.items);
        if !part.has_more {
            break;
        }
    }
    assert_eq!(seen.iter().map(|listed| listed.account.name.to_string()).collect::<Vec<_>>(), names);
    assert_eq!(seen[0].last_used_at, Some(books.clock.now()));
    assert!(seen[1].last_used_at.is_none());
}
