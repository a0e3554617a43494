//! What an adapter is: one pure function from a question, and the responses seen so far, to what comes next.
//!
//! No adapter does I/O. [`crate::executor::Executor`] sends what it builds and hands it what came back, so limits, retries
//! and scrubbing are written once, and an adapter is tested with bytes alone.

use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::gateway::{Answer, Call, Capabilities, GatewayError, Intent, Lookup};
use uuid::Uuid;

use crate::message::{Request, Response};

/// Speaks one gateway's language.
pub trait Adapter: Send + Sync + 'static {
    /// What the gateway can do. The executor puts its own total limit in.
    fn capabilities(&self) -> Capabilities;

    /// What comes next: with nothing seen the first request, later a further request or the reading of the responses.
    ///
    /// # Errors
    /// [`GatewayError::NotExecuted`] and [`GatewayError::Configuration`] only where the response proves it;
    /// [`GatewayError::Unknown`] for everything else that is no answer.
    fn next(&self, ask: &Ask<'_>, seen: &[Response]) -> Result<Step, GatewayError>;
}

/// A question of the port.
#[derive(Clone, Copy)]
pub enum Ask<'a> {
    /// See [`digota_core::port::Gateway::prepare`].
    Prepare {
        /// The attempt.
        call: &'a Call,
        /// What is to be charged.
        intent: &'a Intent,
    },
    /// See [`digota_core::port::Gateway::charge`].
    Charge {
        /// The attempt.
        call: &'a Call,
        /// What is to be charged.
        intent: &'a Intent,
        /// Where the money comes from.
        source: &'a Source,
        /// What `Prepare` gave.
        prepared: Option<&'a str>,
    },
    /// See [`digota_core::port::Gateway::capture`].
    Capture {
        /// The attempt.
        call: &'a Call,
        /// The gateway's id of the charge.
        charge: &'a str,
        /// How much.
        money: Money,
    },
    /// See [`digota_core::port::Gateway::void`].
    Void {
        /// The attempt.
        call: &'a Call,
        /// The gateway's id of the charge.
        charge: &'a str,
    },
    /// See [`digota_core::port::Gateway::refund`].
    Refund {
        /// The attempt.
        call: &'a Call,
        /// The gateway's id of the charge.
        charge: &'a str,
        /// How much.
        money: Money,
        /// Why.
        reason: RefundReason,
    },
    /// See [`digota_core::port::Gateway::find`].
    Find(&'a Lookup),
    /// See [`digota_core::port::Gateway::cancel`].
    Cancel(&'a Lookup),
}

impl Ask<'_> {
    /// The attempt that it is about.
    pub fn attempt(&self) -> Uuid {
        match self {
            Ask::Prepare { call, .. }
            | Ask::Charge { call, .. }
            | Ask::Capture { call, .. }
            | Ask::Void { call, .. }
            | Ask::Refund { call, .. } => call.attempt,
            Ask::Find(lookup) | Ask::Cancel(lookup) => lookup.attempt,
        }
    }

    /// The money that an answer must name.
    pub fn money(&self) -> Option<Money> {
        match self {
            Ask::Charge { intent, .. } => Some(intent.money),
            Ask::Capture { money, .. } | Ask::Refund { money, .. } => Some(*money),
            _ => None,
        }
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// This must be sent, and its response seen.
    Send(Request),
    /// The question is answered.
    Done(Reading),
}

/// What the responses say.
#[derive(Debug)]
pub enum Reading {
    /// What became of the attempt.
    Answer(Answer),
    /// There is no such attempt.
    Absent,
    /// The gateway's own id of a charge that can now be made.
    Prepared(String),
}

/// The reading of a response that is no answer, for the statuses that mean the same everywhere.
pub fn refusal(response: &Response) -> GatewayError {
    match response.status {
        401 | 403 => GatewayError::Configuration(response.evidence()),
        429 => GatewayError::NotExecuted { reason: response.evidence(), retry_after: response.retry_after() },
        _ => GatewayError::Unknown(response.evidence()),
    }
}
