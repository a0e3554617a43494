//! What a batch says about SKUs and products that are remembered.
//!
//! Other nodes may have changed them since they were read. So they are only for batches that check their versions, and whatever
//! a batch was refused for is not believed again.

use digota_core::port::store::{Batch, CommitError, Kind, Write};
use uuid::Uuid;

use crate::recent::{Recent, changed, is_kept};

#[derive(Default)]
pub(super) struct Mentioned {
    changed: Vec<(Kind, Uuid)>,
    checked: Vec<(Kind, Uuid)>,
}

impl Mentioned {
    pub(super) fn in_batch(batch: &Batch) -> Self {
        let mut mentioned = Self::default();
        for write in &batch.writes {
            match write {
                Write::Check { kind, id, .. } if is_kept(*kind) => mentioned.checked.push((*kind, *id)),
                write => mentioned.changed.extend(changed(write)),
            }
        }
        mentioned
    }

    /// Forgets what is certainly or probably too old now. All that was checked, not only the first that was found out: whoever
    /// tries again should not meet one after the other.
    pub(super) fn learn<T>(self, outcome: &Result<T, CommitError>, recent: &Recent) {
        drop(recent.forget(self.changed.into_iter()));
        if matches!(outcome, Err(CommitError::Refused(_))) {
            drop(recent.forget(self.checked.into_iter()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::tests::{keep, known, product};
    use digota_core::port::store::{Record, Refusal, Remembered};
    use digota_core::time::Timestamp;

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
}
