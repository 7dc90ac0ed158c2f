//! Browser sessions: tower-sessions over our own store.
//!
//! Guarantees:
//! - the database holds only a hash of the cookie's value;
//! - a session that was ended can't be saved back into being;
//! - it is over once the account's password was set anew;
//! - it ends after twelve hours without a request that a person made, and after seven days in any case.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionStore, session_store};

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::credential::PasswordVersion;
use crate::domain::id::UserId;
use crate::store::{SessionContent, SessionHash, SessionHolder, Store};

pub(super) const IDLE_SECONDS: i64 = 12 * 3600;
/// However much it is used.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Last-seen is written at most this often.
const SEEN_EVERY: Duration = Duration::from_secs(60);
const SIGNED_IN: &str = "signed_in";

/// Who is signed in, as kept in the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignedIn {
    pub(super) user: UserId,
    /// The password that it was made under. Sessions older than this field were made under the first one.
    #[serde(default)]
    pub(super) password: PasswordVersion,
    since: Timestamp,
    seen: Timestamp,
    /// What it was begun with, as the browser calls itself.
    #[serde(default)]
    user_agent: String,
}

/// Signs a user in: under a new id, so that one planted before is worth nothing.
pub(super) async fn sign_in(
    session: &Session,
    user: UserId,
    password: PasswordVersion,
    user_agent: &str,
    now: Timestamp,
) -> Result<(), tower_sessions::session::Error> {
    session.cycle_id().await?;
    let user_agent = user_agent.to_owned();
    session.insert(SIGNED_IN, SignedIn { user, password, since: now, seen: now, user_agent }).await
}

/// Who is signed in. Asking counts as being seen, unless it is a page's own polling.
pub(super) async fn signed_in(
    session: &Session,
    now: Timestamp,
    polling: bool,
) -> Result<Option<SignedIn>, tower_sessions::session::Error> {
    let Some(mut signed_in) = session.get::<SignedIn>(SIGNED_IN).await? else { return Ok(None) };
    if now.since(signed_in.since) > ABSOLUTE {
        session.flush().await?;
        return Ok(None);
    }
    if !polling && now.since(signed_in.seen) > SEEN_EVERY {
        signed_in.seen = now;
        session.insert(SIGNED_IN, signed_in.clone()).await?;
    }
    Ok(Some(signed_in))
}

/// The store that tower-sessions works on.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    store: Store,
    clock: Clock,
}

impl Sessions {
    pub(super) fn new(store: Store, clock: Clock) -> Sessions {
        Sessions { store, clock }
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        loop {
            let made = self.store.create_session(hash(record.id), content(record)?).await.map_err(backend)?;
            if made {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.store.save_session(hash(record.id), content(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let found = self.store.load_session(hash(*id), self.clock.wall()).await.map_err(backend)?;
        let Some((data, expires_at)) = found else { return Ok(None) };
        let data =
            serde_json::from_str(&data).map_err(|error| session_store::Error::Decode(error.to_string()))?;
        let nanoseconds = i128::from(expires_at.as_millis()) * 1_000_000;
        let expiry_date = time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.store.delete_session(hash(*id)).await.map_err(backend)
    }
}

/// What the store knows a session by.
pub(super) fn hash(id: Id) -> SessionHash {
    Sha256::digest(id.0.to_be_bytes()).into()
}

/// The data as it is, and beside it whose session that makes it.
fn content(record: &Record) -> session_store::Result<SessionContent> {
    let encode = |error: serde_json::Error| session_store::Error::Encode(error.to_string());
    let data = serde_json::to_string(&record.data).map_err(encode)?;
    let signed_in = record.data.get(SIGNED_IN).map(SignedIn::deserialize).transpose().map_err(encode)?;
    let holder = signed_in.map(|SignedIn { user, since, seen, user_agent, .. }| SessionHolder {
        user,
        user_agent,
        since,
        seen,
    });
    Ok(SessionContent { data, expires_at: expiry(record), holder })
}

fn expiry(record: &Record) -> Timestamp {
    let millis = record.expiry_date.unix_timestamp_nanos() / 1_000_000;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn backend(error: crate::store::StoreError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
