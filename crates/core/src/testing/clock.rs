//! Time and identities in a test's hand.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use uuid::{Builder, Uuid};

use crate::port::{Clock, Ids};
use crate::time::Timestamp;

/// A clock that stands still until it is moved, or that flows as fast as it is slept on.
#[derive(Debug)]
pub struct ManualClock {
    flows: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    last: u64,
}

impl ManualClock {
    /// Stands at `now` until somebody moves it.
    pub fn standing(now: Timestamp) -> ManualClock {
        let state = State { now, sleepers: BTreeMap::new(), last: 0 };
        ManualClock { flows: false, state: Mutex::new(state) }
    }

    /// Starts at `now`. Who sleeps lets the others run once, then jumps to the moment at which the first sleeper wakes: nobody
    /// ever really waits.
    pub fn flowing(now: Timestamp) -> ManualClock {
        ManualClock { flows: true, ..ManualClock::standing(now) }
    }

    /// Sets the time, which may also jump back, and wakes whoever slept until then.
    pub fn set(&self, now: Timestamp) {
        self.state().reach(now);
    }

    /// Lets this much time pass.
    pub fn advance(&self, span: Duration) {
        let mut state = self.state();
        let later = state.now.after(span);
        state.reach(later);
    }

    /// How many sleep.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reach(&mut self, now: Timestamp) {
        self.now = now;
        let still = self.sleepers.split_off(&(now, u64::MAX));
        for waker in std::mem::replace(&mut self.sleepers, still).into_values() {
            waker.wake();
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    async fn sleep(&self, span: Duration) {
        let sleep = {
            let mut state = self.state();
            state.last += 1;
            Sleep { clock: self, bed: (state.now.after(span), state.last), turned: false }
        };
        sleep.await;
    }
}

struct Sleep<'a> {
    clock: &'a ManualClock,
    bed: (Timestamp, u64),
    turned: bool,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if self.clock.flows && self.turned && state.now < self.bed.0 {
            let first = state.sleepers.keys().next().map_or(self.bed.0, |(until, _)| *until);
            let later = state.now.max(first);
            state.reach(later);
        }
        if state.now >= self.bed.0 {
            state.sleepers.remove(&self.bed);
            return Poll::Ready(());
        }
        state.sleepers.insert(self.bed, context.waker().clone());
        drop(state);
        self.turned = true;
        if self.clock.flows {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.bed);
    }
}

/// Counts identities up: the same for the same seed, different for different seeds below 4096.
#[derive(Debug)]
pub struct CountingIds {
    seed: u16,
    last: AtomicU64,
}

impl CountingIds {
    /// Starts counting.
    pub fn new(seed: u16) -> CountingIds {
        CountingIds { seed, last: AtomicU64::new(0) }
    }
}

impl Ids for CountingIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let count = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rest = [0; 10];
        rest[..2].copy_from_slice(&self.seed.to_be_bytes());
        rest[2..].copy_from_slice(&count.to_be_bytes());
        let millis = u64::try_from(now.0 / 1000).unwrap_or_default();
        Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::join;

    const START: Timestamp = Timestamp(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_standing_clock_wakes_nobody_before_it_is_moved() {
        let clock = ManualClock::standing(START);
        let mut sleep = Box::pin(clock.sleep(SECOND));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(SECOND / 2);
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(SECOND / 2);
        assert!((&mut sleep).now_or_never().is_some());
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn a_sleep_that_is_dropped_is_forgotten() {
        let clock = ManualClock::standing(START);
        let mut sleep = Box::pin(clock.sleep(SECOND));
        assert!((&mut sleep).now_or_never().is_none());
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn on_a_flowing_clock_sleepers_wake_in_order() {
        let clock = ManualClock::flowing(START);
        let woken = Mutex::new(Vec::new());
        let nap = async |seconds: u32| {
            clock.sleep(SECOND * seconds).await;
            woken.lock().unwrap().push((seconds, clock.now()));
        };
        join(join(nap(3), nap(1)), nap(2)).await;
        let moments = woken.into_inner().unwrap();
        let expected = [1, 2, 3].map(|seconds| (seconds, START.after(SECOND * seconds)));
        assert_eq!(moments, expected);
    }

    #[test]
    fn ids_differ_rise_and_repeat_for_the_same_seed() {
        let (ids, same, other) = (CountingIds::new(1), CountingIds::new(1), CountingIds::new(2));
        let (first, second) = (ids.next(START), ids.next(START));
        assert!(first < second);
        assert_eq!((first, second), (same.next(START), same.next(START)));
        assert_ne!(first, other.next(START));
        assert_eq!(first.get_version_num(), 7);
    }
}
