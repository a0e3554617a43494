//! The storage: whether it can be reached, written and understood, and has room.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use digota_storage::{Look, OpenError, sqlite};

use super::finding::{Check, Fix, quoted};
use super::folder;
use super::patient::Patient;
use crate::config::nearest;
use crate::wiring;

const NAME: &str = "storage";

/// What a look at the storage came to.
pub(super) enum Looked {
    /// It was not looked at.
    Not,
    Found(Look),
    Failed(OpenError),
}

impl Looked {
    /// The process that writes to it.
    pub(super) fn holder(&self) -> Option<&str> {
        match self {
            Looked::Found(look) => look.holder.as_deref(),
            _ => None,
        }
    }
}

pub(super) async fn look(patient: &Patient) -> Looked {
    if !patient.loaded.is_sound("storage") {
        return Looked::Not;
    }
    match digota_storage::look(&wiring::storage(patient.settings())).await {
        Ok(look) => Looked::Found(look),
        Err(error) => Looked::Failed(error),
    }
}

pub(super) fn check(patient: &Patient, looked: &Looked) -> Check {
    let storage = &patient.settings().storage;
    let mut check = Check::new(NAME);
    let is_file = storage.handler == "sqlite";
    let file = Path::new(storage.address.expose());
    let room = match looked {
        Looked::Not => return Check::skipped(NAME, "its settings cannot be used"),
        // Asked first: that the folder is missing explains more than that the file is.
        _ if is_file => folder::check(&mut check, "storage.address", file),
        _ => None,
    };
    match looked {
        _ if !check.findings.is_empty() && room.is_none() => {}
        Looked::Not => {}
        Looked::Failed(error) => failed(patient, error, &mut check),
        Looked::Found(look) => {
            if is_file {
                look_at_file(file, &mut check);
            }
            check.seen = seen(&storage.address.to_string(), look, room);
        }
    }
    check
}

fn failed(patient: &Patient, error: &OpenError, check: &mut Check) {
    let storage = &patient.settings().storage;
    if let OpenError::UnknownHandler { .. } = error {
        let meant = nearest(&storage.handler, digota_storage::ADAPTERS.iter().copied()).unwrap_or_default();
        let finding = check.error("storage.handler", error.to_string());
        finding.why("a server does not start without a storage");
        finding.fix(patient.set("storage.handler", meant));
        return;
    }
    let finding = check.error("storage.address", error.to_string());
    finding.why("a server does not start on a storage that it cannot use");
    let file = Path::new(storage.address.expose());
    let inside = match error {
        OpenError::Adapter(inside) => inside.downcast_ref::<sqlite::OpenError>(),
        _ => None,
    };
    finding.fix(match inside {
        None => Fix::Do(
            "see that its server is up, and that address, user, password and database are right".to_owned(),
        ),
        _ if file.is_dir() => patient.set("storage.address", file.join("digota.db").display().to_string()),
        Some(sqlite::OpenError::Gone { lock, .. }) => {
            Fix::Do(format!("restore a backup, or begin an empty shop with `rm {}`", quoted(lock)))
        }
        Some(sqlite::OpenError::Newer { .. }) => {
            Fix::Do("install the later digota again: an earlier one cannot read what it wrote".to_owned())
        }
        Some(sqlite::OpenError::Foreign { .. }) => {
            Fix::Do("name a file of digota's own; this one stays as it is".to_owned())
        }
        _ if is_closed(file) => Fix::Run(format!("chmod 600 {}", quoted(file))),
        _ => Fix::Do("restore a backup there, or name the file of the shop".to_owned()),
    });
}

/// Whether the file is there and we may not read it.
fn is_closed(file: &Path) -> bool {
    fs::File::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// A shop's file is its owner's alone; and the owner must be able to write it.
fn look_at_file(file: &Path, check: &mut Check) {
    let Ok(found) = fs::metadata(file) else { return };
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let finding =
            check.warn("storage.address", format!("{} is open to others (mode {mode:04o})", file.display()));
        finding.why("whoever reads it has every order and every buyer's address");
        finding.fix(Fix::Run(format!("chmod 600 {}", quoted(file))));
    }
    if let Err(error) = fs::OpenOptions::new().write(true).open(file) {
        let finding =
            check.error("storage.address", format!("{} cannot be written: {error}", file.display()));
        finding.why("a server that cannot write does not start");
        finding.fix(Fix::Run(format!("chmod 600 {}", quoted(file))));
    }
}

fn seen(address: &str, look: &Look, room: Option<String>) -> String {
    let state = match look {
        Look { holder: Some(pid), .. } => format!("in use by a digota, process {pid}"),
        Look { is_new: true, .. } => "not there yet, and made at the first start".to_owned(),
        Look { is_older: true, .. } => {
            "made by an earlier digota: the next start brings it up to date".to_owned()
        }
        Look { newest: None, .. } => "empty".to_owned(),
        _ => "good".to_owned(),
    };
    let room = room.map(|room| format!(", {room}")).unwrap_or_default();
    format!("{address}: {state}{room}")
}
