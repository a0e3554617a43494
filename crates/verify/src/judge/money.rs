//! Orders, charges and attempts tell the same of the money.

use uuid::Uuid;

use crate::books::{Attempt, Books, Charge, Order};
use crate::rule::{AGREES, Found, NAMED, ONCE, PAID, REFUNDS, SUMS, TOTAL};

pub(super) fn judge(books: &Books, found: &mut Found) {
    for (id, order) in &books.orders {
        adds_up(*id, order, found);
        is_paid_by_its_charge(books, *id, order, found);
    }
    for (id, charge) in &books.charges {
        refunds_add_up(*id, charge, found);
        pays_its_order(books, *id, charge, found);
        if books.whole {
            is_as_attempted(books, *id, charge, found);
        }
    }
    for (id, attempt) in &books.attempts {
        attempt_counts(books, *id, attempt, found);
    }
}

fn adds_up(id: Uuid, order: &Order, found: &mut Found) {
    let mut sum = Some(0i64);
    for line in &order.lines {
        let price = line.unit_price.checked_mul(line.quantity);
        sum = sum.zip(price).and_then(|(sum, price)| sum.checked_add(price));
    }
    let sound = sum == Some(order.money.amount) && order.money.amount >= 0;
    found.insist(
        sound,
        TOTAL,
        || format!("order {id}"),
        || format!("its lines make {sum:?}, its total is {}", order.money.amount),
    );
}

fn is_paid_by_its_charge(books: &Books, id: Uuid, order: &Order, found: &mut Found) {
    let about = || format!("order {id}");
    let taken: Vec<(Uuid, &Charge)> = books.succeeded(id).collect();
    // What is on its way back is not kept.
    let left = |charge: &Charge| charge.money.amount - charge.refunded - charge.pending_refund;
    let kept = taken.iter().filter(|(id, charge)| left(charge) > 0 || order.charge == Some(*id)).count();
    found.insist(kept <= 1, ONCE, about, || {
        format!("{kept} charges took money and kept it: {:?}", ids(&taken))
    });
    let named = order.charge.is_none_or(|charge| books.charges.contains_key(&charge));
    found.insist(named, NAMED, about, || format!("it names charge {:?}", order.charge));
    let sound = match order.status.as_str() {
        "created" => order.charge.is_none(),
        "paid" | "fulfilled" => order.charge.is_some(),
        "canceled" => order.charge.is_none() || order.all_returned(),
        "returned" => order.charge.is_some() && order.all_returned(),
        _ => false,
    };
    found.insist(sound, PAID, about, || format!("it is {} with charge {:?}", order.status, order.charge));
    // Money that came too late and goes back pays nothing.
    let paying: Vec<(Uuid, &Charge)> =
        taken.iter().copied().filter(|(id, charge)| left(charge) > 0 || order.charge == Some(*id)).collect();
    let same = ids(&paying) == order.charge.as_slice();
    found.insist(same, PAID, about, || {
        format!("it is paid by {:?}, and {:?} took money for it", order.charge, ids(&paying))
    });
    let back: i64 = paying.iter().map(|(_, charge)| charge.refunded).sum();
    found.insist(order.refunded == back, SUMS, about, || {
        format!("{} given back by the order, {back} by its charge", order.refunded)
    });
}

fn ids(charges: &[(Uuid, &Charge)]) -> Vec<Uuid> {
    charges.iter().map(|(id, _)| *id).collect()
}

fn refunds_add_up(id: Uuid, charge: &Charge, found: &mut Found) {
    let about = || format!("charge {id}");
    let sum = |status: &str| -> i64 {
        charge.refunds.iter().filter(|refund| refund.status == status).map(|refund| refund.amount).sum()
    };
    let (back, pending) = (sum("succeeded"), sum("pending"));
    found.insist((charge.refunded, charge.pending_refund) == (back, pending), SUMS, about, || {
        let Charge { refunded, pending_refund, .. } = charge;
        format!("{refunded} and {pending_refund} pending, its refunds make {back} and {pending}")
    });
    let positive = charge.refunds.iter().all(|refund| refund.amount > 0);
    let most = if charge.status == "succeeded" { charge.money.amount } else { 0 };
    found.insist(positive && back + pending <= most, REFUNDS, about, || {
        format!("of {most} taken {back} was given back and {pending} will be")
    });
}

fn pays_its_order(books: &Books, id: Uuid, charge: &Charge, found: &mut Found) {
    let Some(order) = charge.order else { return };
    let about = || format!("charge {id}");
    let Some(order) = books.orders.get(&order) else {
        found.insist(false, NAMED, about, || format!("it names order {order}"));
        return;
    };
    found.insist(charge.money == order.money, TOTAL, about, || {
        format!("it is of {:?}, its order of {:?}", charge.money, order.money)
    });
}

/// A charge took money where an attempt did, once; and each refund is made by one attempt.
fn is_as_attempted(books: &Books, id: Uuid, charge: &Charge, found: &mut Found) {
    let about = || format!("charge {id}");
    let made = |effects: &[&str]| -> Vec<&Attempt> {
        let mine = |attempt: &&Attempt| attempt.charge == id && effects.contains(&attempt.effect());
        books.attempts.values().filter(mine).filter(|attempt| attempt.succeeded()).collect()
    };
    let (begun, captured) = (made(&["pay", "charge"]).len(), made(&["capture"]).len());
    let voided = made(&["void", "give_back"]).iter().filter(|attempt| attempt.op == "void").count();
    let sound = match charge.status.as_str() {
        "pending" | "requires_action" | "failed" => begun == 0 && captured == 0 && voided == 0,
        "authorized" => begun == 1 && captured == 0 && voided == 0,
        "canceled" => begun == 1 && captured == 0 && voided == 1,
        "succeeded" => begun == 1 && captured <= 1 && voided == 0,
        _ => false,
    };
    found.insist(sound, AGREES, about, || {
        format!("it is {}: {begun} attempts made it, {captured} captured, {voided} voided", charge.status)
    });
    let mut noted: Vec<_> =
        charge.refunds.iter().filter(|r| r.status == "succeeded").map(|r| (Some(r.id), r.amount)).collect();
    let mut paid: Vec<_> = made(&["refund", "return", "give_back"])
        .iter()
        .filter(|attempt| attempt.op == "refund")
        .map(|attempt| (attempt.refund(), attempt.money.amount))
        .collect();
    noted.sort_unstable();
    paid.sort_unstable();
    found.insist(noted == paid, AGREES, about, || {
        format!("it lists {noted:?} as given back, made were {paid:?}")
    });
}

/// What came of an attempt is what its charge shows.
fn attempt_counts(books: &Books, id: Uuid, attempt: &Attempt, found: &mut Found) {
    let about = || format!("attempt {id}");
    let Some(charge) = books.charges.get(&attempt.charge) else {
        found.insist(false, NAMED, about, || format!("it names charge {}", attempt.charge));
        return;
    };
    let order = attempt.order.is_none_or(|order| books.orders.contains_key(&order));
    found.insist(order, NAMED, about, || format!("it names order {:?}", attempt.order));
    let status = charge.status.as_str();
    let refund = |status: &str| {
        charge
            .refunds
            .iter()
            .any(|r| Some(r.id) == attempt.refund() && r.status == status && r.amount == attempt.money.amount)
    };
    let sound = match (attempt.effect(), attempt.state.as_str()) {
        ("pay", "succeeded") if attempt.given_back.is_some() => {
            matches!(status, "succeeded" | "authorized" | "canceled")
        }
        ("pay", "succeeded") => status == "succeeded",
        ("charge", "succeeded") => matches!(status, "succeeded" | "authorized" | "canceled"),
        ("pay" | "charge", "declined" | "not_executed") => status == "failed",
        ("pay" | "charge", _) => matches!(status, "pending" | "requires_action"),
        ("capture", "succeeded") => status == "succeeded" && charge.money == attempt.money,
        ("void", "succeeded") => status == "canceled",
        ("capture" | "void", "declined" | "not_executed") => true,
        ("capture" | "void", _) => status == "authorized",
        ("give_back", "succeeded") if attempt.op == "void" => status == "canceled",
        ("give_back", _) if attempt.op == "void" => status == "authorized",
        ("refund" | "return" | "give_back", "succeeded") => refund("succeeded"),
        ("refund" | "return" | "give_back", "declined" | "not_executed") => refund("failed"),
        ("refund" | "return" | "give_back", _) => refund("pending"),
        _ => false,
    };
    found.insist(sound, AGREES, about, || {
        format!(
            "it is to {} and is {}, charge {} is {status}",
            attempt.effect(),
            attempt.state,
            attempt.charge
        )
    });
}
