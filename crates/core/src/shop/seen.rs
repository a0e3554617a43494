//! What a gateway's answer means for an attempt.

use crate::payment::attempt::{Absence, Remark};
use crate::payment::decline::{Advice, Decline, DeclineCode};
use crate::payment::{Attempt, NextAction};
use crate::port::gateway::{Answer, GatewayError, Op, Outcome};

/// What is known of an attempt after asking its gateway.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Succeeded,
    Authorized,
    Declined(Decline),
    NotExecuted(String),
    RequiresAction(NextAction),
    Pending,
    /// The gateway has no trace of it; it may still be on its way.
    Absent(Absence),
    /// The gateway could not be asked: what was known before still holds.
    Unasked(String),
    Unknown(String),
}

/// A verdict, with the gateway's own id where it gave one.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) reference: Option<String>,
    /// The person who brought it about.
    pub(super) remark: Option<Remark>,
}

impl Seen {
    /// What a gateway's answer means for an attempt. Money that is not the money asked for is not believed.
    pub(super) fn of(attempt: &Attempt, answer: std::result::Result<Answer, GatewayError>) -> Seen {
        let answer = match answer {
            Ok(answer) => answer,
            Err(GatewayError::NotExecuted { reason, .. }) => return Verdict::NotExecuted(reason).into(),
            Err(GatewayError::Configuration(reason)) => return Verdict::NotExecuted(reason).into(),
            Err(GatewayError::Unknown(evidence)) => return Verdict::Unknown(evidence).into(),
        };
        let moved = matches!(answer.outcome, Outcome::Succeeded | Outcome::Authorized);
        let verdict = match (answer.outcome, answer.money) {
            (_, Some(money)) if moved && money != attempt.money => {
                Verdict::Unknown(format!("the gateway moved {money}, asked for {}", attempt.money))
            }
            (Outcome::Succeeded, _) => Verdict::Succeeded,
            (Outcome::Authorized, _) => Verdict::Authorized,
            (Outcome::Declined(decline), _) => Verdict::Declined(decline),
            (Outcome::RequiresAction(action), _) => Verdict::RequiresAction(action),
            (Outcome::Pending, _) => Verdict::Pending,
            (Outcome::Canceled, _) if attempt.op == Op::Void => Verdict::Succeeded,
            (Outcome::Canceled, _) => Verdict::NotExecuted("canceled at the gateway".into()),
        };
        Seen { verdict, reference: answer.reference, remark: None }
    }

    /// That a buyer who can't be asked would have to be.
    pub(super) fn authentication_required() -> Seen {
        let code = DeclineCode::AuthenticationRequired;
        Verdict::Declined(Decline { code, raw: String::new(), advice: Advice::Authenticate }).into()
    }
}

impl From<Verdict> for Seen {
    fn from(verdict: Verdict) -> Seen {
        Seen { verdict, reference: None, remark: None }
    }
}
