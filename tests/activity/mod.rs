//! Activity over HTTP: what an owner finds, how other people's text is shown, and the files that can be taken away.

mod files;

use serde_json::{Value, json};

use crate::support::http_user::HttpUser;
use crate::support::product::Product;
use crate::support::{eventually, submission};

const OWNER: &str = "owner@acme.example";

/// A product, its organization's path of Activity, and the owner.
struct Scene {
    product: Product,
    organization: String,
    path: String,
    owner: HttpUser,
}

impl Scene {
    async fn open() -> Scene {
        let product = Product::start().await;
        let organization = product.account(OWNER).organization_id;
        let owner = product.user(OWNER).await;
        let path = format!("/organizations/{organization}/activity");
        Scene { product, organization, path, owner }
    }

    async fn send(&self, records: &[Value]) {
        assert_eq!(self.product.ingest(&json!(records)).await.status, 202);
    }

    async fn send_many(&self, count: usize, resource: &str) {
        let records: Vec<Value> = (0..count).map(|_| submission(&self.organization, resource)).collect();
        self.send(&records).await;
    }

    async fn page(&self, query: &str) -> String {
        let answer = self.owner.get(&format!("{}{query}", self.path)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.body
    }
}

/// The sequences on a page, in its order.
fn shown(html: &str) -> Vec<u64> {
    let rows = html.split("/activity/records/").skip(1);
    rows.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

/// Where a link with this text leads.
fn link(html: &str, text: &str) -> Option<String> {
    let (before, _) = html.split_once(&format!(">{text}</a>"))?;
    let (_, href) = before.rsplit_once("href=\"")?;
    Some(href.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_finds_records_by_what_they_say() {
    let scene = Scene::open().await;
    let mut other = submission(&scene.organization, "other");
    other["actor"]["principal_name"] = json!("Billing robot");
    other["event"]["outcome"] = json!({ "result": "failure", "reason": "No", "error_code": "ABORTED" });
    scene.send_many(3, "docs").await;
    scene.send(&[other]).await;
    let all = scene.page("").await;
    let newest = shown(&all)[0];
    assert!(all.contains("Sign in") && all.contains("<title>Activity · Acme · Trailpost</title>"), "{all}");
    for (query, expected) in [
        ("?actor=billing+robot", 1),
        ("?resource_id=docs", 3),
        ("?resource_type=index&outcome=success", 3),
        ("?outcome=failure", 1),
        ("?producer=trailpost&action=login", 1),
        ("?action=create&actor=key&resource_id=other", 0),
    ] {
        assert_eq!(shown(&scene.page(query).await).len(), expected, "{query}");
    }
    let failed = scene.page("?outcome=failure").await;
    assert_eq!(shown(&failed), [newest]);
    assert!(failed.contains("Failure") && failed.contains("ABORTED") && failed.contains("Billing robot"));

    let none = scene.page("?action=explode").await;
    assert!(none.contains("No records match"), "{none}");
    assert_eq!(link(&none, "Clear filters").as_deref(), Some(scene.path.as_str()));
    eventually("everything is in the index", async || {
        scene.product.store().behind_in_activity(None).await.unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(shown(&scene.page("?outcome=failure").await), [newest], "found in the index too");
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_back_and_forth_with_the_filter() {
    let scene = Scene::open().await;
    scene.send_many(120, "docs").await;
    let query = "?resource_type=index&resource_id=docs";
    let (mut html, mut seen) = (scene.page(query).await, Vec::new());
    let first = shown(&html);
    assert!(link(&html, "Newer").is_none() && !html.contains(">Newest</a>"));
    loop {
        seen.extend(shown(&html));
        let Some(older) = link(&html, "Older") else { break };
        html = scene.owner.get(&older).await.body;
    }
    assert_eq!(seen.len(), 120);
    assert!(seen.is_sorted_by(|one, next| one > next));
    while let Some(newer) = link(&html, "Newer") {
        html = scene.owner.get(&newer).await.body;
    }
    assert_eq!(shown(&html), first);
    for wrong in ["?before=0", "?before=x", "?after=-1", "?before=3&after=1"] {
        assert_eq!(scene.owner.get(&format!("{}{wrong}", scene.path)).await.status, 404, "{wrong}");
    }
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_wrong_comes_back_with_a_word_beside_it() {
    let scene = Scene::open().await;
    let query = "?from=yesterday&to=2026-11-23T10:00&actor=%3Cb%3Eme&outcome=maybe";
    let answer = scene.owner.get(&format!("{}{query}", scene.path)).await;
    assert_eq!(answer.status, 422);
    for part in [
        "value=\"yesterday\"",
        "Write a date and a time in UTC",
        "value=\"2026-11-23T10:00\"",
        "value=\"&#60;b&#62;me\"",
        "Choose success or failure.",
    ] {
        assert!(answer.body.contains(part), "{part} is missing: {}", answer.body);
    }
    assert!(shown(&answer.body).is_empty());
    let back = scene.owner.get(&format!("{}?from=2026-11-23T10:00&to=2026-11-23T09:00", scene.path)).await;
    assert!(back.status == 422 && back.body.contains("after the one in From"));
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_others_is_shown_and_does_nothing() {
    let scene = Scene::open().await;
    let mut hostile = submission(&scene.organization, "<script>alert(1)</script>");
    hostile["actor"]["principal_name"] = json!("admin\u{202e}elpmaxe\u{2067}");
    hostile["event"]["resource_name"] = json!("</pre><b>line\u{0}\u{85}\r\nnext\u{200b}");
    hostile["event"]["parameters"] = json!({ "a\u{2066}": ["</code><script>alert(2)</script>", "\u{feff}"] });
    scene.send(&[hostile.clone()]).await;
    let list = scene.page("").await;
    let record = scene.owner.get(&format!("{}/records/{}", scene.path, shown(&list)[0])).await;
    assert_eq!(record.status, 200);
    for html in [&list, &record.body] {
        for wrong in
            ["<script>alert", "</pre><b>", "\u{202e}", "\u{2067}", "\u{200b}", "\u{0}", "\u{85}", "\u{feff}"]
        {
            assert!(!html.contains(wrong), "{wrong:?} is in {html}");
        }
        assert!(html.contains("admin\\u202eelpmaxe\\u2067"), "{html}");
    }
    // What is copied from the page is the record, with the same meaning.
    let (_, json) = record.body.split_once("data-copy-text>{").unwrap();
    let (json, _) = json.split_once("</code>").unwrap();
    let json = json.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    let copied: Value = serde_json::from_str(&format!("{{{}", json.replace("&#38;", "&"))).unwrap();
    assert_eq!(copied["event"]["parameters"], hostile["event"]["parameters"]);
    assert_eq!(copied["event"]["resource_name"], hostile["event"]["resource_name"]);
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_leads_to_those_like_it_and_to_no_other_organizations() {
    let scene = Scene::open().await;
    scene.send_many(2, "docs").await;
    let newest = shown(&scene.page("").await)[0];
    let record = scene.owner.get(&format!("{}/records/{newest}", scene.path)).await.body;
    assert!(record.contains("<h1 class=\"page-header__title\">Create index</h1>"), "{record}");
    for text in ["Same actor", "Same resource"] {
        let same = scene.owner.get(&link(&record, text).unwrap()).await.body;
        assert_eq!(shown(&same), [newest, newest - 1], "{text}");
    }
    let stranger = scene.product.user("owner@initech.example").await;
    let own = scene.product.account("owner@initech.example").organization_id;
    assert_eq!(stranger.get(&format!("{}/records/{newest}", scene.path)).await.status, 404);
    let elsewhere = stranger.get(&format!("/organizations/{own}/activity")).await;
    assert_eq!(elsewhere.status, 200, "the plan does not matter");
    assert!(!elsewhere.body.contains("docs"), "{}", elsewhere.body);
    scene.product.stop().await;
}
