//! How much of the processors server and clients had: they share them, and with others too.

use std::fmt::{Display, Formatter};
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Linux counts 100 ticks a second for programs to read.
const TICK: Duration = Duration::from_millis(10);

/// What was had in a span of time, in per cent of one processor.
pub(crate) struct Effort {
    server: u64,
    clients: u64,
    /// What is neither.
    pub(crate) others: u64,
    /// Whether there was hardly any processor that nobody had.
    all_busy: bool,
}

/// A span of time that goes on.
pub(crate) struct Span {
    pid: u32,
    since: Instant,
    before: [Duration; 3],
}

impl Effort {
    /// Begins to count what this server has, and this process, which are its clients.
    pub(crate) fn begin(server: u32) -> Result<Span> {
        Ok(Span { pid: server, since: Instant::now(), before: now(server)? })
    }

    /// Of this span and another one, as long.
    pub(crate) fn with(&self, other: &Effort) -> Effort {
        Effort {
            server: u64::midpoint(self.server, other.server),
            clients: u64::midpoint(self.clients, other.clients),
            others: u64::midpoint(self.others, other.others),
            all_busy: self.all_busy && other.all_busy,
        }
    }

    /// How much of what the server had in this span was left to it in a later one by clients and others, in per cent. Where some
    /// processor was free in either, nobody took anything from it.
    pub(crate) fn left_in(&self, later: &Effort) -> u64 {
        if !(self.all_busy && later.all_busy) {
            return 100;
        }
        let taken = (later.clients + later.others).saturating_sub(self.clients + self.others);
        (self.server.saturating_sub(taken) * 100).checked_div(self.server).unwrap_or(100).max(1)
    }
}

impl Span {
    pub(crate) fn end(self) -> Result<Effort> {
        let (now, span) = (now(self.pid)?, self.since.elapsed().as_millis().max(1));
        let had = |at: usize| {
            let had = now[at].saturating_sub(self.before[at]).as_millis();
            u64::try_from(had * 100 / span).unwrap_or(u64::MAX)
        };
        let (server, clients) = (had(0), had(1));
        let all = std::thread::available_parallelism()?.get() as u64 * 100;
        let others = had(2).saturating_sub(server + clients);
        Ok(Effort { server, clients, others, all_busy: had(2) >= all * 95 / 100 })
    }
}

impl Display for Effort {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Effort { server, clients, others, .. } = self;
        write!(f, "the server had {server} % of a processor, the clients {clients} %, others {others} %")
    }
}

/// Of the server, of this process, and of all together.
fn now(server: u32) -> Result<[Duration; 3]> {
    let all = fs::read_to_string("/proc/stat")?;
    let words = all.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // User, nice, system; then idle and waiting, which are nobody's; then interrupts.
    let all = [0, 1, 2, 5, 6].map(|at| words.clone().nth(at).and_then(|word| word.parse().ok()).unwrap_or(0));
    Ok([of(server)?, of(std::process::id())?, TICK * all.iter().sum::<u32>()])
}

/// The time in user and system mode: the 14th and 15th word, counted after the name, which may hold spaces.
fn of(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    let (_, words) = stat.rsplit_once(')').context("no statistics of the process")?;
    let ticks = words.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_and_others_take_is_taken_from_the_server_where_all_is_busy() {
        let peak = Effort { server: 160, clients: 10, others: 30, all_busy: true };
        let later = |clients, others, all_busy| Effort { server: 100, clients, others, all_busy };
        assert_eq!(peak.left_in(&later(20, 36, true)), 90);
        assert_eq!(peak.left_in(&later(20, 10, true)), 100);
        assert_eq!(peak.left_in(&later(20, 36, false)), 100);
    }
}
