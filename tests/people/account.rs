//! The account page.

use http::Method;
use reqwest::header::USER_AGENT;
use serde_json::json;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;

use super::{MANAGER, OWNER, PASSWORD, acme, newest, summary};
use crate::support::http_user::{HttpUser, send};
use crate::support::page::hidden_field;
use crate::support::product::Product;

const FIREFOX: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0";

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_changed_everywhere_and_on_the_record() {
    let product = Product::start().await;
    let manager = product.user(MANAGER).await;
    let before = product.store().sign_in(MANAGER.parse().unwrap()).await.unwrap().unwrap().user.display_name;
    for wrong in [" ", "a\u{202e}b", &"x".repeat(101)] {
        let answer = manager.post_form("/account", "/account/name", &[("name", wrong)]).await;
        assert_eq!(answer.status, 422, "{wrong:?}");
        assert!(answer.body.contains("field--invalid"));
    }
    let answer = manager.post_form("/account", "/account/name", &[("name", "Mary")]).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/account")));
    assert!(manager.get("/account").await.body.contains("Your name was saved."));
    assert!(manager.get(&acme(&product)).await.body.contains("Mary"));
    let record = newest(&product).await;
    assert_eq!(summary(&record), "update user success");
    assert_eq!(record["event"]["resource_id"], json!({ "user": MANAGER, "role": "manager" }));
    assert_eq!(record["event"]["parameters"]["changed"], json!(["display_name"]));
    assert_eq!(record["event"]["parameters"]["before"], json!({ "display_name": before.as_str() }));
    assert_eq!(record["event"]["parameters"]["after"], json!({ "display_name": "Mary" }));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_stands_in_the_organization_that_one_came_from() {
    let product = Product::start().await;
    let (manager, acme) = (product.user(MANAGER).await, acme(&product));
    let beta = product.store().create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    product.store().add_member(beta.id, user(&product).await, Role::Member).await.unwrap();
    let of_beta = format!("/organizations/{}", beta.id);
    for (query, here, title) in [
        (String::new(), &acme, "Your account · Trailpost"),
        (format!("?organization={}", &acme[15..]), &acme, "Your account · Trailpost"),
        (format!("?organization={}", beta.id), &of_beta, "Your account · Trailpost"),
        // One that is not theirs is nobody's business here.
        (
            format!("?organization={}", product.account("owner@initech.example").organization_id),
            &acme,
            "Your account · Trailpost",
        ),
    ] {
        let page = manager.get(&format!("/account{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        assert!(page.body.contains(&format!("<title>{title}</title>")), "{}", page.body);
        assert!(page.body.contains(&format!("href=\"{here}/projects\"")), "{query}: {}", page.body);
        assert!(!page.body.contains("Initech"));
    }
    let from = format!("/account?organization={}", beta.id);
    let page = manager.get(&of_beta).await;
    assert!(page.body.contains(&format!("href=\"{from}\"")), "{}", page.body);
    let rename = format!("/account/name?organization={}", beta.id);
    let answer = manager.post_form(&from, &rename, &[("name", "Mary")]).await;
    assert_eq!((answer.status, answer.location()), (303, Some(from.as_str())));

    for organization in [&acme, &of_beta] {
        let leave = format!("{organization}/leave");
        assert_eq!(manager.post_form(&leave, &leave, &[]).await.status, 303);
    }
    let alone = manager.get(&from).await;
    assert_eq!(alone.status, 200);
    assert!(alone.body.contains("Where you are signed in") && !alone.body.contains("id=\"navigation\""));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_whoever_knows_it_and_ends_other_sessions() {
    let product = Product::start().await;
    let (here, elsewhere) = (product.user(MANAGER).await, product.user(MANAGER).await);
    let old = product.account(MANAGER).password;
    let change = async |current: &str, new: &str| {
        let fields = [("current_password", current), ("password", new)];
        here.post_form("/account", "/account/password", &fields).await
    };
    let short = change(&old, "short").await;
    assert_eq!(short.status, 422);
    assert!(short.body.contains("Use at least 12 characters."), "{}", short.body);
    let wrong = change("not my password", PASSWORD).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("This is not your password."), "{}", wrong.body);
    assert!(!wrong.body.contains(PASSWORD), "a password never comes back");
    assert_eq!(elsewhere.get("/account").await.status, 200, "nothing has happened yet");

    let answer = change(&old, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/account")), "{}", answer.body);
    assert!(here.get("/account").await.body.contains("Your password was changed."));
    assert_eq!(elsewhere.get("/account").await.status, 303);
    assert_eq!(product.store().sessions_of(user(&product).await, now()).await.unwrap().len(), 1);
    let record = newest(&product).await;
    assert_eq!(record["event"]["parameters"]["changed"], json!(["password"]));
    assert_eq!(record["event"]["resource_id"], json!({ "user": MANAGER, "role": "manager" }));
    HttpUser::sign_in(product.origin(), MANAGER, PASSWORD).await;
    let fields = [("email", MANAGER), ("password", old.as_str()), ("return_to", "")];
    assert_eq!(product.anonymous().post_form("/sign-in", "/sign-in", &fields).await.status, 422);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_a_browser_signed_in_can_t_guess_the_password_for_long() {
    let product = Product::start().await;
    let here = product.user(MANAGER).await;
    crate::support::eventually("the next guess has to wait", async || {
        let fields = [("current_password", "a wrong guess"), ("password", PASSWORD)];
        let answer = here.post_form("/account", "/account/password", &fields).await;
        (answer.status == 429).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_named_and_signed_out_at_their_next_request() {
    let product = Product::start().await;
    let here = product.user(MANAGER).await;
    let phone = signed_in_with(&product, FIREFOX).await;
    let tool = signed_in_with(&product, "curl/8.5.0").await;
    let page = here.get("/account").await;
    for text in ["This browser", "Firefox on macOS", "curl", "Sign out everywhere else"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let (_, of_phone) = page.body.split_once("Firefox on macOS").unwrap();
    let session = hidden_field(of_phone, "session").unwrap();
    let answer = here.post_form("/account", "/account/sessions/end", &[("session", &session)]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(phone.get("/account").await.status, 303, "over");
    assert_eq!(tool.get("/account").await.status, 200);
    assert!(here.get("/account").await.body.contains("That browser is signed out."));
    let record = newest(&product).await;
    assert_eq!(record["event"]["parameters"]["changed"], json!(["sessions"]));
    assert_eq!(record["event"]["parameters"]["sessions_ended"], 1);

    let answer = here.post_form("/account", "/account/sessions/end", &[("session", "others")]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(tool.get("/account").await.status, 303);
    let page = here.get("/account").await;
    assert!(page.status == 200 && !page.body.contains("Sign out everywhere else"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_another_account_s_session_nor_their_own_by_mistake() {
    let product = Product::start().await;
    let (manager, owner) = (product.user(MANAGER).await, product.user(OWNER).await);
    let listed = product.store().sessions_of(user(&product).await, now()).await.unwrap();
    let session = hex::encode(listed[0].id);
    for person in [&owner, &manager] {
        let answer = person.post_form("/account", "/account/sessions/end", &[("session", &session)]).await;
        assert_eq!(answer.status, 303);
        assert!(person.get("/account").await.body.contains("That was done already."));
    }
    assert_eq!(manager.get("/account").await.status, 200);
    for wrong in ["", "x", "00"] {
        let answer = owner.post_form("/account", "/account/sessions/end", &[("session", wrong)]).await;
        assert_eq!(answer.status, 422, "{wrong:?}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_before_signing_in_is_worth_nothing_after() {
    let product = Product::start().await;
    // Somebody signs in over a session whose cookie another knows.
    let victim = product.user(MANAGER).await;
    let planted = victim.get("/account").await;
    assert_eq!(planted.status, 200);
    let before = product.store().sessions_of(user(&product).await, now()).await.unwrap();
    let account = product.account(MANAGER);
    let fields = [("email", MANAGER), ("password", account.password.as_str()), ("return_to", "")];
    assert_eq!(victim.post_form("/account", "/sign-in", &fields).await.status, 303);
    let after = product.store().sessions_of(user(&product).await, now()).await.unwrap();
    assert_eq!((before.len(), after.len()), (1, 1), "the old one is gone");
    assert_ne!(before[0].id, after[0].id);
    assert_eq!(product.store().load_session(before[0].id, now()).await.unwrap(), None);
    product.stop().await;
}

async fn user(product: &Product) -> trailpost::domain::id::UserId {
    product.store().sign_in(MANAGER.parse().unwrap()).await.unwrap().unwrap().user.id
}

fn now() -> trailpost::domain::clock::Timestamp {
    trailpost::domain::clock::Clock::system().wall()
}

/// The manager, in one more browser.
async fn signed_in_with(product: &Product, user_agent: &str) -> HttpUser {
    let person = product.anonymous();
    let token = person.csrf_token("/sign-in").await;
    let password = product.account(MANAGER).password;
    let fields =
        [("email", MANAGER), ("password", password.as_str()), ("return_to", ""), ("csrf_token", &token)];
    let request = person.request(Method::POST, "/sign-in").header(USER_AGENT, user_agent).form(&fields);
    assert_eq!(send(request).await.status, 303);
    person
}
