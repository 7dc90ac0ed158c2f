//! How failed sign-ins slow the next ones: a few are free, then each costs a longer wait, a minute at most.
//!
//! Who signed in with a browser before is never kept out by anybody else: such a browser brings a device token
//! (<https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>), and its failures alone
//! count against it. Everybody else is counted by account and network together, by network, and by account: the last
//! with so many free ones that only a guesser with many addresses comes to its waits. While such a one goes on, an
//! owner at a new browser may have to wait; a password-reset link makes that browser one that is known.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::credential::TokenHash;
use super::user::EmailAddress;

/// After so long without a failure the count begins anew.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// So many browsers of an account are remembered; the one that was longest not used makes room.
pub const MOST_DEVICES: i64 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A try to sign in, before its password is looked at.
#[derive(Clone, Debug)]
pub struct SignInTry {
    /// Whose account, whether it exists or not; none for what is no e-mail address.
    pub email: Option<EmailAddress>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The token that the browser brought, if it brought one.
    pub device: Option<TokenHash>,
}

impl SignInTry {
    /// What it counts against, in the order in which rows are taken. `known_device` says whether somebody signed in to
    /// this account with the token before.
    pub fn subjects(&self, known_device: bool) -> Vec<Subject> {
        let mut subjects = match (&self.email, self.device.filter(|_| known_device)) {
            (Some(email), Some(device)) => vec![Subject::device(email, device)],
            (email, _) => Subject::of_a_stranger(email.as_ref(), self.address.map(network)),
        };
        subjects.sort_unstable_by_key(|subject| subject.hash);
        subjects
    }
}

/// What failures are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    hash: [u8; 32],
    /// Failures that cost no wait.
    free: u32,
    /// Whether others than the account's owner are counted in it.
    shared: bool,
}

impl Subject {
    /// An account, guessed at from anywhere.
    pub fn account(email: &EmailAddress) -> Subject {
        Subject { hash: hash(&format!("account {email}")), free: 100, shared: false }
    }

    fn account_from(email: &EmailAddress, network: IpAddr) -> Subject {
        Subject { hash: hash(&format!("account {email} from {network}")), free: 5, shared: false }
    }

    fn device(email: &EmailAddress, device: TokenHash) -> Subject {
        let device = hex::encode(device.as_bytes());
        Subject { hash: hash(&format!("account {email} with {device}")), free: 5, shared: false }
    }

    /// Many people may share one, so more is free.
    fn network(network: IpAddr) -> Subject {
        Subject { hash: hash(&format!("network {network}")), free: 50, shared: true }
    }

    fn of_a_stranger(email: Option<&EmailAddress>, network: Option<IpAddr>) -> Vec<Subject> {
        let account_from = email.zip(network).map(|(email, network)| Subject::account_from(email, network));
        let account = email.map(Subject::account);
        account_from.into_iter().chain(account).chain(network.map(Subject::network)).collect()
    }

    /// What it is stored under.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether the right password says nothing about the other failures in it.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// How long after `now` the next try is taken, given the failures in a row and the last of them.
    pub fn wait(&self, failures: u32, last: Timestamp, now: Timestamp) -> Duration {
        let Some(over) = failures.checked_sub(self.free) else { return Duration::ZERO };
        let whole = Duration::from_secs(1 << over.min(6)).min(LONGEST_WAIT);
        (last + whole).since(now)
    }
}

/// What one party has of addresses: of IPv6 every customer has a /64 at least, and could bring a new address each time.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

fn hash(what: &str) -> [u8; 32] {
    Sha256::digest(what).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::clock::Entropy;
    use crate::domain::credential::DeviceToken;

    fn owner(address: IpAddr, device: Option<TokenHash>) -> SignInTry {
        SignInTry { email: Some("owner@acme.example".parse().unwrap()), address: Some(address), device }
    }

    fn device() -> TokenHash {
        DeviceToken::generate(&Entropy::system()).hash()
    }

    fn waits(subject: Subject, failures: &[u32]) -> Vec<u64> {
        let now = Timestamp::from_millis(1_790_000_000_000);
        failures.iter().map(|failures| subject.wait(*failures, now, now).as_secs()).collect()
    }

    #[test]
    fn a_few_failures_are_free_and_then_the_wait_grows_to_a_minute() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let email = "owner@acme.example".parse().unwrap();
        let here = Subject::account_from(&email, [127, 0, 0, 1].into());
        assert_eq!(waits(here, &[0, 4, 5, 6, 7, 20]), [0, 0, 1, 2, 4, 60]);
        assert_eq!(waits(Subject::device(&email, device()), &[4, 5, 20]), [0, 1, 60]);
        assert_eq!(waits(Subject::network([127, 0, 0, 1].into()), &[49, 50]), [0, 1]);
        assert_eq!(waits(Subject::account(&email), &[99, 100, 200]), [0, 1, 60]);
        assert_eq!(here.wait(6, now, now + Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let subjects = |address: &str| owner(address.parse().unwrap(), None).subjects(false);
        assert_eq!(subjects("2001:db8::1"), subjects("2001:db8::ffff:1"));
        assert_ne!(subjects("2001:db8::1"), subjects("2001:db8:0:1::1"));
        assert_ne!(subjects("192.0.2.1"), subjects("192.0.2.2"));
        assert_eq!(subjects("::ffff:192.0.2.1"), subjects("192.0.2.1"));
    }

    #[test]
    fn a_token_that_the_account_does_not_know_changes_nothing() {
        let address = [192, 0, 2, 1].into();
        assert_eq!(owner(address, Some(device())).subjects(false), owner(address, None).subjects(false));
        let no_address = SignInTry { email: None, ..owner(address, None) };
        assert_eq!(no_address.subjects(false), [Subject::network(address)]);
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_a_minute(failures: u32, since in 0u64..100_000, known: bool) {
            let last = Timestamp::from_millis(1_790_000_000_000);
            let now = last + Duration::from_millis(since);
            for subject in owner([192, 0, 2, 1].into(), Some(device())).subjects(known) {
                prop_assert!(subject.wait(failures, last, now) <= LONGEST_WAIT);
            }
        }

        /// However and from wherever others guess, nothing that they count in slows the browser of somebody who signed
        /// in before.
        #[test]
        fn nobody_is_locked_out_of_a_browser_that_they_signed_in_with(
            guesser: IpAddr, owners: IpAddr, own_token: bool,
        ) {
            let own = owner(owners, Some(device())).subjects(true);
            let guessed = owner(guesser, own_token.then(device));
            for subject in guessed.subjects(false).into_iter().chain(guessed.subjects(own_token)) {
                prop_assert!(!own.contains(&subject));
            }
        }

        #[test]
        fn rows_are_taken_in_one_order(address: IpAddr, known: bool) {
            let subjects = owner(address, Some(device())).subjects(known);
            prop_assert!(subjects.is_sorted_by_key(|subject| *subject.hash()));
        }
    }
}
