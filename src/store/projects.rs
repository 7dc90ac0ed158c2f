//! Projects: made, renamed and deleted, each with its record.
//!
//! Guarantees:
//! - a name is given once in an organization, whatever the case of its letters;
//! - with a project go its API keys, each with a record of its own, and the places of its members;
//! - of what belongs to another organization nothing is seen or changed.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_one, fetch_optional, parse};
use super::listing::{Listed, Listing};
use super::principals::{ChangeRefused, Decided};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::event_catalog;
use crate::domain::id::{OrganizationId, ProjectId};
use crate::domain::membership::Ability;
use crate::domain::project::{Project, ProjectName};
use crate::domain::refusal::Refusal;

/// A project in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProject {
    /// The project.
    pub project: Project,
    /// How many users are in it.
    pub members: u64,
    /// How many API keys it has.
    pub api_keys: u64,
}

#[derive(sqlx::FromRow)]
pub(super) struct ProjectRow {
    id: String,
    name: String,
    created_at: i64,
    created_by: String,
}

impl TryFrom<ProjectRow> for Project {
    type Error = StoreError;

    fn try_from(row: ProjectRow) -> Result<Project, StoreError> {
        Ok(Project {
            id: parse("projects.id", &row.id)?,
            name: ProjectName::stored(&row.name),
            created_at: Timestamp::from_millis(row.created_at),
            created_by: row.created_by,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    project: ProjectRow,
    members: i64,
    api_keys: i64,
}

impl TryFrom<ListedRow> for ListedProject {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<ListedProject, StoreError> {
        Ok(ListedProject {
            project: row.project.try_into()?,
            members: row.members.unsigned_abs(),
            api_keys: row.api_keys.unsigned_abs(),
        })
    }
}

impl Store {
    /// Makes a project.
    ///
    /// # Errors
    /// The caller may not, the name is taken, or the store failed; nothing was made then.
    pub async fn create_project(
        &self,
        caller: Caller,
        organization: OrganizationId,
        name: ProjectName,
    ) -> Result<Project, ChangeRefused> {
        let made = self
            .write(move |tx| async move { tx.create_project(&caller, organization, name).await }.boxed())
            .await?;
        Ok(made?)
    }

    /// Renames a project. The name that it has changes and records nothing.
    ///
    /// # Errors
    /// The caller may not, there is no such project, the name is taken, or the store failed.
    pub async fn rename_project(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
        name: ProjectName,
    ) -> Result<Project, ChangeRefused> {
        let renamed = self
            .write(move |tx| {
                async move { tx.rename_project(&caller, organization, project, name).await }.boxed()
            })
            .await?;
        Ok(renamed?)
    }

    /// Deletes a project with its API keys, which stop working at the commit.
    ///
    /// # Errors
    /// The caller may not, there is no such project, or the store failed.
    pub async fn delete_project(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
    ) -> Result<(), ChangeRefused> {
        let deleted = self
            .write(move |tx| async move { tx.delete_project(&caller, organization, project).await }.boxed())
            .await?;
        Ok(deleted?)
    }

    /// The projects of an organization, newest first.
    pub async fn projects(
        &self,
        organization: OrganizationId,
        listing: Listing<ProjectId>,
    ) -> Result<Listed<ListedProject>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    ListedRow,
                    "SELECT p.id, p.name, p.created_at, p.created_by,
                            (SELECT COUNT(*) FROM project_members m WHERE m.project_id = p.id) AS members,
                            (SELECT COUNT(*) FROM api_keys k WHERE k.project_id = p.id) AS api_keys
                     FROM projects p WHERE p.organization_id = $1 AND p.id < COALESCE($2, 'z')
                     ORDER BY p.id DESC LIMIT $3",
                    organization.to_string(),
                    listing.after.map(|id| id.to_string()),
                    listing.rows()
                )?;
                let projects = rows.into_iter().map(ListedProject::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(projects, &listing))
            }
            .boxed()
        })
        .await
    }

    /// A project of this organization.
    pub async fn project(
        &self,
        organization: OrganizationId,
        project: ProjectId,
    ) -> Result<Option<Project>, StoreError> {
        self.read(move |tx| async move { tx.project(organization, project).await }.boxed()).await
    }
}

impl Transaction {
    async fn create_project(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        name: ProjectName,
    ) -> Decided<Project> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let event = event_catalog::project::create(&name);
        if !reach.may(Ability::ManageProjects, None) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        if self.project_named(organization, &name).await?.is_some() {
            return self.refuse(&mut locked, caller, event, Refusal::NameTaken).await;
        }
        let project = Project {
            id: ProjectId::generate(&self.clock, &self.entropy),
            name,
            created_at: self.clock.now(),
            created_by: caller.actor.principal_name.clone(),
        };
        execute!(
            self,
            "INSERT INTO projects (id, organization_id, name, folded_name, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6)",
            project.id.to_string(),
            organization.to_string(),
            project.name.as_str(),
            project.name.folded(),
            project.created_at.as_millis(),
            &project.created_by,
        )?;
        self.append_event(&mut locked, caller, event.of_project(&project)).await?;
        Ok(Ok(project))
    }

    async fn rename_project(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ProjectId,
        name: ProjectName,
    ) -> Decided<Project> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let event = event_catalog::project::rename(&project, &name);
        if !reach.may(Ability::ManageProjects, Some(id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        if project.name == name {
            return Ok(Ok(project));
        }
        if self.project_named(organization, &name).await?.is_some_and(|other| other != id) {
            return self.refuse(&mut locked, caller, event, Refusal::NameTaken).await;
        }
        execute!(
            self,
            "UPDATE projects SET name = $2, folded_name = $3 WHERE id = $1",
            id.to_string(),
            name.as_str(),
            name.folded()
        )?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(Project { name, ..project }))
    }

    async fn delete_project(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ProjectId,
    ) -> Decided<()> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let keys = self.api_keys_of(id).await?;
        let (members,) = fetch_one!(
            self,
            (i64,),
            "SELECT COUNT(*) FROM project_members WHERE project_id = $1",
            id.to_string()
        )?;
        let members = usize::try_from(members).unwrap_or_default();
        let event = event_catalog::project::delete(&project, keys.len(), members);
        if !reach.may(Ability::DeleteProject, Some(id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        // Its keys and its members' places go with it.
        execute!(self, "DELETE FROM projects WHERE id = $1", id.to_string())?;
        let keys = keys.iter().map(|key| event_catalog::project::delete_api_key(&project, key));
        self.append_events(&mut locked, caller, keys.chain([event]).collect()).await?;
        Ok(Ok(()))
    }

    async fn project_named(
        &mut self,
        organization: OrganizationId,
        name: &ProjectName,
    ) -> Result<Option<ProjectId>, StoreError> {
        fetch_optional!(
            self,
            (String,),
            "SELECT id FROM projects WHERE organization_id = $1 AND folded_name = $2",
            organization.to_string(),
            name.folded()
        )?
        .map(|(id,)| parse("projects.id", &id))
        .transpose()
    }

    pub(super) async fn project(
        &mut self,
        organization: OrganizationId,
        project: ProjectId,
    ) -> Result<Option<Project>, StoreError> {
        fetch_optional!(
            self,
            ProjectRow,
            "SELECT id, name, created_at, created_by FROM projects WHERE organization_id = $1 AND id = $2",
            organization.to_string(),
            project.to_string()
        )?
        .map(Project::try_from)
        .transpose()
    }
}
