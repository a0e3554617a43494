//! What is asked for again and again: how an unknown commit ended, and to forget what is too old. Statements of their own,
//! beside the writer's transactions and those of other nodes.

use digota_core::port::store::{Horizon, Resolution, StoreError};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::migrate::CATCH_UP;
use super::read::{Length, Readers};
use super::session::Call;

/// The most rows of each kind that one purge drops.
const PURGE_MAX: i64 = 2000;

/// Says how an operation ended; one that did not commit never will.
///
/// The same id is inserted as a tombstone. While a transaction with that id may still commit, the unique index makes this
/// wait; so there is no moment at which both could be true.
pub(super) async fn resolve(readers: &Readers, operation: Uuid) -> Result<Resolution, StoreError> {
    let bury = "INSERT INTO operations (id, at, tombstone)
                VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, true)
                ON CONFLICT (id) DO NOTHING RETURNING true";
    if !readers.query(Length::Short, &Call::new(bury, vec![Box::new(operation)])).await?.is_empty() {
        return Ok(Resolution::Never);
    }
    let look = "SELECT tombstone FROM operations WHERE id = $1";
    let found = readers.query(Length::Short, &Call::new(look, vec![Box::new(operation)])).await?;
    let tombstone = found.first().map(|row| row.try_get::<_, bool>(0)).transpose();
    match tombstone.map_err(|error| super::error::failed(&error))? {
        Some(true) => Ok(Resolution::Never),
        Some(false) => Ok(Resolution::Committed),
        None => Err(StoreError::Unavailable("the operation was forgotten at this moment".into())),
    }
}

/// Drops what is too old, the oldest first, and makes good what nodes of an earlier schema left behind. Several nodes may do so
/// at once.
pub(super) async fn purge(readers: &Readers, before: &Horizon) -> Result<u64, StoreError> {
    readers.query(Length::Long, &Call::new(CATCH_UP, vec![])).await?;
    let operations = "DELETE FROM operations WHERE id IN (
             SELECT id FROM operations WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
         ) RETURNING 1";
    let keys = "DELETE FROM keys AS t USING (
             SELECT principal, method, key FROM keys WHERE at < $1 AND NOT EXISTS (
                 SELECT 1 FROM attempts WHERE attempts.id = keys.attempt AND attempts.due IS NOT NULL
             ) ORDER BY at LIMIT $2 FOR UPDATE OF keys SKIP LOCKED
         ) AS old WHERE t.principal = old.principal AND t.method = old.method AND t.key = old.key RETURNING 1";
    // Up to the first that is young enough, so that what is left has no gap. None is skipped, for the same reason.
    let events = "WITH oldest AS (SELECT position, at FROM events ORDER BY position LIMIT $2)
         DELETE FROM events WHERE position IN (SELECT position FROM oldest) AND position < coalesce(
             (SELECT min(position) FROM oldest WHERE at >= $1), 9223372036854775807
         ) RETURNING 1";
    let (operations, keys) =
        (drop(readers, operations, before.operations).await?, drop(readers, keys, before.keys).await?);
    let events = match before.events {
        Some(before) => drop(readers, events, before).await?,
        None => 0,
    };
    Ok(operations + keys + events)
}

async fn drop(readers: &Readers, sql: &str, before: Timestamp) -> Result<u64, StoreError> {
    let call = Call::new(sql, vec![Box::new(before.0), Box::new(PURGE_MAX)]);
    Ok(readers.query(Length::Long, &call).await?.len() as u64)
}
