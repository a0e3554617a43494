//! The store of the tests: in memory, failing by script, and answering in any order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Remembered, Resolution, StoreError, Total,
};
use digota_core::stock::{Movement, Stock};
use digota_core::testing::clock::ManualClock;
use digota_core::testing::store::{Flaky, MemoryStore};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::dice::Dice;

/// Yields before and after every call, as often as the dice say.
pub(crate) struct SlowStore {
    pub(crate) inner: Arc<Flaky<MemoryStore>>,
    pub(crate) dice: Arc<Dice>,
    /// Whether another process might write too.
    pub(crate) shared: bool,
    /// After which commit the process is stopped for a while, and for how long.
    pub(crate) nap: Option<(u64, Duration)>,
    pub(crate) clock: Arc<ManualClock>,
    /// What is remembered of records that others may have changed since.
    pub(crate) believed: Mutex<BTreeMap<(Kind, Uuid), Record>>,
}

macro_rules! slowly {
    ($self:ident, $call:expr) => {{
        $self.dice.dawdle().await;
        let answer = $call.await;
        $self.dice.dawdle().await;
        answer
    }};
}

#[async_trait]
impl Store for SlowStore {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let answer = slowly!(self, self.inner.commit(batch));
        if let Err(CommitError::Refused(_)) = answer {
            self.believed.lock().unwrap().clear();
        }
        if let Some((_, span)) = self.nap.filter(|(commit, _)| *commit == self.inner.commits()) {
            self.clock.advance(span);
        }
        answer
    }

    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        slowly!(self, self.inner.get(kind, ids))
    }

    /// As old as it may be: what was read once is believed until a batch is refused.
    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        let mut found = self.get(kind, ids).await?;
        if self.shared {
            let mut believed = self.believed.lock().unwrap();
            for (id, found) in ids.iter().zip(&mut found) {
                match (believed.get(&(kind, *id)), &found) {
                    (Some(old), _) => *found = Some(old.clone()),
                    (None, Some(new)) => _ = believed.insert((kind, *id), new.clone()),
                    (None, None) => {}
                }
            }
        }
        Ok(Remembered::each(found))
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        slowly!(self, self.inner.list(query))
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        slowly!(self, self.inner.count(kind, conditions))
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        slowly!(self, self.inner.stock(skus))
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        slowly!(self, self.inner.movements(sku, after, limit))
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        slowly!(self, self.inner.key(scope))
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        slowly!(self, self.inner.events(after, limit))
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        slowly!(self, self.inner.last_position())
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        slowly!(self, self.inner.due(now, limit))
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        slowly!(self, self.inner.resolve(operation))
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        slowly!(self, self.inner.purge(before))
    }

    fn exclusive(&self) -> bool {
        !self.shared && self.inner.exclusive()
    }
}
