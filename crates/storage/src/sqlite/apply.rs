//! Writes one batch, or one other piece of work, into the transaction under way.

use digota_core::event::Event;
use digota_core::port::store::{Batch, Committed, Horizon, KeyEntry, KeyScope, Keys, Record, Refusal, Resolution, Write};
use digota_core::stock::Movement;
use digota_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use uuid::Uuid;

use super::counter::Counter;
use super::error::Fault;
use super::group::Group;
use super::judge::judge;
use super::table::{Table, table, values};

/// The most rows of each kind that one purge drops, so that no commit waits long behind it.
const PURGE_MAX: i64 = 2000;

/// Applies a batch. Where it is refused nothing was written.
pub(super) fn commit(group: &mut Group<'_>, batch: &Batch) -> Result<Committed, Fault> {
    let ledger = judge(group, batch)?;
    let connection = group.connection;
    let mut operation = connection
        .prepare_cached("INSERT INTO operations (id, at, tombstone) VALUES (?1, ?2, 0) ON CONFLICT (id) DO NOTHING")?;
    if operation.execute(params![batch.operation, batch.at.0])? == 0 {
        return Err(Refusal::OperationUsed.into());
    }
    for (number, movement) in &ledger.movements {
        add_movement(connection, *number, movement)?;
    }
    for (sku, stock) in &ledger.stock {
        group.set_stock(*sku, *stock);
    }
    for write in in_order(&batch.writes) {
        apply(group, batch, write)?;
    }
    Ok(Committed { stock: ledger.stock })
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

fn apply(group: &mut Group<'_>, batch: &Batch, write: &Write) -> rusqlite::Result<()> {
    let connection = group.connection;
    match write {
        Write::Insert(record) => insert(group, record),
        Write::Replace { record, was } => replace(group, record, was),
        Write::Delete { id, was, .. } => delete(group, *id, was),
        Write::Append(event) => append(group, event),
        Write::Claim { scope, entry, stock_of } => {
            let stock = stock_of.map_or(Ok(None), |sku| group.stock(sku))?;
            claim(connection, batch.at, scope, &KeyEntry { stock, ..entry.clone() })
        }
        Write::Answer { scope, answer } => give_answer(connection, scope, answer),
        Write::Free(scope) => free(connection, scope),
        Write::Check { .. } | Write::NoChildren(_) => Ok(()), // Judged before.
        Write::OpenStock { .. } | Write::Move { .. } => Ok(()), // In the ledger.
    }
}

fn insert(group: &mut Group<'_>, record: &Record) -> rusqlite::Result<()> {
    write(group.connection, &table(record.keys.kind()).insert, record)?;
    Counter::of(&record.keys).for_each(|counter| group.add(counter, 1));
    Ok(())
}

fn replace(group: &mut Group<'_>, record: &Record, was: &Keys) -> rusqlite::Result<()> {
    let Table { replace, touch, .. } = table(was.kind());
    if record.keys == *was {
        return write(group.connection, touch, record);
    }
    write(group.connection, replace, record)?;
    Counter::of(was).for_each(|counter| group.add(counter, -1));
    Counter::of(&record.keys).for_each(|counter| group.add(counter, 1));
    Ok(())
}

fn write(connection: &Connection, sql: &str, record: &Record) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(params_from_iter(values(record)))?;
    Ok(())
}

fn delete(group: &mut Group<'_>, id: Uuid, was: &Keys) -> rusqlite::Result<()> {
    group.connection.prepare_cached(&table(was.kind()).delete)?.execute([id])?;
    Counter::of(was).for_each(|counter| group.add(counter, -1));
    Ok(())
}

fn append(group: &mut Group<'_>, event: &Event) -> rusqlite::Result<()> {
    let position = group.next_position()?;
    let Event { id, name, kind, object, version, at, body } = event;
    group
        .connection
        .prepare_cached(
            "INSERT INTO events (position, id, name, kind, object, version, at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![position, id, name, kind.name(), object, version.cast_signed(), at.0, body])?;
    Ok(())
}

fn add_movement(connection: &Connection, number: u64, movement: &Movement) -> rusqlite::Result<()> {
    let Movement { sku, kind, on_hand, reserved, reference, reason, at } = movement;
    let (number, step) = (number.cast_signed(), kind.step());
    connection
        .prepare_cached(
            "INSERT INTO movements (sku, number, kind, on_hand, reserved, reference, step, reason, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![sku, number, kind.number(), on_hand, reserved, reference, step, reason, at.0])?;
    Ok(())
}

fn claim(connection: &Connection, at: Timestamp, scope: &KeyScope, entry: &KeyEntry) -> rusqlite::Result<()> {
    let KeyScope { principal, method, key } = scope;
    let KeyEntry { fingerprint, attempt, answer, stock } = entry;
    let (on_hand, reserved) = (stock.map(|stock| stock.on_hand), stock.map(|stock| stock.reserved));
    let version = stock.map(|stock| stock.version.cast_signed());
    connection
        .prepare_cached(
            "INSERT INTO keys (principal, method, key, fingerprint, attempt, answer, on_hand, reserved, stock, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![principal, method, key, fingerprint, attempt, answer, on_hand, reserved, version, at.0])?;
    Ok(())
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
