//! A charge: money taken from a buyer, and what was paid back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::card::Brand;
use super::decline::DeclineCode;
use crate::blank::is_blank;
use crate::id::{AttemptId, ChargeId, OrderId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

/// A payment provider of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Provider {
    /// Stripe.
    Stripe = 1,
    /// PayPal.
    Paypal = 2,
    /// Braintree.
    Braintree = 3,
    /// The gateway that comes with digota and moves no real money.
    Sandbox = 4,
}

impl Provider {
    /// All providers.
    pub const ALL: [Provider; 4] =
        [Provider::Stripe, Provider::Paypal, Provider::Braintree, Provider::Sandbox];

    /// The provider with this number on the wire.
    pub fn from_number(number: i32) -> Option<Provider> {
        Self::ALL.into_iter().find(|provider| provider.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// Its name in the wire contract and the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Stripe => "Stripe",
            Provider::Paypal => "Paypal",
            Provider::Braintree => "Braintree",
            Provider::Sandbox => "Sandbox",
        }
    }
}

/// Where a charge stands, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// Its outcome is not known yet.
    Pending = 1,
    /// The buyer must do something first.
    RequiresAction = 2,
    /// The money is ours.
    Succeeded = 3,
    /// No money moved and none will, as far as anybody knows.
    Failed = 4,
    /// The money is held, to be captured or voided.
    Authorized = 5,
    /// Held money was given up. No money moved.
    Canceled = 6,
}

impl ChargeStatus {
    /// All statuses.
    pub const ALL: [ChargeStatus; 6] = [
        Self::Pending,
        Self::RequiresAction,
        Self::Succeeded,
        Self::Failed,
        Self::Authorized,
        Self::Canceled,
    ];

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The status with this number on the wire.
    pub fn from_number(number: i32) -> Option<ChargeStatus> {
        Self::ALL.into_iter().find(|status| i32::from(status.number()) == number)
    }

    /// Its name, for messages: `succeeded`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Authorized => "authorized",
            Self::Canceled => "canceled",
        }
    }

    /// Whether a charge may go from this status to another. A failed one goes on only where its money came after all.
    pub fn may_become(self, next: ChargeStatus) -> bool {
        use ChargeStatus::{Authorized, Canceled, Failed, Pending, RequiresAction, Succeeded};
        matches!(
            (self, next),
            (Pending, RequiresAction | Succeeded | Failed | Authorized)
                | (RequiresAction, Pending | Succeeded | Failed | Authorized)
                | (Authorized, Succeeded | Canceled)
                | (Failed, Succeeded | Authorized)
        )
    }
}

/// Why money is paid back, by its number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    /// None of the others.
    #[default]
    GeneralError = 0,
    /// The payment was fraud.
    Fraud = 1,
    /// The payment was made twice.
    Duplicate = 2,
    /// The buyer asked for it.
    RequestedByCustomer = 3,
}

impl RefundReason {
    /// The reason with this number on the wire.
    pub fn from_number(number: i32) -> Option<RefundReason> {
        [Self::GeneralError, Self::Fraud, Self::Duplicate, Self::RequestedByCustomer]
            .into_iter()
            .find(|reason| reason.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Its outcome is not known yet; its amount is held.
    Pending,
    /// The money went back.
    Succeeded,
    /// The gateway refused. No money went back.
    Failed,
}

/// Money paid back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its identity.
    pub id: RefundId,
    /// In the smallest unit of the charge's currency.
    pub amount: i64,
    /// The gateway's id of it, once it has one.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub provider_refund_id: String,
    /// Why.
    pub reason: RefundReason,
    /// Where it stands.
    pub status: RefundStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub failure: Option<DeclineCode>,
    /// When it was asked for.
    pub created: Timestamp,
}

/// What the buyer must do before a charge can go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAction {
    /// What kind of thing: `redirect_to_url`.
    pub kind: String,
    /// Where the buyer's browser must go.
    pub url: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Money taken, being taken, or not taken from a buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Its identity.
    pub id: ChargeId,
    /// How much, and in what.
    pub money: Money,
    /// Where it stands.
    pub status: ChargeStatus,
    /// Which gateway.
    pub provider: Provider,
    /// The gateway's id of it; empty until it has one.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub provider_charge_id: String,
    /// The order that it pays.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub order: Option<OrderId>,
    /// What the buyer reads on the statement.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub statement: String,
    /// The buyer's e-mail address; may be empty.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub email: String,
    /// Sum of the refunds that succeeded.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub refunded: i64,
    /// Sum of the refunds whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub pending_refund: i64,
    /// Every refund, oldest first.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub refunds: Vec<Refund>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub failure: Option<DeclineCode>,
    /// What the buyer must do.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub next_action: Option<NextAction>,
    /// The card's brand, where a card was given.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub card_brand: Option<Brand>,
    /// The card's last four digits, where a card was given.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub card_last4: String,
    /// Whether it was only to be authorised at first.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub capture_later: bool,
    /// The attempt whose outcome is awaited.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub open_attempt: Option<AttemptId>,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub metadata: BTreeMap<String, String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Rises by one per change.
    pub version: u64,
}

impl Charge {
    /// What can still be paid back: neither paid back nor about to be.
    pub fn refundable(&self) -> i64 {
        if self.status != ChargeStatus::Succeeded {
            return 0;
        }
        self.money.amount - self.refunded - self.pending_refund
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_that_ended_never_changes_its_status() {
        use ChargeStatus::{Canceled, Succeeded};
        for end in [Succeeded, Canceled] {
            for next in ChargeStatus::ALL {
                assert!(!end.may_become(next), "{} -> {}", end.name(), next.name());
            }
        }
    }

    #[test]
    fn a_charge_that_failed_goes_on_only_with_money() {
        use ChargeStatus::{Authorized, Failed, Succeeded};
        for next in ChargeStatus::ALL {
            assert_eq!(Failed.may_become(next), [Succeeded, Authorized].contains(&next), "{}", next.name());
        }
    }

    #[test]
    fn every_charge_status_can_reach_an_end() {
        use ChargeStatus::{Authorized, Canceled, Failed, Pending, RequiresAction, Succeeded};
        for open in [Pending, RequiresAction, Authorized] {
            assert!([Succeeded, Failed, Canceled].into_iter().any(|end| open.may_become(end)));
        }
    }
}
