//! The sandbox's JSON, for both of its ends.

use std::borrow::Cow;

use digota_core::payment::NextAction;
use digota_core::payment::decline::Decline;
use digota_core::port::gateway::Op;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Body of `POST /v1/charges`. Borrows from the bytes it was read from, so that card data is not copied; has no Debug.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChargeBody<'a> {
    pub(crate) reference: Uuid,
    pub(crate) amount: i64,
    #[serde(borrow)]
    pub(crate) currency: Cow<'a, str>,
    #[serde(default = "yes")]
    pub(crate) capture: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<CardBody<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) statement: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) email: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) return_url: Cow<'a, str>,
}

/// A card as typed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardBody<'a> {
    #[serde(borrow)]
    pub(crate) number: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) cvc: Cow<'a, str>,
    pub(crate) expiry_month: u8,
    pub(crate) expiry_year: u16,
}

/// Body of what is done to a charge: `POST /v1/charges/{id}/capture`, `/void` and `/refunds`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowUpBody<'a> {
    pub(crate) reference: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<Cow<'a, str>>,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Money moved.
    Succeeded,
    /// Money is held.
    Authorized,
    /// Refused.
    Declined,
    /// The buyer must do something first.
    RequiresAction,
    /// Under way.
    Pending,
    /// Given up, or made impossible.
    Canceled,
}

impl Status {
    /// Whether it can still change.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Status::RequiresAction | Status::Pending)
    }
}

/// An attempt, as every answer about one shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) reference: Uuid,
    /// Absent where the attempt was made impossible before it arrived; the same goes for id, amount and currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<Op>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decline: Option<Decline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_action: Option<NextAction>,
}

/// Body of a refusal that is no decline.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
}

/// What is wrong.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ErrorDetail {
    /// `not_found`, `invalid_request`, `key_reused`, `duplicate_reference` or `broken`.
    pub(crate) code: String,
    pub(crate) message: String,
}

fn yes() -> bool {
    true
}
