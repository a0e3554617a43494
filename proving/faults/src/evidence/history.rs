//! What the clients asked for and were told.

use uuid::Uuid;

/// The log of all clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// What could be bought.
    pub(crate) skus: Vec<Sku>,
    /// The orders that were made, as their clients know them.
    pub(crate) orders: Vec<Order>,
    /// How many requests for an order were given up without an answer.
    pub(crate) orders_given_up: usize,
    /// Answers that say that the server itself is at fault.
    pub(crate) faults: Vec<String>,
}

/// A SKU, as it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sku {
    pub(crate) id: Uuid,
    /// The first quantity; `None` for a SKU that never runs out.
    pub(crate) initial: Option<i64>,
    /// The price of one, in cents.
    pub(crate) price: i64,
}

/// An order, and everything that was asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) sku: Uuid,
    pub(crate) quantity: i64,
    /// What the client computed that it costs, in cents.
    pub(crate) total: i64,
    pub(crate) calls: Vec<Call>,
}

/// One request with one idempotency key, however often it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    pub(crate) key: String,
    pub(crate) outcome: Outcome,
    /// What the same request with the same key was answered afterwards.
    pub(crate) again: Vec<Outcome>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Pay,
    /// Give so much of the charge back.
    Refund(i64),
    /// Give everything back.
    Return,
}

/// What came of it, as far as the client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// OK: it must be in effect.
    Done(Seen),
    /// A definite no, with its reason: it must not be in effect.
    Refused(String),
    /// No answer that says: all of it may be in effect, or none.
    Unknown(String),
}

/// What an answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The order or charge that it shows.
    pub(crate) object: Uuid,
    /// Its status, by its number on the wire.
    pub(crate) status: i32,
    /// The charge that it names.
    pub(crate) charge: Option<Uuid>,
    /// What was given back so far, in cents.
    pub(crate) refunded: i64,
    pub(crate) version: i64,
}

impl Call {
    /// Whether it may be in effect.
    pub(crate) fn may_be_done(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused(_))
    }

    pub(crate) fn done(&self) -> Option<&Seen> {
        match &self.outcome {
            Outcome::Done(seen) => Some(seen),
            _ => None,
        }
    }

    /// Whether its key has its answer for good. A refusal that is not the gateway's is not kept: the same request may be
    /// granted later, and then it is another request.
    pub(crate) fn is_answered(&self) -> bool {
        match &self.outcome {
            Outcome::Done(_) => true,
            Outcome::Refused(reason) => reason.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            Outcome::Unknown(_) => false,
        }
    }

    pub(crate) fn refusal(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Order {
    /// The calls that asked for this.
    pub(crate) fn asked(&self, wanted: impl Fn(Ask) -> bool) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| wanted(call.ask))
    }

    /// The requests to pay it.
    pub(crate) fn pays(&self) -> impl Iterator<Item = &Call> {
        self.asked(|ask| ask == Ask::Pay)
    }
}
