//! Nothing is sold that was not there, and every piece is accounted for.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Case, Found};
use crate::evidence::books::{Movement, Stock};
use crate::evidence::history::{Ask, Call, Order, Sku};

pub(super) const LEDGER: &str = "stock is the sum of its movements";
pub(super) const STEPS: &str = "a reservation ends once, as its payment did";
pub(super) const OVERSOLD: &str = "no more is sold than there was";
pub(super) const PIECES: &str = "every piece is sold, returned or on hand";

const ADJUST: i64 = 0;
const RESERVE: i64 = 1;
const CONSUME: i64 = 2;
const RELEASE: i64 = 3;
const RETURN: i64 = 4;

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    for sku in &case.history.skus {
        let Some(initial) = sku.initial else { continue };
        let Some(stock) = case.books.stock.get(&sku.id) else {
            found.insist(false, LEDGER, || format!("SKU {} has no stock", sku.id));
            continue;
        };
        let movements: Vec<&Movement> = case.books.movements.iter().filter(|m| m.sku == sku.id).collect();
        ledger_adds_up(sku, initial, *stock, &movements, found);
        reservations_end(case, sku, &movements, found);
        pieces_add_up(case, sku, initial, *stock, found);
    }
}

fn ledger_adds_up(sku: &Sku, initial: i64, stock: Stock, movements: &[&Movement], found: &mut Found) {
    let id = sku.id;
    let numbered = movements.iter().zip(1i64..).all(|(movement, number)| movement.number == number);
    let whole = numbered && i64::try_from(movements.len()) == Ok(stock.version);
    found.insist(whole, LEDGER, || format!("SKU {id}: the ledger is not numbered 1 to {}", stock.version));
    let on_hand: i64 = movements.iter().map(|m| m.on_hand).sum();
    let reserved: i64 = movements.iter().map(|m| m.reserved).sum();
    found.insist((on_hand, reserved) == (stock.on_hand, stock.reserved), LEDGER, || {
        format!("SKU {id}: the ledger says {on_hand} and {reserved}, the stock is {stock:?}")
    });
    found.insist(stock.reserved == 0, LEDGER, || format!("SKU {id}: {} reserved at rest", stock.reserved));
    let sound = 0 <= stock.reserved && stock.reserved <= stock.on_hand;
    found.insist(sound, LEDGER, || format!("SKU {id}: {stock:?}"));
    let adjusted: i64 = movements.iter().filter(|m| m.kind == ADJUST).map(|m| m.on_hand).sum();
    found.insist(adjusted == initial, LEDGER, || format!("SKU {id} began with {initial}, not {adjusted}"));
}

fn reservations_end(case: &Case<'_>, sku: &Sku, movements: &[&Movement], found: &mut Found) {
    let mut by_reference: BTreeMap<Uuid, Vec<&Movement>> = BTreeMap::new();
    for movement in movements.iter().filter(|m| matches!(m.kind, RESERVE | CONSUME | RELEASE)) {
        by_reference.entry(movement.reference.unwrap_or_default()).or_default().push(movement);
    }
    for (reference, steps) in by_reference {
        let attempt = case.books.attempts.get(&reference);
        let end = if attempt.is_some_and(|attempt| attempt.succeeded()) { CONSUME } else { RELEASE };
        let order = attempt.and_then(|attempt| attempt.order).and_then(|order| case.known.get(&order));
        let quantity = order.map_or(0, |order| order.quantity);
        let gone = if end == CONSUME { -quantity } else { 0 };
        let made: Vec<_> = steps.iter().map(|m| (m.kind, m.on_hand, m.reserved)).collect();
        let sound = made == [(RESERVE, 0, quantity), (end, gone, -quantity)];
        found.insist(sound, STEPS, || format!("SKU {}, attempt {reference}: {made:?}", sku.id));
    }
}

fn pieces_add_up(case: &Case<'_>, sku: &Sku, initial: i64, stock: Stock, found: &mut Found) {
    let id = sku.id;
    let bought = || case.known.values().filter(|o| o.sku == id && case.balance(o.id).0 > 0);
    // By gateway and clients alone: what was paid for and can't have come back.
    let sold: i64 = bought().filter(|order| !may_be_back(order)).map(|order| order.quantity).sum();
    found.insist(sold <= initial, OVERSOLD, || format!("SKU {id}: {sold} sold of {initial}"));
    let gone: i64 = bought().map(|order| order.quantity - back(case, order, found)).sum();
    found.insist(stock.on_hand == initial - gone, PIECES, || {
        format!("SKU {id}: {} on hand, {initial} less {gone} sold should be", stock.on_hand)
    });
    let returned: i64 =
        case.books.movements.iter().filter(|m| m.sku == id && m.kind == RETURN).map(|m| m.on_hand).sum();
    let expected: i64 = bought().map(|order| back(case, order, found)).sum();
    found.insist(returned == expected, PIECES, || format!("SKU {id}: {returned} came back, not {expected}"));
}

fn may_be_back(order: &Order) -> bool {
    order.asked(|ask| ask == Ask::Return).any(Call::may_be_done)
}

/// How many pieces of an order came back: all if the client was told so, none if told no, else what the store says.
fn back(case: &Case<'_>, order: &Order, found: &mut Found) -> i64 {
    let lines = case.books.orders.get(&order.id).map(|kept| kept.lines.as_slice()).unwrap_or_default();
    let noted: i64 = lines.iter().filter(|l| l.sku == Some(order.sku)).map(|l| l.returned).sum();
    let is_done = order.asked(|ask| ask == Ask::Return).any(|call| call.done().is_some());
    let sound = match (is_done, may_be_back(order)) {
        (true, _) => noted == order.quantity,
        (false, true) => noted == 0 || noted == order.quantity,
        (false, false) => noted == 0,
    };
    found.insist(sound, PIECES, || format!("order {}: {noted} noted as returned", order.id));
    noted
}
