//! The lock port's promises.
//!
//! Time is measured in shares of the leases' time to live: what must happen at once may take half of it, so that it
//! can't be mistaken for what an expiry does.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

crate::cases!(Bed;
    a_second_holder_waits,
    different_names_do_not_wait,
    waiting_ends,
    releasing_wakes_the_next,
    dropping_releases,
    waiters_are_served_in_order,
    a_waiter_that_gives_up_is_skipped,
    fences_rise,
    an_expired_lease_is_lost,
    a_late_release_harms_nobody,
    many_waiters_all_get_their_turn,
    names_are_forgotten,
);

/// A lock that nobody else uses, with what the cases must know of it.
pub struct Bed {
    lock: Arc<dyn Lock>,
    ttl: Duration,
    count: Option<Count>,
}

/// Counts the names that the lock service keeps at this moment.
pub type Count = Box<dyn Fn() -> Pin<Box<dyn Future<Output = usize>>>>;

impl Bed {
    /// A bed for a lock whose leases live for `ttl` and are not renewed behind the caller's back. Half a second is the
    /// least; a service far away, or a busy machine, wants more.
    pub fn new(lock: Arc<dyn Lock>, ttl: Duration) -> Self {
        Self { lock, ttl, count: None }
    }

    /// Counts names by asking the lock service: for an adapter whose [`Lock::names`] can't tell.
    pub fn counting(self, count: Count) -> Self {
        Self { count: Some(count), ..self }
    }

    /// An acquire that has to succeed without anything expiring.
    async fn at_once(&self, name: &str) -> Box<dyn Lease> {
        let lease = within(self.ttl / 2, self.lock.acquire(name, self.ttl / 2)).await;
        lease.unwrap_or_else(|error| panic!("{name} should be free: {error}"))
    }

    /// Waits long enough to be in line, in a service far away too.
    async fn a_moment(&self) {
        sleep(self.ttl / 20).await;
    }

    /// An acquire that comes while the name is held, waits a moment and is given up.
    async fn give_up(&self, name: &str) {
        let given_up = timeout(self.ttl / 20, self.lock.acquire(name, PATIENCE)).await;
        assert!(given_up.is_err(), "{name} was granted while held");
    }

    async fn assert_held(&self, name: &str) {
        let second = within(self.ttl, self.lock.acquire(name, self.ttl / 4)).await;
        assert_eq!(second.err(), Some(LockError::Busy), "{name} has two holders");
    }

    async fn names(&self) -> usize {
        match (self.lock.names(), &self.count) {
            (Some(names), _) => names,
            (None, Some(count)) => count().await,
            (None, None) => panic!("neither the lock nor its bed can count the names"),
        }
    }
}

/// For what has to happen, but not at once.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    timeout(limit, work).await.unwrap_or_else(|_| panic!("not done within {limit:?}"))
}

async fn a_second_holder_waits(bed: Bed) {
    let first = bed.at_once("order").await;
    assert!(first.is_held());
    bed.assert_held("order").await;
    assert!(first.is_held());
    first.release().await;
    assert!(bed.at_once("order").await.is_held());
}

async fn different_names_do_not_wait(bed: Bed) {
    let mut held = Vec::new();
    for name in ["order", "order1", "orde", "ORDER", "order/1", "or der", "Bestellung-é", ""] {
        held.push(bed.at_once(name).await);
    }
    assert!(held.iter().all(|lease| lease.is_held()));
}

async fn waiting_ends(bed: Bed) {
    let _held = bed.at_once("order").await;
    let (wait, since) = (bed.ttl / 4, Instant::now());
    let waited = within(bed.ttl * 3, bed.lock.acquire("order", wait)).await;
    assert_eq!(waited.err(), Some(LockError::Busy));
    assert!(since.elapsed() >= wait, "gave up after {:?} of {wait:?}", since.elapsed());
    assert!(since.elapsed() < bed.ttl * 3 / 4, "waited {:?} instead of {wait:?}", since.elapsed());
}

async fn releasing_wakes_the_next(bed: Bed) {
    let held = bed.at_once("order").await;
    let lock = bed.lock.clone();
    let next =
        tokio::spawn(async move { lock.acquire("order", PATIENCE).await.map(|lease| lease.is_held()) });
    bed.a_moment().await;
    assert!(!next.is_finished(), "let in while held");
    held.release().await;
    assert_eq!(within(bed.ttl / 2, next).await.expect("no panic"), Ok(true));
}

async fn dropping_releases(bed: Bed) {
    drop(bed.at_once("order").await);
    let held = bed.at_once("order").await;
    let (_, next) = tokio::join!(
        async {
            bed.a_moment().await;
            drop(held);
        },
        bed.at_once("order"),
    );
    assert!(next.is_held());
}

async fn waiters_are_served_in_order(bed: Bed) {
    let held = bed.at_once("order").await;
    let (served, mut line) = (Mutex::new(Vec::new()), FuturesUnordered::new());
    let come = async |waiter: usize| {
        let lease = bed.lock.acquire("order", PATIENCE).await.expect("a turn");
        served.lock().expect("no panic").push(waiter);
        lease.release().await;
    };
    for waiter in 0..8 {
        line.push(come(waiter));
        // The line is driven during the moment, so that the waiter is in it before the next one comes.
        assert!(timeout(bed.ttl / 20, line.next()).await.is_err(), "let in while held");
    }
    held.release().await;
    within(PATIENCE, line.collect::<Vec<()>>()).await;
    let mut served = served.lock().expect("no panic").clone();
    if !bed.lock.fair() {
        served.sort_unstable();
    }
    assert_eq!(served, [0, 1, 2, 3, 4, 5, 6, 7]);
}

async fn a_waiter_that_gives_up_is_skipped(bed: Bed) {
    let held = bed.at_once("order").await;
    let short = within(bed.ttl / 2, bed.lock.acquire("order", bed.ttl / 20)).await;
    assert_eq!(short.err(), Some(LockError::Busy));
    bed.give_up("order").await;
    let mut last = Box::pin(bed.lock.acquire("order", PATIENCE));
    assert!(timeout(bed.ttl / 20, &mut last).await.is_err(), "let in while held");
    held.release().await;
    // The turn of this one has come, but it goes without having looked.
    drop(last);
    bed.at_once("order").await.release().await;
}

async fn fences_rise(bed: Bed) {
    let mut highest = None;
    let mut note = |lease: &dyn Lease| {
        assert!(Some(lease.fence()) > highest, "{} after {highest:?}", lease.fence());
        highest = Some(lease.fence());
    };
    for round in 0..20 {
        let held = bed.at_once("order").await;
        note(&*held);
        let (_, next) = tokio::join!(held.release(), bed.at_once("order"));
        note(&*next);
        bed.at_once(&format!("another {round}")).await.release().await;
    }
    let lost = bed.at_once("order").await;
    note(&*lost);
    let next = within(bed.ttl * 3, bed.lock.acquire("order", bed.ttl * 3)).await.expect("the lost lease");
    note(&*next);
}

async fn an_expired_lease_is_lost(bed: Bed) {
    let since = Instant::now();
    let (lost, unwanted) = (bed.at_once("order").await, bed.at_once("unwanted").await);
    assert!(lost.is_held() && unwanted.is_held());
    let next = within(bed.ttl * 3, bed.lock.acquire("order", bed.ttl * 3)).await;
    let next = next.expect("the lost lease");
    assert!(since.elapsed() >= bed.ttl / 2, "lost after {:?}", since.elapsed());
    assert!(next.is_held() && !lost.is_held());
    sleep((since + bed.ttl * 5 / 4).saturating_duration_since(Instant::now())).await;
    assert!(!lost.is_held() && !unwanted.is_held());
    bed.at_once("unwanted").await.release().await;
}

async fn a_late_release_harms_nobody(bed: Bed) {
    let (released, dropped) = (bed.at_once("released").await, bed.at_once("dropped").await);
    let next = async |name| within(bed.ttl * 3, bed.lock.acquire(name, bed.ttl * 3)).await.expect("a turn");
    let (first, second) = tokio::join!(next("released"), next("dropped"));
    released.release().await;
    drop(dropped);
    tokio::join!(bed.assert_held("released"), bed.assert_held("dropped"));
    assert!(first.is_held() && second.is_held());
}

async fn many_waiters_all_get_their_turn(bed: Bed) {
    let (inside, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut waiters = JoinSet::new();
    for _ in 0..1000 {
        let (lock, inside, turns) = (bed.lock.clone(), inside.clone(), turns.clone());
        waiters.spawn(async move {
            let lease = lock.acquire("order", PATIENCE).await.expect("a turn");
            assert!(!inside.swap(true, Ordering::SeqCst), "two inside at once");
            tokio::task::yield_now().await;
            turns.fetch_add(1, Ordering::SeqCst);
            inside.store(false, Ordering::SeqCst);
            lease.release().await;
        });
    }
    waiters.join_all().await;
    assert_eq!(turns.load(Ordering::SeqCst), 1000);
}

async fn names_are_forgotten(bed: Bed) {
    for number in 0..200 {
        bed.at_once(&format!("order {number}")).await.release().await;
    }
    let (released, dropped) = (bed.at_once("released").await, bed.at_once("dropped").await);
    bed.give_up("released").await;
    let waited = within(bed.ttl / 2, bed.lock.acquire("dropped", bed.ttl / 20)).await;
    assert_eq!(waited.err(), Some(LockError::Busy));
    assert!(bed.names().await >= 2, "two names are held");
    released.release().await;
    drop(dropped);
    let since = Instant::now();
    while bed.names().await > 0 {
        assert!(since.elapsed() < bed.ttl * 2, "{} names are left", bed.names().await);
        bed.a_moment().await;
    }
}
