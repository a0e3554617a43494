//! Makes steps happen, in a shop of its own each time.

use std::sync::Arc;
use std::time::Duration;

use digota_core::id::OrderId;
use digota_core::order::Order;
use digota_core::port::gateway::{Capabilities, Op, Outcome};
use digota_core::port::store::{Keys, Kind, Record};
use digota_core::port::{Clock, Store};
use digota_core::testing::gateway::{Act, Seen};
use digota_core::time::Timestamp;
use digota_oracle::{Evidence, Violation, When, judge};
use digota_planted::node::{Hold, Node};
use digota_planted::world::Plan;
use digota_planted::{Bug, World};
use tokio::task::JoinHandle;

use crate::step::{Answer, Card, End, Step};

/// More than an order can wait for its payment.
const EXPIRY: Duration = Duration::from_secs(40 * 60);
/// How long clients wait for an answer: nobody else acts meanwhile, so that it need not be long.
const PATIENCE: Duration = Duration::from_millis(500);
/// What is given back in part.
const PART: i64 = 300;
/// What is held without an order.
const HELD: i64 = 900;

/// What a shop is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// Whether charges without an order are tried, and not an order.
    pub holds: bool,
    /// Whether the gateway can't make an attempt impossible: then absence must last.
    pub cannot_cancel: bool,
    /// Whether the gateway gives its id before money can move.
    pub two_step: bool,
    /// The mistake that it has.
    pub bug: Option<Bug>,
}

/// A shop, and how far things have come.
pub(crate) struct Play {
    pub(crate) world: Arc<World>,
    node: Node,
    pub(crate) order: Option<OrderId>,
    /// A payment that is held, and where.
    pub(crate) held: Option<(Arc<Node>, Hold, JoinHandle<()>)>,
    begun: usize,
}

impl Play {
    pub(crate) async fn begin(sort: Sort) -> Play {
        let capabilities: fn(Capabilities) -> Capabilities = match (sort.cannot_cancel, sort.two_step) {
            (false, false) => |plain| plain,
            (true, false) => |plain| Capabilities { cancel: false, ..plain },
            (false, true) => |plain| Capabilities { two_step: true, ..plain },
            (true, true) => |plain| Capabilities { cancel: false, two_step: true, ..plain },
        };
        let capabilities = Some(capabilities);
        let plan = Plan { bug: sort.bug, stock: 1, capabilities, patience: PATIENCE, ..Plan::default() };
        let world = Arc::new(World::of(plan).await);
        let node = world.node();
        let order = if sort.holds { None } else { Some(world.order(&node, 1).await) };
        Play { world, node, order, held: None, begun: 0 }
    }

    /// Returns whether it can happen now.
    pub(crate) async fn take(&mut self, step: Step) -> bool {
        match (step, self.order) {
            (Step::Pay(card), Some(order)) => {
                let key = format!("pay {card:?}");
                self.world.pay(&self.node, order, card.token(), &key).await;
            }
            (Step::Begin(hold), Some(order)) => return self.hold(order, hold).await,
            (Step::GoOn, _) => return self.go_on().await,
            (Step::Crash, _) => return self.crash().await,
            (Step::Cancel, Some(order)) => drop(self.world.cancel(&self.node, order, "cancel").await),
            (Step::Fulfill, Some(order)) => drop(self.world.fulfill(&self.node, order, "fulfill").await),
            (Step::Expire, Some(_)) => self.world.clock.advance(EXPIRY),
            (Step::End(end), _) => return self.end(end),
            (Step::Janitor, _) => return self.janitor().await,
            (step, _) => return self.change_charge(step).await,
        }
        self.world.follow().await;
        true
    }

    /// Steps whose gateway may be asked for something else than a charge.
    async fn change_charge(&mut self, step: Step) -> bool {
        let (world, node) = (&self.world, &self.node);
        if let Step::Hold(card) = step {
            world.hold(node, HELD, card.token(), &format!("hold {card:?}")).await;
            return true;
        }
        let (Step::Refund(answer) | Step::Return(answer) | Step::Capture(answer) | Step::Void(answer)) = step
        else {
            return false;
        };
        let act = match answer {
            Answer::Heard => Act::Succeed,
            Answer::Lost => Act::LoseAfter,
            Answer::NeverThere => Act::LoseBefore,
        };
        let mut first = true;
        // Whoever sends it again gets through.
        world.gateway.on(move |seen: &Seen| {
            (seen.op != Op::Charge && std::mem::take(&mut first)).then_some(act.into())
        });
        // Whether or not it is answered: the same request again.
        let key = match step {
            Step::Refund(_) => "refund",
            Step::Return(_) => "return",
            Step::Capture(_) => "capture",
            _ => "void",
        };
        let last = world.history().charges.len().checked_sub(1);
        match (step, self.order, last) {
            (Step::Refund(_), Some(order), _) => drop(world.refund(node, order, PART, key).await),
            (Step::Return(_), Some(order), _) => drop(world.give_back(node, order, key).await),
            (Step::Refund(_), None, Some(last)) => drop(world.refund_held(node, last, PART, key).await),
            (Step::Capture(_), None, Some(last)) => drop(world.capture(node, last, 0, key).await),
            (Step::Void(_), None, Some(last)) => drop(world.void(node, last, key).await),
            _ => return false,
        }
        true
    }

    async fn hold(&mut self, order: OrderId, hold: Hold) -> bool {
        if self.held.is_some() {
            return false;
        }
        let node = Arc::new(self.world.node());
        node.switch.set(hold);
        self.begun += 1;
        let (world, payer, key) = (self.world.clone(), node.clone(), format!("begun {}", self.begun));
        let payment = tokio::spawn(async move {
            world.pay(&payer, order, Card::Good.token(), &key).await;
        });
        while !payment.is_finished() {
            if node.switch.held(1).await {
                self.held = Some((node, hold, payment));
                return true;
            }
        }
        true
    }

    async fn go_on(&mut self) -> bool {
        let Some((node, _, payment)) = self.held.take() else { return false };
        node.switch.set(Hold::Nowhere);
        payment.await.unwrap();
        true
    }

    /// Whoever takes over is a new process of a store that only one process writes to.
    async fn crash(&mut self) -> bool {
        let Some((_, _, payment)) = self.held.take() else { return false };
        payment.abort();
        let _ = payment.await;
        self.node = self.world.restart().await;
        true
    }

    fn end(&self, end: End) -> bool {
        let mut open = false;
        for entry in self.world.gateway.record() {
            let outcome = match end {
                End::Well if self.order.is_none() && entry.op == Some(Op::Charge) => Outcome::Authorized,
                End::Well => Outcome::Succeeded,
                End::Badly => Outcome::Canceled,
                End::UnderWay => Outcome::Pending,
            };
            open |= matches!(entry.outcome, Outcome::Pending | Outcome::RequiresAction(_));
            self.world.gateway.settle(entry.attempt, outcome);
        }
        open
    }

    async fn janitor(&self) -> bool {
        let Some(due) = self.open().await.iter().filter_map(due).min() else { return false };
        self.world.clock.set(self.world.clock.now().max(due));
        let _ = self.node.shop.janitor_round().await;
        true
    }

    pub(crate) async fn open(&self) -> Vec<Record> {
        self.world.flaky.inner().due(Timestamp(i64::MAX), u32::MAX).await.unwrap()
    }

    /// Until when the order can be paid.
    pub(crate) async fn expires(&self) -> Timestamp {
        let Some(order) = self.order else { return Timestamp(i64::MAX) };
        let record = self.world.flaky.inner().get(Kind::Order, &[order.0]).await.unwrap().pop().flatten();
        serde_json::from_str::<Order>(&record.unwrap().body).unwrap().expires
    }

    /// Whether the gateway has anything under way.
    pub(crate) fn is_open_at_the_gateway(&self) -> bool {
        let mut last = std::collections::BTreeMap::new();
        for entry in self.world.gateway.record() {
            last.insert(entry.attempt, entry.outcome);
        }
        last.values().any(|outcome| matches!(outcome, Outcome::Pending | Outcome::RequiresAction(_)))
    }

    /// The key of the payment that is held.
    pub(crate) fn held_key(&self) -> Option<String> {
        self.held.as_ref().map(|_| format!("begun {}", self.begun))
    }

    pub(crate) async fn evidence(&self) -> Evidence {
        self.world.evidence().await
    }

    /// Lets what is held die, the gateway end what it is at, and the janitor do its work; returns what is wrong then.
    pub(crate) async fn heal(mut self, end: End) -> Vec<Violation> {
        self.crash().await;
        self.world.gateway.on(|_: &Seen| None);
        self.end(end);
        self.world.rest(&self.node).await;
        judge(&self.evidence().await, When::AtRest)
    }
}

/// When an open attempt is to be looked at.
pub(crate) fn due(record: &Record) -> Option<Timestamp> {
    match record.keys {
        Keys::Attempt { due, .. } => due,
        _ => None,
    }
}
