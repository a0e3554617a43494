//! A payment gateway, as the shop sees it.
//!
//! A decline is an answer, not an error. An error says whether the request may have been carried out: that is the one thing
//! that decides what may be done next.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::money::Money;
use crate::payment::card::Source;
use crate::payment::decline::Decline;
use crate::payment::{NextAction, RefundReason};

/// Moves money at a payment provider's.
///
/// Every call carries the attempt's id, by which the gateway knows it for ever (its merchant reference), and a key that makes
/// a repetition harmless.
///
/// - `a_charge_succeeds`: a charge with a good card MUST answer [`Outcome::Succeeded`] with a reference and the amount asked.
/// - `the_same_key_charges_once`: repeating a charge with the same key MUST answer the same and move no more money.
/// - `a_decline_is_an_answer`: a declined card MUST answer [`Outcome::Declined`] with the digota code, and move nothing.
/// - `a_charge_is_found_by_its_attempt`: `find` MUST return what became of a charge, by the attempt's id alone.
/// - `an_unknown_attempt_is_absent`: `find` of an attempt never sent MUST answer [`Finding::Absent`].
/// - `a_lost_answer_is_unknown`: an answer lost after the effect MUST be [`GatewayError::Unknown`], and `find` MUST find the charge.
/// - `a_request_that_never_arrived_is_not_executed`: where no byte was sent the error MUST be [`GatewayError::NotExecuted`].
/// - `a_canceled_attempt_never_charges`: after `cancel` answered [`Outcome::Canceled`] a late charge of that attempt MUST NOT succeed.
/// - `canceling_a_finished_charge_tells_its_outcome`: `cancel` of a charge that succeeded MUST answer that and change nothing.
/// - `an_authorized_charge_can_be_captured`: with `capture_later` a charge MUST answer [`Outcome::Authorized`], and a capture of at
///   most its amount MUST succeed once.
/// - `an_authorized_charge_can_be_voided`: a void MUST answer [`Outcome::Canceled`], and a capture after it MUST be declined.
/// - `refunds_add_up_to_the_charge`: partial refunds MUST succeed up to the amount captured and be declined beyond.
/// - `the_same_key_refunds_once`: repeating a refund with the same key MUST move no more money.
/// - `a_refund_is_found_by_its_attempt`: `find` MUST return what became of a refund, by the attempt's id alone.
/// - `a_challenge_asks_for_action`: a card that needs 3-D Secure MUST answer [`Outcome::RequiresAction`] with where to go.
/// - `secrets_stay_out_of_errors`: no error's or answer's text MUST hold the card's number or verification code.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// What it can do and how long it may take.
    fn capabilities(&self) -> Capabilities;

    /// Gets the gateway's own id before money can move; only asked where [`Capabilities::two_step`].
    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError>;

    /// Charges or, with `intent.capture_later`, authorises. `prepared` is what `prepare` answered.
    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError>;

    /// Takes money that was authorised: all or, where it can, less, leaving the rest to the buyer.
    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError>;

    /// Gives up money that was authorised.
    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError>;

    /// Pays back part or all of a charge.
    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError>;

    /// Looks up what became of an attempt.
    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError>;

    /// Makes sure that an unfinished attempt, of whatever kind, can't succeed any more; only asked where [`Capabilities::cancel`]. Answers
    /// [`Outcome::Canceled`], or what became of it before.
    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError>;
}

/// What a gateway can do, and its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether it gives an id before money can move.
    pub two_step: bool,
    /// Whether an unfinished charge can be made impossible.
    pub cancel: bool,
    /// Whether it can take money later than it authorises it.
    pub capture_later: bool,
    /// The longest that one call may take, retries included. Leases are longer than this.
    pub total_limit: Duration,
    /// How long after it was sent an attempt that can't be found is truly absent.
    pub settle_time: Duration,
}

/// Which attempt a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The attempt's id.
    pub attempt: Uuid,
    /// The same for a repetition of the same call, never used for another; at most 64 characters.
    pub key: String,
}

/// What is to be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// How much.
    pub money: Money,
    /// What the buyer reads on the statement.
    pub statement: String,
    /// The buyer's e-mail address; empty if not said.
    pub email: String,
    /// Authorise only, and take the money later.
    pub capture_later: bool,
    /// Where the buyer's browser comes back to after a challenge; empty if there is no such place.
    pub return_url: String,
}

/// How an attempt is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The attempt's id.
    pub attempt: Uuid,
    /// What it was to do.
    pub op: Op,
    /// The gateway's own id of what it did or prepared, where it got that far.
    pub reference: Option<String>,
}

/// What an attempt is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Charge or authorise.
    Charge,
    /// Take what was authorised.
    Capture,
    /// Give up what was authorised.
    Void,
    /// Pay back.
    Refund,
}

/// A gateway's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// The gateway's own id of the charge or refund.
    pub reference: Option<String>,
    /// The money that the gateway says it moved, for comparison with what was asked.
    pub money: Option<Money>,
}

/// What became of an attempt, as far as the gateway knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Money moved.
    Succeeded,
    /// Money is held for a capture.
    Authorized,
    /// Refused, for good. No money moved.
    Declined(Decline),
    /// The buyer must do something first.
    RequiresAction(NextAction),
    /// Under way; ask again later.
    Pending,
    /// Made impossible, or given up. No money moved and none will.
    Canceled,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The attempt, and what became of it.
    Found(Answer),
    /// No trace of it. It may still be on its way until [`Capabilities::settle_time`] has passed since it was sent.
    Absent,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Certainly not carried out; trying again later may help.
    #[error("the gateway is unavailable: {reason}")]
    NotExecuted {
        /// Why, for the operator.
        reason: String,
        /// When to try again, where the gateway said so.
        retry_after: Option<Duration>,
    },
    /// Certainly not carried out: our credentials or set-up are wrong.
    #[error("the gateway refuses this account: {0}")]
    Configuration(String),
    /// It may have been carried out.
    #[error("the gateway's answer is unknown: {0}")]
    Unknown(String),
}
