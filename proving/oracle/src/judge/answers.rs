//! What clients were told of orders is so: done is in effect, no is not, and nothing happens that nobody asked for.

use digota_verify::Found;
use uuid::Uuid;

use super::Case;
use crate::evidence::books;
use crate::evidence::history::{Ask, Call, Order, Seen};
use crate::rules::{ASKED, KEPT, NOTHING, OWN_KEY};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    for order in case.known.values() {
        let Some(kept) = case.books.orders.get(&order.id) else {
            found.insist(false, KEPT, || format!("order {}", order.id), || "it is gone".into());
            continue;
        };
        is_as_ordered(order, kept, found);
        for call in &order.calls {
            if let Some(seen) = call.done() {
                is_in_effect(case, order, kept, (call, seen), found);
            }
        }
        refused_took_nothing(case, order, found);
        refunds_add_up(case, order, found);
        was_asked_for(order, kept, found);
    }
    let unknown = case.books.orders.keys().filter(|id| !case.known.contains_key(id)).count();
    found.insist(
        unknown <= case.history.orders_given_up,
        ASKED,
        || "orders".into(),
        || {
            format!(
                "{unknown} are there that no client knows, {} were given up",
                case.history.orders_given_up
            )
        },
    );
}

/// An order that was acknowledged is there as it was ordered.
fn is_as_ordered(order: &Order, kept: &books::Order, found: &mut Found) {
    let mut wanted = order.goods.clone();
    let mut goods: Vec<(Uuid, i64)> = kept.goods().map(|(sku, line)| (sku, line.quantity)).collect();
    wanted.sort_unstable();
    goods.sort_unstable();
    let same = kept.money.amount == order.total && goods == wanted;
    found.insist(
        same,
        KEPT,
        || format!("order {}", order.id),
        || format!("{goods:?} for {}, ordered were {wanted:?} for {}", kept.money.amount, order.total),
    );
}

fn is_in_effect(
    case: &Case<'_>,
    order: &Order,
    kept: &books::Order,
    (call, seen): (&Call, &Seen),
    found: &mut Found,
) {
    let (id, status) = (order.id, kept.status.as_str());
    let about = || format!("order {id}");
    let its_own = match call.ask {
        Ask::Refund { .. } => kept.charge == Some(seen.object),
        _ => seen.object == id,
    };
    found.insist(its_own, OWN_KEY, about, || format!("{:?} was told {seen:?}", call.ask));
    let (taken, back) = case.balance(id);
    let all_back = || order.goods.iter().all(|(sku, quantity)| order.back(*sku).0 >= *quantity);
    let sound = match &call.ask {
        Ask::Pay => kept.charge.is_some() && kept.charge == seen.charge && taken == order.total,
        Ask::Refund { .. } => taken == order.total,
        Ask::Return { .. } => {
            taken == order.total && (!all_back() || matches!(status, "canceled" | "returned"))
        }
        Ask::Cancel => status == "canceled" && kept.charge.is_none() && taken == 0,
        Ask::Fulfill => matches!(status, "fulfilled" | "returned"),
        Ask::Charge | Ask::Capture { .. } | Ask::Void => false,
    };
    found.insist(sound, KEPT, about, || {
        format!("{:?} was told {seen:?}; it is {status}, charge {:?}, {taken} taken", call.ask, kept.charge)
    });
    found.insist(seen.refunded <= back, KEPT, about, || {
        format!("{:?} was told {seen:?}, {back} went back", call.ask)
    });
    let version = if its_own && seen.object == id { kept.version } else { i64::MAX };
    found.insist(seen.version <= version, KEPT, about, || {
        format!("{:?} was told {seen:?}, it is at {version}", call.ask)
    });
}

fn refused_took_nothing(case: &Case<'_>, order: &Order, found: &mut Found) {
    let (taken, _) = case.balance(order.id);
    let wanted = order.pays().any(Call::may_be_done);
    found.insist(
        wanted || taken == 0,
        NOTHING,
        || format!("order {}", order.id),
        || format!("every payment was refused, {taken} was taken"),
    );
}

/// What went back is what was asked for, less what was refused.
fn refunds_add_up(case: &Case<'_>, order: &Order, found: &mut Found) {
    let about = || format!("order {}", order.id);
    let (taken, back) = case.balance(order.id);
    let (mut least, mut most) = (0i64, 0i64);
    for call in &order.calls {
        let (lo, hi) = gives_back(case, order, &call.ask);
        least = least.saturating_add(if call.done().is_some() { lo } else { 0 });
        most = most.saturating_add(if call.may_be_done() { hi } else { 0 });
    }
    found.insist(least.min(taken) <= back, KEPT, about, || {
        format!("{least} should have gone back, {back} did")
    });
    found.insist(back <= most.min(order.total), NOTHING, about, || {
        format!("{back} went back, at most {most} was granted")
    });
}

/// How much a request gives back, at least and at most, unless less is left.
fn gives_back(case: &Case<'_>, order: &Order, ask: &Ask) -> (i64, i64) {
    let total = order.total;
    match ask {
        Ask::Refund { amount: 0 } => (total, total),
        Ask::Refund { amount } | Ask::Return { amount: amount @ 1.., .. } => (*amount, *amount),
        Ask::Return { goods, .. } if goods.is_empty() => (total, total),
        Ask::Return { goods, .. } => {
            let price =
                |sku: Uuid| case.history.skus.iter().find(|other| other.id == sku).map_or(0, |sku| sku.price);
            let price: i64 = goods.iter().map(|(sku, quantity)| price(*sku).saturating_mul(*quantity)).sum();
            // With the last of the goods everything that is left goes back.
            let may_be_last = order.goods.iter().all(|(sku, quantity)| order.back(*sku).1 >= *quantity);
            (price.min(total), if may_be_last { total } else { price })
        }
        _ => (0, 0),
    }
}

fn was_asked_for(order: &Order, kept: &books::Order, found: &mut Found) {
    let about = || format!("order {}", order.id);
    let may = |wanted: fn(&Ask) -> bool| order.asked(wanted).any(Call::may_be_done);
    let asked = match (kept.status.as_str(), kept.charge) {
        ("created", _) => true,
        ("paid", _) => may(|ask| *ask == Ask::Pay),
        ("canceled", None) => may(|ask| *ask == Ask::Cancel),
        ("canceled", Some(_)) => may(|ask| matches!(ask, Ask::Return { .. })),
        ("fulfilled", _) => may(|ask| *ask == Ask::Fulfill),
        ("returned", _) => may(|ask| *ask == Ask::Fulfill) && may(|ask| matches!(ask, Ask::Return { .. })),
        _ => false,
    };
    found.insist(asked, ASKED, about, || format!("it is {}, which was never granted", kept.status));
    for (sku, line) in kept.goods() {
        let (least, most) = order.back(sku);
        found.insist(least <= line.returned, KEPT, about, || {
            format!("{} of SKU {sku} came back, {least} should have", line.returned)
        });
        found.insist(line.returned <= most, NOTHING, about, || {
            format!("{} of SKU {sku} came back, at most {most} was granted", line.returned)
        });
    }
}
