//! Who keeps what busy: the places there are for calls, and each client's share of them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use digota_core::port::Clock;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tonic::Status;

use crate::access::Rpc;
use crate::limits::Limits;
use crate::rates::Buckets;
use crate::status;
use crate::throttle::Throttle;

/// A client with fewer calls under way than this may use the reserve.
const FEW: usize = 16;

/// When to try again what a client has too much of.
const LATER: Duration = Duration::from_secs(1);

/// All clients together.
pub struct Crowd {
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    calls: Count,
    reserve: Count,
    streams: Count,
    /// Pages worked on at once.
    pages: Semaphore,
    /// Keeps refusals for want of room from filling the log.
    pub(crate) quiet: Throttle,
    clients: Mutex<BTreeMap<String, Weak<Share>>>,
}

/// What one client keeps busy, over all its connections.
pub struct Share {
    crowd: Arc<Crowd>,
    /// Whether the bounds of a single client hold. Without TLS everybody would be one client.
    bounded: bool,
    connections: Count,
    calls: Count,
    streams: Count,
    /// Pages of this client worked on at once.
    pages: Semaphore,
    /// Bytes of requests that are not complete.
    arriving: Count,
    /// Bytes of large replies that were not taken yet.
    departing: Count,
    rates: Buckets,
}

impl Crowd {
    /// Nobody yet; within these limits.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Arc<Crowd> {
        Arc::new(Crowd {
            pages: Semaphore::new(2 * pages_per_client()),
            limits,
            clock,
            calls: Count::default(),
            reserve: Count::default(),
            streams: Count::default(),
            quiet: Throttle::default(),
            clients: Mutex::default(),
        })
    }

    /// The share of the client with this name; the same one for all its connections.
    pub fn share_of(self: &Arc<Self>, name: &str) -> Arc<Share> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = clients.get(name).and_then(Weak::upgrade) {
            return share;
        }
        clients.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new(Arc::clone(self), true));
        clients.insert(name.to_owned(), Arc::downgrade(&share));
        share
    }

    /// A share without bounds of its own, for callers that can't be told apart.
    pub fn anybodys_share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share::new(Arc::clone(self), false))
    }

    /// Whether no short call is being worked on.
    pub fn is_idle(&self) -> bool {
        self.calls.now() == 0 && self.reserve.now() == 0
    }
}

impl Share {
    fn new(crowd: Arc<Crowd>, bounded: bool) -> Share {
        Share {
            crowd,
            bounded,
            connections: Count::default(),
            calls: Count::default(),
            streams: Count::default(),
            pages: Semaphore::new(pages_per_client()),
            arriving: Count::default(),
            departing: Count::default(),
            rates: Buckets::default(),
        }
    }

    pub(crate) fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.crowd.limits
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.crowd.clock
    }

    /// Counts a connection; `None` where the client has as many as it may.
    pub fn connect(self: &Arc<Self>) -> Option<Connected> {
        let max = self.max(self.limits().connections_per_client_max);
        self.connections.add(1, max).then(|| Connected(Arc::clone(self)))
    }

    /// Refuses what this client does too often, or while it leaves too many replies lying.
    pub(crate) fn check(&self, rpc: Rpc) -> Result<(), Status> {
        if let Err(wait) = self.rates.take(rpc, &self.limits().rates, self.clock()) {
            return Err(status::client_limit(wait.setting, wait.span));
        }
        if self.departing.now() >= self.bytes_max() {
            return Err(status::client_limit("limits.message_bytes_max", LATER));
        }
        Ok(())
    }

    /// Whether there is a place among the short calls now. Holds none: who is slow to say what it wants keeps nobody out.
    pub(crate) fn room(&self) -> Result<(), Status> {
        let crowd = &self.crowd;
        let place = crowd.calls.now() < crowd.limits.in_flight_max;
        match place || (self.calls.now() < FEW && crowd.reserve.now() < crowd.limits.in_flight_reserve) {
            true => Ok(()),
            false => Err(status::overloaded()),
        }
    }

    /// A place among the short calls worked on at once.
    pub(crate) fn call(&self) -> Result<Call<'_>, Status> {
        let crowd = &self.crowd;
        if crowd.calls.add(1, crowd.limits.in_flight_max) {
            self.calls.add(1, usize::MAX);
            return Ok(Call { share: self, of: &crowd.calls });
        }
        if self.calls.now() < FEW && crowd.reserve.add(1, crowd.limits.in_flight_reserve) {
            self.calls.add(1, usize::MAX);
            return Ok(Call { share: self, of: &crowd.reserve });
        }
        Err(status::overloaded())
    }

    /// The turn of a page. A client's pages wait for each other before they wait for those of others: whoever asks for hundreds
    /// keeps itself busy, and everybody else gets a processor in between.
    pub(crate) async fn page(&self) -> (Turn<'_>, Turn<'_>) {
        (self.pages.acquire().await, self.crowd.pages.acquire().await)
    }

    /// A place among the calls that go on until their caller ends them.
    pub(crate) fn stream(self: &Arc<Self>) -> Result<Stream, Status> {
        let limits = self.limits();
        if !self.streams.add(1, self.max(limits.streams_per_client_max)) {
            return Err(status::client_limit("limits.streams_per_client_max", LATER));
        }
        if !self.crowd.streams.add(1, limits.streams_max) {
            self.streams.sub(1);
            return Err(status::overloaded());
        }
        Ok(Stream(Arc::clone(self)))
    }

    /// Room for a request that comes in pieces.
    pub(crate) fn arriving(&self) -> Arriving<'_> {
        Arriving { share: self, bytes: 0 }
    }

    /// Notes that a reply of this many bytes waits to be taken; [`Share::departed`] says that it does no more.
    pub(crate) fn departing(&self, bytes: usize) {
        self.departing.add(bytes, usize::MAX);
    }

    pub(crate) fn departed(&self, bytes: usize) {
        self.departing.sub(bytes);
    }

    fn max(&self, max: usize) -> usize {
        if self.bounded { max } else { usize::MAX }
    }

    /// What a client may have in memory in either direction: as if all places were filled with the largest requests.
    fn bytes_max(&self) -> usize {
        let limits = self.limits();
        self.max(limits.in_flight_max.saturating_mul(limits.request_bytes_max))
    }
}

/// The turn of a page. No semaphore here is ever closed, so there is always one.
type Turn<'a> = Result<SemaphorePermit<'a>, AcquireError>;

/// As many pages of one client are worked on at once as keep all processors busy, and those beside them that fetch records.
fn pages_per_client() -> usize {
    2 * std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// A connection that counts while this lives.
pub struct Connected(Arc<Share>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.sub(1);
    }
}

/// The place of a short call.
pub(crate) struct Call<'a> {
    share: &'a Share,
    of: &'a Count,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.of.sub(1);
        self.share.calls.sub(1);
    }
}

/// The place of a call that goes on.
pub(crate) struct Stream(Arc<Share>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.crowd.streams.sub(1);
        self.0.streams.sub(1);
    }
}

/// Room for a request that is not complete.
pub(crate) struct Arriving<'a> {
    share: &'a Share,
    bytes: usize,
}

impl Arriving<'_> {
    /// Makes room for so many bytes more.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Status> {
        if !self.share.arriving.add(more, self.share.bytes_max()) {
            return Err(status::client_limit("limits.message_bytes_max", LATER));
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.share.arriving.sub(self.bytes);
    }
}

/// How many there are of something.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts so many more, unless that makes more than `max`.
    fn add(&self, more: usize, max: usize) -> bool {
        let before = self.0.fetch_add(more, Ordering::Relaxed);
        let fits = before.saturating_add(more) <= max;
        if !fits {
            self.sub(more);
        }
        fits
    }

    fn sub(&self, fewer: usize) {
        self.0.fetch_sub(fewer, Ordering::Relaxed);
    }
}
