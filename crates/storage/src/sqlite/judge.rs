//! Whether a batch's preconditions hold. Reads only, so that a refused batch leaves nothing to undo.

use std::collections::BTreeSet;

use digota_core::port::store::{Batch, Condition, KeyScope, Keys, Kind, Refusal, StoreError, Write};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::ledger::{Ledger, plan};

use super::counter::Counter;
use super::error::Fault;
use super::group::Group;
use super::rows::Rows;
use super::table::{keys, table};

/// Says what a batch does to stock, or why it is refused.
///
/// The unique indexes and checks of the schema say the same again, and what hardly ever happens is left to them: where a
/// statement fails, the group is applied again by a careful one.
pub(super) fn judge(group: &mut Group<'_>, rows: &mut Rows<'_>, batch: &Batch) -> Result<Ledger, Fault> {
    let verdict = preconditions(group, rows, batch);
    let is_used = rows.have_operation(batch.operation)
        || (matches!(verdict, Err(Fault::Refused(_))) || group.is_careful)
            && is_used(group.connection, batch.operation)?;
    if is_used { Err(Refusal::OperationUsed.into()) } else { verdict }
}

fn preconditions(group: &mut Group<'_>, rows: &mut Rows<'_>, batch: &Batch) -> Result<Ledger, Fault> {
    let connection = group.connection;
    let (mut inserted, mut claimed) = (BTreeSet::new(), BTreeSet::new());
    for write in &batch.writes {
        match write {
            Write::Insert(record) => {
                let (kind, id) = (record.keys.kind(), record.id);
                if !inserted.insert((kind, id)) {
                    return Err(Refusal::Exists { kind, id }.into());
                }
                if group.is_careful {
                    is_free(connection, kind, id)?;
                    nothing_open(connection, batch, record.id, &record.keys)?;
                }
            }
            Write::Replace { record, was } => {
                owns(group, record.id, record.version.saturating_sub(1), was)?;
                if group.is_careful {
                    nothing_open(connection, batch, record.id, &record.keys)?;
                }
            }
            Write::Delete { id, version, was } => owns(group, *id, *version, was)?,
            Write::Check { kind, id, version } => {
                found(group, *kind, *id, *version)?;
            }
            Write::NoChildren(product) => {
                rows.insert(connection)?;
                has_no_children(group, batch, *product)?;
            },
            Write::Claim { scope, .. } => {
                if !claimed.insert(scope) {
                    return Err(Refusal::KeyTaken.into());
                }
                if rows.have_key(scope) || (may_be_claimed(group, scope) && is_claimed(connection, scope)?) {
                    return Err(Refusal::KeyTaken.into());
                }
            }
            Write::OpenStock { .. } | Write::Move { .. } => {} // Judged by `plan`.
            Write::Append(_) | Write::Answer { .. } | Write::Free(_) => {} // Never refused.
        }
    }
    plan(group, batch)
}

fn is_used(connection: &Connection, operation: Uuid) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM operations WHERE id = ?1")?.exists([operation])
}

fn is_free(connection: &Connection, kind: Kind, id: Uuid) -> Result<(), Fault> {
    match connection.prepare_cached(&table(kind).exists)?.exists([id])? {
        true => Err(Refusal::Exists { kind, id }.into()),
        false => Ok(()),
    }
}

/// The keys of a record that is there, at this version if one is given.
fn found<'g>(
    group: &'g mut Group<'_>,
    kind: Kind,
    id: Uuid,
    version: Option<u64>,
) -> Result<&'g Keys, Fault> {
    if group.known.record(kind, id).is_none() {
        let mut statement = group.connection.prepare_cached(&table(kind).version)?;
        let read = statement.query_row([id], |row| Ok((row.get::<_, i64>(0)?, keys(kind, row, 1)?)));
        let (version, keys) = read.optional()?.ok_or(Refusal::Missing { kind, id })?;
        group.known.keep_record(id, version.cast_unsigned(), keys);
    }
    match group.known.record(kind, id) {
        None => Err(Refusal::Missing { kind, id }.into()),
        Some((current, _)) if version.is_some_and(|version| version != *current) => {
            Err(Refusal::Stale { kind, id, current: *current }.into())
        }
        Some((_, keys)) => Ok(keys),
    }
}

/// The record is there at this version, and has the keys that the counters will lose.
fn owns(group: &mut Group<'_>, id: Uuid, version: u64, was: &Keys) -> Result<(), Fault> {
    match found(group, was.kind(), id, Some(version))? == was {
        true => Ok(()),
        false => Err(StoreError::Broken("a write must tell the keys of the version that it ends".into()).into()),
    }
}

/// Judged on what will be: one batch may delete the SKUs and their product.
fn has_no_children(group: &Group<'_>, batch: &Batch, product: Uuid) -> Result<(), Fault> {
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
    // The counter would do, but the rows can't be wrong.
    let mut statement = group
        .connection
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM skus WHERE parent = ?1 LIMIT ?2)")?;
    let seen: i64 = statement.query_row(params![product, going + 1], |row| row.get(0))?;
    if seen - going + coming <= 0 {
        return Ok(());
    }
    let total = group.total(&Counter::Meeting(Kind::Sku, Condition::Parent(product)))?;
    Err(Refusal::Children { count: (total - going + coming).max(1).cast_unsigned() }.into())
}

/// Refuses an open attempt while its subject has another that the batch does not close, or opens another.
fn nothing_open(connection: &Connection, batch: &Batch, id: Uuid, keys: &Keys) -> Result<(), Fault> {
    let Keys::Attempt { subject, due: Some(_), .. } = *keys else { return Ok(()) };
    let mut statement = connection
        .prepare_cached("SELECT id FROM attempts WHERE subject = ?1 AND due IS NOT NULL AND id <> ?2")?;
    let other = statement.query_row(params![subject, id], |row| row.get::<_, Uuid>(0)).optional()?;
    let stays_open = other.is_some_and(|other| !batch.writes.iter().any(|write| closes(write, other)));
    let opens_two = batch.writes.iter().any(|write| opens_another(write, id, subject));
    match stays_open || opens_two {
        true => Err(Refusal::AttemptOpen { subject }.into()),
        false => Ok(()),
    }
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

fn opens_another(write: &Write, id: Uuid, of: Uuid) -> bool {
    match write {
        Write::Insert(record) | Write::Replace { record, .. } => {
            let is_open = matches!(record.keys, Keys::Attempt { subject, due: Some(_), .. } if subject == of);
            is_open && record.id != id
        }
        _ => false,
    }
}

/// A careful group looks. For others the unique index says so, but for keys that were claimed just now: a caller who sends
/// each request twice would else have every group applied twice.
fn may_be_claimed(group: &Group<'_>, scope: &KeyScope) -> bool {
    group.is_careful || group.known.may_be_claimed(scope)
}

fn is_claimed(connection: &Connection, scope: &KeyScope) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM keys WHERE principal = ?1 AND method = ?2 AND key = ?3")?
        .exists([&scope.principal, &scope.method, &scope.key])
}
