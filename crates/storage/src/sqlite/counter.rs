//! Totals in the file.

use rusqlite::{Connection, OptionalExtension, params};

pub(super) use crate::counter::Counter;

impl Counter {
    /// The total now.
    pub(super) fn read(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut statement = connection.prepare_cached("SELECT n FROM counters WHERE key = ?1")?;
        let n = statement.query_row([self.name()], |row| row.get(0)).optional()?;
        Ok(n.unwrap_or(0))
    }

    /// Changes the total. A total of nothing is not kept.
    pub(super) fn add(&self, connection: &Connection, n: i64) -> rusqlite::Result<()> {
        let name = self.name();
        let mut add = connection.prepare_cached("UPDATE counters SET n = n + ?2 WHERE key = ?1")?;
        if add.execute(params![name, n])? == 0 {
            connection.prepare_cached("INSERT INTO counters (key, n) VALUES (?1, ?2)")?.execute(params![name, n])?;
        } else if n < 0 {
            connection.prepare_cached("DELETE FROM counters WHERE key = ?1 AND n = 0")?.execute([name])?;
        }
        Ok(())
    }
}
