//! Gateway and store agree to the cent, and nobody is charged twice.

use uuid::Uuid;

use super::{Case, Found};
use crate::evidence::books::{Attempt, Charge};
use crate::evidence::history::Order;

pub(super) const AGREE: &str = "gateway and store agree to the cent";
pub(super) const ONCE: &str = "an order is charged once, and its total";
pub(super) const PAID: &str = "an order is paid exactly if its total was taken";
pub(super) const ASKED: &str = "no money moves that no client asked for";

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    for (id, attempt) in &case.books.attempts {
        attempt_agrees(case, *id, attempt, found);
    }
    for (id, moved) in &case.moved {
        let known = case.books.attempts.contains_key(id);
        found.insist(known, AGREE, || format!("the gateway moved {} for {id}, unknown here", moved.amount));
        if moved.amount > 0 {
            let order = moved.order.and_then(|order| case.known.get(&order));
            found.insist(order.is_some(), ASKED, || format!("attempt {id} took {} for nobody", moved.amount));
        }
    }
    for (id, charge) in &case.books.charges {
        charge_agrees(case, *id, charge, found);
    }
    for order in case.known.values() {
        charged_once(case, order, found);
        paid_if_taken(case, order, found);
    }
}

/// An attempt that succeeded moved what it says; any other moved nothing.
fn attempt_agrees(case: &Case<'_>, id: Uuid, attempt: &Attempt, found: &mut Found) {
    let sign = match attempt.op.as_str() {
        "charge" => 1,
        "refund" => -1,
        _ => 0,
    };
    let expected = if attempt.succeeded() { sign * attempt.money.amount } else { 0 };
    let moved = case.moved.get(&id);
    let amount = moved.map_or(0, |moved| moved.amount);
    found.insist(amount == expected, AGREE, || {
        let (op, state) = (&attempt.op, &attempt.state);
        format!("{op} {id} is {state} and should have moved {expected}, the gateway moved {amount}")
    });
    let Some(moved) = moved else { return };
    let currency = moved.currency.as_ref() == Some(&attempt.money.currency);
    found.insist(currency, AGREE, || format!("attempt {id} moved another currency"));
    let order = sign < 0 || moved.order == attempt.order;
    found.insist(order, AGREE, || format!("attempt {id} took money for {:?}", moved.order));
}

/// A charge is what its attempts made of it.
fn charge_agrees(case: &Case<'_>, id: Uuid, charge: &Charge, found: &mut Found) {
    let of_charge = |op: &'static str| {
        let mine = move |attempt: &Attempt| attempt.charge == id && attempt.op == op && attempt.succeeded();
        case.books.attempts.iter().filter(move |(_, attempt)| mine(attempt))
    };
    let taken: Vec<_> = of_charge("charge").collect();
    let expected = usize::from(charge.status == "succeeded");
    found.insist(taken.len() == expected, AGREE, || {
        format!("charge {id} is {} with {} attempts that took money", charge.status, taken.len())
    });
    for (attempt, made) in taken {
        let named = charge.provider_charge_id == format!("ch_{}", attempt.simple());
        found.insist(named, AGREE, || format!("charge {id} names {}", charge.provider_charge_id));
        let same = (&made.money, made.order) == (&charge.money, charge.order);
        found.insist(same, AGREE, || format!("charge {id} is not what attempt {attempt} took"));
        let back = case.given_back(*attempt);
        found.insist(back == charge.refunded, AGREE, || {
            format!("of charge {id} {} is noted as given back, the gateway gave {back}", charge.refunded)
        });
    }
    let mut noted: Vec<_> =
        charge.refunds.iter().filter(|r| r.status == "succeeded").map(|r| (Some(r.id), r.amount)).collect();
    let mut made: Vec<_> = of_charge("refund").map(|(_, a)| (a.refund(), a.money.amount)).collect();
    noted.sort_unstable();
    made.sort_unstable();
    found.insist(noted == made, AGREE, || {
        format!("charge {id} lists {noted:?} as refunds, made were {made:?}")
    });
}

/// From the gateway's and the clients' records alone.
fn charged_once(case: &Case<'_>, order: &Order, found: &mut Found) {
    let id = order.id;
    let mut kept = 0;
    for (attempt, moved) in case.captures(id) {
        let back = case.given_back(attempt);
        kept += usize::from(back < moved.amount);
        let (amount, total) = (moved.amount, order.total);
        found.insist(amount == total, ONCE, || format!("order {id} costs {total}, {attempt} took {amount}"));
        found.insist(back <= amount, ONCE, || format!("{back} of {amount} went back to order {id}"));
    }
    found.insist(kept <= 1, ONCE, || format!("order {id} was charged {kept} times"));
    let (taken, back) = case.balance(id);
    found.insist(taken - back <= order.total, ONCE, || format!("order {id} cost {}", taken - back));
}

fn paid_if_taken(case: &Case<'_>, order: &Order, found: &mut Found) {
    // That an order is there at all is judged with the answers.
    let (id, Some(kept)) = (order.id, case.books.orders.get(&order.id)) else { return };
    let captures: Vec<Uuid> = case.captures(id).map(|(attempt, _)| attempt).collect();
    let charges: Vec<Uuid> =
        captures.iter().filter_map(|id| case.books.attempts.get(id)).map(|attempt| attempt.charge).collect();
    let (taken, back) = case.balance(id);
    let sound = match kept.status.as_str() {
        "created" => captures.is_empty() && kept.charge.is_none(),
        "paid" => taken == order.total && kept.charge.is_some() && back == kept.refunded,
        "canceled" => taken == order.total && back == taken && kept.refunded == back,
        _ => false,
    };
    found.insist(sound, PAID, || {
        format!("order {id} of {} is {}, {taken} was taken and {back} given back", order.total, kept.status)
    });
    let named = captures.len() <= 1 && kept.charge.as_slice() == charges;
    found.insist(named, PAID, || format!("order {id} names charge {:?}, taken by {charges:?}", kept.charge));
}
