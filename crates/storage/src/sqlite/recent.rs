//! SKUs and products that were read a short time ago. Every order needs them, and hardly anybody changes them.
//!
//! They are never older than the file: this process is the only one that writes to it, and its writer takes out what a
//! commit changes before the commit can be seen. Stock is not among them, so that a sale takes nothing out.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use digota_core::port::store::{Kind, Remembered, Write};
use lru::LruCache;
use uuid::Uuid;

/// The most records that are kept.
const RECORDS_MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not 0");

/// The longest document that is kept, in bytes: there are few, and each could be the place of many.
const BODY_MAX: usize = 4096;

/// Records as they are in the file.
pub(super) struct Recent(Mutex<State>);

struct State {
    records: LruCache<Uuid, Arc<Remembered>>,
    /// Rises before and after each commit that changes records of these kinds: odd while one is under way.
    turn: u64,
}

/// Between which commits something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn(u64);

impl Recent {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { records: LruCache::new(RECORDS_MAX), turn: 0 }))
    }

    /// These records, if all are known, and in any case between which commits that was.
    pub(super) fn known(&self, kind: Kind, ids: &[Uuid]) -> (Option<Vec<Option<Arc<Remembered>>>>, Turn) {
        let mut state = self.state();
        let turn = Turn(state.turn);
        let mut one = |id: &Uuid| state.records.get(id).filter(|found| found.keys.kind() == kind).cloned();
        (ids.iter().map(|id| one(id).map(Some)).collect(), turn)
    }

    /// Whether no record of these kinds was changed since.
    pub(super) fn is_still(&self, turn: Turn) -> bool {
        self.state().turn == turn.0
    }

    /// Keeps what was read, unless a commit may have changed it since the read began.
    pub(super) fn keep<'a>(&self, turn: Turn, read: impl Iterator<Item = &'a Arc<Remembered>>) {
        let mut state = self.state();
        if state.turn != turn.0 || turn.0 % 2 == 1 {
            return;
        }
        for record in read.filter(|record| record.body.len() <= BODY_MAX) {
            state.records.put(record.id, Arc::clone(record));
        }
    }

    /// Takes out what these writes change. They are to be committed, or given up, before the result is dropped.
    pub(super) fn begin<'a>(&self, writes: impl Iterator<Item = &'a Write>) -> Option<Changing<'_>> {
        let mut changed = writes.filter_map(changes).peekable();
        changed.peek()?;
        let mut state = self.state();
        state.turn += 1;
        changed.for_each(|id| drop(state.records.pop(&id)));
        Some(Changing(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether records of this kind are kept here.
pub(super) fn is_kept(kind: Kind) -> bool {
    matches!(kind, Kind::Product | Kind::Sku)
}

/// The record that a write changes, if it may be here.
fn changes(write: &Write) -> Option<Uuid> {
    let (id, kind) = match write {
        Write::Replace { record, was } => (record.id, was.kind()),
        Write::Delete { id, was, .. } => (*id, was.kind()),
        _ => return None,
    };
    is_kept(kind).then_some(id)
}

/// A commit that changes records is under way.
pub(super) struct Changing<'a>(&'a Recent);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.state().turn += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use digota_core::port::store::{Keys, Record};
    use digota_core::time::Timestamp;

    fn product(id: u128, version: u64) -> Arc<Remembered> {
        let (id, at) = (Uuid::from_u128(id), Timestamp(1));
        let keys = Keys::Product { active: true };
        Arc::new(Record { id, version, created: at, updated: at, keys, body: "{}".into() }.into())
    }

    fn known(recent: &Recent, record: &Remembered) -> Option<u64> {
        let (found, _) = recent.known(Kind::Product, &[record.id]);
        found?.pop().flatten().map(|record| record.version)
    }

    fn replacing(record: Record) -> [Write; 1] {
        let was = record.keys.clone();
        [Write::Replace { record, was }]
    }

    #[test]
    fn what_was_read_is_known_until_a_commit_changes_it() {
        let recent = Recent::new();
        let (old, other) = (product(1, 1), product(2, 1));
        let (_, turn) = recent.known(Kind::Product, &[old.id]);
        recent.keep(turn, [&old, &other].into_iter());
        assert_eq!(known(&recent, &old), Some(1));
        drop(recent.begin(replacing(Record::clone(&product(1, 2))).iter()));
        assert_eq!((known(&recent, &old), known(&recent, &other)), (None, Some(1)));
    }

    #[test]
    fn what_was_read_before_or_during_a_change_is_not_kept() {
        let recent = Recent::new();
        let old = product(1, 1);
        let (_, before) = recent.known(Kind::Product, &[old.id]);
        let change = recent.begin(replacing(Record::clone(&product(1, 2))).iter());
        let (_, during) = recent.known(Kind::Product, &[old.id]);
        for turn in [before, during] {
            recent.keep(turn, [&old].into_iter());
            assert_eq!(known(&recent, &old), None);
        }
        drop(change);
        for turn in [before, during] {
            recent.keep(turn, [&old].into_iter());
            assert_eq!((known(&recent, &old), recent.is_still(turn)), (None, false));
        }
    }

    #[test]
    fn a_sale_takes_nothing_out() {
        let recent = Recent::new();
        let sale = Write::OpenStock { sku: Uuid::from_u128(1), on_hand: 1 };
        assert!(recent.begin([sale].iter()).is_none());
    }

    #[test]
    fn a_sku_is_no_product() {
        let recent = Recent::new();
        let product = product(1, 1);
        let (_, turn) = recent.known(Kind::Product, &[product.id]);
        recent.keep(turn, [&product].into_iter());
        assert!(recent.known(Kind::Sku, &[product.id]).0.is_none());
    }
}
