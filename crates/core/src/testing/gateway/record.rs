//! The scripted gateway's own record: one line per request that reached it and per change that followed, never changed.

use uuid::Uuid;

use crate::currency::Currency;
use crate::port::gateway::{Op, Outcome};
use crate::time::Timestamp;

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The attempt that it is about.
    pub attempt: Uuid,
    /// The attempt that made the charge: the same, for a charge.
    pub charge: Uuid,
    /// What was asked for, where this is a request; `None` where something ended later, or was made impossible.
    pub op: Option<Op>,
    /// The request's key; empty where this is none.
    pub key: String,
    /// Where the attempt stands now.
    pub outcome: Outcome,
    /// The money that moved by this change: from the buyer if positive, back if negative; in the smallest unit.
    pub moved: i64,
    /// Of which currency.
    pub currency: Option<Currency>,
    /// What the buyer reads; empty where this is no charge.
    pub statement: String,
}
