//! Other processes of this machine, as far as /proc shows them.

use std::fs;
use std::path::Path;

/// The process that listens on a TCP port, where it can be seen.
pub(super) fn listening_on(port: u16) -> Option<u32> {
    let sockets: Vec<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| sockets(table, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find(|pid| has_open(*pid, &sockets))
}

/// A process as a person knows it.
pub(super) fn named(pid: Option<u32>) -> String {
    let Some(pid) = pid else { return "another program".to_owned() };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{}, process {pid}", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

/// The sockets of a table that listen on this port, as links in /proc name them.
fn sockets(table: &str, port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let text = fs::read_to_string(table).unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let matching = rows.filter(|row| {
        let here = row.get(1).and_then(|local| local.rsplit(':').next());
        here.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port) && row.get(3) == Some(&LISTENING)
    });
    matching.filter_map(|row| Some(format!("socket:[{}]", row.get(9)?))).collect()
}

fn has_open(pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")) else { return false };
    let links = files.filter_map(Result::ok).filter_map(|file| fs::read_link(file.path()).ok());
    links.into_iter().any(|link| sockets.iter().any(|socket| link.to_str() == Some(socket)))
}
