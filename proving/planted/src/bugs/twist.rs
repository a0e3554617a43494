//! A store of which one operation is done otherwise.

use std::sync::Arc;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Resolution, StoreError, Total,
};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

/// What is done otherwise.
#[async_trait]
pub(super) trait Twist: Send + Sync {
    /// Does with a batch whatever it does.
    async fn commit(&self, store: &dyn Store, batch: Batch) -> Result<Committed, CommitError> {
        store.commit(batch).await
    }

    /// Whatever it does at every call.
    fn called(&self) {}
}

/// A store with a twist.
pub(super) struct Twisted<T> {
    pub(super) inner: Arc<dyn Store>,
    pub(super) twist: T,
}

/// An identity that belongs to another: for batches that a twist makes of its own.
pub(super) fn sibling(id: Uuid, number: u128) -> Uuid {
    Uuid::from_u128(id.as_u128() ^ (0xB06 << 48) ^ number)
}

#[async_trait]
impl<T: Twist> Store for Twisted<T> {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.twist.called();
        self.twist.commit(&*self.inner, batch).await
    }

    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.twist.called();
        self.inner.get(kind, ids).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.twist.called();
        self.inner.list(query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        self.twist.called();
        self.inner.count(kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.twist.called();
        self.inner.stock(skus).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.twist.called();
        self.inner.movements(sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.twist.called();
        self.inner.key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.twist.called();
        self.inner.events(after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.twist.called();
        self.inner.last_position().await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.twist.called();
        self.inner.due(now, limit).await
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.twist.called();
        self.inner.resolve(operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.twist.called();
        self.inner.purge(before).await
    }

    fn exclusive(&self) -> bool {
        self.inner.exclusive()
    }
}
