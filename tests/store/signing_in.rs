//! Guessing passwords: slowed however many guess at once and from wherever, and never at the cost of somebody who
//! signed in with their browser before.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures::future::join_all;
use trailpost::domain::clock::{Entropy, Timestamp};
use trailpost::domain::credential::{DeviceToken, TokenHash};
use trailpost::domain::throttle::{MOST_DEVICES, SignInTry};
use trailpost::domain::user::EmailAddress;
use trailpost::store::{CountedTry, Device, Opening, SignInRefused};

use super::{Books, START};
use crate::support::database::Engine;

on_both_engines! {
    of_sixty_guesses_at_once_five_are_let_through,
    a_try_that_has_to_wait_counts_nothing,
    the_right_password_takes_back_what_it_counted_and_no_more,
    guesses_from_everywhere_do_not_slow_a_browser_that_signed_in_before,
    the_guesses_of_a_known_browser_are_slowed_too,
    a_token_that_nobody_was_given_makes_no_browser_known,
    one_browser_knows_several_accounts,
    the_browser_that_was_longest_not_used_is_forgotten,
    an_account_that_does_not_exist_is_counted_by_the_same_writes,
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

async fn of_sixty_guesses_at_once_five_are_let_through(books: Books) {
    let guess = |_| books.begin(Some(HOME), None);
    assert_eq!(let_through(join_all((0..60).map(guess)).await), 5);
}

/// Each process has its own turns; the database is what they share.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_guesses_in_two_processes_five_are_let_through() {
    let books = Books::open(Engine::Postgres).await;
    let other = books.database.open(Opening::Serve, &books.clock).await.unwrap();
    let guess = |number| {
        let store = if number % 2 == 0 { &books.store } else { &other };
        store.begin_sign_in(books.attempt(Some(HOME), None), now())
    };
    assert_eq!(let_through(join_all((0..60).map(guess)).await), 5);
}

/// Rows of accounts and of addresses, crossed: each wants two that others want in another company.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_that_share_rows_wait_in_no_circle() {
    let books = Books::open(Engine::Postgres).await;
    let guess = |number: u8| {
        let attempt = SignInTry {
            email: Some(email(&format!("{}@acme.example", number % 3))),
            ..books.attempt(Some([192, 0, 2, number % 5].into()), None)
        };
        begin_and_finish(&books, attempt)
    };
    for _ in 0..10 {
        join_all((0..60).map(guess)).await;
    }
}

async fn begin_and_finish(books: &Books, attempt: SignInTry) {
    match books.store.begin_sign_in(attempt, now()).await {
        Ok(counted) => {
            let device = Device { brought: None, fresh: token() };
            books.store.finish_sign_in(counted, books.owner.id, device, now()).await.unwrap();
        }
        Err(SignInRefused::Wait(_)) => {}
        Err(SignInRefused::Store(error)) => panic!("{error}"),
    }
}

async fn a_try_that_has_to_wait_counts_nothing(books: Books) {
    for _ in 0..5 {
        assert!(books.begin_at(now(), Some(HOME), None).await.is_ok());
    }
    let at = |millis| books.begin_at(now() + Duration::from_millis(millis), Some(HOME), None);
    for millis in 0..20 {
        assert_eq!(wait(at(millis).await), Duration::from_millis(1000 - millis));
    }
    assert!(at(1000).await.is_ok(), "the wait is that of five failures, and no longer");
    assert_eq!(wait(at(1000).await), Duration::from_secs(2));
}

async fn the_right_password_takes_back_what_it_counted_and_no_more(books: Books) {
    for _ in 0..4 {
        books.begin(Some(HOME), None).await.unwrap();
    }
    let other = |name: &str| SignInTry { email: Some(email(name)), ..books.attempt(Some(HOME), None) };
    let counted = books.begin(Some(HOME), None).await.unwrap();
    books.finish(counted, None).await;
    for _ in 0..5 {
        assert!(books.begin(Some(HOME), None).await.is_ok(), "the account begins anew");
    }
    // The address keeps its other failures: of its 50 free ones 4 and 5 are used.
    for number in 0..41 {
        let attempt = other(&format!("{number}@acme.example"));
        assert!(books.store.begin_sign_in(attempt, now()).await.is_ok(), "{number}");
    }
    let next = books.store.begin_sign_in(other("next@acme.example"), now()).await;
    assert!(wait(next) > Duration::ZERO);
}

async fn guesses_from_everywhere_do_not_slow_a_browser_that_signed_in_before(books: Books) {
    let device = books.device_of_the_owner().await;
    // Each from an address of its own.
    let guess = |number| books.begin(Some(address(number)), None);
    assert_eq!(
        let_through(join_all((0..150).map(guess)).await),
        100,
        "only a guesser with many comes so far"
    );
    let stranger = wait(books.begin(Some(HOME), None).await);
    assert!(stranger > Duration::ZERO && stranger <= Duration::from_secs(60), "slowed, not locked out");
    // Also where the guesser sits at the next desk.
    for number in 0..50 {
        let attempt = SignInTry {
            email: Some(email(&format!("{number}@acme.example"))),
            ..books.attempt(Some(HOME), None)
        };
        books.store.begin_sign_in(attempt, now()).await.unwrap();
    }
    for _ in 0..3 {
        let counted = books.begin(Some(HOME), Some(device)).await.unwrap();
        books.finish(counted, Some(device)).await;
    }
}

async fn the_guesses_of_a_known_browser_are_slowed_too(books: Books) {
    let device = books.device_of_the_owner().await;
    let guess = |number| books.begin(Some(address(number)), Some(device));
    assert_eq!(let_through(join_all((0..60).map(guess)).await), 5);
    assert!(books.begin(Some(HOME), None).await.is_ok(), "and count against nobody else");
}

async fn a_token_that_nobody_was_given_makes_no_browser_known(books: Books) {
    let forged = token();
    let counted = books.begin(Some(HOME), Some(forged)).await.unwrap();
    assert!(!books.finish(counted, Some(forged)).await, "it is given another");
    assert!(!books.is_known(forged).await);
}

async fn one_browser_knows_several_accounts(books: Books) {
    let device = books.device_of_the_owner().await;
    let bob = books.store.create_user(email("bob@acme.example"), "Bob".parse().unwrap(), String::new());
    let bob = bob.await.unwrap();
    let attempt = SignInTry { email: Some(bob.email.clone()), ..books.attempt(Some(HOME), Some(device)) };
    let counted = books.store.begin_sign_in(attempt.clone(), now()).await.unwrap();
    let brought = Device { brought: Some(device), fresh: token() };
    let kept = books.store.finish_sign_in(counted, bob.id, brought, now()).await.unwrap();
    assert!(kept && books.is_known(device).await);
}

async fn the_browser_that_was_longest_not_used_is_forgotten(books: Books) {
    let remember = async |seconds, brought| {
        let device = Device { brought, fresh: token() };
        let at = now() + Duration::from_secs(seconds);
        books.store.remember_device(books.owner.id, device, at).await.unwrap();
        device.fresh
    };
    let (first, second) = (remember(0, None).await, remember(1, None).await);
    for _ in 2..MOST_DEVICES {
        remember(2, None).await;
    }
    remember(3, Some(first)).await;
    assert!(books.is_known(first).await && books.is_known(second).await);
    let newest = remember(4, None).await;
    assert!(books.is_known(first).await && books.is_known(newest).await);
    assert!(!books.is_known(second).await);
}

async fn an_account_that_does_not_exist_is_counted_by_the_same_writes(books: Books) {
    let mut rows = BTreeSet::new();
    for name in ["owner@acme.example", "nobody@acme.example"] {
        let attempt = SignInTry { email: Some(email(name)), ..books.attempt(Some(HOME), Some(token())) };
        books.store.begin_sign_in(attempt, now()).await.unwrap();
        rows.insert(books.database.tamper("DELETE FROM sign_in_failures").await);
    }
    assert_eq!(rows, BTreeSet::from([3]), "account, account and network, network");
}

fn let_through(tries: Vec<Result<CountedTry, SignInRefused>>) -> usize {
    tries
        .into_iter()
        .filter(|tried| !matches!(tried, Err(SignInRefused::Wait(_))))
        .map(Result::unwrap)
        .count()
}

fn wait(tried: Result<CountedTry, SignInRefused>) -> Duration {
    match tried {
        Err(SignInRefused::Wait(wait)) => wait,
        other => panic!("it should have had to wait: {other:?}"),
    }
}

/// The clock stands still: no wait ends by itself.
fn now() -> Timestamp {
    Timestamp::from_millis(START)
}

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

fn token() -> TokenHash {
    DeviceToken::generate(&Entropy::system()).hash()
}

fn email(address: &str) -> EmailAddress {
    address.parse().unwrap()
}

impl Books {
    pub fn attempt(&self, address: Option<IpAddr>, device: Option<TokenHash>) -> SignInTry {
        SignInTry { email: Some(self.owner.email.clone()), address, device }
    }

    pub async fn begin(
        &self,
        address: Option<IpAddr>,
        device: Option<TokenHash>,
    ) -> Result<CountedTry, SignInRefused> {
        self.begin_at(now(), address, device).await
    }

    async fn begin_at(
        &self,
        now: Timestamp,
        address: Option<IpAddr>,
        device: Option<TokenHash>,
    ) -> Result<CountedTry, SignInRefused> {
        self.store.begin_sign_in(self.attempt(address, device), now).await
    }

    /// Gives whether the browser was known.
    async fn finish(&self, counted: CountedTry, brought: Option<TokenHash>) -> bool {
        let device = Device { brought, fresh: token() };
        self.store.finish_sign_in(counted, self.owner.id, device, now()).await.unwrap()
    }

    /// A browser that the owner signed in with.
    pub async fn device_of_the_owner(&self) -> TokenHash {
        let device = Device { brought: None, fresh: token() };
        let remembered = self.store.remember_device(self.owner.id, device, now());
        assert!(!remembered.await.unwrap());
        device.fresh
    }

    /// Whether the browser's failures are counted by themselves, apart from those of strangers.
    pub async fn is_known(&self, device: TokenHash) -> bool {
        self.begin(None, Some(device)).await.unwrap();
        self.begin(None, None).await.unwrap();
        self.database.tamper("DELETE FROM sign_in_failures").await == 2
    }
}
