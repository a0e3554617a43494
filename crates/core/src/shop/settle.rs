//! The end of every movement of money: carry it to the gateway, and commit what became of it.
//!
//! An attempt that is open has a row in the store, so whoever dies here, somebody can go on. Two may go on at once: the
//! attempt's version decides, and the loser reads again.

use std::time::Duration;

use super::changes::Changes;
use super::keys::{Answer as Stored, Kept};
use super::seen::{Seen, Verdict};
use super::{Shop, Terms, seldom};
use crate::error::{Error, Result};
use crate::id::AttemptId;
use crate::order::status::Move;
use crate::order::{Order, OrderStatus};
use crate::payment::attempt::{AttemptState, Effect, Returned};
use crate::payment::decline::{Decline, DeclineCode};
use crate::payment::{Attempt, Charge, ChargeStatus, NextAction, RefundStatus};
use crate::port::gateway::{Lookup, Op};
use crate::port::store::{Change, CommitError, Refusal};

/// An open attempt with what it changes, as last read or written. It goes from step to step in a box: each step would have
/// room for it otherwise, as long as the gateway is waited for.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) attempt: Attempt,
    pub(super) charge: Charge,
    pub(super) order: Option<Order>,
    /// Whether somebody else ended the attempt: charge and order may have changed since, and are not what its key keeps.
    pub(super) ended_elsewhere: bool,
}

/// How long after each look to look again at an attempt whose outcome is not known.
const CHECKS_S: [u64; 8] = [2, 10, 60, 300, 1800, 7200, 21_600, 86_400];

/// How long to wait after so many looks.
pub(super) fn pause(checks: u32) -> Duration {
    let step = usize::try_from(checks).unwrap_or(usize::MAX).min(CHECKS_S.len() - 1);
    Duration::from_secs(CHECKS_S[step])
}

/// How often a conclusion is tried again when somebody else changed what it had read.
pub(super) const TRIES: usize = 20;

impl Shop {
    /// When a lease taken now on a call to this attempt's gateway ends.
    pub(super) fn lease_end(&self, provider: crate::payment::Provider) -> Result<crate::time::Timestamp> {
        let limit = self.gateway(provider)?.capabilities().total_limit;
        Ok(self.now().after(limit + self.policy.lease_slack))
    }

    /// Everything about an attempt, as the store has it now.
    pub(super) async fn open(&self, id: AttemptId) -> Result<Box<Open>> {
        let mut attempt = self.load::<Attempt>(id.0).await?;
        loop {
            let charge = self.load::<Charge>(attempt.charge.0).await?;
            let order = match attempt.order {
                Some(order) => Some(self.load::<Order>(order.0).await?),
                None => None,
            };
            // Three reads, one moment: while it is open, nothing of the three changes without the attempt.
            let again = self.load::<Attempt>(id.0).await?;
            if again.version == attempt.version {
                let ended_elsewhere = attempt.state.is_final();
                return Ok(Box::new(Open { attempt, charge, order, ended_elsewhere }));
            }
            attempt = again;
        }
    }

    /// Commits what became of an attempt, and returns everything as it is then. If somebody else was first, that counts, unless
    /// the gateway now says otherwise. What can't be written the janitor asks for again, if somebody has settled it meanwhile.
    pub(super) async fn conclude(&self, open: Box<Open>, answer: Seen) -> Result<Box<Open>> {
        let id = open.attempt.id;
        let concluded = self.try_conclude(open, answer).await;
        if concluded.is_err() {
            self.doubt(id);
        }
        concluded
    }

    async fn try_conclude(&self, mut open: Box<Open>, answer: Seen) -> Result<Box<Open>> {
        for _ in 0..TRIES {
            if open.attempt.state.is_final() {
                return seldom(self.late(open, &answer, false)).await;
            }
            let mut changes = Changes::new(self);
            let next = answer.apply(&open, &mut changes)?;
            match changes.commit().await {
                Ok(_) => return Ok(next),
                Err(CommitError::Refused(Refusal::Stale { .. } | Refusal::MovedAlready { .. })) => {
                    open = seldom(self.open(open.attempt.id)).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("an attempt changed again and again while it was being concluded"))
    }

    /// Commits what became of an attempt for a caller who waits for it.
    pub(super) async fn report(&self, open: Box<Open>, seen: Seen, terms: &Terms) -> Result<Box<Open>> {
        self.conclude(open, seen).await.map_err(|error| unsure(&error, terms))
    }

    /// Reads what came of an attempt for a caller who waits for it.
    pub(super) async fn reread<T: super::records::Document>(
        &self,
        id: uuid::Uuid,
        terms: &Terms,
    ) -> Result<T> {
        self.load(id).await.map_err(|error| unsure(&error, terms))
    }

    /// What a caller is told of an attempt that somebody else ended: the answer that the key has, so that a repetition is told the
    /// same, or, without one, the thing as it is now.
    pub(super) async fn told_of<T>(&self, attempt: &Attempt, id: uuid::Uuid, terms: &Terms) -> Result<T>
    where
        T: super::records::Document + TryFrom<Kept, Error = Error>,
    {
        let key = terms.key.as_ref().filter(|key| attempt.client_key.as_ref() == Some(&key.scope));
        if key.is_some()
            && let Some(answer) = self.replay(terms).await.map_err(|error| unsure(&error, terms))?
        {
            return Ok(answer);
        }
        self.reread(id, terms).await
    }

    /// Waits until an attempt's outcome is known or the caller must have an answer.
    pub(super) async fn outcome(&self, id: AttemptId, terms: &Terms) -> Result<Attempt> {
        let mut pause = Duration::from_millis(5);
        loop {
            let attempt = self.reread::<Attempt>(id.0, terms).await?;
            let action = attempt.state == AttemptState::RequiresAction && terms.allow_pending;
            if attempt.state.is_final() || action || !self.is_awaited(terms) {
                return Ok(attempt);
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Whether so much time has passed since an attempt was written, as when the process was stopped, that another node may take
    /// it over before its gateway answers. Then it must not be sent any more.
    pub(super) fn overslept(&self, attempt: &Attempt) -> Result<bool> {
        let limit = self.gateway(attempt.provider)?.capabilities().total_limit;
        Ok(self.now().after(limit) > attempt.lease_until)
    }

    /// How the janitor finds an attempt again.
    pub(super) fn lookup(attempt: &Attempt) -> Lookup {
        Lookup { attempt: attempt.id.0, op: attempt.op, reference: attempt.reference.clone() }
    }
}

impl Seen {
    /// Writes what follows from the verdict into `changes`, and returns everything as it will be.
    fn apply(&self, was: &Open, changes: &mut Changes<'_>) -> Result<Box<Open>> {
        let mut open = Box::new(was.clone());
        if let Some(reference) = &self.reference {
            open.attempt.reference = Some(reference.clone());
        }
        match &self.verdict {
            Verdict::Succeeded => {
                open.attempt.evidence.clear();
                open.succeed(changes)?;
            }
            Verdict::Authorized if open.may_be_held() => open.authorize(),
            Verdict::Authorized => {
                let evidence = "the gateway authorised what was to be charged";
                open.wait(AttemptState::Unknown, None, evidence, changes);
            }
            Verdict::Declined(decline) => open.fail(AttemptState::Declined, Some(decline), changes)?,
            Verdict::NotExecuted(reason) => {
                open.attempt.evidence.clone_from(reason);
                open.fail(AttemptState::NotExecuted, None, changes)?;
            }
            Verdict::RequiresAction(action) => {
                open.wait(AttemptState::RequiresAction, Some(action), "", changes)
            }
            Verdict::Pending => open.wait(AttemptState::Pending, None, "", changes),
            Verdict::Absent(absence) => {
                open.attempt.absence = Some(*absence);
                open.wait(AttemptState::Unknown, None, "the gateway has no trace of it yet", changes);
                open.attempt.next_check = absence.next_look();
            }
            Verdict::Unasked(evidence) => open.stay(evidence, changes),
            Verdict::Unknown(evidence) => open.wait(AttemptState::Unknown, None, evidence, changes),
        }
        // Who says how it ended needs not be told.
        open.attempt.review &= self.remark.is_none();
        open.write(was, changes)?;
        if let Some(remark) = &self.remark {
            changes.sign(remark);
        }
        if open.attempt.state.is_final() {
            open.answer(changes)?;
        }
        Ok(open)
    }
}

impl Open {
    pub(super) fn new(attempt: Attempt, charge: Charge, order: Option<Order>) -> Box<Self> {
        Box::new(Self { attempt, charge, order, ended_elsewhere: false })
    }

    /// The outcome is not known yet: look again later, the later the more often it was in vain.
    fn wait(
        &mut self,
        state: AttemptState,
        action: Option<&NextAction>,
        evidence: &str,
        changes: &Changes<'_>,
    ) {
        let attempt = &mut self.attempt;
        attempt.next_check = changes.at.after(pause(attempt.checks));
        attempt.state = state;
        evidence.clone_into(&mut attempt.evidence);
        attempt.checks = attempt.checks.saturating_add(1);
        attempt.lease_until = changes.at;
        if attempt.charge_is_new() {
            let status = if action.is_some() { ChargeStatus::RequiresAction } else { ChargeStatus::Pending };
            self.charge.status = status;
            self.charge.next_action = action.cloned();
            self.name_charge();
        }
    }

    /// Waits on in the state it is in: a challenge does not vanish because a look-up failed.
    fn stay(&mut self, evidence: &str, changes: &Changes<'_>) {
        let action = self.charge.next_action.clone();
        match (self.attempt.state, action) {
            (state @ AttemptState::RequiresAction, Some(action)) => {
                self.wait(state, Some(&action), evidence, changes);
            }
            (state @ AttemptState::Pending, _) => self.wait(state, None, evidence, changes),
            _ => self.wait(AttemptState::Unknown, None, evidence, changes),
        }
    }

    pub(super) fn may_be_held(&self) -> bool {
        self.attempt.effect == Effect::Charge && self.charge.capture_later
    }

    fn authorize(&mut self) {
        self.charge.status = ChargeStatus::Authorized;
        self.name_charge();
        self.end(AttemptState::Succeeded);
    }

    fn succeed(&mut self, changes: &mut Changes<'_>) -> Result<()> {
        match self.attempt.effect.clone() {
            Effect::Pay => self.paid(changes)?,
            Effect::Charge => self.charged(),
            Effect::Capture => {
                self.charge.status = ChargeStatus::Succeeded;
                self.charge.money = self.attempt.money;
            }
            Effect::Void | Effect::GiveBack { refund: None } => self.charge.status = ChargeStatus::Canceled,
            Effect::Refund { refund } | Effect::GiveBack { refund: Some(refund) } => self.refunded(refund),
            Effect::Return { refund, goods } => {
                self.refunded(refund);
                let order = self.order.as_mut().ok_or_else(orphan)?;
                take_back(order, &goods, self.attempt.id.0, changes)?;
            }
        }
        self.end(AttemptState::Succeeded);
        Ok(())
    }

    fn paid(&mut self, changes: &mut Changes<'_>) -> Result<()> {
        self.charged();
        let reference = self.attempt.id.0;
        let order = self.order.as_mut().ok_or_else(orphan)?;
        order.status =
            order.status.after(Move::Pay).ok_or_else(|| Error::internal("paid an order not payable"))?;
        order.charge = Some(self.charge.id);
        for (sku, line) in order.goods().filter(|(_, line)| line.stocked) {
            changes.stock(sku, Change::Consume(line.quantity), Some(reference), "sold");
        }
        Ok(())
    }

    fn charged(&mut self) {
        self.charge.status = ChargeStatus::Succeeded;
        self.name_charge();
    }

    fn refunded(&mut self, id: crate::id::RefundId) {
        let (amount, reference) = (self.attempt.money.amount, self.attempt.reference.clone());
        self.charge.pending_refund -= amount;
        self.charge.refunded += amount;
        if let Some(order) = &mut self.order {
            order.refunded += amount;
        }
        if let Some(refund) = self.charge.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.status = RefundStatus::Succeeded;
            refund.provider_refund_id = reference.unwrap_or_default();
        }
    }

    /// Nothing happened at the gateway, and nothing will: everything held for it is let go.
    fn fail(
        &mut self,
        state: AttemptState,
        decline: Option<&Decline>,
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        let failure = decline.map(|decline| decline.code);
        self.attempt.decline = decline.cloned();
        match self.attempt.effect.clone() {
            Effect::Pay => {
                self.not_charged(failure);
                self.release(changes)?;
            }
            Effect::Charge => self.not_charged(failure),
            Effect::Capture | Effect::Void => {}
            Effect::Refund { .. } | Effect::Return { .. } | Effect::GiveBack { .. } => {
                self.not_refunded(failure)
            }
        }
        self.end(state);
        Ok(())
    }

    /// Nobody is told of a refund that fails once its caller has gone: a person must look.
    fn not_refunded(&mut self, failure: Option<DeclineCode>) {
        self.attempt.review = self.attempt.state != AttemptState::Sending
            || matches!(self.attempt.effect, Effect::GiveBack { .. });
        let Some(id) = self.attempt.effect.refund() else { return };
        self.charge.pending_refund -= self.attempt.money.amount;
        if let Some(refund) = self.charge.refunds.iter_mut().find(|refund| refund.id == id) {
            refund.status = RefundStatus::Failed;
            refund.failure = failure;
        }
    }

    fn not_charged(&mut self, failure: Option<DeclineCode>) {
        self.charge.status = ChargeStatus::Failed;
        self.charge.failure = failure;
        self.name_charge();
    }

    fn release(&mut self, changes: &mut Changes<'_>) -> Result<()> {
        let reference = self.attempt.id.0;
        let order = self.order.as_mut().ok_or_else(orphan)?;
        for (sku, line) in order.goods().filter(|(_, line)| line.stocked) {
            changes.stock(sku, Change::Release(line.quantity), Some(reference), "not paid");
        }
        for line in &mut order.lines {
            line.stocked = false;
        }
        Ok(())
    }

    pub(super) fn name_charge(&mut self) {
        if let Some(reference) = &self.attempt.reference {
            self.charge.provider_charge_id.clone_from(reference);
        }
    }

    fn end(&mut self, state: AttemptState) {
        self.attempt.state = state;
        self.charge.next_action = None;
        self.charge.open_attempt = None;
        if let Some(order) = &mut self.order {
            order.open_attempt = None;
            order.pending_charge = None;
        }
    }

    /// Gives the caller's key its answer, in the commit that makes it true; where nothing happened the key is free again.
    fn answer(&self, changes: &mut Changes<'_>) -> Result<()> {
        let Some(scope) = &self.attempt.client_key else { return Ok(()) };
        let answer = match (self.attempt.state, &self.attempt.decline) {
            (AttemptState::NotExecuted, _) => None,
            (_, Some(decline)) => Some(Err(Error::Declined(decline.clone()))),
            _ => Some(Ok(self.stored())),
        };
        // What may be different the next time is no answer to keep.
        match answer {
            Some(Err(error)) if !error.is_final() => changes.free(scope),
            Some(answer) => changes.answer(scope, &answer)?,
            None => changes.free(scope),
        }
        Ok(())
    }

    /// What the rpc answers: the order where it is about one, else the charge.
    fn stored(&self) -> Stored {
        match (&self.attempt.effect, &self.order) {
            (Effect::Pay | Effect::Return { .. }, Some(order)) => Stored::Order(order.clone()),
            _ => Stored::Charge(self.charge.clone()),
        }
    }

    /// Writes what differs from before.
    fn write(&mut self, was: &Open, changes: &mut Changes<'_>) -> Result<()> {
        let names = self.event();
        self.write_as(was, names, changes)
    }

    /// Writes what differs from before, by the names of what happened to the charge and to the order.
    pub(super) fn write_as(
        &mut self,
        was: &Open,
        names: (&str, &str),
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        changes.replace(&was.attempt, &mut self.attempt, "")?;
        if self.charge != was.charge {
            changes.replace(&was.charge, &mut self.charge, &format!("charge.{}", names.0))?;
        }
        if let (Some(order), Some(was)) = (&mut self.order, &was.order)
            && order != was
        {
            changes.replace(was, order, &format!("order.{}", names.1))?;
        }
        Ok(())
    }

    /// What happened, in the words of the charge and of the order.
    fn event(&self) -> (&'static str, &'static str) {
        let refund = self.attempt.op == Op::Refund;
        let failed = matches!(self.attempt.state, AttemptState::Declined | AttemptState::NotExecuted);
        match self.attempt.effect {
            Effect::Capture if failed => return ("capture_failed", "capture_failed"),
            Effect::Void | Effect::GiveBack { refund: None } if failed => {
                return ("void_failed", "void_failed");
            }
            _ => {}
        }
        match (self.attempt.state, refund) {
            (AttemptState::Succeeded, false) => (self.charge.status.name(), "paid"),
            (AttemptState::Succeeded, true) => ("refunded", self.order_event()),
            (AttemptState::Declined | AttemptState::NotExecuted, false) => ("failed", "payment_failed"),
            (AttemptState::Declined | AttemptState::NotExecuted, true) => ("refund_failed", "refund_failed"),
            _ => (self.charge.status.name(), "payment_pending"),
        }
    }

    fn order_event(&self) -> &'static str {
        match self.order.as_ref().map(|order| order.status) {
            Some(OrderStatus::Canceled) => "canceled",
            Some(OrderStatus::Returned) => "returned",
            _ => "refunded",
        }
    }
}

impl Attempt {
    /// Whether the charge exists only through this attempt, so that its status is the attempt's.
    pub(super) fn charge_is_new(&self) -> bool {
        matches!(self.effect, Effect::Pay | Effect::Charge)
    }
}

/// Takes goods back into an order: counts them, restocks them, and ends the order once all came back.
pub(super) fn take_back(
    order: &mut Order,
    goods: &[Returned],
    reference: uuid::Uuid,
    changes: &mut Changes<'_>,
) -> Result<()> {
    for Returned { sku, quantity, restock } in goods {
        let line = order.lines.iter_mut().find(|line| line.sku == Some(*sku)).ok_or_else(orphan)?;
        line.returned += quantity;
        if *restock && line.stocked {
            changes.stock(*sku, Change::Return(*quantity), Some(reference), "returned");
        }
    }
    if order.all_returned() {
        order.status = order.status.after(Move::Return).unwrap_or(order.status);
    }
    Ok(())
}

/// After commit A, trouble of the storage no longer means that nothing happened: the outcome is only not known yet.
pub(super) fn unsure(error: &Error, terms: &Terms) -> Error {
    tracing::warn!(?error, "could not write or read what became of an attempt; the janitor will");
    Error::Pending { charge: terms.progress.charge() }
}

pub(super) fn orphan() -> Error {
    Error::internal("an attempt names an order or line that is not there")
}
