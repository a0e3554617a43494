//! Returning an order, in part or whole.
//!
//! | step | what | if it comes to nothing |
//! |---|---|---|
//! | 1 | lock the order | released |
//! | 2 | commit A: the amount held on the charge, attempt and key written | nothing was written |
//! | 3 | unlock | |
//! | 4 | refund at the gateway | the attempt stays open; the janitor asks the gateway |
//! | 5 | commit B: refunded, goods taken back and restocked; or the amount let go | the janitor does it |
//!
//! Where nothing is left to pay back there is one commit and no gateway.

use std::time::Duration;

use super::changes::Changes;
use super::checkout::{Paid, unsettled};
use super::keys::insist;
use super::orders::wrong_status;
use super::payments::{Asked, refundable};
use super::settle::{Open, take_back};
use super::{Shop, Terms};
use crate::error::{Error, Reason, Refused, Result, in_progress};
use crate::id::{OrderId, SkuId};
use crate::money::TOTAL_MAX;
use crate::order::status::Move;
use crate::order::{Order, OrderStatus};
use crate::payment::attempt::{Effect, Returned};
use crate::payment::{Charge, RefundReason};
use crate::port::gateway::Op;
use crate::port::store::{CommitError, Kind, Refusal};
use crate::text::{Violations, valid};

/// A request to return an order.
#[derive(Clone, Debug)]
pub struct Return {
    /// Which order.
    pub order: OrderId,
    /// Which goods and how many of each; empty for all that is left.
    pub goods: Vec<(SkuId, i64)>,
    /// How much to pay back; 0 for the price of the goods, or all that is left if all goods come back.
    pub amount: i64,
    /// Why.
    pub reason: RefundReason,
    /// Whether goods that had been sent go back into stock. Goods that had not always do.
    pub restock: bool,
    /// The version that the caller insists on; 0 for any.
    pub expected_version: u64,
}

impl Return {
    /// Notes what is wrong with it.
    pub fn check(&self, all: &mut Violations) {
        all.check((0..=TOTAL_MAX).contains(&self.amount), "amount", "must be 0 to 1000000000000");
        for (i, (sku, quantity)) in self.goods.iter().enumerate() {
            all.check(*quantity >= 1, format_args!("items[{i}].quantity"), "must be 1 or more");
            let twice = self.goods[..i].iter().any(|(other, _)| other == sku);
            all.check(!twice, format_args!("items[{i}].parent"), "is there twice");
        }
    }
}

/// How often commit A is tried again when somebody else changed what it had read.
const TRIES: usize = 20;

/// What a return comes down to.
struct Plan {
    goods: Vec<Returned>,
    amount: i64,
}

impl Shop {
    /// Returns an order, in part or whole. OK without a pending charge means paid back, for good.
    pub async fn return_order(&self, request: Return, terms: &Terms) -> Result<Paid> {
        valid(|all| request.check(all))?;
        if let Some(order) = self.replay::<Order>(terms).await? {
            return Ok(Paid { order, pending: None });
        }
        let _room = self.enter()?;
        let lease = self.hold(Kind::Order, request.order.0).await?;
        let begun = self.begin_return(&request, terms).await;
        lease.release().await;
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let order = self.or_replay(terms, error).await?;
                return Ok(Paid { order, pending: None });
            }
        };
        match begun {
            Begun::Done(order) => Ok(Paid { order: *order, pending: None }),
            Begun::Answered => {
                let order = self.or_replay(terms, Refusal::KeyTaken.into()).await?;
                Ok(Paid { order, pending: None })
            }
            Begun::Started(open) => {
                terms.progress.reached(open.charge.id);
                let open = self.ask_gateway(open, terms).await?;
                self.returned(open, terms).await
            }
        }
    }

    async fn begin_return(&self, request: &Return, terms: &Terms) -> Result<Begun> {
        for _ in 0..TRIES {
            let order = self.load::<Order>(request.order.0).await?;
            insist(&order, request.expected_version)?;
            if order.open_attempt.is_some() {
                return Err(in_progress());
            }
            order.status.after(Move::Return).ok_or_else(|| wrong_status(&order, Move::Return))?;
            let charge = order.charge.ok_or_else(|| Error::internal("a paid order without a charge"))?;
            let charge = self.load::<Charge>(charge.0).await?;
            let plan = plan(request, &order, &charge)?;
            self.still_waiting(terms)?;
            let mut changes = Changes::new(self);
            let begun = if plan.amount == 0 {
                Begun::Done(Box::new(self.take_back_unpaid(&order, &plan, terms, &mut changes)?))
            } else {
                let open = self.draw_up_return(order, charge, request, plan, terms, &mut changes)?;
                Begun::Started(open)
            };
            match changes.commit().await {
                Ok(_) => return Ok(begun),
                Err(CommitError::Refused(Refusal::Stale { .. } | Refusal::AttemptOpen { .. })) => {}
                // The same request came a moment earlier: its answer is ours.
                Err(CommitError::Refused(Refusal::KeyTaken)) => return Ok(Begun::Answered),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy { what: "the order".into(), retry_after: Duration::from_millis(200) })
    }

    /// Goods come back and there is nothing left to pay back.
    fn take_back_unpaid(
        &self,
        old: &Order,
        plan: &Plan,
        terms: &Terms,
        changes: &mut Changes<'_>,
    ) -> Result<Order> {
        let mut order = old.clone();
        take_back(&mut order, &plan.goods, self.id(), changes)?;
        changes.replace(old, &mut order, "order.returned")?;
        changes.settle_key(terms.key.as_ref(), &Ok(order.clone().into()))?;
        Ok(order)
    }

    fn draw_up_return(
        &self,
        order: Order,
        was: Charge,
        request: &Return,
        plan: Plan,
        terms: &Terms,
        changes: &mut Changes<'_>,
    ) -> Result<Box<Open>> {
        let mut charge = was.clone();
        let asked = Asked { amount: plan.amount, op: Op::Refund, reason: request.reason };
        let refund = self.reserve_refund(&mut charge, &asked, changes);
        let effect = Effect::Return { refund, goods: plan.goods };
        let mut attempt = self.draft_attempt(Op::Refund, effect, &charge, terms, changes)?;
        attempt.money.amount = asked.amount;
        attempt.reason = request.reason;
        let order = self.mark_open(&attempt, &was, &mut charge, Some(order), changes)?;
        self.write_attempt(&attempt, terms, changes)?;
        Ok(Open::new(attempt, charge, order))
    }

    /// The answer to a Return whose attempt stands like this.
    async fn returned(&self, open: Box<Open>, terms: &Terms) -> Result<Paid> {
        let final_now = open.attempt.state.is_final();
        let attempt = if final_now || terms.allow_pending {
            open.attempt.clone()
        } else {
            self.outcome(open.attempt.id, terms).await?
        };
        match (self.verdict(&attempt)?, open.order) {
            (Some(()), Some(order)) if final_now && !open.ended_elsewhere => {
                Ok(Paid { order, pending: None })
            }
            (Some(()), _) => {
                let order = self.told_of(&attempt, attempt.subject(), terms).await?;
                Ok(Paid { order, pending: None })
            }
            (None, Some(order)) if terms.allow_pending => Ok(Paid { order, pending: Some(open.charge) }),
            (None, _) => Err(unsettled(&attempt)),
        }
    }
}

enum Begun {
    Started(Box<Open>),
    /// There was nothing to pay back.
    Done(Box<Order>),
    /// By the same request, a moment earlier.
    Answered,
}

/// Which goods come back and how much is paid back for them.
fn plan(request: &Return, order: &Order, charge: &Charge) -> Result<Plan> {
    let restock = order.status == OrderStatus::Paid || request.restock;
    let all_left =
        || order.goods().map(|(sku, line)| (sku, line.returnable())).filter(|(_, n)| *n > 0).collect();
    let wanted: Vec<(SkuId, i64)> = if request.goods.is_empty() { all_left() } else { request.goods.clone() };
    let mut goods = Vec::with_capacity(wanted.len());
    let mut price = 0i64;
    for (sku, quantity) in wanted {
        let line = order.goods().find(|(other, _)| *other == sku).map(|(_, line)| line);
        let line = line.filter(|line| quantity <= line.returnable()).ok_or_else(|| exceeds(sku))?;
        price = price.saturating_add(line.unit_price.saturating_mul(quantity));
        goods.push(Returned { sku, quantity, restock });
    }
    let returned = |sku| goods.iter().find(|g: &&Returned| g.sku == sku).map_or(0, |g| g.quantity);
    let everything = order.goods().all(|(sku, line)| line.returnable() == returned(sku));
    let left = charge.refundable();
    let amount = match (request.amount, everything) {
        (0, true) => left,
        (0, false) => price.min(left),
        (amount, _) => refundable(charge, amount)?,
    };
    Ok(Plan { goods, amount })
}

fn exceeds(sku: SkuId) -> Error {
    Error::Refused(Refused {
        reason: Reason::ReturnExceeds,
        message: format!("more of the SKU {sku} than was bought and not yet returned"),
        facts: vec![("sku".into(), sku.to_string())],
    })
}
