//! One attempt, as the sandbox knows it, and its rules.

use digota_core::money::Money;
use digota_core::payment::NextAction;
use digota_core::payment::decline::{Decline, DeclineCode};
use digota_core::port::gateway::Op;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::cards::{Behaviour, Row, advice};
use super::state::Command;
use super::wire::{Status, View};

/// An attempt that came.
pub(crate) struct Attempt {
    pub(crate) op: Op,
    pub(crate) charge: Uuid,
    pub(crate) money: Option<Money>,
    pub(crate) status: Status,
    pub(crate) decline: Option<DeclineCode>,
    pub(crate) row: &'static Row,
    pub(crate) capture_later: bool,
    pub(crate) due: Timestamp,
    pub(crate) return_url: Box<str>,
    /// Of a charge: what can be captured, what was, and what of that was paid back or is on its way back.
    pub(crate) held: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
}

/// What becomes of an attempt.
#[derive(Clone, Copy)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) decline: Option<DeclineCode>,
    pub(crate) due: Option<Timestamp>,
}

impl Verdict {
    pub(crate) fn of(status: Status) -> Verdict {
        Verdict { status, decline: None, due: None }
    }

    pub(crate) fn declined(code: DeclineCode) -> Verdict {
        Verdict { status: Status::Declined, decline: Some(code), due: None }
    }

    pub(crate) fn open(status: Status, due: Timestamp) -> Verdict {
        Verdict { status, decline: None, due: Some(due) }
    }

    pub(crate) fn success(capture_later: bool) -> Verdict {
        Verdict::of(if capture_later { Status::Authorized } else { Status::Succeeded })
    }
}

impl Attempt {
    pub(crate) fn amount(&self) -> i64 {
        self.money.map_or(0, |money| money.amount)
    }

    /// Whether a command is the one that this attempt came from.
    pub(crate) fn repeats(&self, command: &Command) -> bool {
        let facts = (self.op, self.charge, self.money, self.capture_later);
        facts == (command.op, command.charge, command.money, command.capture_later)
            && command.row.is_none_or(|row| row == self.row)
    }

    pub(crate) fn judge_capture(&self, asked: Option<Money>) -> Verdict {
        if self.held == 0 || self.row.behaviour == Behaviour::CaptureDeclined {
            return Verdict::declined(DeclineCode::ChargeNotOpen);
        }
        if !self.covers(asked, self.held) {
            return Verdict::declined(DeclineCode::InvalidAmount);
        }
        Verdict::of(Status::Succeeded)
    }

    pub(crate) fn judge_refund(&self, asked: Option<Money>, due: Timestamp) -> Verdict {
        let left = self.captured - self.refunded;
        match self.row.behaviour {
            _ if !self.covers(asked, left) => Verdict::declined(DeclineCode::RefundNotAllowed),
            Behaviour::RefundDeclined => Verdict::declined(DeclineCode::RefundNotAllowed),
            Behaviour::RefundPending | Behaviour::RefundFails => Verdict::open(Status::Pending, due),
            _ => Verdict::of(Status::Succeeded),
        }
    }

    fn covers(&self, asked: Option<Money>, most: i64) -> bool {
        let (Some(asked), Some(own)) = (asked, self.money) else { return false };
        asked.currency == own.currency && (1..=most).contains(&asked.amount)
    }

    /// What becomes of it when its time has come and nothing else happened.
    pub(crate) fn at_its_due(&self) -> Verdict {
        match (self.op, self.row.behaviour) {
            (Op::Charge, Behaviour::PendingSucceeds) => Verdict::success(self.capture_later),
            (Op::Charge, Behaviour::Challenge) => Verdict::declined(DeclineCode::AuthenticationRequired),
            (Op::Charge, _) => Verdict::declined(DeclineCode::CardDeclined),
            (Op::Refund, Behaviour::RefundPending) => Verdict::of(Status::Succeeded),
            _ => Verdict::declined(DeclineCode::RefundNotAllowed),
        }
    }

    pub(crate) fn view(&self, attempt: Uuid, base: &str) -> View {
        let id = match self.op {
            Op::Refund => format!("re_{}", attempt.simple()),
            _ => format!("ch_{}", self.charge.simple()),
        };
        let action = (self.status == Status::RequiresAction).then(|| NextAction {
            kind: "redirect_to_url".to_owned(),
            url: format!("{base}/challenge/{attempt}"),
            expires: self.due,
        });
        View {
            reference: attempt,
            op: Some(self.op),
            id: Some(id),
            status: self.status,
            amount: self.money.map(|money| money.amount),
            currency: self.money.map(|money| money.currency.code().to_owned()),
            decline: self.decline.map(|code| self.shown(code)),
            next_action: action,
        }
    }

    fn shown(&self, code: DeclineCode) -> Decline {
        let by_card = self.row.behaviour == Behaviour::Decline(code);
        let raw = if by_card { self.row.name } else { code.text() };
        Decline { code, raw: raw.to_owned(), advice: advice(code) }
    }
}

/// The money that a change to this status moves: from the buyer if positive.
pub(crate) fn moved(op: Op, status: Status, money: Option<Money>) -> i64 {
    let amount = money.map_or(0, |money| money.amount);
    match (op, status) {
        (Op::Charge | Op::Capture, Status::Succeeded) => amount,
        (Op::Refund, Status::Succeeded) => -amount,
        _ => 0,
    }
}
