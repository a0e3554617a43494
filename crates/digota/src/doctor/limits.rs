//! What the machine lets a process have.

use rustix::process::{Resource, getrlimit};

use super::finding::Check;
use super::patient::Patient;

const NAME: &str = "limits";

pub(super) fn check(patient: &Patient) -> Check {
    // A server raises the soft limit to the hard one by itself.
    let files = getrlimit(Resource::Nofile).maximum.and_then(|files| usize::try_from(files).ok());
    let connections = patient.settings().limits.connections_max;
    let mut check = Check::new(NAME);
    match files.filter(|files| files / 2 < connections) {
        None => {
            let files = files.map_or("any number of".to_owned(), |files| files.to_string());
            check.seen = format!("{files} files may be open, for {connections} connections");
        }
        Some(files) => {
            let what = format!("is {connections}, and a process may open {files} files here");
            let finding = check.warn("limits.connections_max", what);
            finding.why("a connection is an open file, and half of them are for everything else: further clients are turned away");
            finding.fix(patient.set("limits.connections_max", (files / 2).max(1)));
        }
    }
    check
}
