//! Projects and who is in them: every change with its record, refusals too, and nothing of another organization's.

use futures::future::join_all;
use serde_json::{Value, json};
use trailpost::domain::api_key::ApiKey;
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::ApiKeyToken;
use trailpost::domain::id::{OrganizationId, ProjectId};
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::project::{Project, ProjectRole};
use trailpost::domain::refusal::Refusal;
use trailpost::domain::user::{EmailAddress, User};
use trailpost::store::{ChangeRefused, Listing};

use super::Books;
use crate::support::EVERYTHING;

on_both_engines! {
    a_project_is_made_renamed_and_deleted_with_its_records,
    a_name_is_given_once_whatever_its_case,
    of_two_forms_at_once_one_makes_the_project,
    roles_are_read_when_the_change_is_made,
    who_is_not_in_the_organization_leaves_no_trace,
    another_organizations_project_is_not_there,
    members_are_added_changed_and_removed_with_their_records,
    members_of_a_project_are_members_of_the_organization,
    a_deleted_project_takes_its_keys_and_places_with_it,
    projects_are_listed_in_parts,
    an_api_key_works_in_its_project_only,
    trailpost_itself_has_no_rights,
}

impl Books {
    pub async fn member(&self, email: &str, role: Role) -> User {
        let name = "Somebody".parse().unwrap();
        let user = self.store.create_user(email.parse().unwrap(), name, String::new()).await.unwrap();
        self.store.add_member(self.acme.id, user.id, role).await.unwrap();
        user
    }

    pub async fn other_organization(&self) -> Organization {
        self.store.create_organization("Beta".parse().unwrap(), Plan::Standard).await.unwrap()
    }

    pub async fn project(&self, name: &str) -> Project {
        self.store.create_project(self.caller(), self.acme.id, name.parse().unwrap()).await.unwrap()
    }

    pub async fn key(&self, project: &Project, name: &str) -> (ApiKey, ApiKeyToken) {
        let token = ApiKeyToken::generate(&Entropy::system());
        let made =
            self.store.create_api_key(self.caller(), self.acme.id, project.id, name.parse().unwrap(), &token);
        (made.await.unwrap(), token)
    }

    /// Action, resource type and result of the newest record, and the whole event.
    pub async fn newest(&self) -> (String, Value) {
        let event = self.lines().await.pop().unwrap()["event"].clone();
        (self.events().await.pop().unwrap(), event)
    }

    pub async fn records_of(&self, organization: OrganizationId) -> usize {
        let (first, last) = (super::sequence(1), super::sequence(1_000));
        self.store.lines(organization, first, last, EVERYTHING).await.unwrap().len()
    }
}

pub fn caller(user: &User) -> Caller {
    Caller::user(user, "test/1", Some([127, 0, 0, 1].into()))
}

pub fn rule<T: std::fmt::Debug>(result: Result<T, ChangeRefused>) -> Refusal {
    match result {
        Err(ChangeRefused::Rule(refusal)) => refusal,
        other => panic!("no rule refused it: {other:?}"),
    }
}

pub fn is_not_there<T>(result: &Result<T, ChangeRefused>) -> bool {
    matches!(result, Err(ChangeRefused::NotFound))
}

async fn a_project_is_made_renamed_and_deleted_with_its_records(books: Books) {
    let project = books.project(" Rockets ").await;
    assert_eq!(project.name.as_str(), "Rockets");
    assert_eq!(project.created_by, "owner@acme.example");
    let named = json!({ "id": project.id, "name": "Rockets" });
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("create project success", &json!("Rockets")));
    assert_eq!(
        record["parameters"],
        json!({ "after": { "name": "Rockets" }, "project": named, "source_ip": "127.0.0.1" })
    );

    let rename = async |name: &str| {
        let name = name.parse().unwrap();
        books.store.rename_project(books.caller(), books.acme.id, project.id, name).await.unwrap()
    };
    assert_eq!(rename("ROCKETS").await.name.as_str(), "ROCKETS", "a name may change its own case");
    assert_eq!(rename("Engines").await.name.as_str(), "Engines");
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("update project success", &json!("Engines")));
    assert_eq!(record["parameters"]["before"], json!({ "name": "ROCKETS" }));
    assert_eq!(record["parameters"]["after"], json!({ "name": "Engines" }));
    let before = books.events().await.len();
    rename("Engines").await;
    assert_eq!(books.events().await.len(), before, "the same name changes nothing");

    books.store.delete_project(books.caller(), books.acme.id, project.id).await.unwrap();
    let (event, record) = books.newest().await;
    assert_eq!((event.as_str(), &record["resource_id"]), ("delete project success", &json!("Engines")));
    assert_eq!(record["parameters"]["before"], json!({ "name": "Engines", "api_keys": 0, "members": 0 }));
    assert_eq!(books.store.project(books.acme.id, project.id).await.unwrap(), None);
    let again = books.store.delete_project(books.caller(), books.acme.id, project.id).await;
    assert!(is_not_there(&again), "{again:?}");
}

async fn a_name_is_given_once_whatever_its_case(books: Books) {
    books.project("Ökosystem").await;
    let other = books.project("Other").await;
    let taken = |name: &str| books.store.create_project(books.caller(), books.acme.id, name.parse().unwrap());
    assert_eq!(rule(taken("öKOSYSTEM").await), Refusal::NameTaken);
    let (event, record) = books.newest().await;
    assert_eq!(event, "create project failure");
    assert_eq!(record["outcome"]["error_code"], "ALREADY_EXISTS");
    assert_eq!(record["resource_id"], "öKOSYSTEM");
    let name = "ökosystem".parse().unwrap();
    let renamed = books.store.rename_project(books.caller(), books.acme.id, other.id, name).await;
    assert_eq!(rule(renamed), Refusal::NameTaken);
    assert_eq!(books.newest().await.0, "update project failure");

    // A deleted project's name, and one of another organization's, are free.
    books.store.delete_project(books.caller(), books.acme.id, other.id).await.unwrap();
    books.project("OTHER").await;
    let beta = books.other_organization().await;
    books.store.add_member(beta.id, books.owner.id, Role::Owner).await.unwrap();
    let name = "Ökosystem".parse().unwrap();
    books.store.create_project(books.caller(), beta.id, name).await.unwrap();
}

async fn of_two_forms_at_once_one_makes_the_project(books: Books) {
    let make = || books.store.create_project(books.caller(), books.acme.id, "Rockets".parse().unwrap());
    let made = join_all([make(), make(), make()]).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
    let events = books.events().await;
    assert_eq!(events.iter().filter(|event| *event == "create project success").count(), 1, "{events:?}");
    assert_eq!(events.len(), 3);
}

async fn roles_are_read_when_the_change_is_made(books: Books) {
    let manager = books.member("manager@acme.example", Role::Manager).await;
    let member = books.member("member@acme.example", Role::Member).await;
    let billing = books.member("billing@acme.example", Role::BillingAdmin).await;
    let create = |user: &User, name: &str| {
        books.store.create_project(caller(user), books.acme.id, name.parse().unwrap())
    };
    let project = create(&manager, "By a manager").await.unwrap();
    for user in [&member, &billing] {
        assert_eq!(rule(create(user, "By others").await), Refusal::NotAllowed);
        let name = "Renamed".parse().unwrap();
        let renamed = books.store.rename_project(caller(user), books.acme.id, project.id, name).await;
        assert_eq!(rule(renamed), Refusal::NotAllowed);
    }
    for user in [&manager, &member, &billing] {
        let deleted = books.store.delete_project(caller(user), books.acme.id, project.id).await;
        assert_eq!(rule(deleted), Refusal::NotAllowed);
    }
    let (event, record) = books.newest().await;
    assert_eq!(event, "delete project failure");
    assert_eq!(record["outcome"]["error_code"], "PERMISSION_DENIED");
    let failures = books.events().await.iter().filter(|event| event.ends_with("failure")).count();
    assert_eq!(failures, 7, "each attempt has its record");
    assert_eq!(books.store.project(books.acme.id, project.id).await.unwrap(), Some(project));
}

async fn who_is_not_in_the_organization_leaves_no_trace(books: Books) {
    let stranger = books
        .store
        .create_user("eve@evil.example".parse().unwrap(), "Eve".parse().unwrap(), String::new())
        .await
        .unwrap();
    let made = books.store.create_project(caller(&stranger), books.acme.id, "Evil".parse().unwrap()).await;
    assert!(is_not_there(&made), "{made:?}");
    assert!(books.lines().await.is_empty());
}

async fn another_organizations_project_is_not_there(books: Books) {
    let project = books.project("Rockets").await;
    books.add(&project, "owner@acme.example", ProjectRole::Owner).await.unwrap();
    let beta = books.other_organization().await;
    books.store.add_member(beta.id, books.owner.id, Role::Owner).await.unwrap();
    let before = books.records_of(books.acme.id).await;

    assert_eq!(books.store.project(beta.id, project.id).await.unwrap(), None);
    let members = books.store.project_members(beta.id, project.id, Listing::first(10)).await.unwrap();
    assert!(members.items.is_empty());
    assert!(books.store.project_member(beta.id, project.id, books.owner.id).await.unwrap().is_none());
    let (store, id) = (&books.store, project.id);
    let name = || "Taken over".parse().unwrap();
    let (email, user) = (|| books.owner.email.clone(), books.owner.id);
    let role = ProjectRole::Viewer;
    assert!(is_not_there(&store.rename_project(books.caller(), beta.id, id, name()).await));
    assert!(is_not_there(&store.delete_project(books.caller(), beta.id, id).await));
    assert!(is_not_there(&store.add_project_member(books.caller(), beta.id, id, email(), role).await));
    assert!(is_not_there(&store.change_project_member(books.caller(), beta.id, id, user, role).await));
    assert!(is_not_there(&store.remove_project_member(books.caller(), beta.id, id, user).await));
    assert_eq!(books.records_of(books.acme.id).await, before);
    assert_eq!(books.records_of(beta.id).await, 0);
    assert_eq!(books.store.project(books.acme.id, id).await.unwrap(), Some(project));
}

impl Books {
    async fn add(&self, project: &Project, email: &str, role: ProjectRole) -> Result<(), ChangeRefused> {
        let email: EmailAddress = email.parse().unwrap();
        self.store.add_project_member(self.caller(), self.acme.id, project.id, email, role).await.map(drop)
    }

    async fn places(&self, project: ProjectId) -> Vec<(String, ProjectRole)> {
        let members = self.store.project_members(self.acme.id, project, Listing::first(100)).await.unwrap();
        members.items.iter().map(|member| (member.user.email.to_string(), member.role)).collect()
    }
}

async fn members_are_added_changed_and_removed_with_their_records(books: Books) {
    let project = books.project("Rockets").await;
    let named = json!({ "id": project.id, "name": "Rockets" });
    let ada = books.member("ada@acme.example", Role::Member).await;
    books.add(&project, " Ada@Acme.Example", ProjectRole::Editor).await.unwrap();
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["resource_id"]),
        ("create user success", &json!([ada.email.as_str()]))
    );
    assert_eq!(
        record["parameters"],
        json!({ "after": { "role": "editor" }, "project": named, "source_ip": "127.0.0.1" })
    );
    assert_eq!(
        rule(books.add(&project, "ada@acme.example", ProjectRole::Viewer).await),
        Refusal::AlreadyMember
    );
    let (event, record) = books.newest().await;
    assert_eq!(
        (event.as_str(), &record["outcome"]["error_code"]),
        ("create user failure", &json!("ALREADY_EXISTS"))
    );

    let change = async |role| {
        books.store.change_project_member(books.caller(), books.acme.id, project.id, ada.id, role).await
    };
    change(ProjectRole::Owner).await.unwrap();
    let (event, record) = books.newest().await;
    assert_eq!(event, "update user success");
    assert_eq!(record["resource_id"], json!({ "user": "ada@acme.example", "role": "owner" }));
    assert_eq!(record["parameters"]["before"], json!({ "role": "editor" }));
    let before = books.events().await.len();
    change(ProjectRole::Owner).await.unwrap();
    assert_eq!(books.events().await.len(), before, "the same role changes nothing");
    assert_eq!(books.places(project.id).await, [("ada@acme.example".to_owned(), ProjectRole::Owner)]);

    let remove = || books.store.remove_project_member(books.caller(), books.acme.id, project.id, ada.id);
    remove().await.unwrap();
    let (event, record) = books.newest().await;
    assert_eq!(event, "delete user success");
    assert_eq!(record["resource_id"], json!({ "user": "ada@acme.example", "project": "Rockets" }));
    assert!(is_not_there(&remove().await));
    assert!(is_not_there(&change(ProjectRole::Viewer).await));
    assert!(books.places(project.id).await.is_empty());

    let by_ada = books.store.add_project_member(
        caller(&ada),
        books.acme.id,
        project.id,
        books.owner.email.clone(),
        ProjectRole::Viewer,
    );
    assert_eq!(rule(by_ada.await), Refusal::NotAllowed);
    assert_eq!(books.newest().await.1["outcome"]["error_code"], "PERMISSION_DENIED");
}

async fn members_of_a_project_are_members_of_the_organization(books: Books) {
    let project = books.project("Rockets").await;
    let before = books.events().await.len();
    let stranger = books.add(&project, "eve@evil.example", ProjectRole::Owner).await;
    assert!(matches!(stranger, Err(ChangeRefused::NotAMember)), "{stranger:?}");
    assert_eq!(books.events().await.len(), before);

    let ada = books.member("ada@acme.example", Role::Member).await;
    books.add(&project, "ada@acme.example", ProjectRole::Owner).await.unwrap();
    let left = format!("DELETE FROM memberships WHERE user_id = '{}'", ada.id);
    assert_eq!(books.database.tamper(&left).await, 1);
    assert!(books.places(project.id).await.is_empty(), "who leaves the organization leaves its projects");
}

async fn a_deleted_project_takes_its_keys_and_places_with_it(books: Books) {
    let (project, other) = (books.project("Rockets").await, books.project("Other").await);
    let (_, kept) = books.key(&other, "ci").await;
    let mut keys = Vec::new();
    for number in 1..=3 {
        books.clock.advance(std::time::Duration::from_millis(7));
        keys.push(books.key(&project, &format!("key {number}")).await);
    }
    books.add(&project, "owner@acme.example", ProjectRole::Owner).await.unwrap();
    let before = books.events().await.len();
    books.store.delete_project(books.caller(), books.acme.id, project.id).await.unwrap();

    let lines = books.lines().await;
    let deleted: Vec<_> = lines[before..].iter().map(|line| &line["event"]).collect();
    assert_eq!(deleted.len(), 4, "a record for each key, and the project's");
    for ((key, token), event) in keys.iter().zip(&deleted) {
        assert_eq!((&event["action"], &event["resource_type"]), (&json!("delete"), &json!("api-key")));
        assert_eq!(event["resource_id"], json!(key.id));
        assert!(books.store.api_key_access(token.hash()).await.unwrap().is_none());
    }
    assert_eq!(deleted[3]["resource_type"], "project");
    assert_eq!(deleted[3]["parameters"]["before"], json!({ "name": "Rockets", "api_keys": 3, "members": 1 }));
    assert!(books.store.api_key_access(kept.hash()).await.unwrap().is_some());
    assert!(books.places(project.id).await.is_empty());
}

async fn projects_are_listed_in_parts(books: Books) {
    assert!(books.store.projects(books.acme.id, Listing::first(2)).await.unwrap().items.is_empty());
    let mut made = Vec::new();
    for number in 0..5 {
        books.clock.advance(std::time::Duration::from_millis(7));
        made.push(books.project(&format!("Project {number}")).await);
    }
    made.reverse();
    books.key(&made[0], "ci").await;
    books.add(&made[0], "owner@acme.example", ProjectRole::Owner).await.unwrap();

    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = books.store.projects(books.acme.id, Listing { after, limit: 2 }).await.unwrap();
        assert!(part.items.len() <= 2);
        after = part.items.last().map(|listed| listed.project.id);
        seen.extend(part.items);
        if !part.has_more {
            break;
        }
    }
    assert_eq!(seen.iter().map(|listed| listed.project.clone()).collect::<Vec<_>>(), made);
    assert_eq!((seen[0].members, seen[0].api_keys), (1, 1));
    assert_eq!((seen[1].members, seen[1].api_keys), (0, 0));
    let all = books.store.projects(books.acme.id, Listing::first(5)).await.unwrap();
    assert!(all.items.len() == 5 && !all.has_more);
    let beta = books.other_organization().await;
    assert!(books.store.projects(beta.id, Listing::first(5)).await.unwrap().items.is_empty());
}

async fn an_api_key_works_in_its_project_only(books: Books) {
    let (own, other) = (books.project("Own").await, books.project("Other").await);
    let (key, _) = books.key(&own, "ci").await;
    let (foreign, _) = books.key(&other, "ci").await;
    let by_key = || Caller::api_key(key.id, &key.name, "curl/8", Some([10, 0, 0, 1].into()));
    let (store, acme) = (&books.store, books.acme.id);
    let name = |name: &str| name.parse().unwrap();

    store.rename_project(by_key(), acme, own.id, name("Own, renamed")).await.unwrap();
    let record = books.lines().await.pop().unwrap();
    assert_eq!(
        record["actor"],
        json!({ "principal_id": key.id, "principal_name": "ci", "principal_type": "api_key" })
    );
    assert_eq!(
        (&record["client"]["userAgent"], &record["event"]["parameters"]["source_ip"]),
        (&json!("curl/8"), &json!("10.0.0.1"))
    );
    let token = ApiKeyToken::generate(&Entropy::system());
    let second = store.create_api_key(by_key(), acme, own.id, "second".parse().unwrap(), &token).await;
    assert_eq!(rule(second), Refusal::NotAllowed, "a key makes none");
    assert_eq!(rule(store.delete_api_key(by_key(), acme, key.id).await), Refusal::NotAllowed);

    assert_eq!(rule(store.rename_project(by_key(), acme, other.id, name("Mine")).await), Refusal::NotAllowed);
    assert_eq!(rule(store.create_project(by_key(), acme, name("New")).await), Refusal::NotAllowed);
    assert_eq!(rule(store.delete_project(by_key(), acme, own.id).await), Refusal::NotAllowed);
    assert_eq!(rule(store.delete_api_key(by_key(), acme, foreign.id).await), Refusal::NotAllowed);
    let elsewhere = store.create_api_key(by_key(), acme, other.id, "x".parse().unwrap(), &token).await;
    assert_eq!(rule(elsewhere), Refusal::NotAllowed);
    assert_eq!(books.newest().await.1["outcome"]["error_code"], "PERMISSION_DENIED");

    store.delete_api_key(books.caller(), acme, key.id).await.unwrap();
    assert!(
        is_not_there(&store.rename_project(by_key(), acme, own.id, name("Late")).await),
        "deleted in between"
    );
}

async fn trailpost_itself_has_no_rights(books: Books) {
    let made = books.store.create_project(Caller::trailpost(), books.acme.id, "X".parse().unwrap()).await;
    assert!(is_not_there(&made), "{made:?}");
}
