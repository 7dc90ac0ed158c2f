//! The product as the operator runs it: one process of it, in the role that the configuration gives it.

use std::net::SocketAddr;

use serde::Serialize;

use super::{
    App, AppConfig, DataFolder, EndedEarly, MetricsConfig, StartError, WriterConfig, listen, local_address,
};
use crate::aws::{AwsConfig, AwsIdentity};
use crate::config::Config;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::principal_arn::PrincipalArn;
use crate::domain::window::SealSpread;
use crate::store::{Opening, Store, StoreUrl};
use crate::web::{Hosts, PublicUrl, WebConfig};
use crate::writer::WriterSettings;

/// What `--json` prints: a contract, see PRODUCT.md section 8.
#[derive(Clone, Debug, Serialize)]
pub struct Announcement {
    /// Where browsers reach the console; none for a process without one.
    pub console_url: Option<String>,
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// What the process does.
    pub role: &'static str,
    /// The address that a monitoring system is listened to on, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<SocketAddr>,
}

/// One running process of the product.
#[derive(Debug)]
pub struct Serving {
    app: App,
    announcement: Announcement,
    /// Locked until the process ends; with PostgreSQL there is none.
    _folder: Option<DataFolder>,
}

impl Serving {
    /// Starts what the configuration says. The data folder and the address are taken before the store is opened.
    ///
    /// # Errors
    /// The data folder or the address is taken, or the store can't be opened.
    pub async fn start(config: &Config) -> Result<Serving, StartError> {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let (role, url) = (config.server().role(), config.store().url());
        let folder = match url {
            StoreUrl::Sqlite(file) => Some(DataFolder::of(file)?),
            StoreUrl::Postgres(_) => None,
        };
        let listener = listen(config.server().listen()).await?;
        let address = local_address(&listener)?;
        let metrics = metrics(config).await?;
        let most = config.store().most_connections();
        let store = Store::open(url, Opening::Serve, most, clock.clone(), entropy.clone()).await?;
        let web = if role.serves_console() { Some(web(config, address)?) } else { None };
        let announcement = Announcement {
            console_url: web.as_ref().map(|web| web.public_url.origin()),
            listen: address,
            role: role.as_str(),
            metrics_listen: metrics.listener.as_ref().map(local_address).transpose()?,
        };
        let (writer, most_connections) = (writer(config), config.server().most_connections());
        let config = AppConfig { web, writer, most_connections, metrics };
        let app = App::start(store, clock, entropy, config, listener).await;
        Ok(Serving { app, announcement, _folder: folder })
    }

    /// Where it is reached, and what it does.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Waits for a part to end that nobody told to: for ever, when all is well.
    pub async fn ended_early(&mut self) -> EndedEarly {
        self.app.ended_early().await
    }

    /// Lets what is in flight finish, and stops.
    pub async fn stop(self) {
        self.app.stop().await;
    }
}

fn web(config: &Config, address: SocketAddr) -> Result<WebConfig, StartError> {
    if config.principals().as_slice().is_empty() {
        tracing::warn!(
            "aws.principal_arn is not set: owners can't finish their set-up, because nobody tells them whom their \
             role has to trust"
        );
    }
    let public_url = public_url(config, address)?;
    if public_url.is_https()
        && address.ip().is_loopback()
        && config.server().trusted_proxies().networks().is_empty()
    {
        tracing::warn!(
            "server.trusted_proxies is empty: every visitor has the address of the proxy in front, in records and \
             where guessing passwords is slowed"
        );
    }
    Ok(WebConfig {
        public_url,
        hosts: Hosts::OfPublicUrl,
        principals: config.principals().clone(),
        trusted_proxies: config.server().trusted_proxies().clone(),
        default_window: config.window(),
        hold: config.hold(),
        shortcuts: Vec::new(),
    })
}

fn public_url(config: &Config, address: SocketAddr) -> Result<PublicUrl, StartError> {
    let missing = || StartError::Other(format!("set server.public_url: browsers can't be sent to {address}"));
    config.server().public_url_on(address).ok_or_else(missing)
}

/// In the home partition we are who the environment says; what further ones there are, their principals say.
fn aws(config: &Config) -> AwsConfig {
    let further = config.principals().as_slice().iter().skip(1);
    AwsConfig {
        identity: AwsIdentity::Environment,
        further: further.map(PrincipalArn::partition).collect(),
        s3: config.s3().clone(),
    }
}

fn writer(config: &Config) -> Option<WriterConfig> {
    let settings = WriterSettings {
        seal_spread: SealSpread::PerOrganization,
        hold: config.hold(),
        retention: config.retention(),
    };
    config.server().role().writes().then(|| WriterConfig { aws: aws(config), settings })
}

async fn metrics(config: &Config) -> Result<MetricsConfig, StartError> {
    let listener = match config.metrics().listen() {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    Ok(MetricsConfig { listener, token: config.metrics().token().cloned() })
}
