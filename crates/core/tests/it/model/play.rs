//! Shop and model do the same, and must say and be the same.

use std::collections::BTreeMap;

use digota_core::id::{ChargeId, OrderId, ProductId, SkuId};
use digota_core::order::{Draft, DraftLine, LineKind, OrderStatus};
use digota_core::page::Request;
use digota_core::payment::{ChargeStatus, RefundReason};
use digota_core::product::{ProductDetails, ProductField};
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::sku::{SkuChange, SkuDetails};
use digota_core::{Error, Result};
use uuid::Uuid;

use super::deeds::{Change, Deed};
use super::rules::{Model, Money, Stands};
use crate::world::{World, draft, new_charge, pay, sku_details};

/// A shop, with the ids of all that was ever made in it, in the model's order.
struct Game {
    world: World,
    model: Model,
    products: Vec<ProductId>,
    skus: Vec<SkuId>,
    orders: Vec<OrderId>,
    charges: Vec<ChargeId>,
}

pub(super) async fn play(deeds: &[Deed]) {
    let world = World::new().await;
    let (products, skus) = (vec![world.product], world.skus.to_vec());
    let model = Model::furnished();
    let mut game = Game { world, model, products, skus, orders: vec![], charges: vec![] };
    for deed in deeds {
        let expected = game.model.act(deed);
        let told = game.act(deed).await;
        assert_eq!(told.err(), expected.map(str::to_owned), "{deed:?}");
        game.learn().await;
        game.compare().await;
    }
    game.events_add_up().await;
}

/// Why something was not done, in one word.
fn no(error: Error) -> String {
    match error {
        Error::Refused(refused) => refused.reason.text().to_owned(),
        Error::Declined(decline) => decline.code.text().to_owned(),
        Error::NotFound { .. } => "NOT_FOUND".to_owned(),
        Error::Invalid(_) => "INVALID".to_owned(),
        Error::Stale { .. } => "STALE".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What was made, or something that never was.
fn of<T: Copy>(made: &[T], which: usize, new: fn(Uuid) -> T) -> T {
    made.get(which).copied().unwrap_or(new(Uuid::from_u128(0x4000_8000_0000_0000_0001 + which as u128)))
}

impl Game {
    async fn act(&self, deed: &Deed) -> std::result::Result<(), String> {
        self.try_to(deed).await.map_err(no)
    }

    /// A version that is not the current one, if the deed is to be stale.
    fn version(&self, stale: bool) -> u64 {
        if stale { 999 } else { 0 }
    }

    async fn try_to(&self, deed: &Deed) -> Result<()> {
        let (shop, terms) = (&self.world.shop, self.world.terms());
        let product = |which| of(&self.products, which, ProductId);
        let sku = |which| of(&self.skus, which, SkuId);
        match deed {
            Deed::NewProduct { active } => {
                let details = ProductDetails { name: "Tea".into(), active: *active, ..Default::default() };
                shop.new_product(details, &terms).await.map(drop)
            }
            Deed::SellProduct { product: which, active, stale } => {
                let new = ProductDetails { active: *active, ..Default::default() };
                let (fields, version) = ([ProductField::Active], self.version(*stale));
                shop.update_product(product(*which), new, &fields, version, &terms).await.map(drop)
            }
            Deed::DeleteProduct { product: which, cascade } => {
                shop.delete_product(product(*which), *cascade, &terms).await
            }
            Deed::NewSku { product: which, price, quantity, finite } => {
                let details = sku_details("another", product(*which));
                let details = SkuDetails { price: *price, finite: *finite, ..details };
                shop.new_sku(details, *quantity, &terms).await.map(drop)
            }
            Deed::UpdateSku { sku: which, change, stale } => {
                let Change { price, active, finite, quantity, parent } = *change;
                let parent = parent.map(product);
                let new = SkuChange { price, active, finite, quantity, parent, ..Default::default() };
                shop.update_sku(sku(*which), new, self.version(*stale), &terms).await.map(drop)
            }
            Deed::Adjust { sku: which, delta, stale } => {
                let version = self.version(*stale);
                shop.adjust_inventory(sku(*which), *delta, "counted", version, &terms).await.map(drop)
            }
            Deed::DeleteSku { sku: which } => shop.delete_sku(sku(*which), &terms).await,
            Deed::Wait(seconds) => {
                self.world.clock.advance(std::time::Duration::from_secs(*seconds));
                Ok(())
            }
            _ => self.trade(deed).await,
        }
    }

    async fn trade(&self, deed: &Deed) -> Result<()> {
        let (shop, terms) = (&self.world.shop, self.world.terms());
        let order = |which| of(&self.orders, which, OrderId);
        let charge = |which| of(&self.charges, which, ChargeId);
        let goods = |some: &[(usize, i64)]| -> Vec<(SkuId, i64)> {
            some.iter().map(|(sku, n)| (of(&self.skus, *sku, SkuId), *n)).collect()
        };
        let reason = RefundReason::default();
        match deed {
            Deed::NewOrder { goods: some, tax, discount } => {
                shop.new_order(with_extras(draft(&goods(some)), *tax, *discount), &terms).await.map(drop)
            }
            Deed::Pay { order: which, good, stale } => {
                let mut pay = pay(order(*which), token(*good));
                pay.expected_version = self.version(*stale);
                shop.pay(pay, &terms).await.map(drop)
            }
            Deed::Fulfill { order: which, stale } => {
                shop.fulfill_order(order(*which), "", "", self.version(*stale), &terms).await.map(drop)
            }
            Deed::Cancel { order: which, stale } => {
                shop.cancel_order(order(*which), "", self.version(*stale), &terms).await.map(drop)
            }
            Deed::Return { order: which, goods: some, amount, restock, stale } => {
                let (order, goods, expected_version) = (order(*which), goods(some), self.version(*stale));
                let (amount, restock) = (*amount, *restock);
                let request = Return { order, goods, amount, reason, restock, expected_version };
                shop.return_order(request, &terms).await.map(drop)
            }
            Deed::NewCharge { amount, later, good } => {
                shop.new_charge(new_charge(*amount, *later, token(*good)), &terms).await.map(drop)
            }
            Deed::Refund { charge: which, amount, stale } => {
                let (charge, amount) = (charge(*which), *amount);
                let request = RefundCharge { charge, amount, reason, expected_version: self.version(*stale) };
                shop.refund_charge(request, &terms).await.map(drop)
            }
            Deed::Capture { charge: which, amount } => {
                shop.capture_charge(charge(*which), *amount, 0, &terms).await.map(drop)
            }
            Deed::Void { charge: which } => shop.void_charge(charge(*which), 0, &terms).await.map(drop),
            _ => unreachable!("goods are handled before"),
        }
    }

    /// Learns the ids of what was made, in the order in which it was.
    async fn learn(&mut self) {
        let (shop, all) = (&self.world.shop, Request::default());
        let products = shop.products(&all).await.unwrap().items.into_iter().map(|product| product.id);
        let skus = shop.skus(&all).await.unwrap().items.into_iter().map(|sku| sku.sku.id);
        let orders = shop.orders(&all).await.unwrap().items.into_iter().map(|order| order.id);
        let charges = shop.charges(&all).await.unwrap().items.into_iter().map(|charge| charge.id);
        add_new(&mut self.products, products);
        add_new(&mut self.skus, skus);
        add_new(&mut self.orders, orders);
        add_new(&mut self.charges, charges);
    }

    async fn compare(&self) {
        self.compare_goods().await;
        for (id, order) in self.orders.iter().zip(&self.model.orders) {
            let told = self.world.order_now(*id).await;
            let stands = match told.status {
                OrderStatus::Created => Stands::Created,
                OrderStatus::Paid => Stands::Paid,
                OrderStatus::Canceled => Stands::Canceled,
                OrderStatus::Fulfilled => Stands::Fulfilled,
                OrderStatus::Returned => Stands::Returned,
            };
            assert_eq!((stands, told.money.amount), (order.stands, order.total));
            assert_eq!((told.refunded, told.version), (order.refunded, order.version));
            assert_eq!(told.charge, order.charge.map(|charge| self.charges[charge]));
            let mut lines: Vec<_> = told
                .goods()
                .map(|(sku, line)| (sku, line.quantity, line.unit_price, line.returned, line.stocked))
                .collect();
            lines.sort_unstable();
            let line =
                |l: &super::rules::Line| (self.skus[l.sku], l.quantity, l.price, l.returned, l.counted);
            let mut expected: Vec<_> = order.lines.iter().map(line).collect();
            expected.sort_unstable();
            assert_eq!(lines, expected);
        }
        for (id, charge) in self.charges.iter().zip(&self.model.charges) {
            let told = self.world.charge_now(*id).await;
            let money = match told.status {
                ChargeStatus::Succeeded => Money::Taken,
                ChargeStatus::Authorized => Money::Held,
                ChargeStatus::Failed => Money::Refused,
                ChargeStatus::Canceled => Money::LetGo,
                status => panic!("a charge is {status:?} at rest"),
            };
            assert_eq!(
                (money, told.money.amount, told.refunded),
                (charge.money, charge.amount, charge.refunded)
            );
            assert_eq!(told.version, charge.version);
            assert_eq!(told.order, charge.order.map(|order| self.orders[order]));
        }
    }

    async fn compare_goods(&self) {
        let lists = (self.products.len(), self.skus.len(), self.orders.len(), self.charges.len());
        let model = &self.model;
        assert_eq!(lists, (model.products.len(), model.skus.len(), model.orders.len(), model.charges.len()));
        for (id, product) in self.products.iter().zip(&model.products) {
            let told = self.world.shop.product(*id).await.ok().map(|(p, _)| (p.details.active, p.version));
            assert_eq!(told, (!product.gone).then_some((product.active, product.version)));
        }
        for (id, sku) in self.skus.iter().zip(&model.skus) {
            let told = self.world.shop.sku(*id).await.ok();
            assert_eq!(told.is_none(), sku.gone);
            let stock = self.world.stock_of(*id).await;
            assert_eq!((stock.on_hand, stock.reserved), (sku.quantity, 0), "gone or not");
            let Some(told) = told else { continue };
            let details = &told.sku.details;
            assert_eq!((details.price, details.active, details.finite), (sku.price, sku.active, sku.finite));
            assert_eq!((details.parent, told.sku.version), (self.products[sku.parent], sku.version));
        }
    }

    /// Every version was told once, and one more of what is gone.
    async fn events_add_up(&self) {
        let mut told: BTreeMap<Uuid, u64> = BTreeMap::new();
        for (_, event) in self.world.shop.store().events(0, u32::MAX).await.unwrap() {
            *told.entry(event.object).or_default() += 1;
        }
        let model = &self.model;
        let products = self.products.iter().zip(&model.products);
        let skus = self.skus.iter().zip(&model.skus);
        let orders = self.orders.iter().zip(&model.orders);
        let charges = self.charges.iter().zip(&model.charges);
        let mut expected: BTreeMap<Uuid, u64> = BTreeMap::new();
        expected.extend(products.map(|(id, p)| (id.0, p.version + u64::from(p.gone))));
        expected.extend(skus.map(|(id, s)| (id.0, s.version + u64::from(s.gone))));
        expected.extend(orders.map(|(id, order)| (id.0, order.version)));
        expected.extend(charges.map(|(id, charge)| (id.0, charge.version)));
        assert_eq!(told, expected);
    }
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, all: impl Iterator<Item = T>) {
    for one in all {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}

fn token(good: bool) -> &'static str {
    if good { "tok_ok" } else { "tok_card_declined" }
}

fn with_extras(mut draft: Draft, tax: i64, discount: i64) -> Draft {
    for (kind, unit_price) in [(LineKind::Tax, tax), (LineKind::Discount, discount)] {
        if unit_price != 0 {
            let (quantity, currency, sku, description) = (1, None, None, String::new());
            draft.lines.push(DraftLine { kind, quantity, unit_price, currency, sku, description });
        }
    }
    draft
}
