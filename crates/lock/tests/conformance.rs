//! Every promise of the lock port, on every adapter.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use digota_conformance::lock::{Bed, CASES};
use digota_conformance::{Trial, trials, without};
use digota_lock::redis::Pace;
use digota_lock::{ADAPTERS, Config, MemoryLock, RedisLock};
use digota_servers::{REDIS, Redis};

fn main() {
    digota_conformance::run(ADAPTERS.iter().flat_map(|name| of(name)).collect());
}

fn of(adapter: &str) -> Vec<Trial> {
    match adapter {
        "memory" => trials("lock::memory", CASES, || Bed::new(MemoryLock::new(TTL), TTL)),
        "redis" => {
            let server = Arc::new(OnceLock::new());
            without(trials("lock::redis", CASES, move || redis(&server)), REDIS.folder().err())
        }
        other => panic!("the adapter {other} has no test bed"),
    }
}

const TTL: Duration = Duration::from_secs(1);

/// A lock with keys of its own, whose leases are not renewed.
fn redis(server: &Arc<OnceLock<Redis>>) -> Bed {
    let redis = server.get_or_init(|| Redis::start().expect("Redis starts"));
    let config = Config { address: redis.address(), prefix: redis.prefix(), ..Config::default() };
    let pace = Pace { ttl: TTL, held_max: TTL };
    let open = RedisLock::open(&config, pace);
    let lock = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open));
    let (server, prefix) = (Arc::clone(server), config.prefix);
    let count = move || {
        let redis = server.get().expect("it was started");
        let lines = |words: &[&str]| {
            let said = redis.command(words).expect("Redis answers");
            said.lines().filter(|line| !line.is_empty()).count()
        };
        // Who waits listens. The fence is one for all names.
        let held = lines(&["--scan", "--pattern", &format!("{prefix}lock:*")]);
        let heard = lines(&["PUBSUB", "CHANNELS", &format!("{prefix}*")]);
        held + heard
    };
    Bed::new(lock.expect("the lock opens"), TTL)
        .counting(Box::new(move || Box::pin(std::future::ready(count()))))
}
