//! SKUs and products that were read a short time ago. Every order needs them, and hardly anybody changes them. Stock is not
//! among them, so that a sale takes nothing out.
//!
//! How far they can be believed is the adapter's to say: where nobody else writes, they are what the storage holds; where other
//! nodes do, a commit has to check them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use digota_core::port::store::{Kind, Remembered, Write};
use lru::LruCache;
use uuid::Uuid;

/// The most records that are kept.
const RECORDS_MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not 0");

/// The longest document that is kept, in bytes: there are few, and each could be the place of many.
const BODY_MAX: usize = 4096;

/// Records as they were when they were read.
pub(crate) struct Recent(Mutex<State>);

struct State {
    records: LruCache<(Kind, Uuid), Arc<Remembered>>,
    /// Rises whenever records are forgotten, and when that ends.
    turn: u64,
    /// How many changes are under way.
    changing: u32,
}

/// When something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u64);

impl Recent {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { records: LruCache::new(RECORDS_MAX), turn: 0, changing: 0 }))
    }

    /// These records, if all are known, and in any case when that was.
    pub(crate) fn known(&self, kind: Kind, ids: &[Uuid]) -> (Option<Vec<Option<Arc<Remembered>>>>, Turn) {
        let mut state = self.state();
        let turn = Turn(state.turn);
        (ids.iter().map(|id| state.records.get(&(kind, *id)).cloned().map(Some)).collect(), turn)
    }

    /// Whether nothing was forgotten since.
    pub(crate) fn is_still(&self, turn: Turn) -> bool {
        self.state().turn == turn.0
    }

    /// Keeps what was read, unless something was forgotten since the read began, or is being changed: it may be just that.
    pub(crate) fn keep<'a>(&self, turn: Turn, read: impl Iterator<Item = &'a Arc<Remembered>>) {
        let mut state = self.state();
        if state.turn != turn.0 || state.changing > 0 {
            return;
        }
        for record in read.filter(|record| record.body.len() <= BODY_MAX) {
            state.records.put((record.keys.kind(), record.id), Arc::clone(record));
        }
    }

    /// Takes these out. Whoever is about to change them holds the result until that is done or given up.
    pub(crate) fn forget(&self, these: impl Iterator<Item = (Kind, Uuid)>) -> Option<Changing<'_>> {
        let mut these = these.peekable();
        these.peek()?;
        let mut state = self.state();
        state.turn += 1;
        state.changing += 1;
        these.for_each(|record| drop(state.records.pop(&record)));
        Some(Changing(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether records of this kind are kept here.
pub(crate) fn is_kept(kind: Kind) -> bool {
    matches!(kind, Kind::Product | Kind::Sku)
}

/// The record that a write changes, if it may be here.
pub(crate) fn changed(write: &Write) -> Option<(Kind, Uuid)> {
    let (kind, id) = match write {
        Write::Replace { record, was } => (was.kind(), record.id),
        Write::Delete { id, was, .. } => (was.kind(), *id),
        _ => return None,
    };
    is_kept(kind).then_some((kind, id))
}

/// Records that were taken out are being changed.
pub(crate) struct Changing<'a>(&'a Recent);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.turn += 1;
        state.changing -= 1;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use digota_core::port::store::{Keys, Record};
    use digota_core::time::Timestamp;

    pub(crate) fn product(id: u128, version: u64) -> Arc<Remembered> {
        let (id, at) = (Uuid::from_u128(id), Timestamp(1));
        let keys = Keys::Product { active: true };
        Arc::new(Record { id, version, created: at, updated: at, keys, body: "{}".into() }.into())
    }

    /// The version that is remembered of a product.
    pub(crate) fn known(recent: &Recent, record: &Remembered) -> Option<u64> {
        let (found, _) = recent.known(Kind::Product, &[record.id]);
        found?.pop().flatten().map(|record| record.version)
    }

    /// Has products read.
    pub(crate) fn keep(recent: &Recent, records: &[&Arc<Remembered>]) {
        let (_, turn) = recent.known(Kind::Product, &[]);
        recent.keep(turn, records.iter().copied());
    }

    fn replacing(record: &Remembered) -> Option<(Kind, Uuid)> {
        changed(&Write::Replace { record: Record::clone(record), was: record.keys.clone() })
    }

    #[test]
    fn what_was_read_is_known_until_it_is_changed() {
        let recent = Recent::new();
        let (old, other) = (product(1, 1), product(2, 1));
        keep(&recent, &[&old, &other]);
        assert_eq!(known(&recent, &old), Some(1));
        drop(recent.forget(replacing(&product(1, 2)).into_iter()));
        assert_eq!((known(&recent, &old), known(&recent, &other)), (None, Some(1)));
    }

    #[test]
    fn what_was_read_before_or_during_a_change_is_not_kept() {
        let recent = Recent::new();
        let old = product(1, 1);
        let (_, before) = recent.known(Kind::Product, &[old.id]);
        let change = recent.forget(replacing(&product(1, 2)).into_iter());
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
    fn nothing_is_kept_until_the_last_of_several_changes_is_done() {
        let recent = Recent::new();
        let (one, other) = (product(1, 1), product(2, 1));
        let first = recent.forget(replacing(&one).into_iter());
        let last = recent.forget(replacing(&other).into_iter());
        drop(first);
        keep(&recent, &[&other]);
        assert_eq!(known(&recent, &other), None);
        drop(last);
        keep(&recent, &[&other]);
        assert_eq!(known(&recent, &other), Some(1));
    }

    #[test]
    fn a_sale_takes_nothing_out() {
        let sale = Write::OpenStock { sku: Uuid::from_u128(1), on_hand: 1 };
        assert!(Recent::new().forget(changed(&sale).into_iter()).is_none());
    }

    #[test]
    fn a_sku_is_no_product() {
        let recent = Recent::new();
        let product = product(1, 1);
        keep(&recent, &[&product]);
        assert!(recent.known(Kind::Sku, &[product.id]).0.is_none());
    }
}
