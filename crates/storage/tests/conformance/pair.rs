//! Two nodes on one database that look like one store: each call goes to the other node than the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Remembered, Resolution, StoreError, Total,
};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

/// Two nodes.
pub(crate) struct Pair {
    nodes: [Arc<dyn Store>; 2],
    calls: AtomicUsize,
}

impl Pair {
    pub(crate) fn new(nodes: [Arc<dyn Store>; 2]) -> Self {
        Self { nodes, calls: AtomicUsize::new(0) }
    }

    fn next(&self) -> &dyn Store {
        self.nodes[self.calls.fetch_add(1, Ordering::Relaxed) % 2].as_ref()
    }
}

#[async_trait]
impl Store for Pair {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.next().get(kind, ids).await
    }

    /// From the node of the call that follows: what may be old is for a batch of the same node.
    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        self.nodes[self.calls.load(Ordering::Relaxed) % 2].recent(kind, ids).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.next().list(query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        self.next().count(kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.next().stock(skus).await
    }

    async fn stocked(&self, sku: Uuid) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
        self.next().stocked(sku).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.next().movements(sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.next().key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.next().events(after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.next().last_position().await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.next().due(now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.next().commit(batch).await
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.next().resolve(operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.next().purge(before).await
    }

    fn exclusive(&self) -> bool {
        self.next().exclusive()
    }
}
