//! Events of service accounts. Never a secret, and nothing of one.

use serde_json::{Value, json};

use super::{EventDraft, changes, draft};
use crate::domain::clock::Timestamp;
use crate::domain::id::SecretId;
use crate::domain::membership::Role;
use crate::domain::service_account::{Overlap, ServiceAccount, ServiceAccountName};

/// `create · service-account · id`
pub fn create(account: &ServiceAccount) -> EventDraft {
    made(json!(account.id), &account.name, account.role).of_client(account)
}

/// `create · service-account · …` of one that was not made: the name stands in for the id.
pub fn create_none(name: &ServiceAccountName, role: Role) -> EventDraft {
    made(json!(name), name, role)
}

fn made(id: Value, name: &ServiceAccountName, role: Role) -> EventDraft {
    let mut event = draft("create", "service-account", id, name.as_str());
    event.parameters = changes(&Value::Null, &json!({ "name": name.as_str(), "role": role.as_str() }));
    event
}

/// `update · service-account · id`: another role.
pub fn change_role(account: &ServiceAccount, after: Role) -> EventDraft {
    let mut event = about("update", account);
    event.parameters = changes(&json!({ "role": account.role.as_str() }), &json!({ "role": after.as_str() }));
    event.of_client(account)
}

/// `rotate · service-account · id`: another secret, and until when the one before goes on working, if any does.
pub fn rotate(account: &ServiceAccount, overlap: Overlap, old_until: Option<Timestamp>) -> EventDraft {
    let mut event = about("rotate", account).of_client(account);
    let after = json!({ "overlap": overlap.as_str(), "old_secret_until": old_until });
    event.parameters.extend(changes(&Value::Null, &after));
    event
}

/// `update · service-account · id`: one of its secrets was ended early.
pub fn end_secret(account: &ServiceAccount, secret: SecretId) -> EventDraft {
    let mut event = about("update", account).of_client(account);
    event.parameters.insert("ended_secret".to_owned(), json!(secret));
    event
}

/// `delete · service-account · id`
pub fn delete(account: &ServiceAccount) -> EventDraft {
    let mut event = about("delete", account);
    let before = json!({ "name": account.name.as_str(), "role": account.role.as_str() });
    event.parameters = changes(&before, &Value::Null);
    event.of_client(account)
}

fn about(action: &'static str, account: &ServiceAccount) -> EventDraft {
    draft(action, "service-account", json!(account.id), account.name.as_str())
}

impl EventDraft {
    fn of_client(mut self, account: &ServiceAccount) -> EventDraft {
        self.parameters.insert("client_id".to_owned(), json!(account.client_id.as_str()));
        self
    }
}
