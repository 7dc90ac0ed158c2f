//! Who asks for a change: what every record needs to know of its cause besides the event itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::id::{IdError, UserId};
use super::record::{Actor, Client, PrincipalType};
use super::user::User;

/// The principal behind a change, and where the request came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Who acts.
    pub actor: Actor,
    /// What they act with.
    pub client: Client,
    /// The client's address; none for what nobody pressed.
    pub source_ip: Option<IpAddr>,
}

impl Caller {
    /// A signed-in user in a browser.
    pub fn user(user: &User, user_agent: &str, source_ip: Option<IpAddr>) -> Caller {
        Caller {
            actor: Actor {
                principal_id: user.id.to_string(),
                principal_name: user.email.to_string(),
                principal_type: PrincipalType::User,
                display_name: Some(user.display_name.to_string()),
            },
            client: Client { user_agent: user_agent.to_owned() },
            source_ip,
        }
    }

    /// The user who acts, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match (self.actor.principal_type, self.actor.principal_id.parse()) {
            (PrincipalType::User, Ok(user)) => Some(user),
            (PrincipalType::User, Err(IdError)) | (_, _) => None,
        }
    }

    /// Trailpost itself: for what nobody pressed in a browser, such as an operator's command.
    pub fn trailpost() -> Caller {
        Caller {
            actor: Actor::trailpost(),
            client: Client { user_agent: concat!("trailpost/", env!("CARGO_PKG_VERSION")).to_owned() },
            source_ip: None,
        }
    }
}
