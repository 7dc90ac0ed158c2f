//! The files over HTTP: what is in them, and what is refused.

use serde_json::Value;
use trailpost::domain::setup::SetupFile;

use super::KEY;
use crate::support::http_user::{Answer, HttpUser};
use crate::support::product::Product;

const OWNER: &str = "owner@acme.example";

fn folder(product: &Product) -> String {
    format!("/organizations/{}/settings/audit-logs/setup", product.account(OWNER).organization_id)
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// A query of these parameters, encoded.
fn query(parameters: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.query().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_gets_every_file_filled_in() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let filled = query(&[
        ("role_name", "arn:aws:iam::111122223333:role/team/logs"),
        ("bucket", "acme-audit-logs"),
        ("prefix", "it's (not) a blank".replace(' ', "-").as_str()),
        ("kms_key_arn", KEY),
    ]);
    for file in SetupFile::ALL {
        let name = file.as_str();
        let answer = owner.get(&format!("{}/{name}?{filled}", folder(&product))).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(header(&answer, "content-type"), file.content_type());
        assert_eq!(header(&answer, "content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(header(&answer, "cache-control"), "no-store");
        let trusts = answer.body.contains("arn:aws:iam::999988887777:user/trailpost");
        assert_eq!(trusts, file != SetupFile::PermissionsPolicy, "{name}");
        assert_eq!(answer.body.contains(KEY), file != SetupFile::TrustPolicy, "{name}");
    }
    let policy = owner.get(&format!("{}/permissions-policy.json?{filled}", folder(&product))).await.body;
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["Statement"][0]["Resource"], "arn:aws:s3:::acme-audit-logs/it's-(not)-a-blank/*");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_or_empty_has_a_default_and_the_bucket_has_none() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let file = |query: &str| format!("{}/aws-cli.sh?{query}", folder(&product));
    let plain = owner.get(&file("bucket=acme-audit-logs")).await;
    assert!(plain.body.contains("--role-name='trailpost-audit-logs'"), "{}", plain.body);
    assert!(!plain.body.contains("kms:"));
    let empty = owner.get(&file("role_name=&bucket=s3://acme-audit-logs&prefix=&kms_key_arn=")).await;
    assert_eq!((empty.status, &empty.body), (200, &plain.body));
    let none = owner.get(&file("")).await;
    assert_eq!(none.status, 422);
    assert!(none.body.contains("bucket: Enter the name of an Amazon S3 bucket."), "{}", none.body);
    assert_eq!(owner.get(&format!("{}/terraform.tfstate?bucket=abc", folder(&product))).await.status, 404);
    product.stop().await;
}

async fn refused(owner: &HttpUser, path: &str, parameter: &str) {
    for file in SetupFile::ALL {
        let answer = owner.get(&path.replace("{file}", file.as_str())).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.body);
        assert!(answer.body.contains(&format!("{parameter}: ")), "{path} names {parameter}: {}", answer.body);
        assert!(header(&answer, "content-type").starts_with("text/html"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_refused_by_name_in_every_file() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let hostile = [
        "a\"b",
        "a`id`",
        "$(id)",
        "${aws:username}",
        "%{ if true }",
        "a\nb",
        "a\r\nSet-Cookie: x",
        "a\0b",
        "é",
        "a\u{202e}b",
        "a*",
        "a?b",
        "a b c",
        "a;id",
        "a&b",
        "a<script>",
        "a\\b",
        "../b",
        "'; aws iam delete-role #",
        &"a".repeat(10_000),
    ];
    for parameter in ["role_name", "bucket", "prefix", "kms_key_arn", "bucket_owner_account", "partition"] {
        for value in hostile {
            let all = [("bucket", "acme-audit-logs"), (parameter, value)];
            // In the bucket's own field what follows a slash is the prefix, and refused there.
            let given = if parameter == "bucket" { &all[1..] } else { &all[..] };
            let path = format!("{}/{{file}}?{}", folder(&product), query(given));
            refused(&owner, &path, parameter).await;
        }
    }
    let alias = "arn:aws:kms:eu-west-1:111122223333:alias/logs";
    let given = query(&[("bucket", "acme-audit-logs"), ("kms_key_arn", alias)]);
    refused(&owner, &format!("{}/{{file}}?{given}", folder(&product)), "kms_key_arn").await;
    let given = query(&[("bucket", "acme-audit-logs"), ("partition", "aws-cn")]);
    refused(&owner, &format!("{}/{{file}}?{given}", folder(&product)), "partition").await;
    let given = query(&[("bucket", "acme-audit-logs"), ("bucket_owner_account", "444455556666")]);
    refused(&owner, &format!("{}/{{file}}?{given}", folder(&product)), "role_name").await;
    let china = "arn:aws-cn:iam::111122223333:role/logs";
    let given = query(&[("bucket", "acme-audit-logs"), ("role_name", china)]);
    refused(&owner, &format!("{}/{{file}}?{given}", folder(&product)), "role_name").await;
    // Bytes that are no text.
    let broken = format!("{}/{{file}}?bucket=acme-audit-logs&prefix=%ff", folder(&product));
    refused(&owner, &broken, "prefix").await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_is_known_and_there_once() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    for (query, named) in [
        ("bucket=acme-audit-logs&bucket=acme-audit-logs", "bucket: It is there twice."),
        ("bucket=acme-audit-logs&kms_key=x", "an unknown parameter: The parameters are role_name, bucket"),
        ("bucket=acme-audit-logs&%3Cb%3E=x", "an unknown parameter: The parameters are role_name, bucket"),
    ] {
        let answer = owner.get(&format!("{}/terraform.tf?{query}", folder(&product))).await;
        assert_eq!(answer.status, 422, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
    product.stop().await;
}
