//! A PostgreSQL database, asked through psql: a row is a line of JSON.

use anyhow::{Context, Error, Result};
use digota_oracle::Books;
use digota_oracle::books::{Event, Key, Movement, MovementKind, Scope, Stock};
use digota_servers::Postgres;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{OpenAttempt, TABLES};

/// Reads everything in a database.
pub(super) fn read(server: &Postgres, database: &str) -> Result<Books> {
    let ask = Ask { server, database };
    let mut books = Books { whole: true, ..Books::default() };
    for (noun, table) in TABLES {
        let documents: Vec<Document> = ask.rows(&format!("SELECT id, body::text AS body FROM {table}"))?;
        for Document { id, body } in documents {
            books.add(noun, id, &body)?;
        }
    }
    let stock: Vec<StockRow> = ask.rows("SELECT sku, on_hand, reserved, version FROM stock")?;
    books.stock.extend(
        stock.into_iter().map(|row| {
            (row.sku, Stock { on_hand: row.on_hand, reserved: row.reserved, version: row.version })
        }),
    );
    let movements: Vec<MovementRow> = ask
        .rows("SELECT sku, number, kind, on_hand, reserved, reference FROM movements ORDER BY sku, number")?;
    for row in movements {
        books.movements.entry(row.sku).or_default().push(row.movement()?);
    }
    let events = "SELECT position, id, name, kind, object, version, at, body::text AS body FROM events ORDER BY position";
    books.events = ask.rows::<EventRow>(events)?.into_iter().map(EventRow::event).collect();
    let keys: Vec<KeyRow> =
        ask.rows("SELECT principal, method, key, fingerprint, attempt, answer FROM keys")?;
    books.keys = keys.into_iter().map(KeyRow::key).collect::<Result<_>>()?;
    Ok(books)
}

/// The attempts that are open in a database.
pub(super) fn open_attempts(server: &Postgres, database: &str) -> Result<Vec<OpenAttempt>> {
    Ask { server, database }.rows("SELECT id, body ->> 'owner' AS owner FROM attempts WHERE due IS NOT NULL")
}

/// The position of the last event in a database.
pub(super) fn last_event(server: &Postgres, database: &str) -> Result<i64> {
    Ask { server, database }.number("SELECT coalesce(max(position), 0) AS number FROM events")
}

/// The schema of a database.
pub(super) fn schema(server: &Postgres, database: &str) -> Result<i64> {
    Ask { server, database }.number("SELECT version AS number FROM digota_schema")
}

/// How many attempts of a database are not marked as their documents say.
pub(super) fn wrong_marks(server: &Postgres, database: &str) -> Result<usize> {
    let sql = "SELECT count(*) AS number FROM attempts WHERE concern <> CASE WHEN body ->> 'state' = 'unknown' THEN 1
        WHEN due IS NULL AND (body ->> 'review')::boolean THEN 2 ELSE 0 END";
    Ok(usize::try_from(Ask { server, database }.number(sql)?)?)
}

struct Ask<'a> {
    server: &'a Postgres,
    database: &'a str,
}

impl Ask<'_> {
    fn number(&self, sql: &str) -> Result<i64> {
        let rows: Vec<Number> = self.rows(sql)?;
        Ok(rows.first().context("no answer")?.number)
    }

    fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>> {
        let sql = format!("SELECT row_to_json(t) FROM ({sql}) AS t");
        let text = self.server.sql(self.database, &sql).map_err(Error::msg)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

#[derive(Deserialize)]
struct Number {
    number: i64,
}

#[derive(Deserialize)]
struct Document {
    id: Uuid,
    body: String,
}

#[derive(Deserialize)]
struct StockRow {
    sku: Uuid,
    on_hand: i64,
    reserved: i64,
    version: i64,
}

#[derive(Deserialize)]
struct MovementRow {
    sku: Uuid,
    number: i64,
    kind: i64,
    on_hand: i64,
    reserved: i64,
    reference: Option<Uuid>,
}

impl MovementRow {
    fn movement(&self) -> Result<Movement> {
        let kind = MovementKind::from_number(self.kind)
            .with_context(|| format!("a movement of kind {}", self.kind))?;
        let MovementRow { number, on_hand, reserved, reference, .. } = *self;
        Ok(Movement { number, kind, on_hand, reserved, reference })
    }
}

#[derive(Deserialize)]
struct EventRow {
    position: i64,
    id: Uuid,
    name: String,
    kind: String,
    object: Uuid,
    version: i64,
    at: i64,
    body: String,
}

impl EventRow {
    fn event(self) -> Event {
        let EventRow { position, id, name, kind, object, version, at, body } = self;
        Event { position, id, name, kind, object, version, at, body }
    }
}

#[derive(Deserialize)]
struct KeyRow {
    principal: String,
    method: String,
    key: String,
    fingerprint: String,
    attempt: Option<Uuid>,
    answer: Option<String>,
}

impl KeyRow {
    fn key(self) -> Result<Key> {
        let KeyRow { principal, method, key, fingerprint, attempt, answer } = self;
        let answer = answer.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(Key { scope: Scope { principal, method, key }, fingerprint, attempt, answer })
    }
}
