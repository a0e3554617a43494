//! One line of the sandbox's record.

use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::decline::DeclineCode;
use digota_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::wire::Status;

/// A change of one attempt. Holds no card data: of a card only the name of its line in the table of test cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The attempt that changed.
    pub attempt: Uuid,
    /// The attempt that made the charge: the same, for a charge.
    #[serde(default, skip_serializing_if = "Uuid::is_nil")]
    pub charge: Uuid,
    /// Where the attempt stands now.
    pub status: Status,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<DeclineCode>,
    /// What was asked for, in the smallest unit.
    #[serde(default)]
    pub amount: i64,
    /// Of which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The money that moved by this change: from the buyer if positive, back if negative.
    pub moved: i64,
    /// The request's idempotency key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The line of the table of test cards that decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub card: String,
    /// What the buyer reads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// Whether a charge was only to be authorised.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capture_later: bool,
    /// When it will change by itself, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Where the buyer goes after a challenge.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub return_url: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A charge was made, authorised, declined or begun.
    Charge,
    /// Held money was taken, or that was declined.
    Capture,
    /// Held money was given up, or that was declined.
    Void,
    /// Money was paid back, or that was declined or begun.
    Refund,
    /// What was open ended: its time had come, or the buyer passed or failed the challenge.
    Settle,
    /// An open attempt was ended, or one that never came was made impossible.
    Cancel,
}

impl Entry {
    /// The money that was asked for, where an amount was.
    pub fn money(&self) -> Option<Money> {
        self.currency.map(|currency| Money { amount: self.amount, currency })
    }

    pub(crate) fn write_line(&self, text: &mut Vec<u8>) {
        serde_json::to_writer(&mut *text, self).expect("writing our own struct to memory does not fail");
        text.push(b'\n');
    }
}
