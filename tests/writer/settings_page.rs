//! The page of an organization's owner, as the tests of access checks use it.

use serde_json::Value;
use trailpost::demo::world;
use trailpost::domain::access_check::TRIED_FOR;
use trailpost::domain::sequence::Sequence;
use trailpost::store::AccessCheck;

use crate::support::http_user::{Answer, HttpUser};
use crate::support::product::Product;
use crate::support::{EVERYTHING, eventually};

pub const OWNER: &str = "owner@acme.example";
pub const OWNERS_TURN: &str = "Your turn.";
pub const OPERATORS_TURN: &str = "Our turn: the operator of this service has to act.";
pub const NOBODYS_TURN: &str = "Nothing to mend: try again in a moment.";
/// What the statements to paste are named.
pub const TRUST_POLICY: &str = "TrailpostAssumesThisRole";
pub const PERMISSIONS: &str = "TrailpostWritesAuditLogs";

/// The ARN of the customer's role of this name.
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{}:role/{name}", world::CUSTOMER_ACCOUNT)
}

pub struct SettingsPage<'p> {
    pub product: &'p Product,
    pub owner: HttpUser,
    pub organization: String,
    pub page: String,
}

impl SettingsPage<'_> {
    /// Acme's.
    pub async fn of(product: &Product) -> SettingsPage<'_> {
        let organization = product.account(OWNER).organization_id;
        SettingsPage::of_organization(product, OWNER, organization).await
    }

    pub async fn of_organization<'p>(
        product: &'p Product,
        owner: &str,
        organization: String,
    ) -> SettingsPage<'p> {
        let page = format!("/organizations/{organization}/settings/audit-logs");
        SettingsPage { product, owner: product.user(owner).await, organization, page }
    }

    pub async fn submit(&self, button: &str, revision: &str, settings: &[(&str, &str)]) -> Answer {
        let fields = [settings, &[("revision", revision)]].concat();
        self.owner.post_form(&self.page, &format!("{}/{button}", self.page), &fields).await
    }

    /// Enables with these, and waits for the end. What may pass is given its minute.
    pub async fn check(&self, settings: &[(&str, &str)]) -> AccessCheck {
        assert_eq!(self.submit("enable", "0", settings).await.status, 303);
        self.end_of_the_check().await
    }

    /// Updates to these, and waits for the end.
    pub async fn update(&self, settings: &[(&str, &str)]) -> AccessCheck {
        let revision = self.newest_revision().await;
        assert_eq!(self.submit("update", &revision, settings).await.status, 303);
        self.end_of_the_check().await
    }

    /// Asks for a check of the settings in force.
    pub async fn press_check(&self) {
        let revision = self.newest_revision().await;
        assert_eq!(self.submit("check", &revision, &[]).await.status, 303);
    }

    async fn newest_revision(&self) -> String {
        let id = self.organization.parse().unwrap();
        self.product.store().integration(id).await.unwrap().unwrap().revision.get().to_string()
    }

    pub async fn end_of_the_check(&self) -> AccessCheck {
        eventually("the check ends", async || {
            let check = self.newest().await;
            if check.checklist.trying().is_some() && check.state.is_open() {
                self.product.advance(TRIED_FOR);
            }
            (!check.state.is_open()).then_some(check)
        })
        .await
    }

    pub async fn newest(&self) -> AccessCheck {
        let id = self.organization.parse().unwrap();
        self.product.store().integration(id).await.unwrap().unwrap().check.unwrap()
    }

    pub async fn html(&self) -> String {
        self.owner.get(&self.page).await.body
    }

    /// The outcome in the newest record.
    pub async fn newest_outcome(&self) -> Value {
        let (first, last) = (Sequence::new(1).unwrap(), Sequence::new(1_000_000).unwrap());
        let id = self.organization.parse().unwrap();
        let lines = self.product.store().lines(id, first, last, EVERYTHING).await.unwrap();
        let line: Value = serde_json::from_str(lines.last().unwrap().line.as_str()).unwrap();
        line["event"]["outcome"].clone()
    }
}
