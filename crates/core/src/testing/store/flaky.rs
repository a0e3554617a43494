//! A store that fails as a script says: for tests of what relies on one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use uuid::Uuid;

use crate::event::Event;
use crate::port::Store;
use crate::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Remembered, Resolution, StoreError, Total,
};
use crate::stock::{Movement, Stock};
use crate::testing::chance::scatter;
use crate::time::Timestamp;

/// What happens to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect, and the answer is that nobody knows.
    UnknownBefore,
    /// It takes effect, and the answer is that nobody knows.
    UnknownAfter,
    /// It fails without effect, and says so.
    Unavailable,
    /// The process dies before it: no effect, and every later call fails until [`Flaky::revive`].
    CrashBefore,
    /// The process dies after it: it takes effect, and every later call fails until [`Flaky::revive`].
    CrashAfter,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 5] =
        [Self::UnknownBefore, Self::UnknownAfter, Self::Unavailable, Self::CrashBefore, Self::CrashAfter];
}

/// Wraps a store and makes chosen commits fail. The same script fails the same commits.
pub struct Flaky<S> {
    inner: S,
    script: BTreeMap<u64, Fault>,
    commits: AtomicU64,
    down: AtomicBool,
}

impl<S: Store> Flaky<S> {
    /// Fails the commits with these numbers; the first commit is number 1.
    pub fn new(inner: S, script: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        let script = script.into_iter().collect();
        Self { inner, script, commits: AtomicU64::new(0), down: AtomicBool::new(false) }
    }

    /// Fails about one in `one_in` of the first `commits` commits, each with one of `faults`; the same for the same seed.
    pub fn seeded(inner: S, seed: u64, commits: u64, one_in: u64, faults: &[Fault]) -> Self {
        let fault = |number: u64| {
            let luck = scatter(seed ^ scatter(number));
            let choice = usize::try_from((luck >> 32) % faults.len().max(1) as u64).unwrap_or(0);
            let fails = luck.is_multiple_of(one_in.max(1));
            faults.get(choice).filter(|_| fails).map(|fault| (number, *fault))
        };
        Self::new(inner, (1..=commits).filter_map(fault))
    }

    /// How many commits were asked for, failed ones included.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Whether it crashed and was not revived.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// Ends a crash, as a restart does.
    pub fn revive(&self) {
        self.down.store(false, Ordering::SeqCst);
    }

    /// The store behind, which never fails.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn up(&self) -> Result<&S, StoreError> {
        match self.is_down() {
            true => Err(StoreError::Unavailable("crashed by the test's script".to_owned())),
            false => Ok(&self.inner),
        }
    }

    fn crash(&self) -> CommitError {
        self.down.store(true, Ordering::SeqCst);
        unknown()
    }
}

fn unknown() -> CommitError {
    CommitError::Unknown("lost by the test's script".to_owned())
}

#[async_trait]
impl<S: Store> Store for Flaky<S> {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let store = self.up()?;
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let Some(fault) = self.script.get(&number) else { return store.commit(batch).await };
        match fault {
            Fault::UnknownBefore => Err(unknown()),
            Fault::UnknownAfter => store.commit(batch).await.and(Err(unknown())),
            Fault::Unavailable => Err(StoreError::Unavailable("by the test's script".to_owned()).into()),
            Fault::CrashBefore => Err(self.crash()),
            Fault::CrashAfter => store.commit(batch).await.and(Err(self.crash())),
        }
    }

    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.up()?.get(kind, ids).await
    }

    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        self.up()?.recent(kind, ids).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.up()?.list(query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        self.up()?.count(kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.up()?.stock(skus).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.up()?.movements(sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.up()?.key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.up()?.events(after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.up()?.last_position().await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.up()?.due(now, limit).await
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.up()?.resolve(operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.up()?.purge(before).await
    }

    fn exclusive(&self) -> bool {
        self.inner.exclusive()
    }
}
