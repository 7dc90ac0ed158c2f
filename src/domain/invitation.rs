//! Invitations to an organization, for how long each can be used, and which way in it leads its bearer.

use super::id::OrganizationId;
use super::membership::{Ability, Role};
use super::organization::OrganizationName;
use super::principal::{Principal, Reach};
use super::user::EmailAddress;

/// An invitation that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Where to.
    pub organization_id: OrganizationId,
    /// How that organization is called.
    pub organization_name: OrganizationName,
    /// Who is invited.
    pub email: EmailAddress,
    /// What they will be there.
    pub role: Role,
    /// Whether the e-mail address has an account already.
    pub has_account: bool,
}

/// Who sent an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The operator, with a command.
    Operator,
    /// Somebody who was let into the organization.
    Principal(Principal),
}

impl Sender {
    /// Whether an invitation of this role can still be used, given how far its sender's rights reach now; none at all
    /// once they are out of the organization. Without this rule whoever is removed could come back by a second
    /// address that they had invited before. The operator's rights don't end.
    pub fn may_still_give(self, role: Role, reach: Option<Reach>) -> bool {
        match self {
            Sender::Operator => true,
            Sender::Principal(_) => {
                reach.is_some_and(|reach| reach.may(Ability::ManageMembers, None) && reach.may_grant(role))
            }
        }
    }
}

/// What an invitation asks of its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayIn {
    /// Make the account: a name and a password.
    NewAccount,
    /// Sign in: there is an account, whose password no invitation sets.
    SignIn,
    /// Accept: the invited account is signed in.
    Accept,
    /// Sign out: another account is signed in, this one.
    SomebodyElse(EmailAddress),
}

impl Invitation {
    /// The way in for whoever is at the keyboard.
    pub fn way_in(&self, signed_in: Option<&EmailAddress>) -> WayIn {
        match signed_in {
            Some(email) if *email == self.email => WayIn::Accept,
            Some(email) => WayIn::SomebodyElse(email.clone()),
            None if self.has_account => WayIn::SignIn,
            None => WayIn::NewAccount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};
    use crate::domain::id::{ProjectId, UserId};

    #[test]
    fn an_invitation_can_be_used_while_its_sender_may_still_give_its_role() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let user = Sender::Principal(Principal::User(UserId::generate(&clock, &entropy)));
        let key = Reach::Project(ProjectId::generate(&clock, &entropy));
        for role in Role::ALL {
            for reach in Role::ALL.map(Reach::Organization).map(Some).into_iter().chain([Some(key), None]) {
                assert!(Sender::Operator.may_still_give(role, reach));
                let is_owner = reach == Some(Reach::Organization(Role::Owner));
                assert_eq!(user.may_still_give(role, reach), is_owner, "{role:?} {reach:?}");
            }
        }
    }

    #[test]
    fn a_password_is_asked_for_only_where_there_is_no_account_and_nobody_signed_in() {
        let email = |text: &str| text.parse::<EmailAddress>().unwrap();
        let ways = |has_account| {
            let invitation = Invitation {
                organization_id: OrganizationId::generate(&Clock::system(), &Entropy::seeded(1)),
                organization_name: "Acme".parse().unwrap(),
                email: email("ada@acme.example"),
                role: Role::Owner,
                has_account,
            };
            let visitors = [None, Some(email("ada@acme.example")), Some(email("bob@acme.example"))];
            visitors.map(|visitor| invitation.way_in(visitor.as_ref()))
        };
        let bob = WayIn::SomebodyElse(email("bob@acme.example"));
        assert_eq!(ways(false), [WayIn::NewAccount, WayIn::Accept, bob.clone()]);
        assert_eq!(ways(true), [WayIn::SignIn, WayIn::Accept, bob]);
    }
}
