//! A look at a shop's file that changes nothing, also while a digota writes to it.

use std::path::Path;

use digota_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::error::OpenError;
use super::{connect, file, migrate};
use crate::Look;

/// What is there.
///
/// # Errors
/// Where the folder is missing, or what is there is no shop that this digota can use.
pub(super) fn look(path: &Path) -> Result<Look, OpenError> {
    let path = file::resolve(path)?;
    let holder = file::holder(&path)?;
    file::insist_on_a_shop(&path)?;
    let is_new = std::fs::metadata(&path).map_or(true, |file| file.len() == 0);
    let mut look = Look { is_new, holder, file: Some(path.clone()), ..Look::default() };
    if is_new {
        return Ok(look);
    }
    let database = |source| OpenError::Database { path: path.clone(), source };
    let connection = connect::reader(&path).map_err(database)?;
    match migrate::check(&connection, &path) {
        Ok(()) => look.newest = newest(&connection).map_err(database)?,
        Err(OpenError::Older { .. }) => look.is_older = true,
        Err(error) => return Err(error),
    }
    Ok(look)
}

/// When the last event happened.
fn newest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let last = "SELECT at FROM events ORDER BY position DESC LIMIT 1";
    Ok(connection.query_row(last, [], |row| row.get(0)).optional()?.map(Timestamp))
}
