//! Tells the writer of this process that a commit left work for it. Only a hint: everything also works without
//! it, on the writer's tick.

use tokio::sync::watch;

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
    /// Waits for the next ring; for ever, once the store is gone.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
