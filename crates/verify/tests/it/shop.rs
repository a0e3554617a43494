//! A shop on a store in memory, with a day's business in its books.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use digota_core::currency::Currency;
use digota_core::id::{ChargeId, OrderId, ProductId, SkuId};
use digota_core::money::Money;
use digota_core::order::{Draft, DraftLine, LineKind, Order};
use digota_core::payment::{Provider, RefundReason};
use digota_core::port::store::{KeyScope, Kind};
use digota_core::port::{Gateway, Store};
use digota_core::product::ProductDetails;
use digota_core::shop::payments::{NewCharge, RefundCharge};
use digota_core::shop::returns::Return;
use digota_core::shop::{Key, Pay, Policy, Ports, Shop, Terms};
use digota_core::sku::SkuDetails;
use digota_core::testing::clock::{CountingIds, ManualClock};
use digota_core::testing::gateway::ScriptedGateway;
use digota_core::testing::lock::AlwaysYes;
use digota_core::testing::store::MemoryStore;
use digota_core::time::Timestamp;
use digota_verify::{Books, Known};

/// The shop, and what it works with.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) sku: SkuId,
    product: ProductId,
}

/// What the books of the day are about.
pub(crate) struct Day {
    pub(crate) world: World,
    /// Paid, 300 of it given back.
    pub(crate) paid: Order,
    /// Declined.
    pub(crate) declined: Order,
    /// Paid and returned.
    pub(crate) returned: Order,
}

impl World {
    pub(crate) async fn new() -> World {
        let clock = Arc::new(ManualClock::flowing(Timestamp::from_seconds(1_800_000_000)));
        let store = Arc::new(MemoryStore::new());
        let gateway: Arc<dyn Gateway> = Arc::new(ScriptedGateway::new(clock.clone()));
        let shared: Arc<dyn Store> = store.clone();
        let ports = Ports {
            store: shared,
            lock: Arc::new(AlwaysYes::default()),
            gateways: BTreeMap::from([(Provider::Sandbox, gateway)]),
            clock,
            ids: Arc::new(CountingIds::new(1)),
        };
        let shop = Shop::new(ports, Policy::default());
        let details = ProductDetails { name: "Tea".into(), active: true, ..ProductDetails::default() };
        let product = shop.new_product(details, &terms(&shop, "")).await.unwrap().id;
        let sku = shop.new_sku(sku_details(product), 10, &terms(&shop, "")).await.unwrap().sku.id;
        World { shop, store, sku, product }
    }

    pub(crate) fn terms(&self, key: &str) -> Terms {
        terms(&self.shop, key)
    }

    pub(crate) async fn order(&self) -> Order {
        let line = |kind, quantity, unit_price, sku| DraftLine {
            kind,
            quantity,
            unit_price,
            currency: None,
            sku,
            description: String::new(),
        };
        let lines = vec![line(LineKind::Sku, 2, 0, Some(self.sku)), line(LineKind::Tax, 1, 170, None)];
        let (currency, email) = (usd(0).currency, String::new());
        let draft = Draft { currency, lines, metadata: BTreeMap::new(), email, shipping: None };
        self.shop.new_order(draft, &self.terms("")).await.unwrap()
    }

    pub(crate) async fn pay(&self, order: OrderId, token: &str) -> digota_core::Result<Order> {
        let terms = Terms { allow_pending: true, ..self.terms(&format!("pay {order}")) };
        let source = digota_core::payment::card::Source::Token(token.to_owned().into());
        let (provider, return_url) = (Provider::Sandbox, String::new());
        let pay = Pay { order, provider, source, return_url, expected_version: 0 };
        self.shop.pay(pay, &terms).await.map(|paid| paid.order)
    }

    async fn held(&self) -> ChargeId {
        let charge = NewCharge {
            money: usd(900),
            source: digota_core::payment::card::Source::Token("tok_ok".to_owned().into()),
            provider: Provider::Sandbox,
            email: String::new(),
            statement: "Tea".into(),
            metadata: BTreeMap::new(),
            capture_later: true,
            return_url: String::new(),
        };
        self.shop.new_charge(charge, &self.terms("")).await.unwrap().id
    }

    /// Makes enough for any number of orders.
    pub(crate) async fn stock_up(&self) {
        let terms = self.terms("");
        self.shop.adjust_inventory(self.sku, 1_000_000, "a delivery", 0, &terms).await.unwrap();
    }

    pub(crate) async fn give_back(&self, order: &Order) -> Order {
        let (reason, goods) = (RefundReason::default(), Vec::new());
        let request =
            Return { order: order.id, goods, amount: 0, reason, restock: true, expected_version: 0 };
        self.shop.return_order(request, &self.terms(&format!("return {}", order.id))).await.unwrap().order
    }

    /// Everything that the store holds, through its port and with what only its owner knows.
    pub(crate) async fn books(&self) -> Books {
        let known =
            Known { attempts: self.store.ids(Kind::Attempt), keys: self.store.claimed(), whole: true };
        Books::read(&*self.store, &known).await.unwrap()
    }
}

impl Day {
    /// Something of everything that can happen and comes to an end.
    pub(crate) async fn pass() -> Day {
        let world = World::new().await;
        let paid = world.order().await;
        let paid = world.pay(paid.id, "tok_ok").await.unwrap();
        let (charge, reason) = (paid.charge.unwrap(), RefundReason::default());
        let refund = RefundCharge { charge, amount: 300, reason, expected_version: 0 };
        world.shop.refund_charge(refund, &world.terms("refund")).await.unwrap();
        let declined = world.order().await;
        world.pay(declined.id, "tok_card_declined").await.unwrap_err();
        let returned = world.order().await;
        let returned = world.pay(returned.id, "tok_ok").await.unwrap();
        let returned = world.give_back(&returned).await;
        let sent = world.order().await;
        world.pay(sent.id, "tok_ok").await.unwrap();
        let sent = world.shop.fulfill_order(sent.id, "", "", 0, &world.terms("")).await.unwrap();
        world.give_back(&sent).await;
        let dropped = world.order().await;
        world.shop.cancel_order(dropped.id, "changed my mind", 0, &world.terms("")).await.unwrap();
        let captured = world.held().await;
        world.shop.capture_charge(captured, 400, 0, &world.terms("")).await.unwrap();
        let voided = world.held().await;
        world.shop.void_charge(voided, 0, &world.terms("")).await.unwrap();
        world.held().await;
        let gone = world.shop.new_sku(sku_details(world.product), 5, &world.terms("")).await.unwrap();
        world.shop.delete_sku(gone.sku.id, &world.terms("")).await.unwrap();
        Day { world, paid, declined, returned }
    }
}

fn terms(shop: &Shop, key: &str) -> Terms {
    let scope = KeyScope { principal: "tester".into(), method: "/test".into(), key: key.into() };
    let key = (!key.is_empty()).then(|| Key { scope, fingerprint: "same".into() });
    Terms { key, ..Terms::until(shop.now().after(Duration::from_secs(30))) }
}

fn usd(amount: i64) -> Money {
    Money { amount, currency: Currency::from_code("USD").unwrap() }
}

fn sku_details(parent: ProductId) -> SkuDetails {
    SkuDetails {
        name: "Green tea".into(),
        price: 1000,
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
