//! What a run was made of: how much was done, and whether the faults that it is about really happened.

use std::collections::BTreeSet;

use digota_oracle::Evidence;
use digota_oracle::history::{Ask, Call};
use digota_oracle::journal::Entry;
use serde::Serialize;
use uuid::Uuid;

/// What the harness noted while it killed.
#[derive(Default)]
pub(crate) struct Kills {
    /// One after the other.
    pub(crate) gaps: Vec<Gap>,
    /// How often who follows the events had to ask for them.
    pub(crate) streams: usize,
}

/// From a node's death until it served again.
pub(crate) struct Gap {
    /// In microseconds since 1970-01-01 UTC.
    pub(crate) death: i64,
    pub(crate) serving: i64,
    /// Attempts that it left between commit A and commit B.
    pub(crate) open: BTreeSet<Uuid>,
}

impl Gap {
    fn has(&self, entry: &Entry) -> bool {
        (self.death..self.serving).contains(&entry.at) && self.open.contains(&entry.attempt)
    }
}

/// Counts of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) kills: usize,
    pub(crate) kills_between_commits: usize,
    pub(crate) open_at_a_kill: usize,
    pub(crate) effects_after_death: usize,
    pub(crate) unknown_outcomes: usize,
    pub(crate) joins: usize,
    pub(crate) orders: usize,
    pub(crate) paid: usize,
    pub(crate) declined: usize,
    pub(crate) out_of_stock: usize,
    pub(crate) refunds: usize,
    pub(crate) returns: usize,
    pub(crate) requests_resent: usize,
    pub(crate) answers_asked_again: usize,
    pub(crate) left_unknown: usize,
    pub(crate) gateway_entries: usize,
    pub(crate) events: usize,
    pub(crate) events_received: usize,
    pub(crate) event_streams: usize,
}

impl Tally {
    /// Counts what happened.
    pub(crate) fn count(evidence: &Evidence, kills: &Kills, requests_resent: usize) -> Tally {
        let Evidence { history, journal, books, events } = evidence;
        let calls = || history.orders.iter().flat_map(|order| &order.calls);
        let done =
            |wanted: fn(&Ask) -> bool| calls().filter(|c| wanted(&c.ask) && c.done().is_some()).count();
        let refused = |reason: &str| calls().filter(|call| call.refusal() == Some(reason)).count();
        let open: BTreeSet<&Uuid> = kills.gaps.iter().flat_map(|gap| &gap.open).collect();
        let orphaned = |entry: &&Entry| entry.moved != 0 && kills.gaps.iter().any(|gap| gap.has(entry));
        Tally {
            kills: kills.gaps.len(),
            kills_between_commits: kills.gaps.iter().filter(|gap| !gap.open.is_empty()).count(),
            open_at_a_kill: open.len(),
            effects_after_death: journal.iter().filter(orphaned).count(),
            unknown_outcomes: books.attempts.values().filter(|attempt| attempt.checks > 0).count(),
            joins: history.orders.iter().filter(|o| o.pays().filter_map(Call::done).count() > 1).count(),
            orders: history.orders.len(),
            paid: history.orders.iter().filter(|o| o.pays().any(|call| call.done().is_some())).count(),
            declined: refused("card_declined"),
            out_of_stock: refused("OUT_OF_STOCK"),
            refunds: done(|ask| matches!(ask, Ask::Refund { .. })),
            returns: done(|ask| matches!(ask, Ask::Return { .. })),
            requests_resent,
            answers_asked_again: calls().map(|call| call.again.len()).sum(),
            left_unknown: calls().filter(|c| c.may_be_done() && c.done().is_none()).count()
                + history.orders_given_up,
            gateway_entries: journal.len(),
            events: books.events.len(),
            events_received: events.len(),
            event_streams: kills.streams,
        }
    }

    /// Faults that never happened: a run without them proves nothing.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let needed = [
            (self.kills_between_commits, "a kill between commit A and commit B"),
            (self.effects_after_death, "an effect at the gateway after the server's death"),
            (self.unknown_outcomes, "an outcome that was not known at first"),
            (self.joins, "a payment that joined another"),
            (self.event_streams.saturating_sub(1), "a stream of events that was cut"),
        ];
        needed.into_iter().filter(|(count, _)| *count == 0).map(|(_, what)| what).collect()
    }
}
