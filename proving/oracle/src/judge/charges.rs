//! What clients were told of charges without an order is so.

use std::collections::BTreeSet;

use digota_verify::Found;
use uuid::Uuid;

use super::Case;
use crate::evidence::books;
use crate::evidence::history::{Ask, Call, Charge};
use crate::rules::{ASKED, KEPT, NOTHING};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let mut known = BTreeSet::new();
    for charge in &case.history.charges {
        let Some(id) = charge.id else { continue };
        known.insert(id);
        match case.books.charges.get(&id) {
            Some(kept) => is_so(case, charge, id, kept, found),
            None => found.insist(false, KEPT, || format!("charge {id}"), || "it is gone".into()),
        }
    }
    nobody_s(case, &known, found);
}

/// What the gateway took and gave back for a charge, by the attempts that the store names.
fn balance(case: &Case<'_>, charge: Uuid) -> (i64, i64) {
    let mine = case.books.attempts.iter().filter(|(_, attempt)| attempt.charge == charge);
    let moved = mine.filter_map(|(id, _)| case.moved.get(id)).map(|moved| moved.amount);
    moved.fold((0, 0), |(taken, back), amount| (taken + amount.max(0), back - amount.min(0)))
}

fn is_so(case: &Case<'_>, charge: &Charge, id: Uuid, kept: &books::Charge, found: &mut Found) {
    let about = || format!("charge {id}");
    let (taken, back) = balance(case, id);
    let (mut wanted, mut least, mut most) = (false, 0i64, 0i64);
    for call in &charge.calls {
        let takes = match call.ask {
            Ask::Charge => (!charge.capture_later).then_some(charge.amount),
            Ask::Capture { amount } => Some(if amount == 0 { charge.amount } else { amount }),
            _ => None,
        };
        wanted |= takes.is_some() && call.may_be_done();
        let gives = match call.ask {
            Ask::Refund { amount: 0 } => charge.amount,
            Ask::Refund { amount } => amount,
            _ => 0,
        };
        most = most.saturating_add(if call.may_be_done() { gives } else { 0 });
        let Some(seen) = call.done() else { continue };
        least = least.saturating_add(gives);
        let void = call.ask == Ask::Void;
        let sound = seen.object == id
            && seen.version <= kept.version
            && takes.is_none_or(|amount| taken == amount)
            && (!void || (taken == 0 && kept.status == "canceled"));
        found.insist(sound, KEPT, about, || {
            format!("{:?} was told {seen:?}; it is {} with {taken} taken", call.ask, kept.status)
        });
    }
    found.insist(wanted || taken == 0, NOTHING, about, || {
        format!("everything was refused, {taken} was taken")
    });
    found.insist(least.min(taken) <= back, KEPT, about, || {
        format!("{least} should have gone back, {back} did")
    });
    found.insist(back <= most.min(taken), NOTHING, about, || {
        format!("{back} went back of {taken}, granted was {most}")
    });
}

/// Charges that no client knows: each must be one whose client never got an answer.
fn nobody_s(case: &Case<'_>, known: &BTreeSet<Uuid>, found: &mut Found) {
    let untold = |charge: &&Charge| charge.id.is_none() && charge.calls.iter().any(Call::may_be_done);
    let mut untold: Vec<i64> =
        case.history.charges.iter().filter(untold).map(|charge| charge.amount).collect();
    let orphan = |(id, charge): &(&Uuid, &books::Charge)| charge.order.is_none() && !known.contains(id);
    for (id, _) in case.books.charges.iter().filter(orphan) {
        let (taken, _) = balance(case, *id);
        if taken == 0 {
            continue;
        }
        found.insist(
            take_smallest(&mut untold, taken),
            ASKED,
            || format!("charge {id}"),
            || format!("{taken} was taken for nobody"),
        );
    }
}

/// Takes out the smallest of these that is enough, if one is: a larger one may be the only one that is enough for another.
fn take_smallest(amounts: &mut Vec<i64>, least: i64) -> bool {
    let enough = (0..amounts.len()).filter(|at| amounts[*at] >= least);
    enough.min_by_key(|at| amounts[*at]).map(|at| amounts.swap_remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_charges_that_were_never_answered_both_find_who_asked_for_them() {
        for taken in [[2221, 4120], [4120, 2221]] {
            let mut asked = vec![4120, 2221];
            assert!(taken.iter().all(|taken| take_smallest(&mut asked, *taken)));
        }
    }

    #[test]
    fn a_charge_that_nobody_asked_for_finds_nobody() {
        assert!(!take_smallest(&mut vec![2221, 4120], 4121));
        assert!(!take_smallest(&mut vec![], 1));
    }
}
