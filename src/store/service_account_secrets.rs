//! Secrets of service accounts.
//!
//! Guarantees:
//! - a secret is kept as its hash; its first characters are all that is seen of it again;
//! - at most two secrets of an account work at a time: the one in force, and the one before for as long as a rotation
//!   said. What is in use is never ended by a form that was sent twice;
//! - a secret that was ended, or whose account is deleted or organization closed, lets nobody in from the commit on.

use futures::FutureExt;

use super::api_keys::USE_NOTED_EVERY;
use super::database::{execute, fetch_all, fetch_optional, parse};
use super::organizations::OrganizationRow;
use super::principals::{ChangeRefused, Decided};
use super::service_accounts::refusal;
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::caller::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{ServiceAccountToken, TokenHash};
use crate::domain::event_catalog;
use crate::domain::id::{OrganizationId, SecretId, ServiceAccountId};
use crate::domain::membership::Role;
use crate::domain::organization::Organization;
use crate::domain::refusal::Refusal;
use crate::domain::service_account::{Overlap, Secret, ServiceAccountName};

/// What a secret gives its bearer.
#[derive(Clone, Debug)]
pub struct ServiceAccountAccess {
    /// The organization.
    pub organization: Organization,
    /// The service account.
    pub id: ServiceAccountId,
    /// How it is called.
    pub name: ServiceAccountName,
    /// What it may do.
    pub role: Role,
}

#[derive(sqlx::FromRow)]
struct SecretRow {
    id: String,
    token_start: String,
    created_at: i64,
    created_by: String,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<SecretRow> for Secret {
    type Error = StoreError;

    fn try_from(row: SecretRow) -> Result<Secret, StoreError> {
        Ok(Secret {
            id: parse("service_account_secrets.id", &row.id)?,
            token_start: row.token_start,
            created_at: Timestamp::from_millis(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

#[derive(sqlx::FromRow)]
struct AccessRow {
    #[sqlx(flatten)]
    organization: OrganizationRow,
    account_id: String,
    account_name: String,
    role: String,
    secret_id: String,
    last_used_at: Option<i64>,
}

impl AccessRow {
    fn access(self) -> Result<ServiceAccountAccess, StoreError> {
        Ok(ServiceAccountAccess {
            organization: self.organization.try_into()?,
            id: parse("service_accounts.id", &self.account_id)?,
            name: ServiceAccountName::stored(&self.account_name),
            role: parse("service_accounts.role", &self.role)?,
        })
    }
}

impl Store {
    /// Gives a service account another secret. The one in force goes on working for the overlap, or until an end
    /// that was stated before; without an overlap every other secret stops at the commit. Gives when the old one stops.
    ///
    /// # Errors
    /// The caller may not, the account's role is above their own, two secrets work already and there is to be an
    /// overlap, there is no such account, or the store failed.
    pub async fn rotate_service_account_secret(
        &self,
        caller: Caller,
        organization: OrganizationId,
        account: ServiceAccountId,
        overlap: Overlap,
        token: &ServiceAccountToken,
    ) -> Result<Timestamp, ChangeRefused> {
        let new = (token.hash(), token.start());
        let rotated = self
            .write(move |tx| {
                async move { tx.rotate_secret(&caller, organization, account, overlap, new).await }.boxed()
            })
            .await?;
        Ok(rotated?)
    }

    /// Ends one of a service account's secrets at once.
    ///
    /// # Errors
    /// The caller may not, the account's role is above their own, there is no such account or no such secret that
    /// works, or the store failed.
    pub async fn end_service_account_secret(
        &self,
        caller: Caller,
        organization: OrganizationId,
        account: ServiceAccountId,
        secret: SecretId,
    ) -> Result<(), ChangeRefused> {
        let ended = self
            .write(move |tx| {
                async move { tx.end_secret(&caller, organization, account, secret).await }.boxed()
            })
            .await?;
        Ok(ended?)
    }

    /// What the secret with this hash gives, if it works. Notes that it was used.
    pub async fn service_account_access(
        &self,
        hash: TokenHash,
    ) -> Result<Option<ServiceAccountAccess>, StoreError> {
        let found = self
            .read::<_, StoreError, _>(move |tx| async move { tx.account_with_secret(hash).await }.boxed())
            .await?;
        let Some(row) = found else { return Ok(None) };
        let last_used_at = row.last_used_at.map(Timestamp::from_millis);
        let now = self.clock.now();
        if last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
            let secret = row.secret_id.clone();
            self.write(move |tx| {
                async move {
                    execute!(
                        tx,
                        "UPDATE service_account_secrets SET last_used_at = $2 WHERE id = $1",
                        secret,
                        now.as_millis()
                    )?;
                    Ok::<_, StoreError>(())
                }
                .boxed()
            })
            .await?;
        }
        row.access().map(Some)
    }
}

impl Transaction {
    async fn rotate_secret(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ServiceAccountId,
        overlap: Overlap,
        (hash, token_start): (TokenHash, String),
    ) -> Decided<Timestamp> {
        let (mut locked, reach, account) = self.hold_service_account(caller, organization, id).await?;
        let working = self.secrets_that_work(id).await?;
        // One whose end is stated already does not live longer for this.
        let stated = working.iter().filter_map(|secret| secret.expires_at);
        let chosen = self.clock.now() + overlap.duration();
        let old_until = stated.fold(chosen, Timestamp::min);
        let ends = (!working.is_empty()).then_some(old_until);
        let event = event_catalog::service_account::rotate(&account, overlap, ends);
        let mut refusal = refusal(reach, &[account.role]);
        if refusal.is_none() && overlap != Overlap::None && working.len() > 1 {
            refusal = Some(Refusal::TwoSecrets);
        }
        if let Some(refusal) = refusal {
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        self.forget_secrets(id, overlap).await?;
        execute!(
            self,
            "UPDATE service_account_secrets SET expires_at = $2 WHERE service_account_id = $1",
            id.to_string(),
            old_until.as_millis()
        )?;
        self.insert_secret(caller, id, hash, token_start).await?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(old_until))
    }

    /// What works no more has no row; without an overlap that is everything.
    async fn forget_secrets(&mut self, id: ServiceAccountId, overlap: Overlap) -> Result<(), StoreError> {
        execute!(
            self,
            "DELETE FROM service_account_secrets
             WHERE service_account_id = $1 AND (expires_at <= $2 OR CAST($3 AS BIGINT) = 1)",
            id.to_string(),
            self.clock.now().as_millis(),
            i64::from(overlap == Overlap::None)
        )?;
        Ok(())
    }

    async fn end_secret(
        &mut self,
        caller: &Caller,
        organization: OrganizationId,
        id: ServiceAccountId,
        secret: SecretId,
    ) -> Decided<()> {
        let (mut locked, reach, account) = self.hold_service_account(caller, organization, id).await?;
        if !self.secrets_that_work(id).await?.iter().any(|working| working.id == secret) {
            return Err(ChangeRefused::NotFound);
        }
        let event = event_catalog::service_account::end_secret(&account, secret);
        if let Some(refusal) = refusal(reach, &[account.role]) {
            return self.refuse(&mut locked, caller, event, refusal).await;
        }
        execute!(self, "DELETE FROM service_account_secrets WHERE id = $1", secret.to_string())?;
        self.append_event(&mut locked, caller, event).await?;
        Ok(Ok(()))
    }

    pub(super) async fn insert_secret(
        &mut self,
        caller: &Caller,
        account: ServiceAccountId,
        hash: TokenHash,
        token_start: String,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "INSERT INTO service_account_secrets (id, service_account_id, token_hash, token_start, created_at,
                                                  created_by)
             VALUES ($1, $2, $3, $4, $5, $6)",
            SecretId::generate(&self.clock, &self.entropy).to_string(),
            account.to_string(),
            hash.as_bytes().to_vec(),
            token_start,
            self.clock.now().as_millis(),
            &caller.actor.principal_name,
        )?;
        Ok(())
    }

    /// The one in force first.
    pub(super) async fn secrets_that_work(
        &mut self,
        id: ServiceAccountId,
    ) -> Result<Vec<Secret>, StoreError> {
        fetch_all!(
            self,
            SecretRow,
            "SELECT id, token_start, created_at, created_by, expires_at, last_used_at FROM service_account_secrets
             WHERE service_account_id = $1 AND (expires_at IS NULL OR expires_at > $2)
             ORDER BY CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END, id DESC",
            id.to_string(),
            self.clock.now().as_millis()
        )?
        .into_iter()
        .map(Secret::try_from)
        .collect()
    }

    async fn account_with_secret(&mut self, hash: TokenHash) -> Result<Option<AccessRow>, StoreError> {
        fetch_optional!(
            self,
            AccessRow,
            "SELECT o.id, o.name, o.plan, o.external_id, a.id AS account_id, a.name AS account_name, a.role,
                    s.id AS secret_id, s.last_used_at
             FROM service_account_secrets s
             JOIN service_accounts a ON a.id = s.service_account_id
             JOIN organizations o ON o.id = a.organization_id
             WHERE s.token_hash = $1 AND (s.expires_at IS NULL OR s.expires_at > $2)",
            hash.as_bytes().to_vec(),
            self.clock.now().as_millis()
        )
    }
}
