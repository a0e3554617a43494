//! A folder that a server writes to: whether it is there, may be written, and has room.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::finding::{Check, Fix, quoted};

/// With less room than this a server does not get through the day.
const ROOM: u64 = 1024 * 1024 * 1024;

/// With less room than this the next checkpoint fails.
const ROOM_MIN: u64 = 64 * 1024 * 1024;

/// Looks at the folder of a file that a server writes; says how much room there is.
pub(super) fn check(check: &mut Check, setting: &str, file: &Path) -> Option<String> {
    let folder = folder_of(file);
    if !folder.is_dir() {
        let finding = check.error(setting, format!("the folder {} does not exist", folder.display()));
        finding.why(format!("a server makes the file {}, and not the folder that it is in", file.display()));
        finding.fix(Fix::Run(format!("mkdir -p -m 700 {}", quoted(&folder))));
        return None;
    }
    if let Err(error) = try_to_write(&folder) {
        let finding =
            check.error(setting, format!("the folder {} cannot be written: {error}", folder.display()));
        finding.why(format!("{} and what belongs to it are made and changed there", file.display()));
        finding.fix(writable(&folder, &error));
        return None;
    }
    look_at_mode(check, setting, file);
    let Some(free) = room(&folder) else { return Some("room unknown".to_owned()) };
    judge(check, setting, &folder, free);
    Some(format!("{} free", spoken(free)))
}

/// In a folder that others may write, they may put another file in the place of this one.
pub(super) fn look_at_mode(check: &mut Check, setting: &str, file: &Path) {
    const STICKY: u32 = 0o1000;
    let folder = folder_of(file);
    let mode = fs::metadata(&folder).map_or(0, |folder| folder.permissions().mode() & 0o7777);
    if mode & 0o022 != 0 && mode & STICKY == 0 {
        let what = format!("others may write the folder {} (mode {mode:04o})", folder.display());
        let finding = check.warn(setting, what);
        finding.why(format!("whoever may write it may put another file in the place of {}", file.display()));
        finding.fix(Fix::Run(format!("chmod go-w {}", quoted(&folder))));
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes a file, fills a page of it, and takes it away again.
fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".digota-doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    if path.exists() {
        fs::remove_file(&path)?;
    }
    written
}

fn writable(folder: &Path, error: &std::io::Error) -> Fix {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            Fix::Do("mount its file system for writing, or name another folder".to_owned())
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => make_room(folder),
        _ if is_ours(folder) => Fix::Run(format!("chmod u+rwx {}", quoted(folder))),
        _ => Fix::Run(format!("sudo chown \"$(id -un)\" {}", quoted(folder))),
    }
}

fn is_ours(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).is_ok_and(|folder| folder.uid() == rustix::process::geteuid().as_raw())
}

fn room(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

fn judge(check: &mut Check, setting: &str, folder: &Path, free: u64) {
    let what = format!("only {} free where {} is", spoken(free), folder.display());
    let finding = match free {
        ROOM.. => return,
        ROOM_MIN.. => check.warn(setting, what),
        _ => check.error(setting, what),
    };
    finding.why("on a full disk nothing can be sold: every change is refused until there is room");
    finding.fix(make_room(folder));
}

fn make_room(folder: &Path) -> Fix {
    Fix::Do(format!("make room: `du -xh --max-depth=1 {} | sort -h` shows what takes it", quoted(folder)))
}

fn spoken(bytes: u64) -> String {
    match bytes >> 20 {
        megabytes @ ..2048 => format!("{megabytes} MiB"),
        megabytes => format!("{} GiB", megabytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_noticed_before_it_is_full() {
        let level = |free: u64| {
            let mut check = Check::new("storage");
            judge(&mut check, "storage.address", Path::new("/data"), free);
            check.findings.first().map(|finding| finding.level)
        };
        assert_eq!(level(u64::MAX), None);
        assert_eq!(level(ROOM), None);
        assert_eq!(level(ROOM - 1), Some(Level::Warning));
        assert_eq!(level(ROOM_MIN - 1), Some(Level::Error));
        assert_eq!(level(0), Some(Level::Error));
    }
}
