//! The shop's file: who may read it, who holds it, and whether it is still the same.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// Readable by the owner only.
pub(super) const MODE: u32 = 0o600;

/// Held while a process writes to the shop. Its file stays behind, and remembers that there was a shop.
pub(super) struct Hold {
    file: File,
}

impl Hold {
    /// Holds the shop at `path`; refuses while another process does, and where the shop was lost.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock = lock_path(path);
        let failed = |source| OpenError::File { path: lock.clone(), source };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).mode(MODE).open(&lock).map_err(failed)?;
        let mut text = String::new();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                file.read_to_string(&mut text).map_err(failed)?;
                let pid = text.split_whitespace().next().map(str::to_owned);
                return Err(OpenError::InUse { path: path.into(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        insist_on_a_shop(path)?;
        Ok(Self { file })
    }

    /// Notes who holds the shop, and that there is one.
    pub(super) fn sign(&mut self, path: &Path) -> Result<(), OpenError> {
        let write = |file: &mut File| {
            file.rewind()?;
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut self.file).map_err(|source| OpenError::File { path: lock_path(path), source })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started by this one has a copy of it for a moment.
        let _ = self.file.unlock();
    }
}

/// The process that holds the shop at `path` now, if one does. Changes nothing, and holds nothing.
pub(super) fn holder(path: &Path) -> Result<Option<String>, OpenError> {
    let lock = lock_path(path);
    let read = || {
        let mut file = File::open(&lock)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                Ok(text.split_whitespace().next().map(str::to_owned))
            }
        }
    };
    match read() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        found => found.map_err(|source| OpenError::File { path: lock, source }),
    }
}

/// Refuses where the file that was held remembers a shop, and the shop is missing or empty.
pub(super) fn insist_on_a_shop(path: &Path) -> Result<(), OpenError> {
    let lock = lock_path(path);
    let is_empty = |path: &Path| std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    match is_empty(path) && !is_empty(&lock) {
        true => Err(OpenError::Gone { path: path.into(), lock }),
        false => Ok(()),
    }
}

/// Makes the file unless it is there, and closes it to all but its owner. SQLite gives its other files the same mode.
pub(super) fn make_private(path: &Path) -> Result<(), OpenError> {
    let make = || {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(MODE).open(path)?;
        match file.metadata()?.mode() & 0o077 {
            0 => Ok(()),
            _ => file.set_permissions(Permissions::from_mode(MODE)),
        }
    };
    make().map_err(|source| OpenError::File { path: path.into(), source })
}

/// A path with its links resolved, so that a shop has one lock however it is named.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::File { path: path.into(), source };
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let Some(name) = path.file_name() else {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it names no file")));
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

/// Which file was opened.
pub(super) struct Identity {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        let file = std::fs::metadata(path).map_err(|source| OpenError::File { path: path.into(), source })?;
        Ok(Self { path: path.into(), device_and_inode: (file.dev(), file.ino()) })
    }

    /// Whether its name still leads to it. If not, what is written would be lost with the last process that has it open.
    pub(super) fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.device_and_inode)
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}
