//! What SQLite says, in the words of the port.

use std::path::PathBuf;

use digota_core::port::store::{Refusal, StoreError};
use rusqlite::ErrorCode;

/// Why a shop's file could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes to it.
    #[error(
        "{} is in use by another digota{}; use the running node's commands or stop it",
        .path.display(), .pid.as_ref().map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The other process, if it said so.
        pid: Option<String>,
    },
    /// There was a shop, and now its file is missing or empty.
    #[error(
        "{} is missing or empty although a shop was kept there; restore it, or remove {} to begin an empty shop",
        .path.display(), .lock.display()
    )]
    Gone {
        /// The database file.
        path: PathBuf,
        /// The file that remembers that there was a shop.
        lock: PathBuf,
    },
    /// It holds something else than a shop.
    #[error("{} is not a digota database: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A later digota made it.
    #[error("{} has schema {found}, this digota knows {known}; install the later digota again", .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// An earlier digota made it, and it was opened for reading only.
    #[error("{} has schema {found}, this digota needs {known}; run `digota migrate`, or start the server once", .path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// The file system does not let us.
    #[error("can't open {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite does not open it.
    #[error("can't open {}: {}", .path.display(), explain(.source))]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Why a piece of work was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// A precondition failed; nothing was written.
    Refused(Refusal),
    /// It makes no sense; nothing was written.
    Failed(StoreError),
    /// A statement failed, perhaps after others.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Failed(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

/// What a failed statement means to the caller. Nothing was changed.
pub(super) fn failed(error: &rusqlite::Error) -> StoreError {
    use ErrorCode::*;
    match error.sqlite_error_code() {
        Some(
            DiskFull | DatabaseBusy | DatabaseLocked | ReadOnly | CannotOpen | PermissionDenied | SystemIoFailure
            | OutOfMemory | FileLockingProtocolFailed,
        ) => StoreError::Unavailable(explain(error)),
        _ => StoreError::Broken(explain(error)),
    }
}

/// Whether a failed commit certainly changed nothing: SQLite wrote no commit frame.
pub(super) fn is_harmless_at_commit(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}

/// Whether the statement itself was at fault, so that other batches can still succeed.
pub(super) fn is_of_one_batch(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => {
            matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
        }
        None => true,
    }
}

/// The error for an operator. Never has values in it, only names of tables and columns.
pub(super) fn explain(error: &rusqlite::Error) -> String {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds a lock on it",
        Some(ErrorCode::NotADatabase) => "it is not a database, or its beginning was overwritten",
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged; restore a backup",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        _ => return error.to_string(),
    };
    format!("{advice} ({error})")
}
