//! Reads that an index answers at once.

use std::collections::BTreeMap;

use digota_core::event::Event;
use digota_core::port::store::{KeyEntry, KeyScope, Kind, Record, StoreError};
use digota_core::stock::{Movement, MovementKind, Stock};
use digota_core::time::Timestamp;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::error::failed;
use super::load;
use super::read::{Length, Readers};
use super::session::Call;
use super::table::{record, table};

/// The records with these ids, all as of one moment.
pub(super) async fn get(readers: &Readers, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let call = Call::new(&table(kind).get, vec![Box::new(ids)]);
    let found = rows(readers, Length::Short, &call, |row| record(kind, row, 0)).await?;
    let found: BTreeMap<Uuid, Record> = found.into_iter().map(|record| (record.id, record)).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

/// The stock of these SKUs, all as of one moment.
pub(super) async fn stock(readers: &Readers, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
    let sql = "SELECT sku, on_hand, reserved, version FROM stock WHERE sku = ANY($1)";
    let call = Call::new(sql, vec![Box::new(skus)]);
    let read = |row: &Row| Ok((row.try_get(0)?, load::stock(row, 1)?));
    let found: BTreeMap<Uuid, Stock> = rows(readers, Length::Short, &call, read).await?.into_iter().collect();
    Ok(skus.iter().map(|sku| found.get(sku).copied()).collect())
}

/// A SKU with its stock, as of one moment.
pub(super) async fn stocked(
    readers: &Readers,
    sku: Uuid,
) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
    let sql = format!(
        "SELECT {}, stock.on_hand, stock.reserved, stock.version FROM skus AS t LEFT JOIN stock ON stock.sku = t.id
         WHERE t.id = $1",
        table(Kind::Sku).columns
    );
    let read = |row: &Row| {
        let stock = match row.try_get::<_, Option<i64>>(8)? {
            Some(_) => Some(load::stock(row, 8)?),
            None => None,
        };
        Ok((record(Kind::Sku, row, 0)?, stock))
    };
    let found = rows(readers, Length::Short, &Call::new(&sql, vec![Box::new(sku)]), read).await?;
    Ok(found.into_iter().next())
}

/// What is known of an idempotency key.
pub(super) async fn key(readers: &Readers, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
    let call = Call::new(
        "SELECT fingerprint, attempt, answer, on_hand, reserved, stock FROM keys
         WHERE principal = $1 AND method = $2 AND key = $3",
        vec![Box::new(&*scope.principal), Box::new(&*scope.method), Box::new(&*scope.key)],
    );
    let read = |row: &Row| {
        let stock = match row.try_get::<_, Option<i64>>(3)? {
            Some(_) => Some(load::stock(row, 3)?),
            None => None,
        };
        let (fingerprint, attempt, answer) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(KeyEntry { fingerprint, attempt, answer, stock })
    };
    Ok(rows(readers, Length::Short, &call, read).await?.into_iter().next())
}

/// The movements of a SKU after a number, with their numbers.
pub(super) async fn movements(
    readers: &Readers,
    sku: Uuid,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, Movement)>, StoreError> {
    let call = Call::new(
        "SELECT number, kind, on_hand, reserved, reference, reason, at FROM movements
         WHERE sku = $1 AND number > $2 ORDER BY number LIMIT $3",
        vec![Box::new(sku), Box::new(position(after)), Box::new(i64::from(limit))],
    );
    let found = rows(readers, Length::Long, &call, |row| {
        let kind = usize::try_from(row.try_get::<_, i16>(1)?).ok().and_then(|kind| MovementKind::ALL.get(kind));
        let number = row.try_get::<_, i64>(0)?.cast_unsigned();
        let Some(&kind) = kind else { return Ok(None) };
        let movement = Movement {
            sku,
            kind,
            on_hand: row.try_get(2)?,
            reserved: row.try_get(3)?,
            reference: row.try_get(4)?,
            reason: row.try_get(5)?,
            at: Timestamp(row.try_get(6)?),
        };
        Ok(Some((number, movement)))
    });
    whole(found.await?, "no such kind of movement")
}

/// The events after a position, with their positions.
pub(super) async fn events(readers: &Readers, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
    let call = Call::new(
        "SELECT position, id, name, kind, object, version, at, body::text FROM events
         WHERE position > $1 ORDER BY position LIMIT $2",
        vec![Box::new(position(after)), Box::new(i64::from(limit))],
    );
    let found = rows(readers, Length::Long, &call, |row| {
        let name: &str = row.try_get(3)?;
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == name) else { return Ok(None) };
        let event = Event {
            id: row.try_get(1)?,
            name: row.try_get(2)?,
            kind,
            object: row.try_get(4)?,
            version: row.try_get::<_, i64>(5)?.cast_unsigned(),
            at: Timestamp(row.try_get(6)?),
            body: row.try_get(7)?,
        };
        Ok(Some((row.try_get::<_, i64>(0)?.cast_unsigned(), event)))
    });
    whole(found.await?, "no such kind of record")
}

/// The position of the last event.
pub(super) async fn last_position(readers: &Readers) -> Result<u64, StoreError> {
    let call = Call::new("SELECT position FROM event_head", vec![]);
    let found = rows(readers, Length::Short, &call, |row| row.try_get::<_, i64>(0)).await?;
    found.first().map(|n| n.cast_unsigned()).ok_or_else(|| StoreError::Broken("event_head has no row".into()))
}

/// Open attempts whose time has come, the longest due first.
pub(super) async fn due(readers: &Readers, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
    let sql = format!(
        "SELECT {} FROM attempts AS t WHERE t.due IS NOT NULL AND t.due <= $1 ORDER BY t.due, t.id LIMIT $2",
        table(Kind::Attempt).columns
    );
    let call = Call::new(&sql, vec![Box::new(now.0), Box::new(i64::from(limit))]);
    rows(readers, Length::Long, &call, |row| record(Kind::Attempt, row, 0)).await
}

/// Runs a statement and reads its rows.
pub(super) async fn rows<T>(
    readers: &Readers,
    length: Length,
    call: &Call<'_>,
    read: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, StoreError> {
    let rows = readers.query(length, call).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| failed(&error))
}

/// All rows, or the error that one makes no sense.
fn whole<T>(rows: Vec<Option<T>>, what: &str) -> Result<Vec<T>, StoreError> {
    let all: Option<Vec<T>> = rows.into_iter().collect();
    all.ok_or_else(|| StoreError::Broken(what.to_owned()))
}

/// A position to begin after; nothing is beyond the largest that PostgreSQL knows.
fn position(after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX)
}
