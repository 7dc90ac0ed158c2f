//! Producer tokens: who may send records, for which organizations.

use std::collections::BTreeSet;

use futures::FutureExt;

use super::database::{execute, fetch_all, fetch_optional, parse};
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

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    producer: String,
    all_organizations: i64,
}

impl Store {
    /// Keeps a token's hash. The token itself is shown once, by the caller, and never stored.
    pub async fn create_token(
        &self,
        producer: ProducerName,
        hash: TokenHash,
        scope: TokenScope,
        expires_at: Option<Timestamp>,
    ) -> Result<TokenId, StoreError> {
        self.write(move |tx| {
            async move {
                let id = TokenId::generate(&tx.clock, &tx.entropy);
                execute!(
                    tx,
                    "INSERT INTO producer_tokens (id, producer, token_hash, all_organizations, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    id.to_string(),
                    producer.as_str(),
                    hash.as_bytes().to_vec(),
                    i64::from(scope == TokenScope::AllOrganizations),
                    tx.clock.now().as_millis(),
                    expires_at.map(Timestamp::as_millis),
                )?;
                if let TokenScope::Organizations(organizations) = scope {
                    for organization in organizations {
                        execute!(
                            tx,
                            "INSERT INTO producer_token_organizations (token_id, organization_id) VALUES ($1, $2)",
                            id.to_string(),
                            organization.to_string()
                        )?;
                    }
                }
                Ok(id)
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
                let scope = if row.all_organizations == 1 {
                    TokenScope::AllOrganizations
                } else {
                    let ids = fetch_all!(
                        tx,
                        (String,),
                        "SELECT organization_id FROM producer_token_organizations WHERE token_id = $1",
                        &row.id
                    )?;
                    let parsed = ids.iter().map(|(id,)| parse("producer_token_organizations.organization_id", id));
                    TokenScope::Organizations(parsed.collect::<Result<_, StoreError>>()?)
                };
                Ok(Some(ProducerAccess {
                    token_id: parse("producer_tokens.id", &row.id)?,
                    producer: parse("producer_tokens.producer", &row.producer)?,
                    scope,
                }))
            }
            .boxed()
        })
        .await
    }
}
