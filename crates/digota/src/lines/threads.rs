//! The threads that serve connections, each with a runtime of its own: what happens on a connection happens on one thread.
//!
//! Calls are short and connections are many. On a runtime that shares its tasks among threads each call and each reply would
//! wake one of them to take it from another; here replies that come at once are sent by the thread that has them all.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A thread per core. Once they are [told to](Threads::end), or the last clone is dropped, they end with all that runs on them.
#[derive(Clone)]
pub(crate) struct Threads {
    runtimes: Arc<[Handle]>,
    ending: Arc<DropGuard>,
    running: TaskTracker,
}

impl Threads {
    /// Starts them.
    pub(crate) fn start() -> io::Result<Threads> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let (ending, running) = (CancellationToken::new().drop_guard(), TaskTracker::new());
        let begin = |number| begin(number, ending.token().clone(), running.token());
        let runtimes = (0..count).map(begin).collect::<io::Result<_>>()?;
        Ok(Threads { runtimes, ending: Arc::new(ending), running })
    }

    /// The thread that has least to do: the one for the next connection.
    pub(super) fn idlest(&self) -> &Handle {
        let idlest = self.runtimes.iter().min_by_key(|runtime| runtime.metrics().num_alive_tasks());
        idlest.expect("there is one")
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Handle] {
        &self.runtimes
    }

    /// Ends them. Returns once all that ran on them is dropped.
    pub(crate) async fn end(self) {
        self.ending.token().cancel();
        self.running.close();
        self.running.wait().await;
    }
}

/// Starts a thread that serves until it is told to end.
fn begin(number: usize, end: CancellationToken, running: TaskTrackerToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().on_thread_park(digota_heap::at_rest).build()?;
    let handle = runtime.handle().clone();
    let serve = move || {
        runtime.block_on(end.cancelled());
        drop(runtime);
        drop(running);
    };
    thread::Builder::new().name(format!("digota-serve-{number}")).spawn(serve)?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::future::pending;
    use std::sync::mpsc::{TryRecvError, channel};

    use super::*;

    #[tokio::test]
    async fn a_connection_goes_where_least_is_done() {
        let threads = Threads::start().unwrap();
        let count = threads.all().len();
        let place = || {
            let idlest = threads.idlest();
            idlest.spawn(pending::<()>());
            idlest.id()
        };
        let round = || (0..count).map(|_| place()).collect::<HashSet<_>>();
        assert_eq!((round().len(), round().len()), (count, count), "all have one before one has two");
    }

    #[tokio::test]
    async fn what_runs_on_them_is_dropped_before_they_have_ended() {
        let threads = Threads::start().unwrap();
        let (held, dropped) = channel::<()>();
        threads.idlest().spawn(async move {
            pending::<()>().await;
            drop(held);
        });
        let other = threads.clone();
        threads.end().await;
        assert!(dropped.try_recv().is_err_and(|error| error == TryRecvError::Disconnected));
        drop(other);
    }

    #[tokio::test]
    async fn they_end_when_nobody_has_them_any_more() {
        let threads = Threads::start().unwrap();
        let (held, dropped) = channel::<()>();
        threads.idlest().spawn(async move {
            pending::<()>().await;
            drop(held);
        });
        drop(threads);
        assert!(dropped.recv().is_err(), "what the task held was dropped");
    }
}
