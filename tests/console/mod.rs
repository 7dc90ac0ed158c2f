//! Projects, API keys and service accounts as people use them over plain HTTP: every page, role and record.

mod api_keys;
mod events;
mod foreign;
mod names;
mod projects;
mod service_accounts;

use serde_json::Value;

use crate::support::EVERYTHING;
use crate::support::http_user::{Answer, HttpUser};
use crate::support::product::Product;
use trailpost::domain::sequence::Sequence;

pub const OWNER: &str = "owner@acme.example";
pub const MANAGER: &str = "manager@acme.example";
pub const MEMBER: &str = "member@acme.example";
pub const BILLING: &str = "billing@acme.example";
pub const OTHER_OWNER: &str = "owner@initech.example";

/// Somebody at the keyboard, with where their organization's pages begin.
pub struct Desk {
    pub user: HttpUser,
    pub base: String,
}

impl Desk {
    pub async fn of(product: &Product, email: &str) -> Desk {
        let organization = product.account(email).organization_id;
        Desk { user: product.user(email).await, base: format!("/organizations/{organization}") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.user.get(&format!("{}{path}", self.base)).await
    }

    /// Posts a form with the token of this browser's pages.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.user.post_form(&self.base, &format!("{}{path}", self.base), fields).await
    }

    /// Makes a project; gives its path behind the organization's.
    pub async fn project(&self, name: &str) -> String {
        let answer = self.post("/projects/new", &[("name", name)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.location().unwrap().strip_prefix(&self.base).unwrap().to_owned()
    }

    /// Makes an API key; gives it.
    pub async fn key(&self, project: &str, name: &str) -> String {
        let answer = self.post(&format!("{project}/api-keys/new"), &[("name", name)]).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        secret_of(&answer)
    }

    /// Makes a service account; gives its path behind the organization's, and its secret.
    pub async fn account(&self, name: &str, role: &str) -> (String, String) {
        let answer = self.post("/service-accounts/new", &[("name", name), ("role", role)]).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let start = format!("href=\"{}/service-accounts/", self.base);
        // Behind the sidebar's links to the list.
        let (_, rest) = answer.body.rsplit_once(&start).unwrap();
        let (id, _) = rest.split_once('"').unwrap();
        (format!("/service-accounts/{id}"), secret_of(&answer))
    }

    /// The path, behind the organization's, of the only link on a page that ends so.
    pub async fn link(&self, page: &str, end: &str) -> String {
        let body = self.get(page).await.body;
        let hrefs =
            body.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(href, _)| href);
        let found: Vec<_> = hrefs.filter(|href| href.ends_with(end)).collect();
        let [href] = found.as_slice() else { panic!("{page} has these links to …{end}: {found:?}") };
        href.strip_prefix(&self.base).unwrap().to_owned()
    }
}

/// The key or secret that an answer shows.
pub fn secret_of(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("<code data-copy-text>").unwrap();
    let (secret, _) = rest.split_once("</code>").unwrap();
    assert!(secret.starts_with("tpk_") || secret.starts_with("tps_"), "{secret}");
    secret.to_owned()
}

/// The records of an organization, oldest first.
pub async fn records(product: &Product, email: &str) -> Vec<Value> {
    let organization = product.account(email).organization_id.parse().unwrap();
    let (first, last) = (Sequence::new(1).unwrap(), Sequence::new(1_000_000).unwrap());
    let lines = product.store().lines(organization, first, last, EVERYTHING).await.unwrap();
    lines.iter().map(|line| serde_json::from_str(line.line.as_str()).unwrap()).collect()
}

/// Action, resource type and result of the newest record, and the record.
pub async fn newest(product: &Product, email: &str) -> (String, Value) {
    let record = records(product, email).await.pop().unwrap();
    let event = &record["event"];
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let what = format!(
        "{} {} {}",
        word(&event["action"]),
        word(&event["resource_type"]),
        word(&event["outcome"]["result"])
    );
    (what, record)
}

/// A page's title.
pub fn title(answer: &Answer) -> &str {
    let (_, rest) = answer.body.split_once("<title>").unwrap();
    rest.split_once("</title>").unwrap().0
}

#[test]
fn a_secret_is_found_where_it_is_shown() {
    let answer = Answer {
        status: 201,
        headers: reqwest::header::HeaderMap::default(),
        body: "<code data-copy-text>tpk_0123</code>".to_owned(),
    };
    assert_eq!(secret_of(&answer), "tpk_0123");
}
