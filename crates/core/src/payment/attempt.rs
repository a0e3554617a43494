//! One try to move money at a gateway: written before the first byte is sent, settled whatever happens after.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::charge::{Provider, RefundReason};
use super::decline::Decline;
use crate::blank::is_blank;
use crate::id::{AttemptId, ChargeId, NodeId, OrderId, RefundId, SkuId};
use crate::money::Money;
use crate::port::gateway::Op;
use crate::port::store::{Concern, KeyScope};
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
    /// Gives back money that came after its payment had been given up: pays it back or, where it is only held, lets it go.
    GiveBack {
        /// The refund's entry in the charge, where it is paid back.
        refund: Option<RefundId>,
    },
}

impl Effect {
    /// The refund's entry in the charge, if it is one.
    pub fn refund(&self) -> Option<RefundId> {
        match self {
            Effect::Refund { refund } | Effect::Return { refund, .. } => Some(*refund),
            Effect::GiveBack { refund } => *refund,
            Effect::Pay | Effect::Charge | Effect::Capture | Effect::Void => None,
        }
    }
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

/// How long a gateway has had no trace of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// When it was looked for last.
    pub looked: Timestamp,
    /// After how many milliseconds it was to be looked for again.
    pub pause_ms: u64,
    /// How many milliseconds it had been absent by then. No pause between two looks counts for more than it was meant to be: a
    /// clock that jumps makes no absence older.
    pub lasted_ms: u64,
}

impl Absence {
    /// The absence as a look at `now` found it, after the one before it, if any. The next look is to be `pause` later, or when
    /// the absence will have lasted as long as `needed`, whichever is sooner.
    pub fn seen(before: Option<Absence>, now: Timestamp, pause: Duration, needed: Duration) -> Absence {
        let lasted = before.map_or(Duration::ZERO, |before| {
            let counts = now.since(before.looked).min(Duration::from_millis(before.pause_ms));
            before.lasted().saturating_add(counts)
        });
        // A millisecond more, since parts of one are not kept.
        let rest = needed.saturating_sub(lasted) + Duration::from_millis(1);
        Absence { looked: now, pause_ms: in_ms(pause.min(rest)), lasted_ms: in_ms(lasted) }
    }

    /// How long it had lasted at the last look.
    pub fn lasted(&self) -> Duration {
        Duration::from_millis(self.lasted_ms)
    }

    /// When to look again.
    pub fn next_look(&self) -> Timestamp {
        self.looked.after(Duration::from_millis(self.pause_ms))
    }
}

fn in_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a person had done about an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Who: the caller's name in the whitelist.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub verdict: Verdict,
    /// How they know, in their own words.
    pub note: String,
    /// The gateway's own id of what it did, where they gave it.
    pub reference: Option<String>,
}

/// What a person says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing: the gateway was asked once more.
    AskGateway,
    /// It happened.
    Succeeded,
    /// It did not happen and can't any more.
    Failed,
    /// What was to be done about it is done.
    Reviewed,
}

impl Verdict {
    /// Its name, as it is kept: `ask_gateway`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::AskGateway => "ask_gateway",
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Reviewed => "reviewed",
        }
    }
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
    /// Since when the gateway has no trace of it, if it was asked and had none.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub absence: Option<Absence>,
    /// The gateway's own id of what it did or prepared.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub reference: Option<String>,
    /// Why the gateway refused.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub decline: Option<Decline>,
    /// What the gateway said last, for the operator; without card data.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub evidence: String,
    /// Whether its outcome became another after it had been settled.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub late: bool,
    /// The attempt that gives its money back: it came too late.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub given_back: Option<AttemptId>,
    /// Whether a person should look at how it ended.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub review: bool,
    /// What persons had done about it, oldest first.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub remarks: Vec<Remark>,
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

    /// Whether it is sent again, by the same key, until the gateway answers: what it lets go of must not stay where it is.
    pub fn is_sent_until_answered(&self) -> bool {
        matches!(self.effect, Effect::Void | Effect::GiveBack { .. })
    }

    /// When the janitor should look at it; `None` once it is final.
    pub fn due(&self) -> Option<Timestamp> {
        (!self.state.is_final()).then(|| self.next_check.max(self.lease_until))
    }

    /// Why a person may have to look at it.
    pub fn concern(&self) -> Concern {
        match self.state {
            AttemptState::Unknown => Concern::Unknown,
            state if state.is_final() && self.review => Concern::Review,
            _ => Concern::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn looks(moments_s: &[i64]) -> Absence {
        let look =
            |before, at: &i64| Some(Absence::seen(before, Timestamp::from_seconds(*at), S * 60, S * 90));
        moments_s.iter().fold(None, look).expect("there was a look")
    }

    #[test]
    fn an_absence_lasts_from_look_to_look() {
        assert_eq!(looks(&[1000]).lasted(), Duration::ZERO);
        assert_eq!(looks(&[1000, 1010, 1050]).lasted(), S * 50);
        assert_eq!(looks(&[1000, 1060]).next_look(), Timestamp::from_seconds(1090).after(S / 1000));
    }

    #[test]
    fn a_clock_that_jumps_makes_no_absence_older() {
        assert_eq!(looks(&[1000, 9000, 9010]).lasted(), S * 70, "a pause of a minute counts for a minute");
        assert_eq!(looks(&[9000, 1000, 1010]).lasted(), S * 10, "back counts for nothing");
    }
}
