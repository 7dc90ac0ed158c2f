//! The delivery history and the status card over plain HTTP.

use std::time::Duration;

use super::Desk;
use crate::support::eventually;
use crate::support::product::Product;

const MINUTE: Duration = Duration::from_secs(60);

/// First and last sequence of each file on a page, as their names have it.
fn keys(page: &str) -> Vec<String> {
    let history = page.split("id=\"deliveries\"").nth(1).unwrap().split("</section>").next().unwrap();
    let keys = history.split("data-copy-text>").skip(1).map(|rest| rest.split("</code>").next().unwrap());
    keys.map(|key| key.split('_').nth(1).unwrap().to_owned()).collect()
}

fn link(page: &str, label: &str) -> Option<String> {
    let before = page.split(&format!(">{label}</a>")).next().filter(|before| before.len() < page.len())?;
    let href = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(href.replace("&#38;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_from_the_newest_to_the_oldest_and_back_while_files_arrive() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let more = async |windows: usize| {
        for _ in 0..windows {
            product.advance(MINUTE);
            desk.happens().await;
        }
        product.advance(MINUTE);
        eventually("all is delivered", async || {
            let status = product.store().delivery_status(desk.id).await.unwrap();
            (status.pending_records == 0).then_some(())
        })
        .await;
    };
    more(24).await;
    let newest = desk.read().await;
    let first_page = keys(&newest);
    assert_eq!(first_page.len(), 20);
    assert!(first_page.is_sorted_by(|newer, older| newer > older), "{first_page:?}");
    assert_eq!(link(&newest, "Newer"), None);
    let older = link(&newest, "Older").unwrap();

    more(2).await;
    let second = desk.user.get(older.split('#').next().unwrap()).await.body;
    assert_eq!(keys(&second).len(), 5);
    assert!(keys(&second)[0] < first_page[19], "whatever arrived meanwhile");
    assert_eq!(link(&second, "Older"), None);
    let back = desk.user.get(link(&second, "Newer").unwrap().split('#').next().unwrap()).await.body;
    assert_eq!(keys(&back), first_page);
    let front = desk.user.get(link(&back, "Newer").unwrap().split('#').next().unwrap()).await.body;
    assert_eq!(keys(&front), keys(&desk.read().await));
    assert_eq!(link(&front, "Newer"), None);

    // The part that keeps itself fresh is of the same page.
    let live = second.split("id=\"deliveries\"").nth(1).unwrap();
    let live = live.split("data-live-url=\"").nth(1).unwrap().split('"').next().unwrap();
    let fragment = desk.user.get(live).await;
    assert_eq!((fragment.status, keys(&fragment.body)), (200, keys(&second)));
    assert!(!fragment.body.contains("<html"));

    for wrong in ["before=", "before=x", "before=0", "before=-1", "after=1.5", "before=1&after=1"] {
        for page in [desk.page.clone(), format!("{}/deliveries", desk.page)] {
            assert_eq!(desk.user.get(&format!("{page}?{wrong}")).await.status, 404, "{page}?{wrong}");
        }
    }
    let behind = desk.user.get(&format!("{}?before=1", desk.page)).await;
    assert_eq!((behind.status, keys(&behind.body).len()), (200, 0));
    assert!(link(&behind.body, "Newer").is_some(), "there is a way back");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_says_how_old_the_oldest_record_is_and_when_it_goes() {
    let product = Product::start().await;
    let desk = Desk::of_acme(&product).await;
    desk.enable().await;
    let integration = desk.integration().await;
    let card = async || {
        // While a check is under way there is none.
        let page = desk.read().await;
        page.split("id=\"status\"").nth(1).unwrap_or_default().split("</section>").next().unwrap().to_owned()
    };
    let at_once = card().await;
    for shown in ["Audit logs", "Active", "Records are collected", "Oldest waiting", "1 record", "Expires"] {
        assert!(at_once.contains(shown), "{shown}: {at_once}");
    }
    assert!(at_once.contains("in 30 days"), "{at_once}");

    desk.deny_writing(&integration);
    product.advance(2 * MINUTE);
    desk.until("the delivery fails", |found| found.failure.is_some()).await;
    product.advance(Duration::from_secs(3 * 86_400));
    let later = card().await;
    assert!(later.contains("3 days ago") && later.contains("in 26 days"), "{later}");
    assert!(later.contains("Action needed"), "{later}");
    let history = desk.read().await;
    assert!(history.contains("Try again<span"), "where it helps");
    assert!(history.contains("<code>AccessDenied</code>") && history.contains("AWS request ID"), "{history}");

    desk.allow_writing(&integration);
    assert_eq!(desk.press("check", &[]).await.status, 303);
    eventually("it is delivered", async || card().await.contains("Delivering").then_some(())).await;
    assert!(!desk.read().await.contains("Try again<span"), "nothing is to be tried again");
    assert_eq!(desk.press("disable", &[("pending", "discard")]).await.status, 303);
    let off = card().await;
    assert!(off.contains("Inactive") && off.contains("Nothing new is collected"), "{off}");
    assert!(off.contains("Nothing waits"), "{off}");
    product.stop().await;
}
