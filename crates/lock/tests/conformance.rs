//! Every promise of the lock port, on every adapter.

use std::time::Duration;

use digota_conformance::lock::{Bed, CASES};
use digota_lock::{ADAPTERS, MemoryLock};

fn main() {
    let trials = |name: &&str| digota_conformance::trials(&format!("lock::{name}"), CASES, bed(name));
    digota_conformance::run(ADAPTERS.iter().flat_map(trials).collect());
}

fn bed(adapter: &str) -> fn() -> Bed {
    match adapter {
        "memory" => || Bed::new(MemoryLock::new(TTL), TTL),
        other => panic!("the adapter {other} has no test bed"),
    }
}

const TTL: Duration = Duration::from_secs(1);
