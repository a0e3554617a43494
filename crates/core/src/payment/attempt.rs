//! One try to move money at a gateway: written before the first byte is sent, settled whatever happens after.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::charge::{Provider, RefundReason};
use super::decline::Decline;
use crate::blank::is_blank;
use crate::id::{AttemptId, ChargeId, NodeId, OrderId, RefundId, SkuId};
use crate::money::Money;
use crate::port::gateway::Op;
use crate::port::store::KeyScope;
use crate::time::Timestamp;

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// On its way to the gateway, or its answer on the way back.
    Sending,
    /// The gateway is at it.
    Pending,
    /// The buyer must do something first.
    RequiresAction,
    /// Sent, and no answer: it may have happened.
    Unknown,
    /// It happened.
    Succeeded,
    /// The gateway refused; nothing happened.
    Declined,
    /// It never happened and never will.
    NotExecuted,
}

impl AttemptState {
    /// Whether the outcome is known for good.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Declined | Self::NotExecuted)
    }
}

/// What an attempt changes in the shop once its outcome is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Pays an order.
    Pay,
    /// Makes a charge that belongs to no order.
    Charge,
    /// Takes what a charge holds.
    Capture,
    /// Gives up what a charge holds.
    Void,
    /// Pays back part of a charge.
    Refund {
        /// The refund's entry in the charge.
        refund: RefundId,
    },
    /// Pays back for returned goods.
    Return {
        /// The refund's entry in the charge.
        refund: RefundId,
        /// The goods, by line.
        goods: Vec<Returned>,
    },
}

/// Goods of one order line that come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Which SKU.
    pub sku: SkuId,
    /// How many.
    pub quantity: i64,
    /// Whether they go back into stock.
    pub restock: bool,
}

/// One try to move money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its identity, and the reference by which the gateway knows it.
    pub id: AttemptId,
    /// What the gateway is asked to do.
    pub op: Op,
    /// What follows from it in the shop.
    pub effect: Effect,
    /// The charge that it makes or changes.
    pub charge: ChargeId,
    /// The order that it pays or returns, if any.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub order: Option<OrderId>,
    /// Which gateway.
    pub provider: Provider,
    /// How much.
    pub money: Money,
    /// Why, for refunds.
    pub reason: RefundReason,
    /// The key that makes a repetition harmless at the gateway.
    pub key: String,
    /// The caller's idempotency key, to be answered together with the outcome.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub client_key: Option<KeyScope>,
    /// Where it stands.
    pub state: AttemptState,
    /// When the first byte may have been sent.
    pub sent: Timestamp,
    /// The node that waits for the gateway's answer.
    pub owner: NodeId,
    /// Until when nobody else may touch it.
    pub lease_until: Timestamp,
    /// When to ask the gateway next, while it is open.
    pub next_check: Timestamp,
    /// How often the gateway was asked what became of it.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub checks: u32,
    /// How often the gateway was asked and had no trace of it.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub absences: u32,
    /// The gateway's own id of what it did or prepared.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub reference: Option<String>,
    /// Why the gateway refused.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub decline: Option<Decline>,
    /// What the gateway said last, for the operator; without card data.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub evidence: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Rises by one per change.
    pub version: u64,
}

impl Attempt {
    /// What may have one open attempt at most: the order, or the charge that has none.
    pub fn subject(&self) -> Uuid {
        self.order.map_or(self.charge.0, |order| order.0)
    }

    /// When the janitor should look at it; `None` once it is final.
    pub fn due(&self) -> Option<Timestamp> {
        (!self.state.is_final()).then(|| self.next_check.max(self.lease_until))
    }
}
