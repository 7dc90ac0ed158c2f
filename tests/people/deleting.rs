//! Settings > General: renaming and deleting an organization.

use serde_json::{Value, json};

use super::{ADA, MANAGER, OWNER, acme, invite, newest, summary};
use crate::support::bucket::delivered_records;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{eventually, submission};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_organization_is_nobodys_and_delivers_its_last_record() {
    let product = Product::start().await;
    let (owner, manager) = (product.user(OWNER).await, product.user(MANAGER).await);
    let (acme, id) = (acme(&product), product.account(OWNER).organization_id);
    enable(&owner, &id).await;
    let link = invite(&owner, &acme, ADA, trailpost::domain::membership::Role::Member).await;
    assert_eq!(product.ingest(&submission(&id, "docs")).await.status, 202);

    let delete = format!("{acme}/settings/general/delete");
    let ask = owner.get(&delete).await;
    assert_eq!(ask.status, 200);
    let pending = product.store().delivery_status(id.parse().unwrap()).await.unwrap().pending_records;
    for text in [
        format!("{pending} records are"),
        "for up to 30 days".to_owned(),
        "4 members".to_owned(),
        "the record of this deletion".to_owned(),
    ] {
        assert!(pending > 1 && ask.body.contains(&text), "{text}: {}", ask.body);
    }
    let wrong = owner.post_form(&delete, &delete, &[("typed_name", "acme")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("value=\"acme\"") && wrong.body.contains("not the organization’s name"));

    let answer = owner.post_form(&delete, &delete, &[("typed_name", "Acme")]).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/")), "{}", answer.body);
    assert!(owner.get("/").await.body.contains("The organization is closed."));
    for person in [&owner, &manager] {
        for path in [&acme, &format!("{acme}/settings/general"), &format!("{acme}/settings/audit-logs")] {
            assert_eq!(person.get(path).await.status, 404, "{path}");
        }
    }
    assert_eq!(product.anonymous().get(&link).await.status, 404);
    let refused = product.ingest(&submission(&id, "docs")).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("organization_id"));

    // The demo's windows are a minute long; this is delivered before one has passed.
    let total = product.store().organization_summary(id.parse().unwrap()).await.unwrap();
    assert!(total.unwrap().closed_at.is_some());
    let records = eventually("the last record is in the bucket", async || {
        let records = delivered_records(&product.customer(), &id, 1).await;
        records.iter().any(|record| summary(record) == "delete organization success").then_some(records)
    })
    .await;
    let last: &Value = records.last().unwrap();
    assert_eq!(last["event"]["resource_id"], "Acme");
    assert_eq!(last["event"]["parameters"]["before"], json!({ "name": "Acme", "plan": "enterprise" }));
    assert_eq!(last["actor"]["principal_name"], OWNER);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_audit_logs_the_page_says_that_it_is_gone_soon() {
    let product = Product::start().await;
    let initech = product.account("owner@initech.example");
    let owner = product.user(&initech.email).await;
    let delete = format!("/organizations/{}/settings/general/delete", initech.organization_id);
    let ask = owner.get(&delete).await;
    assert!(ask.body.contains("No records are waiting to be delivered"), "{}", ask.body);
    assert_eq!(owner.post_form(&delete, &delete, &[("typed_name", "Initech")]).await.status, 303);
    let never = tokio_util::sync::CancellationToken::new();
    let purged = product.store().purge_closed(trailpost::domain::days::Days::HOLD, &never).await;
    assert_eq!(purged.unwrap(), 1);
    let id = initech.organization_id.parse().unwrap();
    assert!(product.store().organization_summary(id).await.unwrap().is_none());
    assert_eq!(owner.get("/").await.status, 200, "the account stays");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_can_t_be_is_told_so_and_nothing_is_recorded() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let general = format!("{acme}/settings/general");
    let before = newest(&product).await;
    for (wrong, complaint) in [
        (" ".to_owned(), "Enter a name."),
        ("x".repeat(101), "Use at most 100 characters."),
        ("Ac\u{202e}me".to_owned(), "characters that are invisible"),
        ("Ac\nme".to_owned(), "characters that are invisible"),
    ] {
        let answer = owner.post_form(&general, &general, &[("name", &wrong)]).await;
        assert_eq!(answer.status, 422, "{wrong:?}");
        assert!(answer.body.contains(complaint), "{}", answer.body);
    }
    assert_eq!(newest(&product).await, before);
    let manager = product.user(MANAGER).await;
    assert_eq!(manager.post_form(&general, &general, &[("name", "Mine")]).await.status, 403);
    product.stop().await;
}
