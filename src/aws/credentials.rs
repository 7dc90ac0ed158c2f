//! Temporary credentials of customers' roles. We call STS ourselves: through the SDK's own provider a denial
//! would surface without code or request id, and the access check needs both.
//!
//! Guarantees:
//! - credentials are cached under everything that they depend on (organization, role, external ID, session
//!   policy, and the region whose STS gave them), so two organizations never share any;
//! - they are renewed five minutes before they end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use futures::FutureExt as _;

use super::Aws;
use super::diagnosis::{diagnose_in, unexpected};
use crate::domain::access_check::Stage;
use crate::domain::clock::Timestamp;
use crate::domain::denial;
use crate::domain::failure::{Cause, Failure};
use crate::domain::id::OrganizationId;
use crate::domain::integration::Settings;
use crate::domain::organization::ExternalId;
use crate::domain::policy;
use crate::domain::role_arn::{Partition, RoleArn};
use crate::metrics::AwsOperation;

/// AWS's own default, and the most a chained role may have
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
const SESSION_SECONDS: i32 = 3600;
const RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// A role to be assumed for an organization: all that its credentials depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssumedRole {
    organization: OrganizationId,
    role_arn: RoleArn,
    external_id: ExternalId,
    session_policy: String,
}

/// What STS said to a call without our external ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalIdProbe {
    /// Refused, as it should be.
    Required,
    /// Let in: the role is too open.
    NotRequired,
}

impl AssumedRole {
    /// The role of these settings, with a session policy that allows the access test, the organization's own folder
    /// and their encryption, and nothing else.
    pub fn new(organization: OrganizationId, external_id: ExternalId, settings: &Settings) -> AssumedRole {
        AssumedRole {
            organization,
            role_arn: settings.role_arn.clone(),
            external_id,
            session_policy: policy::session_policy(settings, organization).to_string(),
        }
    }

    /// Where the role is, and so who we are to it.
    pub(super) fn partition(&self) -> Partition {
        self.role_arn.partition()
    }

    /// Carries the organization's id into the customer's CloudTrail.
    fn session_name(&self) -> String {
        format!("trailpost-{}", self.organization)
    }
}

#[derive(Debug, Default)]
pub(super) struct CredentialsCache(Mutex<HashMap<CacheKey, Cached>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CacheKey {
    role: AssumedRole,
    /// Of the STS that is asked.
    region: String,
}

#[derive(Clone, Debug)]
struct Cached {
    credentials: Credentials,
    expires_at: Timestamp,
}

impl CredentialsCache {
    fn get(&self, key: &CacheKey, now: Timestamp) -> Option<Credentials> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |cached: &&Cached| now + RENEW_BEFORE_EXPIRY < cached.expires_at;
        cache.get(key).filter(fresh).map(|cached| cached.credentials.clone())
    }

    /// Keeps credentials. When there is no room, those that have run out make some first, so that the cache grows with
    /// the roles that are in use, and not with those that ever were.
    fn keep(&self, key: CacheKey, cached: Cached, now: Timestamp) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == cache.capacity() {
            cache.retain(|_, cached| now + RENEW_BEFORE_EXPIRY < cached.expires_at);
        }
        cache.insert(key, cached);
    }

    fn forget(&self, key: &CacheKey) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.remove(key);
    }
}

/// That AWS denies us many customers' roles at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct ManyDenied {
    since: Timestamp,
    last: Timestamp,
}

impl Aws {
    /// Proves that the role can be assumed with our external ID, asking STS even if credentials are cached.
    ///
    /// # Errors
    /// What STS answered, as a failure of the stage *Assume role*.
    pub async fn assume(&self, role: &AssumedRole) -> Result<(), Failure> {
        self.forget_credentials(role);
        self.role_credentials(role).await.map(drop)
    }

    /// Whether the same call without our external ID, and with another of the same shape, is refused, while ours is
    /// still let in: STS has many nodes, and one that has not heard of a new role yet refuses every call.
    ///
    /// # Errors
    /// An answer that proves neither. Where ours is refused too, it is a failure of the stage *Assume role*.
    pub async fn probe_external_id(
        &self,
        role: &AssumedRole,
        other: &ExternalId,
    ) -> Result<ExternalIdProbe, Failure> {
        for external_id in [None, Some(other)] {
            match self.call_assume_role(role, external_id).await {
                Ok(_) => return Ok(ExternalIdProbe::NotRequired),
                Err(failure) if failure.cause.is_the_roles_refusal() => {}
                Err(failure) => {
                    return Err(Failure { stage: Stage::ExternalIdRequired, ..failure });
                }
            }
        }
        self.call_assume_role(role, Some(&role.external_id)).await?;
        Ok(ExternalIdProbe::Required)
    }

    /// When STS last gave us credentials of any customer's role: our own identity was accepted then.
    pub fn let_in_at(&self) -> Option<Timestamp> {
        *self.let_in_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn role_credentials(&self, role: &AssumedRole) -> Result<Credentials, Failure> {
        let key = self.cache_key(role);
        if let Some(credentials) = self.credentials.get(&key, self.clock.now()) {
            return Ok(credentials);
        }
        let answer = self.call_assume_role(role, Some(&role.external_id)).await?;
        let cached = cached(&answer)
            .ok_or_else(|| unexpected(Stage::AssumeRole, "STS answered without usable credentials"))?;
        *self.let_in_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.now());
        *self.many_denied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let credentials = cached.credentials.clone();
        self.credentials.keep(key, cached, self.clock.now());
        Ok(credentials)
    }

    pub(super) fn forget_credentials(&self, role: &AssumedRole) {
        self.credentials.forget(&self.cache_key(role));
    }

    fn cache_key(&self, role: &AssumedRole) -> CacheKey {
        CacheKey { role: role.clone(), region: self.own(role.partition()).region() }
    }

    async fn call_assume_role(
        &self,
        role: &AssumedRole,
        external_id: Option<&ExternalId>,
    ) -> Result<AssumeRoleOutput, Failure> {
        let own = self.own(role.partition());
        let call = own
            .sts
            .assume_role()
            .role_arn(role.role_arn.as_str())
            .role_session_name(role.session_name())
            .duration_seconds(SESSION_SECONDS)
            .policy(&role.session_policy)
            .set_external_id(external_id.map(ToString::to_string));
        let answer = self
            .timed(AwsOperation::AssumeRole, call.send().boxed())
            .await
            .map_err(|error| diagnose_in(&own.region(), Stage::AssumeRole, &error));
        self.note_our_standing(answer.as_ref().err());
        answer
    }

    /// Since when AWS has refused our own identity, what it may do, or our clock; none while it takes both, as far as it was asked.
    pub fn refused_since(&self) -> Option<Timestamp> {
        *self.refused_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps that a denial was one of many.
    pub fn note_many_denied(&self) {
        let now = self.clock.now();
        let mut many = self.many_denied.lock().unwrap_or_else(PoisonError::into_inner);
        let since = many.map_or(now, |many| many.since);
        *many = Some(ManyDenied { since, last: now });
    }

    /// Since when AWS has denied us many customers' roles; none once it lets us into one, or denials have ceased for so
    /// long that they would not count together any more.
    pub fn many_denied_since(&self) -> Option<Timestamp> {
        let many = *self.many_denied.lock().unwrap_or_else(PoisonError::into_inner);
        many.filter(|many| many.last + denial::WITHIN > self.clock.now()).map(|many| many.since)
    }

    /// Whoever is let in, or denied a role, was recognised.
    fn note_our_standing(&self, failure: Option<&Failure>) {
        let mut since = self.refused_since.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.map(|failure| failure.cause) {
            Some(Cause::OwnIdentityRefused | Cause::ClockSkewed) => {
                since.get_or_insert_with(|| self.clock.now());
            }
            // A policy of ours may leave out one customer's role: that says nothing of the others.
            Some(cause) if !cause.is_the_roles_refusal() && cause != Cause::OwnPolicyRefuses => {}
            None | Some(_) => *since = None,
        }
    }
}

fn cached(answer: &AssumeRoleOutput) -> Option<Cached> {
    let given = answer.credentials()?;
    Some(Cached {
        credentials: Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            // Our cache decides by our clock; the SDK would decide by the machine's.
            None,
            "assumed role",
        ),
        expires_at: Timestamp::from_millis(given.expiration().to_millis().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};
    use crate::domain::integration::TypedSettings;
    use crate::domain::window::WindowLength;

    #[test]
    fn credentials_are_had_for_all_that_they_depend_on_and_for_nothing_else() {
        let entropy = Entropy::seeded(1);
        let settings = |bucket: &str| {
            let typed = TypedSettings {
                role_arn: "arn:aws:iam::111122223333:role/logs".to_owned(),
                bucket: bucket.to_owned(),
                ..TypedSettings::default()
            };
            typed.parse(WindowLength::default()).unwrap()
        };
        let organization = || OrganizationId::generate(&Clock::system(), &entropy);
        let (acme, external_id) = (organization(), ExternalId::generate(&entropy));
        let key = |organization, external_id: &ExternalId, bucket: &str, region: &str| CacheKey {
            role: AssumedRole::new(organization, external_id.clone(), &settings(bucket)),
            region: region.to_owned(),
        };
        let (now, cache) = (Timestamp::from_millis(0), CredentialsCache::default());
        let credentials = Credentials::new("AKIA", "secret", None, None, "a test");
        let kept = key(acme, &external_id, "acme-logs", "us-east-1");
        cache.keep(kept.clone(), Cached { credentials, expires_at: now + Duration::from_secs(3600) }, now);
        assert!(cache.get(&kept, now).is_some());
        for other in [
            key(organization(), &external_id, "acme-logs", "us-east-1"),
            key(acme, &ExternalId::generate(&entropy), "acme-logs", "us-east-1"),
            key(acme, &external_id, "acme-logs/moved", "us-east-1"),
            key(acme, &external_id, "acme-logs", "eu-west-1"),
        ] {
            assert!(cache.get(&other, now).is_none(), "{other:?}");
        }
        assert!(cache.get(&kept, now + Duration::from_secs(3300)).is_none(), "five minutes before its end");
    }
}
