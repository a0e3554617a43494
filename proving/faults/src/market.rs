//! What is for sale, and how it is ordered and paid.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use anyhow::{Context, Result};
use digota_oracle::history::Sku;
use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{NewRequest, OrderItem, PayRequest};
use digota_proto::paymentpb::{Card, CardType, Currency, PaymentProviderId};
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::skupb::inventory::Type as Stocked;
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::skupb::{self, Inventory};
use digota_proto::{orderpb, productpb};
use tonic::transport::Channel;
use uuid::Uuid;

/// A tax on every order, so that its sum is more than a price times a quantity.
const TAX: i64 = 170;

/// A card that the sandbox accepts.
pub(crate) const GOOD: &str = "4242424242424242";

/// What all payers share.
pub(crate) struct Market {
    pub(crate) skus: Vec<Sku>,
    /// No new purchase is begun once this is set.
    pub(crate) closing: AtomicBool,
    /// Orders made so far.
    pub(crate) orders: AtomicUsize,
}

impl Market {
    /// Puts SKUs on sale: one of each first quantity, `None` for one that never runs out.
    pub(crate) async fn open(channel: &Channel, quantities: &[Option<i64>]) -> Result<Market> {
        let new = productpb::NewRequest { name: "A product".to_owned(), active: true, ..Default::default() };
        let product = ProductServiceClient::new(channel.clone()).create(new).await.context("a product")?;
        let product = product.into_inner().id;
        let mut skus = Vec::new();
        for (index, initial) in (0i64..).zip(quantities) {
            // Amounts that mean nothing special to the sandbox.
            let price = 1300 + 450 * index;
            let new = new_sku(&product, price, *initial);
            let sku = SkuServiceClient::new(channel.clone()).create(new).await.context("a SKU")?.into_inner();
            let id = Uuid::try_parse(&sku.id)?;
            skus.push(Sku { id, initial: *initial, price, adjustments: Vec::new() });
        }
        Ok(Market { skus, closing: AtomicBool::new(false), orders: AtomicUsize::new(0) })
    }
}

fn new_sku(product: &str, price: i64, initial: Option<i64>) -> skupb::NewRequest {
    let kind = if initial.is_some() { Stocked::Finite } else { Stocked::Infinite };
    let inventory = Inventory { quantity: initial.unwrap_or(0), r#type: kind.into(), version: 0 };
    skupb::NewRequest {
        name: format!("A SKU for {price}"),
        currency: Currency::Usd.into(),
        active: true,
        price: price.cast_unsigned(),
        parent: product.to_owned(),
        inventory: Some(inventory),
        ..Default::default()
    }
}

/// An order of some pieces and a tax.
pub(crate) fn new_order(sku: &Sku, quantity: i64) -> NewRequest {
    let line = |kind: Type, quantity, amount, parent: String| OrderItem {
        r#type: kind.into(),
        quantity,
        amount,
        currency: Currency::Usd.into(),
        parent,
        ..OrderItem::default()
    };
    let items =
        vec![line(Type::Sku, quantity, 0, sku.id.to_string()), line(Type::Tax, 1, TAX, String::new())];
    let email = "buyer@example.com".to_owned();
    orderpb::NewRequest { currency: Currency::Usd.into(), items, email, ..NewRequest::default() }
}

/// What an order of some pieces costs, as its client computes it.
pub(crate) fn total(sku: &Sku, quantity: i64) -> i64 {
    sku.price * quantity + TAX
}

/// A payment with a card of this number.
pub(crate) fn pay_request(order: &str, number: &str) -> PayRequest {
    let card = Card {
        number: number.to_owned(),
        expire_month: "12".to_owned(),
        expire_year: "2040".to_owned(),
        cvc: "123".to_owned(),
        r#type: CardType::Visa.into(),
        ..Card::default()
    };
    PayRequest {
        id: order.to_owned(),
        card: Some(card),
        payment_provider_id: PaymentProviderId::Sandbox.into(),
        ..PayRequest::default()
    }
}
