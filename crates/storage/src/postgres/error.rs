//! What PostgreSQL says, in the words of the port and of an operator.

use std::error::Error as _;
use std::path::PathBuf;

use digota_core::port::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::{ErrorPosition, SqlState};

/// The oldest PostgreSQL that is supported.
pub(super) const OLDEST: i32 = 15;

/// Why a shop's database could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("storage.address is not an address of PostgreSQL: {0}; write host:port, several with commas, or a postgres:// URL")]
    Address(String),
    /// Nobody answers there, or not as PostgreSQL does.
    #[error("can't reach PostgreSQL at {address}: {why}")]
    Connect {
        /// Where.
        address: String,
        /// What happened.
        why: String,
    },
    /// The server does not let us in.
    #[error("PostgreSQL at {address} refuses user {user:?}: {why}; see storage.username, storage.password and the server's pg_hba.conf")]
    Refused {
        /// Where.
        address: String,
        /// As whom.
        user: String,
        /// What the server said.
        why: String,
    },
    /// The server has no such database.
    #[error("PostgreSQL at {address} has no database {database:?}; make it (CREATE DATABASE {database} OWNER {user}) or see storage.database")]
    NoDatabase {
        /// Where.
        address: String,
        /// Which one.
        database: String,
        /// Who should own it.
        user: String,
    },
    /// The server is too old.
    #[error("PostgreSQL at {address} is version {found}; digota needs {OLDEST} or later")]
    TooOld {
        /// Where.
        address: String,
        /// Its version.
        found: String,
    },
    /// The database can't hold every text.
    #[error("database {database:?} has encoding {found}; digota needs UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)")]
    Encoding {
        /// Which one.
        database: String,
        /// Its encoding.
        found: String,
    },
    /// A later digota made it.
    #[error("database {database:?} has schema {found}, this digota knows {known}; install the later digota again")]
    Newer {
        /// Which one.
        database: String,
        /// Its schema version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// It has no shop yet or one of an earlier digota, and was opened for reading only.
    #[error("database {database:?} has schema {found}, this digota needs {known}; run `digota migrate`, or start the server once")]
    Older {
        /// Which one.
        database: String,
        /// Its schema version; 0 where it is empty.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// Somebody uses its tables without end while they should be changed.
    #[error("database {database:?} can't get schema {needed}: long transactions of others, such as a report or pg_dump, keep its tables; see pg_stat_activity, and start again when they have ended")]
    InUse {
        /// Which one.
        database: String,
        /// The schema that this digota needs.
        needed: i32,
    },
    /// It holds something else than a shop.
    #[error("database {database:?} is not digota's: it has a table {table:?} that another program made; give digota a database of its own")]
    Foreign {
        /// Which one.
        database: String,
        /// What was found.
        table: String,
    },
    /// The user may not make tables.
    #[error("user {user:?} may not make tables in database {database:?}; make it the owner (ALTER DATABASE {database} OWNER TO {user})")]
    NotOwner {
        /// Which database.
        database: String,
        /// Who.
        user: String,
    },
    /// A file of the TLS settings can't be used.
    #[error("can't use {}: {why}", .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The database says something else.
    #[error("can't open database {database:?}: {why}")]
    Database {
        /// Which one.
        database: String,
        /// What it said.
        why: String,
    },
}

/// What a failed statement means to the caller. Nothing was changed.
pub(super) fn failed(error: &Error) -> StoreError {
    let is_ours = error.code().is_some_and(|code| {
        let class = &code.code()[..2];
        // Bad data, broken constraints, bad statements. All else is the server's or the network's and may pass.
        matches!(class, "22" | "23" | "42")
    });
    let is_conversion = error.as_db_error().is_none() && !is_lost(error);
    match is_ours || is_conversion {
        true => StoreError::Broken(explain(error)),
        false => StoreError::Unavailable(explain(error)),
    }
}

/// Whether the connection is gone, or about to go: on another one the same statement may succeed.
pub(super) fn is_lost(error: &Error) -> bool {
    let closes = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::READ_ONLY_SQL_TRANSACTION, // A primary that has become a standby.
        SqlState::FEATURE_NOT_SUPPORTED,     // A statement was prepared before a later digota changed its table.
    ];
    let is_io = error.source().is_some_and(|source| source.is::<std::io::Error>());
    error.is_closed() || is_io || error.code().is_some_and(|code| closes.contains(code))
}

/// Whether the same work may succeed if it is simply done again: another node was faster, or stands in the way.
pub(super) fn is_contention(error: &Error) -> bool {
    is_race(error) || error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Whether others hold what a statement waited for.
pub(super) fn is_blocked(error: &Error) -> bool {
    let held = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| held.contains(code))
}

/// Whether another node was faster. What it did is done by now, so there is nothing to wait for.
pub(super) fn is_race(error: &Error) -> bool {
    let passing =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    error.code().is_some_and(|code| passing.contains(code))
}

/// Whether a failed COMMIT certainly changed nothing. A session that is ended while it waits for a standby has committed.
pub(super) fn is_harmless_at_commit(error: &Error) -> bool {
    let code = error.code().map(|code| code.code()).unwrap_or_default();
    code.starts_with("40") && code != "40003" || code.starts_with("23")
}

/// The error for an operator: the server's message without its detail, which may hold values.
pub(super) fn explain(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        let place = match error.position() {
            Some(ErrorPosition::Original(at)) => format!(" at character {at}"),
            _ => String::new(),
        };
        let constraint = error.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
        return format!("{}{constraint}{place} [{}]", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
