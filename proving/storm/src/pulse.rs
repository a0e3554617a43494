//! What a process holds: files, threads, memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How much more memory than at the start is still what it was: from one second to the next it differs by a few MiB.
const SLACK_KIB: u64 = 16 * 1024;

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pulse {
    pub(crate) files: usize,
    pub(crate) threads: u64,
    pub(crate) memory_kib: u64,
}

impl Pulse {
    /// Feels it.
    pub(crate) fn of(pid: u32) -> Result<Pulse> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).with_context(|| format!("no {name}"))
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Pulse { files, threads: number("Threads")?, memory_kib: number("VmRSS")? })
    }

    /// Whether it is back to what it was: no file and no thread more, and hardly any memory.
    fn is_back_to(&self, before: &Pulse) -> bool {
        self.files <= before.files
            && self.threads <= before.threads
            && self.memory_kib <= before.memory_kib + SLACK_KIB
    }

    /// Waits until it is back to what it was; how long that took.
    pub(crate) async fn back_to(before: &Pulse, pid: u32, patience: Duration) -> Result<Duration> {
        let since = Instant::now();
        loop {
            let now = Pulse::of(pid)?;
            if now.is_back_to(before) {
                return Ok(since.elapsed());
            }
            if since.elapsed() > patience {
                anyhow::bail!("after {patience:?} it still holds {now:?}, before {before:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The most of everything that either is.
    pub(crate) fn max(self, other: Pulse) -> Pulse {
        Pulse {
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
            memory_kib: self.memory_kib.max(other.memory_kib),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "files": self.files, "threads": self.threads, "memory_mib": self.memory_kib / 1024 })
    }
}
