//! A console over a store of its own, without the demo: one organization, its owner, and what a test decides about how
//! it is reached.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;
use trailpost::app::{App, AppConfig, DataFolder, MetricsConfig};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::Password;
use trailpost::domain::days::Days;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::principals::Principals;
use trailpost::domain::sequence::Sequence;
use trailpost::domain::window::WindowLength;
use trailpost::store::Store;
use trailpost::web::{Hosts, PublicUrl, TrustedProxies, WebConfig, hash_new_password};

use super::database::TestDatabase;

pub const EMAIL: &str = "owner@acme.example";
pub const PASSWORD: &str = "correct horse battery";

pub struct Console {
    app: App,
    pub address: SocketAddr,
    pub acme: Organization,
    folder: TempDir,
}

impl Console {
    /// Reached at its own address.
    pub async fn behind(trusted: &[&str]) -> Console {
        Console::start(PublicUrl::in_the_open, trusted, Principals::default()).await
    }

    /// With an identity in AWS, or several.
    pub async fn serving(principals: Principals) -> Console {
        Console::start(PublicUrl::in_the_open, &[], principals).await
    }

    /// Reached through a proxy that speaks https.
    pub async fn at(public_url: &str) -> Console {
        Console::start(|_| public_url.parse().unwrap(), &[], Principals::default()).await
    }

    async fn start(
        public_url: impl FnOnce(SocketAddr) -> PublicUrl,
        trusted: &[&str],
        principals: Principals,
    ) -> Console {
        let (folder, clock, entropy) = (tempdir().unwrap(), Clock::system(), Entropy::system());
        let store = DataFolder::open(folder.path()).unwrap().open_store(&clock, &entropy).await.unwrap();
        let hash = hash_new_password(Password::new(PASSWORD).unwrap(), &entropy).await.unwrap();
        let user = store.create_user(EMAIL.parse().unwrap(), "Olivia".parse().unwrap(), hash).await.unwrap();
        let acme = store.create_organization("Acme".parse().unwrap(), Plan::Starter).await.unwrap();
        store.add_member(acme.id, user.id, Role::Owner).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let web = WebConfig {
            public_url: public_url(address),
            hosts: Hosts::OfPublicUrl,
            principals,
            trusted_proxies: TrustedProxies::new(
                trusted.iter().map(|network| network.parse().unwrap()).collect(),
            ),
            default_window: WindowLength::default(),
            hold: Days::HOLD,
            shortcuts: Vec::new(),
        };
        let config = AppConfig {
            web: Some(web),
            writer: None,
            most_connections: NonZeroUsize::new(10).unwrap(),
            metrics: MetricsConfig::default(),
        };
        let app = App::start(store, clock, entropy, config, listener).await;
        Console { app, address, acme, folder }
    }

    /// Where it listens, without a proxy.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The organization's first record.
    pub async fn first_record(&self) -> Value {
        let first = Sequence::new(1).unwrap();
        let lines = self.app.store().lines(self.acme.id, first, first, super::EVERYTHING).await.unwrap();
        serde_json::from_str(lines[0].line.as_str()).unwrap()
    }

    pub fn store(&self) -> &Store {
        self.app.store()
    }

    /// What so long of the machine's own time would do to an access check that no writer runs.
    pub async fn age_checks(&self, span: Duration) {
        let database =
            TestDatabase::at(format!("sqlite:{}", self.folder.path().join("trailpost.db").display()));
        let millis = span.as_millis();
        let aged = database.tamper(&format!("UPDATE access_checks SET seen_at = seen_at - {millis}")).await;
        assert!(aged > 0);
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }
}
