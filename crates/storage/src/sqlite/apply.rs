//! Writes one batch, or one other piece of work, into the transaction under way.

use digota_core::port::store::{Batch, Committed, Horizon, KeyScope, Keys, Kind, Record, Resolution, Write};
use digota_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};
use uuid::Uuid;

use super::counter::Counter;
use super::error::Fault;
use super::group::Group;
use super::judge::judge;
use super::rows::Rows;
use super::table::{Table, table, values};
use crate::ledger::Ledger;

/// The most rows of each kind that one purge drops, so that no commit waits long behind it.
const PURGE_MAX: i64 = 2000;

/// Applies a batch. Where it is refused nothing was written. What it inserts is among the rows, if it is not in the tables.
pub(super) fn commit<'j>(
    group: &mut Group<'_>,
    rows: &mut Rows<'j>,
    batch: &'j Batch,
) -> Result<Committed, Fault> {
    let Ledger { movements, stock } = judge(group, rows, batch)?;
    rows.operation(batch.operation, batch.at);
    rows.movements(movements);
    for (sku, stock) in &stock {
        group.set_stock(*sku, *stock);
    }
    for write in in_order(&batch.writes) {
        apply(group, rows, batch, write)?;
    }
    Ok(Committed { stock })
}

/// What frees something comes before what takes it: an attempt is closed before the next one is opened.
fn in_order(writes: &[Write]) -> Vec<&Write> {
    let mut writes: Vec<_> = writes.iter().collect();
    writes.sort_by_key(|write| match write {
        Write::Delete { .. } => 0,
        Write::Replace { .. } => 1,
        Write::Claim { .. } => 3,
        Write::Answer { .. } => 4,
        Write::Free(_) => 5,
        _ => 2,
    });
    writes
}

fn apply<'j>(
    group: &mut Group<'_>,
    rows: &mut Rows<'j>,
    batch: &Batch,
    write: &'j Write,
) -> rusqlite::Result<()> {
    match write {
        Write::Insert(record) => insert(group, rows, record),
        Write::Replace { record, was } => replace(group, rows, record, was)?,
        Write::Delete { id, was, .. } => delete(group, rows, *id, was)?,
        Write::Append(event) => rows.event(group.next_position()?, event),
        Write::Claim { scope, entry, stock_of } => {
            let stock = stock_of.map_or(Ok(None), |sku| group.stock(sku))?;
            group.known.keep_claim(scope);
            rows.claim(scope, entry, stock, batch.at);
        }
        Write::Answer { scope, answer } => give_answer(in_tables(group, rows, scope)?, scope, answer)?,
        Write::Free(scope) => free(in_tables(group, rows, scope)?, scope)?,
        Write::Check { .. } | Write::NoChildren(_) => {} // Judged before.
        Write::OpenStock { .. } | Write::Move { .. } => {} // In the ledger.
    }
    Ok(())
}

fn insert<'j>(group: &mut Group<'_>, rows: &mut Rows<'j>, record: &'j Record) {
    rows.record(record);
    group.known.keep_record(record.id, record.version, record.keys.clone());
    Counter::of(&record.keys).for_each(|counter| group.add(counter, 1));
}

fn replace(group: &mut Group<'_>, rows: &mut Rows<'_>, record: &Record, was: &Keys) -> rusqlite::Result<()> {
    let Table { replace, touch, .. } = table(was.kind());
    let stays = record.keys == *was;
    let sql = if stays { touch } else { replace };
    change(group, rows, was.kind(), record.id, sql, params_from_iter(values(record)))?;
    group.known.keep_record(record.id, record.version, record.keys.clone());
    if !stays {
        Counter::of(was).for_each(|counter| group.add(counter, -1));
        Counter::of(&record.keys).for_each(|counter| group.add(counter, 1));
    }
    Ok(())
}

fn delete(group: &mut Group<'_>, rows: &mut Rows<'_>, id: Uuid, was: &Keys) -> rusqlite::Result<()> {
    change(group, rows, was.kind(), id, &table(was.kind()).delete, [id])?;
    group.known.drop_record(was.kind(), id);
    Counter::of(was).for_each(|counter| group.add(counter, -1));
    Ok(())
}

/// Changes the row of a record. Where it is not the one that the batch was judged on, somebody else writes to the file: the
/// group is given up, and its batches are judged anew on what is there.
fn change(
    group: &Group<'_>,
    rows: &mut Rows<'_>,
    kind: Kind,
    id: Uuid,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<()> {
    if rows.have_record(kind, id) {
        rows.insert(group.connection)?;
    }
    match group.connection.prepare_cached(sql)?.execute(values)? {
        1 => Ok(()),
        other => Err(rusqlite::Error::StatementChangedRows(other)),
    }
}

/// The connection, once a key that this group claimed can be changed there.
fn in_tables<'g>(group: &Group<'g>, rows: &mut Rows<'_>, scope: &KeyScope) -> rusqlite::Result<&'g Connection> {
    if rows.have_key(scope) {
        rows.insert(group.connection)?;
    }
    Ok(group.connection)
}

/// An answer is final: a second one changes nothing.
fn give_answer(connection: &Connection, scope: &KeyScope, answer: &str) -> rusqlite::Result<()> {
    let KeyScope { principal, method, key } = scope;
    connection
        .prepare_cached(
            "UPDATE keys SET answer = ?4 WHERE principal = ?1 AND method = ?2 AND key = ?3 AND answer IS NULL",
        )?
        .execute(params![principal, method, key, answer])?;
    Ok(())
}

/// A key that is answered stays taken.
fn free(connection: &Connection, scope: &KeyScope) -> rusqlite::Result<()> {
    let KeyScope { principal, method, key } = scope;
    connection
        .prepare_cached("DELETE FROM keys WHERE principal = ?1 AND method = ?2 AND key = ?3 AND answer IS NULL")?
        .execute(params![principal, method, key])?;
    Ok(())
}

/// Says how an operation ended; one that did not commit never will.
pub(super) fn resolve(connection: &Connection, operation: Uuid, at: Timestamp) -> rusqlite::Result<Resolution> {
    let tombstone = connection
        .prepare_cached("SELECT tombstone FROM operations WHERE id = ?1")?
        .query_row([operation], |row| row.get::<_, bool>(0))
        .optional()?;
    match tombstone {
        Some(false) => return Ok(Resolution::Committed),
        Some(true) => return Ok(Resolution::Never),
        None => {}
    }
    connection
        .prepare_cached("INSERT INTO operations (id, at, tombstone) VALUES (?1, ?2, 1)")?
        .execute(params![operation, at.0])?;
    Ok(Resolution::Never)
}

/// Drops what is too old, the oldest first.
pub(super) fn purge(connection: &Connection, before: &Horizon) -> rusqlite::Result<u64> {
    let drop = |sql: &str, before: Timestamp| connection.prepare_cached(sql)?.execute(params![before.0, PURGE_MAX]);
    let operations = drop(
        "DELETE FROM operations WHERE id IN (
             SELECT id FROM (SELECT id, at FROM operations ORDER BY id LIMIT ?2) WHERE at < ?1
         )",
        before.operations,
    )?;
    // Every old key that stays is held by an open attempt: looking at that many more always finds some that go.
    let keys = drop(
        "DELETE FROM keys WHERE rowid IN (
             SELECT oldest.rowid FROM (
                 SELECT rowid, at, attempt FROM keys ORDER BY rowid
                 LIMIT ?2 + (SELECT count(*) FROM attempts WHERE due IS NOT NULL)
             ) AS oldest WHERE at < ?1 AND NOT EXISTS (
                 SELECT 1 FROM attempts WHERE attempts.id = oldest.attempt AND attempts.due IS NOT NULL
             )
         )",
        before.keys,
    )?;
    // Up to the first that is young enough, so that what is left has no gap.
    let events = before.events.map_or(Ok(0), |before| {
        drop(
            "WITH oldest AS (SELECT position, at FROM events ORDER BY position LIMIT ?2)
             DELETE FROM events WHERE position IN (SELECT position FROM oldest) AND position < coalesce(
                 (SELECT min(position) FROM oldest WHERE at >= ?1), 9223372036854775807
             )",
            before,
        )
    })?;
    Ok([operations, keys, events].iter().map(|n| *n as u64).sum())
}
