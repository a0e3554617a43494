//! What the clients asked for and were told.

use digota_verify::books::Scope;
use uuid::Uuid;

/// The log of all clients.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What could be bought.
    pub skus: Vec<Sku>,
    /// The orders that were made, as their clients know them.
    pub orders: Vec<Order>,
    /// How many requests for an order were given up without an answer: so many orders may be there that no client knows.
    pub orders_given_up: usize,
    /// Charges that were asked for without an order.
    pub charges: Vec<Charge>,
    /// Answers that say that the server itself is at fault.
    pub faults: Vec<String>,
    /// Texts that must not be found anywhere: card numbers, verification codes, keys.
    pub secrets: Vec<String>,
}

/// A SKU, as its client knows it.
#[derive(Clone, Debug)]
pub struct Sku {
    /// Which.
    pub id: Uuid,
    /// The first quantity; `None` for a SKU that never runs out, or whose stock is not always counted.
    pub initial: Option<i64>,
    /// The price of one, in the smallest unit.
    pub price: i64,
    /// What was added to the stock afterwards, or taken away if negative.
    pub adjustments: Vec<Adjustment>,
}

/// A change of stock by hand.
#[derive(Clone, Debug)]
pub struct Adjustment {
    /// By how much.
    pub delta: i64,
    /// What came of it.
    pub outcome: Outcome,
}

/// An order, and everything that was asked about it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub id: Uuid,
    /// SKUs, each once, and how many of each.
    pub goods: Vec<(Uuid, i64)>,
    /// What the client computed that it costs, in the smallest unit.
    pub total: i64,
    /// Every request about it, in the order in which they were sent.
    pub calls: Vec<Call>,
}

/// A charge without an order, and everything that was asked about it. The first call asks for the charge.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Which; `None` where no client was ever told.
    pub id: Option<Uuid>,
    /// How much, in the smallest unit.
    pub amount: i64,
    /// Whether it was only to be held at first.
    pub capture_later: bool,
    /// Every request about it, in the order in which they were sent.
    pub calls: Vec<Call>,
}

/// One request, however often it was sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked for.
    pub ask: Ask,
    /// Its idempotency key.
    pub key: Option<Scope>,
    /// Tells one request with a key from another: equal where the requests were.
    pub body: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What the same request with the same key was answered afterwards.
    pub again: Vec<Outcome>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Pay the order.
    Pay,
    /// Give so much of the charge back; 0 for all that is left.
    Refund {
        /// In the smallest unit.
        amount: i64,
    },
    /// Take goods back.
    Return {
        /// Which and how many; empty for all that is left.
        goods: Vec<(Uuid, i64)>,
        /// How much to give back, in the smallest unit; 0 for the price of the goods, or all that is left with the last of them.
        amount: i64,
    },
    /// Give the order up before it is paid.
    Cancel,
    /// Say that the order was sent.
    Fulfill,
    /// Make the charge.
    Charge,
    /// Take what the charge holds; 0 for all of it.
    Capture {
        /// In the smallest unit.
        amount: i64,
    },
    /// Give up what the charge holds.
    Void,
}

/// What came of a request, as far as the client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// OK: it must be in effect. An OK that says "not final yet" is [`Outcome::Unknown`].
    Done(Seen),
    /// The gateway said no, with digota's code for it: it must not be in effect.
    Declined(String),
    /// The shop said no, with its reason: it must not be in effect.
    Refused(String),
    /// No answer that says: all of it may be in effect, or none.
    Unknown(String),
}

/// What an answer said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The order or charge that it shows.
    pub object: Uuid,
    /// Its status in lower case: `paid`.
    pub status: String,
    /// The charge that it names.
    pub charge: Option<Uuid>,
    /// What was given back so far, in the smallest unit.
    pub refunded: i64,
    /// Its version.
    pub version: i64,
}

/// Declines after which the same request may end otherwise: their keys are free again.
const PASSING: [&str; 2] = ["processing_error", "rate_limit"];

/// The decline that says only that the buyer must do something first: where the gateway can't give the attempt up, the buyer may
/// still do it.
const UNDECIDED: &str = "authentication_required";

impl Outcome {
    /// What was told, where it is done.
    pub fn done(&self) -> Option<&Seen> {
        match self {
            Outcome::Done(seen) => Some(seen),
            _ => None,
        }
    }

    /// Whether it may be in effect.
    pub fn may_be_done(&self) -> bool {
        match self {
            Outcome::Done(_) | Outcome::Unknown(_) => true,
            Outcome::Declined(code) => code == UNDECIDED,
            Outcome::Refused(_) => false,
        }
    }

    /// Whether the key of the request has its answer for good. What the shop refuses it may grant later.
    pub fn is_kept(&self) -> bool {
        match self {
            Outcome::Done(_) => true,
            Outcome::Declined(code) => code != UNDECIDED && !PASSING.contains(&code.as_str()),
            Outcome::Refused(_) | Outcome::Unknown(_) => false,
        }
    }
}

impl Call {
    /// A request that was sent once, without a key.
    pub fn new(ask: Ask, outcome: Outcome) -> Call {
        Call { ask, key: None, body: String::new(), outcome, again: Vec::new() }
    }

    /// Notes an answer. One that comes after an answer is one to a repetition.
    pub fn tell(&mut self, outcome: Outcome) {
        match self.outcome {
            Outcome::Unknown(_) => self.outcome = outcome,
            _ => self.again.push(outcome),
        }
    }

    /// What came of it in the end: its first answer for good. Without one: whatever may have been done unseen, or the last no.
    pub fn result(&self) -> &Outcome {
        let mut all = std::iter::once(&self.outcome).chain(&self.again);
        let unknown = |outcome: &&Outcome| matches!(outcome, Outcome::Unknown(_));
        let kept = all.clone().find(|outcome| outcome.is_kept());
        kept.or_else(|| all.clone().find(unknown)).or_else(|| all.next_back()).unwrap_or(&self.outcome)
    }

    /// What was told, where it is done.
    pub fn done(&self) -> Option<&Seen> {
        self.result().done()
    }

    /// Whether it may be in effect.
    pub fn may_be_done(&self) -> bool {
        self.result().may_be_done()
    }

    /// Why it was refused or declined.
    pub fn refusal(&self) -> Option<&str> {
        match self.result() {
            Outcome::Refused(reason) | Outcome::Declined(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Order {
    /// An order of which nothing was asked yet.
    pub fn new(id: Uuid, goods: Vec<(Uuid, i64)>, total: i64) -> Order {
        Order { id, goods, total, calls: Vec::new() }
    }

    /// How many of a SKU.
    pub fn quantity(&self, sku: Uuid) -> i64 {
        self.goods.iter().filter(|(other, _)| *other == sku).map(|(_, quantity)| quantity).sum()
    }

    /// The requests that asked for such a thing.
    pub fn asked(&self, wanted: impl Fn(&Ask) -> bool) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| wanted(&call.ask))
    }

    /// The requests to pay it.
    pub fn pays(&self) -> impl Iterator<Item = &Call> {
        self.asked(|ask| *ask == Ask::Pay)
    }

    /// How many of a SKU came back, at least and at most, as its client knows.
    pub fn back(&self, sku: Uuid) -> (i64, i64) {
        let whole = self.quantity(sku);
        let (mut least, mut most) = (0i64, 0i64);
        for call in &self.calls {
            let Ask::Return { goods, .. } = &call.ask else { continue };
            let named: i64 = goods.iter().filter(|(other, _)| *other == sku).map(|(_, n)| n).sum();
            let quantity = if goods.is_empty() { whole } else { named };
            least += if call.done().is_some() { quantity } else { 0 };
            most += if call.may_be_done() { quantity } else { 0 };
        }
        (least.min(whole), most.min(whole))
    }
}
