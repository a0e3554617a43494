//! Gateway and store agree to the cent.

use std::collections::BTreeMap;

use digota_verify::Found;
use digota_verify::rule::{AGREES, PAID};
use uuid::Uuid;

use super::Case;
use crate::evidence::books::{Attempt, Charge};
use crate::evidence::history::Order;
use crate::evidence::journal::Entry;
use crate::rules::UNKNOWN;

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let last: BTreeMap<Uuid, &Entry> = case.journal.iter().map(|entry| (entry.attempt, entry)).collect();
    for (id, attempt) in case.books.attempts.iter().filter(|(_, attempt)| attempt.is_final()) {
        moved_what_it_says(case, *id, attempt, found);
        stays_failed(last.get(id).copied(), *id, attempt, found);
    }
    for (id, moved) in case.moved.iter().filter(|_| case.books.whole) {
        found.insist(
            case.books.attempts.contains_key(id),
            AGREES,
            || format!("attempt {id}"),
            || format!("the gateway moved {} for it, the store does not know it", moved.amount),
        );
    }
    for (id, charge) in case.books.charges.iter().filter(|(_, charge)| charge.open_attempt.is_none()) {
        charge_is_the_gateway_s(case, *id, charge, found);
    }
    for order in case.known.values() {
        paid_if_taken(case, order, found);
    }
}

/// An attempt that succeeded moved what it says; any other moved nothing.
fn moved_what_it_says(case: &Case<'_>, id: Uuid, attempt: &Attempt, found: &mut Found) {
    let about = || format!("attempt {id}");
    let held = case.books.charges.get(&attempt.charge).is_some_and(|charge| charge.capture_later);
    let expected = match (attempt.effect(), attempt.succeeded()) {
        (_, false) => 0,
        ("charge", true) if held => 0,
        ("pay" | "charge" | "capture", true) => attempt.money.amount,
        ("refund" | "return", true) => -attempt.money.amount,
        ("give_back", true) if attempt.op == "refund" => -attempt.money.amount,
        _ => 0,
    };
    let moved = case.moved.get(&id);
    let amount = moved.map_or(0, |moved| moved.amount);
    found.insist(amount == expected, AGREES, about, || {
        format!("it is {} and should have moved {expected}, the gateway moved {amount}", attempt.state)
    });
    let Some(moved) = moved else { return };
    let currency = moved.currency.as_ref() == Some(&attempt.money.currency);
    found.insist(currency, AGREES, about, || format!("it moved {:?}", moved.currency));
    let order = moved.amount < 0 || attempt.effect() == "capture" || moved.order == attempt.order;
    found.insist(order, AGREES, about, || format!("it took money for {:?}", moved.order));
}

/// What the shop gave up has come to nothing at the gateway, and will.
fn stays_failed(last: Option<&Entry>, id: Uuid, attempt: &Attempt, found: &mut Found) {
    let status = last.map(|entry| entry.status.as_str());
    let sound = attempt.succeeded() || matches!(status, None | Some("declined" | "canceled"));
    found.insist(
        sound,
        UNKNOWN,
        || format!("attempt {id}"),
        || format!("it is {} here and {} at the gateway", attempt.state, status.unwrap_or_default()),
    );
}

/// What a charge says of its gateway is so.
fn charge_is_the_gateway_s(case: &Case<'_>, id: Uuid, charge: &Charge, found: &mut Found) {
    let about = || format!("charge {id}");
    let makes = |attempt: &Attempt| {
        attempt.charge == id && matches!(attempt.effect(), "pay" | "charge") && attempt.succeeded()
    };
    let made = case.books.attempts.iter().filter(|(_, attempt)| makes(attempt));
    for (attempt, _) in made {
        let named = charge.provider_charge_id.ends_with(&attempt.simple().to_string());
        found.insist(named, AGREES, about, || {
            format!("it names {}, attempt {attempt} made it", charge.provider_charge_id)
        });
        let back = case.given_back(*attempt);
        found.insist(back == charge.refunded, AGREES, about, || {
            format!("{} is noted as given back, the gateway gave {back}", charge.refunded)
        });
    }
}

fn paid_if_taken(case: &Case<'_>, order: &Order, found: &mut Found) {
    // That an order is there at all is judged with the answers.
    let (id, Some(kept)) = (order.id, case.books.orders.get(&order.id)) else { return };
    if kept.open_attempt.is_some() {
        return;
    }
    let about = || format!("order {id}");
    let captures: Vec<Uuid> = case.captures(id).map(|(attempt, _)| attempt).collect();
    let charges: Vec<Uuid> =
        captures.iter().filter_map(|id| case.books.attempts.get(id)).map(|attempt| attempt.charge).collect();
    let (taken, back) = case.balance(id);
    let expected = if kept.charge.is_some() { order.total } else { 0 };
    found.insist((taken, back) == (expected, kept.refunded), PAID, about, || {
        let (status, refunded) = (&kept.status, kept.refunded);
        format!(
            "of {} it is {status}, {refunded} noted as given back; {taken} was taken and {back} given back",
            order.total
        )
    });
    found.insist(kept.charge.as_slice() == charges, PAID, about, || {
        format!("it names charge {:?}, {charges:?} took the money", kept.charge)
    });
}
