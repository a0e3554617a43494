//! SKUs and products that were read a short time ago. Every order needs them, and hardly anybody changes them.
//!
//! Other nodes may have changed them since. So they are only for batches that check their versions, and whatever a batch was
//! refused for is not believed again. Stock is not among them, so that a sale takes nothing out.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use digota_core::port::store::{Batch, CommitError, Kind, Remembered, Write};
use lru::LruCache;
use uuid::Uuid;

/// The most records that are kept.
const RECORDS_MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not 0");

/// The longest document that is kept, in bytes: there are few, and each could be the place of many.
const BODY_MAX: usize = 4096;

/// Records as they were when they were read.
pub(super) struct Recent(Mutex<State>);

struct State {
    records: LruCache<(Kind, Uuid), Arc<Remembered>>,
    /// Rises whenever something is forgotten.
    turn: u64,
}

/// When something was read.
#[derive(Clone, Copy)]
pub(super) struct Turn(u64);

impl Recent {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { records: LruCache::new(RECORDS_MAX), turn: 0 }))
    }

    /// These records, if all are known.
    pub(super) fn known(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, Turn> {
        let mut state = self.state();
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            match state.records.get(&(kind, *id)) {
                Some(record) => known.push(Some(Arc::clone(record))),
                None => return Err(Turn(state.turn)),
            }
        }
        Ok(known)
    }

    /// Keeps what was read, unless something was forgotten since the read began: it may be just that.
    pub(super) fn keep<'a>(&self, turn: Turn, read: impl Iterator<Item = &'a Arc<Remembered>>) {
        let mut state = self.state();
        if state.turn != turn.0 {
            return;
        }
        for record in read.filter(|record| record.body.len() <= BODY_MAX) {
            state.records.put((record.keys.kind(), record.id), Arc::clone(record));
        }
    }

    fn forget(&self, these: &[(Kind, Uuid)]) {
        if these.is_empty() {
            return;
        }
        let mut state = self.state();
        state.turn += 1;
        these.iter().for_each(|record| drop(state.records.pop(record)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether records of this kind are kept here.
pub(super) fn is_kept(kind: Kind) -> bool {
    matches!(kind, Kind::Product | Kind::Sku)
}

/// What a batch says about records that may be here.
#[derive(Default)]
pub(super) struct Mentioned {
    changed: Vec<(Kind, Uuid)>,
    checked: Vec<(Kind, Uuid)>,
}

impl Mentioned {
    pub(super) fn in_batch(batch: &Batch) -> Self {
        let mut mentioned = Self::default();
        for write in &batch.writes {
            let (list, kind, id) = match write {
                Write::Replace { record, was } => (&mut mentioned.changed, was.kind(), record.id),
                Write::Delete { id, was, .. } => (&mut mentioned.changed, was.kind(), *id),
                Write::Check { kind, id, .. } => (&mut mentioned.checked, *kind, *id),
                _ => continue,
            };
            if is_kept(kind) {
                list.push((kind, id));
            }
        }
        mentioned
    }

    /// Forgets what is certainly or probably too old now. All that was checked, not only the first that was found out: whoever
    /// tries again should not meet one after the other.
    pub(super) fn learn<T>(self, outcome: &Result<T, CommitError>, recent: &Recent) {
        recent.forget(&self.changed);
        if matches!(outcome, Err(CommitError::Refused(_))) {
            recent.forget(&self.checked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use digota_core::port::store::{Keys, Record, Refusal};
    use digota_core::time::Timestamp;

    fn product(id: u128, version: u64) -> Arc<Remembered> {
        let (id, at) = (Uuid::from_u128(id), Timestamp(1));
        let keys = Keys::Product { active: true };
        Arc::new(Record { id, version, created: at, updated: at, keys, body: "{}".into() }.into())
    }

    fn known(recent: &Recent, record: &Remembered) -> Option<u64> {
        recent.known(Kind::Product, &[record.id]).ok()?.pop()?.map(|record| record.version)
    }

    fn keep(recent: &Recent, records: &[&Arc<Remembered>]) {
        let turn = recent.known(Kind::Product, &[Uuid::max()]).expect_err("nobody has this id");
        recent.keep(turn, records.iter().copied());
    }

    fn mentioned(write: Write) -> Mentioned {
        Mentioned::in_batch(&Batch { operation: Uuid::nil(), at: Timestamp(1), writes: vec![write] })
    }

    fn check(record: &Remembered) -> Write {
        Write::Check { kind: Kind::Product, id: record.id, version: Some(record.version) }
    }

    #[test]
    fn what_was_read_is_known_until_this_node_changes_it() {
        let recent = Recent::new();
        let (old, other) = (product(1, 1), product(2, 1));
        keep(&recent, &[&old, &other]);
        assert_eq!(known(&recent, &old), Some(1));
        let change = mentioned(Write::Replace { record: Record::clone(&product(1, 2)), was: old.keys.clone() });
        change.learn(&Ok(()), &recent);
        assert_eq!((known(&recent, &old), known(&recent, &other)), (None, Some(1)));
    }

    #[test]
    fn what_was_checked_is_known_until_a_check_is_refused() {
        let recent = Recent::new();
        let old = product(1, 1);
        keep(&recent, &[&old]);
        mentioned(check(&old)).learn(&Ok(()), &recent);
        assert_eq!(known(&recent, &old), Some(1));
        let refusal = Refusal::Stale { kind: Kind::Product, id: old.id, current: 2 };
        mentioned(check(&old)).learn::<()>(&Err(CommitError::Refused(refusal)), &recent);
        assert_eq!(known(&recent, &old), None);
    }

    #[test]
    fn what_was_read_before_something_was_forgotten_is_not_kept() {
        let recent = Recent::new();
        let old = product(1, 1);
        let turn = recent.known(Kind::Product, &[old.id]).expect_err("it was not read yet");
        recent.forget(&[(Kind::Product, old.id)]);
        recent.keep(turn, [&old].into_iter());
        assert_eq!(known(&recent, &old), None);
    }

    #[test]
    fn a_sku_is_no_product() {
        let recent = Recent::new();
        let product = product(1, 1);
        keep(&recent, &[&product]);
        assert!(recent.known(Kind::Sku, &[product.id]).is_err());
    }
}
