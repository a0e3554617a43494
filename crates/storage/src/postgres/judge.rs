//! Whether a batch's preconditions hold, on what the batches before it have left.

use std::collections::BTreeSet;

use digota_core::port::store::{Batch, Keys, Kind, Refusal, StoreError, Write};
use uuid::Uuid;

use super::state::{Fault, KeyState, State};
use crate::ledger::{Ledger, plan};

/// Says what a batch does to stock, or why it is refused.
///
/// Everything that it needs to know is locked or, where there was nothing to lock, guarded by a unique index: another node
/// that was faster makes the write fail, and the batch is judged again.
pub(super) fn judge(state: &State<'_>, batch: &Batch) -> Result<Ledger, Fault> {
    if state.used.contains(&batch.operation) {
        return Err(Refusal::OperationUsed.into());
    }
    keys(state, batch)?;
    records(state, batch)?;
    attempts(state, batch)?;
    plan(state, batch)
}

fn keys(state: &State<'_>, batch: &Batch) -> Result<(), Fault> {
    let mut claimed = BTreeSet::new();
    for write in &batch.writes {
        let Write::Claim { scope, .. } = write else { continue };
        let is_free = state.keys.get(scope).is_none_or(|key| matches!(key.now, KeyState::Free));
        if !is_free || !claimed.insert(scope) {
            return Err(Refusal::KeyTaken.into());
        }
    }
    Ok(())
}

fn records(state: &State<'_>, batch: &Batch) -> Result<(), Fault> {
    let mut written = BTreeSet::new();
    for write in &batch.writes {
        let target = match write {
            Write::Insert(record) => {
                let (kind, id) = (record.keys.kind(), record.id);
                if state.records.get(&(kind, id)).is_some_and(|slot| slot.head.is_some()) {
                    return Err(Refusal::Exists { kind, id }.into());
                }
                (kind, id)
            }
            Write::Replace { record, was } => {
                owns(state, record.id, record.version.saturating_sub(1), was)?;
                (was.kind(), record.id)
            }
            Write::Delete { id, version, was } => {
                owns(state, *id, *version, was)?;
                (was.kind(), *id)
            }
            Write::Check { kind, id, version } => {
                found(state, *kind, *id, *version)?;
                continue;
            }
            Write::NoChildren(product) => {
                has_no_children(state, batch, *product)?;
                continue;
            }
            _ => continue,
        };
        if !written.insert(target) {
            let (kind, id) = target;
            return match write {
                Write::Insert(_) => Err(Refusal::Exists { kind, id }.into()),
                _ => Err(StoreError::Broken("a batch writes a record at most once".into()).into()),
            };
        }
    }
    Ok(())
}

/// The keys of a record that is there, at this version if one is given.
fn found<'s>(
    state: &'s State<'_>,
    kind: Kind,
    id: Uuid,
    version: Option<u64>,
) -> Result<&'s Keys, Fault> {
    let slot = state.records.get(&(kind, id));
    let (current, keys) = slot.and_then(|slot| slot.head.as_ref()).ok_or(Refusal::Missing { kind, id })?;
    match version {
        Some(version) if version != *current => Err(Refusal::Stale { kind, id, current: *current }.into()),
        _ => Ok(keys),
    }
}

/// The record is there at this version, and has the keys that the counters will lose.
fn owns(state: &State<'_>, id: Uuid, version: u64, was: &Keys) -> Result<(), Fault> {
    match fits(found(state, was.kind(), id, Some(version))?, was) {
        true => Ok(()),
        false => Err(StoreError::Broken("a write must tell the keys of the version that it ends".into()).into()),
    }
}

/// A node of the schema before writes a document and leaves the newest columns as they were: these must not count here, or
/// nobody could settle what it left unknown until [`CATCH_UP`](super::migrate::CATCH_UP) is run. No total is made of them.
fn fits(stored: &Keys, was: &Keys) -> bool {
    match (stored, was) {
        (
            Keys::Attempt { subject, due, concern: _ },
            Keys::Attempt { subject: subject_was, due: due_was, concern: _ },
        ) => (subject, due) == (subject_was, due_was),
        _ => stored == was,
    }
}

/// Judged on what will be: one batch may delete the SKUs and their product.
fn has_no_children(state: &State<'_>, batch: &Batch, product: Uuid) -> Result<(), Fault> {
    let (going, coming) = traffic(batch, product);
    let Some(children) = state.children.get(&product) else { return Ok(()) };
    let change = children.change - going + coming;
    match children.seen + change <= 0 {
        true => Ok(()),
        false => Err(Refusal::Children { count: (children.total + change).max(1).cast_unsigned() }.into()),
    }
}

/// How many SKUs of a product a batch removes, and how many it adds.
pub(super) fn traffic(batch: &Batch, product: Uuid) -> (i64, i64) {
    let is_child = |keys: &Keys| matches!(keys, Keys::Sku { parent, .. } if *parent == product);
    let (mut going, mut coming) = (0, 0);
    for write in &batch.writes {
        let (was, will) = match write {
            Write::Insert(record) => (None, Some(&record.keys)),
            Write::Replace { record, was } => (Some(was), Some(&record.keys)),
            Write::Delete { was, .. } => (Some(was), None),
            _ => continue,
        };
        going += i64::from(was.is_some_and(is_child));
        coming += i64::from(will.is_some_and(is_child));
    }
    (going, coming)
}

/// Refuses an open attempt while its subject has another that the batch does not close, or opens another.
fn attempts(state: &State<'_>, batch: &Batch) -> Result<(), Fault> {
    let mut opened = BTreeSet::new();
    for write in &batch.writes {
        let (Write::Insert(record) | Write::Replace { record, .. }) = write else { continue };
        let Keys::Attempt { subject, due: Some(_), .. } = record.keys else { continue };
        let rival = state.open.get(&subject).filter(|open| **open != record.id);
        let stays_open = rival.is_some_and(|rival| !batch.writes.iter().any(|write| closes(write, *rival)));
        if stays_open || !opened.insert(subject) {
            return Err(Refusal::AttemptOpen { subject }.into());
        }
    }
    Ok(())
}

fn closes(write: &Write, attempt: Uuid) -> bool {
    match write {
        Write::Replace { record, .. } => {
            record.id == attempt && matches!(record.keys, Keys::Attempt { due: None, .. })
        }
        Write::Delete { id, was, .. } => *id == attempt && was.kind() == Kind::Attempt,
        _ => false,
    }
}
