//! A SQLite file.

use std::path::Path;

use anyhow::{Context, Result};
use digota_oracle::Books;
use digota_oracle::books::{Event, Key, Movement, MovementKind, Scope, Stock};
use rusqlite::{Connection, OpenFlags, Row};
use uuid::Uuid;

use super::{OpenAttempt, TABLES};

/// Reads everything in a store's file.
pub(super) fn read(path: &Path) -> Result<Books> {
    let db = open(path)?;
    let mut books = Books { whole: true, ..Books::default() };
    for (noun, table) in TABLES {
        for (id, document) in rows(&db, &format!("SELECT id, body FROM {table}"), document)? {
            books.add(noun, id, &document)?;
        }
    }
    let stock = "SELECT sku, on_hand, reserved, version FROM stock";
    books.stock.extend(rows(&db, stock, |row| {
        Ok((id(row, 0)?, Stock { on_hand: row.get(1)?, reserved: row.get(2)?, version: row.get(3)? }))
    })?);
    let movements =
        "SELECT sku, number, kind, on_hand, reserved, reference FROM movements ORDER BY sku, number";
    for (sku, movement) in rows(&db, movements, movement)? {
        books.movements.entry(sku).or_default().push(movement);
    }
    let events = "SELECT position, id, name, kind, object, version, at, body FROM events ORDER BY position";
    books.events = rows(&db, events, event)?;
    books.keys = rows(&db, "SELECT principal, method, key, fingerprint, attempt, answer FROM keys", key)?;
    Ok(books)
}

/// The attempts that are open in a store's file.
pub(super) fn open_attempts(path: &Path) -> Result<Vec<OpenAttempt>> {
    let sql = "SELECT id, body ->> 'owner' FROM attempts WHERE due IS NOT NULL";
    rows(&open(path)?, sql, |row| {
        Ok(OpenAttempt { id: id(row, 0)?, owner: row.get::<_, String>(1)?.parse()? })
    })
}

/// The position of the last event in a store's file.
pub(super) fn last_event(path: &Path) -> Result<i64> {
    let last = rows(&open(path)?, "SELECT coalesce(max(position), 0) FROM events", |row| Ok(row.get(0)?))?;
    last.first().copied().context("no answer")
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)
        .with_context(|| format!("cannot open {}", path.display()))?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(db)
}

fn rows<T>(db: &Connection, sql: &str, read: impl Fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn id(row: &Row<'_>, column: usize) -> Result<Uuid> {
    Ok(Uuid::from_slice(row.get_ref(column)?.as_blob()?)?)
}

fn id_or_null(row: &Row<'_>, column: usize) -> Result<Option<Uuid>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.map(Uuid::from_slice).transpose()?)
}

fn document(row: &Row<'_>) -> Result<(Uuid, String)> {
    Ok((id(row, 0)?, row.get(1)?))
}

fn movement(row: &Row<'_>) -> Result<(Uuid, Movement)> {
    let kind = row.get(2)?;
    let kind = MovementKind::from_number(kind).with_context(|| format!("a movement of kind {kind}"))?;
    let (on_hand, reserved, reference) = (row.get(3)?, row.get(4)?, id_or_null(row, 5)?);
    Ok((id(row, 0)?, Movement { number: row.get(1)?, kind, on_hand, reserved, reference }))
}

fn event(row: &Row<'_>) -> Result<Event> {
    Ok(Event {
        position: row.get(0)?,
        id: id(row, 1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        object: id(row, 4)?,
        version: row.get(5)?,
        at: row.get(6)?,
        body: row.get(7)?,
    })
}

fn key(row: &Row<'_>) -> Result<Key> {
    let scope = Scope { principal: row.get(0)?, method: row.get(1)?, key: row.get(2)? };
    let answer: Option<String> = row.get(5)?;
    let answer = answer.map(|text| serde_json::from_str(&text)).transpose()?;
    Ok(Key { scope, fingerprint: row.get(3)?, attempt: id_or_null(row, 4)?, answer })
}
