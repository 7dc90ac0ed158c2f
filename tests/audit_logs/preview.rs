//! What a file would be like, under what is typed: alone, and on the page after **Show set-up**.

use serde_json::Value;

use super::{Desk, TARGET};
use crate::support::http_user::Answer;
use crate::support::product::Product;

/// The text of the code blocks, and of the key: what can be copied.
fn copied(answer: &Answer) -> Vec<String> {
    let preview = answer.body.split("data-preview=").nth(1).unwrap().split("</section>").next().unwrap();
    let texts = preview.split("data-copy-text>").skip(1).map(|rest| rest.split("</code>").next().unwrap());
    texts.map(|text| text.replace("&#34;", "\"").replace("&#38;", "&")).collect()
}

/// What a key has before and behind the time.
fn timeless(key: &str) -> (&str, &str) {
    (key.split("/20").next().unwrap(), key.split_once('_').unwrap().1)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preview_follows_what_is_typed_and_stores_nothing() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let day = || product.store().clock().now().date_path();
    let before = day();
    let typed = [
        ("bucket", "s3://acme-audit-logs/team/logs"),
        ("format", "ndjson"),
        ("compression", "gzip"),
        ("window_minutes", "60"),
    ];
    let answer = desk.press("preview", &typed).await;
    assert_eq!(answer.status, 200, "without a role: {}", answer.body);
    let [key, record, file]: [String; 3] = copied(&answer).try_into().unwrap();
    // At midnight it may be either.
    let days = [before, day()].map(|day| format!("team/logs/{}/{day}/", desk.id));
    assert!(days.iter().any(|day| key.starts_with(day)), "{key}");
    assert!(key.contains("0000Z_000000000001-000000000132_") && key.ends_with(".ndjson.gz"), "{key}");
    assert_eq!(file.lines().count(), 1);
    assert!(record.lines().count() > 10);
    let mut record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record, serde_json::from_str::<Value>(&file).unwrap());
    assert_eq!(
        (&record["organization_id"], &record["organization_name"]),
        (&desk.id.to_string().into(), &"Acme".into())
    );
    assert!(answer.body.contains("The file, before gzip") && !answer.body.contains("<html"));

    // Without JavaScript the same stands on the page, where it can be seen.
    let page = desk.press("setup", &[&TARGET[..1], &typed].concat()).await;
    assert_eq!(page.status, 200);
    assert_eq!(timeless(&copied(&page)[0]), timeless(&key));
    assert!(page.body.contains("<details class=\"disclosure\" id=\"advanced\" open>"), "{}", page.body);

    let array = desk.press("preview", &[("prefix", "it's")]).await;
    let [key, _, file]: [String; 3] = copied(&array).try_into().unwrap();
    assert!(key.starts_with("it&#39;s/") && key.ends_with(".json"), "{key}");
    let mut records: Vec<Value> = serde_json::from_str(&file).unwrap();
    for record in [&mut record, &mut records[0]] {
        record["event"].as_object_mut().unwrap().remove("time").unwrap();
    }
    assert_eq!(records, [record]);

    let found = desk.integration().await;
    assert!(found.settings.is_none() && found.check.is_none());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_is_named_and_the_page_shows_what_is_in_force() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    let typed = [("prefix", "<b>*"), ("window_minutes", "7"), ("bucket", "Acme")];
    let answer = desk.press("preview", &typed).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("Correct this first: Amazon S3 bucket, Prefix, Delivery window."),
        "{}",
        answer.body
    );
    assert!(copied(&answer).is_empty() && !answer.body.contains("<b>*"));

    desk.enable().await;
    let in_force = Answer { body: desk.read().await, ..answer };
    let key = copied(&in_force).swap_remove(0);
    assert!(key.starts_with(&format!("{}/", desk.id)) && key.ends_with(".json"), "{key}");
    product.stop().await;
}
