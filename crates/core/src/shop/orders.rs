//! Orders: make, read, list, send, give up. Paying is in [`super::checkout`], returning in [`super::returns`].

use std::sync::Arc;
use uuid::Uuid;

use super::changes::Changes;
use super::keys::{insist, write_once};
use super::records::{Age, decode};
use super::{Shop, Terms};
use crate::error::{Error, Reason, Refused, Result, in_progress};
use crate::id::{OrderId, SkuId};
use crate::order::status::Move;
use crate::order::{Draft, Order, OrderStatus, Shipping};
use crate::page::{Listed, Request};
use crate::payment::Charge;
use crate::port::store::{Keys, Kind, Remembered};
use crate::sku::Sku;
use crate::text::{LINE_MAX, NAME_MAX, valid};

impl Shop {
    /// Makes an order at the SKUs' prices of now. No stock is held before it is paid.
    pub async fn new_order(&self, draft: Draft, terms: &Terms) -> Result<Order> {
        valid(|all| draft.check(all))?;
        write_once!(self, terms, |changes| {
            let price = |skus: &[Arc<Sku>]| draft.price(&skus.iter().map(|sku| (sku.id, &**sku)).collect());
            let (on_sale, priced) = self.skus_on_sale(&draft.skus(), price).await?;
            // Where nobody else writes they are of now; and what is changed from now on is too late for this order.
            if !self.store.exclusive() {
                on_sale.unchanged(&mut changes);
            }
            let created = changes.at;
            let order = Order {
                id: OrderId(self.id()),
                money: priced.money,
                lines: priced.lines,
                metadata: draft.metadata.clone(),
                email: draft.email.clone(),
                charge: None,
                status: OrderStatus::Created,
                shipping: draft.shipping.clone(),
                refunded: 0,
                expires: created.after(self.policy.order_ttl),
                open_attempt: None,
                pending_charge: None,
                created,
                updated: created,
                version: 1,
            };
            changes.insert(&order, "order.created")?;
            order
        })
    }

    /// An order, with the charge whose outcome it waits for.
    pub async fn order(&self, id: OrderId) -> Result<(Order, Option<Charge>)> {
        let order = self.load::<Order>(id.0).await?;
        if let Some(attempt) = order.open_attempt {
            self.nudge(attempt);
        }
        let pending = match order.pending_charge {
            Some(charge) => self.find::<Charge>(charge.0).await?,
            None => None,
        };
        Ok((order, pending))
    }

    /// A page of orders.
    pub async fn orders(&self, request: &Request) -> Result<Listed<Order>> {
        self.list(request).await
    }

    /// Says that a paid order was sent.
    pub async fn fulfill_order(
        &self,
        id: OrderId,
        carrier: &str,
        tracking_number: &str,
        expected_version: u64,
        terms: &Terms,
    ) -> Result<Order> {
        valid(|all| {
            all.line("carrier", carrier, LINE_MAX);
            all.line("trackingNumber", tracking_number, LINE_MAX);
        })?;
        write_once!(self, terms, |changes| {
            let old = self.load::<Order>(id.0).await?;
            let mut order = self.moved(&old, Move::Fulfill, expected_version)?;
            note_carrier(&mut order, carrier, tracking_number);
            changes.replace(&old, &mut order, "order.fulfilled")?;
            order
        })
    }

    /// Gives up an order that was not paid. The reason goes into the event.
    pub async fn cancel_order(
        &self,
        id: OrderId,
        reason: &str,
        expected_version: u64,
        terms: &Terms,
    ) -> Result<Order> {
        valid(|all| all.line("reason", reason, NAME_MAX))?;
        write_once!(self, terms, |changes| {
            let old = self.load::<Order>(id.0).await?;
            let mut order = self.moved(&old, Move::Cancel, expected_version)?;
            changes.replace(&old, &mut order, "order.canceled")?;
            if !reason.is_empty() {
                changes.note("reason", reason);
            }
            order
        })
    }

    /// The order after a legal move, or why it is not legal.
    fn moved(&self, old: &Order, step: Move, expected_version: u64) -> Result<Order> {
        insist(old, expected_version)?;
        if old.open_attempt.is_some() {
            return Err(in_progress());
        }
        let status = old.status.after(step).ok_or_else(|| wrong_status(old, step))?;
        Ok(Order { status, ..old.clone() })
    }

    /// These SKUs with their products, all on sale, and what is made of them. `ids` are sorted and each is there once.
    ///
    /// They may have been changed on another node: the commit must see to it that they are [`OnSale::unchanged`]. Nothing is
    /// refused for what they were, only for what they are.
    pub(super) async fn skus_on_sale<T>(
        &self,
        ids: &[SkuId],
        make: impl Fn(&[Arc<Sku>]) -> Result<T>,
    ) -> Result<(OnSale, T)> {
        let made = |on_sale: OnSale| make(&on_sale.skus).map(|made| (on_sale, made));
        match self.goods(ids, Age::Recent).await.and_then(made) {
            Err(error @ (Error::Unavailable { .. } | Error::Overloaded { .. })) => Err(error),
            Err(_) if !self.store.exclusive() => self.goods(ids, Age::Now).await.and_then(made),
            made => made,
        }
    }

    async fn goods(&self, ids: &[SkuId], age: Age) -> Result<OnSale> {
        let raw: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let found = self.records(Kind::Sku, &raw, age).await?;
        let mut skus = Vec::with_capacity(ids.len());
        for (id, record) in raw.iter().zip(found) {
            let record = record.ok_or_else(|| Error::not_found(Kind::Sku, *id))?;
            skus.push(record.document(decode::<Sku>)?);
        }
        let mut parents: Vec<Uuid> = skus.iter().map(|sku| sku.details.parent.0).collect();
        parents.sort_unstable();
        parents.dedup();
        // Whether a product is on sale is one of its keys: its document need not be read.
        let products = self.records(Kind::Product, &parents, age).await?;
        let products: Vec<_> = products.into_iter().flatten().collect();
        let on_sale = |id: Uuid| {
            products.iter().any(|product| product.id == id && product.keys == Keys::Product { active: true })
        };
        match skus.iter().find(|sku| !sku.details.active || !on_sale(sku.details.parent.0)) {
            Some(sku) => Err(inactive(sku.id)),
            None => Ok(OnSale { skus, products }),
        }
    }
}

/// SKUs that can be bought.
pub(super) struct OnSale {
    /// The SKUs, in the order of their ids.
    pub(super) skus: Vec<Arc<Sku>>,
    /// The records of their products.
    products: Vec<Arc<Remembered>>,
}

impl OnSale {
    /// Makes sure that they and their products are still as they were read.
    pub(super) fn unchanged(&self, changes: &mut Changes<'_>) {
        for product in &self.products {
            changes.check(Kind::Product, product.id, Some(product.version));
        }
        self.skus.iter().for_each(|sku| changes.unchanged(&**sku));
    }
}

/// Notes who carries an order; what is left empty stays as the order had it.
fn note_carrier(order: &mut Order, carrier: &str, tracking_number: &str) {
    if carrier.is_empty() && tracking_number.is_empty() {
        return;
    }
    let shipping = order.shipping.get_or_insert_with(Shipping::default);
    if !carrier.is_empty() {
        carrier.clone_into(&mut shipping.carrier);
    }
    if !tracking_number.is_empty() {
        tracking_number.clone_into(&mut shipping.tracking_number);
    }
}

/// That a move is not legal, naming the status.
pub(super) fn wrong_status(order: &Order, step: Move) -> Error {
    let wish = match step {
        Move::Pay => "paid",
        Move::Fulfill => "fulfilled",
        Move::Cancel => "canceled",
        Move::Return => "returned",
    };
    Error::Refused(Refused {
        reason: Reason::OrderStatus,
        message: format!("an order with status {} can't be {wish}", order.status.name()),
        facts: vec![("status".into(), order.status.name().into())],
    })
}

fn inactive(id: SkuId) -> Error {
    Error::Refused(Refused {
        reason: Reason::SkuInactive,
        message: format!("the SKU {id} or its product is not on sale"),
        facts: vec![("sku".into(), id.to_string())],
    })
}
