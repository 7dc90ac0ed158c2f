//! An AWS that takes every connection and never answers: the checklist waits, Cancel works, nobody else is held up.

use std::num::NonZeroUsize;

use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;
use trailpost::app::{App, AppConfig, DataFolder, MetricsConfig, WriterConfig};
use trailpost::aws::AwsIdentity;
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::Password;
use trailpost::domain::days::Days;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::domain::setup::SetupFile;
use trailpost::domain::user::User;
use trailpost::domain::window::WindowLength;
use trailpost::web::{Hosts, PublicUrl, TrustedProxies, WebConfig, hash_new_password};

use super::WRITER;
use crate::support::http_user::HttpUser;
use crate::support::page::hidden_field;
use crate::support::silent_wire::silent_endpoint;
use crate::support::{BUCKET, ROLE_ARN, eventually};

const PASSWORD: &str = "correct horse battery";

/// A console whose AWS is silent, with one owner of two organizations.
struct Waiting {
    app: App,
    owner: HttpUser,
    pages: [String; 2],
    _folder: TempDir,
}

impl Waiting {
    async fn start() -> Waiting {
        let (folder, clock, entropy) = (tempdir().unwrap(), Clock::system(), Entropy::system());
        let store = DataFolder::open(folder.path()).unwrap().open_store(&clock, &entropy).await.unwrap();
        let hash = hash_new_password(Password::new(PASSWORD).unwrap(), &entropy).await.unwrap();
        let email = "owner@acme.example".parse().unwrap();
        let user: User = store.create_user(email, "Olivia".parse().unwrap(), hash).await.unwrap();
        let mut pages = Vec::new();
        for name in ["Acme", "Beta"] {
            let made = store.create_organization(name.parse().unwrap(), Plan::Enterprise).await.unwrap();
            store.add_member(made.id, user.id, Role::Owner).await.unwrap();
            pages.push(format!("/organizations/{}/settings/audit-logs", made.id));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = PublicUrl::in_the_open(listener.local_addr().unwrap());
        let origin = public_url.origin();
        let aws = AwsIdentity::Stated {
            endpoint_url: silent_endpoint().await,
            region: "us-east-1".to_owned(),
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "secret".into(),
        };
        let config = AppConfig {
            web: Some(WebConfig {
                public_url,
                hosts: Hosts::OfPublicUrl,
                principals: trailpost::domain::principals::Principals::default(),
                trusted_proxies: TrustedProxies::default(),
                default_window: WindowLength::default(),
                hold: Days::HOLD,
                shortcuts: Vec::new(),
            }),
            writer: Some(WriterConfig { aws: aws.into(), settings: WRITER }),
            most_connections: NonZeroUsize::new(100).unwrap(),
            metrics: MetricsConfig::default(),
        };
        let app = App::start(store, clock, entropy, config, listener).await;
        let owner = HttpUser::sign_in(&origin, "owner@acme.example", PASSWORD).await;
        Waiting { app, owner, pages: pages.try_into().unwrap(), _folder: folder }
    }

    async fn press_enable(&self, page: &str) {
        let fields = [("revision", "0"), ("role_arn", ROLE_ARN), ("bucket", BUCKET)];
        assert_eq!(self.owner.post_form(page, &format!("{page}/enable"), &fields).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_without_an_answer_waits_for_nobody_and_can_be_cancelled() {
    let waiting = Waiting::start().await;
    let owner = &waiting.owner;
    for page in &waiting.pages {
        waiting.press_enable(page).await;
    }
    for page in &waiting.pages {
        eventually("both checks are at their second stage", async || {
            let html = owner.get(page).await.body;
            html.contains("1 of 5 stages passed. Assume role: checking").then_some(())
        })
        .await;
    }
    let page = &waiting.pages[0];
    let html = owner.get(page).await.body;
    assert!(html.contains("Cancel") && html.contains("Refresh"), "{html}");
    let cancel = html
        .split("action=\"")
        .find_map(|part| part.split('"').next().filter(|url| url.ends_with("/cancel")));
    assert_eq!(owner.post_form(page, cancel.unwrap(), &[]).await.status, 303);
    let html = owner.get(page).await.body;
    assert!(html.contains("The access check was cancelled"), "{html}");
    assert_eq!(hidden_field(&html, "revision").as_deref(), Some("0"), "nothing was changed");
    assert!(html.contains(ROLE_ARN), "what was typed is kept");
    assert!(owner.get(&waiting.pages[1]).await.body.contains("Assume role: checking"));
    waiting.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_operator_has_not_stated_whom_to_trust_the_set_up_says_so() {
    let waiting = Waiting::start().await;
    let html = waiting.owner.get(&waiting.pages[0]).await.body;
    assert!(html.contains("has not stated its AWS identity yet"), "{html}");
    assert!(!html.contains("TrailpostAssumesThisRole"), "no trust policy without a principal");
    assert!(html.contains("TrailpostWritesAuditLogs"), "the rest of the set-up is there");
    for file in SetupFile::ALL {
        let path = format!("{}/setup/{}?bucket={BUCKET}", waiting.pages[0], file.as_str());
        let answer = waiting.owner.get(&path).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert!(answer.body.contains("has not stated its AWS identity yet"), "{}", answer.body);
    }
    waiting.app.stop().await;
}
