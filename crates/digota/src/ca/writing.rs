//! Writing a file whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A file written beside its place. Put there at once, or removed.
#[derive(Debug)]
pub(super) struct Draft {
    place: PathBuf,
    beside: PathBuf,
    placed: bool,
}

impl Draft {
    /// Writes `bytes` beside `place`. There is one draft of a place at a time: whoever comes second is refused.
    pub(super) fn write(place: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<Self> {
        let name = place.file_name().with_context(|| format!("{} names no file", place.display()))?;
        let beside = place.with_file_name(format!(".{}.new", name.display()));
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
                "{} exists: another digota is writing {}, or was stopped while it did; remove it if there is none",
                beside.display(),
                place.display()
            ),
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", beside.display())),
        };
        let draft = Self { place: place.to_owned(), beside, placed: false };
        // The process's umask has no say: a server may have to read this.
        let mode = Permissions::from_mode(mode);
        let written =
            file.set_permissions(mode).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
        written.with_context(|| format!("cannot write {}", draft.beside.display()))?;
        Ok(draft)
    }

    /// Writes `bytes` beside a file that is there, for the same owner with the same mode.
    pub(super) fn rewrite(place: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let old = fs::metadata(place).with_context(|| format!("cannot read {}", place.display()))?;
        let draft = Self::write(place, bytes, old.mode() & 0o7777)?;
        let new = fs::metadata(&draft.beside)?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            chown(&draft.beside, Some(old.uid()), Some(old.gid())).with_context(|| {
                format!("cannot give {} the owner of {}", draft.beside.display(), place.display())
            })?;
        }
        Ok(draft)
    }

    /// Where it is until it is put in its place.
    pub(super) fn path(&self) -> &Path {
        &self.beside
    }

    /// Puts it in its place.
    pub(super) fn put(mut self) -> anyhow::Result<()> {
        self.rename().with_context(|| format!("cannot write {}", self.place.display()))
    }

    fn rename(&mut self) -> io::Result<()> {
        fs::rename(&self.beside, &self.place)?;
        self.placed = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing can be done about it here; the next writer says what is in its way.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_draft_is_whole_in_its_place_or_nowhere() {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("file");
        Draft::write(&place, b"one", 0o640).unwrap().put().unwrap();
        drop(Draft::rewrite(&place, b"two").unwrap());
        assert_eq!((fs::read(&place).unwrap(), names(&folder)), (b"one".to_vec(), vec!["file".to_owned()]));
        Draft::rewrite(&place, b"three").unwrap().put().unwrap();
        assert_eq!((fs::read(&place).unwrap(), names(&folder)), (b"three".to_vec(), vec!["file".to_owned()]));
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn whoever_comes_second_is_refused_and_takes_nothing_away() {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("file");
        let first = Draft::write(&place, b"first", 0o600).unwrap();
        let error = Draft::write(&place, b"second", 0o600).unwrap_err().to_string();
        assert!(error.contains("another digota"), "{error}");
        first.put().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"first");
    }
}
