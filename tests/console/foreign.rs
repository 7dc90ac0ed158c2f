//! Another organization's projects, keys and service accounts: not there, and no trace of the attempt there.

use super::{Desk, OTHER_OWNER, OWNER, newest, records};
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_organization_is_not_there() {
    let product = Product::start().await;
    let acme = Desk::of(&product, OWNER).await;
    let project = acme.project("Telescope").await;
    acme.key(&project, "nightly").await;
    let made = newest(&product, OWNER).await.1;
    let key = format!("{project}/api-keys/{}/delete", made["event"]["resource_id"].as_str().unwrap());
    acme.post(&format!("{project}/members/new"), &[("email", OWNER), ("role", "owner")]).await;
    let member = acme.link(&project, "/remove").await;
    let (account, _) = acme.account("Pipeline", "member").await;
    let secret = acme.link(&account, "/end").await;

    let initech = Desk::of(&product, OTHER_OWNER).await;
    let (before, before_there) = (records(&product, OTHER_OWNER).await, records(&product, OWNER).await);
    let place = member.strip_suffix("/remove").unwrap();
    let reads = [
        project.clone(),
        format!("{project}/delete"),
        format!("{project}/members/new"),
        format!("{project}/api-keys/new"),
        member.clone(),
        key.clone(),
        account.clone(),
        format!("{account}/rotate"),
        format!("{account}/delete"),
        secret.clone(),
    ];
    for path in &reads {
        // In the path of one's own organization, and in that of theirs.
        assert_eq!(initech.get(path).await.status, 404, "{path}");
        assert_eq!(initech.user.get(&format!("{}{path}", acme.base)).await.status, 404, "{path}");
    }
    let fields = [
        ("name", "Taken over"),
        ("confirmation", "Telescope"),
        ("email", OTHER_OWNER),
        ("role", "owner"),
        ("overlap", "none"),
    ];
    for path in reads.iter().map(String::as_str).chain([place]) {
        assert_eq!(initech.post(path, &fields).await.status, 404, "{path}");
        let theirs = format!("{}{path}", acme.base);
        let answer = initech.user.post_form(&initech.base, &theirs, &fields).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(records(&product, OTHER_OWNER).await, before);
    assert_eq!(records(&product, OWNER).await, before_there, "no trace there");
    let page = acme.get(&project).await.body;
    assert!(page.contains("Telescope") && page.contains("nightly") && page.contains(OWNER));
    assert!(acme.get(&account).await.body.contains("In force"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_none_are_not_there() {
    let product = Product::start().await;
    let acme = Desk::of(&product, OWNER).await;
    let project = acme.project("Telescope").await;
    let nothing = "0199f3c2-0000-7000-8000-000000000000";
    for id in ["x", "..%2f..", "%00", "1", nothing, "' OR 1=1 --"] {
        for path in [
            format!("/projects/{id}"),
            format!("{project}/members/{id}/remove"),
            format!("{project}/api-keys/{id}/delete"),
            format!("/service-accounts/{id}"),
            format!("/service-accounts/{id}/secrets/{id}/end"),
        ] {
            let status = acme.get(&path).await.status;
            assert!(status == 404, "{path}: {status}");
        }
    }
    product.stop().await;
}
