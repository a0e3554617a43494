//! What the edge knows of one connection: what its calls are up to, and whether it has to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::crowd::Share;

/// From so many calls on, a connection is judged by how many of them were hung up on.
const JUDGED_FROM: usize = 500;

/// One connection.
pub struct Line {
    pub(crate) share: Arc<Share>,
    leaving: AtomicBool,
    server: AtomicWaker,
    /// For the streams on it.
    left: CancellationToken,
    /// Calls that were begun.
    calls: AtomicUsize,
    /// Calls that their caller reset before there was an answer.
    hung_up: AtomicUsize,
    replies: Replies,
}

impl Line {
    /// A connection of the client whose share this is.
    pub fn new(share: Arc<Share>) -> Line {
        Line {
            share,
            leaving: AtomicBool::new(false),
            server: AtomicWaker::new(),
            left: CancellationToken::new(),
            calls: AtomicUsize::new(0),
            hung_up: AtomicUsize::new(0),
            replies: Replies::default(),
        }
    }

    /// Asks the connection to end in good order: no new calls, and streams end by themselves.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.server.wake();
        self.left.cancel();
    }

    /// Whether it was asked to end.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Ready once it is asked to end. One task can wait: the one that serves the connection.
    pub fn poll_leaving(&self, context: &mut Context<'_>) -> Poll<()> {
        self.server.register(context.waker());
        if self.is_leaving() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Notes that a call begins.
    pub fn begin_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there has been a call.
    pub fn has_called(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// Whether more than half of its calls, and there were many, were reset before there was an answer.
    pub fn is_abused(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        calls >= JUDGED_FROM && self.hung_up.load(Ordering::Relaxed) > calls / 2
    }

    /// Whether a reply waits to be taken since before the last time that this was asked. Asked at fixed intervals, that is a
    /// limit of one to two of them.
    pub fn has_stuck_reply(&self) -> bool {
        self.replies.next_interval()
    }

    /// Ready once it is asked to end, for as many streams as there are.
    pub(crate) fn left(&self) -> WaitForCancellationFutureOwned {
        self.left.clone().cancelled_owned()
    }

    pub(crate) fn hung_up(&self) {
        self.hung_up.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a reply is there to be taken; [`Line::end_reply`] wants back what this returns.
    pub(crate) fn begin_reply(&self) -> usize {
        self.replies.begin()
    }

    pub(crate) fn end_reply(&self, interval: usize) {
        self.replies.end(interval);
    }
}

/// Replies that were not taken yet, counted by the interval in which they began: this one, or the one before. Cheaper than a
/// timer for each.
#[derive(Default)]
struct Replies {
    interval: AtomicUsize,
    begun_in: [AtomicUsize; 2],
}

impl Replies {
    fn begin(&self) -> usize {
        let interval = self.interval.load(Ordering::Relaxed) % 2;
        self.begun_in[interval].fetch_add(1, Ordering::Relaxed);
        interval
    }

    fn end(&self, interval: usize) {
        self.begun_in[interval % 2].fetch_sub(1, Ordering::Relaxed);
    }

    /// Begins the next interval, unless a reply is left of the one before this, whose count would be used again.
    fn next_interval(&self) -> bool {
        let next = (self.interval.load(Ordering::Relaxed) + 1) % 2;
        if self.begun_in[next].load(Ordering::Relaxed) > 0 {
            return true;
        }
        self.interval.store(next, Ordering::Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_stuck_once_a_whole_interval_has_passed_over_it() {
        let replies = Replies::default();
        assert!(!replies.next_interval());
        let slow = replies.begin();
        assert!(!replies.next_interval());
        let (quick, other) = (replies.begin(), replies.begin());
        replies.end(quick);
        assert!(replies.next_interval() && replies.next_interval());
        replies.end(slow);
        assert!(!replies.next_interval());
        assert!(replies.next_interval());
        replies.end(other);
        assert!((0..10).all(|_| !replies.next_interval()));
    }
}
