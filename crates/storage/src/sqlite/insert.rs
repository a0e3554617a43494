//! INSERTs of many rows: one statement of many rows takes half the time of as many statements.
//!
//! One that fails leaves the rows before the one that it failed on, and must be followed by a rollback. So SQLite need not keep
//! what every page was before the statement.

use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;

/// The rows that a statement inserts: each twice as many as the next, so that any number takes few of them.
const SIZES: [usize; 6] = [32, 16, 8, 4, 2, 1];

/// An INSERT into one table, for any number of rows.
pub(super) struct Insert([String; SIZES.len()]);

impl Insert {
    /// Into these columns of a table.
    pub(super) fn new(table: &str, columns: &str) -> Self {
        let all: Vec<usize> = (1..=columns.split(',').count()).collect();
        Self::some(table, columns, &all, all.len())
    }

    /// Into these columns of a table: each the value at its slot among `width` that a row has, counted from 1.
    pub(super) fn some(table: &str, columns: &str, slots: &[usize], width: usize) -> Self {
        let row = |at: usize| {
            let slots: Vec<_> = slots.iter().map(|slot| format!("?{}", at * width + slot)).collect();
            format!("({})", slots.join(", "))
        };
        Self(SIZES.map(|size| {
            let rows: Vec<_> = (0..size).map(row).collect();
            format!("INSERT OR FAIL INTO {table} ({columns}) VALUES {}", rows.join(", "))
        }))
    }

    /// Does this with a row that is there already.
    pub(super) fn or(self, on_conflict: &str) -> Self {
        Self(self.0.map(|sql| format!("{sql} {on_conflict}")))
    }

    /// Inserts all of these.
    pub(super) fn run<T, const WIDTH: usize>(
        &self,
        connection: &Connection,
        mut rows: &[T],
        values: fn(&T) -> [ToSqlOutput<'_>; WIDTH],
    ) -> rusqlite::Result<()> {
        for (size, sql) in SIZES.iter().zip(&self.0) {
            while let Some((some, rest)) = rows.split_at_checked(*size) {
                let mut statement = connection.prepare_cached(sql)?;
                for (at, value) in some.iter().flat_map(values).enumerate() {
                    statement.raw_bind_parameter(at + 1, value)?;
                }
                statement.raw_execute()?;
                rows = rest;
                if rows.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_inserted_in_order() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER, c INTEGER)").unwrap();
        let insert = Insert::some("t", "a, c", &[1, 3], 3);
        for count in [0, 1, 2, 3, 31, 32, 33, 63, 64, 127, 128, 200] {
            let rows: Vec<i64> = (0..count).collect();
            insert.run(&connection, &rows, |n| [(*n).into(), 7.into(), (-n).into()]).unwrap();
            let mut read = connection.prepare("SELECT a, c FROM t ORDER BY rowid").unwrap();
            let read = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let read: Vec<(i64, i64)> = read.collect::<Result<_, _>>().unwrap();
            assert_eq!(read, rows.iter().map(|n| (*n, -n)).collect::<Vec<_>>(), "{count}");
            connection.execute("DELETE FROM t", []).unwrap();
        }
    }

    #[test]
    fn what_a_failed_insert_leaves_goes_with_a_savepoint_and_with_the_transaction() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER UNIQUE)").unwrap();
        let count = || connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
        let insert = Insert::new("t", "a");
        let fails = |rows: &[i64]| insert.run(&connection, rows, |n| [(*n).into()]).is_err();
        connection.execute_batch("BEGIN; SAVEPOINT one").unwrap();
        assert!(fails(&[1, 2, 3, 1]));
        assert_eq!(count(), 3);
        connection.execute_batch("ROLLBACK TO one; RELEASE one").unwrap();
        assert_eq!(count(), 0);
        assert!(fails(&[4, 5, 4, 6]));
        assert_eq!(count(), 2);
        connection.execute_batch("ROLLBACK").unwrap();
        assert_eq!(count(), 0);
    }
}
