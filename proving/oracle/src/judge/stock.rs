//! Nothing is sold that was not there, and every piece is accounted for.

use digota_verify::Found;
use digota_verify::rule::LEDGER;
use uuid::Uuid;

use super::Case;
use crate::evidence::books::{Movement, MovementKind, Stock};
use crate::evidence::history::{Ask, Call, Order, Outcome, Sku};
use crate::rules::{OVERSOLD, PIECES, UNDERSOLD};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    for sku in &case.history.skus {
        let Some(initial) = sku.initial else { continue };
        not_oversold(case, sku, initial, found);
        if !case.at_rest {
            continue;
        }
        let Some(stock) = case.books.stock.get(&sku.id) else {
            found.insist(false, LEDGER, || about(sku.id), || "it has no stock".into());
            continue;
        };
        let movements = case.books.movements.get(&sku.id).map(Vec::as_slice).unwrap_or_default();
        pieces_add_up(case, (sku, initial), *stock, movements, found);
        not_undersold(case, (sku, initial), movements, found);
    }
}

fn about(sku: Uuid) -> String {
    format!("SKU {sku}")
}

/// The orders of a SKU that were paid for, by the gateway's record or as their client was told.
fn bought<'a>(case: &'a Case<'_>, sku: Uuid) -> impl Iterator<Item = &'a &'a Order> {
    let paid = |order: &Order| case.balance(order.id).0 > 0 || order.pays().any(|call| call.done().is_some());
    case.known.values().filter(move |order| order.quantity(sku) > 0 && paid(order))
}

/// What was put into stock by hand, at least and at most, as the clients know.
fn put_there(sku: &Sku, initial: i64) -> (i64, i64) {
    let mut sum = (initial, initial);
    for adjustment in sku.adjustments.iter().filter(|adjustment| adjustment.outcome.may_be_done()) {
        let known = adjustment.outcome.done().is_some();
        sum.0 += if known || adjustment.delta < 0 { adjustment.delta } else { 0 };
        sum.1 += if known || adjustment.delta > 0 { adjustment.delta } else { 0 };
    }
    sum
}

/// By gateway and clients alone: what was paid for and can't have come back.
fn not_oversold(case: &Case<'_>, sku: &Sku, initial: i64, found: &mut Found) {
    let sold: i64 = bought(case, sku.id).map(|order| order.quantity(sku.id) - order.back(sku.id).1).sum();
    let taken_away: i64 =
        sku.adjustments.iter().filter(|a| a.outcome.done().is_some()).map(|a| a.delta.min(0)).sum();
    let most = put_there(sku, initial).1 - taken_away;
    found.insist(sold <= most, OVERSOLD, || about(sku.id), || format!("{sold} sold of {most}"));
}

fn pieces_add_up(
    case: &Case<'_>,
    (sku, initial): (&Sku, i64),
    stock: Stock,
    movements: &[Movement],
    found: &mut Found,
) {
    let sum = |kind: MovementKind| -> i64 {
        movements.iter().filter(|movement| movement.kind == kind).map(|movement| movement.on_hand).sum()
    };
    let (least, most) = put_there(sku, initial);
    let by_hand = sum(MovementKind::Adjust);
    found.insist(
        (least..=most).contains(&by_hand),
        LEDGER,
        || about(sku.id),
        || format!("{by_hand} put there by the ledger, {least} to {most} by its clients"),
    );
    let taken = case.known.values().filter(|order| case.balance(order.id).0 > 0);
    let sold: i64 = taken.clone().map(|order| order.quantity(sku.id)).sum();
    let restocked = sum(MovementKind::Return);
    found.insist(
        stock.on_hand == by_hand - sold + restocked,
        PIECES,
        || about(sku.id),
        || format!("{} on hand; {by_hand} put there, {sold} paid for, {restocked} came back", stock.on_hand),
    );
    let (mut at_least, mut at_most) = (0i64, 0i64);
    for order in taken {
        let (least, most) = order.back(sku.id);
        // Goods that were sent may stay out of stock.
        let sent = order.asked(|ask| *ask == Ask::Fulfill).any(Call::may_be_done);
        at_least += if sent { 0 } else { least };
        at_most += most;
    }
    found.insist(
        (at_least..=at_most).contains(&restocked),
        PIECES,
        || about(sku.id),
        || format!("{restocked} came back into stock, {at_least} to {at_most} by clients"),
    );
}

/// Where nothing was ever let go again or put there later, what is left at the end was there at every refusal.
fn not_undersold(case: &Case<'_>, (sku, initial): (&Sku, i64), movements: &[Movement], found: &mut Found) {
    let only_sold = |kind: MovementKind| matches!(kind, MovementKind::Reserve | MovementKind::Consume);
    if !movements.iter().skip(1).all(|movement| only_sold(movement.kind)) {
        return;
    }
    let sold: i64 = bought(case, sku.id).map(|order| order.quantity(sku.id)).sum();
    let left = initial - sold;
    let refused = |call: &Call| matches!(&call.outcome, Outcome::Refused(reason) if reason == "OUT_OF_STOCK");
    for order in case.known.values().filter(|order| order.pays().any(refused)) {
        // Another SKU of the order may be the one that was short.
        let alone = order.goods.iter().all(|(other, _)| *other == sku.id);
        let wanted = order.quantity(sku.id);
        found.insist(
            !alone || wanted > left,
            UNDERSOLD,
            || format!("order {}", order.id),
            || format!("{wanted} of SKU {} were refused, {left} are left", sku.id),
        );
    }
}
