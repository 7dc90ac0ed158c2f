//! Files of records: exports, what is pending, what one delivery holds.

use reqwest::Method;
use serde_json::{Value, json};

use super::{OWNER, Scene, shown};
use crate::support::http_user::{Answer, enable, send};
use crate::support::{eventually, submission};

fn disposition(answer: &Answer) -> &str {
    answer.headers["content-disposition"].to_str().unwrap()
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (200, &"application/x-ndjson".parse().unwrap())
    );
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Scene {
    async fn export(&self, fields: &[(&str, &str)]) -> Answer {
        self.owner.post_form(&self.path, &format!("{}/exports", self.path), fields).await
    }

    /// The newest record of a kind.
    async fn newest(&self, resource_type: &str) -> Value {
        let html = self.page(&format!("?resource_type={resource_type}")).await;
        let sequence = shown(&html)[0];
        let sequence = trailpost::domain::sequence::Sequence::new(sequence as i64).unwrap();
        let organization = self.organization.parse().unwrap();
        let stored = self.product.store().activity_record(organization, sequence).await.unwrap();
        serde_json::from_str(stored.unwrap().line.as_str()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_for_can_be_taken_away_and_that_is_recorded() {
    let scene = Scene::open().await;
    scene.send_many(700, "docs").await;
    let mut formula = submission(&scene.organization, "=1+1");
    formula["event"]["action"] = json!("delete");
    formula["event"]["resource_name"] = json!("@SUM(A1), \"quoted\"");
    scene.send(&[formula]).await;

    let answer = scene.export(&[("resource_type", "index"), ("format", "ndjson")]).await;
    let records = lines(&answer);
    assert_eq!(records.len(), 701);
    assert_eq!(records[700]["event"]["resource_id"], "=1+1");
    assert!(
        disposition(&answer).starts_with("attachment; filename=\"activity-20"),
        "{}",
        disposition(&answer)
    );
    let event = scene.newest("audit-log-export").await["event"].take();
    assert_eq!((&event["action"], &event["outcome"]["result"]), (&json!("create"), &json!("success")));
    assert_eq!(event["parameters"]["filter"], json!({ "resource_type": "index" }));
    assert_eq!(event["parameters"]["format"], "ndjson");

    let answer = scene.export(&[("action", "delete"), ("format", "csv")]).await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let rows: Vec<&str> = answer.body.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 2, "{}", answer.body);
    assert!(rows[1].contains("\"'=1+1\",\"'@SUM(A1), \"\"quoted\"\"\""), "{}", rows[1]);
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_exports_nothing() {
    let scene = Scene::open().await;
    for fields in
        [&[("format", "xlsx")][..], &[("from", "yesterday"), ("format", "csv")], &[("action", "create")]]
    {
        assert_eq!(scene.export(fields).await.status, 422, "{fields:?}");
    }
    let exports = scene.page("?resource_type=audit-log-export").await;
    assert!(shown(&exports).is_empty(), "nothing was recorded");
    scene.product.stop().await;
}

/// A link on another site, a preview of one or a page loaded ahead must leave no record.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_downloaded_but_by_the_page_s_own_button() {
    let scene = Scene::open().await;
    enable(&scene.owner, &scene.organization).await;
    scene.send_many(1, "docs").await;
    let pending = format!("{}/pending", scene.path);
    let batch = format!("{}/deliveries/0199f3c2-0000-7000-8000-000000000000", scene.path);
    for path in [&pending, &batch] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(send(scene.owner.request(method, path)).await.status, 405, "{path}");
        }
        let form = scene.owner.request(Method::POST, path).form(&[("csrf_token", "x")]);
        assert_eq!(send(form).await.status, 403, "{path}");
    }
    assert!(shown(&scene.page("?resource_type=audit-log-export").await).is_empty());
    scene.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_records_and_those_of_a_file_can_be_downloaded() {
    let scene = Scene::open().await;
    let pending = format!("{}/pending", scene.path);
    assert!(!scene.page("").await.contains("Download pending records"));
    let download = async |path: &str| scene.owner.post_form(&scene.path, path, &[]).await;
    let none = download(&pending).await;
    assert_eq!((none.status, none.location()), (303, Some(scene.path.as_str())));
    assert!(scene.page("").await.contains("Nothing is waiting to be delivered."));

    enable(&scene.owner, &scene.organization).await;
    scene.send_many(4, "docs").await;
    assert!(scene.page("").await.contains(">Download pending records</button>"));
    let answer = download(&pending).await;
    assert!(disposition(&answer).contains("pending-records-"), "{}", disposition(&answer));
    let docs = |records: &[Value]| {
        records.iter().filter(|record| record["event"]["resource_name"] == "docs").count()
    };
    assert_eq!(docs(&lines(&answer)), 4);

    let page = format!("/organizations/{}/settings/audit-logs", scene.organization);
    scene.owner.post_form(&page, &format!("{page}/deliver-now"), &[]).await;
    let href = eventually("the file can be downloaded", async || {
        let html = scene.owner.get(&page).await.body;
        let (_, rest) = html.split_once("/activity/deliveries/")?;
        html.contains("badge--success").then(|| format!("{}/deliveries/{}", scene.path, &rest[..36]))
    })
    .await;
    let answer = download(&href).await;
    assert_eq!(docs(&lines(&answer)), 4);
    let stranger = scene.product.user("owner@initech.example").await;
    let own = scene.product.account("owner@initech.example").organization_id;
    let foreign = href.replace(&scene.organization, &own);
    let own_page = format!("/organizations/{own}/activity");
    let answer = stranger.post_form(&own_page, &foreign, &[]).await;
    assert_eq!(answer.status, 404, "a file of another organization's");
    let manager = scene.product.user("manager@acme.example").await;
    assert_eq!(manager.post_form("/account", &href, &[]).await.status, 403);
    let denied = scene.newest("audit-log-export").await;
    assert_eq!(denied["event"]["outcome"]["error_code"], "PERMISSION_DENIED");
    assert_eq!(denied["event"]["action"], "create");
    assert_eq!(scene.product.account(OWNER).organization_id, scene.organization);

    // What was delivered is drawn, with words and numbers beside it.
    for path in [page, format!("/organizations/{}", scene.organization)] {
        let html = eventually("the timeline is there", async || {
            let html = scene.owner.get(&path).await.body;
            html.contains("Deliveries over time").then_some(html)
        })
        .await;
        for part in [
            "<svg class=\"timeline__drawing\"",
            "timeline__delivered",
            "Last 30 days as a table",
            "<desc id=",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("style="), "the pages allow no style of their own");
    }
    scene.product.stop().await;
}
