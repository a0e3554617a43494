//! What follows when the gateway says of a settled attempt what nobody expected any more.
//!
//! | settled as | the gateway now says | what follows, in one commit |
//! |---|---|---|
//! | given up: a payment of an order | it took the money | stock reserved again and consumed, charge succeeded, order paid |
//! | the same, and the order can't take it any more | | charge succeeded, and an attempt begun that pays it back |
//! | given up: a charge without an order | it took the money | the same |
//! | given up: either | it holds the money | charge authorised, and an attempt begun that lets it go |
//! | given up: a refund | it paid back | refund succeeded; goods and order stay as they are |
//! | given up: a capture or void | it did so | the charge follows, unless something else became of it |
//! | done: a refund | it failed after all | refund failed, its amount can be paid back again |
//! | anything else that differs | | nothing |
//!
//! All of these put the attempt on the review list. Undone is nothing: what was begun to give money back is open, and the janitor
//! sends it, by the same key, until the gateway has answered.
//!
//! Whether money is paid back that an order could take at the same moment is decided by the order's version, as everything is.

use super::changes::Changes;
use super::seen::{Seen, Verdict};
use super::settle::{Open, TRIES, orphan};
use super::{Shop, Terms};
use crate::error::{Error, Result};
use crate::id::SkuId;
use crate::order::Order;
use crate::order::status::Move;
use crate::payment::attempt::{AttemptState, Effect};
use crate::payment::{Attempt, ChargeStatus, Refund, RefundReason, RefundStatus};
use crate::port::gateway::Op;
use crate::port::store::{Change, CommitError, Refusal};
use crate::sku::Sku;

/// How what a gateway says differs from how an attempt was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Turn {
    /// A payment took money after all.
    Took,
    /// A payment holds money after all.
    Holds,
    /// A refund, capture or void happened after all.
    Happened,
    /// A refund that had succeeded failed.
    FellThrough,
    /// Something that only a person can put right.
    Riddle(String),
}

impl Shop {
    /// Commits what follows from what a gateway says of a settled attempt, and returns everything as it is then. That something
    /// did not happen is believed only where the gateway was `asked`: a request that was not sent says nothing of an earlier one.
    pub(super) async fn late(&self, mut open: Box<Open>, seen: &Seen, asked: bool) -> Result<Box<Open>> {
        let mut in_stock = true;
        for _ in 0..TRIES {
            let Some(turn) = turn(&open, seen, asked) else { return Ok(open) };
            let mut changes = Changes::new(self);
            let next = self.follow(&turn, &open, seen, in_stock, &mut changes).await?;
            match changes.commit().await {
                Ok(_) => {
                    tell(&next.attempt);
                    return Ok(next);
                }
                Err(CommitError::Refused(Refusal::OutOfStock(_))) => in_stock = false,
                Err(CommitError::Refused(
                    Refusal::Stale { .. } | Refusal::Missing { .. } | Refusal::MovedAlready { .. },
                )) => open = self.open(open.attempt.id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("a settled attempt changed again and again while late news of it was written"))
    }

    async fn follow(
        &self,
        turn: &Turn,
        was: &Open,
        seen: &Seen,
        in_stock: bool,
        changes: &mut Changes<'_>,
    ) -> Result<Box<Open>> {
        let mut open = Box::new(was.clone());
        open.attempt.review = true;
        if let Some(reference) = &seen.reference {
            open.attempt.reference = Some(reference.clone());
        }
        let names = match turn {
            Turn::Took => self.took(&mut open, in_stock, changes).await?,
            Turn::Holds => {
                open.happened(ChargeStatus::Authorized, "the gateway held the money after it was given up");
                self.give_back(&mut open, Op::Void, changes)?;
                ("arrived_late", "")
            }
            Turn::Happened => open.happened_after_all(),
            Turn::FellThrough => open.fell_through(seen),
            Turn::Riddle(evidence) => {
                open.attempt.evidence.clone_from(evidence);
                ("", "")
            }
        };
        open.write_as(was, names, changes)?;
        Ok(open)
    }

    /// Money came for a payment that was given up: the order takes it if it still can, else it goes back.
    async fn took(
        &self,
        open: &mut Open,
        in_stock: bool,
        changes: &mut Changes<'_>,
    ) -> Result<(&'static str, &'static str)> {
        let payable = |order: &&Order| {
            order.open_attempt.is_none() && order.status.after(Move::Pay).is_some() && in_stock
        };
        let skus = match open.order.as_ref().filter(payable) {
            Some(order) => self.skus_ordered(order).await?,
            None => None,
        };
        if let Some(skus) = skus {
            open.happened(ChargeStatus::Succeeded, "the money came after it was given up; it paid the order");
            open.sell_again(&skus, changes)?;
            return Ok(("succeeded", "paid"));
        }
        open.happened(ChargeStatus::Succeeded, "the money came after it was given up; it is paid back");
        self.give_back(open, Op::Refund, changes)?;
        Ok(("arrived_late", ""))
    }

    /// The SKUs of an order, unless one was deleted.
    async fn skus_ordered(&self, order: &Order) -> Result<Option<Vec<Sku>>> {
        let ids: Vec<_> = order.goods().map(|(sku, _)| sku.0).collect();
        Ok(self.find_all::<Sku>(&ids).await?.into_iter().collect())
    }

    /// Begins an attempt that gives back all money of a charge. It is due at once.
    fn give_back(&self, open: &mut Open, op: Op, changes: &mut Changes<'_>) -> Result<()> {
        let charge = &mut open.charge;
        let mut attempt = self.draft_attempt(
            op,
            Effect::GiveBack { refund: None },
            charge,
            &Terms::until(changes.at),
            changes,
        )?;
        if op == Op::Refund {
            let asked =
                super::payments::Asked { amount: charge.money.amount, op, reason: RefundReason::default() };
            attempt.effect = Effect::GiveBack { refund: Some(self.reserve_refund(charge, &asked, changes)) };
        }
        // The order has nothing to do with it, and may have another attempt open.
        attempt.order = None;
        attempt.lease_until = changes.at;
        attempt.next_check = changes.at;
        charge.open_attempt = Some(attempt.id);
        open.attempt.given_back = Some(attempt.id);
        changes.insert(&attempt, "")
    }
}

/// How what the gateway says differs from how the attempt was settled, if it does.
fn turn(open: &Open, seen: &Seen, asked: bool) -> Option<Turn> {
    let Open { attempt, charge, .. } = open;
    let done = attempt.state == AttemptState::Succeeded;
    let idle = charge.status == ChargeStatus::Authorized && charge.open_attempt.is_none();
    let turn = match (&seen.verdict, attempt.op) {
        (Verdict::Succeeded, Op::Charge) if !done => Turn::Took,
        (Verdict::Authorized, Op::Charge) if !done => Turn::Holds,
        (Verdict::Succeeded, Op::Refund) if !done && charge.refundable() >= attempt.money.amount => {
            Turn::Happened
        }
        (Verdict::Succeeded, Op::Capture | Op::Void) if !done && idle => Turn::Happened,
        (Verdict::Succeeded, _) if !done => {
            Turn::Riddle("the gateway did it after it was given up, and the charge has no room for it".into())
        }
        (Verdict::Declined(_) | Verdict::NotExecuted(_), op) if done && asked => match op {
            Op::Refund => Turn::FellThrough,
            Op::Charge if charge.status == ChargeStatus::Canceled => return None,
            _ => Turn::Riddle("it was done, and now the gateway says that it was not".into()),
        },
        (Verdict::Pending | Verdict::RequiresAction(_), Op::Charge) if !done && asked => {
            Turn::Riddle("the gateway is at it again after it was given up".into())
        }
        (Verdict::Unknown(evidence), _) if asked => Turn::Riddle(evidence.clone()),
        _ => return None,
    };
    // A person was told before.
    let known = matches!(&turn, Turn::Riddle(text) if attempt.evidence == *text);
    (!known).then_some(turn)
}

impl Open {
    /// It happened after all.
    fn happened(&mut self, status: ChargeStatus, evidence: &str) {
        self.end_late(AttemptState::Succeeded, evidence);
        self.attempt.decline = None;
        self.charge.status = status;
        self.charge.failure = None;
        self.name_charge();
    }

    fn end_late(&mut self, state: AttemptState, evidence: &str) {
        self.attempt.state = state;
        self.attempt.late = true;
        evidence.clone_into(&mut self.attempt.evidence);
    }

    /// The goods were let go when the payment was given up: they are taken again, by the order's own name.
    fn sell_again(&mut self, skus: &[Sku], changes: &mut Changes<'_>) -> Result<()> {
        let order = self.order.as_mut().ok_or_else(orphan)?;
        order.status =
            order.status.after(Move::Pay).ok_or_else(|| Error::internal("paid an order not payable"))?;
        order.charge = Some(self.charge.id);
        for sku in skus {
            changes.unchanged(sku);
            let line = order.lines.iter_mut().find(|line| line.sku == Some(sku.id));
            if let Some(line) = line.filter(|_| sku.details.finite) {
                line.stocked = true;
                for change in [Change::Reserve(line.quantity), Change::Consume(line.quantity)] {
                    changes.stock(SkuId(sku.id.0), change, Some(order.id.0), "paid late");
                }
            }
        }
        Ok(())
    }

    /// A refund, capture or void that was given up was done.
    fn happened_after_all(&mut self) -> (&'static str, &'static str) {
        self.end_late(AttemptState::Succeeded, "the gateway did it after it was given up");
        self.attempt.decline = None;
        let money = self.attempt.money;
        match self.attempt.op {
            Op::Refund => {
                self.charge.refunded += money.amount;
                if let Some(order) = &mut self.order {
                    order.refunded += money.amount;
                }
                let reference = self.attempt.reference.clone().unwrap_or_default();
                if let Some(refund) = self.refund() {
                    (refund.status, refund.failure) = (RefundStatus::Succeeded, None);
                    refund.provider_refund_id = reference;
                }
                ("refunded", "refunded")
            }
            Op::Void => {
                self.charge.status = ChargeStatus::Canceled;
                ("canceled", "")
            }
            Op::Capture | Op::Charge => {
                self.charge.status = ChargeStatus::Succeeded;
                self.charge.money = money;
                ("succeeded", "")
            }
        }
    }

    /// A refund that was done came back: the money is ours again, and the buyer's due.
    fn fell_through(&mut self, seen: &Seen) -> (&'static str, &'static str) {
        self.end_late(AttemptState::Declined, "the gateway failed it after it was done");
        if let Verdict::Declined(decline) = &seen.verdict {
            self.attempt.decline = Some(decline.clone());
        } else {
            self.attempt.state = AttemptState::NotExecuted;
        }
        let amount = self.attempt.money.amount;
        self.charge.refunded -= amount;
        if let Some(order) = &mut self.order {
            order.refunded -= amount;
        }
        let failure = self.attempt.decline.as_ref().map(|decline| decline.code);
        if let Some(refund) = self.refund() {
            (refund.status, refund.failure) = (RefundStatus::Failed, failure);
        }
        ("refund_failed", "refund_failed")
    }

    fn refund(&mut self) -> Option<&mut Refund> {
        let id = self.attempt.effect.refund()?;
        self.charge.refunds.iter_mut().find(|refund| refund.id == id)
    }
}

/// What no one expected is for a person to know, whatever was done about it.
fn tell(attempt: &Attempt) {
    tracing::error!(
        attempt = %attempt.id, charge = %attempt.charge, money = %attempt.money, state = ?attempt.state,
        evidence = attempt.evidence, "the gateway said otherwise after it was settled; see the review list"
    );
}
