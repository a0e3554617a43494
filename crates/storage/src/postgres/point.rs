//! Reads that an index answers at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use digota_core::event::Event;
use digota_core::port::store::{KeyEntry, KeyScope, Kind, Record, StoreError};
use digota_core::stock::{Movement, MovementKind, Stock};
use digota_core::time::Timestamp;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::error::failed;
use super::gather::{Gather, Question};
use super::load;
use super::read::{Length, Readers};
use super::session::Call;
use super::table::{record, table};

/// Records of a kind by their ids, all as of one moment.
struct Records {
    kind: Kind,
    ids: Vec<Uuid>,
}

impl Question for Records {
    type Answer = Vec<Option<Record>>;

    async fn ask(readers: &Readers, all: &[&Self]) -> Result<Vec<Self::Answer>, StoreError> {
        let Some(kind) = all.first().map(|records| records.kind) else { return Ok(vec![]) };
        let mut ids: Vec<Uuid> = all.iter().flat_map(|records| &records.ids).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let call = Call::new(&table(kind).get, vec![Box::new(ids)]);
        let found = together(readers, &call, |row| record(kind, row, 0)).await?;
        let found: HashMap<Uuid, Record> = found.into_iter().map(|record| (record.id, record)).collect();
        let pick = |records: &&Self| records.ids.iter().map(|id| found.get(id).cloned()).collect();
        Ok(all.iter().map(pick).collect())
    }
}

/// A SKU with its stock.
struct Stocked(Uuid);

impl Question for Stocked {
    type Answer = Option<(Record, Option<Stock>)>;

    async fn ask(readers: &Readers, all: &[&Self]) -> Result<Vec<Self::Answer>, StoreError> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let columns = &table(Kind::Sku).columns;
            format!(
                "SELECT {columns}, stock.on_hand, stock.reserved, stock.version
                 FROM skus AS t LEFT JOIN stock ON stock.sku = t.id WHERE t.id = ANY($1)"
            )
        });
        let mut ids: Vec<Uuid> = all.iter().map(|sku| sku.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let read = |row: &Row| Ok((record(Kind::Sku, row, 0)?, stock_if_any(row, 8)?));
        let found = together(readers, &Call::new(&SQL, vec![Box::new(ids)]), read).await?;
        let found: HashMap<Uuid, _> = found.into_iter().map(|found| (found.0.id, found)).collect();
        Ok(all.iter().map(|sku| found.get(&sku.0).cloned()).collect())
    }
}

impl Question for KeyScope {
    type Answer = Option<KeyEntry>;

    async fn ask(readers: &Readers, all: &[&Self]) -> Result<Vec<Self::Answer>, StoreError> {
        let column = |part: fn(&KeyScope) -> &str| -> Vec<&str> { all.iter().map(|scope| part(scope)).collect() };
        // With a limit inside, the planner has no choice but to look each of them up.
        let call = Call::new(
            "SELECT v.n, k.fingerprint, k.attempt, k.answer, k.on_hand, k.reserved, k.stock
             FROM (SELECT unnest($1::text[]) AS principal, unnest($2::text[]) AS method, unnest($3::text[]) AS key,
                          generate_series(1, cardinality($1::text[]))::bigint AS n) AS v,
                  LATERAL (SELECT * FROM keys AS t WHERE t.principal = v.principal AND t.method = v.method
                                                     AND t.key = v.key LIMIT 1) AS k",
            vec![
                Box::new(column(|scope| &scope.principal)),
                Box::new(column(|scope| &scope.method)),
                Box::new(column(|scope| &scope.key)),
            ],
        );
        let read = |row: &Row| {
            let (fingerprint, attempt, answer) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let entry = KeyEntry { fingerprint, attempt, answer, stock: stock_if_any(row, 4)? };
            Ok((row.try_get::<_, i64>(0)?, entry))
        };
        let mut found: HashMap<i64, KeyEntry> = together(readers, &call, read).await?.into_iter().collect();
        Ok((1..).take(all.len()).map(|n| found.remove(&n)).collect())
    }
}

/// The columns `on_hand, reserved, version` from `at`, if there is such a row.
fn stock_if_any(row: &Row, at: usize) -> Result<Option<Stock>, Error> {
    row.try_get::<_, Option<i64>>(at)?.map(|_| load::stock(row, at)).transpose()
}

/// Reads of the few things that everybody asks for, gathered into few statements.
pub(super) struct Desk {
    readers: Arc<Readers>,
    records: [Gather<Records>; Kind::ALL.len()],
    stocked: Gather<Stocked>,
    keys: Gather<KeyScope>,
}

/// The most ids of one question that wait for others.
const FEW: usize = 16;

impl Desk {
    pub(super) fn new(readers: &Arc<Readers>) -> Self {
        Self {
            readers: Arc::clone(readers),
            records: Kind::ALL.map(|_| Gather::new(readers)),
            stocked: Gather::new(readers),
            keys: Gather::new(readers),
        }
    }

    /// The records with these ids, all as of one moment.
    pub(super) async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        let records = Records { kind, ids: ids.to_vec() };
        match ids.len() {
            0 => Ok(vec![]),
            1..=FEW => self.records[kind as usize].ask(records).await,
            _ => {
                let _room = self.readers.enter()?;
                Ok(Records::ask(&self.readers, &[&records]).await?.into_iter().flatten().collect())
            }
        }
    }

    /// A SKU with its stock, as of one moment.
    pub(super) async fn stocked(&self, sku: Uuid) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
        self.stocked.ask(Stocked(sku)).await
    }

    /// What is known of an idempotency key.
    pub(super) async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.keys.ask(scope.clone()).await
    }
}

/// The stock of these SKUs, all as of one moment.
pub(super) async fn stock(readers: &Readers, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
    let sql = "SELECT sku, on_hand, reserved, version FROM stock WHERE sku = ANY($1)";
    let call = Call::new(sql, vec![Box::new(skus)]);
    let read = |row: &Row| Ok((row.try_get(0)?, load::stock(row, 1)?));
    let found: BTreeMap<Uuid, Stock> = rows(readers, Length::Short, &call, read).await?.into_iter().collect();
    Ok(skus.iter().map(|sku| found.get(sku).copied()).collect())
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

/// Runs a statement for readers who have been let in, and reads its rows.
async fn together<T>(
    readers: &Readers,
    call: &Call<'_>,
    read: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, StoreError> {
    let rows = readers.query_for_many(Length::Short, call).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| failed(&error))
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
