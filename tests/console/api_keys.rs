//! API keys: shown once, listed by their start, deleted.

use trailpost::domain::credential::ApiKeyToken;

use super::{Desk, MANAGER, MEMBER, OWNER, newest, secret_of, title};
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_works_until_it_is_deleted() {
    let product = Product::start().await;
    let manager = Desk::of(&product, MANAGER).await;
    let project = manager.project("Telescope").await;
    let new = format!("{project}/api-keys/new");
    let made = manager.post(&new, &[("name", "nightly")]).await;
    assert_eq!((made.status, title(&made)), (201, "API key created · Acme · Trailpost"));
    assert_eq!(made.headers["cache-control"], "no-store", "the Back button shows it to nobody");
    assert!(made.body.contains("the only time that it is shown"));
    let key = secret_of(&made);
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "create api-key success");
    assert!(!record.to_string().contains(&key[..12]));
    let token: ApiKeyToken = key.parse().unwrap();
    assert!(product.store().api_key_access(token.hash()).await.unwrap().is_some());

    // Nowhere again, not where it was made either.
    for page in [&new, &project, "/api-keys", "/projects"] {
        let body = manager.get(page).await.body;
        assert!(!body.contains(&key[12..]), "{page}");
    }
    let listed = manager.get("/api-keys").await.body;
    assert!(
        listed.contains(&format!("<code>{}…</code>", &key[..12])) && listed.contains("<bdi>nightly</bdi>")
    );
    assert!(!listed.contains("Never</td>") || listed.contains("just now"), "it was used just now");

    let delete = format!("{project}/api-keys/{}/delete", record["event"]["resource_id"].as_str().unwrap());
    assert!(manager.get(&delete).await.body.contains("Delete API key?"));
    assert_eq!(manager.post(&delete, &[]).await.status, 303);
    assert_eq!(newest(&product, OWNER).await.0, "delete api-key success");
    assert!(product.store().api_key_access(token.hash()).await.unwrap().is_none());
    assert!(manager.get(&project).await.body.contains("The API key was deleted."));
    assert_eq!(manager.post(&delete, &[]).await.status, 404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_again_makes_no_second_key() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let project = owner.project("Telescope").await;
    owner.key(&project, "nightly").await;
    let again = owner.post(&format!("{project}/api-keys/new"), &[("name", "Nightly")]).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("delete it and create another") && again.body.contains("value=\"Nightly\""));
    assert_eq!(newest(&product, OWNER).await.1["event"]["outcome"]["error_code"], "ALREADY_EXISTS");
    assert_eq!(owner.get(&project).await.body.matches("tpk_").count(), 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stand_by_project_and_members_see_none() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let (one, two) = (owner.project("One").await, owner.project("Two").await);
    owner.key(&one, "alpha").await;
    owner.key(&two, "beta").await;
    let page = owner.get("/api-keys").await.body;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("<bdi>Two</bdi></a></h2>") < at("<bdi>beta</bdi>"));
    assert!(at("<bdi>beta</bdi>") < at("<bdi>One</bdi></a></h2>"));
    assert!(at("<bdi>One</bdi></a></h2>") < at("<bdi>alpha</bdi>"));
    let refused = Desk::of(&product, MEMBER).await.get("/api-keys").await;
    assert!(refused.status == 403 && !refused.body.contains("tpk_"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_project_is_not_under_this_one() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let (one, two) = (owner.project("One").await, owner.project("Two").await);
    owner.key(&one, "alpha").await;
    let id = newest(&product, OWNER).await.1["event"]["resource_id"].as_str().unwrap().to_owned();
    let wrong = format!("{two}/api-keys/{id}/delete");
    assert_eq!((owner.get(&wrong).await.status, owner.post(&wrong, &[]).await.status), (404, 404));
    assert!(owner.get(&one).await.body.contains("alpha"));
    product.stop().await;
}
