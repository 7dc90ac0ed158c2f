//! Whatever is typed: a clear answer beside the right field, what was typed kept, and nothing half-saved.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{Desk, OWNER, TARGET, advanced_is_open, element, escaped, records};
use crate::support::http_user::send;
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN};

/// Field, what is typed into it, words of the answer beside it.
type Case = (&'static str, &'static str, &'static str);

const ROLES: [Case; 20] = [
    ("role_arn", "", "Enter the ARN of the role"),
    ("role_arn", "   ", "Enter the ARN of the role"),
    ("role_arn", "trailpost-audit-logs", "This is not an ARN"),
    ("role_arn", "arn:aws::111122223333:role/trailpost", "This is not an ARN"),
    ("role_arn", "arn:aws::iam::111122223333:role/trailpost", "the service “”"),
    ("role_arn", "arn:aws:iam::111122223333:user/bob", "This is the ARN of a “user”"),
    ("role_arn", "arn:aws:iam::111122223333:root", "This is the ARN of a “root”"),
    ("role_arn", "arn:aws:sts::111122223333:assumed-role/trailpost/me", "a session of an assumed role"),
    ("role_arn", "arn:aws:s3:::acme-audit-logs", "of the service “s3”"),
    ("role_arn", "arn:aws:iam:eu-west-1:111122223333:role/trailpost", "The region segment must be empty"),
    ("role_arn", "arn:aws:iam::1111:role/trailpost", "The account “1111” is not valid"),
    ("role_arn", "arn:aws:iam::111122223333:role/", "The role has no name"),
    ("role_arn", "arn:aws:iam::111122223333:role/trail\0post", "The role name may have"),
    ("role_arn", "arn:aws:iam::111122223333:role/früher", "The role name may have"),
    ("role_arn", "arn:aws:iam::111122223333:role/*", "The role name may have"),
    ("role_arn", "arn:aws:iam::111122223333:role/\"><script>alert(1)</script>", "The role"),
    ("role_arn", "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/y", "service-linked role"),
    ("role_arn", "arn:amazon:iam::111122223333:role/trailpost", "The partition “amazon”"),
    ("role_arn", "arn:aws-cn:iam::111122223333:role/trailpost", "This Trailpost serves: aws"),
    ("role_arn", "arn:aws:iam::999988887777:role/trailpost", "Trailpost"),
];

const BUCKETS: [Case; 23] = [
    ("bucket", "", "Enter the name of an Amazon S3 bucket"),
    ("bucket", "  ", "Enter the name of an Amazon S3 bucket"),
    ("bucket", "s3://", "Enter the name of an Amazon S3 bucket"),
    ("bucket", "ab", "3 to 63 characters"),
    ("bucket", "a23456789012345678901234567890123456789012345678901234567890abcd", "3 to 63 characters"),
    ("bucket", "Acme", "only lower-case letters"),
    ("bucket", "acme_logs", "only lower-case letters"),
    ("bucket", "büro", "only lower-case letters"),
    ("bucket", "acme\0logs", "only lower-case letters"),
    ("bucket", "acme logs", "only lower-case letters"),
    ("bucket", "https://acme-audit-logs.s3.amazonaws.com/x", "only lower-case letters"),
    ("bucket", "-acme", "begins and ends with a letter or a digit"),
    ("bucket", "acme.", "begins and ends with a letter or a digit"),
    ("bucket", "acme..logs", "no two dots in a row"),
    ("bucket", "192.168.5.4", "can’t look like an IP address"),
    ("bucket", "xn--acme", "AWS reserves"),
    ("bucket", "sthree-acme", "AWS reserves"),
    ("bucket", "acme-s3alias", "AWS reserves"),
    ("bucket", "acme--x-s3", "AWS reserves"),
    ("bucket", "arn:aws:s3:::acme-audit-logs", "This is an ARN"),
    ("bucket", "acme-audit-logs/../up", "The part after the bucket’s name is taken as the prefix"),
    ("bucket", "s3://acme-audit-logs/a*", "The part after the bucket’s name is taken as the prefix"),
    ("bucket", "<b>acme</b>", "only lower-case letters"),
];

const OTHERS: [Case; 25] = [
    ("prefix", "../up", "two dots in a row"),
    ("prefix", "a/../b", "two dots in a row"),
    ("prefix", "/team", "doesn’t begin with a slash"),
    ("prefix", "team//logs", "no two slashes in a row"),
    ("prefix", "team/*", "only letters, digits"),
    ("prefix", "team?", "only letters, digits"),
    ("prefix", "${aws:username}", "only letters, digits"),
    ("prefix", "team logs", "only letters, digits"),
    ("prefix", "tëam", "only letters, digits"),
    ("prefix", "team\0", "only letters, digits"),
    ("prefix", "<i>&amp;'\"", "only letters, digits"),
    ("bucket_owner_account", "12", "exactly 12 digits"),
    ("bucket_owner_account", "1111222233334", "exactly 12 digits"),
    ("bucket_owner_account", "１１１１２２２２３３３３", "exactly 12 digits"),
    ("bucket_owner_account", "arn:aws:iam::111122223333:root", "exactly 12 digits"),
    ("encryption", "rot13", "SSE-S3 or a KMS key"),
    ("kms_key_arn", "alias/audit-logs", "This is an alias"),
    ("kms_key_arn", "arn:aws:kms:eu-west-1:111122223333:alias/audit-logs", "alias"),
    ("kms_key_arn", "0a1b2c3d-0000-4000-8000-00000000000a", "ARN"),
    ("format", "xml", "json, ndjson"),
    ("compression", "zip", "none, gzip"),
    ("window_minutes", "7", "Choose a delivery window"),
    ("window_minutes", "0", "Choose a delivery window"),
    ("window_minutes", "-1", "in minutes"),
    ("window_minutes", "99999999999999999999", "in minutes"),
];

impl Desk<'_> {
    /// Everything that a refused form must leave alone.
    async fn state(&self) -> String {
        let found = self.integration().await;
        let check = found.check.map(|check| check.id);
        format!(
            "{:?} {:?} {} {:?} {}",
            found.settings,
            found.revision,
            found.active,
            check,
            self.records().await.len()
        )
    }

    /// Posts one wrong field among right ones.
    async fn refuse(&self, action: &str, (field, typed, words): Case) {
        let case = format!("{action} {field}={typed:?}");
        let before = self.state().await;
        let mut fields: Vec<_> = TARGET.into_iter().filter(|(name, _)| *name != field).collect();
        fields.push((field, typed));
        let answer = self.press(action, &fields).await;
        assert_eq!(answer.status, 422, "{case}: {}", answer.body);
        let error = element(&answer.body, &format!("{field}-error"));
        assert!(error.contains(words), "{case}: {words} is not in {error}");
        let input = element(&answer.body, field);
        assert!(input.contains("aria-invalid=\"true\""), "{case}: {input}");
        assert!(
            input.contains(&format!("aria-describedby=\"{field}-hint {field}-error\"")),
            "{case}: {input}"
        );
        if !input.contains("<option") {
            assert!(input.contains(&format!("value=\"{}\"", escaped(typed))), "{case}: {input}");
        }
        assert!(
            answer.body.contains(&format!("<li><a class=\"link\" href=\"#{field}\">")),
            "{case}: in the summary"
        );
        for (name, value) in fields.iter().filter(|(name, _)| *name != field) {
            assert!(
                element(&answer.body, name).contains(&format!("value=\"{value}\"")),
                "{case}: {name} is kept"
            );
        }
        assert!(!answer.body.contains("<script>alert") && !answer.body.contains("<i>"), "{case}");
        assert_eq!(self.state().await, before, "{case}: nothing is half-saved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_comes_back_beside_its_field() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    for case in ROLES.into_iter().chain(BUCKETS).chain(OTHERS) {
        desk.refuse("enable", case).await;
    }
    desk.enable().await;
    for case in ROLES.into_iter().chain(BUCKETS).chain(OTHERS) {
        desk.refuse("update", case).await;
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_does_not_go_together_comes_back_too() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let before = desk.state().await;
    let long = "a".repeat(10_240);
    let too_long = "a".repeat(257);
    let long_role = format!("arn:aws:iam::111122223333:role/{long}");
    for (fields, wrong, words) in [
        (vec![("role_arn", long.as_str()), ("bucket", BUCKET)], "role_arn", "This is not an ARN"),
        (vec![("role_arn", long_role.as_str()), ("bucket", BUCKET)], "role_arn", "role"),
        (vec![("role_arn", ROLE_ARN), ("bucket", long.as_str())], "bucket", "3 to 63 characters"),
        (
            vec![("role_arn", ROLE_ARN), ("bucket", BUCKET), ("prefix", long.as_str())],
            "prefix",
            "at most 256",
        ),
        (
            vec![("role_arn", ROLE_ARN), ("bucket", BUCKET), ("prefix", too_long.as_str())],
            "prefix",
            "at most 256",
        ),
        (
            vec![("role_arn", ROLE_ARN), ("bucket", "acme-audit-logs/team"), ("prefix", "team")],
            "bucket",
            "either here or under Prefix, not in both",
        ),
        (
            vec![("role_arn", ROLE_ARN), ("bucket", BUCKET), ("encryption", "kms")],
            "kms_key_arn",
            "Enter the ARN of the KMS key",
        ),
        (vec![("bucket", BUCKET)], "role_arn", "Enter the ARN of the role"),
        (vec![("role_arn", ROLE_ARN)], "bucket", "Enter the name of an Amazon S3 bucket"),
        (vec![], "role_arn", "Enter the ARN of the role"),
    ] {
        let answer = desk.press("enable", &fields).await;
        assert_eq!(answer.status, 422, "{wrong} {words}");
        assert!(
            element(&answer.body, &format!("{wrong}-error")).contains(words),
            "{wrong} {words}: {}",
            answer.body
        );
        for (name, value) in fields.iter().filter(|(name, _)| *name != "encryption") {
            assert!(element(&answer.body, name).contains(&format!("value=\"{value}\"")), "{name} is kept");
        }
        assert_eq!(desk.state().await, before, "{wrong} {words}");
    }
    let both = [("role_arn", ROLE_ARN), ("bucket", "Acme"), ("prefix", "/team")];
    let answer = desk.press("enable", &both).await;
    assert_eq!(answer.status, 422);
    assert!(element(&answer.body, "bucket-error").contains("only lower-case letters"), "{}", answer.body);
    assert!(element(&answer.body, "prefix-error").contains("doesn’t begin with a slash"), "{}", answer.body);
    assert!(advanced_is_open(&answer.body), "what is wrong in it can be seen");
    let fields =
        [("role_arn", " arn:aws:iam::111122223333:role/team/a/trailpost-audit-logs "), ("bucket", BUCKET)];
    assert_eq!(desk.press("enable", &fields).await.status, 303, "a role may have a path");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_form_of_ours_is_refused_as_a_whole() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let token = desk.user.csrf_token(&desk.page).await;
    let before = desk.state().await;
    let right = format!("csrf_token={token}&revision=0&role_arn={ROLE_ARN}&bucket={BUCKET}");
    let huge = format!("{right}&prefix={}", "a".repeat(100_000));
    let form = "application/x-www-form-urlencoded";
    for (kind, body, status) in [
        (form, format!("{right}&role_arn={ROLE_ARN}"), 422),
        (form, format!("{right}&revision=0"), 422),
        (form, format!("{right}&csrf_token={token}"), 403),
        (form, right.replace("revision=0&", ""), 422),
        (form, right.replace("revision=0", "revision=zero"), 422),
        (form, right.replace("revision=0", "revision=9223372036854775808"), 422),
        (form, right.replace("revision=0", "revision="), 422),
        (form, right.replace(BUCKET, "%FF%FE"), 422),
        (form, String::new(), 403),
        (form, huge.clone(), 413),
        ("application/json", format!("{{\"csrf_token\":\"{token}\"}}"), 415),
        ("multipart/form-data; boundary=x", right.clone(), 415),
        ("text/plain", right.clone(), 415),
        ("", right.clone(), 415),
    ] {
        for action in ["enable", "update", "setup", "preview"] {
            let path = format!("{}/{action}", desk.page);
            let mut request = desk.user.request(Method::POST, &path).body(body.clone());
            if !kind.is_empty() {
                request = request.header(CONTENT_TYPE, kind);
            }
            let answer = send(request).await;
            // A preview is made of what can be read.
            let expected = if action == "preview" && status == 422 { 200 } else { status };
            assert_eq!(answer.status, expected, "{action} {kind} {:.120}: {}", body, answer.body);
            assert_eq!(desk.state().await, before, "{action} {kind} {body:.120}");
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_whole_comes_back_with_what_was_typed() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let before = desk.state().await;
    let typed = [&TARGET[..], &[("prefix", "team/logs"), ("setup_way", "terraform")]].concat();
    for action in ["enable", "update", "setup"] {
        let twice = [&typed[..], &[("bucket", "other-bucket")]].concat();
        let answer = desk.press(action, &twice).await;
        assert_eq!(answer.status, 422, "{action}");
        assert!(element(&answer.body, "bucket-error").contains("more than once"), "{}", answer.body);
        for (field, value) in &typed[..3] {
            let kept = format!("value=\"{value}\"");
            assert!(element(&answer.body, field).contains(&kept), "{action}: {field} is kept");
        }
        assert!(
            answer.body.contains("value=\"terraform\" id=\"way-terraform\" form=\"settings-form\" checked")
        );

        let home = format!("/organizations/{}", desk.id);
        let answer = desk.user.post_form(&home, &format!("{}/{action}", desk.page), &typed).await;
        assert_eq!(answer.status, 422, "{action} without a revision");
        assert!(answer.body.contains("did not say which version of the settings"), "{}", answer.body);
        assert!(element(&answer.body, "prefix").contains("value=\"team/logs\""), "{}", answer.body);
        assert_eq!(desk.state().await, before, "{action}");
    }
    let strange = [&TARGET[..], &[("setup_way", "telepathy"), ("setup_partition", "moon")]].concat();
    assert_eq!(desk.press("setup", &strange).await.status, 200, "the rest can be used");
    assert_eq!(desk.press("enable", &strange).await.status, 303);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organization_s_address_is_nobody_s() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let initech = product.account("owner@initech.example").organization_id;
    let (here, there) = (desk.state().await, records(&product, initech.parse().unwrap()).await.len());
    let token = desk.user.csrf_token(&desk.page).await;
    for id in [
        initech.as_str(),
        "0199f3c2-0000-7000-8000-000000000000",
        "1",
        "..",
        "%00",
        "%2e%2e",
        "{organization_id}",
        &desk.id.to_string().replace('-', ""),
    ] {
        for action in ["enable", "update", "remove", "deliver-now", "preview"] {
            let fields = [&TARGET[..], &[("revision", "0"), ("csrf_token", token.as_str())]].concat();
            let path = format!("/organizations/{id}/settings/audit-logs/{action}");
            assert_eq!(desk.user.post(&path, &fields).await.status, 404, "{path}");
        }
    }
    assert_eq!(desk.state().await, here, "{OWNER}");
    assert_eq!(records(&product, initech.parse().unwrap()).await.len(), there);
    product.stop().await;
}
