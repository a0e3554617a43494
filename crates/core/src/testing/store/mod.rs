//! A store in memory, plain enough to be checked by reading it: what adapters are compared with.
//!
//! A batch is first judged whole against the state before it, then applied; nothing can fail in between. Where several
//! preconditions fail, the refusal is that of the first of: operation, keys, records, children, attempts, stock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::event::Event;
use crate::port::Store;
use crate::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Keys, Kind, Page, Query, Record,
    Refusal, Resolution, StoreError, Total,
};
use crate::stock::{Movement, Stock};
use crate::time::Timestamp;

mod commit;
mod flaky;
mod keys;
mod list;
mod purge;
mod records;
mod stock;

pub use flaky::{Fault, Flaky};

/// Keeps everything in ordered maps behind one lock. Forgets everything when dropped.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<(Kind, Uuid), Record>,
    stock: BTreeMap<Uuid, Stock>,
    movements: BTreeMap<Uuid, Vec<Movement>>,
    /// What happened once per (reference, SKU, step) and must not happen again.
    steps: BTreeSet<(Uuid, Uuid, u8)>,
    events: BTreeMap<u64, Event>,
    /// The last position given out; its event may be purged.
    position: u64,
    keys: BTreeMap<KeyScope, Claimed>,
    operations: BTreeMap<Uuid, Operation>,
}

struct Claimed {
    at: Timestamp,
    entry: KeyEntry,
}

enum Operation {
    Committed(Timestamp),
    /// A tombstone. It has no moment of its own and is never purged; there are few.
    Never,
}

impl State {
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Record> {
        self.records.range((kind, Uuid::nil())..=(kind, Uuid::max())).map(|(_, record)| record)
    }
}

/// When to look at an attempt next, if it is one and open.
fn due(record: &Record) -> Option<Timestamp> {
    match record.keys {
        Keys::Attempt { due, .. } => due,
        _ => None,
    }
}

fn refuse<T>(refusal: Refusal) -> Result<T, CommitError> {
    Err(CommitError::Refused(refusal))
}

/// The answer to a batch that no caller should make.
fn broken<T>(bug: &str) -> Result<T, CommitError> {
    Err(CommitError::Failed(StoreError::Broken(bug.to_owned())))
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ids of all records of a kind.
    pub fn ids(&self, kind: Kind) -> BTreeSet<Uuid> {
        self.state().of_kind(kind).map(|record| record.id).collect()
    }

    /// The idempotency keys that are claimed.
    pub fn claimed(&self) -> BTreeSet<KeyScope> {
        self.state().keys.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        let state = self.state();
        Ok(ids.iter().map(|id| state.records.get(&(kind, *id)).cloned()).collect())
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        list::page(&self.state(), query)
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        Ok(list::count(&self.state(), kind, conditions))
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        let state = self.state();
        Ok(skus.iter().map(|sku| state.stock.get(sku).copied()).collect())
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        let state = self.state();
        let ledger = state.movements.get(&sku).into_iter().flatten().cloned();
        Ok((1..).zip(ledger).filter(|(number, _)| *number > after).take(limit as usize).collect())
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        Ok(self.state().keys.get(scope).map(|claimed| claimed.entry.clone()))
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        let state = self.state();
        let later = state.events.iter().filter(|(position, _)| **position > after);
        Ok(later.take(limit as usize).map(|(position, event)| (*position, event.clone())).collect())
    }

    /// Goes on rising when events are purged.
    async fn last_position(&self) -> Result<u64, StoreError> {
        Ok(self.state().position)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let mut attempts: Vec<&Record> = state
            .of_kind(Kind::Attempt)
            .filter(|attempt| due(attempt).is_some_and(|due| due <= now))
            .collect();
        attempts.sort_by_key(|attempt| (due(attempt), attempt.id));
        Ok(attempts.into_iter().take(limit as usize).cloned().collect())
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        commit::commit(&mut self.state(), batch)
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        let mut state = self.state();
        Ok(match state.operations.entry(operation).or_insert(Operation::Never) {
            Operation::Committed(_) => Resolution::Committed,
            Operation::Never => Resolution::Never,
        })
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        Ok(purge::purge(&mut self.state(), before))
    }

    fn exclusive(&self) -> bool {
        true
    }
}
