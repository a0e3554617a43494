//! Batches of records and their preconditions.

use digota_core::port::store::{Kind, Refusal};

use super::Bed;
use super::drive::{find, put, refusal, together, winners};
use super::samples::{batch, check, delete, insert, order, product, replace, touched};

pub(super) async fn inserting_twice_is_refused(bed: Bed) {
    let store = bed.open().await;
    let first = product(true);
    put(&store, [insert(&first)]).await;
    let mut second = product(false);
    second.id = first.id;
    let exists = Refusal::Exists { kind: Kind::Product, id: first.id };
    assert_eq!(refusal(&store, [insert(&second)]).await, exists);
    assert_eq!(find(&store, Kind::Product, first.id).await, Some(first.clone()));

    let mut namesake = order(1, "");
    namesake.id = first.id;
    put(&store, [insert(&namesake)]).await;

    put(&store, [delete(&first)]).await;
    put(&store, [insert(&second)]).await;
}

pub(super) async fn a_stale_version_is_refused(bed: Bed) {
    let store = bed.open().await;
    let (first, unknown) = (order(1, "a"), order(1, "a"));
    let second = touched(&first);
    let third = touched(&second);
    put(&store, [insert(&first)]).await;
    put(&store, [replace(&first, &second), insert(&product(true))]).await;

    let stale = Refusal::Stale { kind: Kind::Order, id: first.id, current: 2 };
    let ahead = touched(&third);
    for late in [
        replace(&first, &touched(&first)),
        replace(&third, &ahead),
        delete(&first),
        delete(&third),
        check(Kind::Order, first.id, Some(1)),
        check(Kind::Order, first.id, Some(3)),
    ] {
        assert_eq!(refusal(&store, [late.clone()]).await, stale, "{late:?}");
    }

    let missing = Refusal::Missing { kind: Kind::Order, id: unknown.id };
    for lost in [
        replace(&unknown, &touched(&unknown)),
        delete(&unknown),
        check(Kind::Order, unknown.id, Some(1)),
        check(Kind::Order, unknown.id, None),
    ] {
        assert_eq!(refusal(&store, [lost.clone()]).await, missing, "{lost:?}");
    }
    let elsewhere = refusal(&store, [check(Kind::Charge, first.id, None)]).await;
    assert_eq!(elsewhere, Refusal::Missing { kind: Kind::Charge, id: first.id });

    assert_eq!(find(&store, Kind::Order, first.id).await, Some(second.clone()));
    put(&store, [check(Kind::Order, first.id, Some(2)), insert(&product(true))]).await;
    put(&store, [replace(&second, &third)]).await;
    put(&store, [delete(&third)]).await;
}

pub(super) async fn of_concurrent_replacements_one_wins(bed: Bed) {
    let store = bed.open().await;
    for _ in 0..5 {
        let old = order(1, "a");
        put(&store, [insert(&old)]).await;
        let news: Vec<_> = (0..32).map(|_| touched(&old)).collect();
        let outcomes = together(&store, news.iter().map(|new| batch([replace(&old, new)]))).await;

        let stale = Refusal::Stale { kind: Kind::Order, id: old.id, current: 2 };
        assert_eq!(winners(&outcomes, |refusal| *refusal == stale), 1);
        let winner = news.into_iter().zip(outcomes).find(|(_, outcome)| outcome.is_ok());
        assert_eq!(find(&store, Kind::Order, old.id).await, winner.map(|(new, _)| new));
    }
}
