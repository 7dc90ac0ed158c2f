//! What people send that would look like something else: in names, addresses and what a browser calls itself. It is
//! refused, or shown and recorded as the text that it is.

use http::Method;
use reqwest::header::USER_AGENT;

use super::{MANAGER, OWNER, PASSWORD, acme, invite, newest};
use crate::support::http_user::send;
use crate::support::product::Product;
use crate::support::submission;
use trailpost::domain::membership::Role;

const MARKUP: &str = "<img src=x onerror=alert(1)>\"'&";

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_names_is_text_on_every_page_and_in_every_record() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let id = product.account(OWNER).organization_id;
    let general = format!("{acme}/settings/general");
    assert_eq!(owner.post_form(&general, &general, &[("name", MARKUP)]).await.status, 303);
    assert_eq!(owner.post_form("/account", "/account/name", &[("name", MARKUP)]).await.status, 303);
    let mut sent = submission(&id, MARKUP);
    sent["actor"]["principal_name"] = MARKUP.into();
    assert_eq!(product.ingest(&sent).await.status, 202);
    let user = super::user_id(&product, OWNER).await;
    for path in [
        acme.clone(),
        general,
        format!("{acme}/settings/general/delete"),
        format!("{acme}/leave"),
        format!("{acme}/members"),
        format!("{acme}/members/{user}/role"),
        format!("{acme}/members/{user}/remove"),
        "/account".to_owned(),
    ] {
        let page = owner.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<img"), "{path}: {}", page.body);
        assert!(page.body.contains("&#60;img"), "{path}: {}", page.body);
    }
    assert_eq!(newest(&product).await["organization_name"], MARKUP);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_that_turn_text_around_are_refused_in_names_and_addresses() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let members = format!("{acme}/members");
    for mark in
        ["\u{202e}", "\u{2066}", "\u{200f}", "\u{200b}", "\u{7}", "\r\n", "\u{feff}x", "\u{ad}", "\u{200d}"]
    {
        let name = format!("Ad{mark}a");
        let answer = owner.post_form("/account", "/account/name", &[("name", &name)]).await;
        assert_eq!(answer.status, 422, "{mark:?}");
        assert!(answer.body.contains(&format!("value=\"{name}\"")), "{mark:?}: as it was typed");
        let address = format!("ad{mark}a@acme.example");
        let fields = [("email", address.as_str()), ("role", "member")];
        let answer = owner.post_form(&members, &format!("{members}/invite"), &fields).await;
        assert_eq!(answer.status, 422, "{mark:?}");
    }
    let link = invite(&owner, &acme, "ada@acme.example", Role::Member).await;
    let fields = [("name", "Ad\u{202e}a"), ("password", PASSWORD)];
    assert_eq!(product.anonymous().post_form(&link, &link, &fields).await.status, 422);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_calls_itself_is_recorded_as_it_is_and_never_shown() {
    let product = Product::start().await;
    let acme = acme(&product);
    let manager = product.anonymous();
    let user_agent = "<script>alert(1)</script>\u{202e} \\\"} {\"actor\":\"evil\"}";
    let token = manager.csrf_token("/sign-in").await;
    let password = product.account(MANAGER).password;
    let fields =
        [("email", MANAGER), ("password", password.as_str()), ("return_to", ""), ("csrf_token", &token)];
    let header = http::HeaderValue::from_bytes(user_agent.as_bytes()).unwrap();
    let request = manager.request(Method::POST, "/sign-in").header(USER_AGENT, header).form(&fields);
    assert_eq!(send(request).await.status, 303);
    let record = newest(&product).await;
    assert_eq!(record["client"]["userAgent"], user_agent);
    assert_eq!(record["actor"]["principal_name"], MANAGER);
    let page = manager.get("/account").await;
    assert!(!page.body.contains("<script>alert") && !page.body.contains('\u{202e}'), "{}", page.body);
    assert!(page.body.contains("Unknown browser"));
    assert_eq!(manager.get(&acme).await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_of_an_account_is_only_that_account_s() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let victim = "owner@initech.example";
    let link = invite(&owner, &acme, victim, Role::Owner).await;
    let before = product.store().sign_in(victim.parse().unwrap()).await.unwrap().unwrap().password_hash;
    // Whoever has the link: nobody, somebody else, and the one who sent it.
    let fields = [("name", "Mallory"), ("password", PASSWORD)];
    for person in [product.anonymous(), product.user(MANAGER).await, owner] {
        let page = person.get(&link).await;
        assert!(page.status == 200 && !page.body.contains("type=\"password\""), "{}", page.body);
        assert_eq!(person.post_form(&link, &link, &fields).await.status, 409);
    }
    let after = product.store().sign_in(victim.parse().unwrap()).await.unwrap().unwrap().password_hash;
    assert_eq!(before, after);
    let invited = product.user(victim).await;
    assert_eq!(invited.post_form(&link, &link, &[]).await.status, 303);
    assert_eq!(invited.get(&format!("{acme}/members")).await.status, 200);
    product.stop().await;
}
