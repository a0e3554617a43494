//! When the log is moved into the database: by the writer, between two groups, so that no commit waits for two things.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::connect::BUSY_TIMEOUT;

/// Pages that the log grows by between two checkpoints: 16 MiB. More would do less work in all, in longer pauses.
const EVERY: i32 = 4000;

/// Pages from which on readers are waited for, so that the log can begin anew: 64 MiB.
const LONG: i32 = 16_000;

/// How long readers are waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// Watches the log's length.
pub(super) struct Checkpoints {
    pages: Arc<AtomicI32>,
    due: i32,
}

impl Checkpoints {
    /// Takes the place of SQLite's own checkpoints on this connection, which would delay the answer to a commit.
    pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, due: EVERY })
    }

    /// Moves the log into the database if it has grown enough.
    pub(super) fn run_if_due(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < EVERY {
            self.due = EVERY; // It began anew.
        }
        if pages < self.due {
            return;
        }
        self.due = pages.saturating_add(EVERY);
        let outcome = if pages < LONG {
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
        } else {
            patiently(connection, || checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)"))
        };
        if let Err(error) = outcome {
            // What is in the log stays there, and the next checkpoint moves it.
            tracing::warn!(%error, pages, "the log could not be moved into the database");
        }
    }

    /// Moves all of the log into the database, for the end.
    pub(super) fn run_last(&self, connection: &Connection) {
        if let Err(error) = patiently(connection, || checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")) {
            tracing::warn!(%error, "the log could not be moved into the database; the next start does it");
        }
    }
}

fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<()> {
    connection.query_row(pragma, [], |_| Ok(()))
}

fn patiently(connection: &Connection, run: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    let outcome = run();
    connection.busy_timeout(BUSY_TIMEOUT)?;
    outcome
}
