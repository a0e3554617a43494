//! A process: futures that die together.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use tokio::runtime::{Builder, Handle, Runtime};

/// A process of a world.
pub(super) struct Process {
    running: Option<Running>,
    handle: Option<Handle>,
    /// Stopped for a while.
    pub(super) frozen: bool,
}

/// What runs a process: a runtime of its own, without a thread, a timer or I/O. It dies by being dropped.
pub(super) struct Running {
    runtime: Runtime,
    /// Woken when nothing in the process can go on.
    idle: Arc<Mutex<Option<Waker>>>,
}

impl Process {
    pub(super) fn new() -> Process {
        let idle: Arc<Mutex<Option<Waker>>> = Arc::default();
        let bell = Arc::clone(&idle);
        let ring = move || {
            if let Some(waker) = bell.lock().unwrap_or_else(PoisonError::into_inner).take() {
                waker.wake();
            }
        };
        let runtime = Builder::new_current_thread().on_thread_park(ring).build();
        let runtime = runtime.expect("a runtime without drivers needs nothing that could be missing");
        let handle = Some(runtime.handle().clone());
        Process { running: Some(Running { runtime, idle }), handle, frozen: false }
    }

    /// Where futures of the process are spawned, while it lives.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.handle.clone()
    }

    pub(super) fn lives(&self) -> bool {
        self.handle.is_some()
    }

    pub(super) fn die(&mut self) {
        self.handle = None;
    }

    /// What is to run now: a dead process once more, so that whoever takes it can bury it.
    pub(super) fn take(&mut self) -> Option<Running> {
        if self.frozen && self.lives() { None } else { self.running.take() }
    }

    /// Takes back what has run; returns what must be dropped.
    pub(super) fn take_back(&mut self, running: Running) -> Option<Running> {
        if self.lives() {
            self.running = Some(running);
            return None;
        }
        Some(running)
    }
}

impl Running {
    /// Polls all that can go on, until nothing can.
    pub(super) fn run_until_idle(&mut self) {
        let idle = Arc::clone(&self.idle);
        let mut begun = false;
        self.runtime.block_on(poll_fn(move |context| {
            if begun {
                return Poll::Ready(());
            }
            begun = true;
            *idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
            Poll::Pending
        }));
    }
}
