//! What the tests share: ways to use the product as its users do, and to wait for what it promises.

pub mod accessibility;
pub mod browser;
pub mod bucket;
pub mod chromedriver;
pub mod console;
pub mod customer;
pub mod database;
pub mod http_user;
pub mod page;
pub mod pdf;
pub mod postgres;
pub mod product;
pub mod program;
pub mod screen;
pub mod silent_wire;

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Value, json};
use trailpost::store::Page;

use tokio::time::{Instant, sleep};

/// How long something that will happen may take on a busy machine. Nothing waits for its end when all is well.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A page that holds all there is.
pub const EVERYTHING: Page = Page { records: 1_000_000, bytes: u32::MAX };

/// The demo’s role and bucket that work together.
pub const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/trailpost-audit-logs";
pub const BUCKET: &str = "acme-audit-logs";

/// Asks until there is an answer, or until the deadline.
pub async fn poll<T>(probe: impl AsyncFn() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return Some(found);
        }
        if start.elapsed() > DEADLINE {
            return None;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
    poll(probe).await.unwrap_or_else(|| panic!("this did not happen within {DEADLINE:?}: {what}"))
}

/// What a producer submits: only what has to be there.
pub fn submission(organization_id: impl Display, resource: &str) -> Value {
    json!({
        "organization_id": organization_id.to_string(),
        "actor": { "principal_id": "k", "principal_name": "key", "principal_type": "api_key" },
        "event": {
            "action": "create",
            "resource_type": "index",
            "resource_id": resource,
            "resource_name": resource,
            "outcome": { "result": "success" },
        },
    })
}

/// The same under an id.
pub fn with_id(mut submission: Value, id: &str) -> Value {
    submission["id"] = json!(id);
    submission
}
