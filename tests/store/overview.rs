//! What the operator sees at a glance.

use trailpost::domain::access_check::Purpose;
use trailpost::domain::failure::Cause;
use trailpost::domain::integration::{Health, Situation};
use trailpost::domain::organization::Plan;
use trailpost::store::Overview;

use super::delivering::{failed, finish, start};
use super::{Books, settings};

on_both_engines! {
    an_overview_counts_every_organization_and_what_is_pending,
    an_overview_counts_what_is_failing_and_being_checked,
    organizations_are_listed_by_name_with_how_they_stand,
}

fn in_situation(overview: &Overview, situation: Situation) -> u64 {
    overview.situations.iter().find(|(known, _)| *known == situation).unwrap().1
}

async fn an_overview_counts_every_organization_and_what_is_pending(books: Books) {
    books.store.create_organization("Initech".parse().unwrap(), Plan::Standard).await.unwrap();
    let empty = books.store.overview().await.unwrap();
    assert!(empty.schema_version >= 1);
    assert_eq!((empty.organizations, empty.pending_records, empty.oldest_pending), (2, 0, None));
    assert_eq!(in_situation(&empty, Situation::NeedsEnterprise), 1);
    assert_eq!(in_situation(&empty, Situation::NotConfigured), 1);

    let enabled_at = books.clock.now();
    books.enable().await;
    books.seal().await;
    books.append(2).await;
    let busy = books.store.overview().await.unwrap();
    let status = books.store.delivery_status(books.acme.id).await.unwrap();
    assert_eq!(in_situation(&busy, Situation::Active), 1);
    assert_eq!((busy.pending_records, busy.pending_bytes), (3, status.pending_bytes));
    assert_eq!(busy.oldest_pending, Some(enabled_at), "the oldest waits in a batch");
}

async fn an_overview_counts_what_is_failing_and_being_checked(books: Books) {
    books.enable().await;
    books.seal().await;
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert!(finish(&books, &claim, attempt, failed(Cause::AssumeRoleDenied)).await);
    let new = books.asking(Purpose::Update, Some(settings("b-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let overview = books.store.overview().await.unwrap();
    assert_eq!((overview.failing, overview.open_checks), (1, 1));
    assert_eq!(books.store.organizations().await.unwrap()[0].health, Health::ActionNeeded);
}

async fn organizations_are_listed_by_name_with_how_they_stand(books: Books) {
    books.store.create_organization("Aardvark".parse().unwrap(), Plan::Starter).await.unwrap();
    books.enable().await;
    let listed = books.store.organizations().await.unwrap();
    let seen: Vec<_> =
        listed.iter().map(|summary| (summary.organization.name.as_str(), summary.situation)).collect();
    assert_eq!(seen, [("Aardvark", Situation::NeedsEnterprise), ("Acme", Situation::Active)]);
    let one = books.store.organization_summary(books.acme.id).await.unwrap().unwrap();
    assert_eq!((one.organization, one.created_at), (books.acme.clone(), listed[1].created_at));
}
