//! Members, invitations, the account and the end of an organization, over plain HTTP and in a browser: what each role
//! may, what each page shows, and the record that each action leaves.

mod account;
mod browser;
mod deleting;
mod members;
mod overview;
mod spoofing;

use serde_json::Value;
use trailpost::domain::membership::Role;

use crate::support::http_user::{Answer, HttpUser};
use crate::support::product::Product;

const OWNER: &str = "owner@acme.example";
const MANAGER: &str = "manager@acme.example";
const MEMBER: &str = "member@acme.example";
const BILLING: &str = "billing@acme.example";
const ADA: &str = "ada@acme.example";
const PASSWORD: &str = "correct horse battery";

/// Acme's pages begin here.
fn acme(product: &Product) -> String {
    format!("/organizations/{}", product.account(OWNER).organization_id)
}

/// The id of a demo account.
async fn user_id(product: &Product, email: &str) -> String {
    product.store().sign_in(email.parse().unwrap()).await.unwrap().unwrap().user.id.to_string()
}

/// Acme's newest record.
async fn newest(product: &Product) -> Value {
    newest_of(product, &product.account(OWNER).organization_id).await
}

async fn newest_of(product: &Product, organization: &str) -> Value {
    let lines = product.store().newest_lines(organization.parse().unwrap(), 1).await.unwrap();
    serde_json::from_str(lines[0].line.as_str()).unwrap()
}

/// `create user success`, of a record.
fn summary(record: &Value) -> String {
    let event = &record["event"];
    let words = [&event["action"], &event["resource_type"], &event["outcome"]["result"]];
    words.map(|word| word.as_str().unwrap()).join(" ")
}

/// The link that a page shows once.
fn link_in(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("/invitations/").unwrap_or_else(|| panic!("{}", answer.body));
    format!("/invitations/{}", &rest[..64])
}

/// Invites over the form; gives the link.
async fn invite(owner: &HttpUser, acme: &str, email: &str, role: Role) -> String {
    let page = format!("{acme}/members");
    let fields = [("email", email), ("role", role.as_str())];
    let answer = owner.post_form(&page, &format!("{page}/invite"), &fields).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    link_in(&answer)
}
