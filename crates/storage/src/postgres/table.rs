//! The five tables of records: their statements, and how a row becomes a record.

use std::sync::LazyLock;

use digota_core::port::store::{Concern, Keys, Kind, Record};
use digota_core::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What a statement takes.
pub(super) type Params<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// A table and its statements. Each works on many rows at once.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// The columns of [`record`] of a row called `t`.
    pub(super) columns: String,
    /// `id, version, <three keys>` of the records `$1`, kept from all others until the transaction ends.
    pub(super) lock: String,
    /// The same, kept from those who write.
    pub(super) hold: String,
    /// The records `$1`.
    pub(super) get: String,
    /// Takes [`columns`].
    pub(super) insert: String,
    /// Takes [`columns`].
    pub(super) replace: String,
    /// Deletes the records `$1`.
    pub(super) delete: String,
}

/// The table of a kind.
pub(super) fn table(kind: Kind) -> &'static Table {
    static TABLES: LazyLock<[Table; 5]> = LazyLock::new(|| {
        [
            Table::new("products", &[("active", "boolean")]),
            Table::new("skus", &[("parent", "uuid"), ("active", "boolean")]),
            Table::new("orders", &[("status", "smallint"), ("email", "text")]),
            Table::new("charges", &[("order_id", "uuid"), ("status", "smallint")]),
            Table::new("attempts", &[("subject", "uuid"), ("due", "bigint"), ("concern", "smallint")]),
        ]
    });
    &TABLES[kind as usize]
}

impl Table {
    fn new(name: &'static str, keys: &[(&str, &str)]) -> Self {
        let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
        let columns = names.join(", ");
        // A record has up to three keys: what a kind lacks is read as null.
        let read = |prefix: &str| -> String {
            let names = names.iter().map(|name| format!("{prefix}{name}"));
            names.chain(std::iter::repeat("NULL".to_owned())).take(3).collect::<Vec<_>>().join(", ")
        };
        let (selected, of_t) = (read(""), read("t."));
        let sets: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let slots: Vec<String> =
            keys.iter().zip(5..).map(|((_, sql), n)| format!("unnest(${n}::{sql}[])")).collect();
        let heads = format!("SELECT id, version, {selected} FROM {name} WHERE id = ANY($1) ORDER BY id");
        let insert = format!(
            "INSERT INTO {name} (id, version, created, updated, {columns}, body)
             SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), {},
                    unnest(${}::text[])::json",
            slots.join(", "),
            5 + keys.len()
        );
        let all = format!("t.id, t.version, t.created, t.updated, {of_t}, t.body::text");
        Self {
            name,
            lock: format!("{heads} FOR UPDATE"),
            hold: format!("{heads} FOR SHARE"),
            get: format!("SELECT {all} FROM {name} AS t WHERE t.id = ANY($1)"),
            // Every row is there, and locked: they all conflict. An UPDATE that joins the rows would leave the planner a choice,
            // and what it chooses for a young table is wrong for an old one.
            replace: format!(
                "{insert} ON CONFLICT (id) DO UPDATE SET version = excluded.version, created = excluded.created,
                 updated = excluded.updated, {}, body = excluded.body",
                sets.join(", ")
            ),
            insert,
            delete: format!("DELETE FROM {name} WHERE id = ANY($1)"),
            columns: all,
        }
    }
}

/// What the statements that write records of a kind take: an array for each column.
pub(super) fn columns<'a>(kind: Kind, records: &[&'a Record]) -> Params<'a> {
    let mut all: Params<'a> = vec![
        array(records, |record| record.id),
        array(records, |record| record.version.cast_signed()),
        array(records, |record| record.created.0),
        array(records, |record| record.updated.0),
    ];
    all.extend(key_columns(kind, records));
    all.push(array(records, |record| record.body.as_str()));
    all
}

fn array<'a, T>(records: &[&'a Record], value: impl Fn(&'a Record) -> T) -> Box<dyn ToSql + Sync + Send + 'a>
where
    Vec<T>: ToSql + Sync + Send + 'a,
{
    Box::new(records.iter().map(|record| value(record)).collect::<Vec<T>>())
}

fn key_columns<'a>(kind: Kind, records: &[&'a Record]) -> Params<'a> {
    let other = || -> ! { unreachable!("records are sorted by their kind") };
    match kind {
        Kind::Product => vec![array(records, |record| match record.keys {
            Keys::Product { active } => active,
            _ => other(),
        })],
        Kind::Sku => vec![
            array(records, |record| match record.keys {
                Keys::Sku { parent, .. } => parent,
                _ => other(),
            }),
            array(records, |record| match record.keys {
                Keys::Sku { active, .. } => active,
                _ => other(),
            }),
        ],
        Kind::Order => vec![
            array(records, |record| match record.keys {
                Keys::Order { status, .. } => i16::from(status),
                _ => other(),
            }),
            array(records, |record| match &record.keys {
                Keys::Order { email, .. } => email.as_str(),
                _ => other(),
            }),
        ],
        Kind::Charge => vec![
            array(records, |record| match record.keys {
                Keys::Charge { order, .. } => order,
                _ => other(),
            }),
            array(records, |record| match record.keys {
                Keys::Charge { status, .. } => i16::from(status),
                _ => other(),
            }),
        ],
        Kind::Attempt => vec![
            array(records, |record| match record.keys {
                Keys::Attempt { subject, .. } => subject,
                _ => other(),
            }),
            array(records, |record| match record.keys {
                Keys::Attempt { due, .. } => due.map(|due| due.0),
                _ => other(),
            }),
            array(records, |record| match record.keys {
                Keys::Attempt { concern, .. } => concern as i16,
                _ => other(),
            }),
        ],
    }
}

/// A row that can't be read.
pub(super) type Unreadable = tokio_postgres::Error;

/// Reads `id, version, created, updated, <three keys>, body`, which begin at column `at`.
pub(super) fn record(kind: Kind, row: &Row, at: usize) -> Result<Record, Unreadable> {
    Ok(Record {
        id: row.try_get(at)?,
        version: row.try_get::<_, i64>(at + 1)?.cast_unsigned(),
        created: Timestamp(row.try_get(at + 2)?),
        updated: Timestamp(row.try_get(at + 3)?),
        keys: keys(kind, row, at + 4)?,
        body: row.try_get(at + 7)?,
    })
}

/// Reads the three key columns that begin at `at`.
pub(super) fn keys(kind: Kind, row: &Row, at: usize) -> Result<Keys, Unreadable> {
    // A status that is none would be a hand's work; it stays visible as one that no digota gives.
    let status = |at| row.try_get::<_, i16>(at).map(|status| u8::try_from(status).unwrap_or(u8::MAX));
    Ok(match kind {
        Kind::Product => Keys::Product { active: row.try_get(at)? },
        Kind::Sku => Keys::Sku { parent: row.try_get(at)?, active: row.try_get(at + 1)? },
        Kind::Order => Keys::Order { status: status(at)?, email: row.try_get(at + 1)? },
        Kind::Charge => Keys::Charge { order: row.try_get(at)?, status: status(at + 1)? },
        Kind::Attempt => Keys::Attempt {
            subject: row.try_get(at)?,
            due: row.try_get::<_, Option<i64>>(at + 1)?.map(Timestamp),
            concern: concern(row.try_get(at + 2)?),
        },
    })
}

/// A number that is none would be a hand's work; somebody should look at it.
fn concern(number: i16) -> Concern {
    let known = usize::try_from(number).ok().and_then(|number| Concern::ALL.get(number));
    known.copied().unwrap_or(Concern::Review)
}
