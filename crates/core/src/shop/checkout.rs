//! Paying an order.
//!
//! | step | what | if it comes to nothing |
//! |---|---|---|
//! | 1 | lock the order | released |
//! | 2 | commit A: stock reserved, charge pending, attempt and key written | nothing was written |
//! | 3 | unlock | |
//! | 4 | where the gateway has two steps: prepare, and commit its id | conclude: not executed |
//! | 5 | charge at the gateway, holding no lock and no transaction | the attempt stays open; the janitor asks the gateway |
//! | 6 | commit B: paid and consumed; or failed and released; or still open | the janitor does it |
//! | 7 | what the gateway says once it was failed and released | [`super::late`] |
//!
//! A second Pay that finds the first one's attempt open joins it: it waits for that outcome and never starts another.

use std::time::Duration;

use super::changes::Changes;
use super::keys::{Answer, insist};
use super::orders::wrong_status;
use super::seen::Seen;
use super::settle::{Open, unsure};
use super::{Shop, Terms, seldom};
use crate::error::{Error, Reason, Result};
use crate::id::{AttemptId, ChargeId, OrderId, SkuId};
use crate::order::Order;
use crate::order::status::Move;
use crate::payment::attempt::{AttemptState, Effect};
use crate::payment::card::Source;
use crate::payment::{Attempt, Charge, ChargeStatus, Provider, RefundReason};
use crate::port::gateway::{Call, Intent, Op};
use crate::port::store::{Change, CommitError, Kind, Refusal};

/// A request to pay an order.
#[derive(Debug)]
pub struct Pay {
    /// Which order.
    pub order: OrderId,
    /// Through which gateway.
    pub provider: Provider,
    /// With what.
    pub source: Source,
    /// Where the buyer's browser comes back to after a challenge; may be empty.
    pub return_url: String,
    /// The version that the caller insists on; 0 for any.
    pub expected_version: u64,
}

/// An order after a request to pay or return it.
#[derive(Clone, Debug, PartialEq)]
pub struct Paid {
    /// The order.
    pub order: Order,
    /// The charge whose outcome is awaited; only for callers who allow that.
    pub pending: Option<Charge>,
}

/// How often commit A is tried again when somebody else changed what it had read.
const TRIES: usize = 20;

enum Begun {
    Started(Box<Open>),
    UnderWay(AttemptId),
}

impl Shop {
    /// Pays an order. OK without a pending charge means paid, for good.
    pub async fn pay(&self, pay: Pay, terms: &Terms) -> Result<Paid> {
        if let Some(order) = self.replay::<Order>(terms).await? {
            return Ok(Paid { order, pending: None });
        }
        self.gateway(pay.provider)?;
        let _room = self.enter()?;
        let lease = self.hold(Kind::Order, pay.order.0).await?;
        let begun = self.begin_pay(&pay, terms).await;
        lease.release().await;
        match begun {
            Err(error) => {
                let order = self.or_replay(terms, error).await?;
                Ok(Paid { order, pending: None })
            }
            Ok(Begun::UnderWay(attempt)) => seldom(self.join_pay(attempt, terms)).await,
            Ok(Begun::Started(open)) => {
                terms.progress.reached(open.charge.id);
                let intent = Intent {
                    money: open.attempt.money,
                    statement: open.charge.statement.clone(),
                    email: open.charge.email.clone(),
                    capture_later: false,
                    return_url: pay.return_url,
                };
                let open = self.carry_out(open, &intent, &pay.source, terms).await?;
                self.paid(open, terms).await
            }
        }
    }

    /// Commit A, again while what it read changes under it.
    async fn begin_pay(&self, pay: &Pay, terms: &Terms) -> Result<Begun> {
        for _ in 0..TRIES {
            let order = self.load::<Order>(pay.order.0).await?;
            if let Some(attempt) = order.open_attempt {
                return Ok(Begun::UnderWay(attempt));
            }
            insist(&order, pay.expected_version)?;
            self.payable(&order)?;
            self.still_waiting(terms)?;
            let (open, changes) = self.draw_up(pay, order, terms).await?;
            match changes.commit().await {
                Ok(_) => return Ok(Begun::Started(open)),
                Err(CommitError::Refused(
                    Refusal::Stale { .. } | Refusal::Missing { .. } | Refusal::AttemptOpen { .. },
                )) => {}
                // The same request came a moment earlier: its attempt is ours.
                Err(CommitError::Refused(Refusal::KeyTaken)) => {
                    if let Some(attempt) = self.attempt_of_key(terms).await? {
                        return Ok(Begun::UnderWay(attempt));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy { what: "the order".into(), retry_after: Duration::from_millis(200) })
    }

    /// Whether the caller still waits: who got no answer in time must not be charged afterwards.
    pub(super) fn still_waiting(&self, terms: &Terms) -> Result<()> {
        if self.is_awaited(terms) { Ok(()) } else { Err(Error::Pending { charge: None }) }
    }

    /// Whether a payment of this order may begin. Judged here and only here: what began in time settles however late.
    fn payable(&self, order: &Order) -> Result<()> {
        order.status.after(Move::Pay).ok_or_else(|| wrong_status(order, Move::Pay))?;
        if order.money.amount == 0 {
            return Err(Error::refused(Reason::NothingToPay, "an order of amount 0 can't be paid"));
        }
        if self.now() >= order.expires {
            return Err(Error::refused(
                Reason::OrderExpired,
                "the order was not paid in time; make a new one",
            ));
        }
        Ok(())
    }

    /// Everything that commit A writes.
    async fn draw_up(&self, pay: &Pay, old: Order, terms: &Terms) -> Result<(Box<Open>, Changes<'_>)> {
        let mut ids: Vec<SkuId> = old.goods().map(|(sku, _)| sku).collect();
        ids.sort_unstable();
        let (on_sale, ()) = self.skus_on_sale(&ids, |_| Ok(())).await.map_err(gone)?;
        let mut changes = Changes::new(self);
        let mut order = old.clone();
        let draft = ChargeDraft { money: order.money, source: &pay.source, provider: pay.provider };
        let mut charge = self.draft_charge(&draft, &changes);
        charge.order = Some(order.id);
        charge.statement = format!("Order {}", order.id);
        charge.email.clone_from(&order.email);
        let attempt = self.draft_attempt(Op::Charge, Effect::Pay, &charge, terms, &changes)?;
        charge.open_attempt = Some(attempt.id);
        order.open_attempt = Some(attempt.id);
        order.pending_charge = Some(charge.id);
        on_sale.unchanged(&mut changes);
        for sku in &on_sale.skus {
            let line = order.lines.iter_mut().find(|line| line.sku == Some(sku.id));
            if let Some(line) = line.filter(|_| sku.details.finite) {
                line.stocked = true;
                changes.stock(sku.id, Change::Reserve(line.quantity), Some(attempt.id.0), "being paid");
            }
        }
        changes.replace(&old, &mut order, "order.payment_pending")?;
        self.write_new(&charge, &attempt, terms, &mut changes)?;
        Ok((Open::new(attempt, charge, Some(order)), changes))
    }

    pub(super) fn write_new(
        &self,
        charge: &Charge,
        attempt: &Attempt,
        terms: &Terms,
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        changes.insert(charge, "charge.pending")?;
        self.write_attempt(attempt, terms, changes)
    }

    pub(super) fn write_attempt(
        &self,
        attempt: &Attempt,
        terms: &Terms,
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        changes.insert(attempt, "")?;
        if let Some(key) = &terms.key {
            changes.claim(key, attempt.id.0);
        }
        Ok(())
    }

    /// A charge that has only been asked for.
    pub(super) fn draft_charge(&self, draft: &ChargeDraft<'_>, changes: &Changes<'_>) -> Charge {
        let card = match draft.source {
            Source::Card(card) => Some(card),
            Source::Token(_) => None,
        };
        Charge {
            id: ChargeId(self.id()),
            money: draft.money,
            status: ChargeStatus::Pending,
            provider: draft.provider,
            provider_charge_id: String::new(),
            order: None,
            statement: String::new(),
            email: String::new(),
            refunded: 0,
            pending_refund: 0,
            refunds: Vec::new(),
            failure: None,
            next_action: None,
            card_brand: card.map(|card| card.brand),
            card_last4: card.map(|card| card.last4().to_owned()).unwrap_or_default(),
            capture_later: false,
            open_attempt: None,
            metadata: std::collections::BTreeMap::new(),
            created: changes.at,
            updated: changes.at,
            version: 1,
        }
    }

    /// An attempt that is about to be sent.
    pub(super) fn draft_attempt(
        &self,
        op: Op,
        effect: Effect,
        charge: &Charge,
        terms: &Terms,
        changes: &Changes<'_>,
    ) -> Result<Attempt> {
        let id = AttemptId(self.id());
        let lease_until = self.lease_end(charge.provider)?;
        Ok(Attempt {
            id,
            op,
            effect,
            charge: charge.id,
            order: charge.order,
            provider: charge.provider,
            money: charge.money,
            reason: RefundReason::default(),
            key: id.to_string(),
            client_key: terms.key.as_ref().map(|key| key.scope.clone()),
            state: AttemptState::Sending,
            sent: changes.at,
            owner: self.node,
            lease_until,
            next_check: lease_until,
            checks: 0,
            absence: None,
            reference: None,
            decline: None,
            evidence: String::new(),
            late: false,
            given_back: None,
            review: false,
            remarks: Vec::new(),
            created: changes.at,
            updated: changes.at,
            version: 1,
        })
    }

    /// Steps 4 to 6: to the gateway and back. Returns with the attempt as it stands then, final or not.
    pub(super) async fn carry_out(
        &self,
        open: Box<Open>,
        intent: &Intent,
        source: &Source,
        terms: &Terms,
    ) -> Result<Box<Open>> {
        let gateway = self.gateway(open.attempt.provider)?;
        let call = Call { attempt: open.attempt.id.0, key: open.attempt.key.clone() };
        let mut open = open;
        if gateway.capabilities().two_step {
            match gateway.prepare(&call, intent).await {
                Ok(reference) => open = seldom(self.remember(open, reference)).await?,
                // Nothing was prepared, or something that can't move money: either way nothing happened.
                Err(error) => {
                    let reason = super::seen::Verdict::NotExecuted(error.to_string());
                    return seldom(self.report(open, reason.into(), terms)).await;
                }
            }
        }
        // It stays open, and whoever takes it over makes sure that it never happens.
        if self.overslept(&open.attempt)? {
            return Ok(open);
        }
        let prepared = open.attempt.reference.clone();
        let answer = gateway.charge(&call, intent, source, prepared.as_deref()).await;
        let seen = Seen::of(&open.attempt, answer);
        let open = self.report(open, seen, terms).await?;
        if open.attempt.state == AttemptState::RequiresAction && !terms.allow_pending {
            return seldom(self.give_up_challenge(open, terms)).await;
        }
        Ok(open)
    }

    /// Writes the gateway's id before money can move. The lease starts anew: preparing took of its time.
    async fn remember(&self, was: Box<Open>, reference: String) -> Result<Box<Open>> {
        let mut open = was.clone();
        open.attempt.reference = Some(reference);
        let mut changes = Changes::new(self);
        open.attempt.sent = changes.at;
        open.attempt.lease_until = self.lease_end(open.attempt.provider)?;
        open.attempt.next_check = open.attempt.lease_until;
        changes.replace(&was.attempt, &mut open.attempt, "")?;
        changes.commit().await?;
        Ok(open)
    }

    /// A buyer who can't be shown a challenge can't pass it: the charge is made impossible, so that another card can be tried.
    async fn give_up_challenge(&self, open: Box<Open>, terms: &Terms) -> Result<Box<Open>> {
        if !self.gateway(open.attempt.provider)?.capabilities().cancel {
            return Ok(open);
        }
        let seen = self.make_impossible(&open.attempt).await?;
        self.report(open, seen, terms).await
    }

    /// The answer to a Pay whose attempt stands like this.
    async fn paid(&self, open: Box<Open>, terms: &Terms) -> Result<Paid> {
        let attempt = if open.attempt.state.is_final() || terms.allow_pending {
            open.attempt.clone()
        } else {
            seldom(self.outcome(open.attempt.id, terms)).await?
        };
        let own = attempt.version == open.attempt.version && !open.ended_elsewhere;
        match self.verdict(&attempt)? {
            Some(()) => {
                let order = if own { open.order } else { None };
                let order = match order {
                    Some(order) => order,
                    None => seldom(self.told_of(&attempt, attempt.subject(), terms)).await?,
                };
                Ok(Paid { order, pending: None })
            }
            None if terms.allow_pending => seldom(self.still_pending(&attempt)).await,
            None => Err(unsettled(&attempt)),
        }
    }

    /// A Pay that found another under way: the same outcome.
    async fn join_pay(&self, id: AttemptId, terms: &Terms) -> Result<Paid> {
        let first = self.load::<Attempt>(id.0).await?;
        if first.effect != Effect::Pay {
            return Err(crate::error::in_progress());
        }
        terms.progress.reached(first.charge);
        let attempt = self.outcome(id, terms).await?;
        let answer = match self.verdict(&attempt) {
            Ok(None) if terms.allow_pending => return self.still_pending(&attempt).await,
            Ok(None) => return Err(unsettled(&attempt)),
            Ok(Some(())) => Ok(self.told_of::<Order>(&attempt, attempt.subject(), terms).await?),
            Err(error) => Err(error),
        };
        let order = self.keep_joined(terms, &attempt, answer).await?;
        Ok(Paid { order, pending: None })
    }

    /// Keeps the answer of a joined attempt for the joiner's own key too, and returns what the key tells from then on. What can't
    /// be kept is not told: a repetition would be told something else.
    async fn keep_joined(&self, terms: &Terms, attempt: &Attempt, answer: Result<Order>) -> Result<Order> {
        let own = terms.key.as_ref().filter(|key| attempt.client_key.as_ref() != Some(&key.scope));
        let kept: Result<Answer> = match &answer {
            Ok(order) => Ok(order.clone().into()),
            Err(error) if error.is_final() => Err(error.clone()),
            Err(_) => return answer,
        };
        if own.is_none() {
            return answer;
        }
        // Nobody waits any more, and whoever asked again since may have been told already that the order is paid.
        if !self.is_awaited(terms) {
            return Err(unsettled(attempt));
        }
        let mut changes = Changes::new(self);
        changes.settle_key(own, &kept)?;
        match changes.commit().await {
            Ok(_) => answer,
            Err(CommitError::Refused(Refusal::KeyTaken)) => {
                self.or_replay(terms, Refusal::KeyTaken.into()).await
            }
            Err(error) => Err(unsure(&error.into(), terms)),
        }
    }

    async fn still_pending(&self, attempt: &Attempt) -> Result<Paid> {
        let order = self.load::<Order>(attempt.subject()).await?;
        Ok(Paid { order, pending: Some(self.load(attempt.charge.0).await?) })
    }

    /// Done, or not known yet, or why it failed.
    pub(super) fn verdict(&self, attempt: &Attempt) -> Result<Option<()>> {
        match (attempt.state, &attempt.decline) {
            (AttemptState::Succeeded, _) if attempt.given_back.is_none() => Ok(Some(())),
            (AttemptState::Declined, Some(decline)) => Err(Error::Declined(decline.clone())),
            // Also where the money came too late and goes back.
            (state, _) if state.is_final() => Err(Error::Unavailable {
                what: "the payment gateway".into(),
                retry_after: Duration::from_secs(1),
                cause: attempt.evidence.clone(),
            }),
            _ => Ok(None),
        }
    }

    async fn attempt_of_key(&self, terms: &Terms) -> Result<Option<AttemptId>> {
        let Some(key) = &terms.key else { return Ok(None) };
        let Some(entry) = self.store.key(&key.scope).await? else { return Ok(None) };
        if entry.fingerprint != key.fingerprint {
            return Err(Error::KeyReused);
        }
        Ok(entry.attempt.map(AttemptId))
    }
}

/// What to tell a caller who wants final answers only, when there is none in time. A challenge that is still open is none either:
/// its buyer may pass it.
pub(super) fn unsettled(attempt: &Attempt) -> Error {
    Error::Pending { charge: Some(attempt.charge) }
}

/// What a new charge is made of.
pub(super) struct ChargeDraft<'a> {
    pub(super) money: crate::money::Money,
    pub(super) source: &'a Source,
    pub(super) provider: Provider,
}

/// A SKU that is missing when its order is paid was deleted since.
fn gone(error: Error) -> Error {
    match error {
        Error::NotFound { id, .. } => {
            Error::refused(Reason::SkuGone, format!("the SKU {id} was deleted after the order was made"))
        }
        other => other,
    }
}
