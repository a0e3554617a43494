//! What the system knows of this process. Where it says nothing, nothing is told.

use std::fs;

/// How many ticks of the processor's clock Linux counts a second for programs to read.
const TICKS: u64 = 100;

/// What the system says.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<u64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
}

impl Process {
    /// As of now.
    pub(super) fn read() -> Process {
        let text = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let status = text("status");
        let limits = text("limits");
        Process {
            cpu_seconds: cpu_ticks(&text("stat")).map(|ticks| ticks / TICKS),
            resident_bytes: number_after(&status, "VmRSS:").map(|kb| kb * 1024),
            virtual_bytes: number_after(&status, "VmSize:").map(|kb| kb * 1024),
            threads: number_after(&status, "Threads:"),
            // One of them is the one that counts.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as u64),
            most_files: number_after(&limits, "Max open files"),
        }
    }
}

/// The time in user and system mode: the 14th and 15th word, counted after the name, which may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let tick = |at: usize| words.get(at)?.parse::<u64>().ok();
    Some(tick(11)? + tick(12)?)
}

/// The number that follows a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        let stat = "7 (a name) with) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(number_after("Name:\tdigota\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048));
        assert_eq!(
            number_after(
                "Max open files            1024                 4096       files\n",
                "Max open files"
            ),
            Some(1024)
        );
        assert_eq!(number_after("", "VmRSS:"), None);
    }
}
