//! Who holds each name and who comes next: the rules, without the waiting.
//!
//! Whoever comes draws a number, and numbers are served in order. So the number is the fence as well: on one name it
//! rises from lease to lease, and drawing from one counter for all names keeps it rising when a name was forgotten.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::Instant;

/// The lines of all names; a name without a holder has none.
pub(super) struct Lines {
    ttl: Duration,
    drawn: u64,
    lines: HashMap<Arc<str>, Line>,
}

struct Line {
    holder: u64,
    until: Instant,
    waiting: BTreeMap<u64, Sender<Instant>>,
}

/// What somebody who comes is told.
pub(super) enum Turn {
    /// The name was free; the lease lasts until then.
    Now(Instant),
    /// The name is held.
    Later {
        /// Tells, when the turn has come, when the lease will end.
        turn: Receiver<Instant>,
        /// When the holder may be passed over.
        overdue: Instant,
    },
}

/// A waiter whose turn has come, to be told once the lines are unlocked.
#[must_use]
pub(super) struct Call {
    waiter: Sender<Instant>,
    until: Instant,
}

impl Call {
    pub(super) fn tell(self) {
        // A waiter that is gone leaves its place itself, and the next is called then.
        let _gone = self.waiter.send(self.until);
    }
}

impl Lines {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, drawn: 0, lines: HashMap::new() }
    }

    pub(super) fn names(&self) -> usize {
        self.lines.len()
    }

    /// Draws a number and joins the line.
    pub(super) fn join(&mut self, name: Arc<str>, now: Instant) -> (u64, Turn) {
        self.drawn += 1;
        let number = self.drawn;
        let turn = match self.lines.entry(name) {
            Entry::Vacant(free) => {
                let until = after(now, self.ttl);
                free.insert(Line { holder: number, until, waiting: BTreeMap::new() });
                Turn::Now(until)
            }
            Entry::Occupied(mut line) => {
                let (waiter, turn) = channel();
                line.get_mut().waiting.insert(number, waiter);
                Turn::Later { turn, overdue: line.get().until }
            }
        };
        (number, turn)
    }

    /// Leaves the line: a holder's turn passes on, and a place that was passed over is gone already.
    pub(super) fn leave(&mut self, name: &Arc<str>, number: u64, now: Instant) -> Option<Call> {
        let Entry::Occupied(mut line) = self.lines.entry(name.clone()) else { return None };
        if line.get().holder != number {
            line.get_mut().waiting.remove(&number);
            return None;
        }
        let call = line.get_mut().pass_on(after(now, self.ttl));
        if call.is_none() {
            line.remove();
        }
        call
    }

    /// Passes the turn on if the holder is overdue; returns when whoever holds the name now will be.
    pub(super) fn pass_over(&mut self, name: &str, now: Instant) -> Option<(Instant, Option<Call>)> {
        let line = self.lines.get_mut(name)?;
        let call = if line.until <= now { line.pass_on(after(now, self.ttl)) } else { None };
        Some((line.until, call))
    }
}

impl Line {
    fn pass_on(&mut self, until: Instant) -> Option<Call> {
        let (number, waiter) = self.waiting.pop_first()?;
        (self.holder, self.until) = (number, until);
        Some(Call { waiter, until })
    }
}

/// `now + span`, where a span of more than a year is a year: an instant that is too far away would panic.
pub(crate) fn after(now: Instant, span: Duration) -> Instant {
    now + span.min(Duration::from_secs(365 * 24 * 3600))
}
