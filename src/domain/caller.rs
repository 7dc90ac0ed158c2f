//! Who asks for a change: what every record needs to know of its cause besides the event itself.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::api_key::ApiKeyName;
use super::id::{ApiKeyId, ServiceAccountId, UserId};
use super::principal::Principal;
use super::record::{Actor, Client, PrincipalType};
use super::service_account::ServiceAccountName;
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

    /// A program with an API key.
    pub fn api_key(id: ApiKeyId, name: &ApiKeyName, user_agent: &str, source_ip: Option<IpAddr>) -> Caller {
        Caller::program(PrincipalType::ApiKey, id.to_string(), name.as_str(), user_agent, source_ip)
    }

    /// A program with a service account's secret.
    pub fn service_account(
        id: ServiceAccountId,
        name: &ServiceAccountName,
        user_agent: &str,
        source_ip: Option<IpAddr>,
    ) -> Caller {
        Caller::program(PrincipalType::ServiceAccount, id.to_string(), name.as_str(), user_agent, source_ip)
    }

    fn program(
        principal_type: PrincipalType,
        id: String,
        name: &str,
        user_agent: &str,
        source_ip: Option<IpAddr>,
    ) -> Caller {
        Caller {
            actor: Actor {
                principal_id: id,
                principal_name: name.to_owned(),
                principal_type,
                display_name: None,
            },
            client: Client { user_agent: user_agent.to_owned() },
            source_ip,
        }
    }

    /// Whose rights decide: the one whom the record will name. Trailpost itself is nobody whose rights could be asked.
    pub fn principal(&self) -> Option<Principal> {
        let id = &self.actor.principal_id;
        match self.actor.principal_type {
            PrincipalType::User => id.parse().map(Principal::User),
            PrincipalType::ApiKey => id.parse().map(Principal::ApiKey),
            PrincipalType::ServiceAccount => id.parse().map(Principal::ServiceAccount),
        }
        .ok()
    }

    /// The user who acts, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self.principal() {
            Some(Principal::User(user)) => Some(user),
            Some(Principal::ApiKey(_) | Principal::ServiceAccount(_)) | None => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};

    #[test]
    fn the_principal_is_the_one_whom_the_record_names() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let (key, account) =
            (ApiKeyId::generate(&clock, &entropy), ServiceAccountId::generate(&clock, &entropy));
        let by_key = Caller::api_key(key, &"ci".parse().unwrap(), "curl/8", None);
        assert_eq!(by_key.principal(), Some(Principal::ApiKey(key)));
        let by_account = Caller::service_account(account, &"ci".parse().unwrap(), "curl/8", None);
        assert_eq!(by_account.principal(), Some(Principal::ServiceAccount(account)));
        assert_eq!(Caller::trailpost().principal(), None);
    }
}
