//! The composition root that the command and the tests share: a data folder, a store, AWS, the writer and the
//! console, put together, started and stopped.

#[cfg(feature = "demo")]
pub mod demo;
mod parts;
mod patience;
mod readiness;
pub mod serve;
mod server;

use std::fs::{DirBuilder, File};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::aws::{Aws, AwsConfig};
use crate::config::StoreConfig;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::days::Days;
use crate::metrics::{Metrics, ThisProcess};
use crate::store::{Opening, Store, StoreError, StoreUrl, behind_links};
use crate::web::{
    MetricsAccess, MetricsEndpoint, MetricsSource, MetricsToken, Web, WebConfig, background_router,
    metrics_router,
};
use crate::writer::{Writer, WriterSettings};
use parts::Parts;

pub use parts::EndedEarly;

/// What is in flight at a stop gets so long to finish. The store keeps what does not.
const DRAIN: Duration = Duration::from_secs(20);
const CLOSE: Duration = Duration::from_secs(5);
/// A monitoring system needs one.
const METRICS_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16).expect("more than none");
/// For a store in a data folder, which is SQLite's and has its own number.
const STORE_CONNECTIONS: u32 = 4;

/// Why the product could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process, or a missing permission, is in the way of an address.
    #[error("can't listen on {address}: {}", listen_advice(.error))]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The data folder can't be used.
    #[error("can't use the data folder {}: {error}{}", .folder.display(), folder_advice(.error))]
    DataFolder {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process uses the data folder.
    #[error("the data folder {} is in use by another Trailpost process; stop it or choose another --data-dir", .0.display())]
    DataFolderInUse(PathBuf),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else that only the operator can mend.
    #[error("{0}")]
    Other(String),
}

fn listen_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another port (0 takes a free one)".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not use this port; choose one above 1023".to_owned()
        }
        _ => error.to_string(),
    }
}

fn folder_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "; a file is in the way: choose another --data-dir"
        }
        io::ErrorKind::PermissionDenied => {
            "; run this as the user of the service, or choose another --data-dir"
        }
        _ => "; choose another --data-dir",
    }
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Other(error.to_string()))
}

/// Takes an address.
///
/// # Errors
/// It is taken, or may not be used.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })
}

/// A folder that belongs to this process until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, and locks it.
    ///
    /// # Errors
    /// It can't be made or written, or another process has it.
    pub fn open(path: &Path) -> Result<DataFolder, StartError> {
        let failed = |error| StartError::DataFolder { folder: path.to_owned(), error };
        make_private_folder(path).map_err(failed)?;
        let lock = File::create(path.join("trailpost.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder { path: path.to_owned(), _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StartError::DataFolderInUse(path.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The folder of a SQLite file: the one that it really is in, so that there is one lock whatever leads to it.
    ///
    /// # Errors
    /// As `open`.
    pub fn of(file: &Path) -> Result<DataFolder, StartError> {
        DataFolder::open(folder_of(&real_file(file)?))
    }

    /// Opens the database in the folder.
    ///
    /// # Errors
    /// It can't be opened or migrated.
    pub async fn open_store(&self, clock: &Clock, entropy: &Entropy) -> Result<Store, StartError> {
        let url = StoreUrl::in_data_folder(&self.path);
        Ok(Store::open(&url, Opening::Serve, STORE_CONNECTIONS, clock.clone(), entropy.clone()).await?)
    }

    /// A path in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Opens the database of one command. The folder of a SQLite file is made if the command may be the first; it is not
/// locked, so that the command can run beside a process that serves.
///
/// # Errors
/// The folder can't be made, or the database can't be opened.
pub async fn open_beside_a_server(
    config: &StoreConfig,
    opening: Opening,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Store, StartError> {
    if let StoreUrl::Sqlite(file) = config.url()
        && opening != Opening::Command
    {
        let file = real_file(file)?;
        let folder = folder_of(&file);
        make_private_folder(folder)
            .map_err(|error| StartError::DataFolder { folder: folder.to_owned(), error })?;
    }
    let most = config.most_connections();
    Ok(Store::open(config.url(), opening, most, clock.clone(), entropy.clone()).await?)
}

fn real_file(file: &Path) -> Result<PathBuf, StartError> {
    behind_links(file).map_err(|error| StartError::DataFolder { folder: folder_of(file).to_owned(), error })
}

/// Makes a folder that is its owner's alone, with those above it. One that is there stays as it is.
fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the operator (or the demo) decides about the product.
#[derive(Debug)]
pub struct AppConfig {
    /// The console and the API; none for a process that only works in the background.
    pub web: Option<WebConfig>,
    /// The work in the background; none for a process that only answers.
    pub writer: Option<WriterConfig>,
    /// How many connections are served at once.
    pub most_connections: NonZeroUsize,
    /// Where a monitoring system is answered, and which.
    pub metrics: MetricsConfig,
}

/// Where a monitoring system is answered, and which: where neither is set, `/metrics` is nowhere.
#[derive(Debug, Default)]
pub struct MetricsConfig {
    /// A listener of its own; none for that of the console.
    pub listener: Option<TcpListener>,
    /// What is to be presented there. On a listener of its own nothing has to.
    pub token: Option<MetricsToken>,
}

/// What the operator (or the demo) decides about the work in the background.
#[derive(Debug)]
pub struct WriterConfig {
    /// Our side of AWS.
    pub aws: AwsConfig,
    /// When it seals, and how long it holds what can't be delivered.
    pub settings: WriterSettings,
}

/// The running product, or a part of it: console, writer or both over one store.
#[derive(Debug)]
pub struct App {
    store: Store,
    parts: Parts,
}

impl App {
    /// Starts the writer and serves the console on `listener`; without a console, only whether the process lives and
    /// is ready.
    pub async fn start(
        store: Store,
        clock: Clock,
        entropy: Entropy,
        config: AppConfig,
        listener: TcpListener,
    ) -> App {
        let metrics = Metrics::new(this_process(&config, &store, &clock));
        let store = store.measured_by(metrics.store.clone());
        let source = MetricsSource::new(metrics.clone(), store.clone(), clock.clone(), config.hold());
        let endpoint = |access| MetricsEndpoint { access, source: source.clone() };
        let (beside, own) = config.metrics.access();
        let (beside, own) = (endpoint(beside), own.map(|(listener, access)| (listener, endpoint(access))));
        let mut parts = Parts::default();
        let mut our_side = None;
        if let Some(WriterConfig { aws, settings }) = config.writer {
            let aws = Arc::new(Aws::measured_by(metrics.aws, aws, clock.clone()).await);
            let (ours, counted) = (Arc::clone(&aws), metrics.writer);
            let writer = Writer::new(store.clone(), ours, clock.clone(), entropy.clone(), settings, counted);
            parts.start("writer", writer.run(parts.stop_token()));
            our_side = Some(aws);
        }
        let router = match config.web {
            Some(web) => Web::new(store.clone(), clock, entropy, web, metrics.web, beside).router(),
            None => background_router(store.clone(), beside),
        };
        let router = telling_of_our_identity(router, our_side.as_ref());
        let server = server::serve(listener, router, config.most_connections, parts.stop_token());
        parts.start("server", server);
        if let Some((listener, endpoint)) = own {
            let router = telling_of_our_identity(metrics_router(endpoint), our_side.as_ref());
            let server = server::serve(listener, router, METRICS_CONNECTIONS, parts.stop_token());
            parts.start("server of the metrics", server);
        }
        App { store, parts }
    }

    /// The store that everything works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Waits for a part to end that nobody told to: for ever, when all is well.
    pub async fn ended_early(&mut self) -> EndedEarly {
        self.parts.ended_early().await
    }

    /// Stops taking requests and claims, lets what is in flight finish for 20 seconds, and closes the store, within 25
    /// seconds in all. What is cut off is found again: the store keeps it.
    pub async fn stop(mut self) {
        if timeout(DRAIN, self.parts.stop()).await.is_err() {
            tracing::warn!("stopped with work in flight; the store keeps it");
            self.parts.abort().await;
        }
        if timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; what was committed is on the disk");
        }
    }
}

impl AppConfig {
    /// How long records are held that can't be delivered.
    fn hold(&self) -> Days {
        let writers = self.writer.as_ref().map(|writer| writer.settings.hold);
        writers.or(self.web.as_ref().map(|web| web.hold)).unwrap_or(Days::HOLD)
    }
}

impl MetricsConfig {
    /// Who is answered beside the console, and on which listener of its own.
    fn access(self) -> (MetricsAccess, Option<(TcpListener, MetricsAccess)>) {
        match (self.listener, self.token.map(MetricsAccess::Bearer)) {
            (Some(listener), access) => {
                (MetricsAccess::Nobody, Some((listener, access.unwrap_or(MetricsAccess::Anybody))))
            }
            (None, access) => (access.unwrap_or(MetricsAccess::Nobody), None),
        }
    }
}

fn this_process(config: &AppConfig, store: &Store, clock: &Clock) -> ThisProcess {
    let role = match (&config.web, &config.writer) {
        (Some(_), Some(_)) => "all",
        (Some(_), None) => "console",
        (None, _) => "writer",
    };
    ThisProcess { version: env!("CARGO_PKG_VERSION"), engine: store.engine(), role, started_at: clock.wall() }
}

fn telling_of_our_identity(router: Router, our_side: Option<&Arc<Aws>>) -> Router {
    match our_side {
        Some(aws) => router.layer(from_fn_with_state(Arc::clone(aws), readiness::tell_of_our_identity)),
        None => router,
    }
}
