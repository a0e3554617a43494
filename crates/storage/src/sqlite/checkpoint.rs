//! When the log is moved into the database.
//!
//! A thread of its own follows the log in small steps while commits go on: a long step would keep the disk from them.
//! Once the log is long enough to begin anew, the writer moves the little that is left, between two groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::connect::BUSY_TIMEOUT;

/// Pages that the log grows by between two steps of the thread: 4 MiB. A page that changed twice meanwhile is moved once.
const STEP: i32 = 1000;

/// Pages from which on the writer moves what is left, so that the log begins anew: 16 MiB.
const ENOUGH: i32 = 4000;

/// Pages from which on readers are waited for, so that the log can begin anew: 64 MiB.
const LONG: i32 = 16_000;

/// How long readers are waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// Watches the log's length, and has it moved.
pub(super) struct Checkpoints {
    pages: Arc<AtomicI32>,
    due: i32,
    mover: Mover,
    is_moving: bool,
}

impl Checkpoints {
    /// Takes the place of SQLite's own checkpoints on this connection, which would delay the answer to a commit.
    pub(super) fn watch(connection: &mut Connection, mover: Mover) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, due: STEP, mover, is_moving: false })
    }

    /// Has the log moved if it has grown enough. Called between two groups.
    pub(super) fn run_if_due(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < STEP {
            self.due = STEP; // It began anew.
        }
        if pages >= self.due && pages >= LONG {
            self.due = pages.saturating_add(STEP);
            return report(patiently(connection, || checkpoint(connection, "RESTART")));
        }
        if self.is_moving {
            if !self.mover.is_done() {
                return;
            }
            self.is_moving = false;
            if pages >= ENOUGH {
                return report(checkpoint(connection, "PASSIVE"));
            }
        }
        if pages >= self.due {
            self.due = pages.saturating_add(STEP);
            self.is_moving = self.mover.ask();
        }
    }

    /// Moves all of the log into the database, for the end.
    pub(super) fn run_last(self, connection: &Connection) {
        drop(self.mover);
        report(patiently(connection, || checkpoint(connection, "TRUNCATE")));
    }
}

/// What is in the log stays there until a later checkpoint moves it.
fn report(outcome: rusqlite::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the log could not be moved into the database; it is tried again");
    }
}

fn checkpoint(connection: &Connection, how: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))
}

fn patiently(connection: &Connection, run: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    let outcome = run();
    connection.busy_timeout(BUSY_TIMEOUT)?;
    outcome
}

/// The thread that moves the log. When this is dropped it ends what it is doing.
pub(super) struct Mover {
    wake: Option<SyncSender<()>>,
    is_done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mover {
    /// Starts the thread, with a connection of its own.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let thread = std::thread::Builder::new().name("digota-move".into());
        let thread = thread.spawn(move || move_when_woken(&connection, &woken, &done))?;
        Ok(Self { wake: Some(wake), is_done, thread: Some(thread) })
    }

    /// Has the log moved, as far as it goes now. Whether that will be done.
    fn ask(&self) -> bool {
        self.wake.as_ref().is_some_and(|wake| wake.try_send(()).is_ok())
    }

    /// Whether what was asked for last is done; says so once.
    fn is_done(&self) -> bool {
        self.is_done.swap(false, Ordering::Acquire)
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that moves the log had failed");
        }
    }
}

fn move_when_woken(connection: &Connection, woken: &Receiver<()>, done: &AtomicBool) {
    while woken.recv().is_ok() {
        report(checkpoint(connection, "PASSIVE"));
        done.store(true, Ordering::Release);
    }
}
