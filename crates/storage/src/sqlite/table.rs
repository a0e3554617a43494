//! The five tables of records: their statements, and how a row becomes a record.

use std::sync::LazyLock;

use digota_core::port::store::{Keys, Kind, Record};
use digota_core::time::Timestamp;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::Row;
use uuid::Uuid;

/// A table and its statements.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// Its key columns, as a select list of two.
    pub(super) keys: String,
    /// Whether there is a record `?1`.
    pub(super) exists: String,
    /// `version, <two keys>` of record `?1`.
    pub(super) version: String,
    /// Record `?1` in the columns of [`record`].
    pub(super) by_id: String,
    /// The record of row `?1` in the columns of [`record`].
    pub(super) by_row: String,
    /// Takes [`values`].
    pub(super) insert: String,
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
            Table::new("attempts", &["subject", "due"]),
        ]
    });
    &TABLES[kind as usize]
}

impl Table {
    fn new(name: &'static str, keys: &[&str]) -> Self {
        let columns = keys.join(", ");
        let selected = if keys.len() == 1 { format!("{columns}, NULL") } else { columns.clone() };
        let (slots, sets) = match keys {
            [one] => ("?5".to_owned(), format!("{one} = ?5")),
            [one, two] => ("?5, ?6".to_owned(), format!("{one} = ?5, {two} = ?6")),
            _ => unreachable!("a record has one key or two"),
        };
        let version = format!("SELECT version, {selected} FROM {name} WHERE id = ?1");
        let select = format!("SELECT id, version, created, updated, {selected}, body FROM {name}");
        Self {
            name,
            keys: selected,
            exists: format!("SELECT 1 FROM {name} WHERE id = ?1"),
            version,
            by_id: format!("{select} WHERE id = ?1"),
            by_row: format!("{select} WHERE rowid = ?1"),
            insert: format!(
                "INSERT INTO {name} (id, version, created, updated, {columns}, body) VALUES (?1, ?2, ?3, ?4, {slots}, ?7)"
            ),
            replace: format!("UPDATE {name} SET version = ?2, updated = ?4, {sets}, body = ?7 WHERE id = ?1"),
            touch: format!("UPDATE {name} SET version = ?2, updated = ?4, body = ?7 WHERE id = ?1"),
            delete: format!("DELETE FROM {name} WHERE id = ?1"),
        }
    }
}

/// What the statements that write a record take.
pub(super) fn values(record: &Record) -> [ToSqlOutput<'_>; 7] {
    let [one, two] = key_values(&record.keys);
    [
        blob(&record.id),
        integer(record.version.cast_signed()),
        integer(record.created.0),
        integer(record.updated.0),
        one,
        two,
        text(&record.body),
    ]
}

/// Reads `id, version, created, updated, <two keys>, body`.
pub(super) fn record(kind: Kind, row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: row.get(0)?,
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        created: Timestamp(row.get(2)?),
        updated: Timestamp(row.get(3)?),
        keys: keys(kind, row, 4)?,
        body: row.get(6)?,
    })
}

/// Reads the two key columns that begin at `at`.
pub(super) fn keys(kind: Kind, row: &Row<'_>, at: usize) -> rusqlite::Result<Keys> {
    Ok(match kind {
        Kind::Product => Keys::Product { active: row.get(at)? },
        Kind::Sku => Keys::Sku { parent: row.get(at)?, active: row.get(at + 1)? },
        Kind::Order => Keys::Order { status: row.get(at)?, email: row.get(at + 1)? },
        Kind::Charge => Keys::Charge { order: row.get(at)?, status: row.get(at + 1)? },
        Kind::Attempt => Keys::Attempt { subject: row.get(at)?, due: row.get::<_, Option<i64>>(at + 1)?.map(Timestamp) },
    })
}

/// The error of a column that holds something that can't be there.
pub(super) fn senseless(at: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, what.to_owned().into())
}

fn key_values(keys: &Keys) -> [ToSqlOutput<'_>; 2] {
    match keys {
        Keys::Product { active } => [integer(i64::from(*active)), NULL],
        Keys::Sku { parent, active } => [blob(parent), integer(i64::from(*active))],
        Keys::Order { status, email } => [integer(i64::from(*status)), text(email)],
        Keys::Charge { order, status } => [order.as_ref().map_or(NULL, blob), integer(i64::from(*status))],
        Keys::Attempt { subject, due } => [blob(subject), due.map_or(NULL, |due| integer(due.0))],
    }
}

const NULL: ToSqlOutput<'static> = ToSqlOutput::Borrowed(ValueRef::Null);

fn blob(id: &Uuid) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes()))
}

fn integer(n: i64) -> ToSqlOutput<'static> {
    ToSqlOutput::Borrowed(ValueRef::Integer(n))
}

fn text(text: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
}
