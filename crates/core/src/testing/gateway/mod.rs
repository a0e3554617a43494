//! A gateway in memory that does what a script says, and keeps its own record of the money that it moved.

mod record;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::money::Money;
use crate::payment::card::Source;
use crate::payment::decline::{Advice, Decline, DeclineCode};
use crate::payment::{NextAction, RefundReason};
use crate::port::Clock;
use crate::port::gateway::{
    Answer, Call, Capabilities, Finding, Gateway, GatewayError, Intent, Lookup, Op, Outcome,
};
use crate::time::Timestamp;

pub use record::Line;

/// What happens to one request that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// What becomes of it.
    pub act: Act,
    /// How long until it takes effect. Whoever drops the call before that has not sent it.
    pub effect_after: Duration,
    /// How long after the effect it is answered.
    pub answer_after: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It succeeds, or is declined if the charge does not allow it.
    Succeed,
    /// It is declined.
    Decline(DeclineCode),
    /// The buyer must do something; [`ScriptedGateway::settle`] ends it.
    RequireAction,
    /// It stays under way; [`ScriptedGateway::settle`] ends it.
    Pend,
    /// No byte is sent.
    NeverSend,
    /// The request is lost, and nobody knows.
    LoseBefore,
    /// It succeeds, and the answer is lost.
    LoseAfter,
}

impl From<Act> for Script {
    fn from(act: Act) -> Script {
        Script { act, effect_after: Duration::ZERO, answer_after: Duration::ZERO }
    }
}

/// A request as the gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The attempt.
    pub attempt: Uuid,
    /// Its key.
    pub key: String,
    /// What it is to do.
    pub op: Op,
    /// How much; `None` for a void.
    pub money: Option<Money>,
    /// The token that pays, if one does.
    pub token: Option<String>,
    /// What the buyer reads; empty where this is no charge.
    pub statement: String,
}

/// A charge in the gateway's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeRecord {
    /// The attempt that made it.
    pub attempt: Uuid,
    /// The gateway's id of it.
    pub reference: String,
    /// What became of that attempt.
    pub outcome: Outcome,
    /// The money that came from the buyer, in the smallest unit.
    pub captured: i64,
    /// What of that went back or is on its way back.
    pub refunded: i64,
}

/// The gateway. What happens to a request is, in this order: the next of the queued scripts, what [`ScriptedGateway::on`]
/// says, what its token is named after (`tok_card_declined`, `tok_lose_after` …), success.
pub struct ScriptedGateway {
    clock: Arc<dyn Clock>,
    capabilities: Capabilities,
    inner: Mutex<Inner>,
}

type Rule = Box<dyn FnMut(&Seen) -> Option<Script> + Send>;

#[derive(Default)]
struct Inner {
    queue: VecDeque<Script>,
    rule: Option<Rule>,
    seen: Vec<Seen>,
    attempts: BTreeMap<Uuid, Attempt>,
    record: Vec<Line>,
}

struct Attempt {
    key: String,
    op: Option<Op>,
    charge: Uuid,
    money: Option<Money>,
    outcome: Outcome,
    held: i64,
    captured: i64,
    refunded: i64,
}

impl ScriptedGateway {
    /// A gateway that can cancel and capture later, in one step, at most 30 seconds per call, settled after 60.
    pub fn new(clock: Arc<dyn Clock>) -> ScriptedGateway {
        let capabilities = Capabilities {
            two_step: false,
            cancel: true,
            capture_later: true,
            total_limit: Duration::from_secs(30),
            settle_time: Duration::from_secs(60),
        };
        ScriptedGateway { clock, capabilities, inner: Mutex::default() }
    }

    /// The same with other capabilities.
    #[must_use]
    pub fn with(self, capabilities: Capabilities) -> ScriptedGateway {
        ScriptedGateway { capabilities, ..self }
    }

    /// What happens to the next request that has no script yet.
    pub fn next(&self, script: impl Into<Script>) {
        self.lock().queue.push_back(script.into());
    }

    /// What happens to every request for which the rule says something.
    pub fn on(&self, rule: impl FnMut(&Seen) -> Option<Script> + Send + 'static) {
        self.lock().rule = Some(Box::new(rule));
    }

    /// Ends an attempt that is pending or waits for the buyer. Changes nothing if it has ended.
    pub fn settle(&self, attempt: Uuid, outcome: Outcome) {
        let now = self.clock.now();
        self.lock().end(attempt, outcome, now);
    }

    /// Ends anew a refund that had ended well: its money does not go back after all.
    pub fn reverse(&self, refund: Uuid, outcome: Outcome) {
        let mut inner = self.lock();
        let Some(known) = inner.attempts.get_mut(&refund) else { return };
        if (known.op, &known.outcome) == (Some(Op::Refund), &Outcome::Succeeded) {
            known.outcome = outcome;
            inner.land(refund, true);
        }
    }

    /// Every request that came, in its order, lost ones too.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// The record: what reached it and what it did, in order. Requests that were lost on the way are not in it.
    pub fn record(&self) -> Vec<Line> {
        self.lock().record.clone()
    }

    /// Every charge that came through, by attempt.
    pub fn charges(&self) -> Vec<ChargeRecord> {
        let inner = self.lock();
        let charges = inner.attempts.iter().filter(|(_, attempt)| attempt.op == Some(Op::Charge));
        let record = |(id, attempt): (&Uuid, &Attempt)| ChargeRecord {
            attempt: *id,
            reference: reference(Op::Charge, *id),
            outcome: attempt.outcome.clone(),
            captured: attempt.captured,
            refunded: attempt.refunded,
        };
        charges.map(record).collect()
    }

    /// What came from buyers less what went back or is on its way, in smallest units, whatever the currency.
    pub fn moved(&self) -> i128 {
        self.charges().iter().map(|charge| i128::from(charge.captured) - i128::from(charge.refunded)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry_out(&self, seen: Seen, charge: Uuid, capture_later: bool) -> Result<Answer, GatewayError> {
        let script = self.lock().script(&seen);
        let lost = |text: &str| Err(GatewayError::Unknown(text.to_owned()));
        match script.act {
            Act::NeverSend => {
                let reason = "connection refused".to_owned();
                return Err(GatewayError::NotExecuted { reason, retry_after: None });
            }
            Act::LoseBefore => return lost("the request was lost"),
            _ => self.sleep(script.effect_after).await,
        }
        let now = self.clock.now();
        let expires = now.after(Duration::from_secs(900));
        let attempt = seen.attempt;
        let answer = {
            let mut inner = self.lock();
            if !inner.attempts.contains_key(&attempt) {
                let outcome = match script.act {
                    Act::Decline(code) => declined(code),
                    Act::RequireAction => Outcome::RequiresAction(NextAction {
                        kind: "redirect_to_url".to_owned(),
                        url: format!("https://gateway.invalid/challenge/{attempt}"),
                        expires,
                    }),
                    Act::Pend => Outcome::Pending,
                    _ => inner.judge(&seen, charge, capture_later),
                };
                inner.begin(&seen, charge, outcome, now);
            } else {
                inner.note(&seen, charge, now);
                let known = &inner.attempts[&attempt];
                if known.op.is_some() && known.key != seen.key {
                    return lost("the attempt came with another key before");
                }
            }
            inner.attempts[&attempt].answer(attempt)
        };
        self.sleep(script.answer_after).await;
        if script.act == Act::LoseAfter { lost("the answer was lost") } else { Ok(answer) }
    }

    async fn sleep(&self, span: Duration) {
        if !span.is_zero() {
            self.clock.sleep(span).await;
        }
    }
}

impl Inner {
    fn script(&mut self, seen: &Seen) -> Script {
        self.seen.push(seen.clone());
        let queued = self.queue.pop_front();
        let ruled = || self.rule.as_mut().and_then(|rule| rule(seen));
        queued.or_else(ruled).unwrap_or_else(|| by_token(seen.token.as_deref()).into())
    }

    fn judge(&self, seen: &Seen, charge: Uuid, capture_later: bool) -> Outcome {
        let charged = self.attempts.get(&charge);
        let amount = seen.money.map_or(0, |money| money.amount);
        let fits = |most: i64| {
            (1..=most).contains(&amount)
                && charged.and_then(|c| c.money).map(|m| m.currency) == seen.money.map(|money| money.currency)
        };
        match seen.op {
            Op::Charge if amount <= 0 => declined(DeclineCode::InvalidAmount),
            Op::Charge if capture_later => Outcome::Authorized,
            Op::Charge => Outcome::Succeeded,
            Op::Capture if charged.is_some_and(|c| fits(c.held)) => Outcome::Succeeded,
            Op::Void if charged.is_some_and(|c| c.held > 0) => Outcome::Canceled,
            Op::Refund if charged.is_some_and(|c| fits(c.captured - c.refunded)) => Outcome::Succeeded,
            Op::Capture | Op::Void => declined(DeclineCode::ChargeNotOpen),
            Op::Refund => declined(DeclineCode::RefundNotAllowed),
        }
    }

    fn begin(&mut self, seen: &Seen, charge: Uuid, outcome: Outcome, now: Timestamp) {
        let Seen { attempt, key, op, money, .. } = seen.clone();
        let known = Attempt { key, op: Some(op), charge, money, outcome, held: 0, captured: 0, refunded: 0 };
        let moved = known.moved();
        self.attempts.insert(attempt, known);
        self.land(attempt, false);
        self.note(seen, charge, now);
        self.record.last_mut().expect("it was noted").moved = moved;
    }

    fn end(&mut self, attempt: Uuid, outcome: Outcome, at: Timestamp) {
        if let Some(known) = self.attempts.get_mut(&attempt).filter(|a| is_open(&a.outcome)) {
            known.outcome = outcome.clone();
            let (charge, moved, currency) = (known.charge, known.moved(), known.money.map(|m| m.currency));
            let (key, statement) = (String::new(), String::new());
            self.record.push(Line {
                at,
                attempt,
                charge,
                op: None,
                key,
                outcome,
                moved,
                currency,
                statement,
            });
            self.land(attempt, true);
        }
    }

    /// Notes a request that moves nothing, or whose money is yet to be added.
    fn note(&mut self, seen: &Seen, charge: Uuid, at: Timestamp) {
        let Seen { attempt, key, op, money, statement, .. } = seen.clone();
        let outcome = self.attempts[&attempt].outcome.clone();
        let currency = money.map(|money| money.currency);
        let op = Some(op);
        self.record.push(Line { at, attempt, charge, op, key, outcome, moved: 0, currency, statement });
    }

    /// What an attempt's outcome means for its charge.
    fn land(&mut self, attempt: Uuid, was_open: bool) {
        let Some(known) = self.attempts.get(&attempt) else { return };
        let (op, outcome, charge) = (known.op, known.outcome.clone(), known.charge);
        let amount = known.money.map_or(0, |money| money.amount);
        let Some(charge) = self.attempts.get_mut(&charge) else { return };
        match (op, outcome) {
            (Some(Op::Charge), Outcome::Succeeded) => charge.captured = amount,
            (Some(Op::Charge), Outcome::Authorized) => charge.held = amount,
            (Some(Op::Capture), Outcome::Succeeded) => (charge.held, charge.captured) = (0, amount),
            (Some(Op::Void), Outcome::Canceled) => charge.held = 0,
            (Some(Op::Refund), Outcome::Pending) => charge.refunded += amount,
            (Some(Op::Refund), Outcome::Succeeded) if !was_open => charge.refunded += amount,
            (Some(Op::Refund), Outcome::Declined(_) | Outcome::Canceled) if was_open => {
                charge.refunded -= amount
            }
            _ => {}
        }
    }

    fn cancel(&mut self, attempt: Uuid, at: Timestamp) -> Answer {
        let impossible = Attempt {
            key: String::new(),
            op: None,
            charge: attempt,
            money: None,
            outcome: Outcome::Canceled,
            held: 0,
            captured: 0,
            refunded: 0,
        };
        if let Entry::Vacant(place) = self.attempts.entry(attempt) {
            place.insert(impossible);
            let (outcome, key, statement) = (Outcome::Canceled, String::new(), String::new());
            let (charge, op, currency, moved) = (attempt, None, None, 0);
            self.record.push(Line { at, attempt, charge, op, key, outcome, moved, currency, statement });
        }
        self.end(attempt, Outcome::Canceled, at);
        self.attempts[&attempt].answer(attempt)
    }
}

impl Attempt {
    /// What its outcome moves: from the buyer if positive, back if negative.
    fn moved(&self) -> i64 {
        let amount = self.money.map_or(0, |money| money.amount);
        match (self.op, &self.outcome) {
            (Some(Op::Charge | Op::Capture), Outcome::Succeeded) => amount,
            (Some(Op::Refund), Outcome::Succeeded) => -amount,
            _ => 0,
        }
    }

    fn answer(&self, id: Uuid) -> Answer {
        let reference = self.op.map(|op| reference(op, if op == Op::Refund { id } else { self.charge }));
        let moves = !matches!(self.outcome, Outcome::Declined(_) | Outcome::Canceled);
        Answer { outcome: self.outcome.clone(), reference, money: self.money.filter(|_| moves) }
    }
}

fn is_open(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Pending | Outcome::RequiresAction(_))
}

fn declined(code: DeclineCode) -> Outcome {
    Outcome::Declined(Decline { code, raw: code.text().to_owned(), advice: Advice::RetryWithNewData })
}

fn reference(op: Op, id: Uuid) -> String {
    format!("{}_{}", if op == Op::Refund { "re" } else { "ch" }, id.simple())
}

fn charge_id(reference: &str) -> Uuid {
    let id = reference.strip_prefix("ch_").and_then(|id| Uuid::try_parse(id).ok());
    id.unwrap_or_default()
}

fn by_token(token: Option<&str>) -> Act {
    match token.and_then(|token| token.strip_prefix("tok_")) {
        Some("challenge") => Act::RequireAction,
        Some("pending") => Act::Pend,
        Some("never_sent") => Act::NeverSend,
        Some("lose_before") => Act::LoseBefore,
        Some("lose_after") => Act::LoseAfter,
        Some(name) => DeclineCode::from_text(name).map_or(Act::Succeed, Act::Decline),
        None => Act::Succeed,
    }
}

#[async_trait]
impl Gateway for ScriptedGateway {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn prepare(&self, call: &Call, _: &Intent) -> Result<String, GatewayError> {
        Ok(reference(Op::Charge, call.attempt))
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        _: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        let token = match source {
            Source::Token(token) => Some(token.to_string()),
            Source::Card(_) => None,
        };
        let statement = intent.statement.clone();
        let seen = Seen { token, statement, ..seen(call, Op::Charge, Some(intent.money)) };
        self.carry_out(seen, call.attempt, intent.capture_later).await
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        self.carry_out(seen(call, Op::Capture, Some(amount)), charge_id(charge), false).await
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        self.carry_out(seen(call, Op::Void, None), charge_id(charge), false).await
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        _: RefundReason,
    ) -> Result<Answer, GatewayError> {
        self.carry_out(seen(call, Op::Refund, Some(amount)), charge_id(charge), false).await
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        let inner = self.lock();
        let known = inner.attempts.get(&lookup.attempt);
        Ok(known.map_or(Finding::Absent, |attempt| Finding::Found(attempt.answer(lookup.attempt))))
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        let now = self.clock.now();
        Ok(self.lock().cancel(lookup.attempt, now))
    }
}

fn seen(call: &Call, op: Op, money: Option<Money>) -> Seen {
    Seen { attempt: call.attempt, key: call.key.clone(), op, money, token: None, statement: String::new() }
}
