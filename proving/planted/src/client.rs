//! Who buys, and notes what was asked and told. A request that is cut off stays in the notes as one without an answer.

use digota_core::id::{ChargeId, OrderId};
use digota_core::order::{Draft, DraftLine, LineKind};
use digota_core::payment::card::Source;
use digota_core::payment::{Provider, RefundReason};
use digota_core::port::store::KeyScope;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::shop::{Key, Pay, Terms};
use digota_oracle::history::{Ask, Call, Order, Outcome};
use digota_oracle::memory;
use uuid::Uuid;

use crate::node::Node;
use crate::world::{PRICE, World, usd};

/// A tax on every order, so that its sum is more than a price times a quantity.
const TAX: i64 = 170;

/// How often a careful client sends a request that was not answered.
const TRIES: usize = 5;

impl World {
    /// Orders so many pieces.
    pub async fn order(&self, node: &Node, quantity: i64) -> OrderId {
        let line = |kind, quantity, unit_price, sku| DraftLine {
            kind,
            quantity,
            unit_price,
            currency: None,
            sku,
            description: String::new(),
        };
        let lines = vec![line(LineKind::Sku, quantity, 0, Some(self.sku)), line(LineKind::Tax, 1, TAX, None)];
        let draft = Draft {
            currency: usd(0).currency,
            lines,
            metadata: Default::default(),
            email: "buyer@example.com".into(),
            shipping: None,
        };
        let id = node.shop.new_order(draft, &self.terms()).await.unwrap().id;
        let total = PRICE * quantity + TAX;
        self.history().orders.push(Order::new(id.0, vec![(self.sku.0, quantity)], total));
        id
    }

    /// Pays once.
    pub async fn pay(&self, node: &Node, order: OrderId, token: &str, key: &str) -> Outcome {
        let scope = scope("Pay", key);
        let note = self.note(order, Ask::Pay, &scope, token);
        let (source, provider) = (Source::Token(token.to_owned().into()), Provider::Sandbox);
        let pay = Pay { order, provider, source, return_url: String::new(), expected_version: 0 };
        let told = node.shop.pay(pay, &self.keyed(scope, token)).await;
        self.told(order, note, memory::paid(&told))
    }

    /// Pays, and sends the request again until it is answered.
    pub async fn insist(&self, node: &Node, order: OrderId, token: &str, key: &str) -> Outcome {
        for _ in 1..TRIES {
            let told = self.pay(node, order, token, key).await;
            if !matches!(told, Outcome::Unknown(_)) {
                return told;
            }
        }
        self.pay(node, order, token, key).await
    }

    /// Asks for so much back.
    pub async fn refund(&self, node: &Node, order: OrderId, amount: i64, key: &str) -> Outcome {
        let scope = scope("RefundCharge", key);
        let note = self.note(order, Ask::Refund { amount }, &scope, &amount.to_string());
        let charge = self.charge_of(order);
        let request = RefundCharge { charge, amount, reason: RefundReason::default(), expected_version: 0 };
        let told = node.shop.refund_charge(request, &self.keyed(scope, &amount.to_string())).await;
        self.told(order, note, memory::charged(&told))
    }

    /// Gives everything back.
    pub async fn give_back(&self, node: &Node, order: OrderId, key: &str) -> Outcome {
        let scope = scope("Return", key);
        let note = self.note(order, Ask::Return { goods: Vec::new(), amount: 0 }, &scope, "all");
        let (reason, goods) = (RefundReason::default(), Vec::new());
        let request = Return { order, goods, amount: 0, reason, restock: true, expected_version: 0 };
        let told = node.shop.return_order(request, &self.keyed(scope, "all")).await;
        self.told(order, note, memory::paid(&told))
    }

    /// Gives the order up.
    pub async fn cancel(&self, node: &Node, order: OrderId, key: &str) -> Outcome {
        let scope = scope("Cancel", key);
        let note = self.note(order, Ask::Cancel, &scope, "");
        let told = node.shop.cancel_order(order, "", 0, &self.keyed(scope, "")).await;
        self.told(order, note, memory::outcome(&told, memory::order))
    }

    /// Says that the order was sent.
    pub async fn fulfill(&self, node: &Node, order: OrderId, key: &str) -> Outcome {
        let scope = scope("Fulfill", key);
        let note = self.note(order, Ask::Fulfill, &scope, "");
        let told = node.shop.fulfill_order(order, "", "", 0, &self.keyed(scope, "")).await;
        self.told(order, note, memory::outcome(&told, memory::order))
    }

    /// The charge of an order, as its buyer was told.
    fn charge_of(&self, order: OrderId) -> ChargeId {
        let history = self.history();
        let order = history.orders.iter().find(|other| other.id == order.0).unwrap();
        let charge = order.pays().find_map(|call| call.done()?.charge);
        ChargeId(charge.unwrap_or(Uuid::nil()))
    }

    pub(crate) fn keyed(&self, scope: KeyScope, body: &str) -> Terms {
        Terms { key: Some(Key { scope, fingerprint: body.into() }), ..self.terms() }
    }

    /// Notes that a request is sent; the same with the same key is the same. Returns which one.
    fn note(&self, order: OrderId, ask: Ask, scope: &KeyScope, body: &str) -> usize {
        let mut history = self.history();
        let calls = &mut history.orders.iter_mut().find(|other| other.id == order.0).unwrap().calls;
        let key = Some(memory::scope(scope));
        if let Some(known) = calls.iter().position(|call| call.key == key && call.body == body) {
            return known;
        }
        let (outcome, body) = (Outcome::Unknown("cut off".into()), body.to_owned());
        calls.push(Call { ask, key, body, outcome, again: Vec::new() });
        calls.len() - 1
    }

    fn told(&self, order: OrderId, note: usize, outcome: Outcome) -> Outcome {
        let mut history = self.history();
        let order = history.orders.iter_mut().find(|other| other.id == order.0).unwrap();
        order.calls[note].tell(outcome.clone());
        outcome
    }
}

pub(crate) fn scope(method: &str, key: &str) -> KeyScope {
    KeyScope { principal: "buyers".into(), method: method.into(), key: key.into() }
}
