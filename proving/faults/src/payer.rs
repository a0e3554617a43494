//! A payer: makes orders and pays them, some twice at once, some with bad cards, and gives some back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use digota_oracle::history::{Ask, Call, History, Order, Outcome, Seen};
use digota_proto::orderpb::ReturnRequest;
use digota_proto::paymentpb::RefundRequest;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::client::{self, Line};
use crate::market::{GOOD, Market, new_order, pay_request, total};

/// Test cards of the sandbox.
const DECLINED: &str = "4000000000000002";
/// It succeeds and the answer is lost.
const LOSE_AFTER: &str = "4000000001000142";
/// Under way for two seconds, then it succeeds.
const PENDING: &str = "4000000001000175";
/// It succeeds; refunds of it are declined.
const NO_REFUND: &str = "4000000001000191";

/// Every card that is paid with: nobody may keep its number.
pub(crate) const CARDS: [&str; 5] = [GOOD, DECLINED, LOSE_AFTER, PENDING, NO_REFUND];

/// One client that buys and buys.
pub(crate) struct Payer {
    market: Arc<Market>,
    line: Line,
    chance: StdRng,
    name: String,
    count: usize,
    history: History,
    /// A request with its answer, to be sent again some day: order, call and what to send.
    kept: Option<(usize, usize, client::Ask)>,
}

/// How a purchase goes.
#[derive(Clone, Copy)]
struct Plan {
    card: &'static str,
    /// Two requests to pay at once.
    twice: bool,
    refund: Back,
    /// Whether everything comes back in the end.
    returned: bool,
}

/// How much is given back without goods coming back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    Nothing,
    Part,
    All,
}

const PLAIN: Plan = Plan { card: GOOD, twice: false, refund: Back::Nothing, returned: false };

/// Every payer begins with one of these, so that the shortest run has all of them.
const FIRST: [Plan; 8] = [
    Plan { twice: true, ..PLAIN },
    Plan { card: LOSE_AFTER, ..PLAIN },
    Plan { refund: Back::Part, returned: true, ..PLAIN },
    Plan { card: DECLINED, twice: true, ..PLAIN },
    Plan { card: LOSE_AFTER, twice: true, ..PLAIN },
    Plan { refund: Back::All, returned: true, ..PLAIN },
    Plan { card: PENDING, twice: true, ..PLAIN },
    Plan { card: NO_REFUND, refund: Back::Part, ..PLAIN },
];

impl Payer {
    pub(crate) fn new(index: usize, seed: u64, market: Arc<Market>, line: Line) -> Payer {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(index as u64));
        let history = History::default();
        Payer { market, line, chance, name: format!("payer-{index:04}"), count: index, history, kept: None }
    }

    /// Buys until the market closes; returns what was asked and told.
    pub(crate) async fn work(mut self) -> History {
        let first = FIRST[self.count % FIRST.len()];
        self.count = 0;
        self.purchase(first).await;
        while !self.market.closing.load(Ordering::Relaxed) {
            let plan = self.plan();
            self.purchase(plan).await;
            if self.chance.random_bool(0.1) {
                self.repeat().await;
            }
        }
        self.repeat().await;
        self.history
    }

    fn plan(&mut self) -> Plan {
        let card = match self.chance.random_range(0..100) {
            0..80 => GOOD,
            80..90 => DECLINED,
            90..94 => LOSE_AFTER,
            94..96 => PENDING,
            _ => NO_REFUND,
        };
        let refund = match self.chance.random_range(0..10) {
            0..2 => Back::Part,
            2..3 => Back::All,
            _ => Back::Nothing,
        };
        Plan { card, twice: self.chance.random_bool(0.2), refund, returned: self.chance.random_bool(0.2) }
    }

    async fn purchase(&mut self, plan: Plan) {
        let Some(order) = self.order().await else { return };
        let index = self.history.orders.len();
        self.history.orders.push(order);
        if !self.pay(index, plan).await && plan.card == DECLINED {
            self.pay(index, Plan { card: GOOD, ..plan }).await;
        }
        let Some(seen) = self.paid(index) else { return };
        self.give_back(index, &seen, plan).await;
    }

    async fn order(&mut self) -> Option<Order> {
        let sku = self.market.skus.choose(&mut self.chance).expect("a market has SKUs").clone();
        let quantity = self.chance.random_range(1..=3);
        let ask = client::Ask::New(new_order(&sku, quantity));
        let key = self.key("new");
        match self.line.insist(&ask, &key).await {
            Outcome::Done(seen) => {
                self.market.orders.fetch_add(1, Ordering::Relaxed);
                let total = total(&sku, quantity);
                Some(Order::new(seen.object, vec![(sku.id, quantity)], total))
            }
            Outcome::Refused(reason) | Outcome::Declined(reason) => {
                self.history.faults.push(format!("{key}: an order was refused: {reason}"));
                None
            }
            Outcome::Unknown(_) => {
                self.history.orders_given_up += 1;
                None
            }
        }
    }

    /// Pays once or twice at once; returns whether a request came back with OK.
    async fn pay(&mut self, index: usize, plan: Plan) -> bool {
        let order = self.history.orders[index].id;
        let ask = client::Ask::Pay(pay_request(&order.to_string(), plan.card));
        let (key, other) = (self.key("pay"), self.key("pay"));
        let told = if plan.twice {
            let (told, twin) = tokio::join!(self.line.insist(&ask, &key), self.line.insist(&ask, &other));
            self.note(index, Ask::Pay, other, twin, ask.clone());
            told
        } else {
            self.line.insist(&ask, &key).await
        };
        self.note(index, Ask::Pay, key, told, ask);
        self.paid(index).is_some()
    }

    async fn give_back(&mut self, index: usize, paid: &Seen, plan: Plan) {
        let (order, total) = (self.history.orders[index].id.to_string(), self.history.orders[index].total);
        let amount = match plan.refund {
            Back::Nothing => 0,
            Back::Part => self.chance.random_range(1..total),
            Back::All => total,
        };
        if let (true, Some(charge)) = (amount > 0, paid.charge) {
            let refund = RefundRequest {
                id: charge.to_string(),
                amount: amount.cast_unsigned(),
                ..Default::default()
            };
            self.ask(index, Ask::Refund { amount }, client::Ask::Refund(refund)).await;
        }
        if plan.returned {
            let back = ReturnRequest { id: order, ..Default::default() };
            let all = Ask::Return { goods: Vec::new(), amount: 0 };
            self.ask(index, all, client::Ask::Return(back)).await;
        }
    }

    async fn ask(&mut self, index: usize, what: Ask, ask: client::Ask) {
        let key = self.key("back");
        let told = self.line.insist(&ask, &key).await;
        self.note(index, what, key, told, ask);
    }

    fn note(&mut self, index: usize, what: Ask, key: String, outcome: Outcome, ask: client::Ask) {
        let key = Some(ask.scope(&key));
        let call = Call { ask: what, key, body: String::new(), outcome, again: Vec::new() };
        let keep = call.outcome.is_kept() && (self.kept.is_none() || self.chance.random_bool(0.2));
        let calls = &mut self.history.orders[index].calls;
        if keep {
            self.kept = Some((index, calls.len(), ask));
        }
        calls.push(call);
    }

    /// Sends a request that was answered some time ago once more, with the same key.
    async fn repeat(&mut self) {
        let Some((index, call, ask)) = self.kept.take() else { return };
        let Some(key) = self.history.orders[index].calls[call].key.clone() else { return };
        let told = self.line.insist(&ask, &key.key).await;
        self.history.orders[index].calls[call].again.push(told);
    }

    fn paid(&self, index: usize) -> Option<Seen> {
        self.history.orders[index].pays().find_map(Call::done).cloned()
    }

    fn key(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{}-{:06}-{what}", self.name, self.count)
    }
}
