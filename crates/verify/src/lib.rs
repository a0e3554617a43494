//! What must be true of a shop's books, judged from the store alone.
//!
//! - [`rule`]: the rules, each with an id and a name. A breach is a [`Violation`].
//! - [`books`]: what a store holds, read through its port or by any other eyes. Read with types of its own: what the shop
//!   believes about its documents is not asked.
//! - [`judge`]: which rules the books break.
//!
//! [`verify`] does all of it for a store that may be in use. Who has the gateway's and the clients' records as well can judge
//! more; these rules are a part of that verdict.

pub mod books;
mod judge;
pub mod rule;

use std::collections::BTreeSet;

use digota_core::port::Store;

pub use books::{Books, Known, ReadError};
pub use judge::judge;
pub use rule::{Found, Rule, Violation};

/// At what moment books are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Any moment: payments may be under way.
    Running,
    /// Nothing is under way any more: what is still open is in limbo.
    AtRest,
}

/// How often books that look wrong are read, since a shop in use changes while it is read.
const READINGS: usize = 4;

/// What a store holds, and what of it must not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Orders read.
    pub orders: usize,
    /// Charges read.
    pub charges: usize,
    /// Attempts read: those that are open, and those that moved stock.
    pub attempts: usize,
    /// Of these, attempts whose outcome is not known yet.
    pub open: usize,
    /// SKUs with stock.
    pub skus: usize,
    /// Movements of stock.
    pub movements: usize,
    /// Events.
    pub events: usize,
    /// What must not be.
    pub violations: Vec<Violation>,
}

/// Reads a store and judges it by every rule that needs nothing else. It may be in use: what one reading shows and the next one
/// does not was only read in the middle of a change.
///
/// # Errors
/// [`ReadError`] where the store can't be read, or holds what makes no sense.
pub async fn verify(store: &dyn Store) -> Result<Report, ReadError> {
    let mut lasting: Option<BTreeSet<Violation>> = None;
    let mut report = Report::default();
    for _ in 0..READINGS {
        let books = Books::read(store, &Known::default()).await?;
        let found = judge(&books, When::Running);
        report = count(&books);
        let still = |violation: &Violation| {
            lasting.as_ref().is_none_or(|before| before.iter().any(|other| violation.is_as(other)))
        };
        let now: BTreeSet<Violation> = found.into_iter().filter(still).collect();
        let settled = now.is_empty();
        lasting = Some(now);
        if settled {
            break;
        }
    }
    report.violations = lasting.unwrap_or_default().into_iter().collect();
    Ok(report)
}

fn count(books: &Books) -> Report {
    Report {
        orders: books.orders.len(),
        charges: books.charges.len(),
        attempts: books.attempts.len(),
        open: books.attempts.values().filter(|attempt| !attempt.is_final()).count(),
        skus: books.stock.len(),
        movements: books.movements.values().map(Vec::len).sum(),
        events: books.events.len(),
        violations: Vec::new(),
    }
}
