//! Requests as a whole: what is said of a wrong one, and what may look odd and is right.

use std::collections::BTreeMap;

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, OrderItem, PayRequest};
use digota_proto::paymentpb::{self, ChargeRequest};
use digota_proto::skupb::{self, PackageDimensions};
use digota_proto::{eventpb, productpb};
use tonic::{Code, Status};

use super::table::pairs;
use crate::harness::{
    Client, Server, assert_invalid, assert_refused, by_token, card, finite, payment, sku_line,
};

/// Row 94 of what must be reported: all of it, at once.
#[tokio::test]
async fn everything_that_is_wrong_with_a_request_is_reported_at_once() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = orderpb::NewRequest {
        currency: 0,
        items: vec![
            OrderItem { r#type: 9, quantity: -1, ..OrderItem::default() },
            OrderItem { r#type: Type::Sku.into(), parent: "x".into(), ..OrderItem::default() },
            OrderItem { r#type: Type::Discount.into(), amount: 5, ..OrderItem::default() },
        ],
        email: "ada".into(),
        metadata: pairs(1, |_| String::new(), "v"),
        shipping: Some(orderpb::Shipping { name: "a\0".into(), ..Default::default() }),
    };
    let named = [
        "currency",
        "items[0].type",
        "items[0].quantity",
        "items[1].parent",
        "items[2].amount",
        "email",
        "metadata[\"\"]",
        "shipping.name",
    ];
    assert_invalid(shop.orders().create(order).await, &named);
    let mut charge = Client::some_charge(0);
    (charge.currency, charge.payment_provider_id, charge.email) = (0, 9, "ada".into());
    charge.card = Some(paymentpb::Card {
        cvc: "1".into(),
        expire_month: "13".into(),
        expire_year: "1".into(),
        ..card("1")
    });
    let named = [
        "currency",
        "total",
        "paymentProviderId",
        "email",
        "Card.Number",
        "Card.CVC",
        "Card.ExpireMonth",
        "Card.ExpireYear",
    ];
    assert_invalid(shop.charge(charge).await, &named);
    let sku = skupb::NewRequest {
        parent: "x".into(),
        price: u64::MAX,
        inventory: finite(-1),
        ..Default::default()
    };
    let named = ["name", "currency", "price", "parent", "inventory.quantity"];
    assert_invalid(shop.skus().create(sku).await, &named);
    let pay = PayRequest { expected_version: -1, return_url: "x".into(), ..PayRequest::default() };
    let named = ["id", "card", "paymentProviderId", "expected_version", "return_url"];
    assert_invalid(shop.pay_by(pay).await, &named);
}

/// Rows 64, 73, 74, 80 and 90 to 94: odd text is text.
#[tokio::test]
async fn odd_text_is_kept_as_it_is() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let odd = [
        "Ünïcödé",
        "日本語のチケット",
        "👩‍👩‍👧‍👦🎟️",
        "cafe\u{301}",
        "<script>alert(1)</script>",
        "'; DROP TABLE products; --",
        "${jndi:ldap://example.com/a}",
        "{{7*7}} %s%n",
        "=cmd|' /C calc'!A0",
        "null",
        "\u{202e}txet",
    ];
    for text in odd {
        let metadata = BTreeMap::from([
            ("__proto__".to_owned(), text.to_owned()),
            ("a.b$c".to_owned(), text.to_owned()),
            (text.chars().take(12).collect(), "v".to_owned()),
        ]);
        let new = productpb::NewRequest {
            name: text.into(),
            description: format!("{text}\n2026 ERROR admin logged in"),
            metadata,
            ..Client::some_product()
        };
        let product = shop.products().create(new.clone()).await.unwrap().into_inner();
        let read = shop.read_product(&product.id).await;
        assert_eq!((read.name, read.description, read.metadata), (new.name, new.description, new.metadata));
    }
    let tiny = PackageDimensions { height: f64::MIN_POSITIVE, length: 1e-300, weight: 0.1, width: 1e9 };
    let new =
        skupb::NewRequest { package_dimensions: Some(tiny), ..Client::some_sku(&shop.product().await, 1) };
    let sku = shop.skus().create(new).await.unwrap().into_inner();
    assert_eq!(shop.read_sku(&sku.id).await.package_dimensions, Some(tiny));
}

/// Row 15 of what must not be told: what was sent is not sent back, but for a short part of it.
#[tokio::test]
async fn a_refusal_does_not_repeat_what_was_sent() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let canary = "canary-".repeat(40);
    let order = shop.order(&shop.sku(1).await, 1).await;
    let tries: [Status; 4] = [
        shop.products().get(productpb::GetRequest { id: canary.clone() }).await.unwrap_err(),
        shop.charge(ChargeRequest { email: canary.clone(), ..Client::some_charge(1) }).await.unwrap_err(),
        shop.pay_by(PayRequest { card: Some(card(&canary)), ..payment(&order) }).await.unwrap_err(),
        shop.pay_by(PayRequest { return_url: canary.clone(), ..by_token(&order, &canary) })
            .await
            .unwrap_err(),
    ];
    for status in tries {
        assert_eq!(status.code(), Code::InvalidArgument);
        let sent_back = [status.message().as_bytes(), status.details()].concat();
        assert!(!String::from_utf8_lossy(&sent_back).contains("canary-canary"), "{status:?}");
    }
}

#[tokio::test]
async fn what_to_watch_must_make_sense() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let watch = |request: eventpb::WatchRequest| {
        let mut events = shop.events();
        async move { events.watch(request).await.map(|_| ()) }
    };
    let base = eventpb::WatchRequest::default();
    assert_invalid(watch(eventpb::WatchRequest { after: -1, ..base.clone() }).await, &["after"]);
    assert_invalid(
        watch(eventpb::WatchRequest { after: 1, only_new: true, ..base.clone() }).await,
        &["only_new"],
    );
    assert_invalid(watch(eventpb::WatchRequest { types: vec!["x".into(); 51], ..base }).await, &["types"]);
}

/// Row 127: over the limit is not read at all.
#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let new = productpb::NewRequest { description: "x".repeat(300_000), ..Client::some_product() };
    assert_refused(shop.products().create(new).await, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
    // The line goes on.
    let order = shop.order_of(vec![sku_line(&shop.sku(1).await, 1)]).await.unwrap();
    assert_eq!(order.amount, 4726);
}
