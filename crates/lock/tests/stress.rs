//! A thousand tasks that wait, give up, are dropped and aborted on three names: nobody shares a name, nothing is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use digota_core::port::Lock;
use digota_lock::MemoryLock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{sleep, timeout};

const NAMES: [&str; 3] = ["a", "b", "c"];
const TASKS: u64 = 1000;
const ROUNDS: usize = 20;

#[derive(Default)]
struct Seen {
    inside: [AtomicUsize; 3],
    fence: [AtomicU64; 3],
    turns: AtomicUsize,
    given_up: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_never_shared_and_nothing_is_left_behind() {
    let (lock, seen) = (MemoryLock::new(Duration::from_secs(600)), Arc::new(Seen::default()));
    let visit = |task| tokio::spawn(visit_often(lock.clone(), seen.clone(), StdRng::seed_from_u64(task)));
    let tasks: Vec<_> = (0..TASKS).map(visit).collect();
    sleep(Duration::from_millis(5)).await;
    tasks.iter().step_by(10).for_each(tokio::task::JoinHandle::abort);
    let mut aborted = 0;
    for task in tasks {
        match task.await {
            Ok(()) => {}
            Err(end) if end.is_cancelled() => aborted += 1,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    assert_eq!(lock.names(), Some(0));
    let (turns, given_up) = (seen.turns.load(Ordering::SeqCst), seen.given_up.load(Ordering::SeqCst));
    assert!(
        turns > 100 && given_up > 100 && aborted > 0,
        "{turns} turns, {given_up} given up, {aborted} aborted"
    );
}

/// Holders hang for longer than their lease lives: the line moves on all the same, and every turn comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hanging_holders_stop_nobody() {
    let lock = MemoryLock::new(Duration::from_millis(5));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let lock = lock.clone();
        tasks.spawn(async move {
            let lease = lock.acquire("name", Duration::from_secs(60)).await.expect("a turn");
            sleep(Duration::from_millis(if task % 20 == 0 { 20 } else { 0 })).await;
            lease.release().await;
        });
    }
    tasks.join_all().await;
    assert_eq!(lock.names(), Some(0));
}

async fn visit_often(lock: Arc<MemoryLock>, seen: Arc<Seen>, mut random: StdRng) {
    for _ in 0..ROUNDS {
        let name = random.random_range(0..NAMES.len());
        let (wait, drop_after) = (random.random_range(0..20), random.random_range(0..20));
        let acquire = lock.acquire(NAMES[name], Duration::from_millis(wait));
        let Ok(Ok(lease)) = timeout(Duration::from_millis(drop_after), acquire).await else {
            seen.given_up.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        let inside = Inside::enter(&seen.inside[name]);
        assert!(seen.fence[name].swap(lease.fence(), Ordering::SeqCst) < lease.fence(), "the fence fell");
        seen.turns.fetch_add(1, Ordering::SeqCst);
        if random.random_bool(0.1) {
            sleep(Duration::from_millis(1)).await;
        } else {
            tokio::task::yield_now().await;
        }
        drop(inside);
        if random.random_bool(0.5) {
            lease.release().await;
        }
    }
}

/// Somebody who holds the name; leaves before the lease does, however the task ends.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn enter(inside: &'a AtomicUsize) -> Self {
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold one name");
        Self(inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
