//! The composition root that the command and the tests share: a data folder, a store, AWS, the writer and the
//! console, put together, started and stopped.

#[cfg(feature = "demo")]
pub mod demo;
mod server;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, AwsIdentity};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::window::SealSpread;
use crate::store::{Opening, Store, StoreError};
use crate::web::{Web, WebConfig};
use crate::writer::Writer;

/// What is in flight at a stop gets so long to finish. The store keeps what does not.
const DRAIN: Duration = Duration::from_secs(20);
const CLOSE: Duration = Duration::from_secs(5);

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
    #[error("can't use the data folder {}: {error}", .folder.display())]
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
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join("trailpost.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder { path: path.to_owned(), _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StartError::DataFolderInUse(path.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Opens the database in the folder.
    ///
    /// # Errors
    /// It can't be opened or migrated.
    pub async fn open_store(&self, clock: &Clock, entropy: &Entropy) -> Result<Store, StartError> {
        let file = self.path.join("trailpost.db");
        Ok(Store::open_sqlite(&file, Opening::Serve, clock.clone(), entropy.clone()).await?)
    }

    /// A path in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// What the operator (or the demo) decides about the product.
#[derive(Debug)]
pub struct AppConfig {
    /// Where our own AWS identity comes from.
    pub aws: AwsIdentity,
    /// The console's part.
    pub web: WebConfig,
    /// How long after their windows batches are sealed.
    pub seal_spread: SealSpread,
}

/// The running product: console and writer over one store.
#[derive(Debug)]
pub struct App {
    store: Store,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts the writer and serves the console on `listener`.
    pub async fn start(
        store: Store,
        clock: Clock,
        entropy: Entropy,
        config: AppConfig,
        listener: TcpListener,
    ) -> App {
        let stop = CancellationToken::new();
        let aws = Arc::new(Aws::new(config.aws, clock.clone()).await);
        let writer = Writer::new(store.clone(), aws, clock.clone(), entropy.clone(), config.seal_spread);
        let router = Web::new(store.clone(), clock, entropy, config.web).router();
        let console = server::serve(listener, router, stop.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run(stop.clone()));
        tasks.spawn(console);
        App { store, stop, tasks }
    }

    /// The store that everything works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops taking requests and claims, lets what is in flight finish for 20 seconds, and closes the store. What is
    /// cut off then is found again: the store keeps it.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let drained = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a part of the product ended early");
                }
            }
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("stopped with work in flight; the store keeps it");
            self.tasks.shutdown().await;
        }
        if timeout(CLOSE, self.store.close()).await.is_err() {
            tracing::warn!("the store did not close in time; what was committed is on the disk");
        }
    }
}
