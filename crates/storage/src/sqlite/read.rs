//! Reading: short reads on the caller's thread, long ones on a few threads of their own.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use digota_core::port::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connect;
use super::error::failed;
use super::writer::Stopped;

/// Threads for long reads.
const THREADS: usize = 2;

/// The most long reads that wait; more are turned away at once.
const QUEUE_MAX: usize = 1024;

/// Reads from one database.
pub(super) struct Readers {
    source: Arc<Source>,
    queue: Option<SyncSender<Job>>,
    waiting: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

struct Source {
    path: PathBuf,
    stopped: Stopped,
}

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The connections of this thread. Those of closed stores go when the thread opens the next one, or ends.
    static CONNECTIONS: RefCell<Vec<(Weak<Source>, Connection)>> = const { RefCell::new(vec![]) };
}

impl Readers {
    /// Starts the threads for long reads.
    pub(super) fn start(path: PathBuf, stopped: Stopped) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |number| {
            let jobs = jobs.clone();
            let thread = std::thread::Builder::new().name(format!("digota-read-{number}"));
            thread.spawn(move || run(&jobs))
        };
        let threads = (1..=THREADS).map(start).collect::<Result<_, _>>()?;
        let source = Arc::new(Source { path, stopped });
        Ok(Self { source, queue: Some(queue), waiting: Arc::default(), threads })
    }

    /// Fails once the disk can't be trusted any more.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.source.check()
    }

    /// A read of a few rows, on this thread.
    pub(super) fn short<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.source.read(read)
    }

    /// How many long reads wait for their turn.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A read of many rows, on a thread where nobody waits for anything else.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let source = self.source.clone();
        let waits = Waits::new(&self.waiting);
        let job = move || {
            drop(waits);
            drop(reply.send(source.read(read)));
        };
        let queue = self.queue.as_ref().expect("taken only by drop");
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Unavailable("its readers failed; restart".into()),
        })?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Broken("a read panicked".into())))
    }
}

/// A read that waits.
struct Waits(Arc<AtomicU64>);

impl Waits {
    fn new(waiting: &Arc<AtomicU64>) -> Waits {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waits(Arc::clone(waiting))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            drop(thread.join()); // A read that panicked has failed its caller already.
        }
    }
}

impl Source {
    fn check(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            Some(why) => Err(StoreError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    fn read<T>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.check()?;
        let connection = self.connection().map_err(|error| failed(&error))?;
        let outcome = read(&connection).map_err(|error| failed(&error));
        // A connection that failed is closed, and so is one in a read that panics.
        if outcome.is_ok() {
            CONNECTIONS.with_borrow_mut(|all| all.push((Arc::downgrade(self), connection)));
        }
        outcome
    }

    fn connection(self: &Arc<Self>) -> rusqlite::Result<Connection> {
        let kept = CONNECTIONS.with_borrow_mut(|all| {
            let at = all.iter().position(|(source, _)| std::ptr::eq(source.as_ptr(), Arc::as_ptr(self)))?;
            Some(all.swap_remove(at).1)
        });
        match kept {
            Some(connection) => Ok(connection),
            None => {
                CONNECTIONS.with_borrow_mut(|all| all.retain(|(source, _)| source.strong_count() > 0));
                connect::reader(&self.path)
            }
        }
    }
}

fn run(jobs: &Mutex<Receiver<Job>>) {
    loop {
        digota_heap::at_rest();
        // The guard goes before the job runs, so that the other thread can take the next one.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a read panicked");
        }
    }
}
