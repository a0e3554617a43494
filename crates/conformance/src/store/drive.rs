//! Ways to put samples into a store and to look at what it says.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Kind, Mark, Order, Page, Query, Record, Refusal, Total, Write,
};
use digota_core::stock::Stock;
use tokio::sync::Barrier;
use uuid::Uuid;

use super::samples::{batch, id, insert};

/// Commits writes that nothing speaks against.
pub(super) async fn put(store: &Arc<dyn Store>, writes: impl IntoIterator<Item = Write>) -> Committed {
    store.commit(batch(writes)).await.expect("nothing speaks against this batch")
}

/// Inserts many records, some hundreds per batch.
pub(super) async fn put_all(store: &Arc<dyn Store>, records: &[Record]) {
    for some in records.chunks(500) {
        put(store, some.iter().map(insert)).await;
    }
}

/// The refusal of writes that must be refused.
pub(super) async fn refusal(store: &Arc<dyn Store>, writes: impl IntoIterator<Item = Write>) -> Refusal {
    refused(store.commit(batch(writes)).await)
}

/// The refusal in an outcome that must be one.
pub(super) fn refused(outcome: Result<Committed, CommitError>) -> Refusal {
    match outcome {
        Err(CommitError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The outcomes of these batches, committed at the same time, in their order.
pub(super) async fn together(
    store: &Arc<dyn Store>,
    batches: impl IntoIterator<Item = Batch>,
) -> Vec<Result<Committed, CommitError>> {
    let batches: Vec<Batch> = batches.into_iter().collect();
    let start = Arc::new(Barrier::new(batches.len()));
    let commit = |batch: Batch| {
        let (store, start) = (store.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            store.commit(batch).await
        })
    };
    let tasks: Vec<_> = batches.into_iter().map(commit).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a commit must not panic"));
    }
    outcomes
}

/// How many of these were committed; all others must have been refused, as `expected` says.
pub(super) fn winners(
    outcomes: &[Result<Committed, CommitError>],
    expected: impl Fn(&Refusal) -> bool,
) -> usize {
    for outcome in outcomes {
        match outcome {
            Ok(_) => {}
            Err(CommitError::Refused(refusal)) if expected(refusal) => {}
            Err(other) => panic!("a loser must be refused for the reason it lost, got {other:?}"),
        }
    }
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

/// The record, if it is there.
pub(super) async fn find(store: &Arc<dyn Store>, kind: Kind, id: Uuid) -> Option<Record> {
    store.get(kind, &[id]).await.expect("a store can be read").pop().expect("one answer per id")
}

/// The number of records that meet all conditions.
pub(super) async fn total(store: &Arc<dyn Store>, kind: Kind, conditions: &[Condition]) -> Total {
    store.count(kind, conditions).await.expect("a store can count")
}

/// A total that was not capped.
pub(super) fn exactly(count: usize) -> Total {
    Total { count: count as u64, capped: false }
}

/// A new SKU with this much stock; only its stock is in the store.
pub(super) async fn stocked(store: &Arc<dyn Store>, on_hand: i64) -> Uuid {
    let sku = id();
    put(store, [Write::OpenStock { sku, on_hand }]).await;
    sku
}

/// The stock of a SKU that has one.
pub(super) async fn stock(store: &Arc<dyn Store>, sku: Uuid) -> Stock {
    let found = store.stock(&[sku]).await.expect("a store can be read");
    found.into_iter().next().flatten().expect("the SKU has stock")
}

/// On hand and reserved.
pub(super) async fn pieces(store: &Arc<dyn Store>, sku: Uuid) -> (i64, i64) {
    let stock = stock(store, sku).await;
    (stock.on_hand, stock.reserved)
}

/// Oldest first.
pub(super) const NATURAL: Order = Order { by_updated: false, descending: false };

/// Every order that there is.
pub(super) const ORDERS: [Order; 4] = [
    NATURAL,
    Order { by_updated: false, descending: true },
    Order { by_updated: true, descending: false },
    Order { by_updated: true, descending: true },
];

/// Everything of a kind in its natural order, on one page of 1000.
pub(super) fn all(kind: Kind) -> Query {
    Query { kind, conditions: vec![], order: NATURAL, after: None, offset: 0, limit: 1000 }
}

/// One page.
pub(super) async fn page(store: &Arc<dyn Store>, query: Query) -> Page {
    store.list(&query).await.expect("a store can list")
}

/// Where a record stands in an order.
pub(super) fn mark(record: &Record, order: Order) -> Mark {
    Mark { at: if order.by_updated { record.updated } else { record.created }, id: record.id }
}

/// The records in this order.
pub(super) fn sorted(records: &[Record], order: Order) -> Vec<Record> {
    let mut records = records.to_vec();
    records.sort_by_key(|record| {
        let mark = mark(record, order);
        (mark.at, mark.id)
    });
    if order.descending {
        records.reverse();
    }
    records
}

/// The ids of records, in their order.
pub(super) fn ids(records: &[Record]) -> Vec<Uuid> {
    records.iter().map(|record| record.id).collect()
}
