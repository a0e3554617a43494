//! What the store holds, read from its file without the store's code.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, Row};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// The whole store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) orders: BTreeMap<Uuid, Order>,
    pub(crate) charges: BTreeMap<Uuid, Charge>,
    pub(crate) attempts: BTreeMap<Uuid, Attempt>,
    /// Attempts that the store would look at again.
    pub(crate) due: Vec<Uuid>,
    pub(crate) stock: BTreeMap<Uuid, Stock>,
    /// By SKU and number.
    pub(crate) movements: Vec<Movement>,
    /// By position.
    pub(crate) events: Vec<Event>,
    pub(crate) keys: Vec<Key>,
    /// Kind, id and version of every record that has events.
    pub(crate) versions: Vec<(String, Uuid, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Order {
    pub(crate) money: Money,
    pub(crate) lines: Vec<Line>,
    pub(crate) charge: Option<Uuid>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) refunded: i64,
    pub(crate) open_attempt: Option<Uuid>,
    pub(crate) pending_charge: Option<Uuid>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: Option<Uuid>,
    pub(crate) quantity: i64,
    #[serde(default)]
    pub(crate) returned: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Charge {
    pub(crate) money: Money,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) provider_charge_id: String,
    pub(crate) order: Option<Uuid>,
    #[serde(default)]
    pub(crate) refunded: i64,
    #[serde(default)]
    pub(crate) pending_refund: i64,
    #[serde(default)]
    pub(crate) refunds: Vec<Refund>,
    pub(crate) open_attempt: Option<Uuid>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: Uuid,
    pub(crate) amount: i64,
    pub(crate) status: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) op: String,
    /// `"pay"`, or an object with the refund that it makes.
    pub(crate) effect: Value,
    pub(crate) charge: Uuid,
    pub(crate) order: Option<Uuid>,
    pub(crate) money: Money,
    pub(crate) client_key: Option<ClientKey>,
    pub(crate) state: String,
    /// How often its outcome was not known after a look.
    #[serde(default)]
    pub(crate) checks: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ClientKey {
    pub(crate) key: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Stock {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) version: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Movement {
    pub(crate) sku: Uuid,
    pub(crate) number: i64,
    /// 0 adjust, 1 reserve, 2 consume, 3 release, 4 return.
    pub(crate) kind: i64,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) reference: Option<Uuid>,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) position: i64,
    pub(crate) kind: String,
    pub(crate) object: Uuid,
    pub(crate) version: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) key: String,
    /// The answer that is kept: `{"Ok": …}` or `{"Err": …}`.
    pub(crate) answer: Option<Value>,
}

impl Attempt {
    /// Whether its outcome is known for good.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "declined" | "not_executed")
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.state == "succeeded"
    }

    /// The entry in the charge's list of refunds that it makes.
    pub(crate) fn refund(&self) -> Option<Uuid> {
        let effect = self.effect.get("refund").or_else(|| self.effect.get("return"))?;
        Uuid::try_parse(effect.get("refund")?.as_str()?).ok()
    }
}

impl Books {
    /// Reads the store in this file.
    pub(crate) fn read(path: &Path) -> Result<Books> {
        let db = open(path)?;
        let mut versions = Vec::new();
        for (kind, table) in
            [("product", "products"), ("sku", "skus"), ("order", "orders"), ("charge", "charges")]
        {
            let sql = format!("SELECT id, version FROM {table}");
            versions.extend(rows(&db, &sql, |row| Ok((kind.to_owned(), id(row, 0)?, row.get(1)?)))?);
        }
        Ok(Books {
            orders: documents(&db, "orders")?,
            charges: documents(&db, "charges")?,
            attempts: documents(&db, "attempts")?,
            due: due(&db)?,
            stock: stock(&db)?.into_iter().collect(),
            movements: movements(&db)?,
            events: events(&db)?,
            keys: keys(&db)?,
            versions,
        })
    }

    /// The attempts that are open in the store in this file.
    pub(crate) fn open_attempts(path: &Path) -> Result<Vec<Uuid>> {
        due(&open(path)?)
    }
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

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).with_context(|| format!("not understood: {text}"))
}

fn documents<T: DeserializeOwned>(db: &Connection, table: &str) -> Result<BTreeMap<Uuid, T>> {
    let sql = format!("SELECT id, body FROM {table}");
    Ok(rows(db, &sql, |row| Ok((id(row, 0)?, json(row, 1)?)))?.into_iter().collect())
}

fn due(db: &Connection) -> Result<Vec<Uuid>> {
    rows(db, "SELECT id FROM attempts WHERE due IS NOT NULL", |row| id(row, 0))
}

fn stock(db: &Connection) -> Result<Vec<(Uuid, Stock)>> {
    rows(db, "SELECT sku, on_hand, reserved, version FROM stock", |row| {
        Ok((id(row, 0)?, Stock { on_hand: row.get(1)?, reserved: row.get(2)?, version: row.get(3)? }))
    })
}

fn movements(db: &Connection) -> Result<Vec<Movement>> {
    let sql = "SELECT sku, number, kind, on_hand, reserved, reference FROM movements ORDER BY sku, number";
    rows(db, sql, |row| {
        let reference = row.get_ref(5)?.as_blob_or_null()?.map(Uuid::from_slice).transpose()?;
        Ok(Movement {
            sku: id(row, 0)?,
            number: row.get(1)?,
            kind: row.get(2)?,
            on_hand: row.get(3)?,
            reserved: row.get(4)?,
            reference,
        })
    })
}

fn events(db: &Connection) -> Result<Vec<Event>> {
    rows(db, "SELECT position, kind, object, version FROM events ORDER BY position", |row| {
        Ok(Event { position: row.get(0)?, kind: row.get(1)?, object: id(row, 2)?, version: row.get(3)? })
    })
}

fn keys(db: &Connection) -> Result<Vec<Key>> {
    rows(db, "SELECT key, answer FROM keys", |row| {
        let answer: Option<String> = row.get(1)?;
        let answer = answer.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(Key { key: row.get(0)?, answer })
    })
}
