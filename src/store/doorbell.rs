//! Tells writers that a commit left work for them. Only a hint: everything also works without it, on the writer's
//! tick.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::database::Database;
use crate::domain::error_chain::ErrorChain;

/// After a lost connection.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// The ringing side.
#[derive(Clone, Debug)]
pub(super) struct Bell(watch::Sender<()>);

impl Bell {
    pub(super) fn new() -> Bell {
        Bell(watch::Sender::new(()))
    }

    pub(super) fn ring(&self) {
        self.0.send_replace(());
    }

    pub(super) fn listen(&self) -> Doorbell {
        Doorbell(self.0.subscribe())
    }
}

/// The listening side. Each listener hears every ring since it last listened as one.
#[derive(Debug)]
pub struct Doorbell(watch::Receiver<()>);

impl Doorbell {
    /// One that nobody rings.
    #[cfg(test)]
    pub(crate) fn never_rung() -> Doorbell {
        Bell::new().listen()
    }

    /// Waits for the next ring; for ever, once the store is gone.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes the rings of other processes on, until the store is closed.
pub(super) fn hear_other_processes(database: &Database, bell: &Bell, closed: CancellationToken) {
    let (database, bell) = (database.clone(), bell.clone());
    tokio::spawn(async move {
        let listening = async {
            loop {
                if let Err(error) = pass_on(&database, &bell).await {
                    tracing::debug!(error = %ErrorChain(&error), "rings of other processes are not heard for now");
                }
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
        };
        tokio::select! {
            () = closed.cancelled() => {}
            () = listening => {}
        }
    });
}

async fn pass_on(database: &Database, bell: &Bell) -> Result<(), StoreError> {
    let Some(mut others) = database.listen().await? else { return Ok(()) };
    loop {
        others.rung().await?;
        bell.ring();
    }
}
