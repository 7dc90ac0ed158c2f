//! The overview and the organization switcher.

use super::{MEMBER, OWNER, acme};
use crate::support::product::Product;
use crate::support::submission;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;

#[tokio::test(flavor = "multi_thread")]
async fn owners_see_what_is_next_and_what_happened() {
    let product = Product::start().await;
    let (owner, acme) = (product.user(OWNER).await, acme(&product));
    let id = product.account(OWNER).organization_id;
    assert_eq!(product.ingest(&submission(&id, "docs")).await.status, 202);
    let page = owner.get(&acme).await;
    for text in ["What to do next", "Set up audit logs", "Recent activity", "login · user", "docs"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(page.body.contains("Invite somebody <span class=\"visually-hidden\">(done)</span>"));
    let project = "Create the first project <span class=\"visually-hidden\">(done)</span>";
    let is_left = page.body.contains(&format!("href=\"{acme}/projects/new\">Create the first project</a>"));
    assert!(is_left != page.body.contains(project), "{}", page.body);
    let make = format!("{acme}/projects/new");
    assert_eq!(owner.post_form(&make, &make, &[("name", "Telescope")]).await.status, 303);
    assert!(owner.get(&acme).await.body.contains(project));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_neither_records_nor_what_only_owners_do() {
    let product = Product::start().await;
    let member = product.user(MEMBER).await;
    let page = member.get(&acme(&product)).await;
    for hidden in ["What to do next", "Recent activity", "login · user", "/members\""] {
        assert!(!page.body.contains(hidden), "{hidden}: {}", page.body);
    }
    assert!(page.body.contains("Nothing needs you here"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switcher_says_the_role_in_each_organization() {
    let product = Product::start().await;
    let beta = product.store().create_organization("Beta".parse().unwrap(), Plan::Starter).await.unwrap();
    let user = product.store().sign_in(OWNER.parse().unwrap()).await.unwrap().unwrap().user;
    product.store().add_member(beta.id, user.id, Role::BillingAdmin).await.unwrap();
    let owner = product.user(OWNER).await;
    let page = owner.get(&acme(&product)).await.body;
    let role = |name: &str| {
        let (_, rest) = page.split_once(&format!("<bdi>{name}</bdi>")).unwrap();
        rest.split("</a>").next().unwrap().to_owned()
    };
    assert!(role("Acme").contains("Owner"), "{page}");
    assert!(role("Beta").contains("Billing admin"), "{page}");
    assert_eq!(owner.get(&format!("/organizations/{}", beta.id)).await.status, 200);
    assert_eq!(owner.get(&format!("/organizations/{}/members", beta.id)).await.status, 403);
    product.stop().await;
}
