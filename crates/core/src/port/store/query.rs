//! What to list and what to count.

use uuid::Uuid;

use super::{Concern, Kind, Record};
use crate::time::Timestamp;

/// The most records that one page or one capped count may look at.
pub const SCAN_BUDGET: u32 = 10_000;

/// The most bytes of documents on one page, unless its only record has more. A client that reads messages of 4 MiB, as gRPC
/// does unless told otherwise, can read any page.
pub const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// What records of a list must be like. Several are joined by "and".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Products and SKUs: on sale or not.
    Active(bool),
    /// SKUs: of this product.
    Parent(Uuid),
    /// Orders and charges: in this status, by its number on the wire.
    Status(u8),
    /// Orders: of exactly this e-mail address.
    Email(String),
    /// Charges: of this order.
    Order(Uuid),
    /// Attempts: whose outcome is not final.
    Open,
    /// Attempts: of this concern, which is not [`Concern::None`].
    Concern(Concern),
    /// Any kind: inserted at or after `from` and before `until`.
    Created {
        /// The first moment that counts.
        from: Option<Timestamp>,
        /// The first moment that no longer counts.
        until: Option<Timestamp>,
    },
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By when it was changed, not by when it was inserted.
    pub by_updated: bool,
    /// Latest first.
    pub descending: bool,
}

/// Where a page ended: the sorted-by moment and the id of the last record looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `created` or `updated`, as the order says.
    pub at: Timestamp,
    /// The tie-breaker.
    pub id: Uuid,
}

/// What to list. Attempts are listed by [`Condition::Open`] or [`Condition::Concern`] alone, in the order in which they were
/// inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of which kind.
    pub kind: Kind,
    /// Which ones.
    pub conditions: Vec<Condition>,
    /// In which order.
    pub order: Order,
    /// Only what comes after this mark.
    pub after: Option<Mark>,
    /// How many matching records to skip.
    pub offset: u32,
    /// How many to return at most.
    pub limit: u32,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in order; may be fewer than asked for although more follow.
    pub records: Vec<Record>,
    /// Where the next page starts; `None` where nothing follows.
    pub next: Option<Mark>,
    /// How many matching records the next page has still to skip: what was left of the offset when the budget ended.
    pub skip: u32,
}

impl Query {
    /// The query of the page after this one, if there is one.
    pub fn onward(&self, page: &Page) -> Option<Query> {
        page.next.map(|mark| Query { after: Some(mark), offset: page.skip, ..self.clone() })
    }
}

/// A number of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many; at least that many if capped.
    pub count: u64,
    /// Whether counting stopped at [`SCAN_BUDGET`].
    pub capped: bool,
}
