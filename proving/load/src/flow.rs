//! What is measured: the flows, and the messages that they send.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use clap::ValueEnum;
use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, OrderItem, Shipping, shipping::Address};
use digota_proto::paymentpb::{Card, CardType, Currency, PaymentProviderId};
use digota_proto::skupb;
use prost::Message;

use crate::bare;

/// A kind of call that is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    /// A call to the bare server.
    Bare,
    /// Read a SKU.
    SkuGet,
    /// Create an order of a SKU, with a discount, a tax and an address.
    OrderNew,
    /// Pay an order; the orders are for different SKUs.
    OrderPay,
    /// Pay an order; all orders are for one SKU.
    OrderPayHot,
}

impl Flow {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flow::Bare => "bare",
            Flow::SkuGet => "sku-get",
            Flow::OrderNew => "order-new",
            Flow::OrderPay => "order-pay",
            Flow::OrderPayHot => "order-pay-hot",
        }
    }

    /// The path of the rpc.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Flow::Bare => bare::PATH,
            Flow::SkuGet => "/skupb.SkuService/Get",
            Flow::OrderNew => "/orderpb.OrderService/New",
            Flow::OrderPay | Flow::OrderPayHot => "/orderpb.OrderService/Pay",
        }
    }

    /// Whether it changes something, so that a careful client sends an idempotency key.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Flow::OrderNew | Flow::OrderPay | Flow::OrderPayHot)
    }
}

/// The messages of a run, handed out one by one to its workers.
pub(crate) struct Messages {
    all: Vec<Bytes>,
    next: AtomicUsize,
    reuse: Reuse,
}

/// Whether a message may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    Again,
    Once,
}

impl Messages {
    pub(crate) fn new(all: Vec<Bytes>, reuse: Reuse) -> Self {
        Self { all, next: AtomicUsize::new(0), reuse }
    }

    /// The next message to send; `None` when all that can be sent only once are gone.
    pub(crate) fn next(&self) -> Option<Bytes> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        match self.reuse {
            Reuse::Again => self.all.get(index.checked_rem(self.all.len())?).cloned(),
            Reuse::Once => self.all.get(index).cloned(),
        }
    }
}

/// Reads a SKU.
pub(crate) fn sku_get(id: &str) -> Bytes {
    skupb::GetRequest { id: id.to_owned() }.encode_to_vec().into()
}

/// An order as shops send them: two of a SKU, a discount, a tax, an address.
pub(crate) fn order(sku: &str) -> orderpb::NewRequest {
    let line = |kind: Type, amount: i64| OrderItem {
        r#type: kind.into(),
        amount,
        currency: Currency::Usd.into(),
        ..OrderItem::default()
    };
    let goods =
        OrderItem { r#type: Type::Sku.into(), quantity: 2, parent: sku.to_owned(), ..OrderItem::default() };
    orderpb::NewRequest {
        currency: Currency::Usd.into(),
        items: vec![goods, line(Type::Discount, -1000), line(Type::Tax, 1000)],
        email: "buyer@example.com".to_owned(),
        shipping: Some(shipping()),
        ..orderpb::NewRequest::default()
    }
}

fn shipping() -> Shipping {
    let address = Address {
        line1: "1 Harbour Street".to_owned(),
        city: "Haifa".to_owned(),
        country: "IL".to_owned(),
        postal_code: "3303220".to_owned(),
        ..Address::default()
    };
    Shipping {
        name: "Dana Levi".to_owned(),
        phone: "+972 4 000 0000".to_owned(),
        address: Some(address),
        ..Shipping::default()
    }
}

/// Pays an order with a card that the sandbox accepts.
pub(crate) fn order_pay(id: &str) -> Bytes {
    let card = Card {
        number: "4242424242424242".to_owned(),
        expire_month: "12".to_owned(),
        expire_year: "2040".to_owned(),
        first_name: "Dana".to_owned(),
        last_name: "Levi".to_owned(),
        cvc: "123".to_owned(),
        r#type: CardType::Visa.into(),
    };
    let request = orderpb::PayRequest {
        id: id.to_owned(),
        card: Some(card),
        payment_provider_id: PaymentProviderId::Sandbox.into(),
        ..orderpb::PayRequest::default()
    };
    request.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_can_be_sent_once_run_out() {
        let messages = Messages::new(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")], Reuse::Once);
        assert_eq!([messages.next(), messages.next()].map(Option::unwrap), ["a", "b"]);
        assert_eq!(messages.next(), None);
    }

    #[test]
    fn other_messages_start_over() {
        let messages = Messages::new(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")], Reuse::Again);
        let sent: Vec<_> = std::iter::from_fn(|| messages.next()).take(5).collect();
        assert_eq!(sent, ["a", "b", "a", "b", "a"]);
        assert_eq!(Messages::new(vec![], Reuse::Again).next(), None);
    }
}
