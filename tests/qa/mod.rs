//! The clock that QA moves: windows end, and AWS still takes our signatures, which follow the wall's clock.

use std::time::Duration;

use crate::support::http_user::HttpUser;
use crate::support::page::hidden_field;
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_moved_by_a_day_still_delivers() {
    let product = Product::start().await;
    let organization_id = product.account("owner@acme.example").organization_id;
    let page = format!("/organizations/{organization_id}/settings/audit-logs");
    let owner = product.user("owner@acme.example").await;
    enable(&owner, &page).await;

    product.advance(Duration::from_secs(24 * 3600));
    eventually("the first record is delivered a day later", async || {
        let keys = product.customer().list(BUCKET).await;
        keys.iter().any(|key| key.starts_with(&organization_id)).then_some(())
    })
    .await;
    product.stop().await;
}

async fn enable(owner: &HttpUser, page: &str) {
    let html = owner.get(page).await.body;
    let revision = hidden_field(&html, "revision").unwrap();
    let fields = [("revision", revision.as_str()), ("role_arn", ROLE_ARN), ("bucket", BUCKET)];
    assert_eq!(owner.post_form(page, &format!("{page}/enable"), &fields).await.status, 303);
    eventually("audit logs are active", async || {
        owner.get(page).await.body.contains("aria-checked=\"true\"").then_some(())
    })
    .await;
}
