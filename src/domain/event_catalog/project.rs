//! Events of projects, their members and their API keys. A failed attempt has the same shape; what was not made has no
//! id, so its name stands there.

use serde_json::{Value, json};

use super::{EventDraft, changes, draft};
use crate::domain::api_key::{ApiKey, ApiKeyName};
use crate::domain::project::{Project, ProjectName, ProjectRole};
use crate::domain::user::EmailAddress;

/// `create · project · name`
pub fn create(name: &ProjectName) -> EventDraft {
    let mut event = draft("create", "project", json!(name.as_str()), name.as_str());
    event.parameters = changes(&Value::Null, &json!({ "name": name.as_str() }));
    event
}

/// `update · project · new name`
pub fn rename(before: &Project, after: &ProjectName) -> EventDraft {
    let mut event = draft("update", "project", json!(after.as_str()), after.as_str());
    event.parameters = changes(&json!({ "name": before.name.as_str() }), &json!({ "name": after.as_str() }));
    event.of_project(before)
}

/// `delete · project · name`, with how many API keys and members went with it.
pub fn delete(project: &Project, api_keys: usize, members: usize) -> EventDraft {
    let name = project.name.as_str();
    let mut event = draft("delete", "project", json!(name), name);
    let before = json!({ "name": name, "api_keys": api_keys, "members": members });
    event.parameters = changes(&before, &Value::Null);
    event.of_project(project)
}

/// `create · user · [emails]`
pub fn add_member(project: &Project, email: &EmailAddress, role: ProjectRole) -> EventDraft {
    let mut event = draft("create", "user", json!([email.as_str()]), email.as_str());
    event.parameters = changes(&Value::Null, &json!({ "role": role.as_str() }));
    event.of_project(project)
}

/// `update · user · {user, role}`
pub fn change_member(
    project: &Project,
    email: &EmailAddress,
    before: ProjectRole,
    after: ProjectRole,
) -> EventDraft {
    let whose = json!({ "user": email.as_str(), "role": after.as_str() });
    let mut event = draft("update", "user", whose, email.as_str());
    event.parameters = changes(&json!({ "role": before.as_str() }), &json!({ "role": after.as_str() }));
    event.of_project(project)
}

/// `delete · user · {user, project}`
pub fn remove_member(project: &Project, email: &EmailAddress, role: ProjectRole) -> EventDraft {
    let whose = json!({ "user": email.as_str(), "project": project.name.as_str() });
    let mut event = draft("delete", "user", whose, email.as_str());
    event.parameters = changes(&json!({ "role": role.as_str() }), &Value::Null);
    event.of_project(project)
}

/// `create · api-key · key id`
pub fn create_api_key(project: &Project, key: &ApiKey) -> EventDraft {
    made_api_key(project, json!(key.id), &key.name)
}

/// `create · api-key · …` of a key that was not made.
pub fn create_no_api_key(project: &Project, name: &ApiKeyName) -> EventDraft {
    made_api_key(project, json!(name), name)
}

fn made_api_key(project: &Project, id: Value, name: &ApiKeyName) -> EventDraft {
    let mut event = draft("create", "api-key", id, name.as_str());
    event.parameters = changes(&Value::Null, &json!({ "name": name.as_str() }));
    event.of_project(project)
}

/// `delete · api-key · key id`
pub fn delete_api_key(project: &Project, key: &ApiKey) -> EventDraft {
    let mut event = draft("delete", "api-key", json!(key.id), key.name.as_str());
    event.parameters = changes(&json!({ "name": key.name.as_str() }), &Value::Null);
    event.of_project(project)
}

impl EventDraft {
    /// Says which project it is about, as it was called then.
    #[must_use]
    pub fn of_project(mut self, project: &Project) -> EventDraft {
        let named = json!({ "id": project.id, "name": project.name.as_str() });
        self.parameters.insert("project".to_owned(), named);
        self
    }
}
