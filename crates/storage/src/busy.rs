//! How busy a writer is: counted by whoever hands it work and by itself, read by whoever wants to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use digota_core::meter::{Histogram, SPANS_US};
use digota_core::port::store::Load;

/// Sizes of groups, as powers of two.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// How busy a writer is.
#[derive(Debug)]
pub(crate) struct Busy {
    waiting: AtomicU64,
    sizes: Histogram,
    took: Histogram,
}

impl Busy {
    pub(crate) fn new() -> Arc<Busy> {
        let (sizes, took) = (Histogram::new(SIZES), Histogram::new(SPANS_US));
        Arc::new(Busy { waiting: AtomicU64::new(0), sizes, took })
    }

    /// A piece of work is about to wait. Said before it does: the writer may be done with it at once.
    pub(crate) fn one_waits(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// It was turned away.
    pub(crate) fn one_left(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// A group of pieces was done together.
    pub(crate) fn done(&self, pieces: usize, took: Duration) {
        let pieces = pieces as u64;
        self.waiting.fetch_sub(pieces, Ordering::Relaxed);
        self.sizes.count(pieces);
        self.took.count_span(took);
    }

    pub(crate) fn load(&self) -> Load {
        Load {
            writes_waiting: self.waiting.load(Ordering::Relaxed),
            reads_waiting: 0,
            group_sizes: self.sizes.read(),
            commit_us: self.took.read(),
        }
    }
}
