//! The two fields over plain HTTP: what is refused beside which of them, and where else the page shows them.

use trailpost::demo::world;

use crate::support::http_user::{Answer, HttpUser, enable_with};
use crate::support::page::hidden_field;
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const ROLE_IN_CHINA: &str = "arn:aws-cn:iam::111122223333:role/trailpost-audit-logs";
const TARGET: [(&str, &str); 2] = [("role_arn", ROLE_ARN), ("bucket", BUCKET)];
const WITH_KEY: [(&str, &str); 2] = [("encryption", "kms"), ("kms_key_arn", world::KEY)];

async fn post(owner: &HttpUser, organization: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
    let page = format!("/organizations/{organization}/settings/audit-logs");
    let revision = hidden_field(&owner.get(&page).await.body, "revision").unwrap();
    let shown = [("revision", revision.as_str())];
    let names_one = fields.iter().any(|(name, _)| *name == "revision");
    let fields = [fields, if names_one { &[] } else { &shown }].concat();
    owner.post_form(&page, &format!("{page}/{action}"), &fields).await
}

/// The element with this id, up to its end tag.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {page}"));
    rest.split("</div>").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_together_comes_back_beside_the_key_with_what_was_typed() {
    let product = Product::start().await;
    let owner = product.user("owner@acme.example").await;
    let acme = product.account("owner@acme.example").organization_id;
    for (role, encryption, key, words) in [
        (ROLE_ARN, "kms", "", "Enter the ARN of the KMS key"),
        (ROLE_ARN, "kms", "alias/audit-logs", "This is an alias"),
        (ROLE_ARN, "sse_s3", world::KEY, "only with the encryption “KMS key”"),
        (ROLE_ARN, "bucket_default", world::KEY, "only with the encryption “KMS key”"),
        (ROLE_IN_CHINA, "kms", world::KEY, "in the partition aws, and the role in aws-cn"),
    ] {
        let fields =
            [("role_arn", role), ("bucket", BUCKET), ("encryption", encryption), ("kms_key_arn", key)];
        let answer = post(&owner, &acme, "enable", &fields).await;
        assert_eq!(answer.status, 422, "{fields:?}");
        assert!(element(&answer.body, "kms_key_arn-error").contains(words), "{fields:?}: {}", answer.body);
        let field = element(&answer.body, "kms_key_arn");
        assert!(
            field.contains(&format!("value=\"{key}\"")) && field.contains("aria-invalid=\"true\""),
            "{field}"
        );
        assert!(answer.body.contains(&format!("<option value=\"{encryption}\" selected>")), "{fields:?}");
        assert!(
            answer.body.contains("<details class=\"disclosure\" id=\"advanced\" open>"),
            "it can be seen"
        );
    }
    let answer = post(&owner, &acme, "enable", &[&TARGET[..], &[("encryption", "rot13")]].concat()).await;
    assert_eq!(answer.status, 422);
    assert!(element(&answer.body, "encryption-error").contains("SSE-S3 or a KMS key"));
    assert!(product.store().integration(acme.parse().unwrap()).await.unwrap().unwrap().check.is_none());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_the_form_came_with_goes_with_the_choice_and_another_does_not() {
    let product = Product::start().await;
    let owner = product.user("owner@acme.example").await;
    let acme = product.account("owner@acme.example").organization_id;
    enable_with(&owner, &acme, &[&TARGET[..], &WITH_KEY].concat()).await;
    let typed = [("encryption", "sse_s3"), ("kms_key_arn", world::KEY_DISABLED)];
    let answer = post(&owner, &acme, "update", &[&TARGET[..], &typed].concat()).await;
    assert_eq!(answer.status, 422, "somebody typed that key");
    let left_over = [("encryption", "sse_s3"), ("kms_key_arn", world::KEY)];
    assert_eq!(post(&owner, &acme, "update", &[&TARGET[..], &left_over].concat()).await.status, 303);
    eventually("SSE-S3 is in force", async || {
        let settings = product.store().integration(acme.parse().unwrap()).await.unwrap().unwrap().settings?;
        (settings.encryption == trailpost::domain::encryption::Encryption::SseS3).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_and_differences_name_the_key() {
    let product = Product::start().await;
    let owner = product.user("owner@acme.example").await;
    let acme = product.account("owner@acme.example").organization_id;
    let page = format!("/organizations/{acme}/settings/audit-logs");
    assert!(!owner.get(&page).await.body.contains("kms:GenerateDataKey&"), "asked for only with a key");
    enable_with(&owner, &acme, &[&TARGET[..], &WITH_KEY].concat()).await;
    let shown = owner.get(&page).await.body;
    assert!(shown.contains("TrailpostEncryptsThem"), "{shown}");

    let stale = [("revision", "0"), ("encryption", "sse_s3")];
    let conflict = post(&owner, &acme, "update", &[&TARGET[..], &stale].concat()).await;
    assert_eq!(conflict.status, 409);
    let differences = conflict.body.split("Values that differ").nth(1).unwrap();
    let differences = differences.split("</table>").next().unwrap();
    for said in ["Encryption", "KMS key", "SSE-S3", "KMS key ARN", world::KEY] {
        assert!(differences.contains(said), "{said} in {differences}");
    }
    product.stop().await;
}
