//! What followers of events are told of each noun.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::id::{ChargeId, OrderId, ProductId};
use crate::order::{Order, OrderStatus};
use crate::payment::decline::DeclineCode;
use crate::payment::{Charge, ChargeStatus};
use crate::product::Product;
use crate::sku::Sku;

/// More than a summary is long, in bytes, unless a name is.
const SIZE: usize = 320;

#[derive(Serialize)]
struct ProductSummary<'a> {
    name: &'a str,
    active: bool,
}

#[derive(Serialize)]
struct SkuSummary<'a> {
    name: &'a str,
    parent: ProductId,
    active: bool,
    price: i64,
    currency: &'a str,
}

#[derive(Serialize)]
struct OrderSummary<'a> {
    status: OrderStatus,
    amount: i64,
    currency: &'a str,
    refunded: i64,
    charge: Option<ChargeId>,
}

#[derive(Serialize)]
struct ChargeSummary<'a> {
    status: ChargeStatus,
    amount: i64,
    currency: &'a str,
    refunded: i64,
    pending_refund: i64,
    order: Option<OrderId>,
    failure: Option<DeclineCode>,
}

pub(super) fn product(product: &Product) -> Result<String> {
    json(&ProductSummary { name: &product.details.name, active: product.details.active }, SIZE)
}

pub(super) fn sku(sku: &Sku) -> Result<String> {
    let details = &sku.details;
    let summary = SkuSummary {
        name: &details.name,
        parent: details.parent,
        active: details.active,
        price: details.price,
        currency: details.currency.code(),
    };
    json(&summary, SIZE)
}

pub(super) fn order(order: &Order) -> Result<String> {
    let summary = OrderSummary {
        status: order.status,
        amount: order.money.amount,
        currency: order.money.currency.code(),
        refunded: order.refunded,
        charge: order.charge,
    };
    json(&summary, SIZE)
}

pub(super) fn charge(charge: &Charge) -> Result<String> {
    let summary = ChargeSummary {
        status: charge.status,
        amount: charge.money.amount,
        currency: charge.money.currency.code(),
        refunded: charge.refunded,
        pending_refund: charge.pending_refund,
        order: charge.order,
        failure: charge.failure,
    };
    json(&summary, SIZE)
}

/// A value as JSON. `size` is a guess at its length, so that the text is not moved again and again while it grows.
pub(super) fn json(value: &impl Serialize, size: usize) -> Result<String> {
    let mut text = Vec::with_capacity(size);
    serde_json::to_writer(&mut text, value).map_err(|error| Error::internal(error.to_string()))?;
    String::from_utf8(text).map_err(|error| Error::internal(error.to_string()))
}
