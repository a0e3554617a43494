//! Stopped, killed, started again.

use std::time::{Duration, Instant};

use digota_proto::orderpb::{self, order};
use digota_proto::paymentpb::{self};
use digota_proto::{eventpb, productpb, skupb};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    Client, Gateway, Sandbox, Server, Setup, assert_refused, by_token, digota, eventually, moved, run,
};

#[tokio::test]
async fn a_stopping_server_says_so_finishes_the_payment_under_way_and_ends_well() {
    let mut server = Server::with(Setup { delay_ms: 800, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let mut health = HealthClient::new(server.shop().await.channel);
    let watch = health.watch(HealthCheckRequest { service: String::new() }).await;
    let mut states = watch.unwrap().into_inner();
    let first = states.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    server.process.terminate();
    let next = states.message().await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    assert_eq!(paying.await.unwrap().unwrap().status(), order::Status::Paid);
    // Whoever watches the health keeps a line open and does not keep the server from stopping.
    let since = Instant::now();
    let status = server.process.ended().await;
    assert!(status.success(), "{status}:\n{}", server.process.log());
    assert!(since.elapsed() < Duration::from_secs(10), "it took {:?}", since.elapsed());
    drop((states, health));
    server.start_again().await;
    let shop = server.shop().await;
    assert_eq!(shop.read_order(&order.id).await.status(), order::Status::Paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_server_stops_soon_and_tells_those_who_watch_its_events() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let mut watching = shop.events().watch(eventpb::WatchRequest::default()).await.unwrap().into_inner();
    shop.product().await;
    watching.message().await.unwrap().unwrap();
    let started = Instant::now();
    let following = tokio::spawn(async move { watching.message().await });
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    assert_refused(following.await.unwrap(), Code::Unavailable, "UNAVAILABLE");
}

#[tokio::test]
async fn a_stopping_server_takes_no_more_connections_and_cuts_off_what_takes_too_long() {
    let setup = Setup { delay_ms: 60_000, settings: "stop.drain_ms = 1500", ..Setup::default() };
    let mut server = Server::with(setup).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    server.process.terminate();
    let closed = async || TcpStream::connect(server.address).await.is_err().then_some(());
    eventually("the port is free", closed).await;
    let status = server.process.ended().await;
    assert!(status.success(), "{status}");
    assert!(server.process.log().contains("calls were still under way"), "{}", server.process.log());
    paying.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_again_stops_at_once() {
    let mut server = Server::with(Setup { delay_ms: 60_000, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paying = tokio::spawn(async move { shop.pay(&order).await });
    let shop = server.shop().await;
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    server.process.terminate();
    let stopping = async || server.process.log().contains("\"stopping\"").then_some(());
    eventually("it is stopping", stopping).await;
    server.process.terminate();
    let status = server.process.ended().await;
    assert_eq!(status.code(), Some(1), "{}", server.process.log());
    paying.await.unwrap().unwrap_err();
    // Nothing is lost by it: the next server takes up what was left.
    server.start_again().await;
    assert_eq!(server.shop().await.stock(&sku).await, 4);
}

/// Everything that the lists show.
async fn everything(
    shop: &Client,
) -> (productpb::ProductList, skupb::SkuList, orderpb::OrderList, paymentpb::ChargeList) {
    (
        shop.products().list(productpb::ListRequest::default()).await.unwrap().into_inner(),
        shop.skus().list(skupb::ListRequest::default()).await.unwrap().into_inner(),
        shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner(),
        shop.payments().list(paymentpb::ListRequest::default()).await.unwrap().into_inner(),
    )
}

#[tokio::test]
async fn everything_is_there_after_a_stop_and_after_a_crash() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let paid = shop.paid(&sku, 2).await;
    shop.give_back(&paid).await.unwrap();
    let declined = shop.order(&sku, 1).await;
    shop.pay_by(by_token(&declined, "card_declined")).await.unwrap_err();
    shop.paid(&sku, 3).await;
    let before = everything(&shop).await;
    drop(shop);
    server.stop().await;
    server.start_again().await;
    let shop = server.shop().await;
    assert_eq!(everything(&shop).await, before);
    server.kill();
    server.start_again().await;
    assert_eq!(everything(&server.shop().await).await, before);
}

#[tokio::test]
async fn payments_cut_by_a_crash_are_settled_after_the_restart_though_nobody_asks() {
    let sandbox = Sandbox::start(&["--delay-ms", "300", "--effect-jitter-ms", "200"]).await;
    let setup = Setup { gateway: Gateway::At(sandbox.url()), ..Setup::default() };
    let mut server = Server::with(setup).await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let mut paying = Vec::new();
    for _ in 0..12 {
        let order = shop.order(&sku, 1).await;
        let payer = shop.clone();
        paying.push(tokio::spawn(async move { payer.pay(&order).await }));
    }
    eventually("the gateway has some", async || (sandbox.journal().await.len() > 3).then_some(())).await;
    server.kill();
    for call in paying {
        call.await.unwrap().unwrap_err();
    }
    server.start_again().await;
    let shop = server.shop().await;
    let settled = async || {
        let charges = shop.all_charges().await;
        charges.iter().all(|charge| charge.status() != paymentpb::charge::Status::Pending).then_some(charges)
    };
    let charges = eventually("every charge is settled", settled).await;
    let paid = charges.iter().filter(|charge| charge.paid).count();
    assert!(paid > 3, "{paid}");
    assert_eq!(moved(&sandbox.journal().await).len(), paid);
    let request = orderpb::ListRequest { status: Some(order::Status::Paid.into()), ..Default::default() };
    let orders = shop.orders().list(request).await.unwrap().into_inner();
    assert_eq!(usize::try_from(orders.total).unwrap(), paid);
    assert_eq!(shop.stock(&sku).await, 50 - i64::from(orders.total));
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let server = Server::start().await;
    let mut second = digota(&["serve"]);
    second.current_dir(server.path(""));
    let (good, text) = tokio::task::spawn_blocking(|| run(second)).await.unwrap();
    assert!(!good, "{text}");
    let text = text.lines().last().unwrap_or_default().to_lowercase();
    assert!(["in use", "open", "another", "locked"].iter().any(|word| text.contains(word)), "{text}");
    server.shop().await.product().await;
}
