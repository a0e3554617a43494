//! Reads that an index answers at once.

use digota_core::event::Event;
use digota_core::port::store::{KeyEntry, KeyScope, Kind, Record};
use digota_core::stock::{Movement, MovementKind, Stock};
use digota_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::group::stored_stock;
use super::table::{record, senseless, table};

/// The records with these ids, all as of one moment.
pub(super) fn get(connection: &Connection, kind: Kind, ids: &[Uuid]) -> rusqlite::Result<Vec<Option<Record>>> {
    let read = || {
        let mut statement = connection.prepare_cached(&table(kind).by_id)?;
        let mut one = |id: &Uuid| statement.query_row([id], |row| record(kind, row)).optional();
        ids.iter().map(&mut one).collect()
    };
    if ids.len() == 1 { read() } else { at_once(connection, read) }
}

/// The stock of these SKUs, all as of one moment.
pub(super) fn stock(connection: &Connection, skus: &[Uuid]) -> rusqlite::Result<Vec<Option<Stock>>> {
    let read = || skus.iter().map(|sku| stored_stock(connection, *sku)).collect();
    if skus.len() == 1 { read() } else { at_once(connection, read) }
}

/// A SKU with its stock, as of one moment. Two statements: one that joins them takes longer.
pub(super) fn stocked(connection: &Connection, sku: Uuid) -> rusqlite::Result<Option<(Record, Option<Stock>)>> {
    at_once(connection, || {
        let record = get(connection, Kind::Sku, &[sku])?.pop().flatten();
        let with_stock = |record| Ok((record, stored_stock(connection, sku)?));
        record.map(with_stock).transpose()
    })
}

/// What is known of an idempotency key.
pub(super) fn key(connection: &Connection, scope: &KeyScope) -> rusqlite::Result<Option<KeyEntry>> {
    connection
        .prepare_cached(
            "SELECT fingerprint, attempt, answer, on_hand, reserved, stock FROM keys
             WHERE principal = ?1 AND method = ?2 AND key = ?3",
        )?
        .query_row([&scope.principal, &scope.method, &scope.key], |row| {
            let stock = kept_stock(row)?;
            Ok(KeyEntry { fingerprint: row.get(0)?, attempt: row.get(1)?, answer: row.get(2)?, stock })
        })
        .optional()
}

fn kept_stock(row: &Row<'_>) -> rusqlite::Result<Option<Stock>> {
    let Some(on_hand) = row.get(3)? else { return Ok(None) };
    Ok(Some(Stock { on_hand, reserved: row.get(4)?, version: row.get::<_, i64>(5)?.cast_unsigned() }))
}

/// The movements of a SKU after a number, with their numbers.
pub(super) fn movements(
    connection: &Connection,
    sku: Uuid,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<(u64, Movement)>> {
    connection
        .prepare_cached(
            "SELECT number, kind, on_hand, reserved, reference, reason, at FROM movements
             WHERE sku = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
        )?
        .query_map(params![sku, position(after), limit], |row| movement(sku, row))?
        .collect()
}

/// The events after a position, with their positions.
pub(super) fn events(connection: &Connection, after: u64, limit: u32) -> rusqlite::Result<Vec<(u64, Event)>> {
    connection
        .prepare_cached(
            "SELECT position, id, name, kind, object, version, at, body FROM events
             WHERE position > ?1 ORDER BY position LIMIT ?2",
        )?
        .query_map(params![position(after), limit], event)?
        .collect()
}

/// Open attempts whose time has come, the longest due first.
pub(super) fn due(connection: &Connection, now: Timestamp, limit: u32) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(
            "SELECT id, version, created, updated, subject, due, concern, body FROM attempts
             WHERE due IS NOT NULL AND due <= ?1 ORDER BY due, id LIMIT ?2",
        )?
        .query_map(params![now.0, limit], |row| record(Kind::Attempt, row))?
        .collect()
}

/// Runs several reads in one transaction. Where one fails, closing the connection ends it.
pub(super) fn at_once<T>(
    connection: &Connection,
    read: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = read()?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(outcome)
}

fn movement(sku: Uuid, row: &Row<'_>) -> rusqlite::Result<(u64, Movement)> {
    let number: i64 = row.get(0)?;
    let kind: usize = row.get::<_, u8>(1)?.into();
    let kind = *MovementKind::ALL.get(kind).ok_or_else(|| senseless(1, "no such kind of movement"))?;
    let movement = Movement {
        sku,
        kind,
        on_hand: row.get(2)?,
        reserved: row.get(3)?,
        reference: row.get(4)?,
        reason: row.get(5)?,
        at: Timestamp(row.get(6)?),
    };
    Ok((number.cast_unsigned(), movement))
}

fn event(row: &Row<'_>) -> rusqlite::Result<(u64, Event)> {
    let position: i64 = row.get(0)?;
    let kind: String = row.get(3)?;
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
    let event = Event {
        id: row.get(1)?,
        name: row.get(2)?,
        kind: kind.ok_or_else(|| senseless(3, "no such kind of record"))?,
        object: row.get(4)?,
        version: row.get::<_, i64>(5)?.cast_unsigned(),
        at: Timestamp(row.get(6)?),
        body: row.get(7)?,
    };
    Ok((position.cast_unsigned(), event))
}

/// A position to begin after; nothing is beyond the largest that SQLite knows.
fn position(after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX)
}
