//! Brings a file to the schema of this digota.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;
use crate::Schema;

/// One script per schema version, each run once in one transaction. Never edit one that was released: add another.
const SCRIPTS: &[&str] = &[include_str!("schema.sql"), include_str!("schema2.sql")];

/// Says in the file's header that it is ours: "dgta".
const APPLICATION: i32 = 0x6467_7461;

/// Migrates a file that may be written, and refuses one that is not ours or too new.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let Schema { found, .. } = known(connection, path)?;
    for (index, script) in SCRIPTS.iter().enumerate().skip(found) {
        run(connection, script, index + 1).map_err(|source| OpenError::Database { path: path.into(), source })?;
    }
    Ok(())
}

/// Refuses a file that can't be read as it is.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let Schema { found, needed } = known(connection, path)?;
    match found < needed {
        true => Err(OpenError::Older { path: path.into(), found, known: needed }),
        false => Ok(()),
    }
}

/// The schema of a file of ours; refuses one that is not ours or too new.
pub(super) fn known(connection: &Connection, path: &Path) -> Result<Schema, OpenError> {
    let (found, known) = (version(connection, path)?, SCRIPTS.len());
    match found > known {
        true => Err(OpenError::Newer { path: path.into(), found, known }),
        false => Ok(Schema { found, needed: known }),
    }
}

/// The schema version of a file of ours; 0 where it is empty.
fn version(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let read = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let database = |source| OpenError::Database { path: path.into(), source };
    let application = read("PRAGMA application_id").map_err(database)?;
    let objects = read("SELECT count(*) FROM sqlite_schema").map_err(database)?;
    if application != i64::from(APPLICATION) && (application != 0 || objects != 0) {
        return Err(OpenError::Foreign { path: path.into(), why: "another program made it".into() });
    }
    let version = read("PRAGMA user_version").map_err(database)?;
    usize::try_from(version)
        .map_err(|_| OpenError::Foreign { path: path.into(), why: format!("its schema version is {version}") })
}

fn run(connection: &mut Connection, script: &str, version: usize) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(script)?;
    transaction.execute_batch(&views(include_str!("views.sql")))?;
    transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version};"))?;
    transaction.commit()
}

/// Expands `uuid(column)` and `moment(column)`.
fn views(script: &str) -> String {
    let script = expand(script, "uuid(", |column| {
        let part = |from: u8, len: u8| format!("substr(hex({column}), {from}, {len})");
        let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
        format!("iif({column} IS NULL, NULL, lower({}))", parts.join(" || '-' || "))
    });
    expand(&script, "moment(", |column| format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1e6, 'unixepoch')"))
}

fn expand(script: &str, call: &str, expression: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = script;
    while let Some((before, after)) = rest.split_once(call) {
        let (column, behind) = after.split_once(')').expect("every call in views.sql is closed");
        out.push_str(before);
        out.push_str(&expression(column));
        rest = behind;
    }
    out + rest
}
