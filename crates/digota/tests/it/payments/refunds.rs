//! Refunds of charges.

use digota_proto::orderpb::order;
use digota_proto::paymentpb::{Charge, RefundReason, RefundRequest, charge};
use tonic::{Code, Status};

use crate::harness::{Client, Server, assert_refused, by_token, eventually, fact, moved};

async fn refund(shop: &Client, request: RefundRequest) -> Result<Charge, Status> {
    Ok(shop.payments().refund_charge(request).await?.into_inner())
}

#[tokio::test]
async fn partial_refunds_add_up_and_never_exceed_the_charge() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    for (amount, sum) in [(300, 300), (300, 600), (399, 999)] {
        assert_eq!(shop.refund(&charge.id, amount).await.unwrap().refund_amount, sum);
    }
    let details =
        assert_refused(shop.refund(&charge.id, 2).await, Code::FailedPrecondition, "REFUND_EXCEEDS");
    assert_eq!(fact(&details, "left"), "1");
    let last = shop.refund(&charge.id, 1).await.unwrap();
    assert_eq!((last.refund_amount, last.refunds.len()), (1000, 4));
    let mut ids: Vec<_> = last.refunds.iter().map(|refund| &refund.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(last.refunds.iter().all(|refund| !refund.provider_refund_id.is_empty()));
    assert_eq!(moved(&server.journal()), [1000, -300, -300, -399, -1]);
}

#[tokio::test]
async fn a_refund_notes_its_reason() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    let reason = RefundReason::RequestedByCustomer;
    let request = RefundRequest { id: charge.id, amount: 5, reason: reason.into(), ..Default::default() };
    let back = shop.payments().refund(request).await.unwrap().into_inner();
    assert_eq!(back.refunds[0].reason(), reason);
    assert_eq!(back.refunds[0].status(), charge::Status::Succeeded);
}

#[tokio::test]
async fn a_stale_version_refunds_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    let request = RefundRequest { id: charge.id, expected_version: charge.version - 1, ..Default::default() };
    let details = assert_refused(refund(&shop, request).await, Code::Aborted, "VERSION_STALE");
    assert_eq!(fact(&details, "current_version"), charge.version.to_string());
    assert_eq!(moved(&server.journal()), [1000]);
}

#[tokio::test]
async fn the_money_of_many_refunds_at_once_is_never_more_than_there_was() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    let refunds = (0..8).map(|_| shop.refund(&charge.id, 300));
    let done = futures_util::future::join_all(refunds).await.iter().filter(|refund| refund.is_ok()).count();
    let journal = server.journal();
    let back: i64 = moved(&journal)[1..].iter().sum();
    assert_eq!(back, -300 * i64::try_from(done).unwrap());
    assert!((1..=3).contains(&done), "{done}");
    let after = shop.read_charge(&charge.id).await;
    assert_eq!((after.refund_amount, after.pending_refund_amount), (300 * done as u64, 0));
}

#[tokio::test]
async fn a_refund_that_takes_its_time_is_waited_for() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_pending")).await.unwrap();
    let back = shop.refund(&paid.charge_id, 100).await.unwrap();
    assert_eq!((back.refund_amount, back.refunds[0].status()), (100, charge::Status::Succeeded));
    assert_eq!(shop.read_order(&order.id).await.refunded_amount, 100);
}

#[tokio::test]
async fn a_refund_under_way_is_shown_on_the_charge_and_on_the_order() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_pending")).await.unwrap();
    let id = paid.charge_id.clone();
    let request = RefundRequest { id: id.clone(), amount: 100, allow_pending: true, ..Default::default() };
    let pending = refund(&shop, request).await.unwrap();
    assert_eq!((pending.refund_amount, pending.pending_refund_amount, pending.refunded), (0, 100, false));
    assert_eq!(pending.refunds[0].status(), charge::Status::Pending);
    assert_refused(shop.refund(&id, 1).await, Code::FailedPrecondition, "PAYMENT_IN_PROGRESS");
    assert_refused(shop.give_back(&paid).await, Code::FailedPrecondition, "PAYMENT_IN_PROGRESS");
    let order = shop.read_order(&order.id).await;
    assert_eq!(order.pending_charge.map(|charge| charge.id), Some(id.clone()));
    let done = eventually("the refund is final", async || {
        Some(shop.read_charge(&id).await).filter(|charge| charge.refunded)
    });
    assert_eq!(done.await.refund_amount, 100);
    let order = shop.read_order(&order.id).await;
    assert_eq!((order.pending_charge, order.refunded_amount), (None, 100));
}

#[tokio::test]
async fn a_refund_that_fails_in_the_end_is_undone_and_can_be_tried_again() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_fails")).await.unwrap();
    assert_refused(shop.give_back(&paid).await, Code::FailedPrecondition, "refund_not_allowed");
    let charge = shop.read_charge(&paid.charge_id).await;
    assert_eq!((charge.refund_amount, charge.pending_refund_amount, charge.refunded), (0, 0, false));
    assert_eq!(charge.refunds[0].status(), charge::Status::Failed);
    assert_eq!(charge.refunds[0].failure_code, "refund_not_allowed");
    let after = shop.read_order(&order.id).await;
    assert_eq!((after.status(), after.refunded_amount, after.pending_charge), (order::Status::Paid, 0, None));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}
