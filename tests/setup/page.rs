//! **Show set-up** on the page: over plain HTTP, in a browser, and in one without JavaScript.

use serde_json::Value;
use trailpost::domain::caller::Caller;
use trailpost::domain::organization::Plan;
use trailpost::domain::principals::Principals;

use super::{AWKWARD_PREFIX, KEY};
use crate::support::browser::{Browser, JavaScript};
use crate::support::console::{self, Console};
use crate::support::http_user::{HttpUser, enable};
use crate::support::page::hidden_field;
use crate::support::product::Product;
use crate::support::screen::Look;
use crate::support::{BUCKET, ROLE_ARN};

const OWNER: &str = "owner@acme.example";

fn page(product: &Product) -> String {
    format!("/organizations/{}/settings/audit-logs", product.account(OWNER).organization_id)
}

async fn show(owner: &HttpUser, page: &str, typed: &[(&str, &str)]) -> (u16, String) {
    let revision = hidden_field(&owner.get(page).await.body, "revision").unwrap();
    let defaults = [("revision", revision.as_str()), ("role_arn", ""), ("bucket", "")];
    let mut fields: Vec<_> = typed.to_vec();
    fields.extend(defaults.into_iter().filter(|(name, _)| typed.iter().all(|(known, _)| known != name)));
    let answer = owner.post_form(page, &format!("{page}/setup"), &fields).await;
    (answer.status, answer.body)
}

/// The address of the link to a file.
fn link_to(html: &str, file: &str) -> Option<String> {
    let link = html.split("href=\"").filter_map(|rest| rest.split('"').next());
    let found = link.into_iter().find(|href| href.contains(&format!("/setup/{file}?")))?;
    Some(found.replace("&#38;", "&").replace("&amp;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_kept_filled_in_and_not_saved() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let page = page(&product);
    let before = owner.get(&page).await.body;
    assert!(
        before.contains("your-bucket") && link_to(&before, "terraform.tf").is_none(),
        "an example, no files"
    );

    let typed = [
        ("bucket", "acme-archive"),
        ("prefix", AWKWARD_PREFIX),
        ("window_minutes", "5"),
        ("setup_way", "terraform"),
        ("encryption", "kms"),
        ("kms_key_arn", KEY),
    ];
    let (status, shown) = show(&owner, &page, &typed).await;
    assert_eq!(status, 200);
    assert!(!shown.contains("your-bucket"), "{shown}");
    assert!(shown.contains("value=\"acme-archive\"") && shown.contains("value=\"5\" selected"), "kept");
    assert!(shown.contains("id=\"way-terraform\" form=\"settings-form\" checked"), "the tab stays");

    let policy = owner.get(&link_to(&shown, "permissions-policy.json").unwrap()).await;
    assert_eq!(policy.status, 200, "{}", policy.body);
    let policy: Value = serde_json::from_str(&policy.body).unwrap();
    let under = format!("arn:aws:s3:::acme-archive/{AWKWARD_PREFIX}/*");
    assert_eq!(policy["Statement"][0]["Resource"], under);
    assert_eq!(policy["Statement"][1]["Resource"], KEY);
    assert_eq!(owner.get(&page).await.body.matches("acme-archive").count(), 0, "nothing was saved");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tab_stays_when_what_was_typed_is_refused() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let page = page(&product);
    for (tab, other) in [("terraform", "console"), ("console", "terraform")] {
        let fields = [("revision", "0"), ("role_arn", "no ARN"), ("bucket", BUCKET), ("setup_way", tab)];
        let answer = owner.post_form(&page, &format!("{page}/enable"), &fields).await;
        assert_eq!(answer.status, 422);
        let checked = |way: &str| format!("id=\"way-{way}\" form=\"settings-form\" checked");
        assert!(
            answer.body.contains(&checked(tab)) && !answer.body.contains(&checked(other)),
            "{}",
            answer.body
        );
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_another_account_has_its_policy_said_in_every_way() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let page = page(&product);
    let typed = [("role_arn", ROLE_ARN), ("bucket", "central"), ("bucket_owner_account", "444455556666")];
    let (status, shown) = show(&owner, &page, &typed).await;
    assert_eq!(status, 200);
    for part in ["In S3 open the bucket central, in the account 444455556666", "trailpost_bucket_policy"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    for file in ["aws-cli.sh", "cloudformation.yaml", "terraform.tf"] {
        let text = owner.get(&link_to(&shown, file).unwrap()).await.body;
        assert!(text.contains("the bucket central, in the account 444455556666"), "{file}: {text}");
    }
    let by_name = [("role_arn", "logs"), ("bucket", "central"), ("bucket_owner_account", "444455556666")];
    let (status, html) = show(&owner, &page, &by_name).await;
    assert_eq!(status, 422);
    assert!(html.contains("Enter the role’s whole ARN"), "{html}");
    assert!(!html.contains("setup_partition"), "there is nothing to choose");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_chosen_where_several_are_served() {
    let served = ["arn:aws:iam::999988887777:role/t", "arn:aws-cn:iam::888877776666:role/t"];
    let served = Principals::new(served.map(|text| text.parse().unwrap()).to_vec()).unwrap();
    let console = Console::serving(served).await;
    console.store().set_plan(Caller::trailpost(), console.acme.id, Plan::Enterprise).await.unwrap();
    let owner = HttpUser::sign_in(&console.origin(), console::EMAIL, console::PASSWORD).await;
    let page = format!("/organizations/{}/settings/audit-logs", console.acme.id);
    let typed = [("bucket", "central"), ("role_arn", "logs"), ("setup_partition", "aws-cn")];
    let (status, shown) = show(&owner, &page, &typed).await;
    assert_eq!(status, 200);
    assert!(shown.contains("<option value=\"aws-cn\" selected>"), "{shown}");
    assert!(
        shown.contains("arn:aws-cn:iam::888877776666:role/t") && shown.contains("arn:aws-cn:s3:::central/*")
    );
    assert!(!shown.contains("arn:aws:s3:::central"), "nothing of the other partition: {shown}");
    let file = owner.get(&link_to(&shown, "terraform.tf").unwrap()).await.body;
    assert!(file.contains("arn:aws-cn:s3:::central/*"), "{file}");
    // An ARN says it for itself.
    let typed = [("bucket", "central"), ("role_arn", ROLE_ARN), ("setup_partition", "aws-cn")];
    let (status, shown) = show(&owner, &page, &typed).await;
    assert_eq!(status, 200, "{shown}");
    assert!(shown.contains("arn:aws:s3:::central/*") && shown.contains("<option value=\"aws\" selected>"));
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_used_is_named_beside_its_field() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let page = page(&product);
    for (typed, message) in [
        (&[("bucket", "")][..], "Enter the name of an Amazon S3 bucket."),
        (&[("bucket", "acme-archive"), ("prefix", "a*")], "A prefix has only letters"),
        (&[("bucket", "acme-archive"), ("encryption", "kms")], "Enter the ARN of the KMS key"),
        (
            &[("bucket", "acme-archive"), ("kms_key_arn", KEY)],
            "A key is used only with the encryption “KMS key”.",
        ),
        (&[("bucket", "acme-archive"), ("role_arn", "arn:aws:s3:::x")], "an ARN of the service “s3”"),
        (
            &[("bucket", "acme-archive"), ("role_arn", "arn:aws-cn:iam::111122223333:role/a")],
            "This Trailpost serves: aws",
        ),
    ] {
        let (status, html) = show(&owner, &page, typed).await;
        assert_eq!(status, 422, "{typed:?}");
        assert!(html.contains(message) && html.contains("error-summary"), "{typed:?}: {html}");
    }
    let (status, html) = show(&owner, &page, &[("bucket", "acme-archive"), ("role_arn", "logs")]).await;
    assert_eq!(status, 200, "a name is enough to make the role");
    assert!(html.contains("--role-name=&#39;logs&#39;"), "{html}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_settings_that_someone_else_changed_it_says_so() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let page = page(&product);
    enable(&owner, &product.account(OWNER).organization_id).await;
    let typed = [("bucket", BUCKET), ("prefix", "mine"), ("revision", "0")];
    let (status, html) = show(&owner, &page, &typed).await;
    assert_eq!(status, 409);
    assert!(
        html.contains("Someone else changed these settings") && html.contains("value=\"mine\""),
        "{html}"
    );
    product.stop().await;
}

async fn sign_in(browser: &Browser) {
    browser.go("/").await;
    browser.click_button_about(OWNER).await;
    browser.see_button("Sign out").await;
    browser.click_link("Audit logs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_a_press_shows_it_and_a_tab_each_way() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::Off).await;
    sign_in(&browser).await;
    browser.see_text("An example: your-bucket stands for yours.").await;
    browser.fill("Amazon S3 bucket", "acme-archive/team").await;
    browser.click_button("Show set-up").await;
    browser.see_text("Filled in for the role trailpost-audit-logs and s3://acme-archive/team/").await;
    assert_eq!(browser.value_of("Amazon S3 bucket").await, "acme-archive/team");
    see_each_way(&browser, "arn:aws:s3:::acme-archive/team/*").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

/// One after the other, and each alone.
async fn see_each_way(browser: &Browser, resource: &str) {
    for (way, telling) in [
        ("Terraform", "resource \"aws_iam_role\" \"trailpost_audit_logs\""),
        ("CloudFormation", "AWSTemplateFormatVersion"),
        ("AWS CLI", "aws iam create-role"),
        ("AWS console", "Custom trust policy"),
    ] {
        browser.choose_radio(way).await;
        browser.see_text(telling).await;
        let text = browser.text().await;
        assert_eq!(text.matches(resource).count(), 1, "{way}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_javascript_it_is_filled_in_while_one_types() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::On).await;
    sign_in(&browser).await;
    browser.choose_radio("AWS CLI").await;
    browser.fill("Amazon S3 bucket", "acme-archive").await;
    browser.see_text("arn:aws:s3:::acme-archive/*").await;
    browser.fill("Role ARN", "arn:aws:iam::111122223333:role/team/logs").await;
    browser.see_text("--path='/team/'").await;
    browser.fill("Amazon S3 bucket", "Not a bucket").await;
    browser.see_text("An example: your-bucket stands for yours.").await;
    browser.fill("Amazon S3 bucket", "acme-archive").await;
    browser.see_text("arn:aws:s3:::acme-archive/*").await;
    browser.see_button("Copy commands").await;
    browser.click_button("Show set-up").await;
    browser.see_text("Filled in for the role logs and s3://acme-archive/").await;
    see_each_way(&browser, "arn:aws:s3:::acme-archive/*").await;
    // On to the thing itself: what was shown did not get in its way.
    browser.fill("Role ARN", ROLE_ARN).await;
    browser.fill("Amazon S3 bucket", BUCKET).await;
    browser.click_button("Enable audit logging").await;
    browser.see_switch("Audit logs are active", true).await;
    browser.click_button("Set-up in AWS").await;
    browser.see_text("Filled in for the role trailpost-audit-logs and s3://acme-audit-logs/").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tabs_are_moved_through_by_arrow_keys() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::On).await;
    sign_in(&browser).await;
    browser.tab_to("AWS console").await;
    browser.press(thirtyfour::prelude::Key::Right + "").await;
    browser.see_focus_on("AWS CLI").await;
    browser.see_text("aws iam create-role").await;
    browser.press(thirtyfour::prelude::Key::Left + "").await;
    browser.see_text("Custom trust policy").await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fits_a_phone_in_either_colour() {
    let product = Product::start().await;
    let browser = product.browser(JavaScript::On).await;
    sign_in(&browser).await;
    browser.fill("Role ARN", &format!("{ROLE_ARN}-of-the-production-account")).await;
    browser.fill("Amazon S3 bucket", "acme-audit-logs-of-the-production-account/a/folder/of/its-own").await;
    browser.click_button("Advanced").await;
    browser.choose("Encryption", "KMS key").await;
    browser.fill("KMS key ARN", KEY).await;
    browser.click_button("Show set-up").await;
    browser.see_text("encrypted with").await;
    for (way, name) in [
        ("AWS console", "console"),
        ("AWS CLI", "cli"),
        ("CloudFormation", "cloudformation"),
        ("Terraform", "terraform"),
    ] {
        browser.choose_radio(way).await;
        for look in Look::ALL {
            browser.screenshot_as(&format!("setup-{name}"), look).await;
            assert_eq!(browser.sideways().await, 0, "{way} scrolls sideways on {look}");
        }
    }
    product.stop().await;
}
