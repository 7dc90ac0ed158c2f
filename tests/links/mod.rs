//! Invitation and reset links as their bearers meet them, over plain HTTP: every way in, and every way that has to
//! stay shut.

use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::{LinkToken, Password};
use trailpost::domain::membership::Role;
use trailpost::domain::user::{EmailAddress, User};
use trailpost::store::{Invite, Store};
use trailpost::web::hash_new_password;

use crate::support::http_user::HttpUser;
use crate::support::product::Product;

const ADA: &str = "ada.lovelace@acme.example";
const OWNER: &str = "owner@acme.example";
const OTHER_OWNER: &str = "owner@initech.example";
const PASSWORD: &str = "correct horse battery";
const OVER: &str = "This link can’t be used any more";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_is_made_with_a_name_and_a_password() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id;
    let link = invitation(&product, &acme, ADA, Role::Manager).await;
    let ada = product.anonymous();

    let page = ada.get(&link).await;
    assert_eq!(page.status, 200);
    for shown in [
        "You’re invited to Acme",
        "join as <strong>Manager</strong>",
        ADA,
        "value=\"Ada Lovelace\"",
        "At least 12 characters",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(
        page.body.contains("autocomplete=\"new-password\"")
            && page.body.contains("autocomplete=\"username\"")
    );
    assert_eq!(page.headers["referrer-policy"], "same-origin");

    let short = ada.post_form(&link, &link, &[("name", "Countess Ada"), ("password", "short")]).await;
    assert_eq!(short.status, 422);
    assert!(
        short.body.contains("value=\"Countess Ada\"") && short.body.contains("Use at least 12 characters.")
    );
    assert!(!short.body.contains("short\""), "a password never comes back: {}", short.body);
    let nameless = ada.post_form(&link, &link, &[("name", " "), ("password", PASSWORD)]).await;
    assert_eq!(nameless.status, 422);
    assert!(nameless.body.contains("Enter a name."));

    let answer = ada.post_form(&link, &link, &[("name", "Countess Ada"), ("password", PASSWORD)]).await;
    let overview = format!("/organizations/{acme}");
    assert_eq!((answer.status, answer.location()), (303, Some(overview.as_str())), "{}", answer.body);
    let page = ada.get(&overview).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("Your account is ready") && page.body.contains("Countess Ada"),
        "{}",
        page.body
    );
    assert_over(&product.anonymous(), &link).await;
    HttpUser::sign_in(product.origin(), ADA, PASSWORD).await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_signs_in_and_accepts() {
    let product = Product::start().await;
    let beta = organization(&product, "Beta").await;
    let link = invitation(&product, &beta, OWNER, Role::Member).await;
    let owner = product.anonymous();
    let sign_in = format!("/sign-in?return_to={link}");
    let page = owner.get(&link).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!("href=\"{sign_in}\"")), "{}", page.body);
    assert!(!page.body.contains("type=\"password\""), "{}", page.body);

    let account = product.account(OWNER);
    let fields = [("email", OWNER), ("password", &account.password), ("return_to", &link)];
    let answer = owner.post_form(&sign_in, "/sign-in", &fields).await;
    assert_eq!((answer.status, answer.location()), (303, Some(link.as_str())));
    let page = owner.get(&link).await;
    assert!(page.body.contains("Accept invitation") && !page.body.contains("type=\"password\""));
    let answer = owner.post_form(&link, &link, &[]).await;
    let overview = format!("/organizations/{beta}");
    assert_eq!((answer.status, answer.location()), (303, Some(overview.as_str())), "{}", answer.body);
    let page = owner.get(&overview).await;
    assert!(page.body.contains("You are a member of this organization now."), "{}", page.body);
    assert_over(&owner, &link).await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_is_told_who_they_are_and_comes_back_after_signing_out() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id;
    for invited in [ADA, OTHER_OWNER] {
        let link = invitation(&product, &acme, invited, Role::Member).await;
        let other = product.user("manager@acme.example").await;
        let page = other.get(&link).await;
        assert!(page.body.contains("signed in as <strong>manager@acme.example</strong>"), "{}", page.body);
        assert!(!page.body.contains("type=\"password\"") && !page.body.contains("Accept invitation"));
        let fields = [("name", "Mallory"), ("password", PASSWORD)];
        assert_eq!(
            other.post_form(&link, &link, &fields).await.status,
            409,
            "nothing is accepted for another"
        );

        let answer = other.post_form(&link, "/sign-out", &[("return_to", &link)]).await;
        assert_eq!((answer.status, answer.location()), (303, Some(link.as_str())));
        assert_eq!(other.get(&link).await.status, 200);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_invitation_sets_the_password_of_an_account() {
    let product = Product::start().await;
    let initech = product.account(OTHER_OWNER).organization_id;
    let link = invitation(&product, &initech, OWNER, Role::Member).await;
    let before = password_hash(product.store(), OWNER).await;
    let thief = product.anonymous();
    let fields = [("name", "Mallory"), ("password", PASSWORD)];
    // The token of any page fits any form of this browser.
    let answer = thief.post_form("/sign-in", &link, &fields).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("Sign in") && !answer.body.contains("type=\"password\""), "{}", answer.body);
    assert_eq!(password_hash(product.store(), OWNER).await, before);
    assert_eq!(thief.get("/").await.location(), Some("/sign-in"), "nobody was signed in");
    assert_eq!(thief.get(&link).await.status, 200, "and the link is as good as before");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_sets_the_password_and_ends_every_session() {
    let product = Product::start().await;
    let (here, elsewhere) = (product.user(OWNER).await, product.user(OWNER).await);
    let bystander = product.user(OTHER_OWNER).await;
    let home = format!("/organizations/{}", product.account(OWNER).organization_id);
    let link = reset(&product, OWNER).await;
    let page = here.get(&link).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Set your password") && page.body.contains(OWNER), "{}", page.body);

    let short = here.post_form(&link, &link, &[("password", "short")]).await;
    assert_eq!(short.status, 422);
    assert!(short.body.contains("Use at least 12 characters."), "{}", short.body);
    assert_eq!(elsewhere.get(&home).await.status, 200, "nothing has happened yet");

    let answer = here.post_form(&link, &link, &[("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/sign-in")), "{}", answer.body);
    let page = here.get("/sign-in").await;
    assert!(page.body.contains("Your password was set. Sign in with it."), "{}", page.body);
    for ended in [&here, &elsewhere] {
        assert_eq!(ended.get(&home).await.status, 303);
    }
    let own = format!("/organizations/{}", product.account(OTHER_OWNER).organization_id);
    assert_eq!(bystander.get(&own).await.status, 200, "another account's session stays");
    assert_over(&here, &link).await;

    let old = product.account(OWNER).password;
    let fields = [("email", OWNER), ("password", old.as_str()), ("return_to", "")];
    assert_eq!(product.anonymous().post_form("/sign-in", "/sign-in", &fields).await.status, 422);
    assert_eq!(HttpUser::sign_in(product.origin(), OWNER, PASSWORD).await.get(&home).await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_link_changes_nothing() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id;
    let session = product.user(OWNER).await;
    for link in [invitation(&product, &acme, ADA, Role::Member).await, reset(&product, OWNER).await] {
        let scanner = product.anonymous();
        for method in [http::Method::GET, http::Method::HEAD, http::Method::GET] {
            let answer = crate::support::http_user::send(scanner.request(method, &link)).await;
            assert_eq!(answer.status, 200);
        }
        let fields = [("name", "Ada"), ("password", PASSWORD), ("csrf_token", "0")];
        let foreign = scanner.post(&link, &fields).await;
        assert_eq!(foreign.status, 403, "{}", foreign.body);
        assert!(foreign.body.contains("This form is out of date"));
        assert_eq!(scanner.get(&link).await.status, 200, "still to be used");
    }
    assert_eq!(session.get(&format!("/organizations/{acme}")).await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_over_look_alike() {
    let product = Product::start().await;
    let acme = product.account(OWNER).organization_id;
    let revoked = invitation(&product, &acme, ADA, Role::Member).await;
    product.store().revoke_invitations(Caller::trailpost(), acme.parse().unwrap(), email(ADA)).await.unwrap();
    let revoked_reset = reset(&product, OWNER).await;
    product.store().revoke_password_resets(email(OWNER)).await.unwrap();
    // One kind of link opens nothing of the other.
    let swapped =
        invitation(&product, &acme, ADA, Role::Member).await.replace("invitations", "password-resets");
    let unknown = format!("/invitations/{}", "0".repeat(64));
    let visitor = product.anonymous();
    for link in [&revoked, &revoked_reset, &swapped, &unknown, "/invitations/x", "/password-resets/%00"] {
        assert_over(&visitor, link).await;
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_an_organization_is_told_what_to_do() {
    let product = Product::start().await;
    let hash = hash_new_password(Password::new(PASSWORD).unwrap(), &Entropy::system()).await.unwrap();
    let _: User = product.store().create_user(email(ADA), "Ada".parse().unwrap(), hash).await.unwrap();
    let page = HttpUser::sign_in(product.origin(), ADA, PASSWORD).await.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are not a member of any organization yet"), "{}", page.body);
    product.stop().await;
}

/// Nobody learns why.
async fn assert_over(visitor: &HttpUser, link: &str) {
    let page = visitor.get(link).await;
    assert_eq!(page.status, 404, "{link}");
    assert!(page.body.contains(OVER), "{link}: {}", page.body);
    let fields = [("name", "Ada"), ("password", PASSWORD)];
    let posted = visitor.post_form(link, link, &fields).await;
    assert_eq!(posted.status, 404, "{link}");
    assert!(posted.body.contains(OVER), "{link}: {}", posted.body);
}

pub async fn invitation(product: &Product, organization: &str, address: &str, role: Role) -> String {
    let token = LinkToken::generate(&Entropy::system());
    let organization = organization.parse().unwrap();
    let invite = Invite { organization, email: email(address), role, token: token.hash() };
    product.store().invite(Caller::trailpost(), invite).await.unwrap();
    format!("/invitations/{}", token.expose())
}

pub async fn reset(product: &Product, address: &str) -> String {
    let token = LinkToken::generate(&Entropy::system());
    product.store().create_password_reset(email(address), token.hash()).await.unwrap().unwrap();
    format!("/password-resets/{}", token.expose())
}

async fn organization(product: &Product, name: &str) -> String {
    let plan = trailpost::domain::organization::Plan::Enterprise;
    product.store().create_organization(name.parse().unwrap(), plan).await.unwrap().id.to_string()
}

async fn password_hash(store: &Store, address: &str) -> String {
    store.sign_in(email(address)).await.unwrap().unwrap().password_hash
}

fn email(address: &str) -> EmailAddress {
    address.parse().unwrap()
}
