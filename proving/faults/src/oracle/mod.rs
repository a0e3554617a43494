//! What must be true at rest, judged from evidence alone. No counter of digota's is believed.
//!
//! - [`money`]: gateway and store agree to the cent, nobody is charged twice.
//! - [`answers`]: what clients were told is so, once per key. [`stock`]: nothing is sold that was not there.
//! - [`rest`]: nothing is left in between. [`events`]: every change was told, in order.

mod answers;
mod events;
mod money;
mod rest;
mod stock;

#[cfg(test)]
mod sample;

use std::collections::BTreeMap;
use std::fmt::Display;

use uuid::Uuid;

use crate::evidence::Evidence;
use crate::evidence::books::Books;
use crate::evidence::history::{History, Order};
use crate::evidence::journal::{Moved, add_up};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Which rule is broken.
    pub(crate) rule: &'static str,
    /// How, with the ids.
    pub(crate) text: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// Judges the evidence; returns everything that must never be.
pub(crate) fn judge(evidence: &Evidence) -> Vec<Violation> {
    let case = Case::new(evidence);
    let mut found = Found::default();
    money::judge(&case, &mut found);
    answers::judge(&case, &mut found);
    stock::judge(&case, &mut found);
    rest::judge(&case, &mut found);
    events::judge(&case, &mut found);
    record_is_whole(evidence, &mut found);
    found.0
}

/// The evidence, with what follows from it at once.
struct Case<'a> {
    history: &'a History,
    books: &'a Books,
    /// What every attempt moved, by the gateway's record.
    moved: BTreeMap<Uuid, Moved>,
    /// The orders as their clients know them.
    known: BTreeMap<Uuid, &'a Order>,
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence) -> Case<'a> {
        let known = evidence.history.orders.iter().map(|order| (order.id, order)).collect();
        let Evidence { history, books, journal } = evidence;
        Case { history, books, moved: add_up(journal), known }
    }

    /// The charges of an order that took money, by the gateway's record.
    fn captures(&self, order: Uuid) -> impl Iterator<Item = (Uuid, &Moved)> {
        let taken = move |moved: &Moved| moved.amount > 0 && moved.order == Some(order);
        self.moved.iter().filter(move |(_, moved)| taken(moved)).map(|(id, moved)| (*id, moved))
    }

    /// What went back of a charge, by the gateway's record.
    fn given_back(&self, charge: Uuid) -> i64 {
        let of_charge = |moved: &&Moved| moved.amount < 0 && moved.charge == charge;
        self.moved.values().filter(of_charge).map(|moved| -moved.amount).sum()
    }

    /// What an order's buyer paid and got back, by the gateway's record.
    fn balance(&self, order: Uuid) -> (i64, i64) {
        let both = self.captures(order).map(|(id, moved)| (moved.amount, self.given_back(id)));
        both.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

/// What was found so far.
#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    /// Notes a violation unless the rule holds.
    fn insist(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { rule, text: text() });
        }
    }
}

/// The gateway's record is only worth something if nothing of it is missing.
fn record_is_whole(evidence: &Evidence, found: &mut Found) {
    for (entry, expected) in evidence.journal.iter().zip(1u64..) {
        if entry.seq != expected {
            let text = format!("entry {expected} of the gateway's record has number {}", entry.seq);
            found.insist(false, "the gateway's record is whole", || text);
            return;
        }
    }
}
