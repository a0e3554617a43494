//! A store that changes while it is read is not blamed; one that is wrong is, however busy it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, Change, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Resolution, StoreError, Total, Write,
};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use digota_verify::verify;
use uuid::Uuid;

use super::shop::World;

/// How an order goes that is made while somebody reads.
const FATES: [&str; 4] = ["tok_ok", "tok_card_declined", "tok_pending", "tok_ok"];

/// A store in which somebody buys before every read.
struct Busy {
    world: World,
    bought: AtomicUsize,
}

impl Busy {
    async fn new() -> Busy {
        let busy = Busy { world: World::new().await, bought: AtomicUsize::new(0) };
        busy.world.stock_up().await;
        busy
    }

    async fn store(&self) -> &Arc<digota_core::testing::store::MemoryStore> {
        let number = self.bought.fetch_add(1, Ordering::SeqCst);
        let order = self.world.order().await;
        let fate = FATES[number % FATES.len()];
        if let (Ok(order), 3) = (self.world.pay(order.id, fate).await, number % FATES.len()) {
            self.world.give_back(&order).await;
        }
        &self.world.store
    }
}

#[async_trait]
impl Store for Busy {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.store().await.get(kind, ids).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.store().await.list(query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        self.store().await.count(kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.store().await.stock(skus).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.store().await.movements(sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.store().await.key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.store().await.events(after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.store().await.last_position().await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.store().await.due(now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.world.store.commit(batch).await
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.world.store.resolve(operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.world.store.purge(before).await
    }

    fn exclusive(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_store_in_use_is_not_blamed_for_changing_while_it_is_read() {
    let busy = Busy::new().await;
    let report = verify(&busy).await.unwrap();
    assert_eq!(report.violations, []);
    assert!(report.orders > 20, "{report:?}");
}

#[tokio::test]
async fn a_fault_in_a_store_in_use_is_named() {
    let busy = Busy::new().await;
    let (sku, reference) = (busy.world.sku.0, Some(Uuid::from_u128(9)));
    let taken = Write::Move { sku, change: Change::Reserve(1), reference, reason: "nobody's".into() };
    let batch = Batch { operation: Uuid::from_u128(9), at: Timestamp(0), writes: vec![taken] };
    busy.commit(batch).await.unwrap();
    let report = verify(&busy).await.unwrap();
    let rules: Vec<&str> = report.violations.iter().map(|violation| violation.rule.id).collect();
    assert!(rules.contains(&"X2") && rules.contains(&"C2"), "{report:?}");
}
