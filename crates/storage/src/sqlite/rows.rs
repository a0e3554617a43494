//! What batches insert, put off until it can be inserted together.

use std::sync::LazyLock;

use digota_core::event::Event;
use digota_core::port::store::{KeyEntry, KeyScope, Kind, Record};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;
use uuid::Uuid;

use super::insert::Insert;
use super::table::{NULL, blob, integer, maybe_blob, table, text, values};

static OPERATIONS: LazyLock<Insert> = LazyLock::new(|| Insert::new("operations", "id, at, tombstone"));
static MOVEMENTS: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new("movements", "sku, number, kind, on_hand, reserved, reference, step, reason, at")
});
static EVENTS: LazyLock<Insert> =
    LazyLock::new(|| Insert::new("events", "position, id, name, kind, object, version, at, body"));
static KEYS: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new("keys", "principal, method, key, fingerprint, attempt, answer, on_hand, reserved, stock, at")
});

/// Rows that are not in the tables yet. Whoever reads or changes a row that may be among them has them inserted first.
#[derive(Default)]
pub(super) struct Rows<'j> {
    operations: Vec<(Uuid, Timestamp)>,
    movements: Vec<(u64, Movement)>,
    records: [Vec<&'j Record>; Kind::ALL.len()],
    events: Vec<(i64, &'j Event)>,
    claims: Vec<Claim<'j>>,
}

struct Claim<'j> {
    scope: &'j KeyScope,
    entry: &'j KeyEntry,
    /// What the entry tells of stock: as it is after its batch, if it is to tell that.
    stock: Option<Stock>,
    at: Timestamp,
}

impl<'j> Rows<'j> {
    pub(super) fn operation(&mut self, id: Uuid, at: Timestamp) {
        self.operations.push((id, at));
    }

    pub(super) fn movements(&mut self, movements: Vec<(u64, Movement)>) {
        self.movements.extend(movements);
    }

    pub(super) fn record(&mut self, record: &'j Record) {
        self.records[record.keys.kind() as usize].push(record);
    }

    pub(super) fn event(&mut self, position: i64, event: &'j Event) {
        self.events.push((position, event));
    }

    pub(super) fn claim(&mut self, scope: &'j KeyScope, entry: &'j KeyEntry, stock: Option<Stock>, at: Timestamp) {
        self.claims.push(Claim { scope, entry, stock, at });
    }

    /// Whether an operation is among them.
    pub(super) fn have_operation(&self, operation: Uuid) -> bool {
        self.operations.iter().any(|(id, _)| *id == operation)
    }

    /// Whether a record is among them.
    pub(super) fn have_record(&self, kind: Kind, id: Uuid) -> bool {
        self.records[kind as usize].iter().any(|record| record.id == id)
    }

    /// Whether a key is among them.
    pub(super) fn have_key(&self, scope: &KeyScope) -> bool {
        self.claims.iter().any(|claim| claim.scope == scope)
    }

    /// Inserts all of them.
    pub(super) fn insert(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        OPERATIONS.run(connection, &self.operations, |(id, at)| [blob(id), integer(at.0), integer(0)])?;
        MOVEMENTS.run(connection, &self.movements, movement)?;
        for kind in Kind::ALL {
            table(kind).insert.run(connection, &self.records[kind as usize], |record| values(record))?;
        }
        EVENTS.run(connection, &self.events, event)?;
        KEYS.run(connection, &self.claims, claim)?;
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.operations.clear();
        self.movements.clear();
        self.records.iter_mut().for_each(Vec::clear);
        self.events.clear();
        self.claims.clear();
    }
}

fn movement((number, movement): &(u64, Movement)) -> [ToSqlOutput<'_>; 9] {
    let Movement { sku, kind, on_hand, reserved, reference, reason, at } = movement;
    [
        blob(sku),
        integer(number.cast_signed()),
        integer(kind.number().into()),
        integer(*on_hand),
        integer(*reserved),
        maybe_blob(reference.as_ref()),
        kind.step().map_or(NULL, |step| integer(step.into())),
        text(reason),
        integer(at.0),
    ]
}

fn event<'e>((position, event): &'e (i64, &Event)) -> [ToSqlOutput<'e>; 8] {
    let Event { id, name, kind, object, version, at, body } = event;
    [
        integer(*position),
        blob(id),
        text(name),
        text(kind.name()),
        blob(object),
        integer(version.cast_signed()),
        integer(at.0),
        text(body),
    ]
}

fn claim<'c>(claim: &'c Claim<'_>) -> [ToSqlOutput<'c>; 10] {
    let Claim { scope: KeyScope { principal, method, key }, entry, stock, at } = claim;
    let KeyEntry { fingerprint, attempt, answer, .. } = entry;
    let of_stock = |part: fn(&Stock) -> i64| stock.as_ref().map_or(NULL, |stock| integer(part(stock)));
    [
        text(principal),
        text(method),
        text(key),
        text(fingerprint),
        maybe_blob(attempt.as_ref()),
        answer.as_deref().map_or(NULL, text),
        of_stock(|stock| stock.on_hand),
        of_stock(|stock| stock.reserved),
        of_stock(|stock| stock.version.cast_signed()),
        integer(at.0),
    ]
}
