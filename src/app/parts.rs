//! The parts of a running product: tasks that are to run until they are told to stop.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// A part that ended although nobody told it to. The product is not whole any more.
#[derive(Debug, thiserror::Error)]
#[error("the {part} ended early{}; start Trailpost again, and report this", .error.as_ref().map_or_else(String::new, |error| format!(": {error}")))]
pub struct EndedEarly {
    part: &'static str,
    #[source]
    error: Option<JoinError>,
}

/// Tasks with names, and what stops them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Parts {
    /// Cancelled when the parts are to stop.
    pub(super) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a part.
    pub(super) fn start(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(part).id();
        self.names.insert(id, name);
    }

    /// Waits for the first part that ends. Nothing is lost if the waiting is given up.
    pub(super) async fn ended_early(&mut self) -> EndedEarly {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => EndedEarly { part: self.name(id), error: None },
            Some(Err(error)) => EndedEarly { part: self.name(error.id()), error: Some(error) },
            None => std::future::pending().await,
        }
    }

    /// Tells every part to stop, and waits until all have.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            if let Err(error) = ended {
                tracing::error!(part = self.name(error.id()), %error, "a part of the product ended early");
            }
        }
    }

    /// Ends what has not stopped.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("product")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_named_while_the_others_run() {
        let mut parts = Parts::default();
        let stop = parts.stop_token();
        parts.start("console", async move { stop.cancelled().await });
        parts.start("writer", async { panic!("out of ink") });
        let ended = parts.ended_early().await;
        assert!(ended.to_string().starts_with("the writer ended early: "), "{ended}");
        parts.stop().await;
    }

    #[tokio::test]
    async fn a_part_that_just_returns_has_ended_early_too() {
        let mut parts = Parts::default();
        parts.start("console", async {});
        let ended = parts.ended_early().await;
        assert!(ended.to_string().starts_with("the console ended early; "), "{ended}");
    }
}
