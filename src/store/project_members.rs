//! Who is in a project: members of its organization, each with a role for the products beside Trailpost.

use futures::FutureExt;

use super::database::{Sql, execute, fetch_all, fetch_optional, parse};
use super::listing::{Listed, Listing};
use super::principals::{ChangeRefused, Decided};
use super::projects::ProjectRow;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::event_catalog::{self, EventDraft};
use crate::domain::id::{OrganizationId, ProjectId, UserId};
use crate::domain::membership::Ability;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::refusal::Refusal;
use crate::domain::user::{DisplayName, EmailAddress, User};

/// A user in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectMember {
    /// The user.
    pub user: User,
    /// What they are there.
    pub role: ProjectRole,
    /// Since when.
    pub since: Timestamp,
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    id: String,
    email: String,
    display_name: String,
    role: String,
    created_at: i64,
}

impl TryFrom<MemberRow> for ProjectMember {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<ProjectMember, StoreError> {
        Ok(ProjectMember {
            user: User {
                id: parse("users.id", &row.id)?,
                email: parse("users.email", &row.email)?,
                display_name: DisplayName::stored(&row.display_name),
            },
            role: parse("project_members.role", &row.role)?,
            since: Timestamp::from_millis(row.created_at),
        })
    }
}

/// A project with what one user is there.
#[derive(sqlx::FromRow)]
struct PlaceRow {
    #[sqlx(flatten)]
    project: ProjectRow,
    role: String,
}

/// By e-mail address, byte by byte: a database's own order of letters may change with its operating system's, and a
/// page would begin where the one before did not end.
const PAGE_OF_MEMBERS: Sql = Sql {
    sqlite: "SELECT u.id, u.email, u.display_name, m.role, m.created_at
             FROM project_members m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND m.project_id = $2 AND u.email > COALESCE($3, '')
             ORDER BY u.email LIMIT $4",
    postgres: r#"SELECT u.id, u.email, u.display_name, m.role, m.created_at
               FROM project_members m JOIN users u ON u.id = m.user_id
               WHERE m.organization_id = $1 AND m.project_id = $2 AND u.email COLLATE "C" > COALESCE($3, '')
               ORDER BY u.email COLLATE "C" LIMIT $4"#,
};

impl Store {
    /// Adds a member of the organization to a project.
    ///
    /// # Errors
    /// The caller may not, there is no such project, the user is in it or not in the organization, or the store
    /// failed.
    pub async fn add_project_member(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
        email: EmailAddress,
        role: ProjectRole,
    ) -> Result<(), ChangeRefused> {
        let added = self
            .write(move |tx| {
                async move { tx.add_project_member(&caller, organization, project, email, role).await }
                    .boxed()
            })
            .await?;
        Ok(added?)
    }

    /// Gives a member of a project another role there. The same again changes and records nothing.
    ///
    /// # Errors
    /// The caller may not, there is no such project or member, or the store failed.
    pub async fn change_project_member(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Result<(), ChangeRefused> {
        let changed = self
            .write(move |tx| {
                async move { tx.change_project_member(&caller, organization, project, user, role).await }
                    .boxed()
            })
            .await?;
        Ok(changed?)
    }

    /// Takes a user out of a project.
    ///
    /// # Errors
    /// The caller may not, there is no such project or member, or the store failed.
    pub async fn remove_project_member(
        &self,
        caller: Caller,
        organization: OrganizationId,
        project: ProjectId,
        user: UserId,
    ) -> Result<(), ChangeRefused> {
        let removed = self
            .write(move |tx| {
                async move { tx.remove_project_member(&caller, organization, project, user).await }.boxed()
            })
            .await?;
        Ok(removed?)
    }

    /// Who is in a project of this organization, by e-mail address.
    pub async fn project_members(
        &self,
        organization: OrganizationId,
        project: ProjectId,
        listing: Listing<EmailAddress>,
    ) -> Result<Listed<ProjectMember>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    MemberRow,
                    PAGE_OF_MEMBERS,
                    organization.to_string(),
                    project.to_string(),
                    listing.after.as_ref().map(EmailAddress::as_str),
                    listing.rows()
                )?;
                let members = rows.into_iter().map(ProjectMember::try_from).collect::<Result<_, _>>()?;
                Ok(Listed::cut(members, &listing))
            }
            .boxed()
        })
        .await
    }

    /// One user in a project of this organization.
    pub async fn project_member(
        &self,
        organization: OrganizationId,
        project: ProjectId,
        user: UserId,
    ) -> Result<Option<ProjectMember>, StoreError> {
        self.read(move |tx| async move { tx.project_member(organization, project, user).await }.boxed()).await
    }
}

impl Transaction {
    async fn add_project_member(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ProjectId,
        email: EmailAddress,
        role: ProjectRole,
    ) -> Decided<()> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let event = event_catalog::project::add_member(&project, &email, role);
        if !reach.may(Ability::ManageProjects, Some(id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        let user = self.member_with_email(organization, &email).await?.ok_or(ChangeRefused::NotAMember)?;
        let added = execute!(
            self,
            "INSERT INTO project_members (organization_id, project_id, user_id, role, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (project_id, user_id) DO NOTHING",
            organization.to_string(),
            id.to_string(),
            user.to_string(),
            role.as_str(),
            self.clock.now().as_millis(),
        )?;
        if added == 0 {
            return self.refuse(&mut locked, caller, event, Refusal::AlreadyMember).await;
        }
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(()))
    }

    async fn change_project_member(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ProjectId,
        user: UserId,
        role: ProjectRole,
    ) -> Decided<()> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let member = self.project_member(organization, id, user).await?.ok_or(ChangeRefused::NotFound)?;
        let event = event_catalog::project::change_member(&project, &member.user.email, member.role, role);
        if !reach.may(Ability::ManageProjects, Some(id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        if member.role == role {
            return Ok(Ok(()));
        }
        execute!(
            self,
            "UPDATE project_members SET role = $3 WHERE project_id = $1 AND user_id = $2",
            id.to_string(),
            user.to_string(),
            role.as_str()
        )?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(()))
    }

    async fn remove_project_member(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ProjectId,
        user: UserId,
    ) -> Decided<()> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let project = self.project(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        let member = self.project_member(organization, id, user).await?.ok_or(ChangeRefused::NotFound)?;
        let event = event_catalog::project::remove_member(&project, &member.user.email, member.role);
        if !reach.may(Ability::ManageProjects, Some(id)) {
            return self.refuse(&mut locked, caller, event, Refusal::NotAllowed).await;
        }
        execute!(
            self,
            "DELETE FROM project_members WHERE project_id = $1 AND user_id = $2",
            id.to_string(),
            user.to_string()
        )?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(()))
    }

    /// Takes a user out of every project of an organization whose row is held. Gives what is to be recorded of it: one
    /// event for each place, so at most as many as the organization has projects.
    pub(super) async fn leave_projects(
        &mut self,
        organization: OrganizationId,
        user: &User,
    ) -> Result<Vec<EventDraft>, StoreError> {
        let places = fetch_all!(
            self,
            PlaceRow,
            "SELECT p.id, p.name, p.created_at, p.created_by, m.role
             FROM project_members m JOIN projects p ON p.id = m.project_id
             WHERE m.organization_id = $1 AND m.user_id = $2 ORDER BY p.id",
            organization.to_string(),
            user.id.to_string()
        )?;
        execute!(
            self,
            "DELETE FROM project_members WHERE organization_id = $1 AND user_id = $2",
            organization.to_string(),
            user.id.to_string()
        )?;
        let events = places.into_iter().map(|place| {
            let role = parse("project_members.role", &place.role)?;
            let project = Project::try_from(place.project)?;
            Ok(event_catalog::project::remove_member(&project, &user.email, role))
        });
        events.collect()
    }

    async fn project_member(
        &mut self,
        organization: OrganizationId,
        project: ProjectId,
        user: UserId,
    ) -> Result<Option<ProjectMember>, StoreError> {
        fetch_optional!(
            self,
            MemberRow,
            "SELECT u.id, u.email, u.display_name, m.role, m.created_at
             FROM project_members m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND m.project_id = $2 AND m.user_id = $3",
            organization.to_string(),
            project.to_string(),
            user.to_string()
        )?
        .map(ProjectMember::try_from)
        .transpose()
    }

    async fn member_with_email(
        &mut self,
        organization: OrganizationId,
        email: &EmailAddress,
    ) -> Result<Option<UserId>, StoreError> {
        fetch_optional!(
            self,
            (String,),
            "SELECT u.id FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.organization_id = $1 AND u.email = $2",
            organization.to_string(),
            email.as_str()
        )?
        .map(|(id,)| parse("users.id", &id))
        .transpose()
    }
}
