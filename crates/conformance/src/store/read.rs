//! Reading single things.

use std::sync::Arc;

use digota_core::port::store::{Condition, Keys, Kind, Query, Record, Refusal, Remembered, Write};
use uuid::Uuid;

use super::Bed;
use super::drive::{all, exactly, find, ids, page, put, refused, stock, total};
use super::samples::{
    attempt, batch, changed, charge, check, claim, delete, entry, event, id, insert, now, order, product,
    replace, scope, sku, touched,
};

pub(super) async fn a_record_comes_back_as_written(bed: Bed) {
    let store = bed.open().await;
    let subject = id();
    let records = [
        product(true),
        product(false),
        sku(id(), true),
        order(1, "ada@example.com"),
        order(255, ""),
        charge(Some(id()), 2),
        charge(None, 0),
        attempt(subject, Some(now())),
        attempt(subject, None),
    ];
    put(&store, records.iter().map(insert)).await;
    for record in &records {
        assert_eq!(find(&store, record.keys.kind(), record.id).await.as_ref(), Some(record));
    }

    let bought = &records[2];
    let stocked = async || store.stocked(bought.id).await.expect("a store can be read");
    assert_eq!(stocked().await, Some((bought.clone(), None)), "a SKU without stock");
    put(&store, [Write::OpenStock { sku: bought.id, on_hand: 3 }]).await;
    let stock = store.stock(&[bought.id]).await.expect("a store can be read").remove(0);
    assert_eq!(stocked().await, Some((bought.clone(), stock)), "a SKU with its stock");
    assert_eq!(store.stocked(id()).await, Ok(None), "no such SKU");

    let old = &records[0];
    let new = changed(old, Keys::Product { active: false });
    put(&store, [replace(old, &new)]).await;
    assert_eq!(find(&store, Kind::Product, old.id).await, Some(new.clone()), "the version last committed");

    let asked = [records[1].id, id(), new.id, records[1].id, records[3].id];
    let found = store.get(Kind::Product, &asked).await.expect("a store can be read");
    let other = records[1].clone();
    assert_eq!(
        found,
        [Some(other.clone()), None, Some(new.clone()), Some(other), None],
        "one answer per id asked"
    );
    assert_eq!(store.get(Kind::Product, &[]).await, Ok(vec![]));

    put(&store, [delete(&new)]).await;
    assert_eq!(find(&store, Kind::Product, new.id).await, None);
}

/// Whoever goes by what may be old commits at last, and only at what there is. Where the store is two nodes, each has its own idea
/// of it, and is asked in turn.
pub(super) async fn what_may_be_old_is_found_out(bed: Bed) {
    let store = bed.open().await;
    let ask = async |kind: Kind, ids: &[Uuid]| {
        let found = store.recent(kind, ids).await.expect("a store can be read");
        let record = |found: Option<Arc<Remembered>>| found.map(|found| Record::clone(&found));
        found.into_iter().map(record).collect::<Vec<_>>()
    };
    let recent = async |record: &Record| {
        ask(record.keys.kind(), &[record.id]).await.into_iter().next().expect("one answer per id")
    };
    let checked = async |found: &Record| {
        store.commit(batch([check(found.keys.kind(), found.id, Some(found.version))])).await
    };
    // A node believes what it has read until it is refused for it.
    let most = if store.exclusive() { 0 } else { 1 };
    for first in [product(true), sku(id(), true), order(1, "")] {
        let kind = first.keys.kind();
        assert_eq!(recent(&first).await, None, "it was not committed yet");
        put(&store, [insert(&first)]).await;
        for _ in 0..4 {
            assert_eq!(recent(&first).await.as_ref(), Some(&first), "what is committed is not missed");
            checked(&first).await.expect("it is as it is");
        }
        let second = touched(&first);
        put(&store, [replace(&first, &second)]).await;
        let mut refusals = 0;
        for _ in 0..8 {
            let found = recent(&first).await.expect("it is there");
            let outcome = checked(&found).await;
            if found == second {
                outcome.expect("it is as it is");
                continue;
            }
            assert_eq!(found, first, "it never was anything else");
            assert_eq!(refused(outcome), Refusal::Stale { kind, id: first.id, current: 2 });
            refusals += 1;
        }
        assert!(refusals <= most, "believed {refusals} times after it was changed");

        put(&store, [delete(&second)]).await;
        let mut refusals = 0;
        for _ in 0..8 {
            let found = recent(&first).await.unwrap_or(second.clone());
            assert_eq!(refused(checked(&found).await), Refusal::Missing { kind, id: first.id });
            refusals += usize::from(recent(&first).await.is_some());
        }
        assert!(refusals <= most, "believed {refusals} times after it was deleted");
    }
    let (known, unknown) = (product(true), id());
    put(&store, [insert(&known)]).await;
    let asked = [known.id, unknown, known.id];
    assert_eq!(
        ask(Kind::Product, &asked).await,
        [Some(known.clone()), None, Some(known.clone())],
        "one answer per id asked"
    );
    assert_eq!(ask(Kind::Sku, &[known.id]).await, [None], "a product is no SKU");
}

pub(super) async fn a_commit_is_seen_by_the_next_read(bed: Bed) {
    let store = bed.open().await;
    let shopper = |_| {
        let store = store.clone();
        async move {
            let parent = product(true);
            for round in 1..=10 {
                let child = sku(parent.id, true);
                let (key, claimed, event) = (scope(), entry(None), event(&child));
                let opening = Write::OpenStock { sku: child.id, on_hand: 3 };
                put(&store, [insert(&child), opening, claim(&key, &claimed), Write::Append(event.clone())])
                    .await;

                assert_eq!(find(&store, Kind::Sku, child.id).await, Some(child.clone()));
                assert_eq!(stock(&store, child.id).await.on_hand, 3);
                assert_eq!(store.key(&key).await, Ok(Some(claimed)));
                let events = store.events(0, 1000).await.expect("a store can be read");
                assert!(events.iter().any(|(_, seen)| *seen == event));
                let mine = vec![Condition::Parent(parent.id)];
                assert_eq!(total(&store, Kind::Sku, &mine).await, exactly(round));
                let listed = page(&store, Query { conditions: mine, ..all(Kind::Sku) }).await;
                assert!(ids(&listed.records).contains(&child.id));
            }
        }
    };
    let tasks: Vec<_> = (0..6).map(shopper).map(tokio::spawn).collect();
    for task in tasks {
        task.await.expect("each reads its own commits");
    }
}
