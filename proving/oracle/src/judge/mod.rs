//! Which rules evidence breaks.
//!
//! - [`gateway`]: from the gateway's and the clients' records alone. [`agree`]: gateway and store.
//! - [`answers`]: what clients were told of orders is so. [`charges`]: the same, of charges without one. [`keys`]: once per key.
//! - [`stock`]: nothing is sold that was not there. [`events`]: every change was told, in order, and no secret.
//!
//! What the store alone shows is judged by [`digota_verify::judge`].

mod agree;
mod answers;
mod charges;
mod events;
mod gateway;
mod keys;
mod stock;

use std::collections::BTreeMap;

use digota_verify::{Found, Violation, When};
use uuid::Uuid;

use crate::evidence::Evidence;
use crate::evidence::books::{Books, Event};
use crate::evidence::history::{History, Order};
use crate::evidence::journal::{Entry, Moved, add_up};
use crate::rules::{AT_FAULT, WHOLE};

/// Everything that must not be. At [`When::Running`] requests that wait for their answer must stand in the history as unknown.
pub fn judge(evidence: &Evidence, when: When) -> Vec<Violation> {
    let case = Case::new(evidence, when);
    let mut found = Found(digota_verify::judge(&evidence.books, when));
    record_is_whole(&evidence.journal, &mut found);
    gateway::judge(&case, &mut found);
    agree::judge(&case, &mut found);
    answers::judge(&case, &mut found);
    charges::judge(&case, &mut found);
    keys::judge(&case, &mut found);
    stock::judge(&case, &mut found);
    events::judge(&case, &mut found);
    for fault in &case.history.faults {
        found.insist(false, AT_FAULT, || "the server".into(), || fault.clone());
    }
    found.0
}

/// The evidence, with what follows from it at once.
struct Case<'a> {
    history: &'a History,
    books: &'a Books,
    journal: &'a [Entry],
    events: &'a [Event],
    at_rest: bool,
    /// What every attempt moved, by the gateway's record.
    moved: BTreeMap<Uuid, Moved>,
    /// Attempts that took money for an order, by the gateway's record.
    captures: BTreeMap<Uuid, Vec<Uuid>>,
    /// What went back of a charge, by the attempt that made it, by the gateway's record.
    back: BTreeMap<Uuid, i64>,
    /// The orders as their clients know them.
    known: BTreeMap<Uuid, &'a Order>,
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence, when: When) -> Case<'a> {
        let Evidence { history, books, journal, events } = evidence;
        let moved = add_up(journal);
        let (mut captures, mut back) = (BTreeMap::<Uuid, Vec<Uuid>>::new(), BTreeMap::<Uuid, i64>::new());
        for (attempt, moved) in &moved {
            match moved.order.filter(|_| moved.amount > 0) {
                Some(order) => captures.entry(order).or_default().push(*attempt),
                None => *back.entry(moved.charge).or_default() -= moved.amount.min(0),
            }
        }
        let known = history.orders.iter().map(|order| (order.id, order)).collect();
        let at_rest = when == When::AtRest;
        Case { history, books, journal, events, at_rest, moved, captures, back, known }
    }

    /// The attempts that took money for an order, by the gateway's record.
    fn captures(&self, order: Uuid) -> impl Iterator<Item = (Uuid, &Moved)> {
        self.captures.get(&order).into_iter().flatten().map(|attempt| (*attempt, &self.moved[attempt]))
    }

    /// What went back of a charge, by the gateway's record.
    fn given_back(&self, charge: Uuid) -> i64 {
        self.back.get(&charge).copied().unwrap_or_default()
    }

    /// What an order's buyer paid and got back, by the gateway's record.
    fn balance(&self, order: Uuid) -> (i64, i64) {
        let both = self.captures(order).map(|(id, moved)| (moved.amount, self.given_back(id)));
        both.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

/// The gateway's record is only worth something if nothing of it is missing.
fn record_is_whole(journal: &[Entry], found: &mut Found) {
    if let Some((entry, expected)) = journal.iter().zip(1u64..).find(|(entry, n)| entry.seq != *n) {
        found.insist(
            false,
            WHOLE,
            || "the gateway's record".into(),
            || format!("entry {expected} has number {}", entry.seq),
        );
    }
}
