//! What a batch does to records, and whether it may.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{State, broken, due, refuse};
use crate::port::store::{Batch, CommitError, Keys, Kind, Record, Refusal, Write};

/// What each record touched will be: `None` where it is removed.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<(Kind, Uuid), Option<Record>>);

/// What a batch makes of the records, if all preconditions on them hold.
pub(super) fn judge(state: &State, batch: &Batch) -> Result<Changes, CommitError> {
    let mut changes = Changes::default();
    for write in &batch.writes {
        match write {
            Write::Insert(record) => {
                absent(state, record)?;
                changes.note(record.keys.kind(), record.id, Some(record))?;
            }
            Write::Replace { record, was } => {
                let kind = record.keys.kind();
                owned(state, kind, record.id, record.version.saturating_sub(1), was)?;
                changes.note(kind, record.id, Some(record))?;
            }
            Write::Delete { id, version, was } => {
                owned(state, was.kind(), *id, *version, was)?;
                changes.note(was.kind(), *id, None)?;
            }
            Write::Check { kind, id, version } => found(state, *kind, *id, *version).map(|_| ())?,
            _ => {}
        }
    }
    children(state, &changes, batch)?;
    attempts(state, &changes)?;
    Ok(changes)
}

impl Changes {
    /// Makes the changes.
    pub(super) fn apply(self, state: &mut State) {
        for (key, change) in self.0 {
            match change {
                Some(record) => state.records.insert(key, record),
                None => state.records.remove(&key),
            };
        }
    }

    fn note(&mut self, kind: Kind, id: Uuid, record: Option<&Record>) -> Result<(), CommitError> {
        match self.0.insert((kind, id), record.cloned()) {
            Some(_) => broken("a batch writes a record at most once"),
            None => Ok(()),
        }
    }

    /// The records of a kind as they will be.
    fn after<'a>(&'a self, state: &'a State, kind: Kind) -> impl Iterator<Item = &'a Record> {
        let kept = state.of_kind(kind).filter(move |record| !self.0.contains_key(&(kind, record.id)));
        kept.chain(self.written().filter(move |record| record.keys.kind() == kind))
    }

    fn written(&self) -> impl Iterator<Item = &Record> {
        self.0.values().flatten()
    }
}

fn absent(state: &State, record: &Record) -> Result<(), CommitError> {
    let (kind, id) = (record.keys.kind(), record.id);
    match state.records.contains_key(&(kind, id)) {
        true => refuse(Refusal::Exists { kind, id }),
        false => Ok(()),
    }
}

fn found(state: &State, kind: Kind, id: Uuid, version: Option<u64>) -> Result<&Record, CommitError> {
    match state.records.get(&(kind, id)) {
        None => refuse(Refusal::Missing { kind, id }),
        Some(record) if version.is_some_and(|version| version != record.version) => {
            refuse(Refusal::Stale { kind, id, current: record.version })
        }
        Some(record) => Ok(record),
    }
}

/// The record is there, at this version, and had the keys that the caller says it loses.
fn owned(state: &State, kind: Kind, id: Uuid, version: u64, was: &Keys) -> Result<(), CommitError> {
    match found(state, kind, id, Some(version))?.keys == *was {
        true => Ok(()),
        false => broken("a write must tell the keys of the version that it ends"),
    }
}

fn children(state: &State, changes: &Changes, batch: &Batch) -> Result<(), CommitError> {
    for write in &batch.writes {
        let Write::NoChildren(product) = write else { continue };
        let is_child = |sku: &&Record| matches!(sku.keys, Keys::Sku { parent, .. } if parent == *product);
        let count = changes.after(state, Kind::Sku).filter(is_child).count() as u64;
        if count > 0 {
            return refuse(Refusal::Children { count });
        }
    }
    Ok(())
}

/// Judged on what will be: a batch may close one attempt and open the next.
fn attempts(state: &State, changes: &Changes) -> Result<(), CommitError> {
    for opened in changes.written().filter(|record| due(record).is_some()) {
        let Keys::Attempt { subject, .. } = opened.keys else { continue };
        let rivals = |other: &&Record| {
            other.id != opened.id
                && matches!(other.keys, Keys::Attempt { subject: theirs, due: Some(_), .. } if theirs == subject)
        };
        if changes.after(state, Kind::Attempt).any(|other| rivals(&other)) {
            return refuse(Refusal::AttemptOpen { subject });
        }
    }
    Ok(())
}
