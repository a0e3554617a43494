//! One unfinished attempt at a time, and everybody knows which.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::books::{Attempt, Books};
use crate::rule::{Found, ONE_OPEN};

pub(super) fn judge(books: &Books, found: &mut Found) {
    let mut open: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for (id, attempt) in books.attempts.iter().filter(|(_, attempt)| !attempt.is_final()) {
        open.entry(attempt.order.unwrap_or(attempt.charge)).or_default().push(*id);
        is_known(books, *id, attempt, found);
    }
    for (subject, attempts) in open {
        found.insist(
            attempts.len() == 1,
            ONE_OPEN,
            || format!("order or charge {subject}"),
            || format!("the attempts {attempts:?} are open"),
        );
    }
    let is_open = |id: Uuid| books.attempts.get(&id).is_some_and(|attempt| !attempt.is_final());
    for (id, order) in &books.orders {
        let about = || format!("order {id}");
        let real = order.open_attempt.is_none_or(is_open);
        found.insist(real, ONE_OPEN, about, || format!("it waits for attempt {:?}", order.open_attempt));
        let both = order.open_attempt.is_some() == order.pending_charge.is_some();
        found.insist(both, ONE_OPEN, about, || {
            format!("it waits for attempt {:?} and charge {:?}", order.open_attempt, order.pending_charge)
        });
    }
    for (id, charge) in &books.charges {
        let real = charge.open_attempt.is_none_or(is_open);
        found.insist(
            real,
            ONE_OPEN,
            || format!("charge {id}"),
            || format!("it waits for attempt {:?}", charge.open_attempt),
        );
    }
}

/// An attempt that is open is the one that its order and its charge wait for.
fn is_known(books: &Books, id: Uuid, attempt: &Attempt, found: &mut Found) {
    let charge = books.charges.get(&attempt.charge).and_then(|charge| charge.open_attempt);
    let order = attempt.order.and_then(|order| books.orders.get(&order));
    let waits = order
        .is_none_or(|order| (order.open_attempt, order.pending_charge) == (Some(id), Some(attempt.charge)));
    found.insist(
        charge == Some(id) && waits,
        ONE_OPEN,
        || format!("attempt {id}"),
        || {
            let order = order.map(|order| (order.open_attempt, order.pending_charge));
            format!("it is open, its charge waits for {charge:?}, its order for {order:?}")
        },
    );
}
