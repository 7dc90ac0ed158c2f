//! Settings > Audit logs over plain HTTP: what each button leaves on the record, what bad input comes back as, and what
//! happens when somebody or something else was faster.

mod afterwards;
mod bad_input;
mod between;
mod denied;
mod history;
mod pressed;
mod preview;

use serde_json::Value;
use trailpost::demo::world;
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::Revision;
use trailpost::domain::sequence::Sequence;
use trailpost::sandbox::IamRole;
use trailpost::store::Integration;

use crate::support::http_user::{Answer, HttpUser};
use crate::support::page::hidden_field;
use crate::support::product::Product;
use crate::support::{BUCKET, EVERYTHING, ROLE_ARN, eventually, submission};

const OWNER: &str = "owner@acme.example";
const TARGET: [(&str, &str); 2] = [("role_arn", ROLE_ARN), ("bucket", BUCKET)];

/// Someone at the page of an organization.
struct Desk<'p> {
    product: &'p Product,
    user: HttpUser,
    id: OrganizationId,
    page: String,
}

impl<'p> Desk<'p> {
    /// The owner of Acme, which is on Enterprise.
    async fn of_acme(product: &'p Product) -> Desk<'p> {
        Desk::of(product, OWNER).await
    }

    async fn of(product: &'p Product, email: &str) -> Desk<'p> {
        let id = product.account(email).organization_id;
        let page = format!("/organizations/{id}/settings/audit-logs");
        Desk { product, user: product.user(email).await, id: id.parse().unwrap(), page }
    }

    async fn read(&self) -> String {
        let answer = self.user.get(&self.page).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Presses a button as the page has it now.
    async fn press(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let revision = self.integration().await.revision;
        self.press_as_of(revision, action, fields).await
    }

    /// Presses a button of a page that showed this revision.
    async fn press_as_of(&self, revision: Revision, action: &str, fields: &[(&str, &str)]) -> Answer {
        let revision = revision.get().to_string();
        let fields = [fields, &[("revision", revision.as_str())]].concat();
        let home = format!("/organizations/{}", self.id);
        self.user.post_form(&home, &format!("{}/{action}", self.page), &fields).await
    }

    async fn integration(&self) -> Integration {
        self.product.store().integration(self.id).await.unwrap().unwrap()
    }

    async fn until(&self, what: &str, condition: impl Fn(&Integration) -> bool) -> Integration {
        eventually(what, async || Some(self.integration().await).filter(|found| condition(found))).await
    }

    async fn enable(&self) {
        crate::support::http_user::enable(&self.user, &self.id.to_string()).await;
    }

    /// One more record of a producer.
    async fn happens(&self) {
        assert_eq!(self.product.ingest(&submission(self.id, "docs")).await.status, 202);
    }

    async fn records(&self) -> Vec<Value> {
        records(self.product, self.id).await
    }

    /// AWS takes the role, and refuses to write with it.
    fn deny_writing(&self, integration: &Integration) {
        let mut denied = self.role(integration);
        denied.permission_policies.clear();
        self.product.sandbox().put_role(denied).unwrap();
    }

    fn allow_writing(&self, integration: &Integration) {
        self.product.sandbox().put_role(self.role(integration)).unwrap();
    }

    fn role(&self, integration: &Integration) -> IamRole {
        world::roles(&integration.organization.external_id).swap_remove(0)
    }
}

async fn records(product: &Product, id: OrganizationId) -> Vec<Value> {
    let (first, last) = (Sequence::new(1).unwrap(), Sequence::new(1_000_000).unwrap());
    let lines = product.store().lines(id, first, last, EVERYTHING).await.unwrap();
    lines.iter().map(|line| serde_json::from_str(line.line.as_str()).unwrap()).collect()
}

/// `update audit-log-integration ABORTED`; a success has no code.
fn told(record: &Value) -> String {
    let event = &record["event"];
    let words = [&event["action"], &event["resource_type"], &event["outcome"]["error_code"]];
    words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
}

/// The element with this id, up to the end of its field.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {page}"));
    rest.split("</div>").next().unwrap()
}

/// Whether what is under Advanced can be seen.
fn advanced_is_open(page: &str) -> bool {
    let (_, rest) = page.split_once("id=\"advanced\"").unwrap_or_else(|| panic!("no Advanced in {page}"));
    rest.starts_with(" open>")
}

/// A text as the page has it.
fn escaped(text: &str) -> String {
    let mut html = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '&' | '\'' | '<' | '>' => html.push_str(&format!("&#{};", u32::from(letter))),
            plain => html.push(plain),
        }
    }
    html
}

/// The first hidden revision of a page.
fn revision_of(page: &str) -> Revision {
    Revision::new(hidden_field(page, "revision").unwrap().parse().unwrap())
}
