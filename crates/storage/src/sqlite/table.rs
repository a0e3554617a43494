//! The five tables of records: their statements, and how a row becomes a record.

use std::sync::LazyLock;

use digota_core::port::store::{Concern, Keys, Kind, Record};
use digota_core::time::Timestamp;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::Row;
use uuid::Uuid;

use super::insert::Insert;

/// The most key columns that a table has.
const KEYS: usize = 3;

/// A table and its statements.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// Its key columns, as a select list of three.
    pub(super) keys: String,
    /// Whether there is a record `?1`.
    pub(super) exists: String,
    /// `version, <three keys>` of record `?1`.
    pub(super) version: String,
    /// Record `?1` in the columns of [`record`].
    pub(super) by_id: String,
    /// The record of row `?1` in the columns of [`record`].
    pub(super) by_row: String,
    /// Takes [`values`].
    pub(super) insert: Insert,
    /// Takes [`values`].
    pub(super) replace: String,
    /// Like `replace`, where no key changed; takes [`values`].
    pub(super) touch: String,
    /// Deletes record `?1`.
    pub(super) delete: String,
}

/// The table of a kind.
pub(super) fn table(kind: Kind) -> &'static Table {
    static TABLES: LazyLock<[Table; 5]> = LazyLock::new(|| {
        [
            Table::new("products", &["active"]),
            Table::new("skus", &["parent", "active"]),
            Table::new("orders", &["status", "email"]),
            Table::new("charges", &["order_id", "status"]),
            Table::new("attempts", &["subject", "due", "concern"]),
        ]
    });
    &TABLES[kind as usize]
}

impl Table {
    fn new(name: &'static str, keys: &[&str]) -> Self {
        let columns = keys.join(", ");
        let padding = ["NULL"; KEYS].into_iter().skip(keys.len());
        let selected = keys.iter().copied().chain(padding).collect::<Vec<_>>().join(", ");
        let slot = |at: usize| format!("?{}", at + 5);
        let set = |(at, key): (usize, &&str)| format!("{key} = {}", slot(at));
        let sets = keys.iter().enumerate().map(set).collect::<Vec<_>>().join(", ");
        let one = "id = ?1 AND version = ?2 - 1";
        let version = format!("SELECT version, {selected} FROM {name} WHERE id = ?1");
        let select = format!("SELECT id, version, created, updated, {selected}, body FROM {name}");
        Self {
            name,
            keys: selected,
            exists: format!("SELECT 1 FROM {name} WHERE id = ?1"),
            version,
            by_id: format!("{select} WHERE id = ?1"),
            by_row: format!("{select} WHERE rowid = ?1"),
            insert: Insert::some(
                name,
                &format!("id, version, created, updated, {columns}, body"),
                &[1, 2, 3, 4].into_iter().chain(5..5 + keys.len()).chain([8]).collect::<Vec<_>>(),
                5 + KEYS,
            ),
            replace: format!("UPDATE {name} SET version = ?2, updated = ?4, {sets}, body = ?8 WHERE {one}"),
            touch: format!("UPDATE {name} SET version = ?2, updated = ?4, body = ?8 WHERE {one}"),
            delete: format!("DELETE FROM {name} WHERE id = ?1"),
        }
    }
}

/// What the statements that write a record take.
pub(super) fn values(record: &Record) -> [ToSqlOutput<'_>; 5 + KEYS] {
    let [one, two, three] = key_values(&record.keys);
    [
        blob(&record.id),
        integer(record.version.cast_signed()),
        integer(record.created.0),
        integer(record.updated.0),
        one,
        two,
        three,
        text(&record.body),
    ]
}

/// Reads `id, version, created, updated, <three keys>, body`.
pub(super) fn record(kind: Kind, row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: row.get(0)?,
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        created: Timestamp(row.get(2)?),
        updated: Timestamp(row.get(3)?),
        keys: keys(kind, row, 4)?,
        body: row.get(4 + KEYS)?,
    })
}

/// Reads the key columns that begin at `at`.
pub(super) fn keys(kind: Kind, row: &Row<'_>, at: usize) -> rusqlite::Result<Keys> {
    Ok(match kind {
        Kind::Product => Keys::Product { active: row.get(at)? },
        Kind::Sku => Keys::Sku { parent: row.get(at)?, active: row.get(at + 1)? },
        Kind::Order => Keys::Order { status: row.get(at)?, email: row.get(at + 1)? },
        Kind::Charge => Keys::Charge { order: row.get(at)?, status: row.get(at + 1)? },
        Kind::Attempt => Keys::Attempt {
            subject: row.get(at)?,
            due: row.get::<_, Option<i64>>(at + 1)?.map(Timestamp),
            concern: concern(row, at + 2)?,
        },
    })
}

fn concern(row: &Row<'_>, at: usize) -> rusqlite::Result<Concern> {
    let number: usize = row.get::<_, u8>(at)?.into();
    Concern::ALL.get(number).copied().ok_or_else(|| senseless(at, "no such concern"))
}

/// The error of a column that holds something that can't be there.
pub(super) fn senseless(at: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, what.to_owned().into())
}

fn key_values(keys: &Keys) -> [ToSqlOutput<'_>; KEYS] {
    match keys {
        Keys::Product { active } => [integer(i64::from(*active)), NULL, NULL],
        Keys::Sku { parent, active } => [blob(parent), integer(i64::from(*active)), NULL],
        Keys::Order { status, email } => [integer(i64::from(*status)), text(email), NULL],
        Keys::Charge { order, status } => {
            [maybe_blob(order.as_ref()), integer(i64::from(*status)), NULL]
        }
        Keys::Attempt { subject, due, concern } => {
            [blob(subject), due.map_or(NULL, |due| integer(due.0)), integer(*concern as i64)]
        }
    }
}

pub(super) const NULL: ToSqlOutput<'static> = ToSqlOutput::Borrowed(ValueRef::Null);

pub(super) fn blob(id: &Uuid) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes()))
}

pub(super) fn maybe_blob(id: Option<&Uuid>) -> ToSqlOutput<'_> {
    id.map_or(NULL, blob)
}

pub(super) fn integer(n: i64) -> ToSqlOutput<'static> {
    ToSqlOutput::Borrowed(ValueRef::Integer(n))
}

pub(super) fn text(text: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
}
