//! A batch happens whole or not at all.

use std::sync::Arc;

use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{Change, KeyEntry, KeyScope, Kind, Page, Record, Refusal, Total, Write};
use digota_core::stock::{Movement, Shortage, Stock};
use uuid::Uuid;

use super::Bed;
use super::drive::{all, find, page, put, refused, total};
use super::samples::{self, answer, at, batch, check, claim, delete, id, insert, replace, shift, touched};

pub(super) async fn a_batch_is_all_or_nothing(bed: Bed) {
    let store = bed.open().await;
    let shop = Shop::new();
    let opening = batch(shop.furniture());
    store.commit(opening.clone()).await.expect("nothing speaks against it");
    put(&store, [replace(&shop.aged, &touched(&shop.aged))]).await;

    let good = shop.batch_of_everything();
    let before = shop.view(&store).await;
    for (bad, expected) in shop.refusals() {
        for place in [0, good.len() / 2, good.len()] {
            let mut writes = good.clone();
            writes.insert(place, bad.clone());
            assert_eq!(refused(store.commit(batch(writes)).await), expected, "{bad:?} as write {place}");
            assert_eq!(shop.view(&store).await, before, "{bad:?} as write {place} left a trace");
        }
    }
    let mut again = batch(good.clone());
    again.operation = opening.operation;
    assert_eq!(refused(store.commit(again).await), Refusal::OperationUsed);
    assert_eq!(shop.view(&store).await, before);

    put(&store, good).await;
    assert_eq!(find(&store, Kind::Order, shop.new_order.id).await.as_ref(), Some(&shop.new_order));
}

/// One of everything that is there, and one of everything that a batch would add.
struct Shop {
    product: Record,
    sku: Record,
    scarce: Uuid,
    order: Record,
    aged: Record,
    charge: Record,
    attempt: Record,
    payment: Uuid,
    key: KeyScope,
    new_order: Record,
    new_sku: Record,
    new_key: KeyScope,
}

/// All that can be seen of it.
#[derive(Debug, PartialEq)]
struct View {
    records: Vec<Option<Record>>,
    lists: Vec<(Page, Total)>,
    stock: Vec<Option<Stock>>,
    movements: Vec<Vec<(u64, Movement)>>,
    keys: Vec<Option<KeyEntry>>,
    events: Vec<(u64, Event)>,
    due: Vec<Record>,
}

impl Shop {
    fn new() -> Self {
        let (product, order) = (samples::product(true), samples::order(1, "a"));
        Self {
            sku: samples::sku(product.id, true),
            scarce: id(),
            aged: samples::order(1, "b"),
            charge: samples::charge(Some(order.id), 1),
            attempt: samples::attempt(order.id, Some(at(0))),
            payment: id(),
            key: samples::scope(),
            new_order: samples::order(2, "c"),
            new_sku: samples::sku(id(), false),
            new_key: samples::scope(),
            product,
            order,
        }
    }

    fn furniture(&self) -> Vec<Write> {
        let records = [&self.product, &self.sku, &self.order, &self.aged, &self.charge, &self.attempt];
        let mut writes: Vec<Write> = records.map(insert).into();
        writes.extend([
            Write::OpenStock { sku: self.sku.id, on_hand: 9 },
            Write::OpenStock { sku: self.scarce, on_hand: 2 },
            shift(self.sku.id, Change::Reserve(2), self.payment),
            Write::Append(samples::event(&self.order)),
            claim(&self.key, &samples::entry(Some(self.attempt.id))),
        ]);
        writes
    }

    fn batch_of_everything(&self) -> Vec<Write> {
        vec![
            insert(&self.new_order),
            insert(&self.new_sku),
            replace(&self.order, &touched(&self.order)),
            delete(&self.charge),
            check(Kind::Product, self.product.id, Some(1)),
            Write::OpenStock { sku: self.new_sku.id, on_hand: 4 },
            shift(self.sku.id, Change::Reserve(3), id()),
            Write::Append(samples::event(&self.new_order)),
            claim(&self.new_key, &samples::entry(None)),
            answer(&self.key, "{}"),
        ]
    }

    /// Each precondition that there is, failing.
    fn refusals(&self) -> Vec<(Write, Refusal)> {
        let (sku, aged, stranger) = (self.sku.id, &self.aged, samples::order(1, ""));
        let stale = Refusal::Stale { kind: Kind::Order, id: aged.id, current: 2 };
        let missing = Refusal::Missing { kind: Kind::Order, id: stranger.id };
        let nothing = Refusal::Missing { kind: Kind::Sku, id: stranger.id };
        let short = vec![Shortage { sku: self.scarce, wanted: 3, available: 2 }];
        let rival = samples::attempt(self.order.id, Some(at(5)));
        vec![
            (insert(&self.product), Refusal::Exists { kind: Kind::Product, id: self.product.id }),
            (replace(aged, &touched(aged)), stale.clone()),
            (delete(aged), stale.clone()),
            (check(Kind::Order, aged.id, Some(1)), stale),
            (replace(&stranger, &touched(&stranger)), missing.clone()),
            (delete(&stranger), missing.clone()),
            (check(Kind::Order, stranger.id, None), missing),
            (Write::NoChildren(self.product.id), Refusal::Children { count: 1 }),
            (Write::OpenStock { sku, on_hand: 1 }, Refusal::Exists { kind: Kind::Sku, id: sku }),
            (shift(self.scarce, Change::Reserve(3), id()), Refusal::OutOfStock(short)),
            (shift(stranger.id, Change::Reserve(1), id()), nothing),
            (
                shift(sku, Change::Reserve(1), self.payment),
                Refusal::MovedAlready { sku, reference: self.payment },
            ),
            (claim(&self.key, &samples::entry(None)), Refusal::KeyTaken),
            (insert(&rival), Refusal::AttemptOpen { subject: self.order.id }),
        ]
    }

    async fn view(&self, store: &Arc<dyn Store>) -> View {
        let mut view = View {
            records: vec![],
            lists: vec![],
            stock: store.stock(&[self.sku.id, self.scarce, self.new_sku.id]).await.expect("readable"),
            movements: vec![],
            keys: vec![],
            events: store.events(0, 100).await.expect("readable"),
            due: store.due(at(i64::MAX / 2), 100).await.expect("readable"),
        };
        let present = [&self.product, &self.sku, &self.order, &self.aged, &self.charge, &self.attempt];
        for record in present.into_iter().chain([&self.new_order, &self.new_sku]) {
            view.records.push(find(store, record.keys.kind(), record.id).await);
        }
        for kind in [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge] {
            view.lists.push((page(store, all(kind)).await, total(store, kind, &[]).await));
        }
        for sku in [self.sku.id, self.scarce, self.new_sku.id] {
            view.movements.push(store.movements(sku, 0, 100).await.expect("readable"));
        }
        for key in [&self.key, &self.new_key] {
            view.keys.push(store.key(key).await.expect("readable"));
        }
        view
    }
}
