//! What the batches of one transaction have in common: each stock and each counter is written once for all of them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use digota_core::stock::Stock;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::counter::Counter;
use super::error::Fault;
use super::insert::Insert;
use super::known::Known;
use super::table::{blob, integer};
use crate::ledger::Books;

static STOCK: LazyLock<Insert> = LazyLock::new(|| {
    Insert::new("stock", "sku, on_hand, reserved, version").or(
        "ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved, version = excluded.version",
    )
});

/// A transaction under way, with what it has not written yet.
pub(super) struct Group<'c> {
    pub(super) connection: &'c Connection,
    pub(super) known: &'c mut Known,
    /// Whether what the unique indexes guard is looked up first, to name it. Else only a failed statement tells.
    pub(super) is_careful: bool,
    stock: BTreeMap<Uuid, Stock>,
    counters: BTreeMap<Counter, i64>,
    last_event: Option<i64>,
}

impl<'c> Group<'c> {
    /// For batches that hardly ever meet what is there already.
    pub(super) fn new(connection: &'c Connection, known: &'c mut Known) -> Self {
        let (stock, counters) = (BTreeMap::new(), BTreeMap::new());
        Self { connection, known, is_careful: false, stock, counters, last_event: None }
    }

    /// For batches of which one did.
    pub(super) fn careful(connection: &'c Connection, known: &'c mut Known) -> Self {
        Self { is_careful: true, ..Self::new(connection, known) }
    }

    /// The stock of a SKU after the batches before.
    pub(super) fn stock(&self, sku: Uuid) -> rusqlite::Result<Option<Stock>> {
        match self.stock.get(&sku).copied().or_else(|| self.known.stock(sku)) {
            Some(stock) => Ok(Some(stock)),
            None => stored_stock(self.connection, sku),
        }
    }

    /// Changes the stock of a SKU.
    pub(super) fn set_stock(&mut self, sku: Uuid, stock: Stock) {
        self.stock.insert(sku, stock);
    }

    /// A total after the batches before.
    pub(super) fn total(&self, counter: &Counter) -> rusqlite::Result<i64> {
        Ok(counter.read(self.connection)? + self.counters.get(counter).copied().unwrap_or(0))
    }

    /// Changes a total.
    pub(super) fn add(&mut self, counter: Counter, n: i64) {
        *self.counters.entry(counter).or_default() += n;
    }

    /// The position of the next event.
    pub(super) fn next_position(&mut self) -> rusqlite::Result<i64> {
        let last = match self.last_event {
            Some(last) => last,
            None => self.total(&Counter::Event)?,
        };
        self.last_event = Some(last + 1);
        self.add(Counter::Event, 1);
        Ok(last + 1)
    }

    /// Writes what is left to write.
    pub(super) fn flush(self) -> rusqlite::Result<()> {
        let stock: Vec<_> = self.stock.into_iter().collect();
        STOCK.run(self.connection, &stock, stock_values)?;
        stock.into_iter().for_each(|(sku, stock)| self.known.keep_stock(sku, stock));
        let changed = self.counters.into_iter().filter(|(_, n)| *n != 0);
        for (counter, n) in changed {
            counter.add(self.connection, n)?;
        }
        self.known.trim();
        Ok(())
    }
}

impl Books for Group<'_> {
    type Fault = Fault;

    fn stock(&self, sku: Uuid) -> Result<Option<Stock>, Fault> {
        Ok(Group::stock(self, sku)?)
    }

    /// Looked up by a careful group only: else the unique index says so.
    fn was_taken(&self, reference: Uuid, sku: Uuid, step: u8) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM movements WHERE reference = ?1 AND sku = ?2 AND step = ?3";
        Ok(self.is_careful && self.connection.prepare_cached(sql)?.exists(params![reference, sku, step])?)
    }
}

fn stock_values((sku, stock): &(Uuid, Stock)) -> [ToSqlOutput<'_>; 4] {
    [blob(sku), integer(stock.on_hand), integer(stock.reserved), integer(stock.version.cast_signed())]
}

/// The stock of a SKU as it is in the table.
pub(super) fn stored_stock(connection: &Connection, sku: Uuid) -> rusqlite::Result<Option<Stock>> {
    connection
        .prepare_cached("SELECT on_hand, reserved, version FROM stock WHERE sku = ?1")?
        .query_row([sku], |row| {
            let version: i64 = row.get(2)?;
            Ok(Stock { on_hand: row.get(0)?, reserved: row.get(1)?, version: version.cast_unsigned() })
        })
        .optional()
}
