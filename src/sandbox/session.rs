//! Role sessions: the temporary credentials that AssumeRole hands out.
//!
//! They live in memory, as long as the sandbox runs, and expire by the sandbox's clock. An
//! expired one is remembered for a day, so that its holder is told that it expired and not
//! that the key never existed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use aws_smithy_types::base64;

use super::account::{LoadedRole, read, write};
use super::mint::{Mint, letters, unique_id};
use super::policy_document::Policy;
use super::policy_eval::Principal;

const REMEMBERED_MS: i64 = 24 * 3600 * 1000;

/// What AssumeRole asked for, already checked.
#[derive(Debug)]
pub(super) struct SessionRequest {
    pub(super) session_name: String,
    pub(super) seconds: i64,
    pub(super) external_id: Option<String>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) policy_text: Option<String>,
}

/// A session that AssumeRole opened, for who looks into the sandbox. No `Debug`: it holds secrets.
#[derive(Clone)]
pub struct RoleSession {
    /// The role.
    pub role_arn: String,
    /// The name that it was opened under.
    pub session_name: String,
    /// The external ID that was sent.
    pub external_id: Option<String>,
    /// The session policy that was sent, as JSON.
    pub policy: Option<String>,
    /// Its access key.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: String,
    /// What has to be sent beside the key.
    pub session_token: String,
}

/// One set of temporary credentials. No `Debug`: it holds secrets.
pub(super) struct Session {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expires_ms: i64,
    pub(super) role_arn: String,
    pub(super) principal: Principal,
    pub(super) partition: String,
    pub(super) assumed_role_id: String,
    pub(super) policy: Option<Arc<Policy>>,
    number: u64,
    session_name: String,
    external_id: Option<String>,
    policy_text: Option<String>,
}

pub(super) struct Sessions {
    mint: Arc<Mint>,
    opened: AtomicU64,
    by_key: RwLock<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    pub(super) fn new(mint: Arc<Mint>) -> Self {
        Self { mint, opened: AtomicU64::new(0), by_key: RwLock::default() }
    }

    pub(super) fn get(&self, access_key_id: &str) -> Option<Arc<Session>> {
        read(&self.by_key).get(access_key_id).cloned()
    }

    pub(super) fn open(&self, role: &LoadedRole, request: SessionRequest, now_ms: i64) -> Arc<Session> {
        let session = Arc::new(self.make(role, request, now_ms));
        let mut by_key = write(&self.by_key);
        by_key.retain(|_, known| known.expires_ms.saturating_add(REMEMBERED_MS) > now_ms);
        by_key.insert(session.access_key_id.clone(), Arc::clone(&session));
        session
    }

    /// Those that are remembered, in the order they were opened.
    pub(super) fn list(&self) -> Vec<RoleSession> {
        let mut sessions: Vec<_> = read(&self.by_key).values().cloned().collect();
        sessions.sort_by_key(|session| session.number);
        sessions.iter().map(|session| RoleSession::from(&**session)).collect()
    }

    pub(super) fn forget(&self) {
        write(&self.by_key).clear();
    }

    fn make(&self, role: &LoadedRole, request: SessionRequest, now_ms: i64) -> Session {
        let place = &role.place;
        let arn = format!(
            "arn:{}:sts::{}:assumed-role/{}/{}",
            place.partition, place.account, place.name, request.session_name
        );
        let count = self.opened.fetch_add(1, Ordering::Relaxed);
        // The role is in it too, so that no two roles ever share credentials across restarts.
        let input = [count.to_string().as_bytes(), role.arn.as_bytes(), arn.as_bytes()].join(&0);
        let token = [self.mint.draw("token 1", &input), self.mint.draw("token 2", &input)].concat();
        Session {
            access_key_id: format!("ASIA{}", letters(&self.mint.draw("key", &input)[..16])),
            secret_access_key: base64::encode(&self.mint.draw("secret", &input)[..30]),
            session_token: base64::encode([b"trailpost-sandbox".as_slice(), &token].concat()),
            expires_ms: now_ms.saturating_add(request.seconds.saturating_mul(1000)),
            role_arn: role.arn.clone(),
            assumed_role_id: format!("{}:{}", unique_id("AROA", &role.arn), request.session_name),
            principal: Principal { arn, role_arn: Some(role.arn.clone()), account: place.account.clone() },
            partition: place.partition.clone(),
            policy: request.policy,
            number: count,
            session_name: request.session_name,
            external_id: request.external_id,
            policy_text: request.policy_text,
        }
    }
}

impl From<&Session> for RoleSession {
    fn from(session: &Session) -> Self {
        Self {
            role_arn: session.role_arn.clone(),
            session_name: session.session_name.clone(),
            external_id: session.external_id.clone(),
            policy: session.policy_text.clone(),
            access_key_id: session.access_key_id.clone(),
            secret_access_key: session.secret_access_key.clone(),
            session_token: session.session_token.clone(),
        }
    }
}
