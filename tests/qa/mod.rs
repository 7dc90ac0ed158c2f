//! The clock that QA moves: windows end, nobody is signed out, and AWS still takes our signatures, which follow the
//! wall's clock.

use std::time::Duration;

use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{BUCKET, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_moved_by_a_day_delivers_and_signs_nobody_out() {
    let product = Product::start().await;
    let organization_id = product.account("owner@acme.example").organization_id;
    let owner = product.user("owner@acme.example").await;
    enable(&owner, &organization_id).await;

    product.advance(Duration::from_secs(24 * 3600));
    let page = owner.get(&format!("/organizations/{organization_id}/settings/audit-logs")).await;
    assert_eq!(page.status, 200, "browser sessions follow the wall's clock");
    eventually("the first record is delivered a day later", async || {
        let keys = product.customer().list(BUCKET).await;
        keys.iter().any(|key| key.starts_with(&organization_id)).then_some(())
    })
    .await;
    product.stop().await;
}
