//! A copy of a shop while it is being used: the backup.
//!
//! All pages are read as of one moment. The writer is not held up; meanwhile its log can't be moved into the database as far as
//! usual, and grows.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connect;
use super::error::OpenError;
use super::file::{self, MODE};
use super::migrate;

/// Pages that are copied at a time: 1 MiB.
const STEP: i32 = 256;

/// How far a copy is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How much is copied.
    pub copied: u64,
    /// How much there is.
    pub size: u64,
}

/// Copies the shop in a file into a new file, closed to all but its owner, and looks whether the copy is sound. It stands under
/// its name only once it is whole and on the disk.
///
/// # Errors
/// As [`super::Sqlite::open_read_only`], but for a shop of an earlier digota, which can be copied; [`OpenError::File`] where the
/// copy would overwrite something or can't be written.
pub fn copy(from: &Path, to: &Path, mut told: impl FnMut(Progress)) -> Result<Progress, OpenError> {
    let from = file::resolve(from)?;
    let source = connect::reader(&from).map_err(|source| OpenError::Database { path: from.clone(), source })?;
    migrate::known(&source, &from)?;
    if to.exists() {
        let source = Error::new(ErrorKind::AlreadyExists, "it is there already, and a copy overwrites nothing");
        return Err(OpenError::File { path: to.into(), source });
    }
    let part = Part::make(to)?;
    let done = fill(&source, &part.path, &mut told);
    let done = done.map_err(|source| OpenError::Database { path: part.path.clone(), source })?;
    part.finish(to)?;
    Ok(done)
}

fn fill(source: &Connection, to: &Path, told: &mut impl FnMut(Progress)) -> rusqlite::Result<Progress> {
    // One read holds the moment for all steps; otherwise each commit would begin the copy anew.
    source.execute_batch("BEGIN")?;
    let page: u32 = source.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut target = connect::target(to)?;
    let progress = all_pages(&Backup::new(source, &mut target)?, page, told)?;
    source.execute_batch("COMMIT")?;
    // One file, that can be opened where nothing can be written.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(format!("the copy is not sound: {verdict}"))));
    }
    target.close().map_err(|(_, error)| error)?;
    Ok(progress)
}

fn all_pages(
    backup: &Backup<'_, '_>,
    page: u32,
    told: &mut impl FnMut(Progress),
) -> rusqlite::Result<Progress> {
    loop {
        let step = backup.step(STEP)?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or_default() * u64::from(page);
        let (copied, size) = (bytes(pages.pagecount - pages.remaining), bytes(pages.pagecount));
        told(Progress { copied, size });
        match step {
            StepResult::Done => return Ok(Progress { copied, size }),
            StepResult::More => {}
            // Only for a moment: nobody else knows the copy, and readers wait for nobody.
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A copy that is not whole yet. Removed unless it is finished.
struct Part {
    path: PathBuf,
    finished: bool,
}

impl Part {
    fn make(to: &Path) -> Result<Part, OpenError> {
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path);
        made.map_err(|source| OpenError::File { path: path.clone(), source })?;
        Ok(Part { path, finished: false })
    }

    /// On the disk, then under its name.
    fn finish(mut self, to: &Path) -> Result<(), OpenError> {
        let finish = || {
            File::open(&self.path)?.sync_all()?;
            // Unlike a rename, this overwrites nothing.
            std::fs::hard_link(&self.path, to)?;
            std::fs::remove_file(&self.path)?;
            let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        finish().map_err(|source| OpenError::File { path: to.into(), source })?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // Whatever stopped the copy has been told.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
