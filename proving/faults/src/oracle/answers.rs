//! What clients were told is so: OK is in effect, no is not, and the same key always tells the same.

use std::collections::BTreeMap;

use super::{Case, Found};
use crate::evidence::books::Key;
use crate::evidence::history::{Ask, Call, Order, Outcome, Seen};

pub(super) const KEPT: &str = "what was acknowledged is in effect";
pub(super) const REFUSED: &str = "what was refused moved no money";
pub(super) const KEY: &str = "one answer per idempotency key";
pub(super) const FAULT: &str = "the server is never at fault";

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let keys: BTreeMap<&str, &Key> = case.books.keys.iter().map(|key| (key.key.as_str(), key)).collect();
    let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
    for key in case.books.attempts.values().filter(|a| a.succeeded()).filter_map(|a| a.client_key.as_ref()) {
        *effects.entry(&key.key).or_default() += 1;
    }
    for (key, count) in &effects {
        found.insist(*count == 1, KEY, || format!("{key} had {count} effects"));
    }
    for order in case.known.values() {
        order_is_kept(case, order, found);
        refunds_add_up(case, order, found);
        for call in &order.calls {
            answer_is_kept(call, keys.get(call.key.as_str()).copied(), found);
            told_the_same(call, found);
            let none = call.refusal().is_none() || !effects.contains_key(call.key.as_str());
            found.insist(none, REFUSED, || format!("{} was {:?} and moved money", call.key, call.outcome));
        }
        let (taken, _) = case.balance(order.id);
        let wanted = order.pays().any(Call::may_be_done);
        found.insist(wanted || taken == 0, REFUSED, || {
            format!("order {}: every payment was refused, {taken} was taken", order.id)
        });
    }
    for fault in &case.history.faults {
        found.insist(false, FAULT, || fault.clone());
    }
}

/// An order that was acknowledged is there as it was ordered, and as it was last said to be.
fn order_is_kept(case: &Case<'_>, order: &Order, found: &mut Found) {
    let id = order.id;
    let Some(kept) = case.books.orders.get(&id) else {
        found.insist(false, KEPT, || format!("order {id} is gone"));
        return;
    };
    let goods = kept.lines.iter().find(|line| line.sku == Some(order.sku));
    let same = kept.money.amount == order.total && goods.is_some_and(|line| line.quantity == order.quantity);
    found.insist(same, KEPT, || format!("order {id} is not what was ordered"));
    for call in &order.calls {
        let Some(seen) = call.done() else { continue };
        let sound = match call.ask {
            Ask::Pay => seen.object == id && kept.charge.is_some() && kept.charge == seen.charge,
            Ask::Refund(_) => kept.charge == Some(seen.object),
            Ask::Return => seen.object == id && kept.status == "canceled",
        };
        found.insist(sound, KEPT, || format!("order {id}: {} was told {seen:?}", call.key));
        let (taken, back) = case.balance(id);
        found.insist(taken == order.total, KEPT, || format!("order {id}: {} with {taken} taken", call.key));
        let back_enough = seen.refunded <= back && (call.ask != Ask::Return || back == taken);
        found.insist(back_enough, KEPT, || format!("order {id}: {} with {back} given back", call.key));
    }
}

/// What went back is what was asked for, less what was refused.
fn refunds_add_up(case: &Case<'_>, order: &Order, found: &mut Found) {
    let (_, back) = case.balance(order.id);
    let (mut least, mut most) = (0, 0);
    for call in &order.calls {
        let amount = match call.ask {
            Ask::Pay => 0,
            Ask::Refund(amount) => amount,
            Ask::Return => order.total,
        };
        least = if call.done().is_some() { order.total.min(least + amount) } else { least };
        most = if call.may_be_done() { order.total.min(most + amount) } else { most };
    }
    found.insist(least <= back, KEPT, || format!("order {}: {least} to go back, {back} did", order.id));
    found.insist(back <= most, REFUSED, || format!("order {}: {back} went back, of {most}", order.id));
}

/// The store keeps the answer that the client got.
fn answer_is_kept(call: &Call, key: Option<&Key>, found: &mut Found) {
    let answer = key.and_then(|key| key.answer.as_ref());
    match &call.outcome {
        Outcome::Done(seen) => {
            let version = answer.and_then(|answer| version(answer, seen));
            found.insist(version == Some(seen.version), KEY, || {
                format!("{} was told version {}, kept is {answer:?}", call.key, seen.version)
            });
        }
        Outcome::Refused(_) => {
            let other = answer.is_some_and(|answer| answer.get("Ok").is_some());
            found.insist(!other, KEY, || format!("{} was refused, kept is {answer:?}", call.key));
        }
        Outcome::Unknown(_) => {}
    }
}

fn version(answer: &serde_json::Value, seen: &Seen) -> Option<i64> {
    let noun = answer.get("Ok")?.as_object()?.values().next()?;
    (noun.get("id")?.as_str()? == seen.object.to_string()).then(|| noun.get("version")?.as_i64())?
}

fn told_the_same(call: &Call, found: &mut Found) {
    for again in &call.again {
        let sound = !call.is_answered() || matches!(again, Outcome::Unknown(_)) || call.outcome == *again;
        found.insist(sound, KEY, || format!("{} was told {:?}, then {again:?}", call.key, call.outcome));
    }
}
