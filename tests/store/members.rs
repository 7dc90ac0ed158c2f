//! Members and open invitations: who may change what is read again in the transaction, an organization keeps an owner,
//! and what is refused is on the record.

use serde_json::{Value, json};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::{LinkToken, TokenHash};
use trailpost::domain::membership::Role;
use trailpost::domain::project::ProjectRole;
use trailpost::domain::user::User;
use trailpost::store::{Invite, Listing, MembersRefused, OpenInvitation};

use super::Books;

on_both_engines! {
    a_role_is_changed_with_what_it_was_before,
    a_member_is_removed_and_may_be_invited_again,
    the_last_owner_stays_and_the_attempt_is_recorded,
    of_two_owners_who_demote_each_other_at_once_one_stays,
    of_two_owners_who_leave_at_once_one_stays,
    whoever_lost_the_role_a_moment_ago_changes_nothing,
    everybody_may_leave_but_the_last_owner,
    an_invitation_is_recorded_replaced_and_revoked,
    a_service_account_acts_with_its_role_and_an_api_key_not_at_all,
    another_organization_s_members_and_invitations_are_out_of_reach,
    whoever_goes_leaves_every_project_with_a_record_each,
    pages_of_members_meet_whatever_the_database_s_order_of_letters,
    pages_of_invitations_meet,
}

const ADA: &str = "ada@acme.example";

async fn a_role_is_changed_with_what_it_was_before(books: Books) {
    let ada = books.join(ADA, Role::Member).await;
    books.store.change_role(books.caller(), books.acme.id, ada.id, Role::Manager).await.unwrap();
    assert_eq!(books.roles().await, [(ADA.to_owned(), Role::Manager), owner(Role::Owner)]);
    let record = books.lines().await.pop().unwrap();
    assert_eq!(
        [&record["event"]["action"], &record["event"]["resource_type"]],
        [&json!("update"), &json!("user")]
    );
    assert_eq!(record["event"]["resource_id"], json!({ "user": ADA, "role": "manager" }));
    assert_eq!(record["event"]["resource_name"], ADA);
    assert_eq!(
        record["event"]["parameters"],
        json!({
            "changed": ["role"], "before": { "role": "member" }, "after": { "role": "manager" },
            "source_ip": "127.0.0.1"
        })
    );
    // The same once more is no change.
    let before = books.lines().await.len();
    books.store.change_role(books.caller(), books.acme.id, ada.id, Role::Manager).await.unwrap();
    assert_eq!(books.lines().await.len(), before);
}

async fn a_member_is_removed_and_may_be_invited_again(books: Books) {
    let ada = books.join(ADA, Role::Manager).await;
    let project = books.project("Docs").await;
    let place = ProjectRole::Editor;
    let email = ada.email.clone();
    books.store.add_project_member(books.caller(), books.acme.id, project.id, email, place).await.unwrap();
    books.store.remove_member(books.caller(), books.acme.id, ada.id).await.unwrap();
    assert_eq!(books.roles().await, [owner(Role::Owner)]);
    assert!(books.store.memberships(ada.id).await.unwrap().is_empty());
    assert_eq!(books.database.numbers("SELECT COUNT(*) FROM project_members").await, [0], "nor any place");
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["action"], "delete");
    assert_eq!(record["event"]["resource_id"], ADA);
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "manager" }));

    let again = books.store.remove_member(books.caller(), books.acme.id, ada.id).await;
    assert!(matches!(again, Err(MembersRefused::NotAMember)));
    let token = books.invite_ada(Role::Member).await.unwrap();
    books.store.accept_as_account(by(&ada), ada.clone(), token).await.unwrap();
    assert_eq!(books.roles().await, [(ADA.to_owned(), Role::Member), owner(Role::Owner)]);
}

async fn the_last_owner_stays_and_the_attempt_is_recorded(books: Books) {
    books.join(ADA, Role::Manager).await;
    let demoted = books.store.change_role(books.caller(), books.acme.id, books.owner.id, Role::Member).await;
    assert!(matches!(demoted, Err(MembersRefused::LastOwner)));
    assert_eq!(books.last_failure().await, ["update", "FAILED_PRECONDITION"]);
    let removed = books.store.remove_member(books.caller(), books.acme.id, books.owner.id).await;
    assert!(matches!(removed, Err(MembersRefused::LastOwner)));
    assert_eq!(books.last_failure().await, ["delete", "FAILED_PRECONDITION"]);
    assert_eq!(books.roles().await, [(ADA.to_owned(), Role::Manager), owner(Role::Owner)]);
    // With another one it is possible.
    let eve = books.join("eve@acme.example", Role::Owner).await;
    books.store.change_role(books.caller(), books.acme.id, books.owner.id, Role::Member).await.unwrap();
    assert!(books.roles().await.contains(&owner(Role::Member)));
    let last = books.store.remove_member(by(&eve), books.acme.id, eve.id).await;
    assert!(matches!(last, Err(MembersRefused::LastOwner)));
}

async fn of_two_owners_who_demote_each_other_at_once_one_stays(books: Books) {
    let ada = books.join(ADA, Role::Owner).await;
    let demote = |who: Caller, whom| books.store.change_role(who, books.acme.id, whom, Role::Member);
    let (one, other) = tokio::join!(demote(books.caller(), ada.id), demote(by(&ada), books.owner.id));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let refused = one.err().or(other.err()).unwrap();
    assert!(matches!(refused, MembersRefused::NotAllowed), "whoever came second is no owner any more");
    let owners = books.store.owners(books.acme.id).await.unwrap();
    assert_eq!(owners.len(), 1);
    assert_eq!(books.last_failure().await, ["update", "PERMISSION_DENIED"]);
}

async fn of_two_owners_who_leave_at_once_one_stays(books: Books) {
    let ada = books.join(ADA, Role::Owner).await;
    let leave = |who: Caller, whom| books.store.remove_member(who, books.acme.id, whom);
    let (one, other) = tokio::join!(leave(books.caller(), books.owner.id), leave(by(&ada), ada.id));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(matches!(one.err().or(other.err()).unwrap(), MembersRefused::LastOwner));
    assert_eq!(books.store.owners(books.acme.id).await.unwrap().len(), 1);
}

async fn whoever_lost_the_role_a_moment_ago_changes_nothing(books: Books) {
    let ada = books.join(ADA, Role::Manager).await;
    let token = LinkToken::generate(&Entropy::system()).hash();
    let (organization, email) = (books.acme.id, "eve@acme.example".parse().unwrap());
    let invite = Invite { organization, email, role: Role::Member, token };
    let invited = books.store.invite_as_member(by(&ada), invite).await;
    assert!(matches!(invited, Err(MembersRefused::NotAllowed)));
    assert_eq!(books.last_failure().await, ["create", "PERMISSION_DENIED"]);
    let raised = books.store.change_role(by(&ada), organization, ada.id, Role::Owner).await;
    assert!(matches!(raised, Err(MembersRefused::NotAllowed)));
    assert_eq!(books.last_failure().await, ["update", "PERMISSION_DENIED"]);
    let removed = books.store.remove_member(by(&ada), organization, books.owner.id).await;
    assert!(matches!(removed, Err(MembersRefused::NotAllowed)));
    assert_eq!(books.last_failure().await, ["delete", "PERMISSION_DENIED"]);
    books.invite_ada(Role::Member).await.unwrap_err();
    assert!(books.store.invitation(token).await.unwrap().is_none());

    // Who is no member at all leaves no trace.
    let before = books.lines().await.len();
    let eve =
        books.store.create_user("eve@acme.example".parse().unwrap(), "Eve".parse().unwrap(), String::new());
    let eve = eve.await.unwrap();
    let raised = books.store.change_role(by(&eve), organization, eve.id, Role::Owner).await;
    assert!(matches!(raised, Err(MembersRefused::NotFound)));
    let renamed = books.store.rename_organization(by(&eve), organization, "Evil".parse().unwrap()).await;
    assert!(renamed.is_err());
    assert_eq!(books.lines().await.len(), before);
}

async fn everybody_may_leave_but_the_last_owner(books: Books) {
    for (address, role) in [
        (ADA, Role::Member),
        ("b@acme.example", Role::Manager),
        ("c@acme.example", Role::BillingAdmin),
        ("d@acme.example", Role::Owner),
    ] {
        let user = books.join(address, role).await;
        books.store.remove_member(by(&user), books.acme.id, user.id).await.unwrap();
        let record = books.lines().await.pop().unwrap();
        assert_eq!(record["actor"]["principal_name"], address);
        assert_eq!(record["event"]["resource_id"], address);
    }
    assert_eq!(books.roles().await, [owner(Role::Owner)]);
}

async fn an_invitation_is_recorded_replaced_and_revoked(books: Books) {
    let first = books.invite_ada(Role::Member).await.unwrap();
    let record = books.lines().await.pop().unwrap();
    assert_eq!(
        [&record["event"]["action"], &record["event"]["resource_type"]],
        [&json!("create"), &json!("invitation")]
    );
    assert_eq!(record["event"]["resource_id"], ADA);
    assert_eq!(
        record["event"]["parameters"],
        json!({ "after": { "role": "member" }, "source_ip": "127.0.0.1" })
    );

    let second = books.invite_ada(Role::Owner).await.unwrap();
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "member" }));
    assert_eq!(record["event"]["parameters"]["after"], json!({ "role": "owner" }));
    assert!(books.store.invitation(first).await.unwrap().is_none(), "the older link is over");
    assert!(books.store.invitation(second).await.unwrap().is_some());

    let open = books.open_invitations().await;
    assert_eq!(
        open.iter().map(|one| (one.email.as_str(), one.role)).collect::<Vec<_>>(),
        [(ADA, Role::Owner)]
    );
    let revoke = async || books.store.revoke_invitation(books.caller(), books.acme.id, open[0].id).await;
    revoke().await.unwrap();
    assert!(matches!(revoke().await, Err(MembersRefused::InvitationOver)));
    assert!(books.store.invitation(second).await.unwrap().is_none());
    assert!(books.open_invitations().await.is_empty());
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["action"], "delete");
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "owner" }));

    books.join(ADA, Role::Member).await;
    assert!(matches!(books.invite_ada(Role::Owner).await, Err(MembersRefused::AlreadyMember)));
    assert_eq!(books.last_failure().await, ["create", "ALREADY_EXISTS"]);
}

async fn a_service_account_acts_with_its_role_and_an_api_key_not_at_all(books: Books) {
    let ada = books.join(ADA, Role::Member).await;
    let change = |caller, role| books.store.change_role(caller, books.acme.id, ada.id, role);
    let (manager, _) = books.account("manager", Role::Manager).await;
    let by_account = |id, name| Caller::service_account(id, name, "curl/8", None);
    let refused = change(by_account(manager.id, &manager.name), Role::Owner).await;
    assert!(matches!(refused, Err(MembersRefused::NotAllowed)));
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["actor"]["principal_type"], "service_account");
    let (owner, _) = books.account("owner", Role::Owner).await;
    change(by_account(owner.id, &owner.name), Role::Manager).await.unwrap();
    // It is nobody who could take the last owner's place.
    let left = books.store.remove_member(books.caller(), books.acme.id, books.owner.id).await;
    assert!(matches!(left, Err(MembersRefused::LastOwner)));

    let project = books.project("Docs").await;
    let (key, _) = books.key(&project, "ci").await;
    let by_key = Caller::api_key(key.id, &key.name, "curl/8", None);
    assert!(matches!(change(by_key, Role::Owner).await, Err(MembersRefused::NotFound)));
    assert!(matches!(change(Caller::trailpost(), Role::Owner).await, Err(MembersRefused::NotFound)));
}

async fn another_organization_s_members_and_invitations_are_out_of_reach(books: Books) {
    let beta = books.tenant("Beta").await;
    let ada = books.join(ADA, Role::Member).await;
    books.invite_as("eve@acme.example", Role::Member).await.unwrap();
    let invitation = books.open_invitations().await[0].id;
    let before = books.lines().await.len();
    let changed = books.store.change_role(books.caller(), beta.id, ada.id, Role::Owner).await;
    assert!(matches!(changed, Err(MembersRefused::NotAMember)));
    let removed = books.store.remove_member(books.caller(), beta.id, ada.id).await;
    assert!(matches!(removed, Err(MembersRefused::NotAMember)));
    let revoked = books.store.revoke_invitation(books.caller(), beta.id, invitation).await;
    assert!(matches!(revoked, Err(MembersRefused::InvitationOver)));
    assert_eq!(books.open_invitations().await.len(), 1);
    assert_eq!(books.lines().await.len(), before);
}

async fn whoever_goes_leaves_every_project_with_a_record_each(books: Books) {
    for leaves in [false, true] {
        let ada = books.join(ADA, Role::Manager).await;
        let mut places = Vec::new();
        for (name, role) in [("Docs", ProjectRole::Editor), ("Rockets", ProjectRole::Owner)] {
            let project = books.project(&format!("{name} {leaves}")).await;
            for (user, role) in [(&ada, role), (&books.owner, ProjectRole::Viewer)] {
                let (caller, email) = (books.caller(), user.email.clone());
                books.store.add_project_member(caller, books.acme.id, project.id, email, role).await.unwrap();
            }
            places.push((project, role));
            // By ids, whose order is that of time.
            books.clock.advance(std::time::Duration::from_millis(1));
        }
        let before = books.lines().await.len();
        let remover = if leaves { by(&ada) } else { books.caller() };
        books.store.remove_member(remover, books.acme.id, ada.id).await.unwrap();
        let lines = books.lines().await;
        let events: Vec<_> = lines[before..].iter().map(|line| &line["event"]).collect();
        assert_eq!(events.len(), 3, "{events:#?}");
        for (event, (project, role)) in events.iter().zip(&places) {
            assert_eq!([&event["action"], &event["resource_type"]], ["delete", "user"]);
            assert_eq!(event["resource_id"], json!({ "user": ADA, "project": project.name.as_str() }));
            assert_eq!(event["parameters"]["before"], json!({ "role": role.as_str() }));
            assert_eq!(event["parameters"]["project"]["id"], json!(project.id));
        }
        assert_eq!(events[2]["resource_id"], ADA, "and then the organization");
        let left =
            "SELECT COUNT(*) FROM project_members m JOIN users u ON u.id = m.user_id WHERE u.email LIKE";
        assert_eq!(books.database.numbers(&format!("{left} 'ada%'")).await, [0]);
        assert_ne!(books.database.numbers(&format!("{left} 'owner%'")).await, [0], "others stay");
    }
}

/// Addresses whose order differs between an alphabet's rules and their bytes, in a database that follows the alphabet's.
async fn pages_of_members_meet_whatever_the_database_s_order_of_letters(books: Books) {
    if books.database.url().starts_with("postgres") {
        let follow = "ALTER TABLE users ALTER COLUMN email TYPE TEXT COLLATE \"en-x-icu\"";
        books.database.tamper(follow).await;
    }
    let project = books.project("Docs").await;
    let mut addresses = vec!["owner@acme.example".to_owned()];
    for local in ["a-z", "a_a", "a.b", "ab", "a1", "a", "z", "a+b", "b", "a'b", "aa", "z-z", "zz", "z_z"] {
        let address = format!("{local}@acme.example");
        let email = books.join(&address, Role::Member).await.email;
        let (caller, role) = (books.caller(), ProjectRole::Viewer);
        books.store.add_project_member(caller, books.acme.id, project.id, email, role).await.unwrap();
        addresses.push(address);
    }
    addresses.sort_unstable();
    let (mut listing, mut listed) = (Listing::first(2), Vec::new());
    loop {
        let page = books.store.members(books.acme.id, listing).await.unwrap();
        listed.extend(page.items.iter().map(|member| member.user.email.to_string()));
        if !page.has_more {
            break;
        }
        listing = Listing { after: page.items.last().map(|last| last.user.email.clone()), limit: 2 };
    }
    assert_eq!(listed, addresses);
    assert_eq!(books.store.count_members(books.acme.id).await.unwrap(), addresses.len() as u64);

    addresses.retain(|address| !address.starts_with("owner"));
    let (mut listing, mut listed) = (Listing::first(2), Vec::new());
    loop {
        let page = books.store.project_members(books.acme.id, project.id, listing).await.unwrap();
        listed.extend(page.items.iter().map(|member| member.user.email.to_string()));
        if !page.has_more {
            break;
        }
        listing = Listing { after: page.items.last().map(|last| last.user.email.clone()), limit: 2 };
    }
    assert_eq!(listed, addresses);
}

async fn pages_of_invitations_meet(books: Books) {
    let mut sent = Vec::new();
    for number in 0..5 {
        let address = format!("{number}@acme.example");
        books.invite_as(&address, Role::Member).await.unwrap();
        books.clock.advance(std::time::Duration::from_millis(1));
        sent.insert(0, address);
    }
    let page = |listing| books.store.open_invitations(books.acme.id, listing);
    let first = page(Listing::first(3)).await.unwrap();
    let after = first.items.last().map(|last| last.id);
    let second = page(Listing { after, limit: 3 }).await.unwrap();
    assert_eq!((first.has_more, second.has_more), (true, false));
    let listed = first.items.iter().chain(&second.items).map(|open| open.email.to_string());
    assert_eq!(listed.collect::<Vec<_>>(), sent, "newest first");
    let one = books.store.open_invitation(books.acme.id, first.items[0].id).await.unwrap();
    assert_eq!(one.as_ref(), first.items.first());
}

fn owner(role: Role) -> (String, Role) {
    ("owner@acme.example".to_owned(), role)
}

fn by(user: &User) -> Caller {
    Caller::user(user, "test/1", Some([127, 0, 0, 1].into()))
}

impl Books {
    /// A member, made without a record.
    pub async fn join(&self, address: &str, role: Role) -> User {
        let known = self.store.sign_in(address.parse().unwrap()).await.unwrap();
        let user = match known {
            Some(account) => account.user,
            None => {
                let name = "Ada".parse().unwrap();
                self.store.create_user(address.parse().unwrap(), name, String::new()).await.unwrap()
            }
        };
        self.store.add_member(self.acme.id, user.id, role).await.unwrap();
        user
    }

    async fn invite_ada(&self, role: Role) -> Result<TokenHash, MembersRefused> {
        self.invite_as(ADA, role).await
    }

    async fn invite_as(&self, address: &str, role: Role) -> Result<TokenHash, MembersRefused> {
        self.invite_by(self.caller(), address, role).await
    }

    pub async fn open_invitations(&self) -> Vec<OpenInvitation> {
        self.store.open_invitations(self.acme.id, Listing::first(100)).await.unwrap().items
    }

    pub async fn invite_by(
        &self,
        sender: Caller,
        address: &str,
        role: Role,
    ) -> Result<TokenHash, MembersRefused> {
        let token = LinkToken::generate(&Entropy::system()).hash();
        let invite = Invite { organization: self.acme.id, email: address.parse().unwrap(), role, token };
        self.store.invite_as_member(sender, invite).await?;
        Ok(token)
    }

    async fn roles(&self) -> Vec<(String, Role)> {
        let members = self.store.members(self.acme.id, Listing::first(100)).await.unwrap();
        members.items.iter().map(|member| (member.user.email.to_string(), member.role)).collect()
    }

    /// Action and error code of the newest record.
    async fn last_failure(&self) -> [Value; 2] {
        let record = self.lines().await.pop().unwrap();
        assert_eq!(record["event"]["outcome"]["result"], "failure", "{record}");
        [record["event"]["action"].clone(), record["event"]["outcome"]["error_code"].clone()]
    }
}
