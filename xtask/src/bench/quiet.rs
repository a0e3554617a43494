//! Whether the machine is ours: what others compute during a measurement spoils it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// How long to look.
const LOOK: Duration = Duration::from_millis(200);

/// The share of the machine that is busy while we do nothing, in percent. `None` where the system does not say.
pub(super) fn others_percent() -> Option<u64> {
    let before = read()?;
    sleep(LOOK);
    let after = read()?;
    let total = after.total.checked_sub(before.total)?;
    let idle = after.idle.checked_sub(before.idle)?;
    (total.saturating_sub(idle) * 100).checked_div(total)
}

/// Time that all cores spent since the start of the system, in ticks.
#[derive(Debug, PartialEq, Eq)]
struct Ticks {
    total: u64,
    idle: u64,
}

fn read() -> Option<Ticks> {
    parse(&fs::read_to_string("/proc/stat").ok()?)
}

/// Reads the first line of proc(5) stat: user, nice, system, idle, iowait, irq, softirq, steal; guests count in user.
fn parse(stat: &str) -> Option<Ticks> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Ticks { total: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_busy() {
        let stat = "cpu  10 0 5 70 15 0 0 0 0 0\ncpu0 10 0 5 70 15 0 0 0 0 0\n";
        assert_eq!(parse(stat), Some(Ticks { total: 100, idle: 85 }));
        assert_eq!(parse("cpu0 1 2 3"), None);
    }
}
