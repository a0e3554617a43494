//! Reading single things.

use digota_core::port::store::{Condition, Keys, Kind, Query, Write};

use super::Bed;
use super::drive::{all, exactly, find, ids, page, put, stock, total};
use super::samples::{
    attempt, changed, charge, claim, delete, entry, event, id, insert, now, order, product, replace, scope,
    sku,
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
