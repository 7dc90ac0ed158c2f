//! API keys of projects.
//!
//! Guarantees:
//! - a key is kept as its hash; its first characters are all that is seen of it again;
//! - a name is given once in a project, so that a form that is sent twice makes one key;
//! - a deleted key, or one whose project is deleted or whose organization is closed, lets nobody in from the commit on.

use std::time::Duration;

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_one, fetch_optional, parse};
use super::listing::{Listed, Listing};
use super::organizations::OrganizationRow;
use super::principals::{ChangeRefused, Decided};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::api_key::{ApiKey, ApiKeyName};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{ApiKeyToken, TokenHash};
use crate::domain::event_catalog;
use crate::domain::id::{ApiKeyId, OrganizationId, ProjectId};
use crate::domain::membership::Ability;
use crate::domain::organization::Organization;
use crate::domain::project::ProjectName;
use crate::domain::refusal::Refusal;

/// A use is noted when the last one noted is this long ago.
pub(super) const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// What a key gives its bearer.
#[derive(Clone, Debug)]
pub struct ApiKeyAccess {
    /// The organization that its project is in.
    pub organization: Organization,
    /// The project that it acts in.
    pub project: ProjectId,
    /// How that is called.
    pub project_name: ProjectName,
    /// The key.
    pub id: ApiKeyId,
    /// How it is called.
    pub name: ApiKeyName,
}

/// A key in the list of an organization's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedApiKey {
    /// The key.
    pub key: ApiKey,
    /// How its project is called.
    pub project_name: ProjectName,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: String,
    project_id: String,
    name: String,
    token_start: String,
    created_at: i64,
    created_by: String,
    last_used_at: Option<i64>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<ApiKey, StoreError> {
        Ok(ApiKey {
            id: parse("api_keys.id", &row.id)?,
            project: parse("api_keys.project_id", &row.project_id)?,
            name: ApiKeyName::stored(&row.name),
            token_start: row.token_start,
            created_at: Timestamp::from_millis(row.created_at),
            created_by: row.created_by,
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    key: KeyRow,
    project_name: String,
}

impl TryFrom<ListedRow> for ListedApiKey {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<ListedApiKey, StoreError> {
        Ok(ListedApiKey { key: row.key.try_into()?, project_name: ProjectName::stored(&row.project_name) })
    }
}

#[derive(sqlx::FromRow)]
struct AccessRow {
    #[sqlx(flatten)]
    organization: OrganizationRow,
    project_id: String,
    project_name: String,
    key_id: String,
    key_name: String,
    last_used_at: Option<i64>,
}

impl AccessRow {
    fn access(self) -> Result<ApiKeyAccess, StoreError> {
        Ok(ApiKeyAccess {
            organization: self.organization.try_into()?,
            project: parse("projects.id", &self.project_id)?,
            project_name: ProjectName::stored(&self.project_name),
            id: parse("api_keys.id", &self.key_id)?,
            name: ApiKeyName::stored(&self.key_name),
        })
    }
}

impl Store {
    /// Keeps a new key's hash. The key itself is shown once, by the caller, and never stored.
    ///
    /// # Errors
    /// The caller may not, there is no such project, the name is taken there, or the store failed.
    pub async fn create_api_key(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
        name: ApiKeyName,
        token: &ApiKeyToken,
    ) -> Result<ApiKey, ChangeRefused> {
        let (hash, start) = (token.hash(), token.start());
        let made = self
            .write(move |tx| {
                async move { tx.create_api_key(&caller, organization, project, name, hash, start).await }
                    .boxed()
            })
            .await?;
        Ok(made?)
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// The caller may not, there is no such key, or the store failed.
    pub async fn delete_api_key(
        &self,
        caller: Caller,
        organization: OrganizationId,
        key: ApiKeyId,
    ) -> Result<(), ChangeRefused> {
        let deleted = self
            .write(move |tx| async move { tx.delete_api_key(&caller, organization, key).await }.boxed())
            .await?;
        Ok(deleted?)
    }

    /// A key of this organization.
    pub async fn api_key(
        &self,
        organization: OrganizationId,
        key: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        self.read(move |tx| async move { tx.api_key(organization, key).await }.boxed()).await
    }

    /// The keys of a project of this organization, newest first.
    pub async fn api_keys_of_project(
        &self,
        organization: OrganizationId,
        project: ProjectId,
        listing: Listing<ApiKeyId>,
    ) -> Result<Listed<ApiKey>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    KeyRow,
                    "SELECT id, project_id, name, token_start, created_at, created_by, last_used_at
                     FROM api_keys
                     WHERE organization_id = $1 AND project_id = $2 AND id < COALESCE($3, 'z')
                     ORDER BY id DESC LIMIT $4",
                    organization.to_string(),
                    project.to_string(),
                    listing.after.map(|id| id.to_string()),
                    listing.rows()
                )?;
                let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(keys, &listing))
            }
            .boxed()
        })
        .await
    }

    /// The keys of an organization: those of one project stand together, the newest project and in it the newest key
    /// first. A place in the list is a key's project and its id.
    pub async fn api_keys(
        &self,
        organization: OrganizationId,
        listing: Listing<(ProjectId, ApiKeyId)>,
    ) -> Result<Listed<ListedApiKey>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    ListedRow,
                    "SELECT k.id, k.project_id, k.name, k.token_start, k.created_at, k.created_by, k.last_used_at,
                            p.name AS project_name
                     FROM api_keys k JOIN projects p ON p.id = k.project_id
                     WHERE k.organization_id = $1
                       AND (k.project_id, k.id) < (COALESCE($2, 'z'), COALESCE($3, 'z'))
                     ORDER BY k.project_id DESC, k.id DESC LIMIT $4",
                    organization.to_string(),
                    listing.after.map(|(project, _)| project.to_string()),
                    listing.after.map(|(_, key)| key.to_string()),
                    listing.rows()
                )?;
                let keys = rows.into_iter().map(ListedApiKey::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(keys, &listing))
            }
            .boxed()
        })
        .await
    }

    /// How many keys a project of this organization has.
    pub async fn count_api_keys(
        &self,
        organization: OrganizationId,
        project: ProjectId,
    ) -> Result<u64, StoreError> {
        self.read(move |tx| {
            async move {
                let (keys,) = fetch_one!(
                    tx,
                    (i64,),
                    "SELECT COUNT(*) FROM api_keys WHERE organization_id = $1 AND project_id = $2",
                    organization.to_string(),
                    project.to_string()
                )?;
                Ok(keys.unsigned_abs())
            }
            .boxed()
        })
        .await
    }

    /// What the key with this hash gives, if there is one. Notes that it was used.
    pub async fn api_key_access(&self, hash: TokenHash) -> Result<Option<ApiKeyAccess>, StoreError> {
        let found = self
            .read::<_, StoreError, _>(move |tx| async move { tx.api_key_with_hash(hash).await }.boxed())
            .await?;
        let Some(row) = found else { return Ok(None) };
        let last_used_at = row.last_used_at.map(Timestamp::from_millis);
        let access = row.access()?;
        let now = self.clock.now();
        if last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
            let id = access.id;
            self.write(move |tx| {
                async move {
                    execute!(
                        tx,
                        "UPDATE api_keys SET last_used_at = $2 WHERE id = $1",
                        id.to_string(),
                        now.as_millis()
                    )?;
                    Ok::<_, StoreError>(())
                }
                .boxed()
            })
            .await?;
        }
        Ok(Some(access))
    }
}

impl Transaction {
    async fn create_api_key(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        project: ProjectId,
        name: ApiKeyName,
        hash: TokenHash,
        token_start: String,
    ) -> Decided<ApiKey> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, project).await?.ok_or(ChangeRefused::NotFound)?;
        let refusal = if !reach.may(Ability::ManageProjects, Some(project.id)) {
            Some(Refusal::NotAllowed)
        } else if self.is_key_named(project.id, &name).await? {
            Some(Refusal::NameTaken)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let event = event_catalog::project::create_no_api_key(&project, &name);
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        let key = ApiKey {
            id: ApiKeyId::generate(&self.clock, &self.entropy),
            project: project.id,
            name,
            token_start,
            created_at: self.clock.now(),
            created_by: caller.actor.principal_name.clone(),
            last_used_at: None,
        };
        self.insert_api_key(organization, &key, hash).await?;
        let event = event_catalog::project::create_api_key(&project, &key);
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(key))
    }

    async fn insert_api_key(
        &mut self,
        organization: OrganizationId,
        key: &ApiKey,
        hash: TokenHash,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO api_keys (id, organization_id, project_id, name, folded_name, token_hash, token_start,
                                   created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            key.id.to_string(),
            organization.to_string(),
            key.project.to_string(),
            key.name.as_str(),
            key.name.folded(),
            hash.as_bytes().to_vec(),
            &key.token_start,
            key.created_at.as_millis(),
            &key.created_by,
        )?;
        Ok(())
    }

    async fn delete_api_key(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Decided<()> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let key = self.api_key(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let project = self.project(organization, key.project).await?.ok_or(ChangeRefused::NotFound)?;
        let event = event_catalog::project::delete_api_key(&project, &key);
        if !reach.may(Ability::ManageProjects, Some(project.id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        execute!(self, "DELETE FROM api_keys WHERE id = $1", id.to_string())?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(()))
    }

    async fn is_key_named(&mut self, project: ProjectId, name: &ApiKeyName) -> Result<bool, StoreError> {
        let found = fetch_optional!(
            self,
            (String,),
            "SELECT id FROM api_keys WHERE project_id = $1 AND folded_name = $2",
            project.to_string(),
            name.folded()
        )?;
        Ok(found.is_some())
    }

    async fn api_key(
        &mut self,
        organization: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        fetch_optional!(
            self,
            KeyRow,
            "SELECT id, project_id, name, token_start, created_at, created_by, last_used_at FROM api_keys
             WHERE organization_id = $1 AND id = $2",
            organization.to_string(),
            id.to_string()
        )?
        .map(ApiKey::try_from)
        .transpose()
    }

    /// All keys of a project, oldest first.
    pub(super) async fn api_keys_of(&mut self, project: ProjectId) -> Result<Vec<ApiKey>, StoreError> {
        fetch_all!(
            self,
            KeyRow,
            "SELECT id, project_id, name, token_start, created_at, created_by, last_used_at FROM api_keys
             WHERE project_id = $1 ORDER BY id",
            project.to_string()
        )?
        .into_iter()
        .map(ApiKey::try_from)
        .collect()
    }

    async fn api_key_with_hash(&mut self, hash: TokenHash) -> Result<Option<AccessRow>, StoreError> {
        fetch_optional!(
            self,
            AccessRow,
            "SELECT o.id, o.name, o.plan, o.external_id, p.id AS project_id, p.name AS project_name,
                    k.id AS key_id, k.name AS key_name, k.last_used_at
             FROM api_keys k JOIN projects p ON p.id = k.project_id JOIN organizations o ON o.id = k.organization_id
             WHERE k.token_hash = $1",
            hash.as_bytes().to_vec()
        )
    }
}
