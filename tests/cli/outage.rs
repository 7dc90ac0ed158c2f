//! A process whose database goes away: it says so, takes nothing that it can't keep, and works again by itself.

use std::sync::Mutex;

use reqwest::Method;
use serde_json::Value;

use super::installation::Installation;
use crate::support::database::{TestDatabase, new_database};
use crate::support::http_user::{Answer, HttpUser, send};
use crate::support::postgres::Cluster;
use crate::support::{eventually, submission, with_id};

const ID: &str = "0199f3c2-7d1a-7000-8000-00000000000a";

#[tokio::test(flavor = "multi_thread")]
async fn readiness_goes_off_with_the_database_and_on_again_and_nothing_acknowledged_is_lost() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::create(&[])).await.unwrap();
    let database = TestDatabase::at(new_database(cluster.url()).await);
    let cluster = Mutex::new(cluster);
    let installation = Installation::over(database);
    let made = installation.create_organization();
    let organization = made["organization_id"].as_str().unwrap().to_owned();
    let token = installation.json(&["token", "create", "--producer", "api", "--all-organizations"]);
    let (mut serving, ready) = installation.serve();
    let anybody = HttpUser::anonymous(ready["console_url"].as_str().unwrap());
    let post = async |id: &str| -> Answer {
        let request =
            anybody.request(Method::POST, "/v1/events").bearer_auth(token["token"].as_str().unwrap());
        send(request.json(&with_id(submission(&organization, "docs"), id))).await
    };
    assert_eq!(post(ID).await.status, 202);
    let owner = HttpUser::anonymous(ready["console_url"].as_str().unwrap());
    let link = path_of(made["invitation_url"].as_str().unwrap());
    let fields = [("name", "Olivia"), ("password", "correct horse battery")];
    assert_eq!(owner.post_form(link, link, &fields).await.status, 303);

    tokio::task::block_in_place(|| cluster.lock().unwrap().stop());
    let answer = anybody.get("/readyz").await;
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &told["status"]), (503, &"unavailable".into()), "{told}");
    assert_eq!(anybody.get("/livez").await.status, 200, "the process itself is well");
    let refused = post("0199f3c2-7d1a-7000-8000-00000000000b").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (503, &"1".parse().unwrap()));
    let page = anybody.get("/sign-in").await;
    assert_eq!(page.status, 200, "what needs no database is answered: {}", page.body);
    for path in ["/sign-in", "/"] {
        assert_out_of_order(&owner.get(path).await);
    }

    tokio::task::block_in_place(|| cluster.lock().unwrap().start());
    eventually("the process is ready again", async || {
        (anybody.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(post(ID).await.body, r#"{"accepted":0,"duplicates":1}"#, "what was acknowledged is there");
    let again = post("0199f3c2-7d1a-7000-8000-00000000000b").await;
    assert_eq!(again.body, r#"{"accepted":1,"duplicates":0}"#, "what was refused is not");
    let home = format!("/organizations/{organization}");
    assert_eq!(owner.get("/").await.location(), Some(home.as_str()), "and nobody was signed out");
    serving.terminate();
    assert_eq!(serving.end().code, Some(0));
}

/// A page that says so, also to a browser whose session can't be looked up.
fn assert_out_of_order(page: &Answer) {
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(
        page.body.contains("<html") && page.body.contains("Something went wrong on our side"),
        "{}",
        page.body
    );
    assert!(page.body.contains(page.headers["x-request-id"].to_str().unwrap()), "{}", page.body);
}

fn path_of(url: &str) -> &str {
    &url[url.find("/invitations/").unwrap()..]
}
