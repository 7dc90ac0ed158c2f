//! Everything that the demo is made of, on loopback: sandbox, seeds, console, writer, activity.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    App, AppConfig, DataFolder, EndedEarly, MetricsConfig, StartError, WriterConfig, listen, local_address,
};
use crate::aws::AwsIdentity;
use crate::demo::seed::{PASSWORD, Seeded, seed};
use crate::demo::{activity, world};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::credential::Password;
use crate::domain::days::Days;
use crate::domain::principals::Principals;
use crate::domain::window::{SealSpread, WindowLength};
use crate::sandbox::{Sandbox, SandboxConfig};
use crate::store::Store;
use crate::web::{
    Hosts, MetricsToken, PublicUrl, SignInShortcut, TrustedProxies, WebConfig, hash_new_password,
};
use crate::writer::WriterSettings;

const MOST_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(1024).expect("more than none");

/// How the demo is to run.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where the console listens.
    pub listen: SocketAddr,
    /// Where the sandbox listens.
    pub sandbox_listen: SocketAddr,
    /// Where its data are kept; none for a folder that goes with the process.
    pub data_folder: Option<PathBuf>,
    /// The delivery window of a new integration.
    pub window: WindowLength,
    /// Whether records come in by themselves.
    pub activity: bool,
    /// What time it is.
    pub clock: Clock,
    /// What `/metrics` is told for; none where it is told nobody.
    pub metrics_token: Option<MetricsToken>,
}

impl DemoOptions {
    /// Free ports, a folder that goes with the process, a window of one minute, no activity: for tests.
    pub fn ephemeral() -> DemoOptions {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        DemoOptions {
            listen: free,
            sandbox_listen: free,
            data_folder: None,
            window: WindowLength::new(1).expect("one minute divides the hour"),
            activity: false,
            clock: Clock::system(),
            metrics_token: None,
        }
    }
}

/// What `--json` prints: a contract, see PRODUCT.md section 9.
#[derive(Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are documented where the contract is")]
pub struct Announcement {
    pub console_url: String,
    pub sandbox_url: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub producer_token: String,
    pub accounts: Vec<Account>,
}

impl fmt::Debug for Announcement {
    /// Without its keys and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement").field("console_url", &self.console_url).finish_non_exhaustive()
    }
}

/// One account, as announced.
#[derive(Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are documented where the contract is")]
pub struct Account {
    pub email: String,
    pub password: String,
    pub role: String,
    pub organization_id: String,
    pub organization: String,
    pub plan: String,
}

/// The running demo.
#[derive(Debug)]
pub struct Demo {
    app: App,
    sandbox: Sandbox,
    clock: Clock,
    announcement: Announcement,
    activity: CancellationToken,
    stop: CancellationToken,
    _folder: Folder,
}

/// The data folder, and what removes it at the end if it is a temporary one.
#[derive(Debug)]
struct Folder {
    data: DataFolder,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    fn open(path: Option<&Path>) -> Result<Folder, StartError> {
        match path {
            Some(path) => Ok(Folder { data: DataFolder::open(path)?, _temporary: None }),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("trailpost-demo-")
                    .tempdir()
                    .map_err(|error| StartError::DataFolder { folder: std::env::temp_dir(), error })?;
                Ok(Folder { data: DataFolder::open(temporary.path())?, _temporary: Some(temporary) })
            }
        }
    }
}

impl Demo {
    /// Starts everything. Both addresses are taken before anything is made.
    ///
    /// # Errors
    /// A port or the data folder is taken, or the store or sandbox can't be opened.
    pub async fn start(options: DemoOptions) -> Result<Demo, StartError> {
        let console_listener = listen(options.listen).await?;
        let sandbox_listener = listen(options.sandbox_listen).await?;
        let console_address = local_address(&console_listener)?;
        let folder = Folder::open(options.data_folder.as_deref())?;
        let clock = options.clock.clone();
        let entropy = Entropy::system();
        let store = folder.data.open_store(&clock, &entropy).await?;
        let seeded = seed_store(&store, &entropy).await?;
        let stop = CancellationToken::new();
        let trickling = stop.child_token();
        let sandbox =
            start_sandbox(&folder, &seeded, &clock, &entropy, sandbox_listener, stop.child_token()).await?;
        let public_url = PublicUrl::in_the_open(reachable(console_address));
        let announcement = announce(&public_url, &sandbox, &seeded);
        if options.activity {
            let organization = seeded.accounts[0].organization.id;
            tokio::spawn(activity::trickle(store.clone(), entropy.clone(), organization, trickling.clone()));
        }
        let aws = AwsIdentity::Stated {
            endpoint_url: announcement.sandbox_url.clone(),
            region: world::REGION.to_owned(),
            access_key_id: world::OUR_ACCESS_KEY_ID.to_owned(),
            secret_access_key: world::OUR_SECRET_ACCESS_KEY.into(),
        };
        let web = WebConfig {
            public_url,
            hosts: if console_address.ip().is_unspecified() { Hosts::Any } else { Hosts::OfPublicUrl },
            principals: our_principals(),
            trusted_proxies: TrustedProxies::default(),
            default_window: options.window,
            hold: Days::HOLD,
            shortcuts: shortcuts(&seeded),
        };
        // Whoever watches a demo waits for the window's end already.
        let settings =
            WriterSettings { seal_spread: SealSpread::None, hold: Days::HOLD, retention: Days::RETENTION };
        let writer = WriterConfig { aws: aws.into(), settings };
        let config = AppConfig {
            web: Some(web),
            writer: Some(writer),
            most_connections: MOST_CONNECTIONS,
            metrics: MetricsConfig { listener: None, token: options.metrics_token },
        };
        let app = App::start(store, clock.clone(), entropy, config, console_listener).await;
        Ok(Demo { app, sandbox, clock, announcement, activity: trickling, stop, _folder: folder })
    }

    /// Addresses, keys and accounts.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// The clock that windows, leases and retries follow.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The store.
    pub fn store(&self) -> &Store {
        self.app.store()
    }

    /// The small AWS.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Waits for a part to end that nobody told to: for ever, when all is well.
    pub async fn ended_early(&mut self) -> EndedEarly {
        self.app.ended_early().await
    }

    /// Stops everything, the sandbox last, so that deliveries in flight can finish.
    pub async fn stop(self) {
        self.activity.cancel();
        self.app.stop().await;
        self.stop.cancel();
        self.sandbox.stop().await;
    }
}

/// An address that this machine can connect to: what listens on all addresses is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(all) if all.ip().is_unspecified() => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, all.port()))
        }
        SocketAddr::V6(all) if all.ip().is_unspecified() => {
            SocketAddr::from((Ipv6Addr::LOCALHOST, all.port()))
        }
        one => one,
    }
}

async fn seed_store(store: &Store, entropy: &Entropy) -> Result<Seeded, StartError> {
    let password = Password::new(PASSWORD).expect("the demo's password is long enough");
    let hash =
        hash_new_password(password, entropy).await.map_err(|error| StartError::Other(error.to_string()))?;
    seed(store, entropy, &hash).await.map_err(|error| StartError::Other(error.to_string()))
}

async fn start_sandbox(
    folder: &Folder,
    seeded: &Seeded,
    clock: &Clock,
    entropy: &Entropy,
    listener: tokio::net::TcpListener,
    stop: CancellationToken,
) -> Result<Sandbox, StartError> {
    let acme = &seeded.accounts[0].organization;
    let clock = clock.clone();
    let config = SandboxConfig {
        folder: folder.data.join("sandbox"),
        users: world::users(),
        roles: world::roles(&acme.external_id),
        keys: world::keys(),
        buckets: world::buckets(),
        members: world::members(),
        now: Arc::new(move || clock.now().as_millis()),
        seed: entropy.bytes(),
    };
    Sandbox::start(config, listener, stop).await.map_err(|error| StartError::Other(error.to_string()))
}

fn our_principals() -> Principals {
    let principal = world::OUR_PRINCIPAL.parse().expect("the demo’s principal is one");
    Principals::new(vec![principal]).expect("one is of one partition")
}

fn announce(public_url: &PublicUrl, sandbox: &Sandbox, seeded: &Seeded) -> Announcement {
    let accounts = seeded.accounts.iter().map(|account| Account {
        email: account.email.to_string(),
        password: PASSWORD.to_owned(),
        role: account.role.as_str().to_owned(),
        organization_id: account.organization.id.to_string(),
        organization: account.organization.name.to_string(),
        plan: account.organization.plan.as_str().to_owned(),
    });
    Announcement {
        console_url: public_url.origin(),
        sandbox_url: format!("http://{}", reachable(sandbox.address())),
        region: world::REGION.to_owned(),
        access_key_id: world::CUSTOMER_ACCESS_KEY_ID.to_owned(),
        secret_access_key: world::CUSTOMER_SECRET_ACCESS_KEY.to_owned(),
        producer_token: seeded.producer_token.expose().to_owned(),
        accounts: accounts.collect(),
    }
}

fn shortcuts(seeded: &Seeded) -> Vec<SignInShortcut> {
    let shortcut = |account: &crate::demo::seed::Account| SignInShortcut {
        label: format!("{} of {}", account.role.label(), account.organization.name),
        detail: account.organization.plan.label().to_owned(),
        email: account.email.to_string(),
        password: PASSWORD.into(),
    };
    seeded.accounts.iter().map(shortcut).collect()
}
