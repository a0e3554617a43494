//! Which rules books break.
//!
//! - [`stock`]: stock, its ledger, and who reserved. [`sold`]: goods leave for what is paid.
//! - [`money`]: orders, charges, refunds and attempts. [`keys`]: idempotency keys.
//! - [`events`]: events and versions. [`paths`]: statuses. [`rest`]: nothing is left in between.

mod events;
mod keys;
mod money;
mod open;
mod paths;
mod rest;
mod sold;
mod stock;

use crate::When;
use crate::books::Books;
use crate::rule::{Found, Violation};

/// Every breach of a rule of [`crate::rule::STORE`].
pub fn judge(books: &Books, when: When) -> Vec<Violation> {
    let mut found = Found::default();
    stock::judge(books, &mut found);
    sold::judge(books, &mut found);
    money::judge(books, &mut found);
    open::judge(books, &mut found);
    keys::judge(books, &mut found);
    events::judge(books, &mut found);
    paths::judge(books, &mut found);
    if when == When::AtRest {
        rest::judge(books, &mut found);
    }
    found.0
}
