//! Money that is held first and taken later.

use digota_proto::paymentpb::{CaptureRequest, Charge, ChargeRequest, VoidRequest, charge};
use tonic::{Code, Status};

use crate::harness::{Client, Server, assert_refused, moved};

async fn held(shop: &Client) -> Charge {
    let new = ChargeRequest { capture_later: true, ..Client::some_charge(1000) };
    let charge = shop.charge(new).await.unwrap();
    assert_eq!(
        (charge.status(), charge.paid, charge.charge_amount),
        (charge::Status::Authorized, false, 1000)
    );
    charge
}

async fn capture(shop: &Client, id: &str, amount: u64) -> Result<Charge, Status> {
    let request = CaptureRequest { id: id.to_owned(), amount, expected_version: 0 };
    Ok(shop.payments().capture(request).await?.into_inner())
}

async fn void(shop: &Client, id: &str) -> Result<Charge, Status> {
    Ok(shop.payments().void(VoidRequest { id: id.to_owned(), expected_version: 0 }).await?.into_inner())
}

#[tokio::test]
async fn held_money_moves_only_when_it_is_captured() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = held(&shop).await;
    assert_eq!(moved(&server.journal()), [0i64; 0]);
    assert_refused(shop.refund(&charge.id, 0).await, Code::FailedPrecondition, "CHARGE_STATUS");
    let taken = capture(&shop, &charge.id, 0).await.unwrap();
    assert_eq!((taken.status(), taken.paid, taken.charge_amount), (charge::Status::Succeeded, true, 1000));
    assert_eq!(moved(&server.journal()), [1000]);
}

#[tokio::test]
async fn a_part_can_be_captured_once_and_the_rest_is_let_go() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = held(&shop).await;
    assert_refused(capture(&shop, &charge.id, 1001).await, Code::FailedPrecondition, "CAPTURE_EXCEEDS");
    assert_eq!(capture(&shop, &charge.id, 400).await.unwrap().charge_amount, 400);
    assert_refused(capture(&shop, &charge.id, 100).await, Code::FailedPrecondition, "CHARGE_STATUS");
    assert_refused(shop.refund(&charge.id, 401).await, Code::FailedPrecondition, "REFUND_EXCEEDS");
    assert_eq!(shop.refund(&charge.id, 0).await.unwrap().refund_amount, 400);
    assert_eq!(moved(&server.journal()), [400, -400]);
}

#[tokio::test]
async fn voided_money_can_not_be_taken_any_more() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = held(&shop).await;
    let gone = void(&shop, &charge.id).await.unwrap();
    assert_eq!((gone.status(), gone.paid), (charge::Status::Canceled, false));
    assert_refused(capture(&shop, &charge.id, 0).await, Code::FailedPrecondition, "CHARGE_STATUS");
    assert_refused(void(&shop, &charge.id).await, Code::FailedPrecondition, "CHARGE_STATUS");
    assert_eq!(moved(&server.journal()), [0i64; 0]);
}

#[tokio::test]
async fn money_that_was_taken_at_once_can_be_neither_captured_nor_voided() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    assert_refused(capture(&shop, &charge.id, 0).await, Code::FailedPrecondition, "CHARGE_STATUS");
    assert_refused(void(&shop, &charge.id).await, Code::FailedPrecondition, "CHARGE_STATUS");
}

#[tokio::test]
async fn a_stale_version_captures_and_voids_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = held(&shop).await;
    let stale = charge.version + 7;
    let request = CaptureRequest { id: charge.id.clone(), amount: 0, expected_version: stale };
    assert_refused(shop.payments().capture(request).await, Code::Aborted, "VERSION_STALE");
    let request = VoidRequest { id: charge.id.clone(), expected_version: stale };
    assert_refused(shop.payments().void(request).await, Code::Aborted, "VERSION_STALE");
    assert_eq!(shop.read_charge(&charge.id).await, charge);
}
