//! A node of the shop, and what can be done to it: held before or after a commit, held or killed at the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::gateway::{Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup};
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Resolution, StoreError, Total, Write,
};
use digota_core::port::{Gateway, Store};
use digota_core::shop::Shop;
use digota_core::stock::{Movement, Stock};
use digota_core::testing::gateway::ScriptedGateway;
use digota_core::time::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

/// How often others are let run before it is clear that a node comes by no more.
const PATIENCE: usize = 10_000;

/// Where a node is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// Nowhere.
    Nowhere,
    /// Before the commit that writes an attempt.
    BeforeCommitA,
    /// After the commit that writes an attempt.
    AfterCommitA,
    /// After the gateway did what it was asked, before its answer is there.
    BeforeAnswer,
}

/// The switch that holds a node.
pub struct Switch {
    hold: watch::Sender<Hold>,
    held: AtomicUsize,
}

/// A node.
pub struct Node {
    /// Its use cases.
    pub shop: Shop,
    /// Where it is held.
    pub switch: Arc<Switch>,
}

impl Switch {
    pub(crate) fn new() -> Switch {
        Switch { hold: watch::Sender::new(Hold::Nowhere), held: AtomicUsize::new(0) }
    }

    /// Holds the node there from now on, or lets it go.
    pub fn set(&self, hold: Hold) {
        self.hold.send_replace(hold);
    }

    /// Waits until the node was held somewhere; see [`Switch::held`].
    pub async fn reached(&self) -> bool {
        self.held(1).await
    }

    /// Waits until the node was held so often. Returns whether it was: a broken shop may never come by.
    pub async fn held(&self, times: usize) -> bool {
        for _ in 0..PATIENCE {
            if self.held.load(Ordering::SeqCst) >= times {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    async fn pass(&self, place: Hold) {
        if *self.hold.borrow() == place {
            self.held.fetch_add(1, Ordering::SeqCst);
            let _ = self.hold.subscribe().wait_for(|hold| *hold != place).await;
        }
    }
}

/// The store, as this node reaches it.
pub(crate) struct Reach {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) switch: Arc<Switch>,
}

/// The gateway, as this node reaches it.
pub(crate) struct Wire {
    pub(crate) inner: Arc<ScriptedGateway>,
    pub(crate) switch: Arc<Switch>,
}

fn writes_an_attempt(batch: &Batch) -> bool {
    batch
        .writes
        .iter()
        .any(|write| matches!(write, Write::Insert(record) if record.keys.kind() == Kind::Attempt))
}

#[async_trait]
impl Store for Reach {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        if !writes_an_attempt(&batch) {
            return self.inner.commit(batch).await;
        }
        self.switch.pass(Hold::BeforeCommitA).await;
        let answer = self.inner.commit(batch).await;
        self.switch.pass(Hold::AfterCommitA).await;
        answer
    }

    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.inner.get(kind, ids).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.list(query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        self.inner.count(kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.inner.stock(skus).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.inner.movements(sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.inner.key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.inner.events(after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.inner.last_position().await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.inner.due(now, limit).await
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.inner.resolve(operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.inner.purge(before).await
    }

    fn exclusive(&self) -> bool {
        self.inner.exclusive()
    }
}

impl Wire {
    async fn back(&self, answer: Result<Answer, GatewayError>) -> Result<Answer, GatewayError> {
        self.switch.pass(Hold::BeforeAnswer).await;
        answer
    }
}

#[async_trait]
impl Gateway for Wire {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        self.inner.prepare(call, intent).await
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        self.back(self.inner.charge(call, intent, source, prepared).await).await
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        self.back(self.inner.capture(call, charge, amount).await).await
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        self.back(self.inner.void(call, charge).await).await
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        self.back(self.inner.refund(call, charge, amount, reason).await).await
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        self.inner.find(lookup).await
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        self.inner.cancel(lookup).await
    }
}
