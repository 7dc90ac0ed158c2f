//! The timeline: records delivered and attempts that failed, by when each ended.

use std::time::Duration;

use trailpost::domain::failure::Cause;

use super::Books;
use super::delivering::{failed, finish, start, written};

on_both_engines! {
    what_was_delivered_and_what_failed_stands_where_it_happened,
}

async fn what_was_delivered_and_what_failed_stands_where_it_happened(books: Books) {
    assert!(books.store.timeline(books.acme.id).await.unwrap().is_empty());
    books.enable().await;
    books.append(4).await;
    books.seal().await;
    for result in [failed(Cause::WriteDenied), written()] {
        let claim = books.claim().await.unwrap();
        let attempt = start(&books, &claim).await.unwrap();
        assert!(finish(&books, &claim, attempt, result).await);
        books.clock.advance(Duration::from_secs(2 * 3600));
    }
    let timeline = books.store.timeline(books.acme.id).await.unwrap();
    let hours: Vec<_> = timeline.hours.iter().map(|slot| (slot.delivered, slot.failures)).collect();
    assert_eq!(hours[23 - 4..], [(0, 1), (0, 0), (5, 0), (0, 0), (0, 0)]);
    let days: u64 = timeline.days.iter().map(|slot| slot.delivered).sum();
    assert_eq!(days, 5);

    let other = books.tenant("Initech").await;
    assert!(books.store.timeline(other.id).await.unwrap().is_empty());
    books.clock.advance(Duration::from_secs(24 * 3600));
    let timeline = books.store.timeline(books.acme.id).await.unwrap();
    assert!(timeline.hours.iter().all(|slot| slot.delivered == 0), "more than a day ago");
    books.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert!(books.store.timeline(books.acme.id).await.unwrap().is_empty());
}
