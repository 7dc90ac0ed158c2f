//! API keys: what a program of a project's presents.

use super::clock::Timestamp;
use super::id::{ApiKeyId, ProjectId};
use super::name::name;

name!(
    /// An API key's name: 1 to 100 characters, trimmed and normalized. One of its kind in the project.
    ApiKeyName
);

/// An API key, as those see it who may manage it. Nobody sees the key itself again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The project that it acts in.
    pub project: ProjectId,
    /// Its name.
    pub name: ApiKeyName,
    /// The key's first characters.
    pub token_start: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, by name.
    pub created_by: String,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}
