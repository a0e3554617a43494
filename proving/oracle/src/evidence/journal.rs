//! The gateway's own record of what reached it and what it did.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

/// A line of the record. Reads as the sandbox writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The attempt that it is about.
    pub attempt: Uuid,
    /// The attempt that made the charge: the same, for a charge.
    #[serde(default)]
    pub charge: Uuid,
    /// Where the attempt stands now: `succeeded`, `authorized`, `declined`, `requires_action`, `pending` or `canceled`.
    pub status: String,
    /// The currency's code.
    #[serde(default)]
    pub currency: Option<String>,
    /// The money that moved: from the buyer if positive, back if negative; in the smallest unit.
    pub moved: i64,
    /// The request's key; empty where this is no request.
    #[serde(default)]
    pub key: String,
    /// What the buyer reads: `Order <id>` for an order.
    #[serde(default)]
    pub statement: String,
}

/// Money that moved by one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// From the buyer if positive, back if negative; in the smallest unit.
    pub amount: i64,
    /// The currency's code.
    pub currency: Option<String>,
    /// The attempt that made the charge.
    pub charge: Uuid,
    /// The order that the buyer's statement names.
    pub order: Option<Uuid>,
}

/// Reads a record: JSON, a line each.
///
/// # Errors
/// The number of the line that is none, and why.
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    let entry =
        |(number, line)| serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"));
    (1..).zip(text.lines()).map(entry).collect()
}

/// Adds up what every attempt moved; attempts that moved nothing are left out.
pub(crate) fn add_up(entries: &[Entry]) -> BTreeMap<Uuid, Moved> {
    let mut all: BTreeMap<Uuid, Moved> = BTreeMap::new();
    for entry in entries {
        let moved = all.entry(entry.attempt).or_insert_with(|| Moved {
            amount: 0,
            currency: None,
            charge: entry.charge,
            order: None,
        });
        moved.amount += entry.moved;
        moved.currency = moved.currency.take().or_else(|| entry.currency.clone());
        moved.order = moved.order.or_else(|| entry.order());
    }
    all.retain(|_, moved| moved.amount != 0);
    all
}

impl Entry {
    /// The order that the buyer's statement names.
    pub fn order(&self) -> Option<Uuid> {
        Uuid::try_parse(self.statement.strip_prefix("Order ")?).ok()
    }

    /// Whether the attempt may still change.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "requires_action")
    }

    /// Whether the attempt did what it was to do.
    pub fn succeeded(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "authorized")
    }
}
