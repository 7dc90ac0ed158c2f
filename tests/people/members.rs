//! Access > Members.

use serde_json::json;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::LinkToken;
use trailpost::domain::membership::Role;
use trailpost::store::{Invite, Listing};

use super::{
    ADA, BILLING, MANAGER, MEMBER, OWNER, PASSWORD, acme, invite, link_in, newest, summary, user_id,
};
use crate::support::http_user::HttpUser;
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_invites_and_the_link_is_shown_once() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let page = format!("{acme}/members");
    let shown = owner.get(&page).await;
    assert_eq!(shown.status, 200);
    for text in
        [OWNER, MANAGER, MEMBER, BILLING, "Billing admin", "(you)", "4 members", "No open invitations"]
    {
        assert!(shown.body.contains(text), "{text}: {}", shown.body);
    }

    let fields = [("email", " Ada@Acme.Example "), ("role", "manager")];
    let answer = owner.post_form(&page, &format!("{page}/invite"), &fields).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.body.contains("Copy link") && answer.body.contains("shown only now"));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let link = link_in(&answer);
    let record = newest(&product).await;
    assert_eq!(summary(&record), "create invitation success");
    assert_eq!(record["event"]["resource_id"], ADA);
    assert_eq!(record["event"]["parameters"]["after"], json!({ "role": "manager" }));
    assert_eq!(record["actor"]["principal_name"], OWNER);
    assert!(!record.to_string().contains(&link[13..]), "a link is no part of a record");

    let listed = owner.get(&page).await.body;
    assert!(listed.contains("Revoke") && listed.contains(ADA) && !listed.contains(&link));

    let ada = product.anonymous();
    let fields = [("name", "Ada"), ("password", PASSWORD)];
    assert_eq!(ada.post_form(&link, &link, &fields).await.status, 303);
    let record = newest(&product).await;
    assert_eq!(summary(&record), "login user success");
    assert_eq!(ada.get(&acme).await.status, 200);
    assert_eq!(ada.get(&page).await.status, 403, "a manager does not see to members");
    assert!(owner.get(&page).await.body.contains("5 members"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inviting_again_makes_a_new_link_and_revoking_ends_it() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let first = invite(&owner, &acme, ADA, Role::Member).await;
    let second = invite(&owner, &acme, ADA, Role::Member).await;
    assert_eq!(product.anonymous().get(&first).await.status, 404);
    assert_eq!(product.anonymous().get(&second).await.status, 200);
    let page = format!("{acme}/members");
    let body = owner.get(&page).await.body;
    let (_, rest) = body.split_once("/members/invitations/").unwrap();
    let revoke = format!("{page}/invitations/{}/revoke", &rest[..36]);
    let answer = owner.post_form(&page, &revoke, &[]).await;
    assert_eq!((answer.status, answer.location()), (303, Some(page.as_str())));
    assert!(owner.get(&page).await.body.contains("The invitation was revoked."));
    assert_eq!(product.anonymous().get(&second).await.status, 404);
    assert_eq!(summary(&newest(&product).await), "delete invitation success");
    // Once more: nothing happens.
    assert_eq!(owner.post_form(&page, &revoke, &[]).await.status, 303);
    assert!(owner.get(&page).await.body.contains("That was done already."));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_owner_does_not_come_back_by_an_address_that_they_invited() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let role = format!("{acme}/members/{}/role", user_id(&product, MANAGER).await);
    assert_eq!(owner.post_form(&role, &role, &[("role", "owner")]).await.status, 303);
    let mallory = product.user(MANAGER).await;
    let second = "mallory@home.example";
    let link = invite(&mallory, &acme, second, Role::Owner).await;
    let sent_again = invite(&mallory, &acme, second, Role::Owner).await;
    assert_eq!(product.anonymous().get(&link).await.status, 404);
    assert_eq!(product.anonymous().get(&sent_again).await.status, 200);

    assert_eq!(owner.post_form(&role, &role, &[("role", "member")]).await.status, 303);
    let fields = [("name", "Mallory"), ("password", PASSWORD)];
    let stranger = product.anonymous();
    let page = stranger.get(&sent_again).await;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("can’t be used any more"), "{}", page.body);
    assert_eq!(stranger.post_form("/sign-in", &sent_again, &fields).await.status, 404);
    let listed = owner.get(&format!("{acme}/members")).await.body;
    assert!(!listed.contains(second) && listed.contains("No open invitations"), "{listed}");
    let record = newest(&product).await;
    assert_eq!(summary(&record), "delete invitation success");
    assert_eq!(record["event"]["resource_id"], second);
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "owner" }));
    assert_eq!(record["event"]["parameters"]["sent_by"], MANAGER);
    assert_eq!(record["actor"]["principal_name"], OWNER);

    // Another owner may send it again, and that link is theirs.
    let again = invite(&owner, &acme, second, Role::Member).await;
    let answer = stranger.post_form(&again, &again, &fields).await;
    assert_eq!((answer.status, answer.location()), (303, Some(acme.as_str())));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_invitation_stands_beside_its_field() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let page = format!("{acme}/members");
    for (email, role, complaint) in [
        ("ada", "member", "Enter an e-mail address"),
        (MANAGER, "member", "belongs to a member already"),
        (ADA, "emperor", "Choose a role."),
    ] {
        let fields = [("email", email), ("role", role)];
        let answer = owner.post_form(&page, &format!("{page}/invite"), &fields).await;
        assert_eq!(answer.status, 422, "{email} {role}");
        assert!(answer.body.contains(complaint), "{complaint}: {}", answer.body);
        assert!(answer.body.contains(&format!("value=\"{email}\"")), "what was typed is kept");
    }
    let open = product.store().open_invitations(acme[15..].parse().unwrap(), Listing::first(1)).await;
    assert!(open.unwrap().items.is_empty());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_members_and_invitations_are_shown_in_parts() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let organization = acme[15..].parse().unwrap();
    for number in 0..55 {
        let (email, name) = (format!("m{number:02}@acme.example"), "Somebody".parse().unwrap());
        let user = product.store().create_user(email.parse().unwrap(), name, String::new()).await.unwrap();
        product.store().add_member(organization, user.id, Role::Member).await.unwrap();
    }
    let caller = trailpost::domain::caller::Caller::trailpost();
    for number in 0..52 {
        let email = format!("i{number:02}@acme.example").parse().unwrap();
        let token = LinkToken::generate(&Entropy::system()).hash();
        let invite = Invite { organization, email, role: Role::Member, token };
        product.store().invite(caller.clone(), invite).await.unwrap();
    }
    let page = format!("{acme}/members");
    let first = owner.get(&page).await.body;
    assert!(first.contains("59 members"), "all are counted");
    assert!(!first.contains("Back to the beginning"));
    for (label, rest, query) in [
        ("More members", "owner@acme.example", "?member="),
        ("More invitations", "i00@acme.example", "?invitation="),
    ] {
        let (_, ways) = first.split_once(&format!("aria-label=\"{label}\"")).unwrap();
        let (href, _) = ways.split_once("href=\"").unwrap().1.split_once('"').unwrap();
        assert!(href.starts_with(&format!("{page}{query}")), "{href}");
        let in_rows = |body: &str, address: &str| {
            ["people__email", "people__name"]
                .iter()
                .any(|class| body.contains(&format!("\"{class}\">{address}</span>")))
        };
        assert!(!in_rows(&first, rest), "{rest}");
        let next = owner.get(href).await;
        assert_eq!(next.status, 200);
        assert!(in_rows(&next.body, rest), "{rest}: {}", next.body);
        assert!(next.body.contains("Back to the beginning") && next.body.contains("59 members"));
    }
    for wrong in ["?member=x", "?invitation=x"] {
        assert_eq!(owner.get(&format!("{page}{wrong}")).await.status, 404, "{wrong}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_changed_and_counts_at_once() {
    let product = Product::start().await;
    let (owner, manager, acme) = (product.user(OWNER).await, product.user(MANAGER).await, acme(&product));
    let of_manager = format!("{acme}/members/{}", user_id(&product, MANAGER).await);
    let ask = owner.get(&format!("{of_manager}/role")).await;
    assert_eq!(ask.status, 200);
    assert!(ask.body.contains("aria-describedby=\"role-manager-note\" checked"), "{}", ask.body);
    assert_eq!(manager.get(&format!("{acme}/members")).await.status, 403);
    let role = format!("{of_manager}/role");
    let answer = owner.post_form(&role, &role, &[("role", "owner")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let record = newest(&product).await;
    assert_eq!(record["event"]["resource_id"], json!({ "user": MANAGER, "role": "owner" }));
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "manager" }));
    assert_eq!(manager.get(&format!("{acme}/members")).await.status, 200, "in the session that is there");
    assert_eq!(owner.post_form(&role, &role, &[("role", "emperor")]).await.status, 422);

    // Who gives the own role away is not sent to a page that is shut.
    let own = format!("{acme}/members/{}/role", user_id(&product, OWNER).await);
    let answer = owner.post_form(&own, &own, &[("role", "member")]).await;
    assert_eq!((answer.status, answer.location()), (303, Some(acme.as_str())));
    assert_eq!(owner.get(&format!("{acme}/members")).await.status, 403);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_out_at_once_in_every_open_session() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let sessions = [product.user(MEMBER).await, product.user(MEMBER).await];
    let remove = format!("{acme}/members/{}/remove", user_id(&product, MEMBER).await);
    for session in &sessions {
        assert_eq!(session.get(&acme).await.status, 200);
    }
    assert!(owner.get(&remove).await.body.contains("leaves the organization"));
    let answer = owner.post_form(&remove, &remove, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    for session in &sessions {
        for path in [acme.clone(), format!("{acme}/settings/general"), format!("{acme}/leave")] {
            assert_eq!(session.get(&path).await.status, 404, "{path}");
        }
        let home = session.get("/").await;
        assert!(home.body.contains("not a member of any organization"), "the account itself is there");
    }
    let record = newest(&product).await;
    assert_eq!(summary(&record), "delete user success");
    assert_eq!(record["event"]["resource_id"], MEMBER);
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "member" }));
    assert_eq!(owner.post_form(&format!("{acme}/members"), &remove, &[]).await.status, 404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_is_told_what_to_do_and_the_attempt_is_recorded() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let own = format!("{acme}/members/{}", user_id(&product, OWNER).await);
    let (role, remove, leave) = (format!("{own}/role"), format!("{own}/remove"), format!("{acme}/leave"));
    for (path, fields, action) in
        [(&role, &[("role", "member")][..], "update"), (&remove, &[], "delete"), (&leave, &[], "delete")]
    {
        let answer = owner.post_form(path, path, fields).await;
        assert_eq!(answer.status, 409, "{path}");
        assert!(answer.body.contains("keeps at least one owner"), "{}", answer.body);
        let record = newest(&product).await;
        assert_eq!(summary(&record), format!("{action} user failure"));
        assert_eq!(record["event"]["outcome"]["error_code"], "FAILED_PRECONDITION");
    }
    assert_eq!(owner.get(&format!("{acme}/members")).await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_else_may_leave_and_is_sent_where_they_belong() {
    let product = Product::start().await;
    let acme = acme(&product);
    for email in [MANAGER, MEMBER, BILLING] {
        let person: HttpUser = product.user(email).await;
        let general = person.get(&format!("{acme}/settings/general")).await;
        assert!(general.body.contains(&format!("href=\"{acme}/leave\"")), "{}", general.body);
        assert!(!general.body.contains("Delete organization"));
        let leave = format!("{acme}/leave");
        let answer = person.post_form(&leave, &leave, &[]).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/")));
        assert!(person.get("/").await.body.contains("You left the organization."));
        assert_eq!(person.get(&acme).await.status, 404);
        let record = newest(&product).await;
        assert_eq!([&record["actor"]["principal_name"], &record["event"]["resource_id"]], [email, email]);
    }
    product.stop().await;
}
