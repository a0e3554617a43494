//! Defects that show when many come at once, or a server dies.

use std::time::{Duration, Instant};

use digota_proto::orderpb::{self, order};
use digota_proto::paymentpb::Currency;
use digota_proto::skupb;
use futures_util::future::join_all;
use tonic::Code;

use crate::harness::{Gateway, Sandbox, Server, Setup, assert_refused, eventually, fact, finite, moved};

/// Defect 16.
#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_sold_as_there_are_however_many_pay_at_once() {
    const STOCK: usize = 25;
    const PAYERS: usize = 80;
    let server = Server::with(Setup { delay_ms: 200, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(25).await;
    let orders = join_all((0..PAYERS).map(|_| shop.order(&sku, 1))).await;
    let started = Instant::now();
    let results = join_all(orders.iter().map(|order| shop.pay(order))).await;
    let took = started.elapsed();
    let paid = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(paid, STOCK);
    for refused in results.into_iter().filter(Result::is_err) {
        let details = assert_refused(refused, Code::FailedPrecondition, "OUT_OF_STOCK");
        assert_eq!(fact(&details, &sku.id), "wanted 1, available 0");
    }
    assert_eq!(moved(&server.journal()), [4726; STOCK]);
    assert_eq!(shop.stock(&sku).await, 0);
    // One after the other would take 25 times the gateway's 200 ms.
    assert!(took < Duration::from_secs(4), "the payers waited for each other: {took:?}");
}

/// Defect 17.
#[tokio::test]
async fn a_payment_cut_by_a_crash_is_charged_once_and_known_afterwards() {
    let sandbox = Sandbox::start(&["--delay-ms", "400"]).await;
    let gateway = Gateway::At(sandbox.url());
    let mut server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("the gateway has the charge", async || (!sandbox.journal().await.is_empty()).then_some(()))
        .await;
    server.kill();
    assert!(paying.await.unwrap().is_err(), "there was nobody to answer");
    server.start_again().await;
    let shop = server.shop().await;
    // Whoever pays again joins, or finds it paid.
    if let Err(status) = shop.pay(&order).await {
        assert_refused::<()>(Err(status), Code::FailedPrecondition, "ORDER_STATUS");
    }
    let settled = shop.read_order(&order.id).await;
    assert_eq!(settled.status(), order::Status::Paid);
    assert_eq!((moved(&sandbox.journal().await), shop.stock(&sku).await), (vec![4726], 4));
    assert_eq!(shop.all_charges().await.len(), 1);
}

/// Defect 21.
#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_while_a_sku_sells() {
    let server = Server::with(Setup { delay_ms: 2500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(100).await;
    let orders = join_all((0..20).map(|_| shop.order(&sku, 1))).await;
    let paying = tokio::spawn({
        let (shop, orders) = (shop.clone(), orders.clone());
        async move { join_all(orders.iter().map(|order| shop.pay(order))).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await < 100).then_some(())).await;
    let started = Instant::now();
    for order in &orders {
        shop.read_sku(&sku.id).await;
        shop.read_product(&sku.parent).await;
        shop.read_order(&order.id).await;
        shop.skus().list(skupb::ListRequest::default()).await.unwrap();
        shop.orders().list(orderpb::ListRequest::default()).await.unwrap();
    }
    let took = started.elapsed();
    assert!(!paying.is_finished(), "the sale was over before it was read");
    assert!(took < Duration::from_secs(2), "100 reads took {took:?}");
    assert!(paying.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(shop.stock(&sku).await, 80);
}

/// Defect 21: the quantity that can be had is there to be read, and written, in the middle of a sale.
#[tokio::test]
async fn a_sku_can_be_changed_while_it_sells() {
    let server = Server::with(Setup { delay_ms: 600, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 2).await;
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await == 3).then_some(())).await;
    let change = skupb::UpdateRequest {
        id: sku.id.clone(),
        active: true,
        inventory: finite(10),
        currency: Currency::Usd.into(),
        ..Default::default()
    };
    let changed = shop.skus().update(change).await.unwrap().into_inner();
    assert_eq!(changed.inventory.unwrap().quantity, 10);
    assert_eq!(paying.await.unwrap().unwrap().status(), order::Status::Paid);
    assert_eq!(shop.stock(&sku).await, 10);
}
