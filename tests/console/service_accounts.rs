//! Service accounts: secrets shown once, rotated with an overlap, ended; roles changed.

use std::time::Duration;

use serde_json::json;
use trailpost::domain::credential::ServiceAccountToken;
use trailpost::domain::membership::Role;

use super::{Desk, MANAGER, OWNER, newest, secret_of, title};
use crate::support::product::Product;

async fn role(product: &Product, secret: &str) -> Option<Role> {
    let token: ServiceAccountToken = secret.parse().unwrap();
    product.store().service_account_access(token.hash()).await.unwrap().map(|access| access.role)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_makes_changes_and_deletes_a_service_account() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let made = owner.post("/service-accounts/new", &[("name", "Pipeline"), ("role", "member")]).await;
    assert_eq!((made.status, title(&made)), (201, "Service account created · Acme · Trailpost"));
    assert_eq!(made.headers["cache-control"], "no-store");
    let secret = secret_of(&made);
    assert!(made.body.contains("tpc_"), "the client ID is beside it");
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(
        (what.as_str(), &record["event"]["resource_name"]),
        ("create service-account success", &json!("Pipeline"))
    );
    assert_eq!(record["event"]["parameters"]["after"], json!({ "name": "Pipeline", "role": "member" }));
    assert_eq!(role(&product, &secret).await, Some(Role::Member));
    let account = format!("/service-accounts/{}", record["event"]["resource_id"].as_str().unwrap());
    for page in ["/service-accounts/new", "/service-accounts", &account] {
        assert!(!owner.get(page).await.body.contains(&secret[12..]), "{page}");
    }

    assert_eq!(owner.post(&account, &[("role", "manager")]).await.status, 303);
    assert_eq!(role(&product, &secret).await, Some(Role::Manager));
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "update service-account success");
    assert_eq!(record["event"]["parameters"]["before"], json!({ "role": "member" }));
    assert!(owner.get(&account).await.body.contains("The service account’s role was changed."));

    let delete = format!("{account}/delete");
    assert!(owner.get(&delete).await.body.contains("Delete service account?"));
    assert_eq!(owner.post(&delete, &[]).await.status, 303);
    assert_eq!(newest(&product, OWNER).await.0, "delete service-account success");
    assert_eq!(role(&product, &secret).await, None);
    assert_eq!((owner.get(&account).await.status, owner.post(&delete, &[]).await.status), (404, 404));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_comes_back_and_a_taken_name_is_recorded() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let wrong = owner.post("/service-accounts/new", &[("name", " "), ("role", "king")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("Enter a name.") && wrong.body.contains("“king” is not a role"));
    owner.account("Pipeline", "member").await;
    let again = owner.post("/service-accounts/new", &[("name", "pipeline"), ("role", "manager")]).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("rotate the secret") && again.body.contains("value=\"pipeline\""));
    assert!(again.body.contains("<option value=\"manager\" selected>"));
    assert_eq!(newest(&product, OWNER).await.1["event"]["outcome"]["error_code"], "ALREADY_EXISTS");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_says_until_when_both_secrets_work() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let (account, old) = owner.account("Pipeline", "member").await;
    let rotate = format!("{account}/rotate");
    let asked = owner.get(&rotate).await.body;
    for overlap in ["Now", "In 1 hour", "In 24 hours", "In 7 days"] {
        assert!(asked.contains(&format!(">{overlap}</option>")), "{overlap}");
    }
    for unstated in [&[][..], &[("overlap", "")], &[("overlap", "2h")]] {
        let refused = owner.post(&rotate, unstated).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("Choose when the old secret stops working."), "{}", refused.body);
    }
    assert!(role(&product, &old).await.is_some(), "nothing was ended");
    let rotated = owner.post(&rotate, &[("overlap", "1h")]).await;
    assert_eq!((rotated.status, title(&rotated)), (201, "Secret rotated · Acme · Trailpost"));
    assert!(rotated.body.contains("The old secret goes on working until"));
    let new = secret_of(&rotated);
    assert!(role(&product, &old).await.is_some() && role(&product, &new).await.is_some());
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "rotate service-account success");
    assert_eq!(record["event"]["parameters"]["after"]["overlap"], "1h");
    let page = owner.get(&account).await.body;
    assert!(page.contains(&old[..12]) && page.contains(&new[..12]) && page.contains("Running out"));

    let third = owner.post(&rotate, &[("overlap", "24h")]).await;
    assert_eq!(third.status, 422);
    assert!(third.body.contains("Two secrets work already"));
    assert!(role(&product, &old).await.is_some(), "what is in use goes on working");

    product.advance(Duration::from_secs(3600));
    assert!(role(&product, &old).await.is_none() && role(&product, &new).await.is_some());
    let at_once = owner.post(&rotate, &[("overlap", "none")]).await;
    assert!(at_once.body.contains("The old secret has stopped working."));
    assert!(role(&product, &new).await.is_none());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_ended_by_hand() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let (account, secret) = owner.account("Pipeline", "member").await;
    let end = owner.link(&account, "/end").await;
    let asked = owner.get(&end).await;
    assert!(asked.body.contains("End secret now?") && asked.body.contains("No other secret works"));
    assert_eq!(owner.post(&end, &[]).await.status, 303);
    assert_eq!(role(&product, &secret).await, None);
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "update service-account success");
    assert!(end.contains(record["event"]["parameters"]["ended_secret"].as_str().unwrap()));
    assert!(owner.get(&account).await.body.contains("No secret works"));
    assert_eq!((owner.get(&end).await.status, owner.post(&end, &[]).await.status), (404, 404));
    let new = secret_of(&owner.post(&format!("{account}/rotate"), &[("overlap", "24h")]).await);
    assert_eq!(role(&product, &new).await, Some(Role::Member));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_do_not_come_near() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let (account, secret) = owner.account("Pipeline", "owner").await;
    let manager = Desk::of(&product, MANAGER).await;
    for path in ["", "/rotate", "/delete"] {
        let path = format!("{account}{path}");
        assert_eq!(manager.get(&path).await.status, 403, "{path}");
        let fields = [("role", "member"), ("overlap", "none")];
        assert_eq!(manager.post(&path, &fields).await.status, 403, "{path}");
    }
    assert_eq!(role(&product, &secret).await, Some(Role::Owner));
    product.stop().await;
}
