//! Connections, each set up for what it is for.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;

/// How long a lock that another program holds is waited for.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 200;

/// The connection that writes, each commit at once.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let foreign = |why| OpenError::Foreign { path: path.into(), why };
    let vfs = digota_vfs::name().map_err(|error| foreign(error.to_string()))?;
    let open = || {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = set_up(Connection::open_with_flags_and_vfs(path, access, vfs)?)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;",
        )?;
        // Cuts the file back after it had to grow: 64 MiB.
        connection.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(()))?;
        Ok((connection, mode))
    };
    let (connection, mode) = open().map_err(|source| OpenError::Database { path: path.into(), source })?;
    match mode.as_str() {
        "wal" => Ok(connection),
        other => Err(foreign(format!(
            "its journal mode is {other}, and the file system does not allow a write-ahead log"
        ))),
    }
}

/// The connection that moves the log into the database beside the writer. What is in the log when it closes stays there.
pub(super) fn mover(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA synchronous = FULL;")?;
    Ok(connection)
}

/// The connection that fills a copy.
pub(super) fn target(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // It is synced once, when it is whole.
    connection.execute_batch("PRAGMA synchronous = OFF;")?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // A connection is never used by two threads at once.
    set_up(Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

fn set_up(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
