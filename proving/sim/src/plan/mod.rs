//! What happens in a world: how it is set up, what people do, and what goes wrong. All of it has its moment, so that any part can
//! be left out without moving the rest.

mod draw;
mod text;

use serde::{Deserialize, Serialize};

/// A schedule: drawn from a seed, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Also decides how long everything takes.
    pub seed: u64,
    /// What the world is made of.
    pub setup: Setup,
    /// What people do.
    pub deeds: Vec<Deed>,
    /// What goes wrong.
    pub troubles: Vec<Trouble>,
}

/// What a world is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// How many nodes there are. A single one has the store for itself.
    pub nodes: usize,
    /// Whether the lock grants everything to everybody at once.
    pub always_yes: bool,
    /// Whether the gateway gives an id before money can move.
    pub two_step: bool,
    /// Whether the gateway can make an attempt impossible.
    pub cancel: bool,
    /// The longest that one call of the gateway may take.
    pub gateway_limit_ms: u64,
    /// How many refunds in a hundred the gateway declines.
    pub refunds_declined: u64,
    /// By how much the nodes' clocks are wrong.
    pub skew_ms: Vec<i64>,
    /// How long the janitor pauses.
    pub janitor_ms: u64,
    /// What can be bought: how many of each SKU there are at first, `None` for one that never runs out.
    pub stock: Vec<Option<i64>>,
    /// Whether somebody follows the events.
    pub follower: bool,
    /// What is broken on purpose.
    #[serde(default)]
    pub broken: Option<Broken>,
}

/// A promise that the world breaks: for seeing that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// A commit whose outcome is unknown is taken for done.
    Unknown,
    /// A change is made whatever version it was built on.
    Versions,
    /// A sale goes through without stock.
    Stock,
    /// The gateway says that it canceled, and did not.
    Cancel,
}

/// Something that somebody does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When, in milliseconds after the beginning.
    pub at: u64,
    /// Its number, by which other deeds speak of it.
    pub number: usize,
    /// Who.
    pub client: usize,
    /// Which node is asked first.
    pub node: usize,
    /// How long an answer is waited for.
    pub deadline_ms: u64,
    /// Whether the request has an idempotency key. One without is sent once.
    pub keyed: bool,
    /// What.
    pub what: What,
}

/// What somebody does. Orders and charges are named by the number of the deed that made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Makes an order.
    Order {
        /// SKUs, each with a number of pieces.
        goods: Vec<(usize, i64)>,
    },
    /// Pays an order.
    Pay {
        /// Which one.
        order: usize,
        /// With what.
        with: Means,
        /// Whether an answer that is not final is understood.
        patient: bool,
    },
    /// Gives a part of what an order cost back.
    Refund {
        /// Which order's charge.
        order: usize,
        /// How much of it, in hundredths; 0 for all that is left.
        percent: i64,
    },
    /// Returns what is left of an order, or some pieces of its first line.
    Return {
        /// Which order.
        order: usize,
        /// How many pieces; 0 for all that is left of everything.
        pieces: i64,
    },
    /// Gives an order up that is not paid.
    Cancel {
        /// Which order.
        order: usize,
    },
    /// Sends an order that is paid.
    Fulfill {
        /// Which order.
        order: usize,
    },
    /// Charges without an order.
    Charge {
        /// How much, in cents.
        amount: i64,
        /// With what.
        with: Means,
        /// Whether the money is only to be held.
        later: bool,
    },
    /// Takes money that a charge holds.
    Capture {
        /// Which charge.
        charge: usize,
        /// How much of it, in hundredths; 0 for all.
        percent: i64,
    },
    /// Gives money up that a charge holds.
    Void {
        /// Which charge.
        charge: usize,
    },
    /// Adds stock of a SKU, or takes some away.
    Adjust {
        /// Which SKU.
        sku: usize,
        /// How many pieces.
        by: i64,
    },
    /// Sends the request of another deed once more, with the same key.
    Again {
        /// Which deed's.
        deed: usize,
    },
    /// Reads an order.
    Look {
        /// Which one.
        order: usize,
    },
    /// The gateway ends what is pending there, and buyers what they were asked to do.
    Settle {
        /// Whether it ends well.
        well: bool,
    },
}

/// What somebody pays with, by what the gateway makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A good card.
    Card,
    /// A good token.
    Token,
    /// It is declined.
    Declined,
    /// It is charged, and the answer is lost.
    LoseAfter,
    /// It never arrives, and nobody knows.
    LoseBefore,
    /// It is not sent.
    NeverSent,
    /// It stays under way.
    Pending,
    /// The buyer must do something.
    Challenge,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When, in milliseconds after the beginning.
    pub at: u64,
    /// What.
    pub what: Fault,
}

/// What goes wrong. Spans are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A node dies, and is started again after a while.
    Crash {
        /// Which one.
        node: usize,
        /// Where in its work.
        place: Place,
        /// How long it stays dead.
        down: u64,
    },
    /// A node dies at its n-th call of anything outside it, counted from the beginning.
    CrashAt {
        /// Which one.
        node: usize,
        /// The number of the call; the first is 1.
        call: u64,
        /// Whether the call had its effect.
        after: bool,
        /// How long it stays dead.
        down: u64,
    },
    /// A node is stopped for a while, and does not know it.
    Freeze {
        /// Which one.
        node: usize,
        /// How long.
        span: u64,
    },
    /// The next commit does not get its answer.
    Commit(Lost),
    /// The next request that moves money at the gateway does not go as it should.
    Gateway(Lost),
    /// The next request to the gateway arrives twice.
    Double {
        /// How long after the first time.
        by: u64,
    },
    /// Two can't reach each other.
    Cut {
        /// This node.
        node: usize,
        /// From this one.
        from: Peer,
        /// How long.
        span: u64,
    },
    /// The gateway is down.
    Outage {
        /// Whether it takes requests and never answers; otherwise it takes none.
        hangs: bool,
        /// How long.
        span: u64,
    },
    /// A node's clock jumps.
    Jump {
        /// Which node's.
        node: usize,
        /// By how much.
        by: i64,
    },
    /// All locks that are held are lost: others get them, and those who had them are not told.
    LoseLocks,
    /// The next caller of a node goes away before there is an answer.
    HangUp {
        /// How long after it called.
        after: u64,
    },
}

/// Where in its work a node dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At once, wherever it is.
    Anywhere,
    /// Before its next commit is sent.
    BeforeCommit,
    /// After its next commit took effect, before it knows.
    AfterCommit,
    /// Before its next request to the gateway is sent.
    BeforeGateway,
    /// After its next request to the gateway took effect, before it knows.
    AfterGateway,
}

/// What becomes of a request that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// It can't be sent, and that is known.
    Refused,
    /// It is lost on its way.
    Request,
    /// It has its effect, and the answer is lost.
    Answer,
    /// It has its effect so long after nobody waits for it any more.
    Late(u64),
}

/// Whom a node speaks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The store.
    Store,
    /// The lock service.
    Lock,
    /// The gateway.
    Gateway,
    /// Its clients.
    Clients,
}

impl What {
    /// The deed that it speaks of, if any: without that one it makes no sense.
    pub fn about(&self) -> Option<usize> {
        match *self {
            What::Order { .. } | What::Charge { .. } | What::Adjust { .. } | What::Settle { .. } => None,
            What::Pay { order, .. }
            | What::Refund { order, .. }
            | What::Return { order, .. }
            | What::Cancel { order }
            | What::Fulfill { order }
            | What::Look { order } => Some(order),
            What::Capture { charge, .. } | What::Void { charge } => Some(charge),
            What::Again { deed } => Some(deed),
        }
    }
}

impl Plan {
    /// When the last of it begins, in milliseconds.
    pub fn length(&self) -> u64 {
        let deeds = self.deeds.iter().map(|deed| deed.at);
        deeds.chain(self.troubles.iter().map(|trouble| trouble.at)).max().unwrap_or(0)
    }
}
