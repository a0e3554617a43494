//! From the gateway's and the clients' records alone: nobody is charged twice, or without having asked.

use std::collections::{BTreeMap, BTreeSet};

use digota_verify::Found;
use digota_verify::rule::{ONCE, ONE_OPEN, REFUNDS, TOTAL};
use uuid::Uuid;

use super::Case;
use crate::evidence::history::Order;
use crate::evidence::journal::Entry;
use crate::rules::{ASKED, UNKNOWN};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    for order in case.known.values() {
        charged_once(case, order, found);
    }
    for (order, attempts) in case.captures.iter().filter(|(order, _)| !case.known.contains_key(order)) {
        found.insist(
            false,
            ASKED,
            || format!("order {order}"),
            || format!("{attempts:?} took money for it, and no client knows it"),
        );
    }
    one_key_per_attempt(case.journal, found);
    one_attempt_at_a_time(case.journal, found);
    ended_for_good(case.journal, found);
}

fn charged_once(case: &Case<'_>, order: &Order, found: &mut Found) {
    let about = || format!("order {}", order.id);
    let mut times = 0;
    for (attempt, moved) in case.captures(order.id) {
        let back = case.given_back(attempt);
        times += 1;
        let (amount, total) = (moved.amount, order.total);
        found.insist(amount == total, TOTAL, about, || format!("it costs {total}, {attempt} took {amount}"));
        found.insist(back <= amount, REFUNDS, about, || format!("{back} of {amount} went back"));
    }
    // However much went back since.
    found.insist(times <= 1, ONCE, about, || format!("it was charged {times} times"));
    let (taken, back) = case.balance(order.id);
    found.insist(taken - back <= order.total, ONCE, about, || {
        format!("{} was kept, it costs {}", taken - back, order.total)
    });
}

fn one_key_per_attempt(journal: &[Entry], found: &mut Found) {
    let mut keys: BTreeMap<Uuid, BTreeSet<&str>> = BTreeMap::new();
    for entry in journal.iter().filter(|entry| !entry.key.is_empty()) {
        keys.entry(entry.attempt).or_default().insert(&entry.key);
    }
    for (attempt, keys) in keys {
        found.insist(
            keys.len() == 1,
            ONE_OPEN,
            || format!("attempt {attempt}"),
            || format!("it came to the gateway with the keys {keys:?}"),
        );
    }
}

/// While an attempt to charge an order is under way at the gateway, no other begins.
fn one_attempt_at_a_time(journal: &[Entry], found: &mut Found) {
    let mut orders: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    let mut open: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    let mut ended: BTreeMap<Uuid, &str> = BTreeMap::new();
    for entry in journal {
        if let Some(order) = entry.order() {
            orders.insert(entry.attempt, order);
        }
        let Some(order) = orders.get(&entry.attempt) else { continue };
        let open = open.entry(*order).or_default();
        if entry.is_open() {
            open.insert(entry.attempt);
        }
        // What was made impossible, or has ended and is answered the same again, begins nothing, however late it comes.
        if entry.status == "canceled" || ended.get(&entry.attempt) == Some(&entry.status.as_str()) {
            open.remove(&entry.attempt);
            continue;
        }
        found.insist(
            open.iter().all(|id| *id == entry.attempt),
            ONE_OPEN,
            || format!("order {order}"),
            || format!("{} came while {open:?} was under way", entry.attempt),
        );
        if !entry.is_open() {
            open.remove(&entry.attempt);
            ended.insert(entry.attempt, &entry.status);
        }
    }
}

/// What was declined or given up at the gateway never succeeds there.
fn ended_for_good(journal: &[Entry], found: &mut Found) {
    let mut ended: BTreeMap<Uuid, &str> = BTreeMap::new();
    for entry in journal {
        let before = ended.get(&entry.attempt).copied();
        found.insist(
            before.is_none_or(|before| before == entry.status),
            UNKNOWN,
            || format!("attempt {}", entry.attempt),
            || format!("it was {} at the gateway, then {}", before.unwrap_or_default(), entry.status),
        );
        if matches!(entry.status.as_str(), "declined" | "canceled") {
            ended.insert(entry.attempt, &entry.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);
    const UNDER_WAY: (Uuid, &str) = (SECOND, "requires_action");

    /// How often the rule is broken by attempts for one order that came to the gateway like this.
    fn breaches(came: &[(Uuid, &str)]) -> usize {
        let statement = format!("Order {}", Uuid::from_u128(9));
        let entry = |(attempt, status): &(Uuid, &str)| Entry {
            attempt: *attempt,
            status: (*status).to_owned(),
            statement: statement.clone(),
            ..Entry::default()
        };
        let journal: Vec<_> = came.iter().map(entry).collect();
        let mut found = Found::default();
        one_attempt_at_a_time(&journal, &mut found);
        found.0.len()
    }

    #[test]
    fn what_has_ended_begins_nothing_when_a_copy_of_it_comes_late() {
        for ended in ["declined", "canceled"] {
            assert_eq!(breaches(&[(FIRST, ended), UNDER_WAY, (FIRST, ended), (SECOND, "succeeded")]), 0);
        }
        assert_eq!(breaches(&[UNDER_WAY, (FIRST, "canceled")]), 0);
    }

    #[test]
    fn whatever_begins_while_another_is_under_way_is_named() {
        for status in ["pending", "requires_action", "declined", "authorized", "succeeded"] {
            assert_eq!(breaches(&[UNDER_WAY, (FIRST, status)]), 1, "{status}");
        }
        for other in ["pending", "succeeded"] {
            assert_eq!(breaches(&[(FIRST, "declined"), UNDER_WAY, (FIRST, other)]), 1, "{other}");
        }
    }
}
