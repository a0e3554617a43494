//! The rules, as a shopkeeper would write them on a card: what each thing is, and what may be done to it.

use std::collections::BTreeMap;

use super::deeds::{Change, Deed};
use crate::world::{PRICE, STOCK};

/// The shop. Things stay in their lists when they are gone, so that their numbers stay theirs.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) products: Vec<Product>,
    pub(super) skus: Vec<Sku>,
    pub(super) orders: Vec<Order>,
    pub(super) charges: Vec<Charge>,
    /// Seconds since the shop opened.
    now: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) active: bool,
    pub(super) version: u64,
    pub(super) gone: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Sku {
    pub(super) parent: usize,
    pub(super) price: i64,
    pub(super) active: bool,
    pub(super) finite: bool,
    pub(super) quantity: i64,
    pub(super) version: u64,
    pub(super) gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Created,
    Paid,
    Canceled,
    Fulfilled,
    Returned,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) lines: Vec<Line>,
    pub(super) total: i64,
    pub(super) stands: Stands,
    pub(super) charge: Option<usize>,
    pub(super) refunded: i64,
    pub(super) version: u64,
    made: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) sku: usize,
    pub(super) quantity: i64,
    pub(super) price: i64,
    pub(super) returned: i64,
    /// Whether its goods were taken out of stock.
    pub(super) counted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Money {
    Taken,
    Held,
    Refused,
    LetGo,
}

#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) amount: i64,
    pub(super) refunded: i64,
    pub(super) money: Money,
    pub(super) order: Option<usize>,
    pub(super) version: u64,
}

/// How long an order can be paid, in seconds.
const PAYABLE: u64 = 30 * 60;

/// Why something is not done; `None` where it is.
pub(super) type No = Option<&'static str>;

impl Model {
    /// The shop as a new world has it: a product and two SKUs.
    pub(super) fn furnished() -> Model {
        let sku = Sku {
            parent: 0,
            price: PRICE,
            active: true,
            finite: true,
            quantity: STOCK,
            version: 1,
            gone: false,
        };
        let product = Product { active: true, version: 1, gone: false };
        let skus = vec![sku.clone(), sku];
        Model { products: vec![product], skus, orders: vec![], charges: vec![], now: 0 }
    }

    /// Does it, or says why not.
    pub(super) fn act(&mut self, deed: &Deed) -> No {
        self.try_to(deed).err()
    }

    fn try_to(&mut self, deed: &Deed) -> Result<(), &'static str> {
        match deed {
            Deed::NewProduct { active } => {
                self.products.push(Product { active: *active, version: 1, gone: false });
            }
            Deed::SellProduct { product, active, stale } => {
                let product = there(&mut self.products, *product)?;
                fresh(*stale)?;
                product.active = *active;
                product.version += 1;
            }
            Deed::DeleteProduct { product, cascade } => self.delete_product(*product, *cascade)?,
            Deed::NewSku { product, price, quantity, finite } => {
                there(&mut self.products, *product)?;
                let (parent, price, quantity, finite) = (*product, *price, *quantity, *finite);
                let (active, version, gone) = (true, 1, false);
                self.skus.push(Sku { parent, price, active, finite, quantity, version, gone });
            }
            Deed::UpdateSku { sku, change, stale } => self.update_sku(*sku, change, *stale)?,
            Deed::Adjust { sku, delta, stale } => self.adjust(*sku, *delta, *stale)?,
            Deed::DeleteSku { sku } => there(&mut self.skus, *sku)?.gone = true,
            Deed::NewOrder { goods, tax, discount } => self.new_order(goods, *tax, *discount)?,
            Deed::Pay { order, good, stale } => self.pay(*order, *good, *stale)?,
            Deed::Fulfill { order, stale } => self.turn(*order, *stale, Stands::Paid, Stands::Fulfilled)?,
            Deed::Cancel { order, stale } => self.turn(*order, *stale, Stands::Created, Stands::Canceled)?,
            Deed::Return { order, goods, amount, restock, stale } => {
                self.take_back(*order, goods, *amount, *restock, *stale)?;
            }
            Deed::NewCharge { amount, later, good } => {
                let money = match (good, later) {
                    (false, _) => Money::Refused,
                    (true, true) => Money::Held,
                    (true, false) => Money::Taken,
                };
                let (amount, refunded, order, version) = (*amount, 0, None, 2);
                self.charges.push(Charge { amount, refunded, money, order, version });
                return if *good { Ok(()) } else { Err("card_declined") };
            }
            Deed::Refund { charge, amount, stale } => {
                let known = self.charges.get(*charge).ok_or("NOT_FOUND")?;
                fresh(*stale)?;
                let amount = known.refundable(*amount)?;
                self.give_back(*charge, amount);
            }
            Deed::Capture { charge, amount } => {
                let charge = self.charges.get_mut(*charge).ok_or("NOT_FOUND")?;
                charge.is_held()?;
                if *amount > charge.amount {
                    return Err("CAPTURE_EXCEEDS");
                }
                charge.amount = if *amount == 0 { charge.amount } else { *amount };
                charge.money = Money::Taken;
                charge.version += 2;
            }
            Deed::Void { charge } => {
                let charge = self.charges.get_mut(*charge).ok_or("NOT_FOUND")?;
                charge.is_held()?;
                charge.money = Money::LetGo;
                charge.version += 2;
            }
            Deed::Wait(seconds) => self.now += seconds,
        }
        Ok(())
    }

    fn delete_product(&mut self, product: usize, cascade: bool) -> Result<(), &'static str> {
        there(&mut self.products, product)?;
        let mut skus = self.skus.iter_mut().filter(|sku| sku.parent == product && !sku.gone).peekable();
        if skus.peek().is_some() && !cascade {
            return Err("PRODUCT_HAS_SKUS");
        }
        skus.for_each(|sku| sku.gone = true);
        self.products[product].gone = true;
        Ok(())
    }

    fn update_sku(&mut self, sku: usize, change: &Change, stale: bool) -> Result<(), &'static str> {
        there(&mut self.skus, sku)?;
        fresh(stale)?;
        if let Some(parent) = change.parent {
            there(&mut self.products, parent)?;
        }
        let sku = &mut self.skus[sku];
        sku.price = change.price.unwrap_or(sku.price);
        sku.active = change.active.unwrap_or(sku.active);
        sku.finite = change.finite.unwrap_or(sku.finite);
        sku.quantity = change.quantity.unwrap_or(sku.quantity);
        sku.parent = change.parent.unwrap_or(sku.parent);
        sku.version += 1;
        Ok(())
    }

    fn adjust(&mut self, sku: usize, delta: i64, stale: bool) -> Result<(), &'static str> {
        if delta == 0 {
            return Err("INVALID");
        }
        let sku = there(&mut self.skus, sku)?;
        fresh(stale)?;
        if !sku.finite {
            return Err("INVENTORY_INFINITE");
        }
        if sku.quantity + delta < 0 {
            return Err("OUT_OF_STOCK");
        }
        sku.quantity += delta;
        Ok(())
    }

    fn is_on_sale(&self, sku: usize) -> bool {
        let sku = &self.skus[sku];
        let product = &self.products[sku.parent];
        sku.active && product.active && !product.gone
    }

    fn new_order(&mut self, goods: &[(usize, i64)], tax: i64, discount: i64) -> Result<(), &'static str> {
        if goods.iter().any(|(sku, _)| self.skus.get(*sku).is_none_or(|sku| sku.gone)) {
            return Err("NOT_FOUND");
        }
        if goods.iter().any(|(sku, _)| !self.is_on_sale(*sku)) {
            return Err("SKU_INACTIVE");
        }
        let mut wanted: BTreeMap<usize, i64> = BTreeMap::new();
        for (sku, quantity) in goods {
            *wanted.entry(*sku).or_default() += (*quantity).max(1);
        }
        let line = |(sku, quantity): (usize, i64)| {
            let (price, returned, counted) = (self.skus[sku].price, 0, false);
            Line { sku, quantity, price, returned, counted }
        };
        let lines: Vec<Line> = wanted.into_iter().map(line).collect();
        let total = lines.iter().map(|line| line.price * line.quantity).sum::<i64>() + tax + discount;
        if total < 0 {
            return Err("INVALID");
        }
        let (stands, made) = (Stands::Created, self.now);
        self.orders.push(Order { lines, total, stands, charge: None, refunded: 0, version: 1, made });
        Ok(())
    }

    fn pay(&mut self, number: usize, good: bool, stale: bool) -> Result<(), &'static str> {
        let order = self.orders.get(number).ok_or("NOT_FOUND")?;
        fresh(stale)?;
        if order.stands != Stands::Created {
            return Err("ORDER_STATUS");
        }
        if order.total == 0 {
            return Err("NOTHING_TO_PAY");
        }
        if self.now >= order.made + PAYABLE {
            return Err("ORDER_EXPIRED");
        }
        if order.lines.iter().any(|line| self.skus[line.sku].gone) {
            return Err("SKU_GONE");
        }
        if order.lines.iter().any(|line| !self.is_on_sale(line.sku)) {
            return Err("SKU_INACTIVE");
        }
        let short = |line: &Line| self.skus[line.sku].finite && self.skus[line.sku].quantity < line.quantity;
        if order.lines.iter().any(short) {
            return Err("OUT_OF_STOCK");
        }
        let (amount, money) = (order.total, if good { Money::Taken } else { Money::Refused });
        self.charges.push(Charge { amount, refunded: 0, money, order: Some(number), version: 2 });
        let order = &mut self.orders[number];
        order.version += 2;
        if !good {
            return Err("card_declined");
        }
        (order.stands, order.charge) = (Stands::Paid, Some(self.charges.len() - 1));
        for line in &mut order.lines {
            let sku = &mut self.skus[line.sku];
            line.counted = sku.finite;
            sku.quantity -= if sku.finite { line.quantity } else { 0 };
        }
        Ok(())
    }

    fn turn(&mut self, order: usize, stale: bool, from: Stands, to: Stands) -> Result<(), &'static str> {
        let order = self.orders.get_mut(order).ok_or("NOT_FOUND")?;
        fresh(stale)?;
        if order.stands != from {
            return Err("ORDER_STATUS");
        }
        order.stands = to;
        order.version += 1;
        Ok(())
    }

    fn take_back(
        &mut self,
        number: usize,
        goods: &[(usize, i64)],
        amount: i64,
        restock: bool,
        stale: bool,
    ) -> Result<(), &'static str> {
        if (1..goods.len()).any(|at| goods[..at].iter().any(|(sku, _)| *sku == goods[at].0)) {
            return Err("INVALID");
        }
        let order = self.orders.get(number).ok_or("NOT_FOUND")?;
        fresh(stale)?;
        let end = match order.stands {
            Stands::Paid => Stands::Canceled,
            Stands::Fulfilled => Stands::Returned,
            _ => return Err("ORDER_STATUS"),
        };
        let left = |line: &Line| line.quantity - line.returned;
        let mut back: BTreeMap<usize, i64> = goods.iter().copied().collect();
        if goods.is_empty() {
            back = order.lines.iter().map(|line| (line.sku, left(line))).filter(|(_, n)| *n > 0).collect();
        }
        let price_of = |(sku, quantity): (&usize, &i64)| {
            let line = order.lines.iter().find(|line| line.sku == *sku && left(line) >= *quantity);
            line.map(|line| line.price * quantity).ok_or("RETURN_EXCEEDS")
        };
        let price: i64 = back.iter().map(price_of).sum::<Result<i64, _>>()?;
        let is_last = order.lines.iter().all(|line| left(line) == back.get(&line.sku).copied().unwrap_or(0));
        let charge = order.charge.expect("what is paid has a charge");
        let rest = self.charges[charge].amount - self.charges[charge].refunded;
        let amount = match amount {
            0 if is_last => rest,
            0 => price.min(rest),
            _ => self.charges[charge].refundable(amount)?,
        };
        let restock = restock || order.stands == Stands::Paid;
        if amount > 0 {
            self.give_back(charge, amount);
        } else {
            self.orders[number].version += 1;
        }
        let order = &mut self.orders[number];
        for line in &mut order.lines {
            let returned = back.get(&line.sku).copied().unwrap_or(0);
            line.returned += returned;
            self.skus[line.sku].quantity += if restock && line.counted { returned } else { 0 };
        }
        if is_last {
            order.stands = end;
        }
        Ok(())
    }

    /// In two steps, of the charge and of the order that it paid.
    fn give_back(&mut self, charge: usize, amount: i64) {
        let charge = &mut self.charges[charge];
        charge.refunded += amount;
        charge.version += 2;
        if let Some(order) = charge.order {
            self.orders[order].refunded += amount;
            self.orders[order].version += 2;
        }
    }
}

impl Charge {
    fn refundable(&self, amount: i64) -> Result<i64, &'static str> {
        let left = self.amount - self.refunded;
        match self.money {
            Money::Taken if left == 0 => Err("NOTHING_TO_REFUND"),
            Money::Taken if amount > left => Err("REFUND_EXCEEDS"),
            Money::Taken => Ok(if amount == 0 { left } else { amount }),
            _ => Err("CHARGE_STATUS"),
        }
    }

    fn is_held(&self) -> Result<(), &'static str> {
        if self.money == Money::Held { Ok(()) } else { Err("CHARGE_STATUS") }
    }
}

/// What can be gone.
pub(super) trait Thing {
    fn is_gone(&self) -> bool;
}

impl Thing for Product {
    fn is_gone(&self) -> bool {
        self.gone
    }
}

impl Thing for Sku {
    fn is_gone(&self) -> bool {
        self.gone
    }
}

fn there<T: Thing>(things: &mut [T], which: usize) -> Result<&mut T, &'static str> {
    things.get_mut(which).filter(|thing| !thing.is_gone()).ok_or("NOT_FOUND")
}

fn fresh(stale: bool) -> Result<(), &'static str> {
    if stale { Err("STALE") } else { Ok(()) }
}
