//! A console over a store of its own, without the demo: one organization, its owner, and what a test decides about how
//! it is reached.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;
use trailpost::app::{App, AppConfig, DataFolder};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::Password;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::principals::Principals;
use trailpost::domain::retry::HOLD;
use trailpost::domain::sequence::Sequence;
use trailpost::domain::window::WindowLength;
use trailpost::web::{Hosts, PublicUrl, TrustedProxies, WebConfig, hash_new_password};

pub const EMAIL: &str = "owner@acme.example";
pub const PASSWORD: &str = "correct horse battery";

pub struct Console {
    app: App,
    pub address: SocketAddr,
    pub acme: Organization,
    _folder: TempDir,
}

impl Console {
    /// Reached at its own address.
    pub async fn behind(trusted: &[&str]) -> Console {
        Console::start(PublicUrl::in_the_open, trusted).await
    }

    /// Reached through a proxy that speaks https.
    pub async fn at(public_url: &str) -> Console {
        Console::start(|_| public_url.parse().unwrap(), &[]).await
    }

    async fn start(public_url: impl FnOnce(SocketAddr) -> PublicUrl, trusted: &[&str]) -> Console {
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
            principals: Principals::default(),
            trusted_proxies: TrustedProxies::new(
                trusted.iter().map(|network| network.parse().unwrap()).collect(),
            ),
            default_window: WindowLength::default(),
            hold: HOLD,
            shortcuts: Vec::new(),
        };
        let config =
            AppConfig { web: Some(web), writer: None, most_connections: NonZeroUsize::new(10).unwrap() };
        let app = App::start(store, clock, entropy, config, listener).await;
        Console { app, address, acme, _folder: folder }
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

    pub async fn stop(self) {
        self.app.stop().await;
    }
}
