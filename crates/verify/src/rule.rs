//! The rules that books are judged by, and their breaches.

use std::fmt::{Display, Formatter};

/// Something that must always be true. Ids are grouped: A stock, B money, C orders, D idempotency keys, E events, F versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Short and for ever: `A1`.
    pub id: &'static str,
    /// For people: `stock-bounds`.
    pub name: &'static str,
    /// What must be true.
    pub says: &'static str,
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.id, self.name)
    }
}

/// Declares rules, and the list of them: `rules!(ALL; BOUNDS = "A1", "stock-bounds", "…";)`.
#[macro_export]
macro_rules! rules {
    ($list:ident; $($name:ident = $id:literal, $short:literal, $says:literal;)+) => {
        $(
            #[doc = $says]
            pub const $name: $crate::Rule = $crate::Rule { id: $id, name: $short, says: $says };
        )+

        /// Every rule declared here.
        pub const $list: &[$crate::Rule] = &[$($name),+];
    };
}

rules! { STORE;
    BOUNDS = "A1", "stock-bounds",
        "A SKU's stock never leaves 0 <= reserved <= on hand, after no movement.";
    LEDGER = "A2", "stock-ledger",
        "A SKU's stock is the sum of its movements, which are numbered without a gap and never change.";
    ENDS_ONCE = "A4", "reservation-ends-once",
        "Whatever an attempt reserves is consumed or released once, whole; no more comes back than was sold.";
    AGREES = "B1", "money-agrees",
        "Attempts, charges and the gateway's record tell the same of every movement of money, to the cent.";
    ONCE = "B2", "charged-once",
        "An order has one charge at most that took money and did not give all of it back.";
    PAID = "B3", "paid-if-taken",
        "An order is paid exactly if its total was taken.";
    TOTAL = "B4", "total-adds-up",
        "An order's total is the sum of its lines, and its charges are for that total.";
    REFUNDS = "B5", "refunds-within",
        "No more is given back, or about to be, than was taken.";
    SUMS = "B6", "sums-agree",
        "What an order and its charge say was given back is the sum of the refunds that were.";
    ONE_OPEN = "B10", "one-attempt-at-a-time",
        "An order, or a charge without one, has one unfinished attempt at most, and knows which; all tries of an attempt carry one key.";
    PATH = "C1", "legal-path",
        "The statuses of an order or charge are a path of its graph; what has ended does not change any more.";
    SOLD = "C2", "paid-means-sold",
        "Goods leave the stock exactly for orders that are paid, once per line; goods of a failed payment are let go.";
    LIMBO = "C3", "no-limbo",
        "At rest no attempt, charge, refund, order, key or reservation waits for anything.";
    FINAL_ANSWERS = "D5", "only-final-answers-kept",
        "A key has an answer once its attempt has its outcome, not before, and only an answer that stays true.";
    EVENTS = "E1", "event-per-version",
        "Every version of a product, SKU, order or charge has its event, and every event its version; positions have no gap.";
    VERSIONS = "F1", "version-once",
        "A version is written once: whoever read an older one can't write.";
    NAMED = "X2", "names-exist",
        "What a record names is there.";
}

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which rule is broken.
    pub rule: Rule,
    /// By what: `order 0190…`.
    pub about: String,
    /// How.
    pub how: String,
}

impl Violation {
    /// Whether it is the same breach as another, though the figures may have changed.
    pub fn is_as(&self, other: &Violation) -> bool {
        (self.rule.id, &self.about) == (other.rule.id, &other.about)
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.rule, self.about, self.how)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Found(pub Vec<Violation>);

impl Found {
    /// Notes a breach unless the rule holds.
    pub fn insist(
        &mut self,
        holds: bool,
        rule: Rule,
        about: impl FnOnce() -> String,
        how: impl FnOnce() -> String,
    ) {
        if !holds {
            self.0.push(Violation { rule, about: about(), how: how() });
        }
    }
}
