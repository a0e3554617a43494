//! Every open connection, from accept to close: how many there may be, and which of them has to go.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use digota_grpc::Line;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::threads::Threads;

/// All open connections.
pub(crate) struct Lines {
    max: usize,
    threads: Threads,
    tasks: TaskTracker,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// Those whose handshake is not finished: nobody knows who they are.
    arriving: BTreeMap<u64, Entry>,
    serving: BTreeMap<u64, Served>,
}

struct Entry {
    peer: SocketAddr,
    task: AbortHandle,
}

/// A connection that may call, as the warden sees it.
pub(super) struct Served {
    entry: Entry,
    pub(super) since: Instant,
    pub(super) line: Arc<Line>,
    /// Whether it has begun to speak HTTP/2.
    pub(super) begun: Arc<AtomicBool>,
    pub(super) leaving: Option<Instant>,
    pub(super) replies_seen: Instant,
    /// In thousandths, what its age counts: not all that came together shall go together.
    pub(super) pace: u32,
}

/// What became of a connection that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It has a place.
    Yes,
    /// It has the place of the one that took longest to arrive.
    InPlaceOf(SocketAddr),
    /// It was closed: all places are taken.
    No,
}

impl Lines {
    pub(crate) fn new(max: usize, threads: Threads) -> Arc<Lines> {
        Arc::new(Lines { max, threads, tasks: TaskTracker::new(), open: Mutex::default() })
    }

    /// Gives a connection a place and a thread, and runs what it is for. Where there is no place left, whoever has not finished
    /// arriving makes room, the oldest first: silence can't keep others out.
    pub(super) fn admit<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        peer: SocketAddr,
        run: impl FnOnce(Place) -> F,
    ) -> Admitted {
        let mut open = self.open();
        let mut admitted = Admitted::Yes;
        if open.arriving.len() + open.serving.len() >= self.max {
            let Some((_, oldest)) = open.arriving.pop_first() else { return Admitted::No };
            oldest.task.abort();
            admitted = Admitted::InPlaceOf(oldest.peer);
        }
        let id = open.next;
        open.next += 1;
        let place = Place { id, lines: Arc::clone(self) };
        // Under the lock: the task can't be done with its place before it has it.
        let task = self.tasks.spawn_on(run(place), self.threads.idlest()).abort_handle();
        open.arriving.insert(id, Entry { peer, task });
        admitted
    }

    /// How many connections have not finished arriving, and how many may call.
    pub(crate) fn count(&self) -> (usize, usize) {
        let open = self.open();
        (open.arriving.len(), open.serving.len())
    }

    /// Shows every connection that may call to `judge`, and ends those for which it finds a reason.
    pub(super) fn judge(&self, mut judge: impl FnMut(&mut Served) -> Option<&'static str>) -> Vec<Ended> {
        let mut ended = Vec::new();
        for served in self.open().serving.values_mut() {
            if let Some(reason) = judge(served) {
                served.entry.task.abort();
                ended.push(Ended { peer: served.entry.peer, reason });
            }
        }
        ended
    }

    /// Asks all connections to end in good order; those that have not finished arriving end at once.
    pub(crate) fn leave(&self) {
        let mut open = self.open();
        for entry in open.arriving.values() {
            entry.task.abort();
        }
        for served in open.serving.values_mut() {
            served.leave();
        }
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        let open = self.open();
        let serving = open.serving.values().map(|served| &served.entry);
        open.arriving.values().chain(serving).for_each(|entry| entry.task.abort());
    }

    /// Returns once no connection is left. There may be no new ones by then.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the warden has ended.
pub(super) struct Ended {
    pub(super) peer: SocketAddr,
    pub(super) reason: &'static str,
}

impl Served {
    /// Asks it to end in good order.
    pub(super) fn leave(&mut self) {
        self.line.leave();
        self.leaving.get_or_insert_with(Instant::now);
    }

    /// How long it has been there.
    pub(super) fn age(&self) -> std::time::Duration {
        self.since.elapsed()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }
}

/// The place of a connection. Given back when dropped.
pub(super) struct Place {
    id: u64,
    lines: Arc<Lines>,
}

impl Place {
    /// Notes that the connection has arrived and may call. `begun` is set once it speaks HTTP/2.
    pub(super) fn arrived(&self, line: Arc<Line>, begun: Arc<AtomicBool>) {
        let mut open = self.lines.open();
        // Where it was told to make room, its task ends before it can do more.
        let Some(entry) = open.arriving.remove(&self.id) else { return };
        let now = Instant::now();
        let pace = 900 + rand::random_range(0..=200);
        let served = Served { entry, since: now, line, begun, leaving: None, replies_seen: now, pace };
        open.serving.insert(self.id, served);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.lines.open();
        open.arriving.remove(&self.id);
        open.serving.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::Ipv4Addr;

    use digota_grpc::{Crowd, Limits};

    use super::*;
    use crate::system::SystemClock;

    fn peer(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    async fn silence(place: Place) {
        pending::<()>().await;
        drop(place);
    }

    #[tokio::test]
    async fn who_has_not_arrived_makes_room_the_oldest_first() {
        let lines = Lines::new(2, Threads::start().unwrap());
        assert_eq!(lines.admit(peer(1), silence), Admitted::Yes);
        assert_eq!(lines.admit(peer(2), silence), Admitted::Yes);
        assert_eq!(lines.admit(peer(3), silence), Admitted::InPlaceOf(peer(1)));
        assert_eq!(lines.admit(peer(4), silence), Admitted::InPlaceOf(peer(2)));
        lines.cut();
        lines.ended().await;
        assert!(lines.open().arriving.is_empty());
    }

    #[tokio::test]
    async fn who_has_arrived_keeps_its_place_until_it_goes() {
        let lines = Lines::new(1, Threads::start().unwrap());
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (say, said) = tokio::sync::oneshot::channel();
        let share = Crowd::new(Limits::default(), Arc::new(SystemClock)).anybodys_share();
        lines.admit(peer(1), |place| async move {
            place.arrived(Arc::new(Line::new(share)), Arc::default());
            let _ = say.send(());
            let _ = gone.await;
        });
        said.await.unwrap();
        assert_eq!(lines.admit(peer(2), silence), Admitted::No);
        drop(go);
        while lines.admit(peer(3), silence) == Admitted::No {
            tokio::task::yield_now().await;
        }
    }
}
