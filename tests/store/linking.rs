//! Invitation and reset links: used once, for seven days, until revoked; and an invitation sets no password of an
//! account that is there.

use std::time::Duration;

use serde_json::json;
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::{Entropy, Timestamp};
use trailpost::domain::credential::{LINK_LIFETIME, LinkToken, TokenHash};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::user::{EmailAddress, User};
use trailpost::store::{AcceptRefused, Invite, InviteRefused, ResetRefused};

use super::Books;
use crate::support::EVERYTHING;

on_both_engines! {
    a_new_account_joins_and_the_link_is_used,
    an_organization_is_made_with_the_invitation_of_its_owner,
    an_account_only_gains_the_membership,
    a_member_keeps_the_role_they_have,
    two_clicks_at_once_use_an_invitation_once,
    two_invitations_at_once_make_one_account,
    a_new_invitation_revokes_the_older_one_and_both_can_be_revoked,
    members_and_unknown_organizations_are_not_invited,
    links_end_by_the_clock_on_the_wall,
    a_reset_sets_the_password_and_is_recorded_in_every_organization,
    two_clicks_at_once_use_a_reset_once_and_the_next_one_is_another_version,
    a_new_reset_revokes_the_older_one_and_both_can_be_revoked,
}

const ADA: &str = "ada@acme.example";
const OWNER: &str = "owner@acme.example";

async fn a_new_account_joins_and_the_link_is_used(books: Books) {
    let (token, ends) = books.invite(ADA, Role::Manager).await;
    assert!(ends.since(books.clock.wall()) > LINK_LIFETIME - Duration::from_secs(60), "{ends}");

    let invitation = books.store.invitation(token).await.unwrap().unwrap();
    assert_eq!((invitation.organization_id, invitation.role), (books.acme.id, Role::Manager));
    assert_eq!(invitation.organization_name.as_str(), "Acme");
    assert_eq!((invitation.email.as_str(), invitation.has_account), (ADA, false));

    let (user, organization) = books.accept_as_new(token).await.unwrap();
    assert_eq!((user.email.as_str(), user.display_name.as_str()), (ADA, "Ada"));
    assert_eq!(organization, books.acme);
    assert_eq!(books.roles_of(&user).await, [(books.acme.id, Role::Manager)]);
    assert_eq!(books.password_of(ADA).await, "a new hash");
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["actor"]["principal_name"], ADA);
    assert_eq!(record["event"]["action"], "create");
    assert_eq!(record["event"]["resource_type"], "user");
    assert_eq!(record["event"]["resource_id"], json!([ADA]));
    assert_eq!(record["event"]["parameters"], json!({ "role": "manager", "source_ip": "127.0.0.1" }));

    assert!(books.store.invitation(token).await.unwrap().is_none());
    assert!(matches!(books.accept_as_new(token).await, Err(AcceptRefused::LinkOver)));
    assert!(matches!(books.accept_as(&user, token).await, Err(AcceptRefused::LinkOver)));
}

async fn an_organization_is_made_with_the_invitation_of_its_owner(books: Books) {
    let token = token();
    let made = books.store.create_organization_with_owner(
        Caller::trailpost(),
        "Beta".parse().unwrap(),
        Plan::Standard,
        ADA.parse().unwrap(),
        token,
    );
    let (beta, ends) = made.await.unwrap();
    assert!(ends > books.clock.wall());
    assert!(books.store.integration(beta.id).await.unwrap().is_some());
    let (user, _) = books.accept_as_new(token).await.unwrap();
    assert_eq!(books.roles_of(&user).await, [(beta.id, Role::Owner)]);
}

async fn an_account_only_gains_the_membership(books: Books) {
    let beta = books.beta().await;
    let token = books.invite_to(beta.id, OWNER, Role::Member).await.unwrap();
    assert!(books.store.invitation(token).await.unwrap().unwrap().has_account);

    let refused = books.accept_as_new(token).await;
    assert!(matches!(refused, Err(AcceptRefused::AccountExists)), "{refused:?}");
    assert_eq!(books.password_of(OWNER).await, "", "as it was");
    assert_eq!(books.roles_of(&books.owner).await.len(), 1);
    assert!(books.store.invitation(token).await.unwrap().is_some(), "what was refused uses nothing");

    let stranger = books.user("bob@acme.example").await;
    assert!(matches!(books.accept_as(&stranger, token).await, Err(AcceptRefused::OtherAccount)));
    assert!(books.store.invitation(token).await.unwrap().is_some());

    assert_eq!(books.accept_as(&books.owner, token).await.unwrap(), beta);
    let roles = books.roles_of(&books.owner).await;
    assert_eq!(roles, [(books.acme.id, Role::Owner), (beta.id, Role::Member)]);
    assert_eq!(books.password_of(OWNER).await, "");
}

async fn a_member_keeps_the_role_they_have(books: Books) {
    let bob = books.user("bob@acme.example").await;
    let (token, _) = books.invite(bob.email.as_str(), Role::Owner).await;
    books.store.add_member(books.acme.id, bob.id, Role::Member).await.unwrap();
    books.accept_as(&bob, token).await.unwrap();
    assert_eq!(books.roles_of(&bob).await, [(books.acme.id, Role::Member)]);
    assert_eq!(books.events().await, ["create invitation success"], "nothing was gained");
    assert!(books.store.invitation(token).await.unwrap().is_none(), "and the link is used");
}

async fn two_clicks_at_once_use_an_invitation_once(books: Books) {
    let (token, _) = books.invite(ADA, Role::Member).await;
    let (first, second) = tokio::join!(books.accept_as_new(token), books.accept_as_new(token));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(books.events().await, ["create invitation success", "create user success"]);

    let beta = books.beta().await;
    let token = books.invite_to(beta.id, OWNER, Role::Member).await.unwrap();
    let (first, second) =
        tokio::join!(books.accept_as(&books.owner, token), books.accept_as(&books.owner, token));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
}

async fn two_invitations_at_once_make_one_account(books: Books) {
    let beta = books.beta().await;
    let (to_acme, _) = books.invite(ADA, Role::Member).await;
    let to_beta = books.invite_to(beta.id, ADA, Role::Member).await.unwrap();
    let (acme, beta) = tokio::join!(books.accept_as_new(to_acme), books.accept_as_new(to_beta));
    let (made, refused, left) = match (acme, beta) {
        (Ok((user, _)), Err(refused)) => (user, refused, to_beta),
        (Err(refused), Ok((user, _))) => (user, refused, to_acme),
        both => panic!("{both:?}"),
    };
    assert!(matches!(refused, AcceptRefused::AccountExists), "{refused:?}");
    books.accept_as(&made, left).await.unwrap();
    assert_eq!(books.roles_of(&made).await.len(), 2);
}

async fn a_new_invitation_revokes_the_older_one_and_both_can_be_revoked(books: Books) {
    let beta = books.beta().await;
    let elsewhere = books.invite_to(beta.id, ADA, Role::Member).await.unwrap();
    let (older, _) = books.invite(ADA, Role::Member).await;
    let (newer, _) = books.invite(ADA, Role::Manager).await;
    assert!(books.store.invitation(older).await.unwrap().is_none());
    assert!(matches!(books.accept_as_new(older).await, Err(AcceptRefused::LinkOver)));

    let revoke = async || {
        books.store.revoke_invitations(Caller::trailpost(), books.acme.id, email(ADA)).await.unwrap().unwrap()
    };
    assert_eq!((revoke().await, revoke().await), (1, 0));
    assert!(books.store.invitation(newer).await.unwrap().is_none());
    assert!(matches!(books.accept_as_new(newer).await, Err(AcceptRefused::LinkOver)));
    assert!(books.store.invitation(elsewhere).await.unwrap().is_some(), "another organization's stays");
}

async fn members_and_unknown_organizations_are_not_invited(books: Books) {
    let refused = books.invite_to(books.acme.id, OWNER, Role::Member).await;
    assert!(matches!(refused, Err(InviteRefused::AlreadyMember)), "{refused:?}");
    let nowhere = OrganizationId::generate(&books.clock, &Entropy::seeded(9));
    let refused = books.invite_to(nowhere, ADA, Role::Member).await;
    assert!(matches!(refused, Err(InviteRefused::UnknownOrganization)), "{refused:?}");
}

async fn links_end_by_the_clock_on_the_wall(books: Books) {
    let (invitation, _) = books.invite(ADA, Role::Member).await;
    let reset = books.reset(OWNER).await.unwrap();
    books.clock.advance(LINK_LIFETIME * 2);
    assert!(books.store.invitation(invitation).await.unwrap().is_some(), "not by the demo's");
    assert!(books.store.password_reset(reset).await.unwrap().is_some());

    books.expire_links().await;
    assert!(books.store.invitation(invitation).await.unwrap().is_none());
    assert!(matches!(books.accept_as_new(invitation).await, Err(AcceptRefused::LinkOver)));
    assert!(books.store.password_reset(reset).await.unwrap().is_none());
    assert!(matches!(books.set_password(reset).await, Err(ResetRefused::LinkOver)));
    books.invite(ADA, Role::Member).await;
    books.reset(OWNER).await.unwrap();
}

async fn a_reset_sets_the_password_and_is_recorded_in_every_organization(books: Books) {
    let beta = books.beta().await;
    books.store.add_member(beta.id, books.owner.id, Role::Member).await.unwrap();
    let signed_in_before = books.device_of_the_owner().await;
    // From nowhere in particular, so that they count against the account alone.
    let guess = || books.begin(None, None);
    let mut refused = false;
    for _ in 0..101 {
        refused = guess().await.is_err();
    }
    assert!(refused, "the next try has to wait");
    let before = books.store.sign_in(email(OWNER)).await.unwrap().unwrap();
    let token = books.reset(OWNER).await.unwrap();
    assert_eq!(books.store.password_reset(token).await.unwrap().unwrap(), books.owner);

    books.set_password(token).await.unwrap();
    let after = books.store.account(books.owner.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash, "another hash");
    assert_ne!(after.password_version, before.password_version, "sessions of the old one are over");
    assert!(guess().await.is_ok(), "failed sign-ins are forgotten");
    assert!(!books.is_known(signed_in_before).await, "and so are browsers");
    assert!(matches!(books.set_password(token).await, Err(ResetRefused::LinkOver)));

    assert_eq!(books.events().await, ["update user success"]);
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["resource_id"], json!({ "user": OWNER, "role": "owner" }));
    assert_eq!(record["event"]["parameters"], json!({ "changed": ["password"], "source_ip": "127.0.0.1" }));
    let (first, last) = (super::sequence(1), super::sequence(100));
    let in_beta = books.store.lines(beta.id, first, last, EVERYTHING).await.unwrap();
    assert_eq!(in_beta.len(), 1);
    assert!(in_beta[0].line.as_str().contains(r#""role":"member""#), "the role in that organization");
}

async fn two_clicks_at_once_use_a_reset_once_and_the_next_one_is_another_version(books: Books) {
    let token = books.reset(OWNER).await.unwrap();
    let (first, second) = tokio::join!(books.set_password(token), books.set_password(token));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let version = async || books.store.account(books.owner.id).await.unwrap().unwrap().password_version;
    let before = version().await;
    let token = books.reset(OWNER).await.unwrap();
    books.set_password(token).await.unwrap();
    assert_ne!(version().await, before, "however soon it comes");
}

async fn a_new_reset_revokes_the_older_one_and_both_can_be_revoked(books: Books) {
    assert!(books.reset("nobody@acme.example").await.is_none());
    let older = books.reset(OWNER).await.unwrap();
    let newer = books.reset(OWNER).await.unwrap();
    assert!(matches!(books.set_password(older).await, Err(ResetRefused::LinkOver)));
    let revoke = async || books.store.revoke_password_resets(email(OWNER)).await.unwrap();
    assert_eq!((revoke().await, revoke().await), (Some(1), Some(0)));
    assert!(books.store.password_reset(newer).await.unwrap().is_none());
    assert!(matches!(books.set_password(newer).await, Err(ResetRefused::LinkOver)));
    assert_eq!(books.password_of(OWNER).await, "", "as it was");
    assert_eq!(books.store.revoke_password_resets(email("nobody@acme.example")).await.unwrap(), None);
}

fn token() -> TokenHash {
    LinkToken::generate(&Entropy::system()).hash()
}

fn email(address: &str) -> EmailAddress {
    address.parse().unwrap()
}

fn caller(user: &User) -> Caller {
    Caller::user(user, "test/1", Some([127, 0, 0, 1].into()))
}

impl Books {
    async fn beta(&self) -> Organization {
        self.store.create_organization("Beta".parse().unwrap(), Plan::Standard).await.unwrap()
    }

    async fn user(&self, address: &str) -> User {
        self.store.create_user(email(address), "Bob".parse().unwrap(), String::new()).await.unwrap()
    }

    async fn invite(&self, address: &str, role: Role) -> (TokenHash, Timestamp) {
        let invite = Invite { organization: self.acme.id, email: email(address), role, token: token() };
        let token = invite.token;
        (token, self.store.invite(Caller::trailpost(), invite).await.unwrap())
    }

    async fn invite_to(
        &self,
        organization: OrganizationId,
        address: &str,
        role: Role,
    ) -> Result<TokenHash, InviteRefused> {
        let token = token();
        self.store
            .invite(Caller::trailpost(), Invite { organization, email: email(address), role, token })
            .await?;
        Ok(token)
    }

    async fn accept_as_new(&self, token: TokenHash) -> Result<(User, Organization), AcceptRefused> {
        let name = "Ada".parse().unwrap();
        self.store.accept_as_new_account(token, name, "a new hash".to_owned(), caller).await
    }

    async fn accept_as(&self, user: &User, token: TokenHash) -> Result<Organization, AcceptRefused> {
        self.store.accept_as_account(caller(user), user.clone(), token).await
    }

    async fn reset(&self, address: &str) -> Option<TokenHash> {
        let token = token();
        let ends = self.store.create_password_reset(email(address), token).await.unwrap()?;
        assert!(ends > self.clock.wall());
        Some(token)
    }

    async fn set_password(&self, token: TokenHash) -> Result<User, ResetRefused> {
        self.store.reset_password(token, "another hash".to_owned(), caller).await
    }

    async fn roles_of(&self, user: &User) -> Vec<(OrganizationId, Role)> {
        let memberships = self.store.memberships(user.id).await.unwrap();
        memberships.iter().map(|membership| (membership.organization.id, membership.role)).collect()
    }

    async fn password_of(&self, address: &str) -> String {
        self.store.sign_in(email(address)).await.unwrap().unwrap().password_hash
    }
}
