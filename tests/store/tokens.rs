//! Producer tokens: all or nothing at making, useless from revocation and expiry on.

use std::collections::BTreeSet;
use std::time::Duration;

use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::ProducerToken;
use trailpost::domain::id::OrganizationId;
use trailpost::store::{TokenRefused, TokenScope};

use super::Books;

on_both_engines! {
    a_token_for_an_organization_that_does_not_exist_is_not_made,
    a_token_ends_by_revocation_or_by_its_time,
}

async fn a_token_for_an_organization_that_does_not_exist_is_not_made(books: Books) {
    let nobody = OrganizationId::generate(&Clock::system(), &Entropy::system());
    let token = ProducerToken::generate(&Entropy::system());
    let scope = TokenScope::Organizations(BTreeSet::from([books.acme.id, nobody]));
    let refused = books.store.create_token("app".parse().unwrap(), token.hash(), scope, None).await;
    assert!(matches!(refused, Err(TokenRefused::UnknownOrganization(id)) if id == nobody), "{refused:?}");
    assert!(books.store.tokens().await.unwrap().is_empty());
    assert!(books.store.producer_access(token.hash()).await.unwrap().is_none());
}

async fn a_token_ends_by_revocation_or_by_its_time(books: Books) {
    let (kept, ended) =
        (ProducerToken::generate(&Entropy::seeded(7)), ProducerToken::generate(&Entropy::seeded(8)));
    let scope = TokenScope::Organizations(BTreeSet::from([books.acme.id]));
    let expires = books.clock.now() + Duration::from_secs(60);
    let make = |token: &ProducerToken, scope| {
        books.store.create_token("app".parse().unwrap(), token.hash(), scope, Some(expires))
    };
    make(&kept, scope.clone()).await.unwrap();
    let id = make(&ended, TokenScope::AllOrganizations).await.unwrap();
    let access = books.store.producer_access(kept.hash()).await.unwrap().unwrap();
    assert_eq!(access.scope, scope);

    assert!(books.store.revoke_token(id).await.unwrap());
    assert!(!books.store.revoke_token(id).await.unwrap(), "only once");
    assert!(books.store.producer_access(ended.hash()).await.unwrap().is_none());
    let listed = books.store.tokens().await.unwrap();
    let revoked: Vec<_> = listed.iter().map(|token| (token.id == id, token.revoked_at.is_some())).collect();
    assert!(revoked.contains(&(true, true)) && revoked.contains(&(false, false)), "{revoked:?}");

    books.clock.advance(Duration::from_secs(60));
    assert!(books.store.producer_access(kept.hash()).await.unwrap().is_none(), "its time is over");
}
