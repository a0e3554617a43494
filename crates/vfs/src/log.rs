//! The log as SQLite sees it: a file whose writes wait for each other until they are synced or read.

use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::ffi::{
    SQLITE_IOERR, SQLITE_NOMEM, SQLITE_OK, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods,
    sqlite3_vfs,
};

use crate::pending::Pending;

/// What SQLite makes room for; the system's own file lies right behind it.
#[repr(C)]
pub(crate) struct Log {
    base: sqlite3_file,
    pending: Pending,
}

/// Version 1: what shares memory and maps pages is asked of the database, never of its log.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Opens a log by the system's own `vfs`.
///
/// # Safety
/// As SQLite calls `xOpen`, with room at `file` for a [`Log`] and a file of `vfs`.
pub(crate) unsafe fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    granted: *mut c_int,
) -> c_int {
    let real = real(file);
    // SAFETY: the caller's; `real` is the room behind the log. SQLite closes what has methods, also where opening failed.
    unsafe {
        (*file).pMethods = ptr::null();
        let Some(open) = (*vfs).xOpen else { return SQLITE_IOERR };
        let outcome = open(vfs, name, real, flags, granted);
        if outcome == SQLITE_OK {
            file.cast::<Log>()
                .write(Log { base: sqlite3_file { pMethods: &METHODS }, pending: Pending::default() });
        } else if let Some(close) = (*real).pMethods.as_ref().and_then(|methods| methods.xClose) {
            close(real);
        }
        outcome
    }
}

/// The system's own file.
fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    file.cast::<Log>().wrapping_add(1).cast()
}

/// Asks the system's own file.
macro_rules! ask {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let real = real($file);
        // SAFETY: SQLite calls with a file that `open` opened, and so the one behind it is open and has all its methods.
        match unsafe { (*(*real).pMethods).$method } {
            // SAFETY: as before; the arguments are those that SQLite gave, or a slice that lives through the call.
            Some(method) => unsafe { method(real $(, $argument)*) },
            None => SQLITE_IOERR,
        }
    }};
}

/// What waits to be written to a file.
///
/// # Safety
/// `file` is one that [`open`] opened; nobody else holds what waits.
unsafe fn pending<'f>(file: *mut sqlite3_file) -> &'f mut Pending {
    // SAFETY: the caller's; SQLite uses a connection's files from one thread at a time.
    unsafe { &mut (*file.cast::<Log>()).pending }
}

/// Writes what waits. Where that fails it is given up: SQLite then takes none of it for written.
///
/// # Safety
/// As [`pending`].
unsafe fn flush(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the caller's.
    let pending = unsafe { pending(file) };
    let Some((at, bytes)) = pending.stretch() else { return SQLITE_OK };
    let outcome = write_through(file, at, bytes);
    pending.clear();
    outcome
}

fn write_through(file: *mut sqlite3_file, at: i64, bytes: &[u8]) -> c_int {
    match c_int::try_from(bytes.len()) {
        Ok(length) => ask!(file, xWrite, bytes.as_ptr().cast(), length, at),
        Err(_) => SQLITE_NOMEM,
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    at: sqlite3_int64,
) -> c_int {
    let Ok(count) = usize::try_from(length) else { return SQLITE_IOERR };
    // SAFETY: SQLite's: so many bytes are there to read.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    // SAFETY: the file is open, and what waits is held for this one call.
    if unsafe { pending(file) }.join(at, bytes) {
        return SQLITE_OK;
    }
    // SAFETY: the file is open, and nobody holds what waits.
    let flushed = unsafe { flush(file) };
    if flushed != SQLITE_OK {
        return flushed;
    }
    // SAFETY: as before. Nothing waits any more, so that there is room.
    if unsafe { pending(file) }.join(at, bytes) { SQLITE_OK } else { SQLITE_NOMEM }
}

/// Defines methods that need all that was written to be in the file.
macro_rules! after_flushing {
    ($($name:ident, $method:ident($($argument:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $type),*) -> c_int {
            // SAFETY: SQLite calls with a file that is open.
            match unsafe { flush(file) } {
                SQLITE_OK => ask!(file, $method $(, $argument)*),
                failed => failed,
            }
        }
    )*};
}

after_flushing! {
    read, xRead(into: *mut c_void, length: c_int, at: sqlite3_int64);
    truncate, xTruncate(size: sqlite3_int64);
    sync, xSync(how: c_int);
    file_size, xFileSize(size: *mut sqlite3_int64);
    lock, xLock(how: c_int);
    unlock, xUnlock(how: c_int);
    check_reserved_lock, xCheckReservedLock(answer: *mut c_int);
    file_control, xFileControl(what: c_int, with: *mut c_void);
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    ask!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    ask!(file, xDeviceCharacteristics)
}

/// Closes both. What was not synced by now was never committed.
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite calls with a file that is open, and does not use it afterwards.
    let flushed = unsafe { flush(file) };
    let closed = ask!(file, xClose);
    // SAFETY: as before: it was written by `open`, and is dropped once.
    unsafe { ptr::drop_in_place(file.cast::<Log>()) };
    if flushed == SQLITE_OK { closed } else { flushed }
}
