//! Producer tokens: who may send records, for which organizations.

use std::collections::BTreeSet;

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_optional, parse};
use super::transaction::Transaction;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::credential::{ProducerName, TokenHash};
use crate::domain::id::{OrganizationId, TokenId};

/// The organizations a token may send records for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// All of them, also later ones.
    AllOrganizations,
    /// Only these.
    Organizations(BTreeSet<OrganizationId>),
}

impl TokenScope {
    /// Whether records of this organization may be sent.
    pub fn allows(&self, organization: OrganizationId) -> bool {
        match self {
            TokenScope::AllOrganizations => true,
            TokenScope::Organizations(ids) => ids.contains(&organization),
        }
    }
}

/// What a valid token gives its bearer.
#[derive(Clone, Debug)]
pub struct ProducerAccess {
    /// The token.
    pub token_id: TokenId,
    /// The name that is stored beside the records.
    pub producer: ProducerName,
    /// The organizations it may name.
    pub scope: TokenScope,
}

/// A token as the operator sees it; nobody sees the token itself again.
#[derive(Clone, Debug)]
pub struct ListedToken {
    /// The token.
    pub id: TokenId,
    /// The name that is stored beside the records.
    pub producer: ProducerName,
    /// The organizations it may name.
    pub scope: TokenScope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    /// The scope names an organization that does not exist.
    #[error("there is no organization with the id {0}")]
    UnknownOrganization(OrganizationId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    producer: String,
    all_organizations: i64,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    token: TokenRow,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl Store {
    /// Keeps a token's hash. The token itself is shown once, by the caller, and never stored.
    ///
    /// # Errors
    /// The scope names an organization that does not exist, or the store failed; nothing is kept then.
    pub async fn create_token(
        &self,
        producer: ProducerName,
        hash: TokenHash,
        scope: TokenScope,
        expires_at: Option<Timestamp>,
    ) -> Result<TokenId, TokenRefused> {
        self.write(move |tx| {
            async move { tx.create_token(&producer, hash, &scope, expires_at).await }.boxed()
        })
        .await
    }

    /// Every token that was ever made, newest first.
    pub async fn tokens(&self) -> Result<Vec<ListedToken>, StoreError> {
        self.read(|tx| async move { tx.tokens().await }.boxed()).await
    }

    /// Revokes a token. Gives `false` if there is none with this id that still could be used.
    pub async fn revoke_token(&self, id: TokenId) -> Result<bool, StoreError> {
        self.write(move |tx| {
            async move {
                let changed = execute!(
                    tx,
                    "UPDATE producer_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
                    id.to_string(),
                    tx.clock.now().as_millis()
                )?;
                Ok(changed == 1)
            }
            .boxed()
        })
        .await
    }

    /// Revokes every token of a producer.
    pub async fn revoke_tokens(&self, producer: ProducerName) -> Result<(), StoreError> {
        self.write(move |tx| {
            async move {
                execute!(
                    tx,
                    "UPDATE producer_tokens SET revoked_at = $2 WHERE producer = $1 AND revoked_at IS NULL",
                    producer.as_str(),
                    tx.clock.now().as_millis()
                )?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// What the token with this hash allows, if it is known, not expired and not revoked.
    pub async fn producer_access(&self, hash: TokenHash) -> Result<Option<ProducerAccess>, StoreError> {
        self.read(move |tx| {
            async move {
                let Some(row) = fetch_optional!(
                    tx,
                    TokenRow,
                    "SELECT id, producer, all_organizations FROM producer_tokens
                     WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
                    hash.as_bytes().to_vec(),
                    tx.clock.now().as_millis()
                )?
                else {
                    return Ok(None);
                };
                let scope = tx.scope_of(&row).await?;
                Ok(Some(ProducerAccess {
                    token_id: parse("producer_tokens.id", &row.id)?,
                    producer: ProducerName::stored(&row.producer),
                    scope,
                }))
            }
            .boxed()
        })
        .await
    }
}

impl Transaction {
    async fn create_token(
        &mut self,
        producer: &ProducerName,
        hash: TokenHash,
        scope: &TokenScope,
        expires_at: Option<Timestamp>,
    ) -> Result<TokenId, TokenRefused> {
        let id = TokenId::generate(&self.clock, &self.entropy);
        execute!(
            self,
            "INSERT INTO producer_tokens (id, producer, token_hash, all_organizations, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            id.to_string(),
            producer.as_str(),
            hash.as_bytes().to_vec(),
            i64::from(*scope == TokenScope::AllOrganizations),
            self.clock.now().as_millis(),
            expires_at.map(Timestamp::as_millis),
        )?;
        if let TokenScope::Organizations(organizations) = scope {
            for organization in organizations {
                self.organization(*organization)
                    .await?
                    .ok_or(TokenRefused::UnknownOrganization(*organization))?;
                execute!(
                    self,
                    "INSERT INTO producer_token_organizations (token_id, organization_id) VALUES ($1, $2)",
                    id.to_string(),
                    organization.to_string()
                )?;
            }
        }
        Ok(id)
    }

    async fn tokens(&mut self) -> Result<Vec<ListedToken>, StoreError> {
        let rows = fetch_all!(
            self,
            ListedRow,
            "SELECT id, producer, all_organizations, created_at, expires_at, revoked_at FROM producer_tokens
             ORDER BY created_at DESC, id DESC"
        )?;
        let mut tokens = Vec::new();
        for row in rows {
            tokens.push(ListedToken {
                id: parse("producer_tokens.id", &row.token.id)?,
                producer: ProducerName::stored(&row.token.producer),
                scope: self.scope_of(&row.token).await?,
                created_at: Timestamp::from_millis(row.created_at),
                expires_at: row.expires_at.map(Timestamp::from_millis),
                revoked_at: row.revoked_at.map(Timestamp::from_millis),
            });
        }
        Ok(tokens)
    }

    async fn scope_of(&mut self, token: &TokenRow) -> Result<TokenScope, StoreError> {
        if token.all_organizations == 1 {
            return Ok(TokenScope::AllOrganizations);
        }
        let ids = fetch_all!(
            self,
            (String,),
            "SELECT organization_id FROM producer_token_organizations WHERE token_id = $1",
            &token.id
        )?;
        let parsed = ids.iter().map(|(id,)| parse("producer_token_organizations.organization_id", id));
        Ok(TokenScope::Organizations(parsed.collect::<Result<_, StoreError>>()?))
    }
}
