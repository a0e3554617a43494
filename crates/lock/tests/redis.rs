//! Locks of several nodes in one Redis: what they promise each other, and what it costs them when it dies, forgets or freezes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use digota_conformance::{Trial, run, without};
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};
use digota_lock::redis::Pace;
use digota_lock::{Config, RedisLock};
use digota_servers::{REDIS, Redis};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

#[path = "redis/opening.rs"]
mod opening;

/// For what has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lists stories by their names.
macro_rules! stories {
    ($($name:path),+ $(,)?) => {
        vec![$(story(stringify!($name), || Box::pin($name()))),+]
    };
}

fn main() {
    let stories = stories![
        nodes_exclude_each_other_and_the_fence_rises,
        nodes_that_all_want_a_name_take_turns,
        within_a_node_who_comes_first_is_served_first,
        a_release_at_one_node_wakes_another,
        a_lease_is_renewed_but_not_for_ever,
        a_node_that_dies_is_passed_over,
        many_who_wait_ask_little,
        a_restart_is_told_to_holders_and_costs_others_waiting,
        a_flush_is_told_to_holders_and_the_fence_still_rises,
        a_redis_that_is_gone_is_told_at_once,
        a_frozen_redis_makes_nobody_wait_for_ever,
        a_redis_that_has_become_a_replica_is_left,
        opening::what_cannot_be_opened_says_why_and_no_secret,
        opening::a_user_with_few_rights_is_enough,
        opening::databases_and_prefixes_are_apart,
        opening::tls_is_spoken_and_the_certificate_verified,
        opening::a_look_finds_what_could_be_better,
    ];
    run(without(stories, REDIS.folder().err()));
}

type Story = std::pin::Pin<Box<dyn Future<Output = ()>>>;

fn story(name: &str, story: fn() -> Story) -> Trial {
    Trial::test(format!("redis::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async { timeout(2 * PATIENCE, story()).await.expect("it ends") });
        Ok(())
    })
}

fn config(redis: &Redis) -> Config {
    Config { address: redis.address(), prefix: "digota:".into(), ..Config::default() }
}

/// A node whose leases live for so many milliseconds, and are renewed.
async fn node(redis: &Redis, ttl: u64) -> Arc<RedisLock> {
    let pace = Pace { ttl: Duration::from_millis(ttl), held_max: PATIENCE };
    RedisLock::open(&config(redis), pace).await.expect("the lock opens")
}

async fn take(node: &RedisLock, name: &str) -> Box<dyn Lease> {
    node.acquire(name, PATIENCE).await.expect("a turn")
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// How often scripts were called.
fn asked(redis: &Redis) -> u64 {
    let stats = redis.command(&["INFO", "commandstats"]).expect("statistics");
    let calls = |line: &str| {
        let (command, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let is_ours = ["evalsha", "eval", "subscribe", "unsubscribe"].contains(&command);
        rest.split(',').next()?.parse::<u64>().ok().filter(|_| is_ours)
    };
    stats.lines().filter_map(calls).sum()
}

async fn nodes_exclude_each_other_and_the_fence_rises() {
    let redis = Redis::start().expect("Redis starts");
    let nodes = [node(&redis, 10_000).await, node(&redis, 10_000).await];
    let (inside, fence) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let mut visitors = JoinSet::new();
    for visitor in 0..200 {
        let (node, inside, fence) = (nodes[visitor % 2].clone(), inside.clone(), fence.clone());
        visitors.spawn(async move {
            let lease = take(&node, "order").await;
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold one name");
            assert!(fence.swap(lease.fence(), Ordering::SeqCst) < lease.fence(), "the fence fell");
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            if visitor % 3 == 0 { drop(lease) } else { lease.release().await }
        });
    }
    visitors.join_all().await;
    until("nothing is left", || redis.command(&["KEYS", "digota:lock:*"]) == Ok(String::new())).await;
}

/// A node is nearer to itself than to others, and would have a name that many want for itself.
async fn nodes_that_all_want_a_name_take_turns() {
    let redis = Redis::start().expect("Redis starts");
    let nodes = [node(&redis, 10_000).await, node(&redis, 10_000).await];
    let busy = nodes[0].clone();
    let crowd = tokio::spawn(async move {
        let visit = async || take(&busy, "order").await.release().await;
        loop {
            tokio::join!(visit(), visit(), visit());
        }
    });
    for _ in 0..20 {
        take(&nodes[1], "order").await.release().await;
    }
    crowd.abort();
}

async fn within_a_node_who_comes_first_is_served_first() {
    let redis = Redis::start().expect("Redis starts");
    let node = node(&redis, 10_000).await;
    let held = take(&node, "order").await;
    let (served, mut line) = (Arc::new(std::sync::Mutex::new(Vec::new())), JoinSet::new());
    for visitor in 0..20 {
        let (node, served) = (node.clone(), served.clone());
        line.spawn(async move {
            let lease = take(&node, "order").await;
            served.lock().expect("no panic").push(visitor);
            lease.release().await;
        });
        sleep(Duration::from_millis(10)).await;
    }
    held.release().await;
    line.join_all().await;
    assert_eq!(*served.lock().expect("no panic"), (0..20).collect::<Vec<_>>());
}

async fn a_release_at_one_node_wakes_another() {
    let redis = Redis::start().expect("Redis starts");
    let [one, other] = [node(&redis, 10_000).await, node(&redis, 10_000).await];
    let held = take(&one, "order").await;
    let next = tokio::spawn(async move { other.acquire("order", PATIENCE).await.map(|lease| lease.fence()) });
    // By now it looks once a second at most, and so does not find out by looking.
    let listens = || redis.command(&["PUBSUB", "CHANNELS"]).is_ok_and(|said| said == "digota:free:0:order");
    until("it listens", listens).await;
    sleep(Duration::from_millis(1500)).await;
    let (before, fence) = (asked(&redis), held.fence());
    held.release().await;
    assert!(next.await.expect("no panic").expect("a turn") > fence);
    let questions = asked(&redis) - before;
    assert!(questions <= 6, "{questions} questions for a release and a turn");
    until("nobody listens", || redis.command(&["PUBSUB", "CHANNELS"]) == Ok(String::new())).await;
}

async fn a_lease_is_renewed_but_not_for_ever() {
    let redis = Redis::start().expect("Redis starts");
    let pace = Pace { ttl: Duration::from_millis(600), held_max: Duration::from_secs(3) };
    let one = RedisLock::open(&config(&redis), pace).await.expect("the lock opens");
    let other = node(&redis, 600).await;
    let (since, held) = (Instant::now(), take(&one, "order").await);
    sleep(Duration::from_millis(1500)).await;
    assert!(held.is_held());
    assert_eq!(other.acquire("order", Duration::ZERO).await.err(), Some(LockError::Busy));
    take(&other, "order").await;
    assert!(!held.is_held() && since.elapsed() >= Duration::from_millis(2500), "{:?}", since.elapsed());
}

async fn a_node_that_dies_is_passed_over() {
    let redis = Redis::start().expect("Redis starts");
    let other = node(&redis, 10_000).await;
    let dying = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (config, pace) = (config(&redis), Pace { ttl: Duration::from_secs(1), held_max: PATIENCE });
    let hold = async move {
        let lock = RedisLock::open(&config, pace).await.expect("the lock opens");
        (take(&lock, "order").await, lock)
    };
    let (held, _lock) = dying.spawn(hold).await.expect("no panic");
    dying.shutdown_background();
    let fence = take(&other, "order").await.fence();
    assert!(fence > held.fence() && !held.is_held());
}

/// However many wait, Redis is asked by one of each node, and now and then.
async fn many_who_wait_ask_little() {
    let redis = Redis::start().expect("Redis starts");
    let nodes = [node(&redis, 60_000).await, node(&redis, 60_000).await];
    let held = take(&nodes[0], "order").await;
    let (mut crowd, before, since) = (JoinSet::new(), asked(&redis), Instant::now());
    let wait = Duration::from_secs(5);
    for visitor in 0..1000 {
        let node = nodes[visitor % 2].clone();
        crowd.spawn(async move { node.acquire("order", wait).await.err() });
    }
    let ends = crowd.join_all().await;
    assert!(ends.iter().all(|end| *end == Some(LockError::Busy)), "{ends:?}");
    let (questions, seconds) = (asked(&redis) - before, since.elapsed().as_secs() + 1);
    eprintln!("1000 waiters at two nodes for {wait:?}: {questions} questions in {seconds} s");
    // Each node asks at once, 50 ms later, 100 ms later and so on, at least half of that, then twice a second at most.
    let fair = 2 * (10 + 2 * seconds);
    assert!(questions <= fair, "{questions} questions in {seconds} s, {fair} at most");
    assert!(held.is_held());
}

async fn a_restart_is_told_to_holders_and_costs_others_waiting() {
    let mut redis = Redis::start().expect("Redis starts");
    let nodes = [node(&redis, 3000).await, node(&redis, 3000).await];
    let held = take(&nodes[0], "order").await;
    let fence = held.fence();
    let other = nodes[1].clone();
    let waits =
        tokio::spawn(async move { other.acquire("order", PATIENCE).await.map(|lease| lease.fence()) });
    sleep(Duration::from_millis(200)).await;
    redis.stop();
    redis.serve().expect("Redis starts again");
    // It has forgotten the lock, so that the one who waits gets it.
    let next = waits.await.expect("no panic").expect("a restart costs waiting, no more");
    assert!(next > fence, "{next} after {fence}");
    until("the holder knows", || !held.is_held()).await;
    held.release().await;
    assert!(take(&nodes[0], "order").await.fence() > next);
}

async fn a_flush_is_told_to_holders_and_the_fence_still_rises() {
    let redis = Redis::start().expect("Redis starts");
    let nodes = [node(&redis, 3000).await, node(&redis, 3000).await];
    let held = take(&nodes[0], "order").await;
    redis.command(&["FLUSHALL"]).expect("it forgets");
    let since = Instant::now();
    let next = take(&nodes[1], "order").await;
    assert!(next.fence() > held.fence());
    until("the holder knows", || !held.is_held()).await;
    assert!(since.elapsed() < Duration::from_secs(3), "sooner than the lease would have ended");
    held.release().await;
    assert!(next.is_held());
    assert_eq!(nodes[0].acquire("order", Duration::ZERO).await.err(), Some(LockError::Busy));
    // A counter that somebody has set far ahead is not set back.
    redis.command(&["SET", "digota:fence", "8000000000000000"]).expect("it is set");
    assert!(take(&nodes[0], "another").await.fence() > 8_000_000_000_000_000);
}

async fn a_redis_that_is_gone_is_told_at_once() {
    let mut redis = Redis::start().expect("Redis starts");
    let node = node(&redis, 1000).await;
    let held = take(&node, "order").await;
    redis.stop();
    let unavailable = |end: Result<Box<dyn Lease>, LockError>| {
        let Some(LockError::Unavailable(why)) = end.err() else { panic!("it is gone") };
        why
    };
    // A caller in the first moments hopes for two seconds, not for as long as it would wait for a lock.
    let since = Instant::now();
    let why = unavailable(node.acquire("another", PATIENCE).await);
    assert!(why.contains("Redis") && why.contains(&redis.address()), "{why}");
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
    // Later callers are told without any waiting.
    for _ in 0..1000 {
        unavailable(node.acquire("another", PATIENCE).await);
    }
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
    until("the holder knows", || !held.is_held()).await;
    held.release().await;
    redis.serve().expect("Redis starts again");
    let since = Instant::now();
    while let Err(error) = node.acquire("order", PATIENCE).await {
        assert!(matches!(error, LockError::Unavailable(_)) && since.elapsed() < PATIENCE, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn a_frozen_redis_makes_nobody_wait_for_ever() {
    let redis = Redis::start().expect("Redis starts");
    let node = node(&redis, 1000).await;
    let held = take(&node, "order").await;
    redis.freeze().expect("it stands still");
    let (since, mut crowd) = (Instant::now(), JoinSet::new());
    for visitor in 0..50 {
        let node = node.clone();
        let name = format!("order {}", visitor % 10);
        crowd.spawn(async move { node.acquire(&name, Duration::from_secs(5)).await.err() });
    }
    let ends = crowd.join_all().await;
    assert!(ends.iter().all(Option::is_some), "{ends:?}");
    assert!(ends.iter().any(|end| matches!(end, Some(LockError::Unavailable(_)))), "{ends:?}");
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
    until("the holder knows", || !held.is_held()).await;
    // Giving back ends too.
    timeout(PATIENCE / 2, held.release()).await.expect("a release ends");
    redis.thaw().expect("it goes on");
    let since = Instant::now();
    while let Err(error) = node.acquire("order", PATIENCE).await {
        assert!(since.elapsed() < PATIENCE, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// As after a failover: the former primary is a replica, of several addresses another one takes writes.
async fn a_redis_that_has_become_a_replica_is_left() {
    let [first, second] = [Redis::start().expect("Redis starts"), Redis::start().expect("Redis starts")];
    let port = |redis: &Redis| redis.address().rsplit_once(':').expect("a port").1.to_owned();
    second.command(&["REPLICAOF", "127.0.0.1", &port(&first)]).expect("it follows");
    let both = Config { address: format!("{},{}", second.address(), first.address()), ..config(&first) };
    let pace = Pace { ttl: Duration::from_secs(3), held_max: PATIENCE };
    let node = RedisLock::open(&both, pace).await.expect("the lock opens at the one that takes writes");
    let held = take(&node, "order").await;
    assert_eq!(first.command(&["EXISTS", "digota:lock:order"]).as_deref(), Ok("1"));
    second.command(&["REPLICAOF", "NO", "ONE"]).expect("it takes over");
    first.command(&["REPLICAOF", "127.0.0.1", &port(&second)]).expect("it follows");
    let another = take(&node, "another").await;
    assert!(another.fence() > held.fence());
    assert_eq!(second.command(&["EXISTS", "digota:lock:another"]).as_deref(), Ok("1"));
}
