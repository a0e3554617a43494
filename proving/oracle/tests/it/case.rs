//! A fault, planted in a day's evidence.

use std::collections::BTreeSet;

use digota_oracle::books::{Attempt, Order as Kept};
use digota_oracle::history::{Call, Order};
use digota_oracle::journal::Entry;
use digota_oracle::rules::BEYOND;
use digota_oracle::{Evidence, Rule, When, judge};
use uuid::Uuid;

use super::day::Day;
use super::{agreement, clients, goods};

/// The day, and which rules named faults so far.
pub(crate) struct Case {
    day: Day,
    caught: BTreeSet<Rule>,
}

/// Where a fault is planted.
pub(crate) struct Fault<'a> {
    pub(crate) day: &'a Day,
    pub(crate) evidence: &'a mut Evidence,
}

impl Case {
    /// Asserts that the rule is named once the fault is planted.
    pub(crate) fn caught(&mut self, rule: Rule, plant: impl FnOnce(&mut Fault<'_>)) {
        let mut evidence = self.day.evidence.clone();
        plant(&mut Fault { day: &self.day, evidence: &mut evidence });
        let found = judge(&evidence, When::AtRest);
        let named: BTreeSet<&str> = found.iter().map(|violation| violation.rule.id).collect();
        assert!(named.contains(rule.id), "{rule} is not among {named:?}: {found:#?}");
        self.caught.insert(rule);
    }

    /// Asserts that a change is no fault.
    pub(crate) fn sound(&mut self, change: impl FnOnce(&mut Fault<'_>)) {
        let mut evidence = self.day.evidence.clone();
        change(&mut Fault { day: &self.day, evidence: &mut evidence });
        assert_eq!(judge(&evidence, When::AtRest), []);
    }
}

impl Fault<'_> {
    /// An order as its client knows it.
    pub(crate) fn known(&mut self, order: Uuid) -> &mut Order {
        self.evidence.history.orders.iter_mut().find(|other| other.id == order).unwrap()
    }

    /// The last request about an order.
    pub(crate) fn call(&mut self, order: Uuid) -> &mut Call {
        self.known(order).calls.last_mut().unwrap()
    }

    /// An order as the store has it.
    pub(crate) fn kept(&mut self, order: Uuid) -> &mut Kept {
        self.evidence.books.orders.get_mut(&order).unwrap()
    }

    /// The attempt that paid or failed to pay an order.
    pub(crate) fn attempt(&mut self, order: Uuid) -> (Uuid, &mut Attempt) {
        let mine = |attempt: &Attempt| attempt.order == Some(order) && attempt.effect() == "pay";
        let found = self.evidence.books.attempts.iter_mut().find(|(_, attempt)| mine(attempt));
        found.map(|(id, attempt)| (*id, attempt)).unwrap()
    }

    /// The gateway's line about it.
    pub(crate) fn line(&mut self, order: Uuid) -> &mut Entry {
        let (attempt, _) = self.attempt(order);
        self.evidence.journal.iter_mut().find(|entry| entry.attempt == attempt).unwrap()
    }

    /// The gateway's line about what was given back of an order.
    pub(crate) fn line_back(&mut self, order: Uuid) -> &mut Entry {
        let (attempt, _) = self.attempt(order);
        self.evidence.journal.iter_mut().find(|e| e.charge == attempt && e.attempt != attempt).unwrap()
    }

    /// Puts a line at the end of the gateway's record.
    pub(crate) fn add_line(&mut self, entry: Entry) {
        let seq = self.evidence.journal.len() as u64 + 1;
        self.evidence.journal.push(Entry { seq, ..entry });
    }
}

#[tokio::test]
async fn a_day_is_sound_at_any_moment() {
    let day = Day::pass().await;
    assert_eq!(judge(&day.evidence, When::AtRest), []);
    assert_eq!(judge(&day.evidence, When::Running), []);
}

#[tokio::test]
async fn every_rule_names_its_faults() {
    let mut case = Case { day: Day::pass().await, caught: BTreeSet::new() };
    agreement::plant(&mut case);
    clients::plant(&mut case);
    goods::plant(&mut case);
    let missed: Vec<&Rule> = BEYOND.iter().filter(|rule| !case.caught.contains(rule)).collect();
    assert!(missed.is_empty(), "no fault is planted for {missed:?}");
}
