//! How SQLite writes its log: a commit in one write.
//!
//! SQLite writes each page of a commit with two system calls, 24 bytes and 4096. Where a commit has a hundred pages, they cost
//! more than making the pages did. This is a VFS, SQLite's own door to the operating system: it passes everything on to the
//! system's own, but keeps what is written to the log until it is synced, and then writes it at once.
//!
//! Nothing else changes. The log holds the same bytes at the same places, other programs and other connections open it as ever,
//! and a commit is durable once its sync has returned.

#![expect(unsafe_code, reason = "SQLite is C, and calls us as C does")]

use std::ffi::{CStr, c_int};
use std::mem::size_of;
use std::ptr;
use std::sync::OnceLock;

use rusqlite::ffi::{
    SQLITE_IOERR, SQLITE_OK, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

mod log;
mod pending;

/// Its name, for opening a connection.
const NAME: &CStr = c"digota";

/// SQLite does not take the VFS.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("SQLite does not take our way of writing its log (code {0})")]
pub struct Refused(c_int);

/// The name under which a connection is opened that commits in one write.
///
/// Its log MUST be synced at every commit (`PRAGMA synchronous = FULL`, which is what SQLite begins with): other connections
/// would else be told of a commit that is not in the file yet.
///
/// # Errors
/// [`Refused`] where SQLite has no VFS of its own for this system, or does not take this one.
pub fn name() -> Result<&'static CStr, Refused> {
    static REGISTERED: OnceLock<Result<(), Refused>> = OnceLock::new();
    REGISTERED.get_or_init(register).map(|()| NAME)
}

fn register() -> Result<(), Refused> {
    // SAFETY: null asks for the default one. SQLite's own live as long as the process, and are not changed once registered.
    let Some(system) = (unsafe { sqlite3_vfs_find(ptr::null()).as_ref() }) else {
        return Err(Refused(SQLITE_IOERR));
    };
    let log = c_int::try_from(size_of::<log::Log>()).map_err(|_| Refused(SQLITE_IOERR))?;
    // What is asked of no file is asked of the system's own functions, which find in the copy what they look for in theirs.
    let vfs = sqlite3_vfs {
        szOsFile: log + system.szOsFile,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        xOpen: Some(open),
        ..*system
    };
    // SAFETY: it is never freed, and SQLite changes it under its own lock.
    match unsafe { sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) } {
        SQLITE_OK => Ok(()),
        code => Err(Refused(code)),
    }
}

/// Opens logs as ours, and every other file as the system's.
unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    granted: *mut c_int,
) -> c_int {
    // SAFETY: null asks for the default one, which is there since `register` found it.
    let system = unsafe { sqlite3_vfs_find(ptr::null()) };
    if flags & SQLITE_OPEN_WAL != 0 {
        // SAFETY: SQLite calls with room for `szOsFile` bytes: a log and a file of the system's.
        return unsafe { log::open(system, name, file, flags, granted) };
    }
    // SAFETY: as before.
    match unsafe { (*system).xOpen } {
        // SAFETY: these are SQLite's own arguments.
        Some(open) => unsafe { open(system, name, file, flags, granted) },
        None => SQLITE_IOERR,
    }
}
