//! The sandbox's own record of what it did, read without the sandbox's code.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use uuid::Uuid;

/// A line of the record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub(crate) at: i64,
    pub(crate) attempt: Uuid,
    /// The attempt that made the charge.
    #[serde(default)]
    pub(crate) charge: Uuid,
    #[serde(default)]
    pub(crate) currency: Option<String>,
    /// From the buyer if positive, back if negative.
    pub(crate) moved: i64,
    #[serde(default)]
    pub(crate) statement: String,
}

/// Money that moved by one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// From the buyer if positive, back if negative; in cents.
    pub(crate) amount: i64,
    pub(crate) currency: Option<String>,
    /// The attempt that made the charge.
    pub(crate) charge: Uuid,
    /// The order that the buyer's statement names.
    pub(crate) order: Option<Uuid>,
}

/// Reads a record from its file.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("no record at {}", path.display()))?;
    let entry = |(index, line)| serde_json::from_str(line).with_context(|| format!("line {}", index + 1));
    text.lines().enumerate().map(entry).collect()
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
    fn order(&self) -> Option<Uuid> {
        Uuid::try_parse(self.statement.strip_prefix("Order ")?).ok()
    }
}
