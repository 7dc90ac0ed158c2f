//! Service accounts: made, given other roles and deleted, each with its record.
//!
//! Guarantees:
//! - nobody makes, changes or rotates an account that may do more than they may themselves;
//! - one that is deleted or given a lesser role leaves no invitation behind that can still be used;
//! - a name is given once in an organization.

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_optional, parse};
use super::listing::{Listed, Listing};
use super::principals::{ChangeRefused, Decided};
use super::transaction::{LockedOrganization, Transaction};
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{ServiceAccountToken, TokenHash};
use crate::domain::event_catalog;
use crate::domain::id::{OrganizationId, ServiceAccountId};
use crate::domain::membership::{Ability, Role};
use crate::domain::principal::{Principal, Reach};
use crate::domain::refusal::Refusal;
use crate::domain::service_account::{ClientId, Secret, ServiceAccount, ServiceAccountName};

/// A service account with the secrets that work, the one in force first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccountDetails {
    /// The account.
    pub account: ServiceAccount,
    /// Its secrets; none where all were ended.
    pub secrets: Vec<Secret>,
}

/// A service account in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedServiceAccount {
    /// The account.
    pub account: ServiceAccount,
    /// When any of its secrets was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct AccountRow {
    id: String,
    name: String,
    client_id: String,
    role: String,
    created_at: i64,
    created_by: String,
}

impl TryFrom<AccountRow> for ServiceAccount {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<ServiceAccount, StoreError> {
        Ok(ServiceAccount {
            id: parse("service_accounts.id", &row.id)?,
            name: ServiceAccountName::stored(&row.name),
            client_id: parse("service_accounts.client_id", &row.client_id)?,
            role: parse("service_accounts.role", &row.role)?,
            created_at: Timestamp::from_millis(row.created_at),
            created_by: row.created_by,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    account: AccountRow,
    last_used_at: Option<i64>,
}

impl TryFrom<ListedRow> for ListedServiceAccount {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<ListedServiceAccount, StoreError> {
        Ok(ListedServiceAccount {
            account: row.account.try_into()?,
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

impl Store {
    /// Makes a service account with its first secret. The secret itself is shown once, by the caller, and never stored.
    ///
    /// # Errors
    /// The caller may not, the role is above their own, the name is taken, or the store failed.
    pub async fn create_service_account(
        &self,
        caller: Caller,
        organization: OrganizationId,
        name: ServiceAccountName,
        role: Role,
        token: &ServiceAccountToken,
    ) -> Result<ServiceAccount, ChangeRefused> {
        let (hash, start) = (token.hash(), token.start());
        let made = self
            .write(move |tx| {
                async move { tx.create_service_account(&caller, organization, name, role, hash, start).await }
                    .boxed()
            })
            .await?;
        Ok(made?)
    }

    /// Gives a service account another role. The one that it has changes and records nothing.
    ///
    /// # Errors
    /// The caller may not, one of the two roles is above their own, there is no such account, or the store failed.
    pub async fn change_service_account_role(
        &self,
        caller: Caller,
        organization: OrganizationId,
        account: ServiceAccountId,
        role: Role,
    ) -> Result<ServiceAccount, ChangeRefused> {
        let changed = self
            .write(move |tx| {
                async move { tx.change_service_account_role(&caller, organization, account, role).await }
                    .boxed()
            })
            .await?;
        Ok(changed?)
    }

    /// Deletes a service account. Its secrets stop working at the commit.
    ///
    /// # Errors
    /// The caller may not, the account's role is above their own, there is no such account, or the store failed.
    pub async fn delete_service_account(
        &self,
        caller: Caller,
        organization: OrganizationId,
        account: ServiceAccountId,
    ) -> Result<(), ChangeRefused> {
        let deleted = self
            .write(move |tx| {
                async move { tx.delete_service_account(&caller, organization, account).await }.boxed()
            })
            .await?;
        Ok(deleted?)
    }

    /// The service accounts of an organization, newest first.
    pub async fn service_accounts(
        &self,
        organization: OrganizationId,
        listing: Listing<ServiceAccountId>,
    ) -> Result<Listed<ListedServiceAccount>, StoreError> {
        self.read(move |tx| {
            async move {
                let rows = fetch_all!(
                    tx,
                    ListedRow,
                    "SELECT a.id, a.name, a.client_id, a.role, a.created_at, a.created_by,
                            (SELECT MAX(s.last_used_at) FROM service_account_secrets s
                             WHERE s.service_account_id = a.id) AS last_used_at
                     FROM service_accounts a WHERE a.organization_id = $1 AND a.id < COALESCE($2, 'z')
                     ORDER BY a.id DESC LIMIT $3",
                    organization.to_string(),
                    listing.after.map(|id| id.to_string()),
                    listing.rows()
                )?;
                let accounts = rows.into_iter().map(ListedServiceAccount::try_from);
                Ok(Listed::cut(accounts.collect::<Result<_, _>>()?, &listing))
            }
            .boxed()
        })
        .await
    }

    /// A service account of this organization.
    pub async fn service_account(
        &self,
        organization: OrganizationId,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccountDetails>, StoreError> {
        self.read(move |tx| {
            async move {
                let Some(account) = tx.service_account(organization, id).await? else { return Ok(None) };
                let secrets = tx.secrets_that_work(id).await?;
                Ok(Some(ServiceAccountDetails { account, secrets }))
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    async fn create_service_account(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        name: ServiceAccountName,
        role: Role,
        hash: TokenHash,
        token_start: String,
    ) -> Decided<ServiceAccount> {
        let (mut locked, reach) = self.hold_for(caller, organization).await?;
        let mut refusal = refusal(reach, &[role]);
        if refusal.is_none() && self.is_account_named(organization, &name).await? {
            refusal = Some(Refusal::NameTaken);
        }
        if let Some(refusal) = refusal {
            let event = event_catalog::service_account::create_none(&name, role);
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        let account = ServiceAccount {
            id: ServiceAccountId::generate(&self.clock, &self.entropy),
            name,
            client_id: ClientId::generate(&self.entropy),
            role,
            created_at: self.clock.now(),
            created_by: caller.actor.principal_name.clone(),
        };
        self.insert_service_account(organization, &account).await?;
        self.insert_secret(caller, account.id, hash, token_start).await?;
        let event = event_catalog::service_account::create(&account);
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(account))
    }

    async fn change_service_account_role(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ServiceAccountId,
        role: Role,
    ) -> Decided<ServiceAccount> {
        let (mut locked, reach, account) = self.hold_service_account(caller, organization, id).await?;
        let event = event_catalog::service_account::change_role(&account, role);
        if let Some(refusal) = refusal(reach, &[account.role, role]) {
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        if account.role == role {
            return Ok(Ok(account));
        }
        execute!(self, "UPDATE service_accounts SET role = $2 WHERE id = $1", id.to_string(), role.as_str())?;
        self.append_event(&mut locked, caller, event).await?;
        self.revoke_invitations_left_by_account(&mut locked, caller, &account).await?;
        Ok(Ok(ServiceAccount { role, ..account }))
    }

    async fn delete_service_account(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ServiceAccountId,
    ) -> Decided<()> {
        let (mut locked, reach, account) = self.hold_service_account(caller, organization, id).await?;
        let event = event_catalog::service_account::delete(&account);
        if let Some(refusal) = refusal(reach, &[account.role]) {
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        // Its secrets go with it.
        execute!(self, "DELETE FROM service_accounts WHERE id = $1", id.to_string())?;
        self.append_event(&mut locked, caller, event).await?;
        self.revoke_invitations_left_by_account(&mut locked, caller, &account).await?;
        Ok(Ok(()))
    }

    async fn revoke_invitations_left_by_account(
        &mut self,
        locked: &mut LockedOrganization,
        caller: &Caller,
        account: &ServiceAccount,
    ) -> Result<(), StoreError> {
        let sender = Principal::ServiceAccount(account.id);
        self.revoke_what_may_not_be_given(locked, caller, sender, account.name.as_str()).await
    }

    /// Takes the organization's row for a change of a service account of its.
    pub(super) async fn hold_service_account(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ServiceAccountId,
    ) -> Result<(LockedOrganization, Reach, ServiceAccount), ChangeRefused> {
        let (locked, reach) = self.hold_for(caller, organization).await?;
        let account = self.service_account(organization, id).await?.ok_or(ChangeRefused::NotFound)?;
        Ok((locked, reach, account))
    }

    async fn insert_service_account(
        &mut self,
        organization: OrganizationId,
        account: &ServiceAccount,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO service_accounts (id, organization_id, name, folded_name, client_id, role, created_at,
                                           created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            account.id.to_string(),
            organization.to_string(),
            account.name.as_str(),
            account.name.folded(),
            account.client_id.as_str(),
            account.role.as_str(),
            account.created_at.as_millis(),
            &account.created_by,
        )?;
        Ok(())
    }

    async fn is_account_named(
        &mut self,
        organization: OrganizationId,
        name: &ServiceAccountName,
    ) -> Result<bool, StoreError> {
        let found = fetch_optional!(
            self,
            (String,),
            "SELECT id FROM service_accounts WHERE organization_id = $1 AND folded_name = $2",
            organization.to_string(),
            name.folded()
        )?;
        Ok(found.is_some())
    }

    pub(super) async fn service_account(
        &mut self,
        organization: OrganizationId,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, StoreError> {
        fetch_optional!(
            self,
            AccountRow,
            "SELECT id, name, client_id, role, created_at, created_by FROM service_accounts
             WHERE organization_id = $1 AND id = $2",
            organization.to_string(),
            id.to_string()
        )?
        .map(ServiceAccount::try_from)
        .transpose()
    }
}

/// Which rule refuses to let these roles be had by a service account, if any does.
pub(super) fn refusal(reach: Reach, roles: &[Role]) -> Option<Refusal> {
    if !reach.may(Ability::ManageServiceAccounts, None) {
        Some(Refusal::NotAllowed)
    } else if roles.iter().any(|role| !reach.may_grant(*role)) {
        Some(Refusal::RoleAboveOwn)
    } else {
        None
    }
}
