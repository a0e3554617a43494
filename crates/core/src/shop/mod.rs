//! What can be done in the shop: one method per rpc, and the janitor that finishes what was left unfinished.
//!
//! Reads go straight to the store. Plain writes are one commit. Whatever moves money goes through two commits with the gateway
//! between them: [`checkout`] and [`returns`] begin, [`settle`] ends, [`janitor`] ends what nobody else does, and [`late`] takes
//! what comes after the end. [`desk`] is for the operator.

mod changes;
pub mod checkout;
pub mod desk;
pub mod events;
pub mod janitor;
pub mod keys;
mod late;
pub mod orders;
pub mod payments;
pub mod products;
mod records;
pub mod returns;
mod seen;
mod settle;
pub mod skus;
mod summary;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;

use crate::error::{Error, Reason, Result};
use crate::id::{ChargeId, NodeId};
use crate::payment::Provider;
use crate::port::store::Kind;
use crate::port::{Clock, Gateway, Ids, Lock, Store, lock};
use crate::time::Timestamp;

pub use checkout::{Paid, Pay};
pub use keys::Key;

/// The shop: the use cases over its ports.
pub struct Shop {
    store: Arc<dyn Store>,
    lock: Arc<dyn Lock>,
    gateways: BTreeMap<Provider, Arc<dyn Gateway>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    policy: Policy,
    node: NodeId,
    in_flight: AtomicUsize,
    nudged: janitor::Nudges,
}

/// What the shop works with.
pub struct Ports {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where nodes wait for each other.
    pub lock: Arc<dyn Lock>,
    /// Where money moves, by provider.
    pub gateways: BTreeMap<Provider, Arc<dyn Gateway>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
}

/// What the operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long after it was made an order can be paid.
    pub order_ttl: Duration,
    /// How long to wait for another request on the same order or charge.
    pub lock_wait: Duration,
    /// How many payments may wait for gateways at once.
    pub payments_in_flight_max: usize,
    /// How much longer than its gateway's limit a payment belongs to the node that sends it: room for a slow commit, and for
    /// clocks that differ. Nothing wrong happens after it, but work may be done twice.
    pub lease_slack: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            order_ttl: Duration::from_secs(30 * 60),
            lock_wait: Duration::from_secs(5),
            payments_in_flight_max: 4096,
            lease_slack: Duration::from_secs(30),
        }
    }
}

/// On what terms a caller waits for a write.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The caller's idempotency key.
    pub key: Option<Key>,
    /// Until when there must be an answer, if only that there is none yet.
    pub answer_by: Timestamp,
    /// Whether "not final yet" is an answer that the caller understands.
    pub allow_pending: bool,
    /// Says which charge it is about as soon as there is one, and is told when nobody waits any more.
    pub progress: Progress,
}

impl Terms {
    /// Without a key, until this moment, final answers only.
    pub fn until(answer_by: Timestamp) -> Terms {
        Terms { key: None, answer_by, allow_pending: false, progress: Progress::default() }
    }
}

/// How far a request has got, for whoever has to answer before it is done, and whether anybody still waits for it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Reached>);

#[derive(Debug, Default)]
struct Reached {
    charge: OnceLock<ChargeId>,
    left: AtomicBool,
}

impl Progress {
    /// The charge that it is about, once there is one.
    pub fn charge(&self) -> Option<ChargeId> {
        self.0.charge.get().copied()
    }

    /// Says that nobody waits any more: what has not begun by now must not begin.
    pub fn leave(&self) {
        self.0.left.store(true, Ordering::Relaxed);
    }

    fn is_left(&self) -> bool {
        self.0.left.load(Ordering::Relaxed)
    }

    fn reached(&self, charge: ChargeId) {
        // A request that starts over keeps the charge it named first.
        let _ = self.0.charge.set(charge);
    }
}

impl Shop {
    /// Opens the shop, as a new node.
    pub fn new(ports: Ports, policy: Policy) -> Shop {
        let node = NodeId(ports.ids.next(ports.clock.now()));
        Shop {
            store: ports.store,
            lock: ports.lock,
            gateways: ports.gateways,
            clock: ports.clock,
            ids: ports.ids,
            policy,
            node,
            in_flight: AtomicUsize::new(0),
            nudged: janitor::Nudges::default(),
        }
    }

    /// Who we are among the nodes; attempts that wait here for a gateway's answer name us as their owner.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The time, by the shop's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The shop's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The shop's store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// How many payments wait for their gateways.
    pub fn payments_waiting(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether the store can be read and the lock service answers.
    ///
    /// # Errors
    /// Which of them does not, and why.
    pub async fn reachable(&self) -> Result<()> {
        self.store.last_position().await?;
        match self.lock.acquire(&format!("ready:{}", self.node), Duration::from_millis(100)).await {
            Ok(lease) => lease.release().await,
            // Whoever says so answers.
            Err(lock::LockError::Busy) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether a caller still waits, by the clock and as far as is known.
    fn is_awaited(&self, terms: &Terms) -> bool {
        self.now() < terms.answer_by && !terms.progress.is_left()
    }

    fn id(&self) -> Uuid {
        self.ids.next(self.clock.now())
    }

    fn gateway(&self, provider: Provider) -> Result<&Arc<dyn Gateway>> {
        self.gateways.get(&provider).ok_or_else(|| {
            let message =
                format!("the payment provider {} is not configured on this server", provider.name());
            Error::refused(Reason::ProviderNotConfigured, message)
        })
    }

    async fn hold(&self, kind: Kind, id: Uuid) -> Result<Box<dyn lock::Lease>> {
        let name = format!("{}:{id}", kind.name());
        Ok(self.lock.acquire(&name, self.policy.lock_wait).await?)
    }

    /// Lets one more payment wait for its gateway, if there is room.
    fn enter(&self) -> Result<InFlight<'_>> {
        let guard = InFlight(&self.in_flight);
        if self.in_flight.fetch_add(1, Ordering::Relaxed) < self.policy.payments_in_flight_max {
            return Ok(guard);
        }
        Err(Error::Overloaded { what: "payment".into(), retry_after: Duration::from_secs(1) })
    }
}

/// A step that few payments take. It has memory of its own, so that not every payment carries room for it through the gateway's
/// answer: with all of them inside, that was 20 kB.
fn seldom<T>(step: impl Future<Output = T>) -> Pin<Box<impl Future<Output = T>>> {
    Box::pin(step)
}

/// A payment that waits for its gateway.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
