//! Who and what exists: users, roles, KMS keys, buckets and the sessions made from roles, and what
//! the accounts' organizations allow them.
//!
//! Everything is checked when it is put in (ARNs, names, policies), so that a request never
//! meets a half-understood one. A session looks its role's policies up at each request, as
//! AWS does: a change to the role counts at once. Users, roles, keys, buckets and sessions live
//! in memory; only objects live in files.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Now;
use super::encryption::BucketEncryption;
use super::kms::{KeyPlace, KmsKey, LoadedKey};
use super::mint::{Mint, unique_id};
use super::policy_document::{Policy, PolicyError, PolicyKind};
use super::policy_eval::{Policies, Principal};
use super::session::{RoleSession, Session, SessionRequest, Sessions};

/// A user with one long-lived access key.
#[derive(Clone)]
pub struct IamUser {
    /// `arn:aws:iam::111122223333:user/name`.
    pub arn: String,
    /// `AKIA…`.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: String,
    /// Identity policies, as JSON.
    pub policies: Vec<String>,
}

impl fmt::Debug for IamUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("IamUser");
        shown.field("arn", &self.arn).field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A role that may be assumed.
#[derive(Debug, Clone)]
pub struct IamRole {
    /// `arn:aws:iam::111122223333:role/path/name`.
    pub arn: String,
    /// Who may assume it, as JSON.
    pub trust_policy: String,
    /// What it may do, as JSON.
    pub permission_policies: Vec<String>,
    /// The most that those may allow it, as JSON.
    pub permissions_boundary: Option<String>,
    /// Longest session, in seconds. AWS's default is 3600.
    pub max_session_seconds: i64,
}

/// An account of an organization (AWS Organizations), with what that says of it. An account that is
/// none is in no organization.
#[derive(Debug, Clone)]
pub struct OrganizationMember {
    /// The account.
    pub account: String,
    /// The organization: `o-…`.
    pub organization: String,
    /// What the account's users and roles may at most be allowed, as JSON; empty for anything.
    pub service_control_policies: Vec<String>,
    /// What anybody may at most be allowed on what the account owns, as JSON; empty for anything.
    pub resource_control_policies: Vec<String>,
}

/// A bucket. Its objects stay in files when it is replaced or removed.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// Where it is, for example `eu-west-1`.
    pub region: String,
    /// The account that owns it.
    pub owner_account: String,
    /// The bucket policy, as JSON.
    pub policy: Option<String>,
    /// How objects are encrypted whose put does not say.
    pub encryption: BucketEncryption,
    /// It has Object Lock with a default retention: a put needs a checksum. Nothing is retained here.
    pub object_lock: bool,
}

impl Bucket {
    /// A bucket as AWS makes them: without a policy, encrypted by S3's own keys, without Object Lock.
    #[must_use]
    pub fn new(name: &str, region: &str, owner_account: &str) -> Bucket {
        Bucket {
            name: name.to_owned(),
            region: region.to_owned(),
            owner_account: owner_account.to_owned(),
            policy: None,
            encryption: BucketEncryption::default(),
            object_lock: false,
        }
    }
}

/// Why a user, role, key or bucket was refused.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not an ARN of the right kind.
    #[error("{arn:?} isn't the ARN of a {kind}; write arn:aws:iam::<12 digits>:{kind}/<name>")]
    Arn {
        /// What was given.
        arn: String,
        /// `user` or `role`.
        kind: &'static str,
    },
    /// Not the ARN of a KMS key.
    #[error("{arn:?} isn't the ARN of a KMS key; write arn:aws:kms:<region>:<12 digits>:key/<id>")]
    Key {
        /// What was given.
        arn: String,
    },
    /// A bucket's name, region or owner is not one.
    #[error("bucket {name:?}: {problem}")]
    Bucket {
        /// The bucket's name as given.
        name: String,
        /// What to change.
        problem: &'static str,
    },
    /// A policy was refused.
    #[error("{owner}: {source}")]
    Policy {
        /// Whose policy it is.
        owner: String,
        /// Where and why.
        source: PolicyError,
    },
}

/// A user or session whose signature and token were good, with the policies that bear on it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) partition: String,
    pub(super) unique_id: String,
    pub(super) identity: Vec<Arc<Policy>>,
    pub(super) boundary: Option<Arc<Policy>>,
    pub(super) session: Option<Arc<Policy>>,
    pub(super) service_control: Vec<Arc<Policy>>,
}

impl Caller {
    /// Its own policies, to be put beside those of a resource.
    pub(super) fn policies(&self) -> Policies<'_> {
        Policies {
            identity: &self.identity,
            boundary: self.boundary.as_deref(),
            session: self.session.as_deref(),
            service_control: &self.service_control,
            ..Policies::default()
        }
    }
}

/// Why an access key with its session token names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadCredentials {
    UnknownKey,
    BadToken,
    Expired,
}

#[derive(Debug, Clone)]
pub(super) struct LoadedRole {
    pub(super) arn: String,
    pub(super) place: IamArn,
    pub(super) trust: Arc<Policy>,
    pub(super) permissions: Vec<Arc<Policy>>,
    pub(super) boundary: Option<Arc<Policy>>,
    pub(super) max_session_seconds: i64,
}

#[derive(Debug, Clone)]
struct LoadedMember {
    organization: String,
    service_control: Vec<Arc<Policy>>,
    resource_control: Vec<Arc<Policy>>,
}

#[derive(Debug, Clone)]
pub(super) struct LoadedBucket {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) owner_account: String,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) encryption: BucketEncryption,
    pub(super) object_lock: bool,
    pub(super) created_ms: i64,
}

struct LoadedUser {
    caller: Caller,
    secret: String,
}

/// The parts of a user's or role's ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IamArn {
    pub(super) partition: String,
    pub(super) account: String,
    /// Without the path.
    pub(super) name: String,
}

impl IamArn {
    pub(super) fn parse(arn: &str, kind: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
            return None;
        };
        let name = resource.strip_prefix(kind)?.strip_prefix('/')?.rsplit('/').next()?;
        let named = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
        (partition.starts_with("aws") && is_account(account) && named).then(|| Self {
            partition: (*partition).to_owned(),
            account: (*account).to_owned(),
            name: name.to_owned(),
        })
    }
}

/// All accounts of the sandbox.
pub(super) struct Accounts {
    now: Now,
    users: RwLock<HashMap<String, LoadedUser>>,
    roles: RwLock<HashMap<String, LoadedRole>>,
    keys: RwLock<HashMap<String, LoadedKey>>,
    buckets: RwLock<BTreeMap<String, LoadedBucket>>,
    members: RwLock<HashMap<String, LoadedMember>>,
    endpoint: RwLock<Option<Arc<Policy>>>,
    sessions: Sessions,
}

impl Accounts {
    pub(super) fn new(now: Now, mint: Arc<Mint>) -> Self {
        Self {
            sessions: Sessions::new(mint),
            now,
            users: RwLock::default(),
            roles: RwLock::default(),
            keys: RwLock::default(),
            buckets: RwLock::default(),
            members: RwLock::default(),
            endpoint: RwLock::default(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        (self.now)()
    }

    pub(super) fn put_user(&self, user: IamUser) -> Result<(), AccountError> {
        let place = IamArn::parse(&user.arn, "user")
            .ok_or_else(|| AccountError::Arn { arn: user.arn.clone(), kind: "user" })?;
        let identity = parse_all(&user.policies, PolicyKind::Identity, &user.arn)?;
        let caller = Caller {
            unique_id: unique_id("AIDA", &user.arn),
            principal: Principal { arn: user.arn, role_arn: None, account: place.account },
            partition: place.partition,
            identity,
            boundary: None,
            session: None,
            service_control: Vec::new(),
        };
        let loaded = LoadedUser { caller, secret: user.secret_access_key };
        write(&self.users).insert(user.access_key_id, loaded);
        Ok(())
    }

    pub(super) fn put_role(&self, role: IamRole) -> Result<(), AccountError> {
        let place = IamArn::parse(&role.arn, "role")
            .ok_or_else(|| AccountError::Arn { arn: role.arn.clone(), kind: "role" })?;
        let loaded = LoadedRole {
            trust: parse(&role.trust_policy, PolicyKind::Trust, &role.arn)?,
            permissions: parse_all(&role.permission_policies, PolicyKind::Identity, &role.arn)?,
            boundary: role
                .permissions_boundary
                .map(|text| parse(&text, PolicyKind::Identity, &role.arn))
                .transpose()?,
            max_session_seconds: role.max_session_seconds,
            arn: role.arn.clone(),
            place,
        };
        write(&self.roles).insert(role.arn, loaded);
        Ok(())
    }

    pub(super) fn remove_role(&self, arn: &str) -> bool {
        write(&self.roles).remove(arn).is_some()
    }

    pub(super) fn put_key(&self, key: KmsKey) -> Result<(), AccountError> {
        if KeyPlace::parse(&key.arn).is_none() {
            return Err(AccountError::Key { arn: key.arn });
        }
        let loaded = LoadedKey { policy: parse(&key.policy, PolicyKind::Key, &key.arn)?, state: key.state };
        write(&self.keys).insert(key.arn, loaded);
        Ok(())
    }

    pub(super) fn put_member(&self, member: OrganizationMember) -> Result<(), AccountError> {
        let loaded = LoadedMember {
            service_control: parse_all(
                &member.service_control_policies,
                PolicyKind::Identity,
                &member.account,
            )?,
            resource_control: parse_all(
                &member.resource_control_policies,
                PolicyKind::ResourceControl,
                &member.account,
            )?,
            organization: member.organization,
        };
        write(&self.members).insert(member.account, loaded);
        Ok(())
    }

    pub(super) fn put_endpoint_policy(&self, text: Option<&str>) -> Result<(), AccountError> {
        let policy = text.map(|text| parse(text, PolicyKind::Endpoint, "the VPC endpoint")).transpose()?;
        *write(&self.endpoint) = policy;
        Ok(())
    }

    pub(super) fn put_bucket(&self, bucket: Bucket) -> Result<(), AccountError> {
        if let Some(problem) = bucket_problem(&bucket) {
            return Err(AccountError::Bucket { name: bucket.name, problem });
        }
        if let BucketEncryption::KmsKey(arn) = &bucket.encryption
            && KeyPlace::parse(arn).is_none()
        {
            return Err(AccountError::Key { arn: arn.clone() });
        }
        let policy = bucket.policy.map(|text| parse(&text, PolicyKind::Bucket, &bucket.name)).transpose()?;
        let mut buckets = write(&self.buckets);
        let created_ms = buckets.get(&bucket.name).map_or_else(|| self.now_ms(), |known| known.created_ms);
        let loaded = LoadedBucket {
            name: bucket.name.clone(),
            region: bucket.region,
            owner_account: bucket.owner_account,
            policy,
            encryption: bucket.encryption,
            object_lock: bucket.object_lock,
            created_ms,
        };
        buckets.insert(bucket.name, loaded);
        Ok(())
    }

    pub(super) fn remove_bucket(&self, name: &str) -> bool {
        write(&self.buckets).remove(name).is_some()
    }

    pub(super) fn role(&self, arn: &str) -> Option<LoadedRole> {
        read(&self.roles).get(arn).cloned()
    }

    pub(super) fn key(&self, arn: &str) -> Option<LoadedKey> {
        read(&self.keys).get(arn).cloned()
    }

    pub(super) fn bucket(&self, name: &str) -> Option<LoadedBucket> {
        read(&self.buckets).get(name).cloned()
    }

    pub(super) fn buckets_of(&self, account: &str) -> Vec<LoadedBucket> {
        read(&self.buckets).values().filter(|bucket| bucket.owner_account == account).cloned().collect()
    }

    /// The policy of the VPC endpoint that every request comes through; none for no endpoint.
    pub(super) fn endpoint_policy(&self) -> Option<Arc<Policy>> {
        read(&self.endpoint).clone()
    }

    pub(super) fn resource_control(&self, account: &str) -> Vec<Arc<Policy>> {
        read(&self.members).get(account).map(|member| member.resource_control.clone()).unwrap_or_default()
    }

    fn service_control(&self, account: &str) -> Vec<Arc<Policy>> {
        read(&self.members).get(account).map(|member| member.service_control.clone()).unwrap_or_default()
    }

    /// Whether two accounts are one, or in one organization.
    pub(super) fn belong_together(&self, one: &str, other: &str) -> bool {
        let members = read(&self.members);
        let organization = |account: &str| members.get(account).map(|member| &member.organization);
        one == other || organization(one).is_some_and(|found| organization(other) == Some(found))
    }

    /// The secret to check a signature with.
    pub(super) fn secret_of(&self, access_key_id: &str) -> Option<String> {
        let of_user = read(&self.users).get(access_key_id).map(|user| user.secret.clone());
        of_user.or_else(|| self.sessions.get(access_key_id).map(|session| session.secret_access_key.clone()))
    }

    /// The caller behind a key whose signature was good.
    pub(super) fn caller(&self, access_key_id: &str, token: Option<&str>) -> Result<Caller, BadCredentials> {
        if let Some(user) = read(&self.users).get(access_key_id) {
            return match token {
                None => {
                    let service_control = self.service_control(&user.caller.principal.account);
                    Ok(Caller { service_control, ..user.caller.clone() })
                }
                Some(_) => Err(BadCredentials::BadToken),
            };
        }
        let session = self.sessions.get(access_key_id).ok_or(BadCredentials::UnknownKey)?;
        // AWS knows a temporary key only together with its token.
        let token = token.ok_or(BadCredentials::UnknownKey)?;
        if token != session.session_token {
            return Err(BadCredentials::BadToken);
        }
        if self.now_ms() >= session.expires_ms {
            return Err(BadCredentials::Expired);
        }
        Ok(self.session_caller(&session))
    }

    pub(super) fn open_session(&self, role: &LoadedRole, request: SessionRequest) -> Arc<Session> {
        self.sessions.open(role, request, self.now_ms())
    }

    pub(super) fn list_sessions(&self) -> Vec<RoleSession> {
        self.sessions.list()
    }

    pub(super) fn forget_sessions(&self) {
        self.sessions.forget();
    }

    fn session_caller(&self, session: &Session) -> Caller {
        // A role that is gone allows nothing.
        let role = self.role(&session.role_arn);
        let (identity, boundary) = role.map(|role| (role.permissions, role.boundary)).unwrap_or_default();
        Caller {
            service_control: self.service_control(&session.principal.account),
            principal: session.principal.clone(),
            partition: session.partition.clone(),
            unique_id: session.assumed_role_id.clone(),
            identity,
            boundary,
            session: session.policy.clone(),
        }
    }
}

fn bucket_problem(bucket: &Bucket) -> Option<&'static str> {
    let region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !s3s::path::check_bucket_name(&bucket.name) {
        Some("the name breaks S3's naming rules (3 to 63 of a-z, 0-9, dot and hyphen)")
    } else if bucket.region.is_empty() || !bucket.region.bytes().all(region) {
        Some("the region must look like eu-west-1")
    } else if !is_account(&bucket.owner_account) {
        Some("the owner must be an account id of 12 digits")
    } else {
        None
    }
}

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_all(texts: &[String], kind: PolicyKind, owner: &str) -> Result<Vec<Arc<Policy>>, AccountError> {
    texts.iter().map(|text| parse(text, kind, owner)).collect()
}

fn parse(text: &str, kind: PolicyKind, owner: &str) -> Result<Arc<Policy>, AccountError> {
    let policy = Policy::parse(text, kind);
    policy.map(Arc::new).map_err(|source| AccountError::Policy { owner: owner.to_owned(), source })
}

/// A panic elsewhere can't leave these maps half-changed, so a poisoned lock is still good.
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`read`].
pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
