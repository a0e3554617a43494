//! At rest nothing is left in between.

use crate::books::Books;
use crate::rule::{Found, LIMBO};

pub(super) fn judge(books: &Books, found: &mut Found) {
    for (id, attempt) in &books.attempts {
        found.insist(
            attempt.is_final(),
            LIMBO,
            || format!("attempt {id}"),
            || format!("it is {}", attempt.state),
        );
    }
    for (id, charge) in &books.charges {
        let open = matches!(charge.status.as_str(), "pending" | "requires_action");
        let held = charge.open_attempt.is_some() || charge.pending_refund != 0;
        let pending = charge.refunds.iter().any(|refund| refund.status == "pending");
        found.insist(
            !open && !held && !pending,
            LIMBO,
            || format!("charge {id}"),
            || format!("it is {}, {} to be given back", charge.status, charge.pending_refund),
        );
    }
    for (id, order) in &books.orders {
        let waits = order.open_attempt.is_some() || order.pending_charge.is_some();
        found.insist(!waits, LIMBO, || format!("order {id}"), || "it waits for a payment".into());
    }
    for (sku, stock) in &books.stock {
        found.insist(
            stock.reserved == 0,
            LIMBO,
            || super::stock::name(*sku),
            || format!("{} reserved", stock.reserved),
        );
    }
    for key in &books.keys {
        found.insist(
            key.answer.is_some(),
            LIMBO,
            || format!("key {}", key.scope.key),
            || "it has no answer".into(),
        );
    }
}
