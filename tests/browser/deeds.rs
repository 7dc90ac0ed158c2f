//! What people, programs and AWS do to the organization Acme before somebody looks at its pages. All of it is done the
//! way it is done in life: over the console's forms, the producers' door, the operator's command, the customer's AWS.

use std::time::Duration;

use serde_json::json;
use trailpost::demo::world;
use trailpost::domain::caller::Caller;
use trailpost::domain::id::OrganizationId;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, IamRole};
use trailpost::store::{HistoryCursor, Integration, Listing};

use crate::support::http_user::{HttpUser, enable_with};
use crate::support::product::Product;
use crate::support::{BUCKET, ROLE_ARN, eventually, submission};

pub const OWNER: &str = "owner@acme.example";
pub const MEMBER: &str = "member@acme.example";
pub const MANAGER: &str = "manager@acme.example";
pub const OTHER_OWNER: &str = "owner@initech.example";

/// No window ends while somebody looks: what is delivered is delivered because somebody asked for it.
const RIGHT: &[(&str, &str)] = &[("role_arn", ROLE_ARN), ("bucket", BUCKET), ("window_minutes", "60")];
/// How long a check believes that a denial may pass, and a little.
const TRYING: Duration = Duration::from_secs(61);

/// When a denied check tries again, and a little.
const NEXT_TRY: Duration = Duration::from_secs(10);

/// One thing that is done. It is over when its effect can be seen.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// The owner enables audit logs, and the access check passes.
    Enable,
    /// The owner enables audit logs with another role, which AWS denies us for now.
    EnableDenied(&'static str),
    /// The owner asks for another role, which AWS denies us for now.
    UpdateDenied(&'static str),
    /// An owner cancels the check that is under way.
    CancelTheCheck,
    /// As long passes as a check believes that a denial may pass.
    PassTheCheck,
    /// A producer sends so many records.
    Ingest(usize),
    /// The owner has everything that waits delivered.
    Deliver,
    /// The owner asks for the same, and it fails.
    FailToDeliver,
    /// The customer takes the permission to write from the role.
    DenyWrites,
    /// AWS asks us to slow down.
    SlowDown,
    /// AWS takes writes and does not answer.
    HoldWrites,
    /// The customer makes a role of this name that is right, a few seconds later.
    MakeRole(&'static str),
    /// The customer takes the external ID out of the role's trust policy, and the owner runs a check.
    LetAnybodyIn,
    /// The owner disables audit logs at once.
    Disable,
    /// The owner has audit logs removed once everything is delivered.
    DeliverFirstThenRemove,
    /// Another owner saves this prefix.
    SaveElsewhere(&'static str),
    /// The operator changes the plan.
    ChangePlan(Plan),
    /// The owner has the delivery that failed tried again, and it fails again.
    TryAgainInVain,
    /// The owner gives the manager a role.
    MakeTheManager(Role),
}

/// The product, Acme's owner at another desk, and what they do.
pub struct Stage {
    pub product: Product,
    owner: HttpUser,
    acme: OrganizationId,
}

impl Stage {
    pub async fn set(deeds: &[Deed]) -> Stage {
        let product = Product::start().await;
        let owner = product.user(OWNER).await;
        let acme = product.account(OWNER).organization_id.parse().unwrap();
        let stage = Stage { product, owner, acme };
        for deed in deeds {
            stage.act(*deed).await;
        }
        stage
    }

    /// Settings > Audit logs of Acme.
    pub fn page(&self) -> String {
        format!("/organizations/{}/settings/audit-logs", self.acme)
    }

    /// What a dialog says about the records that would be lost now.
    pub async fn waiting(&self) -> String {
        let status = self.product.store().delivery_status(self.acme).await.unwrap();
        match status.pending_records {
            1 => "1 record is waiting".to_owned(),
            records => format!("{records} records are waiting"),
        }
    }

    /// The key of the newest delivered file.
    pub async fn last_key(&self) -> String {
        let status = self.product.store().delivery_status(self.acme).await.unwrap();
        status.last_delivery.unwrap().object_key.unwrap()
    }

    pub async fn act(&self, deed: Deed) {
        match deed {
            Deed::Enable => enable_with(&self.owner, &self.acme.to_string(), RIGHT).await,
            Deed::EnableDenied(role_arn) => {
                self.post("enable", &[("role_arn", role_arn), ("bucket", BUCKET)]).await;
                self.denied().await;
            }
            Deed::UpdateDenied(role_arn) => {
                self.post("update", &[&[("role_arn", role_arn)], &RIGHT[1..]].concat()).await;
                self.denied().await;
            }
            Deed::CancelTheCheck => {
                let check = self.integration().await.check.unwrap().id;
                self.post(&format!("checks/{check}/cancel"), &[]).await;
            }
            Deed::PassTheCheck => {
                self.product.advance(TRYING);
                self.checked().await;
            }
            Deed::Ingest(records) => self.ingest(records).await,
            Deed::Deliver => self.deliver().await,
            Deed::FailToDeliver => {
                self.post("deliver-now", &[]).await;
                self.until("the failure is booked", |found| found.failure.is_some()).await;
            }
            Deed::DenyWrites => self.put_role(|role| role.permission_policies.clear()).await,
            Deed::SlowDown => {
                self.product.sandbox().switch_on(Fault::new(FaultKind::SlowDown, FaultTarget::S3));
            }
            Deed::HoldWrites => {
                let hold = Fault::new(FaultKind::TimeoutBeforeWrite, FaultTarget::S3);
                self.product.sandbox().switch_on(hold);
            }
            Deed::MakeRole(arn) => {
                self.put_role(|role| arn.clone_into(&mut role.arn)).await;
                self.product.advance(NEXT_TRY);
            }
            Deed::LetAnybodyIn => self.let_anybody_in().await,
            Deed::Disable => self.post("disable", &[("pending", "discard")]).await,
            Deed::DeliverFirstThenRemove => self.post("remove", &[("pending", "deliver_first")]).await,
            Deed::SaveElsewhere(prefix) => {
                let settings = [RIGHT, &[("prefix", prefix)]].concat();
                self.post("update", &settings).await;
                self.checked().await;
            }
            Deed::TryAgainInVain => {
                let attempts = async || {
                    let newest = self.product.store().delivery_history(self.acme, HistoryCursor::Newest, 1);
                    newest.await.unwrap().rows.first().map_or(0, |row| row.attempt_count)
                };
                let before = attempts().await;
                self.post("try-again", &[]).await;
                eventually("it is tried again", async || (attempts().await > before).then_some(())).await;
            }
            Deed::MakeTheManager(role) => {
                let store = self.product.store();
                let members = store.members(self.acme, Listing::first(100)).await.unwrap().items;
                let of = |email| members.iter().find(|member| member.user.email.as_str() == email).unwrap();
                let owner = Caller::user(&of(OWNER).user, "test/1", None);
                store.change_role(owner, self.acme, of(MANAGER).user.id, role).await.unwrap();
            }
            Deed::ChangePlan(plan) => {
                self.product.store().set_plan(Caller::trailpost(), self.acme, plan).await.unwrap();
            }
        }
    }

    async fn ingest(&self, records: usize) {
        let records: Vec<_> = (0..records).map(|_| submission(self.acme, "docs-example")).collect();
        assert_eq!(self.product.ingest(&json!(records)).await.status, 202);
    }

    async fn deliver(&self) {
        self.post("deliver-now", &[]).await;
        eventually("everything is delivered", async || {
            let status = self.product.store().delivery_status(self.acme).await.unwrap();
            (status.pending_records == 0).then_some(())
        })
        .await;
    }

    async fn let_anybody_in(&self) {
        let external_id = self.integration().await.organization.external_id;
        let open = world::roles(&external_id);
        let open = open.iter().find(|role| role.arn.ends_with("/trailpost-no-external-id")).unwrap();
        self.put_role(|role| role.trust_policy.clone_from(&open.trust_policy)).await;
        self.post("check", &[]).await;
        // It has to let us in again and again before it is believed.
        eventually("it is known that the role is too open", async || {
            self.product.advance(Duration::from_secs(5));
            self.integration().await.too_open_since
        })
        .await;
        self.checked().await;
    }

    /// The role that is right, put again with this change.
    async fn put_role(&self, change: impl FnOnce(&mut IamRole)) {
        let mut role = world::roles(&self.integration().await.organization.external_id).swap_remove(0);
        change(&mut role);
        self.product.sandbox().put_role(role).unwrap();
    }

    async fn denied(&self) {
        self.until("AWS has denied us", |found| {
            found.check.as_ref().is_some_and(|check| check.checklist.trying().is_some())
        })
        .await;
    }

    /// Presses a button of the page as it is now.
    async fn post(&self, action: &str, fields: &[(&str, &str)]) {
        let page = self.page();
        let revision = self.integration().await.revision.get().to_string();
        let fields = [fields, &[("revision", revision.as_str())]].concat();
        let answer = self.owner.post_form(&page, &format!("{page}/{action}"), &fields).await;
        assert_eq!(answer.status, 303, "{action}: {}", answer.body);
    }

    async fn checked(&self) {
        self.until("no check is under way", |found| {
            found.check.as_ref().is_none_or(|check| !check.state.is_open())
        })
        .await;
    }

    async fn until(&self, what: &str, so: impl Fn(&Integration) -> bool) {
        eventually(what, async || so(&self.integration().await).then_some(())).await;
    }

    async fn integration(&self) -> Integration {
        self.product.store().integration(self.acme).await.unwrap().unwrap()
    }
}
