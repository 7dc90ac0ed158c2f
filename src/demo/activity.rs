//! A trickle of activity: records such as the products beside Trailpost would send, one every few seconds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Entropy;
use crate::domain::credential::ProducerName;
use crate::domain::id::OrganizationId;
use crate::domain::submission::SubmittedRecord;
use crate::store::Store;

const SHORTEST_PAUSE: Duration = Duration::from_secs(4);
const PAUSE_SPREAD: Duration = Duration::from_secs(8);

/// Action, resource type, resource id and name, and whether it was denied.
type Happening = (&'static str, &'static str, &'static str, bool);

const HAPPENINGS: [Happening; 10] = [
    ("create", "index", "docs-search", false),
    ("update", "index", "docs-search", false),
    ("create", "backup", "docs-search-nightly", false),
    ("create", "project", "recommendations", false),
    ("create", "index", "product-embeddings", false),
    ("delete", "backup", "docs-search-old", false),
    ("create", "api-key", "key-7c1f", false),
    ("delete", "index", "product-embeddings", true),
    ("create", "private-endpoints", "vpce-0a1b2c3d", false),
    ("delete", "api-key", "key-19ab", false),
];

const PEOPLE: [(&str, &str); 3] = [
    ("manager@acme.example", "Mateo Mann"),
    ("member@acme.example", "Mei Memoto"),
    ("owner@acme.example", "Olivia Owens"),
];

/// Makes activity in an organization until told to stop.
pub async fn trickle(store: Store, entropy: Entropy, organization: OrganizationId, stop: CancellationToken) {
    let producer: ProducerName = "demo activity".parse().expect("a valid name");
    loop {
        let pause = SHORTEST_PAUSE + PAUSE_SPREAD.mul_f64(entropy.fraction());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let record = SubmittedRecord::parse(happening(&entropy, organization))
            .expect("the demo's own records are valid");
        if let Err(error) = store.ingest(producer.clone(), vec![record]).await {
            tracing::error!(%error, "the demo's activity could not be stored");
        }
    }
}

fn pick<'a, T>(entropy: &Entropy, choices: &'a [T]) -> &'a T {
    let [byte] = entropy.bytes::<1>();
    &choices[usize::from(byte) % choices.len()]
}

fn happening(entropy: &Entropy, organization: OrganizationId) -> Value {
    let (action, resource_type, resource, denied) = *pick(entropy, &HAPPENINGS);
    let (email, name) = *pick(entropy, &PEOPLE);
    let outcome = if denied {
        json!({
            "result": "failure",
            "reason": "The role does not allow deleting indexes",
            "error_code": "PERMISSION_DENIED",
        })
    } else {
        json!({ "result": "success" })
    };
    json!({
        "organization_id": organization,
        "client": { "userAgent": "python-client/7.3.0 (Linux; x86_64)" },
        "actor": {
            "principal_id": email,
            "principal_name": email,
            "principal_type": "user",
            "display_name": name,
        },
        "event": {
            "action": action,
            "resource_type": resource_type,
            "resource_id": resource,
            "resource_name": resource,
            "outcome": outcome,
            "parameters": { "source_ip": "203.0.113.24" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Clock;

    #[test]
    fn every_happening_is_a_valid_record() {
        let entropy = Entropy::seeded(1);
        let organization = OrganizationId::generate(&Clock::system(), &entropy);
        for _ in 0..200 {
            let record = SubmittedRecord::parse(happening(&entropy, organization)).unwrap();
            assert_eq!(record.reserved(), None);
        }
    }
}
