//! A shop on fakes, with a clock that never makes anybody wait.

mod deeds;
mod dice;
mod oracle;
mod slow_store;
mod turns;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use digota_core::currency::Currency;
use digota_core::id::{AttemptId, ChargeId, OrderId, ProductId, SkuId};
use digota_core::money::Money;
use digota_core::order::{Draft, DraftLine, LineKind, Order};
use digota_core::payment::attempt::Verdict;
use digota_core::payment::card::Source;
use digota_core::payment::{Attempt, Charge, Provider};
use digota_core::port::gateway::Capabilities;
use digota_core::port::store::{KeyScope, Kind};
use digota_core::port::{Clock, Gateway, Lock, Store};
use digota_core::product::ProductDetails;
use digota_core::shop::desk::Settle;
use digota_core::shop::payments::NewCharge;
use digota_core::shop::{Key, Paid, Pay, Policy, Ports, Shop, Terms};
use digota_core::sku::{SkuChange, SkuDetails};
use digota_core::stock::Stock;
use digota_core::testing::clock::{CountingIds, ManualClock};
use digota_core::testing::gateway::ScriptedGateway;
use digota_core::testing::lock::AlwaysYes;
use digota_core::testing::store::{Fault, Flaky, MemoryStore};
use digota_core::time::Timestamp;
use digota_core::{Error, Result};
use uuid::Uuid;

pub(crate) use deeds::{Deed, TOKENS};
pub(crate) use dice::Dice;
use slow_store::SlowStore;
use turns::Turns;
pub(crate) use wire::Wire;

/// What a SKU of the world costs.
pub(crate) const PRICE: i64 = 1000;

/// How many of each SKU there are at first.
pub(crate) const STOCK: i64 = 10;

/// What a world is made of; what is not said is plain.
#[derive(Default)]
pub(crate) struct Plan {
    /// Commits that fail, counted from the world's first.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// Who is first is random, by this seed.
    pub(crate) seed: Option<u64>,
    /// No lock at all.
    pub(crate) unlocked: bool,
    /// Other nodes may write to the store.
    pub(crate) shared: bool,
    /// After which commit the process is stopped for a while, and for how long.
    pub(crate) nap: Option<(u64, Duration)>,
    /// What the gateway can do.
    pub(crate) capabilities: Option<fn(Capabilities) -> Capabilities>,
    /// What the operator decides.
    pub(crate) policy: Policy,
}

/// A shop with two SKUs of one product, ten pieces of each, at ten dollars.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) flaky: Arc<Flaky<MemoryStore>>,
    pub(crate) product: ProductId,
    pub(crate) skus: [SkuId; 2],
    /// The lock, unless the world has none.
    pub(crate) turns: Arc<Turns>,
    store: Arc<dyn Store>,
    lock: Arc<dyn Lock>,
    policy: Policy,
}

/// How many commits it takes to make a world.
pub(crate) const COMMITS_OF_A_WORLD: u64 = 3;

pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

pub(crate) fn usd(amount: i64) -> Money {
    Money { amount, currency: Currency::from_code("USD").unwrap() }
}

pub(crate) fn token(name: &str) -> Source {
    Source::Token(name.to_owned().into())
}

impl World {
    pub(crate) async fn new() -> World {
        World::of(Plan::default()).await
    }

    pub(crate) async fn of(plan: Plan) -> World {
        let clock = Arc::new(ManualClock::flowing(start()));
        let dice = Arc::new(plan.seed.map(Dice::new).unwrap_or_default());
        let mut gateway = ScriptedGateway::new(clock.clone());
        if let Some(change) = plan.capabilities {
            let capabilities = change(gateway.capabilities());
            gateway = gateway.with(capabilities);
        }
        let wire = Arc::new(Wire::new(gateway, dice.clone()));
        let flaky = Arc::new(Flaky::new(MemoryStore::new(), plan.faults));
        let store: Arc<dyn Store> = Arc::new(SlowStore {
            inner: flaky.clone(),
            dice: dice.clone(),
            shared: plan.shared,
            nap: plan.nap,
            clock: clock.clone(),
            believed: Default::default(),
        });
        let turns = Arc::new(Turns::default());
        let lock: Arc<dyn Lock> = if plan.unlocked { Arc::new(AlwaysYes::default()) } else { turns.clone() };
        let shop = node(&store, &lock, &wire, &clock, plan.policy, 1);
        let details = ProductDetails { name: "Tea".into(), active: true, ..ProductDetails::default() };
        let product = shop.new_product(details, &terms_at(start())).await.unwrap().id;
        let mut skus = Vec::new();
        for name in ["green", "black"] {
            let details = sku_details(name, product);
            skus.push(shop.new_sku(details, STOCK, &terms_at(start())).await.unwrap().sku.id);
        }
        assert_eq!(flaky.commits(), COMMITS_OF_A_WORLD);
        let skus = [skus[0], skus[1]];
        World { shop, clock, wire, flaky, product, skus, turns, store, lock, policy: plan.policy }
    }

    /// Another process over the same store and gateway.
    pub(crate) fn node(&self, seed: u16) -> Shop {
        node(&self.store, &self.lock, &self.wire, &self.clock, self.policy, seed)
    }

    /// Thirty seconds to answer, no key.
    pub(crate) fn terms(&self) -> Terms {
        terms_at(self.clock.now())
    }

    /// The same, understanding answers that are not final.
    pub(crate) fn patient(&self) -> Terms {
        Terms { allow_pending: true, ..self.terms() }
    }

    /// The same with an idempotency key.
    pub(crate) fn keyed(&self, key: &str) -> Terms {
        Terms { key: Some(key_of(key, "same")), ..self.terms() }
    }

    /// An order of so many of the first SKU.
    pub(crate) async fn order(&self, quantity: i64) -> Order {
        self.order_of(&[(self.skus[0], quantity)]).await.unwrap()
    }

    pub(crate) async fn order_of(&self, goods: &[(SkuId, i64)]) -> Result<Order> {
        self.shop.new_order(draft(goods), &self.terms()).await
    }

    /// An order of so many of the first SKU that is paid.
    pub(crate) async fn paid(&self, quantity: i64) -> Order {
        let order = self.order(quantity).await;
        self.pay(order.id, "tok_ok").await.unwrap().order
    }

    /// Pays with a token whose name says what happens.
    pub(crate) async fn pay(&self, order: OrderId, name: &str) -> Result<Paid> {
        self.shop.pay(pay(order, name), &self.terms()).await
    }

    /// A charge of its own.
    pub(crate) async fn charge(&self, amount: i64, capture_later: bool) -> Charge {
        self.shop.new_charge(new_charge(amount, capture_later, "tok_ok"), &self.terms()).await.unwrap()
    }

    pub(crate) async fn order_now(&self, order: OrderId) -> Order {
        self.shop.order(order).await.unwrap().0
    }

    pub(crate) async fn charge_now(&self, charge: ChargeId) -> Charge {
        self.shop.charge(charge).await.unwrap()
    }

    pub(crate) async fn attempt_now(&self, attempt: AttemptId) -> Attempt {
        let found = self.store.get(Kind::Attempt, &[attempt.0]).await.unwrap();
        serde_json::from_str(&found[0].as_ref().unwrap().body).unwrap()
    }

    /// (on hand, reserved) of the first SKU.
    pub(crate) async fn stock(&self) -> (i64, i64) {
        let stock = self.stock_of(self.skus[0]).await;
        (stock.on_hand, stock.reserved)
    }

    pub(crate) async fn stock_of(&self, sku: SkuId) -> Stock {
        self.store.stock(&[sku.0]).await.unwrap()[0].unwrap()
    }

    /// What is known of a key.
    pub(crate) async fn key(&self, key: &str) -> Option<(Option<Uuid>, Option<String>)> {
        let entry = self.store.key(&key_of(key, "same").scope).await.unwrap();
        entry.map(|entry| (entry.attempt, entry.answer))
    }

    /// The names of an object's events, in order.
    pub(crate) async fn events_of(&self, object: impl Into<Uuid>) -> Vec<String> {
        let object = object.into();
        let events = self.store.events(0, u32::MAX).await.unwrap();
        events.into_iter().map(|(_, event)| event).filter(|e| e.object == object).map(|e| e.name).collect()
    }

    /// What followers were told of an object last.
    pub(crate) async fn summary_of_last_event(&self, object: impl Into<Uuid>) -> serde_json::Value {
        let object = object.into();
        let events = self.store.events(0, u32::MAX).await.unwrap();
        let last = events.iter().rev().find(|(_, event)| event.object == object).unwrap();
        serde_json::from_str(&last.1.body).unwrap()
    }

    /// Changes the first SKU.
    pub(crate) async fn change_sku(&self, change: SkuChange) {
        self.shop.update_sku(self.skus[0], change, 0, &self.terms()).await.unwrap();
    }

    /// The open attempt that is due first, and when it is.
    pub(crate) async fn next_due(&self) -> Option<(Attempt, Timestamp)> {
        let due = self.store.due(Timestamp(i64::MAX), 1).await.unwrap();
        let attempt: Attempt = serde_json::from_str(&due.first()?.body).unwrap();
        let at = attempt.due().unwrap();
        Some((attempt, at))
    }

    /// Lets time pass until the next attempt is due, and has the janitor look. Returns whether there was one.
    pub(crate) async fn janitor(&self) -> bool {
        let Some((_, at)) = self.next_due().await else { return false };
        self.clock.set(self.clock.now().max(at));
        // A fault of the script may hit the janitor too: then its next round is for that.
        let _ = self.shop.janitor_round().await;
        true
    }

    /// Has the janitor work until nothing is left open.
    pub(crate) async fn settle(&self) {
        for _ in 0..30 {
            self.flaky.revive();
            if !self.janitor().await {
                return;
            }
        }
        panic!("still open after thirty rounds: {:?}", self.next_due().await);
    }

    /// The charges of an order, in the order in which they were begun.
    pub(crate) async fn charges_of(&self, order: OrderId) -> Vec<Charge> {
        self.all_charges().await.into_iter().filter(|charge| charge.order == Some(order)).collect()
    }
}

fn node(
    store: &Arc<dyn Store>,
    lock: &Arc<dyn Lock>,
    wire: &Arc<Wire>,
    clock: &Arc<ManualClock>,
    policy: Policy,
    seed: u16,
) -> Shop {
    let gateway: Arc<dyn Gateway> = wire.clone();
    let ports = Ports {
        store: store.clone(),
        lock: lock.clone(),
        gateways: BTreeMap::from([(Provider::Sandbox, gateway)]),
        clock: clock.clone(),
        ids: Arc::new(CountingIds::new(seed)),
    };
    Shop::new(ports, policy)
}

fn terms_at(now: Timestamp) -> Terms {
    Terms::until(now.after(Duration::from_secs(30)))
}

/// A key and what it was used for.
pub(crate) fn key_of(key: &str, request: &str) -> Key {
    let scope = KeyScope { principal: "tester".into(), method: "/test".into(), key: key.into() };
    Key { scope, fingerprint: request.into() }
}

pub(crate) fn sku_details(name: &str, parent: ProductId) -> SkuDetails {
    SkuDetails {
        name: name.into(),
        price: PRICE,
        currency: usd(0).currency,
        active: true,
        parent,
        metadata: BTreeMap::new(),
        attributes: BTreeMap::new(),
        image: String::new(),
        package: None,
        finite: true,
    }
}

pub(crate) fn draft(goods: &[(SkuId, i64)]) -> Draft {
    let line = |(sku, quantity): &(SkuId, i64)| DraftLine {
        kind: LineKind::Sku,
        quantity: *quantity,
        unit_price: 0,
        currency: None,
        sku: Some(*sku),
        description: String::new(),
    };
    Draft {
        currency: usd(0).currency,
        lines: goods.iter().map(line).collect(),
        metadata: BTreeMap::new(),
        email: "buyer@example.com".into(),
        shipping: None,
    }
}

pub(crate) fn pay(order: OrderId, name: &str) -> Pay {
    Pay {
        order,
        provider: Provider::Sandbox,
        source: token(name),
        return_url: String::new(),
        expected_version: 0,
    }
}

pub(crate) fn new_charge(amount: i64, capture_later: bool, name: &str) -> NewCharge {
    NewCharge {
        money: usd(amount),
        source: token(name),
        provider: Provider::Sandbox,
        email: String::new(),
        statement: "Tea".into(),
        metadata: BTreeMap::new(),
        capture_later,
        return_url: String::new(),
    }
}

/// What an operator says of an attempt.
pub(crate) fn settle(attempt: AttemptId, verdict: Verdict) -> Settle {
    let person = verdict != Verdict::AskGateway;
    Settle {
        attempt,
        verdict,
        reference: if verdict == Verdict::Succeeded { "ch_by_hand".into() } else { String::new() },
        note: if person { "seen at the gateway".into() } else { String::new() },
        by: "ada".into(),
        expected_version: 0,
    }
}

/// Why a request was refused.
pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<T>) -> &'static str {
    match answer {
        Err(Error::Refused(refused)) => refused.reason.text(),
        other => panic!("not refused by a rule: {other:?}"),
    }
}

/// Why a request was declined.
pub(crate) fn declined<T: std::fmt::Debug>(answer: Result<T>) -> &'static str {
    match answer {
        Err(Error::Declined(decline)) => decline.code.text(),
        other => panic!("not declined: {other:?}"),
    }
}

pub(crate) fn is_pending<T: std::fmt::Debug>(answer: Result<T>) -> bool {
    matches!(answer, Err(Error::Pending { charge: Some(_) }))
}
