//! Worlds that are broken on purpose: what must be found in them shows that it would be found.

use digota_core::port::gateway::{Answer, GatewayError, Lookup, Outcome};
use digota_core::port::store::{Batch, CommitError, Committed, Refusal, Resolution, StoreError, Write};
use digota_core::port::{Gateway, Store};
use uuid::Uuid;

use crate::plan::Broken;
use crate::stage::{Stage, at_once};

impl Stage {
    fn is_broken(&self, how: Broken) -> bool {
        self.setup.broken == Some(how)
    }

    /// Commits at the store itself.
    pub(super) fn commit(&self, mut batch: Batch) -> Result<Committed, CommitError> {
        if self.is_broken(Broken::Versions) {
            self.renumber(&mut batch);
        }
        let again = batch.clone();
        match at_once(self.store.commit(batch)) {
            Err(CommitError::Refused(Refusal::OutOfStock(_))) if self.is_broken(Broken::Stock) => {
                let writes = again.writes.into_iter().filter(|write| !matches!(write, Write::Move { .. }));
                at_once(self.store.commit(Batch { writes: writes.collect(), ..again }))
            }
            done => done,
        }
    }

    /// Settles a commit at the store itself.
    pub(super) fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        let found = at_once(self.store.resolve(operation));
        if self.is_broken(Broken::Unknown) { Ok(Resolution::Committed) } else { found }
    }

    /// Cancels at the gateway itself.
    pub(super) fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        if self.is_broken(Broken::Cancel) {
            return Ok(Answer { outcome: Outcome::Canceled, reference: None, money: None });
        }
        at_once(self.gateway.cancel(lookup))
    }

    /// Has every change fit the version that is there.
    fn renumber(&self, batch: &mut Batch) {
        for write in &mut batch.writes {
            let Write::Replace { record, was } = write else { continue };
            let found = at_once(self.store.get(record.keys.kind(), &[record.id])).unwrap_or_default();
            if let Some(now) = found.into_iter().flatten().next() {
                (record.version, *was) = (now.version + 1, now.keys);
            }
        }
    }
}
