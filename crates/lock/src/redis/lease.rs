//! A lease that is held: renewed in time, given back in the end, known to be lost when it is.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use digota_core::port::lock::Lease;
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};

use super::Pace;
use super::place::{Grant, Place};

/// How many renewals fit into a time to live.
const RENEWALS: u32 = 3;

/// What its holder has of it. A task of its own keeps it.
pub(super) struct RedisLease {
    fence: u64,
    until: Until,
    /// Ends it; carries whom to tell when that is done. Dropping it ends it too.
    end: Sender<Sender<()>>,
}

/// When a lease ends, as far as is known.
#[derive(Clone)]
struct Until(Arc<Mutex<Instant>>);

impl Until {
    fn get(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl RedisLease {
    /// Holds what was granted.
    pub(super) fn hold(place: Place, grant: &Grant, pace: Pace, runtime: &tokio::runtime::Handle) -> Self {
        let until = Until(Arc::new(Mutex::new(grant.asked + pace.ttl)));
        let (end, ended) = channel();
        let keeper = Keeper { place, until: until.clone(), pace, last: grant.asked + pace.held_max };
        runtime.spawn(keeper.keep(grant.asked, ended));
        Self { fence: grant.fence, until, end }
    }
}

#[async_trait]
impl Lease for RedisLease {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn is_held(&self) -> bool {
        Instant::now() < self.until.get()
    }

    async fn release(self: Box<Self>) {
        let (done, is_done) = channel();
        if self.end.send(done).is_ok() {
            // A keeper that is gone has given it back.
            let _done = is_done.await;
        }
    }
}

/// Who renews a lease, and gives it back.
struct Keeper {
    place: Place,
    until: Until,
    pace: Pace,
    /// No renewal goes beyond this.
    last: Instant,
}

impl Keeper {
    async fn keep(mut self, granted: Instant, mut ended: Receiver<Sender<()>>) {
        self.place.listen_no_more().await;
        let holder = tokio::select! {
            biased;
            holder = &mut ended => holder.ok(),
            () = self.renew(granted) => None,
        };
        self.place.leave().await;
        if let Some(done) = holder {
            // Who does not wait for it need not know.
            let _told = done.send(());
        }
    }

    /// Renews the lease again and again, until it is lost or was held for too long.
    async fn renew(&mut self, granted: Instant) {
        let pause = self.pace.ttl / RENEWALS;
        let mut next = granted + pause;
        loop {
            let until = self.until.get();
            if next >= until || until >= self.last {
                sleep_until(until).await;
                tracing::warn!("a lock ended while it was held");
                return;
            }
            sleep_until(next).await;
            match self.place.keep(until).await {
                Ok(Some(asked)) => {
                    self.until.set((asked + self.pace.ttl).min(self.last.max(until)));
                    next = asked + pause;
                }
                Ok(None) => {
                    self.until.set(Instant::now());
                    tracing::warn!("the lock service has forgotten a lock that was held");
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "a lock was not renewed");
                    next = Instant::now() + pause / RENEWALS;
                }
            }
        }
    }
}
