//! The writer over the whole product: what is broken for one organization is booked for it, and stops nobody else.

mod answers;
mod background;
mod checks;
mod connections;
mod credentials;
mod denied;
mod endpoint;
mod failing;
mod failures;
mod settings_page;
mod silent;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::tempdir;
use tokio::time::Instant;
use trailpost::demo::world;
use trailpost::domain::access_check::{CheckState, Purpose};
use trailpost::domain::caller::Caller;
use trailpost::domain::days::Days;
use trailpost::domain::failure::Cause;
use trailpost::domain::integration::{Health, TypedSettings};
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::window::SealSpread;
use trailpost::domain::window::WindowLength;
use trailpost::store::NewCheck;
use trailpost::writer::WriterSettings;

use settings_page::role_arn;

use crate::support::bucket::delivered_records;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{BUCKET, eventually, submission};

/// Seals at once.
const WRITER: WriterSettings =
    WriterSettings { seal_spread: SealSpread::None, hold: Days::HOLD, retention: Days::RETENTION };

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_can_not_be_read_is_booked_as_ours_and_stops_nobody_else() {
    let folder = tempdir().unwrap();
    let product = Product::start_in(folder.path()).await;
    let acme = product.account("owner@acme.example").organization_id;
    enable(&product.user("owner@acme.example").await, &acme).await;
    let beta = tenant(&product, "beta").await;
    for _ in 0..3 {
        product.ingest(&submission(&acme, "docs")).await;
        product.ingest(&submission(beta.id, "docs")).await;
    }
    lose_a_record(folder.path(), &acme).await;

    product.advance(Duration::from_secs(60));
    let first = delivered_records(&product.customer(), &beta.id.to_string(), 4).await;
    assert_eq!(first.len(), 4, "the record of enabling and three more");
    let integration = eventually("the failure is booked", async || {
        let found = product.store().integration(acme.parse().unwrap()).await.unwrap().unwrap();
        found.failure.is_some().then_some(found)
    })
    .await;
    assert_eq!(integration.failure.unwrap().0.cause, Cause::RecordsUnreadable);
    assert_eq!(integration.health, Health::Retrying, "the customer has nothing to do");

    product.ingest(&submission(beta.id, "docs")).await;
    product.advance(Duration::from_secs(60));
    delivered_records(&product.customer(), &beta.id.to_string(), 5).await;
    let page = format!("/organizations/{acme}/settings/audit-logs");
    let page = product.user("owner@acme.example").await.get(&page).await;
    assert!(page.body.contains("could not read the records"), "{}", page.body);
    let stopping = Instant::now();
    product.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(15), "a stop does not wait for what can't be done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_another_region_is_found_and_written() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let owner = product.user("owner@acme.example").await;
    let page = format!("/organizations/{acme}/settings/audit-logs");
    let fields = [
        ("revision", "0"),
        ("role_arn", crate::support::ROLE_ARN),
        ("bucket", "s3://acme-audit-logs-frankfurt/team/logs"),
        ("compression", "gzip"),
        ("format", "ndjson"),
    ];
    assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
    eventually("audit logs are active", async || {
        owner.get(&page).await.body.contains("aria-checked=\"true\"").then_some(())
    })
    .await;
    product.advance(Duration::from_secs(60));
    eventually("a file lies in the other region's bucket", async || {
        let objects = product.sandbox().list_objects("acme-audit-logs-frankfurt");
        let file = objects.iter().find(|object| object.key.starts_with(&format!("team/logs/{acme}/")))?;
        assert!(file.key.ends_with(".ndjson.gz"), "{}", file.key);
        Some(())
    })
    .await;
    product.stop().await;
}

/// One more tenant on Enterprise, active, with a role of its own in the small AWS.
async fn tenant(product: &Product, name: &str) -> Organization {
    let store = product.store();
    let tenant = store.create_organization(name.parse().unwrap(), Plan::Enterprise).await.unwrap();
    let owner = store.sign_in("owner@initech.example".parse().unwrap()).await.unwrap().unwrap().user;
    store.add_member(tenant.id, owner.id, Role::Owner).await.unwrap();
    let mut role = world::roles(&tenant.external_id).swap_remove(0);
    role.arn = role_arn(name);
    product.sandbox().put_role(role).unwrap();
    let typed =
        TypedSettings { role_arn: role_arn(name), bucket: BUCKET.to_owned(), ..TypedSettings::default() };
    let check = NewCheck {
        caller: Caller::user(&owner, "test/1", None),
        organization: tenant.id,
        purpose: Purpose::Enable,
        proposed: Some(typed.parse(WindowLength::new(1).unwrap()).unwrap()),
        revision: None,
    };
    let opened = store.open_check(check).await.unwrap();
    eventually("the tenant’s check passes", async || {
        let check = store.access_check(tenant.id, opened.id).await.unwrap().unwrap();
        (check.state == CheckState::Passed).then_some(())
    })
    .await;
    tenant
}

/// What a damaged disk would do: one record in the middle is gone.
async fn lose_a_record(folder: &Path, organization: &str) {
    let file = folder.join("trailpost.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let lost = sqlx::query(
        "DELETE FROM records WHERE organization_id = $1
         AND sequence = (SELECT last_sequence - 1 FROM organizations WHERE id = $1)",
    )
    .bind(organization)
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(lost.rows_affected(), 1);
    connection.close().await.unwrap();
}
