//! Goods leave the stock exactly for orders that are paid.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::stock::name;
use crate::books::{Attempt, Books, Movement, MovementKind, Order};
use crate::rule::{Found, NAMED, SOLD};

/// What was consumed for an order and came back to stock from it, by SKU.
type Moved = BTreeMap<(Uuid, Uuid), (i64, i64)>;

pub(super) fn judge(books: &Books, found: &mut Found) {
    let mut moved = Moved::new();
    for (sku, movements) in &books.movements {
        for movement in movements {
            let Some(reference) = movement.reference else { continue };
            let Some(attempt) = books.attempts.get(&reference) else {
                // Goods come back without an attempt where there is nothing left to pay back.
                let known = movement.kind == MovementKind::Return
                    || is_sold_late(books, *sku, movement, reference, &mut moved);
                found.insist(known, NAMED, || name(*sku), || format!("{movement:?} names no attempt"));
                continue;
            };
            moves_for(books, *sku, movement, (reference, attempt), &mut moved, found);
        }
    }
    ends_as_paid(books, found);
    for (id, order) in &books.orders {
        leaves_if_paid(*id, order, &moved, found);
    }
}

/// Whether a movement sells goods to an order whose money came late: they are taken again by the order's own id.
fn is_sold_late(books: &Books, sku: Uuid, movement: &Movement, order: Uuid, moved: &mut Moved) -> bool {
    let Some(kept) = books.orders.get(&order).filter(|order| order.charge.is_some()) else { return false };
    let Some((_, line)) = kept.goods().find(|(other, line)| *other == sku && line.stocked) else {
        return false;
    };
    match movement.kind {
        MovementKind::Reserve => movement.reserved == line.quantity,
        MovementKind::Consume => {
            moved.entry((order, sku)).or_default().0 -= movement.on_hand;
            true
        }
        _ => false,
    }
}

/// A movement is one that its attempt may cause.
fn moves_for(
    books: &Books,
    sku: Uuid,
    movement: &Movement,
    (reference, attempt): (Uuid, &Attempt),
    moved: &mut Moved,
    found: &mut Found,
) {
    let about = || format!("attempt {reference}");
    let Some(order) = attempt.order.filter(|order| books.orders.contains_key(order)) else {
        found.insist(false, NAMED, about, || format!("{movement:?} of SKU {sku} for no order"));
        return;
    };
    let line = books.orders[&order].goods().find(|(other, _)| *other == sku).map(|(_, line)| line);
    let ordered = line.map_or(0, |line| line.quantity);
    let sums = moved.entry((order, sku)).or_default();
    let sound = match movement.kind {
        MovementKind::Reserve => attempt.effect() == "pay" && movement.reserved == ordered,
        MovementKind::Consume => {
            sums.0 -= movement.on_hand;
            attempt.effect() == "pay" && attempt.succeeded() && !attempt.late
        }
        MovementKind::Release => {
            attempt.effect() == "pay" && attempt.is_final() && (attempt.late || !attempt.succeeded())
        }
        MovementKind::Return => {
            sums.1 += movement.on_hand;
            (attempt.succeeded() || attempt.late) && attempt.restocks().contains(&(sku, movement.on_hand))
        }
        MovementKind::Adjust => false,
    };
    found.insist(sound, SOLD, about, || {
        let (effect, state) = (attempt.effect(), &attempt.state);
        format!("{movement:?} of SKU {sku}, {ordered} ordered, for an attempt to {effect} that is {state}")
    });
}

/// Once a payment's outcome is known, nothing is reserved for it any more.
fn ends_as_paid(books: &Books, found: &mut Found) {
    for (sku, movements) in &books.movements {
        let mut held: BTreeMap<Uuid, i64> = BTreeMap::new();
        for movement in movements {
            if let Some(reference) = movement.reference {
                *held.entry(reference).or_default() += movement.reserved;
            }
        }
        for (reference, held) in held.into_iter().filter(|(_, held)| *held != 0) {
            let open = books.attempts.get(&reference).is_some_and(|attempt| !attempt.is_final());
            found.insist(
                open,
                SOLD,
                || format!("attempt {reference}"),
                || format!("it ended and {held} of SKU {sku} are still held for it"),
            );
        }
    }
}

/// What a paid order's lines say that they took out of stock was taken, and nothing for an order that is not paid.
fn leaves_if_paid(id: Uuid, order: &Order, moved: &Moved, found: &mut Found) {
    let about = || format!("order {id}");
    for (sku, line) in order.goods() {
        let (gone, restocked) = moved.get(&(id, sku)).copied().unwrap_or_default();
        let expected = if order.charge.is_some() && line.stocked { line.quantity } else { 0 };
        found.insist(gone == expected, SOLD, about, || {
            format!("{gone} of SKU {sku} left the stock, {expected} should have; it is {}", order.status)
        });
        let within = 0 <= restocked && restocked <= line.returned && line.returned <= line.quantity;
        found.insist(within, SOLD, about, || {
            format!("of {} of SKU {sku} {} came back, {restocked} into stock", line.quantity, line.returned)
        });
        let waits = order.open_attempt.is_some() || order.charge.is_some();
        found.insist(waits || !line.stocked, SOLD, about, || {
            format!("it holds SKU {sku} and nobody is paying")
        });
    }
}
