//! What an overload is made of: the calls, and what the server must be for them.

use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use digota_proto::{orderpb, paymentpb};
use http::uri::PathAndQuery;
use prost::Message;

use crate::honest::new_order;

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// A page of all orders: the processors
    List,
    /// A payment at a gateway that takes 200 ms, of which 256 may be under way: room
    Charge,
    /// A new order: the storage
    Order,
}

impl What {
    /// What the server must be for it: lines for its settings, and how long its gateway takes.
    pub(crate) fn server(self) -> (&'static str, Duration) {
        match self {
            What::Charge => ("payments.in_flight_max = 256\n", Duration::from_millis(200)),
            What::List | What::Order => ("", Duration::ZERO),
        }
    }

    /// How many are served at once where the peak is measured: what keeps that busy which is short.
    pub(crate) fn at_once(self) -> usize {
        match self {
            What::List => 64,
            What::Charge | What::Order => 250,
        }
    }

    pub(crate) fn path(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            What::List => "/orderpb.OrderService/List",
            What::Charge => "/paymentpb.PaymentService/NewCharge",
            What::Order => "/orderpb.OrderService/New",
        })
    }

    pub(crate) fn message(self, sku: &str) -> Bytes {
        match self {
            What::List => orderpb::ListRequest { limit: 1000, ..Default::default() }.encode_to_vec(),
            What::Charge => charge().encode_to_vec(),
            What::Order => new_order(sku).encode_to_vec(),
        }
        .into()
    }
}

fn charge() -> paymentpb::ChargeRequest {
    let card = paymentpb::Card {
        number: "4242424242424242".to_owned(),
        expire_month: "12".to_owned(),
        expire_year: "2040".to_owned(),
        cvc: "123".to_owned(),
        r#type: paymentpb::CardType::Visa.into(),
        ..Default::default()
    };
    paymentpb::ChargeRequest {
        currency: paymentpb::Currency::Usd.into(),
        total: 1300,
        card: Some(card),
        email: "ada@example.com".to_owned(),
        payment_provider_id: paymentpb::PaymentProviderId::Sandbox.into(),
        ..Default::default()
    }
}
