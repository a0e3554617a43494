//! Defects of orders.

use std::collections::BTreeMap;
use std::time::Duration;

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, order};
use digota_proto::paymentpb::{self};
use digota_proto::skupb;
use tonic::Code;

use crate::harness::{
    Client, Server, Setup, assert_invalid, assert_refused, line, moved, sku_line, violations,
};

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("channel".to_owned(), "web".to_owned()), ("seller".to_owned(), "ada".to_owned())])
}

/// Defect 4.
#[tokio::test]
async fn the_metadata_of_orders_and_charges_is_stored_and_returned() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let new = orderpb::NewRequest { metadata: metadata(), ..Client::some_order(vec![sku_line(&sku, 1)]) };
    let order = shop.orders().create(new).await.unwrap().into_inner();
    assert_eq!(order.metadata, metadata());
    assert_eq!(shop.pay(&order).await.unwrap().metadata, metadata());
    assert_eq!(shop.read_order(&order.id).await.metadata, metadata());
    let new = paymentpb::ChargeRequest { metadata: metadata(), ..Client::some_charge(100) };
    let charge = shop.charge(new).await.unwrap();
    assert_eq!(charge.metadata, metadata());
    assert_eq!(shop.read_charge(&charge.id).await.metadata, metadata());
}

/// Defect 8.
#[tokio::test]
async fn quantity_times_price_is_checked_and_capped() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    let new = skupb::NewRequest { price: 1 << 62, ..Client::some_sku(&product, 1) };
    assert_invalid(shop.skus().create(new).await, &["price"]);
    let dear = shop.sku_at(10_000_000_000).await;
    let most = shop.order_of(vec![sku_line(&dear, 100)]).await.unwrap();
    assert_eq!(most.amount, 1_000_000_000_000);
    let twice = |one, two| vec![sku_line(&dear, one), sku_line(&dear, two)];
    for items in
        [vec![sku_line(&dear, 101)], vec![sku_line(&dear, 1_000_000)], twice(999_999, 2), twice(50, 51)]
    {
        assert_invalid(shop.order_of(items).await, &["items"]);
    }
    for (one, two) in [(i64::MAX, i64::MAX), (i64::MAX, i64::MIN), (1 << 62, 4)] {
        assert!(!violations(shop.order_of(twice(one, two)).await).is_empty());
    }
    let mut tax = line(Type::Tax, i64::MAX);
    tax.quantity = 1_000_000;
    assert_invalid(shop.order_of(vec![tax]).await, &["items[0].amount"]);
}

/// Defect 9.
#[tokio::test]
async fn a_negative_total_and_an_order_without_lines_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let items = vec![sku_line(&sku, 1), line(Type::Discount, -4727)];
    assert_invalid(shop.order_of(items).await, &["items"]);
    assert_invalid(shop.order_of(vec![]).await, &["items"]);
    let listed = shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total, 0);
}

/// Defect 10.
#[tokio::test]
async fn discounts_are_not_above_0_and_taxes_and_shipping_not_below() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    for (kind, amount) in [(Type::Discount, 1), (Type::Tax, -1), (Type::Shipping, -1)] {
        let refused = shop.order_of(vec![sku_line(&sku, 1), line(kind, amount)]).await;
        assert_invalid(refused, &["items[1].amount"]);
    }
    for kind in [Type::Discount, Type::Tax, Type::Shipping] {
        assert_eq!(shop.order_of(vec![sku_line(&sku, 1), line(kind, 0)]).await.unwrap().amount, 4726);
    }
}

/// Defect 15.
#[tokio::test]
async fn an_order_can_be_paid_for_half_an_hour() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    assert_eq!(order.expires - order.created, 1800);
}

/// Defect 15.
#[tokio::test]
async fn how_long_an_order_can_be_paid_is_a_setting() {
    let server = Server::with(Setup { settings: "order.ttl_s = 1", ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let (in_time, late) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    assert_eq!(shop.pay(&in_time).await.unwrap().status(), order::Status::Paid);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_refused(shop.pay(&late).await, Code::FailedPrecondition, "ORDER_EXPIRED");
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}
