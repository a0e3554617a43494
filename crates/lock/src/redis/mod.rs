//! Locks names in a Redis server that several nodes share.
//!
//! - `address`, `error`: how servers are reached, and what they say. `look`: what an operator may want to know of them.
//! - `link`: the connection, made again when it was lost. `bells`: who is woken by what comes over it.
//! - `place`: a node's place in the line for a name. `take.lua`, `keep.lua`, `give.lua`: what it asks of Redis.
//! - `lease`: what a holder has, and the task that keeps it.
//!
//! A node's own visitors of a name line up in memory, first come, first served, and only the first of them asks Redis; so
//! Redis sees one visitor per name and node, however many wait. Where the name is held, that one listens to its release, and
//! looks at growing intervals in case it does not hear of it.
//!
//! A lease that Redis loses (a restart, a failover, an evicted key) is noticed at the next renewal. Until then two may hold
//! the name: that costs them a collision at the store, which decides.

mod address;
mod bells;
mod error;
mod lease;
mod link;
mod look;
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};
use rand::RngExt;
use tokio::time::Instant;

use crate::memory::line::after;
use crate::{Config, MemoryLock};
pub use error::OpenError;
use lease::RedisLease;
use link::Link;
pub use look::look;
use place::Place;

/// For how long names are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long a lease lives without renewal. It is renewed thrice in that time.
    pub ttl: Duration,
    /// How long it is renewed: a holder that hangs must not hold its name for ever.
    pub held_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(10), held_max: Duration::from_secs(60) }
    }
}

/// A lock in a Redis server.
pub struct RedisLock {
    node: Arc<Node>,
    /// The lines of this node's own visitors.
    lines: Arc<MemoryLock>,
}

/// What all places of a node share.
struct Node {
    link: Arc<Link>,
    pace: Pace,
    /// Unlike every other node's.
    id: String,
    tokens: AtomicU64,
    fence: AtomicU64,
    fence_key: String,
    prefix: String,
    /// Channels are common to all databases of a server, so their names say which one it is about.
    database: i64,
}

impl RedisLock {
    /// Connects to the first of the configured servers that takes writes.
    ///
    /// # Errors
    /// Says what to do where there is none, or it does not let us in.
    pub async fn open(config: &Config, pace: Pace) -> Result<Arc<Self>, OpenError> {
        let hosts = address::read(config)?;
        let database = hosts[0].client.get_connection_info().redis_settings().db();
        let fence_key = fence_key(&config.prefix);
        let node = Node {
            link: Link::open(hosts, &fence_key).await.map_err(error::Refusal::open_error)?,
            pace,
            id: format!("{:032x}", rand::random::<u128>()),
            tokens: AtomicU64::new(0),
            fence: AtomicU64::new(0),
            fence_key,
            prefix: config.prefix.clone(),
            database,
        };
        Ok(Arc::new(Self { node: Arc::new(node), lines: MemoryLock::new(Duration::MAX) }))
    }
}

/// Opens the lock that the configuration names.
///
/// # Errors
/// As [`RedisLock::open`].
pub async fn open(config: &Config) -> Result<Arc<dyn Lock>, OpenError> {
    Ok(RedisLock::open(config, Pace::default()).await?)
}

#[async_trait]
impl Lock for RedisLock {
    async fn acquire(&self, name: &str, wait: Duration) -> Result<Box<dyn Lease>, LockError> {
        let deadline = after(Instant::now(), wait);
        self.node.link.check()?;
        let turn = self.lines.acquire(name, wait).await?;
        let mut place = Place::new(&self.node, name, turn);
        let grant = place.wait(deadline).await?;
        Ok(Box::new(RedisLease::hold(place, &grant, self.node.pace, &self.node.link.runtime)))
    }

    /// Strictly in order within a node; nodes take turns.
    fn fair(&self) -> bool {
        false
    }
}

impl Node {
    fn token(&self) -> String {
        format!("{}:{}", self.id, self.tokens.fetch_add(1, Ordering::Relaxed))
    }

    fn ttl_ms(&self) -> u64 {
        place::ms(self.pace.ttl)
    }

    fn highest_fence(&self) -> u64 {
        self.fence.load(Ordering::Relaxed)
    }

    fn note_fence(&self, fence: u64) {
        self.fence.fetch_max(fence, Ordering::Relaxed);
    }
}

/// Where the fence is counted.
fn fence_key(prefix: &str) -> String {
    format!("{prefix}fence")
}

/// Between half of a span and all of it, so that nodes don't keep step.
fn jittered(span: Duration) -> Duration {
    span / 2 + span * rand::rng().random_range(0..=50) / 100
}
