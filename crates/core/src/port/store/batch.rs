//! Writes that happen together or not at all.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Keys, Kind, Record};
use crate::event::Event;
use crate::stock::Stock;
use crate::time::Timestamp;

/// Writes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its identity: the same operation never commits twice.
    pub operation: Uuid,
    /// When it happens, by the clock of the node.
    pub at: Timestamp,
    /// What it does. The order does not matter, but for movements of one SKU, which follow each other.
    ///
    /// Records and keys are judged on the state before the batch; children and open attempts on the state after it. A shortage
    /// totals what the batch asks of a SKU. Keys are claimed, then answered, then freed; an answer is final.
    pub writes: Vec<Write>,
}

/// One write with its precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Adds a record; refused if its id is taken.
    Insert(Record),
    /// Puts a record in the place of its version before (`record.version - 1`).
    Replace {
        /// The new state.
        record: Record,
        /// The keys of the version replaced: what the counters lose.
        was: Keys,
    },
    /// Removes a record at a version.
    Delete {
        /// Which one.
        id: Uuid,
        /// The version that was read.
        version: u64,
        /// Its keys: its kind, and what the counters lose.
        was: Keys,
    },
    /// Refuses unless the record exists, at that version if one is given. Changes nothing.
    Check {
        /// Of which kind.
        kind: Kind,
        /// Which one.
        id: Uuid,
        /// At which version, if that matters.
        version: Option<u64>,
    },
    /// Refuses while any SKU has this product as its parent. Changes nothing.
    NoChildren(Uuid),
    /// Gives a SKU its stock; refused with [`Refusal::Exists`] if it has one.
    OpenStock {
        /// The SKU.
        sku: Uuid,
        /// Its first quantity, kept as a movement for the reason [`crate::stock::FIRST_QUANTITY`].
        on_hand: i64,
    },
    /// Moves stock, if the guard allows.
    Move {
        /// Whose stock.
        sku: Uuid,
        /// How.
        change: Change,
        /// The attempt or order that caused it; `None` for a hand's adjustment.
        reference: Option<Uuid>,
        /// Why, for a person who reads the ledger.
        reason: String,
    },
    /// Appends an event.
    Append(Event),
    /// Claims an idempotency key; refused if it is taken.
    Claim {
        /// Whose key.
        scope: KeyScope,
        /// What is known of it from now on. The store fills in the stock.
        entry: KeyEntry,
        /// The SKU whose stock after the batch is kept with the entry.
        stock_of: Option<Uuid>,
    },
    /// Gives the answer to a claimed key. Does nothing if the key is gone.
    Answer {
        /// Whose key.
        scope: KeyScope,
        /// The answer, for good.
        answer: String,
    },
    /// Frees a claimed key: what was tried had no effect. Does nothing if the key is gone.
    Free(KeyScope),
}

/// A movement of stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Holds this many for a payment: needs that many available.
    Reserve(i64),
    /// Takes this many out for good: they were reserved.
    Consume(i64),
    /// Stops holding this many: they were reserved.
    Release(i64),
    /// Puts this many back: they had been sold.
    Return(i64),
    /// Adds this many, or takes as many away: needs that many available.
    Adjust(i64),
    /// Makes this many available at this commit, whatever is reserved.
    SetAvailable(i64),
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The stock after each SKU's last movement in the batch.
    pub stock: Vec<(Uuid, Stock)>,
}

/// Whose idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyScope {
    /// The caller's name in the whitelist.
    pub principal: String,
    /// The rpc, as `/orderpb.OrderService/Pay`.
    pub method: String,
    /// What the caller sent.
    pub key: String,
}

/// What is known of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// SHA-256 of the request, in lower-case hexadecimal.
    pub fingerprint: String,
    /// The attempt that will answer, while there is no answer.
    pub attempt: Option<Uuid>,
    /// The answer, JSON; final.
    pub answer: Option<String>,
    /// The SKU's stock after the commit that claimed the key, where the claim named one.
    pub stock: Option<Stock>,
}

/// What is too old to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Operation ids made before this.
    pub operations: Timestamp,
    /// Idempotency keys claimed before this, unless their attempt is open.
    pub keys: Timestamp,
    /// Events appended before this; `None` keeps all.
    pub events: Option<Timestamp>,
}
