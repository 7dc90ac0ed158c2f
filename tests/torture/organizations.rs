//! The organizations of a run, each with a role of its own, all with one bucket; and their owners at the console.

use reqwest::Method;
use trailpost::demo::world;
use trailpost::domain::bucket::Destination;
use trailpost::domain::policy;
use trailpost::domain::role_arn::Partition;
use trailpost::sandbox::{IamRole, Sandbox};

use crate::cli::installation::Installation;
use crate::support::http_user::{HttpUser, enable_with};
use crate::support::page::hidden_field;

const PASSWORD: &str = "correct horse battery";
const NOTHING_WAITS: &str = "Nothing is waiting to be delivered.";
/// Each organization has other files.
const FORMATS: [(&str, &str); 3] = [("json", "none"), ("ndjson", "none"), ("json", "gzip")];

pub struct Organization {
    pub id: String,
    pub role_arn: String,
    owner_email: String,
    /// Which sets the owner's password.
    invitation: String,
    format: (&'static str, &'static str),
}

/// Makes one for each format, and its role.
pub fn make(installation: &Installation, sandbox: &Sandbox) -> Vec<Organization> {
    let made = FORMATS.iter().enumerate().map(|(at, format)| {
        let (name, owner_email) = (format!("organization-{at}"), format!("owner@{at}.example"));
        let plan = ["--plan", "enterprise", "--owner-email", &owner_email];
        let created = installation.json(&[&["organization", "create", "--name", &name], &plan[..]].concat());
        let text = |key: &str| created[key].as_str().unwrap();
        let role = role(&name, text("external_id"));
        let role_arn = role.arn.clone();
        sandbox.put_role(role).unwrap();
        let (_, invitation) = text("invitation_url").rsplit_once('/').unwrap();
        let (id, invitation) = (text("organization_id").to_owned(), invitation.to_owned());
        Organization { id, role_arn, owner_email, invitation, format: *format }
    });
    made.collect()
}

fn role(name: &str, external_id: &str) -> IamRole {
    let bucket = Destination::parse(world::BUCKET, "").unwrap();
    IamRole {
        arn: format!("arn:aws:iam::{}:role/{name}", world::CUSTOMER_ACCOUNT),
        trust_policy: policy::trust_policy(world::OUR_PRINCIPAL, &external_id.parse().unwrap()).to_string(),
        permission_policies: vec![policy::permissions_policy(&bucket, Partition::Aws, None).to_string()],
        permissions_boundary: None,
        max_session_seconds: 3600,
    }
}

impl Organization {
    /// Its owner accepts the invitation and turns audit logs on.
    pub async fn enable(&self, console: &str) {
        let owner = HttpUser::anonymous(console);
        let path = format!("/invitations/{}", self.invitation);
        let fields = [("name", "Olivia Owens"), ("password", PASSWORD)];
        assert_eq!(owner.post_form(&path, &path, &fields).await.status, 303);
        let settings = [
            ("role_arn", self.role_arn.as_str()),
            ("bucket", world::BUCKET),
            ("format", self.format.0),
            ("compression", self.format.1),
            ("window_minutes", "1"),
        ];
        enable_with(&owner, &self.id, &settings).await;
    }

    /// Its owner, signed in; none while the console can't do that.
    pub async fn owner(&self, console: &str) -> Option<Owner> {
        let user = HttpUser::anonymous(console);
        let page = text(&user, "/sign-in").await?;
        let token = hidden_field(&page, "csrf_token")?;
        let fields = [
            ("email", self.owner_email.as_str()),
            ("password", PASSWORD),
            ("return_to", ""),
            ("csrf_token", token.as_str()),
        ];
        post(&user, "/sign-in", &fields).await?;
        let page = format!("/organizations/{}/settings/audit-logs", self.id);
        Some(Owner { user, page })
    }
}

/// At the console, which may be killed or have lost its database.
pub struct Owner {
    user: HttpUser,
    page: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    Delivering,
    NothingWaits,
}

impl Owner {
    /// Presses **Deliver now**; none if that did not get through.
    pub async fn deliver_now(&self) -> Option<Pressed> {
        let page = text(&self.user, &self.page).await?;
        let (token, revision) = (hidden_field(&page, "csrf_token")?, hidden_field(&page, "revision")?);
        let fields = [("csrf_token", token.as_str()), ("revision", revision.as_str())];
        post(&self.user, &format!("{}/deliver-now", self.page), &fields).await?;
        let told = text(&self.user, &self.page).await?;
        Some(if told.contains(NOTHING_WAITS) { Pressed::NothingWaits } else { Pressed::Delivering })
    }
}

async fn text(user: &HttpUser, path: &str) -> Option<String> {
    user.request(Method::GET, path).send().await.ok()?.text().await.ok()
}

async fn post(user: &HttpUser, path: &str, fields: &[(&str, &str)]) -> Option<()> {
    let answer = user.request(Method::POST, path).form(fields).send().await.ok()?;
    (answer.status() == 303).then_some(())
}
