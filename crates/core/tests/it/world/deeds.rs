//! Things that people do in the shop, in any order and at any time.

use std::time::Duration;

use digota_core::id::OrderId;
use digota_core::payment::RefundReason;
use digota_core::port::gateway::Outcome;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::shop::{Shop, Terms};
use digota_core::sku::SkuChange;
use digota_core::{Error, Result};

use super::{World, draft, key_of, new_charge, pay};

/// Something that somebody does. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    NewOrder(i64, i64),
    Pay {
        which: usize,
        token: usize,
        key: Option<u8>,
        patient: bool,
    },
    Cancel(usize),
    Fulfill(usize),
    Return {
        which: usize,
        pieces: i64,
    },
    Refund {
        which: usize,
        amount: i64,
    },
    Charge {
        amount: i64,
        later: bool,
    },
    Capture {
        which: usize,
        amount: i64,
    },
    Void(usize),
    Adjust(i64),
    SetQuantity(i64),
    Count(bool),
    Sell(bool),
    /// The gateway ends what is pending there, or the buyer passes or fails the challenge.
    End(bool),
    Wait(u64),
    Janitor,
}

/// Tokens by which a payment ends in every way there is.
pub(crate) const TOKENS: [&str; 9] = [
    "tok_ok",
    "tok_ok",
    "tok_card_declined",
    "tok_lose_after",
    "tok_lose_before",
    "tok_never_sent",
    "tok_pending",
    "tok_challenge",
    "tok_late",
];

impl World {
    /// Does it, and fails if the answer is one that nobody should ever get.
    pub(crate) async fn do_it(&self, shop: &Shop, deed: &Deed) {
        let answer = self.attempt_it(shop, deed).await;
        let impossible = matches!(answer, Err(Error::Internal { .. } | Error::Exists { .. }));
        assert!(!impossible, "{deed:?} was answered with {answer:?}");
    }

    async fn attempt_it(&self, shop: &Shop, deed: &Deed) -> Result<()> {
        let terms = self.terms();
        match *deed {
            Deed::NewOrder(green, black) => {
                let goods = [(self.skus[0], green), (self.skus[1], black)];
                shop.new_order(draft(&goods), &terms).await.map(drop)
            }
            Deed::Pay { which, token, key, patient } => {
                let Some(order) = self.some_order(which).await else { return Ok(()) };
                let token = TOKENS[token % TOKENS.len()];
                // A key belongs to a request: the same number on another order or card is another key.
                let key = key.map(|key| key_of(&format!("{key} {order} {token}"), "same"));
                let terms = Terms { key, allow_pending: patient, ..terms };
                shop.pay(pay(order, token), &terms).await.map(drop)
            }
            Deed::Cancel(which) => {
                let Some(order) = self.some_order(which).await else { return Ok(()) };
                shop.cancel_order(order, "", 0, &terms).await.map(drop)
            }
            Deed::Fulfill(which) => {
                let Some(order) = self.some_order(which).await else { return Ok(()) };
                shop.fulfill_order(order, "", "", 0, &terms).await.map(drop)
            }
            Deed::Return { which, pieces } => {
                let Some(order) = self.some_order(which).await else { return Ok(()) };
                let goods = if pieces == 0 { Vec::new() } else { vec![(self.skus[0], pieces)] };
                let reason = RefundReason::default();
                let request = Return { order, goods, amount: 0, reason, restock: true, expected_version: 0 };
                shop.return_order(request, &terms).await.map(drop)
            }
            _ => self.attempt_on_charge(shop, deed, &terms).await,
        }
    }

    async fn attempt_on_charge(&self, shop: &Shop, deed: &Deed, terms: &Terms) -> Result<()> {
        match *deed {
            Deed::Refund { which, amount } => {
                let Some(charge) = self.some_charge(which).await else { return Ok(()) };
                let reason = RefundReason::default();
                let request = RefundCharge { charge, amount, reason, expected_version: 0 };
                shop.refund_charge(request, terms).await.map(drop)
            }
            Deed::Charge { amount, later } => {
                shop.new_charge(new_charge(amount, later, "tok_ok"), terms).await.map(drop)
            }
            Deed::Capture { which, amount } => {
                let Some(charge) = self.some_charge(which).await else { return Ok(()) };
                shop.capture_charge(charge, amount, 0, terms).await.map(drop)
            }
            Deed::Void(which) => {
                let Some(charge) = self.some_charge(which).await else { return Ok(()) };
                shop.void_charge(charge, 0, terms).await.map(drop)
            }
            _ => self.attempt_on_goods(shop, deed, terms).await,
        }
    }

    async fn attempt_on_goods(&self, shop: &Shop, deed: &Deed, terms: &Terms) -> Result<()> {
        let plain = SkuChange::default();
        let change = match *deed {
            Deed::SetQuantity(quantity) => SkuChange { quantity: Some(quantity), ..plain },
            Deed::Count(finite) => SkuChange { finite: Some(finite), ..plain },
            Deed::Sell(active) => SkuChange { active: Some(active), ..plain },
            Deed::Adjust(delta) => {
                return shop.adjust_inventory(self.skus[0], delta, "counted", 0, terms).await.map(drop);
            }
            Deed::End(well) => {
                self.end_what_is_open(well).await;
                return Ok(());
            }
            Deed::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(seconds));
                return Ok(());
            }
            _ => return shop.janitor_round().await.map(drop),
        };
        shop.update_sku(self.skus[0], change, 0, terms).await.map(drop)
    }

    async fn some_order(&self, which: usize) -> Option<OrderId> {
        let orders = self.all_orders_unless_down().await;
        orders.get(which % orders.len().max(1)).copied()
    }

    async fn some_charge(&self, which: usize) -> Option<digota_core::id::ChargeId> {
        let charges = self.shop.charges(&Default::default()).await.ok()?.items;
        charges.get(which % charges.len().max(1)).map(|charge| charge.id)
    }

    async fn all_orders_unless_down(&self) -> Vec<OrderId> {
        let listed = self.shop.orders(&Default::default()).await;
        listed.map(|listed| listed.items.iter().map(|order| order.id).collect()).unwrap_or_default()
    }

    /// Ends at the gateway whatever is pending there, waits for the buyer or has not arrived yet.
    async fn end_what_is_open(&self, well: bool) {
        let outcome = if well { Outcome::Succeeded } else { Outcome::Canceled };
        self.wire.deliver().await;
        for seen in self.wire.gateway.seen() {
            self.wire.gateway.settle(seen.attempt, outcome.clone());
        }
    }

    /// Lets everything come to its end, and judges it.
    pub(crate) async fn end(&self) {
        self.flaky.revive();
        self.end_what_is_open(true).await;
        self.settle().await;
        self.assert_consistent().await;
        self.assert_verified().await;
    }
}
