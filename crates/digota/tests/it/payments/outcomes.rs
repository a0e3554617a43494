//! Slow gateways, lost requests, lost answers, callers who hang up: the outcome is found out, and it is one.

use std::time::Duration;

use digota_proto::orderpb::{Order, PayRequest, order};
use digota_proto::paymentpb::charge;
use tonic::Code;

use crate::harness::{
    Client, Server, Setup, assert_refused, by_token, eventually, fact, moved, payment, with_deadline,
};

/// The order, once no payment of it is under way.
async fn settled(shop: &Client, id: &str) -> Order {
    eventually("the payment is settled", async || {
        Some(shop.read_order(id).await).filter(|order| order.pending_charge.is_none())
    })
    .await
}

#[tokio::test]
async fn a_caller_whose_deadline_is_shorter_than_the_gateway_learns_the_charge_and_the_order_is_paid_once() {
    let server = Server::with(Setup { delay_ms: 1500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let request = with_deadline(payment(&order), Duration::from_millis(600));
    let details = assert_refused(shop.orders().pay(request).await, Code::DeadlineExceeded, "PAYMENT_PENDING");
    let id = fact(&details, "charge_id");
    let between = shop.read_order(&order.id).await;
    assert_eq!(between.pending_charge.map(|charge| charge.id), Some(id.clone()));
    let after = settled(&shop, &order.id).await;
    assert_eq!((after.status(), &after.charge_id), (order::Status::Paid, &id));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_caller_who_allows_pending_gets_ok_at_the_deadline_with_the_charge() {
    let server = Server::with(Setup { delay_ms: 1500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let request = PayRequest { allow_pending: true, ..payment(&order) };
    let request = with_deadline(request, Duration::from_millis(600));
    let pending = shop.orders().pay(request).await.unwrap().into_inner();
    assert_eq!(pending.status(), order::Status::Created);
    assert_eq!(pending.pending_charge.unwrap().status(), charge::Status::Pending);
    assert_eq!(settled(&shop, &order.id).await.status(), order::Status::Paid);
}

#[tokio::test]
async fn an_answer_that_was_lost_after_the_money_was_taken_is_found_out() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.pay_by(by_token(&order, "lose_after")).await.unwrap();
    assert_eq!(paid.status(), order::Status::Paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_caller_who_does_not_wait_for_a_lost_answer_finds_the_order_paid_once() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let request = with_deadline(by_token(&order, "lose_after"), Duration::from_millis(500));
    assert_refused(shop.orders().pay(request).await, Code::DeadlineExceeded, "PAYMENT_PENDING");
    assert_eq!(settled(&shop, &order.id).await.status(), order::Status::Paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_request_that_never_reached_the_gateway_leaves_the_order_payable() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let refused = shop.pay_by(by_token(&order, "lose_before")).await;
    let details = assert_refused(refused, Code::Unavailable, "UNAVAILABLE");
    assert!(details.retry_info().is_some());
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![], 5));
    assert_eq!(shop.pay(&order).await.unwrap().status(), order::Status::Paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

/// Whoever is first, the effect or the janitor who makes it impossible: both sides say the same.
#[tokio::test]
async fn a_late_effect_and_the_order_never_disagree() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let answer = shop.pay_by(by_token(&order, "late")).await;
    // Later than the late effect.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let after = settled(&shop, &order.id).await;
    let paid = after.status() == order::Status::Paid;
    assert_eq!(answer.is_ok(), paid, "{answer:?}");
    let (money, stock) = if paid { (vec![4726], 4) } else { (vec![], 5) };
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (money, stock));
}

#[tokio::test]
async fn a_payment_that_the_gateway_only_accepted_is_waited_for() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let (good, bad) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    let paid = shop.pay_by(by_token(&good, "pending_succeeds"));
    let failed = shop.pay_by(by_token(&bad, "pending_fails"));
    let (paid, failed) = tokio::join!(paid, failed);
    assert_eq!(paid.unwrap().status(), order::Status::Paid);
    assert_refused(failed, Code::FailedPrecondition, "card_declined");
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_caller_who_hangs_up_has_paid_exactly_once() {
    let server = Server::with(Setup { delay_ms: 300, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let calling = tokio::spawn({
        let (shop, order) = (server.shop().await, order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());
    assert_eq!(settled(&shop, &order.id).await.status(), order::Status::Paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}
