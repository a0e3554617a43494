//! Requests in one line each.

use std::time::Duration;

use digota_proto::orderpb::{Order, OrderItem, PayRequest, order_item};
use digota_proto::paymentpb::{Card, CardType, PaymentProviderId};
use digota_proto::skupb::{Inventory, Sku, inventory};
use tonic::Request;

/// A counted stock.
pub(crate) fn finite(quantity: i64) -> Option<Inventory> {
    Some(Inventory { quantity, r#type: inventory::Type::Finite.into(), version: 0 })
}

/// A line for pieces of a SKU.
pub(crate) fn sku_line(sku: &Sku, quantity: i64) -> OrderItem {
    OrderItem {
        r#type: order_item::Type::Sku.into(),
        parent: sku.id.clone(),
        quantity,
        ..OrderItem::default()
    }
}

/// A line for something else.
pub(crate) fn line(kind: order_item::Type, amount: i64) -> OrderItem {
    OrderItem { r#type: kind.into(), amount, ..OrderItem::default() }
}

/// A card with this number, of the brand that its first digits say.
pub(crate) fn card(number: &str) -> Card {
    let (brand, cvc) = match number.as_bytes() {
        [b'4', ..] => (CardType::Visa, "123"),
        [b'5', ..] => (CardType::Mastercard, "123"),
        [b'3', b'4' | b'7', ..] => (CardType::AmericanExpress, "1234"),
        [b'3', b'5', ..] => (CardType::Jcb, "123"),
        [b'3', ..] => (CardType::DinersClub, "123"),
        _ => (CardType::Discover, "123"),
    };
    Card {
        number: number.into(),
        expire_month: "12".into(),
        expire_year: "2040".into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        cvc: cvc.into(),
        r#type: brand.into(),
    }
}

/// Pays an order with a Visa that works.
pub(crate) fn payment(order: &Order) -> PayRequest {
    PayRequest {
        id: order.id.clone(),
        card: Some(card("4242424242424242")),
        payment_provider_id: PaymentProviderId::Sandbox.into(),
        ..PayRequest::default()
    }
}

/// Pays an order with the test token of this name.
pub(crate) fn by_token(order: &Order, name: &str) -> PayRequest {
    PayRequest { card: None, payment_token: format!("tok_{name}"), ..payment(order) }
}

/// A request with an idempotency key.
pub(crate) fn keyed<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// A request that must be answered in time.
pub(crate) fn with_deadline<T>(message: T, wait: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(wait);
    request
}
