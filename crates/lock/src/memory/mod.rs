//! Locks the names of one process: first come, first served, and a holder that hangs is passed over.
//!
//! A lease is not renewed: it lives for the lock's time to live, then the next in line may have the name. Whoever holds
//! one for milliseconds, as the shop does, never sees it end.
//!
//! There is no task in the background. A waiter has a timer of its own, which also notices a holder that is overdue; a
//! name that is free is granted without one.

pub(crate) mod line;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};
use tokio::sync::oneshot::Receiver;
use tokio::time::{Instant, timeout_at};

use crate::{Config, Look};
use line::{Lines, Turn};

/// The lock of a node that is alone. Waiting needs a Tokio runtime with its timer.
pub struct MemoryLock {
    lines: Arc<Mutex<Lines>>,
}

impl MemoryLock {
    /// How long a lease lives where nothing else is said.
    pub const DEFAULT_TTL: Duration = Duration::from_secs(30);

    /// A lock whose leases live for `ttl`.
    pub fn new(ttl: Duration) -> Arc<Self> {
        Arc::new(Self { lines: Arc::new(Mutex::new(Lines::new(ttl))) })
    }
}

/// Opens a lock of this process. Takes no notice of the configuration.
///
/// # Errors
/// None.
pub async fn open(_: &Config) -> Result<Arc<dyn Lock>, Infallible> {
    Ok(MemoryLock::new(MemoryLock::DEFAULT_TTL))
}

/// Looks at it: there is nothing that could be wrong.
///
/// # Errors
/// None.
pub async fn look(_: &Config) -> Result<Look, Infallible> {
    Ok(Look { seen: "for a single node".to_owned(), doubts: Vec::new() })
}

#[async_trait]
impl Lock for MemoryLock {
    async fn acquire(&self, name: &str, wait: Duration) -> Result<Box<dyn Lease>, LockError> {
        let now = Instant::now();
        let name = Arc::<str>::from(name);
        let (number, turn) = lock(&self.lines).join(name.clone(), now);
        let place = Place { lines: self.lines.clone(), name, number };
        let until = match turn {
            Turn::Now(until) => until,
            Turn::Later { turn, overdue } => {
                place.turn(turn, overdue, line::after(now, wait)).await.ok_or(LockError::Busy)?
            }
        };
        Ok(Box::new(MemoryLease { place, until }))
    }

    fn names(&self) -> Option<usize> {
        Some(lock(&self.lines).names())
    }
}

struct MemoryLease {
    place: Place,
    until: Instant,
}

#[async_trait]
impl Lease for MemoryLease {
    fn fence(&self) -> u64 {
        self.place.number
    }

    fn is_held(&self) -> bool {
        // Nobody is let in before this very instant, so the line needs no asking.
        Instant::now() < self.until
    }

    async fn release(self: Box<Self>) {}
}

/// A place in the line for a name. Dropping it gives it up, be it waiting, holding or long passed over; so a waiter that
/// is dropped in the moment of its turn passes the turn on.
struct Place {
    lines: Arc<Mutex<Lines>>,
    name: Arc<str>,
    number: u64,
}

impl Place {
    /// Waits for the turn and returns when the lease will end; `None` at the deadline. Passes over every holder that is
    /// `overdue` meanwhile.
    async fn turn(
        &self,
        mut turn: Receiver<Instant>,
        mut overdue: Instant,
        deadline: Instant,
    ) -> Option<Instant> {
        loop {
            if let Ok(until) = timeout_at(overdue.min(deadline), &mut turn).await {
                return until.ok();
            }
            let now = Instant::now();
            overdue = self.pass_over(now).unwrap_or(deadline);
            match turn.try_recv() {
                Ok(until) => return Some(until),
                Err(_) if now >= deadline => return None,
                Err(_) => {}
            }
        }
    }

    /// Takes the name from a holder that is overdue, and returns when the one now holding it will be.
    fn pass_over(&self, now: Instant) -> Option<Instant> {
        let (overdue, call) = lock(&self.lines).pass_over(&self.name, now)?;
        call.into_iter().for_each(line::Call::tell);
        Some(overdue)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let call = lock(&self.lines).leave(&self.name, self.number, Instant::now());
        call.into_iter().for_each(line::Call::tell);
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().expect("nothing panics while the lines are locked")
}
