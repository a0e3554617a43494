//! Books of a shop that works are not blamed.

use std::sync::Arc;

use digota_core::port::Store;
use digota_verify::{Report, When, judge, verify};

use super::shop::{Day, World};

#[tokio::test]
async fn a_day_s_books_are_sound() {
    let books = Day::pass().await.world.books().await;
    assert_eq!(judge(&books, When::AtRest), []);
    assert!(books.attempts.len() > 8 && books.keys.len() > 4, "it was a day");
}

#[tokio::test]
async fn a_store_with_payments_under_way_is_sound_and_says_how_many() {
    let day = Day::pass().await;
    let order = day.world.order().await;
    day.world.pay(order.id, "tok_pending").await.unwrap();
    let store: Arc<dyn Store> = day.world.store.clone();
    let report = verify(&*store).await.unwrap();
    assert_eq!(report.violations, []);
    let Report { orders, open, skus, .. } = report;
    assert_eq!((orders, open, skus), (6, 1, 2));
}

#[tokio::test]
async fn what_is_under_way_is_in_limbo_only_at_rest() {
    let world = World::new().await;
    let order = world.order().await;
    world.pay(order.id, "tok_challenge").await.unwrap();
    let books = world.books().await;
    assert_eq!(judge(&books, When::Running), []);
    let found = judge(&books, When::AtRest);
    assert!(found.len() > 3 && found.iter().all(|violation| violation.rule.id == "C3"), "{found:?}");
}

#[tokio::test]
async fn an_empty_store_is_sound() {
    let store = digota_core::testing::store::MemoryStore::new();
    assert_eq!(verify(&store).await.unwrap(), Report::default());
}
