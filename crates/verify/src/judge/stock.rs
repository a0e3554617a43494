//! Stock is the sum of its movements, and whatever is reserved is consumed or let go once.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::books::{Books, Movement, MovementKind, Stock};
use crate::rule::{BOUNDS, ENDS_ONCE, Found, LEDGER};

pub(super) fn judge(books: &Books, found: &mut Found) {
    for (sku, movements) in &books.movements {
        match books.stock.get(sku) {
            Some(stock) => ledger_adds_up(*sku, *stock, movements, found),
            None => found.insist(false, LEDGER, || name(*sku), || "there are movements and no stock".into()),
        }
        reservations_end(*sku, movements, found);
    }
    for (sku, stock) in &books.stock {
        let sound = is_sound(stock.on_hand, stock.reserved);
        found.insist(sound, BOUNDS, || name(*sku), || format!("{stock:?}"));
        let told = books.movements.contains_key(sku);
        found.insist(told, LEDGER, || name(*sku), || format!("{stock:?} without a movement"));
    }
}

pub(super) fn name(sku: Uuid) -> String {
    format!("SKU {sku}")
}

fn is_sound(on_hand: i64, reserved: i64) -> bool {
    0 <= reserved && reserved <= on_hand
}

fn ledger_adds_up(sku: Uuid, stock: Stock, movements: &[Movement], found: &mut Found) {
    let numbered = movements.iter().zip(1i64..).all(|(movement, number)| movement.number == number);
    let whole = numbered && i64::try_from(movements.len()) == Ok(stock.version);
    found.insist(
        whole,
        LEDGER,
        || name(sku),
        || format!("{} movements are not numbered 1 to {}", movements.len(), stock.version),
    );
    let (mut on_hand, mut reserved) = (0i64, 0i64);
    for movement in movements {
        on_hand = on_hand.saturating_add(movement.on_hand);
        reserved = reserved.saturating_add(movement.reserved);
        found.insist(
            is_sound(on_hand, reserved),
            BOUNDS,
            || name(sku),
            || format!("{on_hand} on hand, {reserved} reserved after movement {}", movement.number),
        );
    }
    found.insist(
        (on_hand, reserved) == (stock.on_hand, stock.reserved),
        LEDGER,
        || name(sku),
        || format!("the movements make {on_hand} on hand and {reserved} reserved, the stock is {stock:?}"),
    );
}

/// By the ledger alone.
fn reservations_end(sku: Uuid, movements: &[Movement], found: &mut Found) {
    use MovementKind::{Adjust, Consume, Release, Reserve, Return};
    let mut by_reference: BTreeMap<Option<Uuid>, Vec<(MovementKind, i64, i64)>> = BTreeMap::new();
    let (mut sold, mut back) = (0i64, 0i64);
    for movement in movements {
        let Movement { kind, on_hand, reserved, reference, .. } = *movement;
        match kind {
            Reserve | Consume | Release => {
                by_reference.entry(reference).or_default().push((kind, on_hand, reserved));
            }
            Adjust | Return => {
                found.insist(reserved == 0, ENDS_ONCE, || name(sku), || format!("{movement:?} reserves"));
            }
        }
        sold = sold.saturating_sub(if kind == Consume { on_hand } else { 0 });
        back = back.saturating_add(if kind == Return { on_hand } else { 0 });
        found.insist(back <= sold, ENDS_ONCE, || name(sku), || format!("{back} came back of {sold} sold"));
    }
    for (reference, steps) in by_reference {
        let held = steps.first().map_or(0, |(_, _, reserved)| *reserved);
        let begins = held > 0 && steps[0] == (Reserve, 0, held);
        let ends = match steps.get(1) {
            None => true,
            Some(end) => [(Consume, -held, -held), (Release, 0, -held)].contains(end),
        };
        let sound = reference.is_some() && begins && ends && steps.len() <= 2;
        found.insist(sound, ENDS_ONCE, || name(sku), || format!("for attempt {reference:?}: {steps:?}"));
    }
}
