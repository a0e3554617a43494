//! Charges of their own, and refunds, captures and voids of any charge. The steps are those of [`super::checkout`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::changes::Changes;
use super::checkout::{ChargeDraft, unsettled};
use super::keys::insist;
use super::seen::Seen;
use super::settle::Open;
use super::{Shop, Terms};
use crate::error::{Error, Reason, Refused, Result, in_progress};
use crate::id::{ChargeId, RefundId};
use crate::money::{Money, TOTAL_MAX};
use crate::order::Order;
use crate::page::{Listed, Request};
use crate::payment::attempt::Effect;
use crate::payment::card::Source;
use crate::payment::{Attempt, Charge, ChargeStatus, Provider, Refund, RefundReason, RefundStatus};
use crate::port::gateway::{Answer, Call, GatewayError, Intent, Op};
use crate::port::store::{CommitError, Kind, Refusal};
use crate::text::{LINE_MAX, Violations, valid};

/// A request to charge without an order.
#[derive(Debug)]
pub struct NewCharge {
    /// How much.
    pub money: Money,
    /// With what.
    pub source: Source,
    /// Through which gateway.
    pub provider: Provider,
    /// The buyer's e-mail address; may be empty.
    pub email: String,
    /// What the buyer reads on the statement.
    pub statement: String,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Authorise only.
    pub capture_later: bool,
    /// Where the buyer's browser comes back to after a challenge; may be empty.
    pub return_url: String,
}

impl NewCharge {
    /// Notes what is wrong with it.
    pub fn check(&self, all: &mut Violations) {
        all.check((1..=TOTAL_MAX).contains(&self.money.amount), "total", "must be 1 to 1000000000000");
        all.email("email", &self.email);
        all.line("statement", &self.statement, LINE_MAX);
        all.map("metadata", &self.metadata);
        all.return_url("return_url", &self.return_url, self.provider == Provider::Sandbox);
    }
}

/// A request to pay back part or all of a charge.
#[derive(Clone, Copy, Debug)]
pub struct RefundCharge {
    /// Which charge.
    pub charge: ChargeId,
    /// How much; 0 for all that is left.
    pub amount: i64,
    /// Why.
    pub reason: RefundReason,
    /// The version that the caller insists on; 0 for any.
    pub expected_version: u64,
}

/// How often commit A is tried again when somebody else changed what it had read.
const TRIES: usize = 20;

impl Shop {
    /// Charges a card or token. OK means done, unless the caller allows a pending charge.
    pub async fn new_charge(&self, new: NewCharge, terms: &Terms) -> Result<Charge> {
        if let Some(charge) = self.replay::<Charge>(terms).await? {
            return Ok(charge);
        }
        valid(|all| new.check(all))?;
        let gateway = self.gateway(new.provider)?;
        if new.capture_later && !gateway.capabilities().capture_later {
            return Err(Error::refused(Reason::ProviderCant, "this payment provider can't capture later"));
        }
        let _room = self.enter()?;
        self.still_waiting(terms)?;
        let mut changes = Changes::new(self);
        let draft = ChargeDraft { money: new.money, source: &new.source, provider: new.provider };
        let mut charge = self.draft_charge(&draft, &changes);
        charge.statement.clone_from(&new.statement);
        charge.email.clone_from(&new.email);
        charge.metadata.clone_from(&new.metadata);
        charge.capture_later = new.capture_later;
        let attempt = self.draft_attempt(Op::Charge, Effect::Charge, &charge, terms, &changes)?;
        charge.open_attempt = Some(attempt.id);
        self.write_new(&charge, &attempt, terms, &mut changes)?;
        match changes.commit().await {
            Ok(_) => {}
            // The same request came a moment earlier: its answer is ours.
            Err(CommitError::Refused(Refusal::KeyTaken)) => {
                return self.or_replay(terms, Refusal::KeyTaken.into()).await;
            }
            Err(error) => return Err(error.into()),
        }
        terms.progress.reached(charge.id);
        let intent = Intent {
            money: new.money,
            statement: new.statement,
            email: new.email,
            capture_later: new.capture_later,
            return_url: new.return_url,
        };
        let open = Open::new(attempt, charge, None);
        let open = self.carry_out(open, &intent, &new.source, terms).await?;
        self.charged(open, terms).await
    }

    /// A charge.
    pub async fn charge(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.load::<Charge>(id.0).await?;
        if let Some(attempt) = charge.open_attempt {
            self.nudge(attempt);
        }
        Ok(charge)
    }

    /// A page of charges.
    pub async fn charges(&self, request: &Request) -> Result<Listed<Charge>> {
        self.list(request).await
    }

    /// Pays back part or all of a charge. A charge that paid an order changes the order too.
    pub async fn refund_charge(&self, refund: RefundCharge, terms: &Terms) -> Result<Charge> {
        if !(0..=TOTAL_MAX).contains(&refund.amount) {
            return Err(Error::invalid("amount", "must be 0 (all that is left) to 1000000000000"));
        }
        let step = |charge: &Charge| {
            let amount = refundable(charge, refund.amount)?;
            Ok((amount, Op::Refund))
        };
        self.change_charge(refund.charge, refund.expected_version, refund.reason, terms, step).await
    }

    /// Takes money that was authorised: 0 for all of it.
    pub async fn capture_charge(
        &self,
        id: ChargeId,
        amount: i64,
        expected_version: u64,
        terms: &Terms,
    ) -> Result<Charge> {
        if !(0..=TOTAL_MAX).contains(&amount) {
            return Err(Error::invalid("amount", "must be 0 (all of it) to 1000000000000"));
        }
        let step = |charge: &Charge| {
            authorized(charge)?;
            if amount > charge.money.amount {
                return Err(Error::refused(Reason::CaptureExceeds, "more than was authorised"));
            }
            Ok((if amount == 0 { charge.money.amount } else { amount }, Op::Capture))
        };
        self.change_charge(id, expected_version, RefundReason::default(), terms, step).await
    }

    /// Gives up money that was authorised.
    pub async fn void_charge(&self, id: ChargeId, expected_version: u64, terms: &Terms) -> Result<Charge> {
        let step = |charge: &Charge| {
            authorized(charge)?;
            Ok((charge.money.amount, Op::Void))
        };
        self.change_charge(id, expected_version, RefundReason::default(), terms, step).await
    }

    /// What refund, capture and void have in common: lock, judge, commit A, gateway, commit B.
    async fn change_charge(
        &self,
        id: ChargeId,
        expected_version: u64,
        reason: RefundReason,
        terms: &Terms,
        judge: impl Fn(&Charge) -> Result<(i64, Op)>,
    ) -> Result<Charge> {
        if let Some(charge) = self.replay::<Charge>(terms).await? {
            return Ok(charge);
        }
        let charge = self.load::<Charge>(id.0).await?;
        let _room = self.enter()?;
        let lease = match charge.order {
            Some(order) => self.hold(Kind::Order, order.0).await?,
            None => self.hold(Kind::Charge, id.0).await?,
        };
        let begun = self.begin_change(id, expected_version, reason, terms, judge).await;
        lease.release().await;
        let open = match begun {
            Ok(Some(open)) => open,
            Ok(None) => return self.or_replay(terms, Refusal::KeyTaken.into()).await,
            Err(error) => return self.or_replay(terms, error).await,
        };
        terms.progress.reached(open.charge.id);
        let open = self.ask_gateway(open, terms).await?;
        self.charged(open, terms).await
    }

    /// Commit A of a change. `None` where the same request came a moment earlier.
    async fn begin_change(
        &self,
        id: ChargeId,
        expected_version: u64,
        reason: RefundReason,
        terms: &Terms,
        judge: impl Fn(&Charge) -> Result<(i64, Op)>,
    ) -> Result<Option<Box<Open>>> {
        for _ in 0..TRIES {
            let was = self.load::<Charge>(id.0).await?;
            insist(&was, expected_version)?;
            let order = self.order_paid_by(&was).await?;
            if was.open_attempt.is_some() || order.as_ref().is_some_and(|order| order.open_attempt.is_some())
            {
                return Err(in_progress());
            }
            let (amount, op) = judge(&was)?;
            self.still_waiting(terms)?;
            let asked = Asked { amount, op, reason };
            let mut changes = Changes::new(self);
            let open = self.draw_up_change(&was, order, &asked, terms, &mut changes)?;
            match changes.commit().await {
                Ok(_) => return Ok(Some(open)),
                Err(CommitError::Refused(Refusal::Stale { .. } | Refusal::AttemptOpen { .. })) => {}
                Err(CommitError::Refused(Refusal::KeyTaken)) => return Ok(None),
                // If it stands, the janitor goes on with it, and sends a void that was never sent.
                Err(CommitError::Unknown(_)) => return Err(Error::Pending { charge: Some(id) }),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy { what: "the charge".into(), retry_after: Duration::from_millis(200) })
    }

    /// The order that a charge pays, or tries to. A charge whose money came too late pays none.
    async fn order_paid_by(&self, charge: &Charge) -> Result<Option<Order>> {
        let Some(order) = charge.order else { return Ok(None) };
        let order = self.load::<Order>(order.0).await?;
        let paid = charge.status != ChargeStatus::Succeeded || order.charge == Some(charge.id);
        Ok(paid.then_some(order))
    }

    fn draw_up_change(
        &self,
        was: &Charge,
        order: Option<Order>,
        asked: &Asked,
        terms: &Terms,
        changes: &mut Changes<'_>,
    ) -> Result<Box<Open>> {
        let mut charge = was.clone();
        let effect = match asked.op {
            Op::Refund => Effect::Refund { refund: self.reserve_refund(&mut charge, asked, changes) },
            Op::Void => Effect::Void,
            Op::Capture | Op::Charge => Effect::Capture,
        };
        let mut attempt = self.draft_attempt(asked.op, effect, &charge, terms, changes)?;
        attempt.money.amount = asked.amount;
        attempt.reason = asked.reason;
        attempt.reference = None;
        attempt.order = order.as_ref().map(|order| order.id);
        let order = self.mark_open(&attempt, was, &mut charge, order, changes)?;
        self.write_attempt(&attempt, terms, changes)?;
        Ok(Open::new(attempt, charge, order))
    }

    /// Holds an amount on a charge for a refund, so that two refunds can't both have it.
    pub(super) fn reserve_refund(
        &self,
        charge: &mut Charge,
        asked: &Asked,
        changes: &Changes<'_>,
    ) -> RefundId {
        let id = RefundId(self.id());
        charge.pending_refund += asked.amount;
        charge.refunds.push(Refund {
            id,
            amount: asked.amount,
            provider_refund_id: String::new(),
            reason: asked.reason,
            status: RefundStatus::Pending,
            failure: None,
            created: changes.at,
        });
        id
    }

    /// Marks a charge, and its order, as having an open attempt.
    pub(super) fn mark_open(
        &self,
        attempt: &Attempt,
        was: &Charge,
        charge: &mut Charge,
        order: Option<Order>,
        changes: &mut Changes<'_>,
    ) -> Result<Option<Order>> {
        charge.open_attempt = Some(attempt.id);
        let name = match attempt.op {
            Op::Refund => "charge.refund_pending",
            Op::Void => "charge.void_pending",
            Op::Capture | Op::Charge => "charge.capture_pending",
        };
        changes.replace(was, charge, name)?;
        let Some(old) = order else { return Ok(None) };
        let mut order = old.clone();
        order.open_attempt = Some(attempt.id);
        order.pending_charge = Some(charge.id);
        changes.replace(&old, &mut order, "order.refund_pending")?;
        Ok(Some(order))
    }

    /// Carries a refund, capture or void to the gateway and commits what became of it.
    pub(super) async fn ask_gateway(&self, open: Box<Open>, terms: &Terms) -> Result<Box<Open>> {
        // It stays open, and whoever takes it over makes sure that it never happens.
        if self.overslept(&open.attempt)? {
            return Ok(open);
        }
        let answer = self.send(&open).await;
        let seen = Seen::of(&open.attempt, answer);
        self.report(open, seen, terms).await
    }

    pub(super) async fn send(&self, open: &Open) -> std::result::Result<Answer, GatewayError> {
        let Open { attempt, charge, .. } = open;
        let gateway = self
            .gateways
            .get(&attempt.provider)
            .ok_or_else(|| GatewayError::Configuration("the provider is not configured any more".into()))?;
        let call = Call { attempt: attempt.id.0, key: attempt.key.clone() };
        let reference = charge.provider_charge_id.as_str();
        match attempt.op {
            Op::Refund => gateway.refund(&call, reference, attempt.money, attempt.reason).await,
            Op::Void => gateway.void(&call, reference).await,
            Op::Capture => gateway.capture(&call, reference, attempt.money).await,
            Op::Charge => Err(GatewayError::Configuration("a charge needs its card".into())),
        }
    }

    /// The answer to a request about a charge whose attempt stands like this.
    async fn charged(&self, open: Box<Open>, terms: &Terms) -> Result<Charge> {
        let now = open.attempt.state.is_final() || terms.allow_pending;
        let attempt = if now { open.attempt.clone() } else { self.outcome(open.attempt.id, terms).await? };
        let own = now && !open.ended_elsewhere;
        match self.verdict(&attempt)? {
            None if !terms.allow_pending => Err(unsettled(&attempt)),
            _ if own => Ok(open.charge),
            _ => self.told_of(&attempt, attempt.charge.0, terms).await,
        }
    }
}

/// A change of a charge that was asked for.
pub(super) struct Asked {
    pub(super) amount: i64,
    pub(super) op: Op,
    pub(super) reason: RefundReason,
}

/// How much a refund of `amount` pays back: 0 stands for all that is left.
pub(super) fn refundable(charge: &Charge, amount: i64) -> Result<i64> {
    if charge.status != ChargeStatus::Succeeded {
        return Err(wrong_status(charge, "refunded"));
    }
    let left = charge.refundable();
    if left <= 0 {
        return Err(Error::refused(Reason::NothingToRefund, "everything was paid back already"));
    }
    if amount > left {
        return Err(Error::Refused(Refused {
            reason: Reason::RefundExceeds,
            message: format!("only {left} is left to pay back"),
            facts: vec![("left".into(), left.to_string())],
        }));
    }
    Ok(if amount == 0 { left } else { amount })
}

fn authorized(charge: &Charge) -> Result<()> {
    if charge.status == ChargeStatus::Authorized {
        return Ok(());
    }
    Err(wrong_status(charge, "captured or voided"))
}

fn wrong_status(charge: &Charge, wish: &str) -> Error {
    Error::Refused(Refused {
        reason: Reason::ChargeStatus,
        message: format!("a charge that is {} can't be {wish}", charge.status.name()),
        facts: vec![("status".into(), charge.status.name().into())],
    })
}
