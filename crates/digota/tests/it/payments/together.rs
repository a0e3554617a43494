//! Several callers, one order.

use digota_proto::orderpb::{PayRequest, order};
use futures_util::future::join_all;
use tonic::Code;

use crate::harness::{Server, Setup, assert_refused, card, eventually, fact, moved, payment};

#[tokio::test(flavor = "multi_thread")]
async fn two_who_pay_one_order_at_once_make_one_charge() {
    let server = Server::with(Setup { delay_ms: 200, ..Setup::default() }).await;
    let (shop, other) = (server.shop().await, server.client("other").await);
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let (one, two) = tokio::join!(shop.pay(&order), other.pay(&order));
    for paid in [one.unwrap(), two.unwrap()] {
        assert_eq!(paid.status(), order::Status::Paid);
    }
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
    assert_eq!(shop.all_charges().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_pay_one_order_at_once_make_one_charge() {
    let server = Server::with(Setup { delay_ms: 100, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(500).await;
    let order = shop.order(&sku, 1).await;
    for result in join_all((0..100).map(|_| shop.pay(&order))).await {
        if let Err(status) = result {
            assert_refused::<()>(Err(status), Code::FailedPrecondition, "ORDER_STATUS");
        }
    }
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 499));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_card_joins_the_payment_under_way() {
    let server = Server::with(Setup { delay_ms: 400, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let declined = PayRequest { card: Some(card("4000000000000002")), ..payment(&order) };
    let first = tokio::spawn({
        let (shop, declined) = (shop.clone(), declined.clone());
        async move { shop.pay_by(declined).await }
    });
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    let second = shop.pay(&order).await;
    assert_refused(first.await.unwrap(), Code::FailedPrecondition, "card_declined");
    assert_refused(second, Code::FailedPrecondition, "card_declined");
    assert_eq!(shop.all_charges().await.len(), 1);
    assert_eq!(shop.pay(&order).await.unwrap().status(), order::Status::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_and_canceling_at_once_is_one_or_the_other() {
    let server = Server::with(Setup { delay_ms: 20, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    for _ in 0..10 {
        let order = shop.order(&sku, 1).await;
        let cancel = digota_proto::orderpb::CancelRequest { id: order.id.clone(), ..Default::default() };
        let mut orders = shop.orders();
        let (paid, canceled) = tokio::join!(shop.pay(&order), orders.cancel(cancel));
        assert!(paid.is_ok() != canceled.is_ok(), "{paid:?} {canceled:?}");
        let expected = if paid.is_ok() { order::Status::Paid } else { order::Status::Canceled };
        assert_eq!(shop.read_order(&order.id).await.status(), expected);
    }
    let sold = moved(&server.journal()).len();
    assert_eq!(shop.stock(&sku).await, 50 - i64::try_from(sold).unwrap());
}

#[tokio::test]
async fn a_stale_version_pays_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let stale = PayRequest { expected_version: order.version + 1, ..payment(&order) };
    let details = assert_refused(shop.pay_by(stale).await, Code::Aborted, "VERSION_STALE");
    assert_eq!(fact(&details, "current_version"), order.version.to_string());
    let current = PayRequest { expected_version: order.version, ..payment(&order) };
    assert_eq!(shop.pay_by(current).await.unwrap().status(), order::Status::Paid);
    assert_eq!(moved(&server.journal()), [4726]);
}
