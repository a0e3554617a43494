//! Mistakes of whoever writes records.

use std::sync::Mutex;

use async_trait::async_trait;
use digota_core::port::Store;
use digota_core::port::gateway::Op;
use digota_core::port::store::{Batch, CommitError, Committed, Kind, Record, Refusal, Write};
use uuid::Uuid;

use super::twist::{Twist, sibling};

/// How often a write is forced.
const FORCED: usize = 8;

/// Writes over whatever changed since it was read.
pub(super) struct LastWriterWins;

#[async_trait]
impl Twist for LastWriterWins {
    async fn commit(&self, store: &dyn Store, mut batch: Batch) -> Result<Committed, CommitError> {
        for _ in 0..FORCED {
            match store.commit(batch.clone()).await {
                Err(CommitError::Refused(Refusal::Stale { kind, id, .. })) => {
                    if let Some(now) = store.get(kind, &[id]).await?.pop().flatten() {
                        force(&mut batch, &now);
                    }
                }
                done => return done,
            }
        }
        store.commit(batch).await
    }
}

/// Makes a batch fit what is there now.
fn force(batch: &mut Batch, now: &Record) {
    let kind = now.keys.kind();
    for write in &mut batch.writes {
        match write {
            Write::Replace { record, was } if (record.keys.kind(), record.id) == (kind, now.id) => {
                (record.version, *was) = (now.version + 1, now.keys.clone());
            }
            Write::Delete { id, version, was } if (was.kind(), *id) == (kind, now.id) => {
                (*version, *was) = (now.version, now.keys.clone());
            }
            Write::Check { kind: of, id, version } if (*of, *id) == (kind, now.id) => *version = None,
            _ => {}
        }
    }
}

/// Writes the beginning of some attempts only with what comes of them.
pub(super) struct Behind {
    of: Op,
    held_back: Mutex<Vec<Batch>>,
}

impl Behind {
    pub(super) fn payments() -> Behind {
        Behind { of: Op::Charge, held_back: Mutex::default() }
    }

    pub(super) fn refunds() -> Behind {
        Behind { of: Op::Refund, held_back: Mutex::default() }
    }

    fn begins_one(&self, batch: &Batch) -> bool {
        let op = if self.of == Op::Charge { "\"op\":\"charge\"" } else { "\"op\":\"refund\"" };
        batch.writes.iter().any(|write| match write {
            Write::Insert(record) => record.keys.kind() == Kind::Attempt && record.body.contains(op),
            _ => false,
        })
    }

    /// The beginnings of the attempts that a batch ends.
    fn beginnings(&self, batch: &Batch) -> Vec<Batch> {
        let touched = |id: Uuid| {
            batch.writes.iter().any(|write| matches!(write, Write::Replace { record, .. } if record.id == id))
        };
        let ended = |held: &Batch| {
            held.writes.iter().any(|write| {
                matches!(write, Write::Insert(record) if record.keys.kind() == Kind::Attempt && touched(record.id))
            })
        };
        self.held_back.lock().unwrap().extract_if(.., |held| ended(held)).collect()
    }
}

#[async_trait]
impl Twist for Behind {
    async fn commit(&self, store: &dyn Store, batch: Batch) -> Result<Committed, CommitError> {
        if self.begins_one(&batch) {
            self.held_back.lock().unwrap().push(batch);
            return Ok(Committed::default());
        }
        for beginning in self.beginnings(&batch) {
            store.commit(beginning).await?;
        }
        store.commit(batch).await
    }
}

/// Writes events after the change that they tell of.
pub(super) struct EventsLater;

#[async_trait]
impl Twist for EventsLater {
    async fn commit(&self, store: &dyn Store, mut batch: Batch) -> Result<Committed, CommitError> {
        let events = batch.writes.extract_if(.., |write| matches!(write, Write::Append(_))).collect();
        let told = Batch { operation: sibling(batch.operation, 1), at: batch.at, writes: events };
        let committed = store.commit(batch).await?;
        // It is only an event.
        let _ = store.commit(told).await;
        Ok(committed)
    }
}
