//! Batches of records and their preconditions.

use digota_core::port::store::{Concern, Keys, Kind, Record, Refusal, Write};

use super::Bed;
use super::drive::{find, put, refusal, together, winners};
use super::samples::{
    attempt, batch, changed, check, delete, id, insert, now, order, product, replace, sku, touched,
};

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

/// A cascade deletes the SKUs and their product in one batch; only SKUs that stay speak against it.
pub(super) async fn a_parent_with_children_stays(bed: Bed) {
    let store = bed.open().await;
    let (parent, stranger) = (product(true), product(true));
    let children = [sku(parent.id, true), sku(parent.id, false), sku(parent.id, true)];
    put(&store, children.iter().chain([&parent, &stranger]).map(insert)).await;

    let end = [Write::NoChildren(parent.id), delete(&parent)];
    assert_eq!(refusal(&store, end.clone()).await, Refusal::Children { count: 3 });
    put(&store, [delete(&children[0])]).await;
    assert_eq!(refusal(&store, end.clone()).await, Refusal::Children { count: 2 });
    let half = [end[0].clone(), end[1].clone(), delete(&children[1])];
    assert_eq!(refusal(&store, half).await, Refusal::Children { count: 1 });
    assert_eq!(find(&store, Kind::Product, parent.id).await.as_ref(), Some(&parent));

    put(&store, [Write::NoChildren(stranger.id), delete(&stranger)]).await;
    put(&store, end.into_iter().chain(children[1..].iter().map(delete))).await;
    assert_eq!(find(&store, Kind::Product, parent.id).await, None);

    for _ in 0..20 {
        let parent = product(true);
        let late = sku(parent.id, true);
        put(&store, [insert(&parent)]).await;
        let adding = batch([insert(&late), check(Kind::Product, parent.id, None)]);
        let ending = batch([Write::NoChildren(parent.id), delete(&parent)]);
        let outcomes = together(&store, [adding, ending]).await;
        let lost = [Refusal::Missing { kind: Kind::Product, id: parent.id }, Refusal::Children { count: 1 }];
        assert_eq!(winners(&outcomes, |refusal| lost.contains(refusal)), 1);
        let added = find(&store, Kind::Sku, late.id).await.is_some();
        assert_eq!(find(&store, Kind::Product, parent.id).await.is_some(), added, "a SKU has its product");
    }
}

/// Judged on what will be: one batch may close an attempt and open the next one.
pub(super) async fn one_open_attempt_per_subject(bed: Bed) {
    let store = bed.open().await;
    let (subject, due) = (id(), Some(now()));
    let taken = Refusal::AttemptOpen { subject };
    let first = attempt(subject, due);
    put(&store, [insert(&first)]).await;
    assert_eq!(refusal(&store, [insert(&attempt(subject, due))]).await, taken);
    put(&store, [insert(&attempt(subject, None)), insert(&attempt(id(), due))]).await;
    let other = id();
    let twins = [insert(&attempt(other, due)), insert(&attempt(other, due))];
    assert_eq!(refusal(&store, twins).await, Refusal::AttemptOpen { subject: other });

    let (second, third) = (attempt(subject, due), attempt(subject, due));
    let closed = |open: &Record| changed(open, Keys::Attempt { subject, due: None, concern: Concern::None });
    put(&store, [replace(&first, &closed(&first)), insert(&second)]).await;
    assert_eq!(refusal(&store, [insert(&third)]).await, taken);
    put(&store, [insert(&third), replace(&second, &closed(&second))]).await;
    put(&store, [replace(&third, &changed(&third, third.keys.clone()))]).await;

    for _ in 0..5 {
        let subject = id();
        let rivals = (0..16).map(|_| batch([insert(&attempt(subject, due))]));
        let outcomes = together(&store, rivals).await;
        assert_eq!(winners(&outcomes, |refusal| *refusal == Refusal::AttemptOpen { subject }), 1);
    }
}
