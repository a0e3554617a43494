//! 3-D Secure: the buyer must do something before the money can move.

use digota_proto::orderpb::{CancelRequest, Order, PayRequest, order};
use digota_proto::paymentpb::{ChargeRequest, charge};
use tonic::Code;

use crate::harness::{Client, Gateway, Sandbox, Server, Setup, assert_refused, by_token, eventually, moved};

async fn scene() -> (Sandbox, Server, Client) {
    let sandbox = Sandbox::start(&[]).await;
    let server = Server::with(Setup { gateway: Gateway::At(sandbox.url()), ..Setup::default() }).await;
    let shop = server.shop().await;
    (sandbox, server, shop)
}

fn patient(order: &Order) -> PayRequest {
    PayRequest {
        allow_pending: true,
        return_url: "https://shop.example/thanks".into(),
        ..by_token(order, "challenge")
    }
}

#[tokio::test]
async fn a_caller_who_cannot_show_a_challenge_is_refused_and_may_try_another_card() {
    let (sandbox, _server, shop) = scene().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let refused = shop.pay_by(by_token(&order, "challenge")).await;
    assert_refused(refused, Code::FailedPrecondition, "authentication_required");
    assert_eq!(shop.stock(&sku).await, 5);
    assert_eq!(shop.pay(&order).await.unwrap().status(), order::Status::Paid);
    assert_eq!(moved(&sandbox.journal().await), [4726]);
}

#[tokio::test]
async fn passing_the_challenge_makes_the_order_paid() {
    let (sandbox, _server, shop) = scene().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let pending = shop.pay_by(patient(&order)).await.unwrap();
    assert_eq!(pending.status(), order::Status::Created);
    let charge = pending.pending_charge.unwrap();
    assert_eq!(charge.status(), charge::Status::RequiresAction);
    let action = charge.next_action.unwrap();
    assert_eq!(action.r#type, "redirect_to_url");
    assert!(action.expires > pending.created);
    assert_eq!(shop.stock(&sku).await, 4, "pieces are held for the buyer");
    sandbox.challenge(&action.url, true).await;
    let paid = eventually("the order is paid", async || {
        Some(shop.read_order(&order.id).await).filter(|order| order.status() == order::Status::Paid)
    });
    let paid = paid.await;
    assert_eq!((paid.charge_id, paid.pending_charge), (charge.id.clone(), None));
    let charge = shop.read_charge(&charge.id).await;
    assert_eq!((charge.status(), charge.next_action), (charge::Status::Succeeded, None));
    assert_eq!((moved(&sandbox.journal().await), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn failing_the_challenge_makes_the_order_payable_again() {
    let (sandbox, _server, shop) = scene().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let charge = shop.pay_by(patient(&order)).await.unwrap().pending_charge.unwrap();
    sandbox.challenge(&charge.next_action.unwrap().url, false).await;
    let after = eventually("the payment has failed", async || {
        Some(shop.read_order(&order.id).await).filter(|order| order.pending_charge.is_none())
    });
    assert_eq!(after.await.status(), order::Status::Created);
    let failed = shop.read_charge(&charge.id).await;
    assert_eq!(
        (failed.status(), failed.failure_code.as_str()),
        (charge::Status::Failed, "authentication_required")
    );
    assert_eq!(shop.stock(&sku).await, 5);
    assert_eq!(shop.pay(&order).await.unwrap().status(), order::Status::Paid);
}

#[tokio::test]
async fn nothing_else_can_be_done_to_an_order_whose_payment_is_pending() {
    let (_sandbox, _server, shop) = scene().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let pending = shop.pay_by(patient(&order)).await.unwrap();
    let cancel = CancelRequest { id: order.id.clone(), ..Default::default() };
    let busy = (Code::FailedPrecondition, "PAYMENT_IN_PROGRESS");
    assert_refused(shop.orders().cancel(cancel).await, busy.0, busy.1);
    assert_refused(shop.give_back(&order).await, busy.0, busy.1);
    let read = shop.read_order(&order.id).await;
    assert_eq!(read.pending_charge.map(|charge| charge.id), pending.pending_charge.map(|charge| charge.id));
}

#[tokio::test]
async fn a_charge_of_its_own_can_wait_for_a_challenge_too() {
    let (sandbox, _server, shop) = scene().await;
    let new = ChargeRequest {
        card: None,
        payment_token: "tok_challenge".into(),
        allow_pending: true,
        ..Client::some_charge(700)
    };
    let strict = ChargeRequest { allow_pending: false, ..new.clone() };
    assert_refused(shop.charge(strict).await, Code::FailedPrecondition, "authentication_required");
    let charge = shop.charge(new).await.unwrap();
    assert_eq!((charge.status(), charge.paid), (charge::Status::RequiresAction, false));
    sandbox.challenge(&charge.next_action.unwrap().url, true).await;
    eventually("the charge is paid", async || shop.read_charge(&charge.id).await.paid.then_some(())).await;
    assert_eq!(moved(&sandbox.journal().await), [700]);
}
