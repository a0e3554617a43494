//! At rest nothing is left in between.

use super::{Case, Found};

pub(super) const LIMBO: &str = "nothing is in limbo at rest";

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let books = case.books;
    for attempt in &books.due {
        found.insist(false, LIMBO, || format!("attempt {attempt} would still be looked at"));
    }
    for (id, attempt) in &books.attempts {
        found.insist(attempt.is_final(), LIMBO, || format!("attempt {id} is {}", attempt.state));
    }
    for (id, charge) in &books.charges {
        let open = matches!(charge.status.as_str(), "pending" | "requires_action" | "authorized");
        found.insist(!open, LIMBO, || format!("charge {id} is {}", charge.status));
        let held = charge.open_attempt.is_some() || charge.pending_refund != 0;
        let pending = charge.refunds.iter().any(|refund| refund.status == "pending");
        found.insist(!held && !pending, LIMBO, || format!("charge {id} waits for a refund"));
    }
    for (id, order) in &books.orders {
        let waits = order.open_attempt.is_some() || order.pending_charge.is_some();
        found.insist(!waits, LIMBO, || format!("order {id} waits for a payment"));
    }
    for key in &books.keys {
        found.insist(key.answer.is_some(), LIMBO, || format!("{} has no answer", key.key));
    }
}
