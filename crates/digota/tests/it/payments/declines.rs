//! What a gateway's refusal becomes.

use std::collections::BTreeSet;

use digota_core::payment::decline::DeclineCode;
use digota_proto::orderpb::{PayRequest, order};
use digota_proto::paymentpb::{CaptureRequest, ChargeRequest, charge};
use tonic::Code;

use crate::harness::{Client, Server, assert_refused, by_token, card, fact, moved, payment};

/// Every refusal of a charge: the sandbox's card and amount, the code, the word for machines.
const DECLINES: [(&str, u64, Code, &str); 16] = [
    ("4000000000000002", 9_990_001, Code::FailedPrecondition, "card_declined"),
    ("4000000000009995", 9_990_002, Code::FailedPrecondition, "card_declined"),
    ("4000000000000069", 9_990_003, Code::FailedPrecondition, "expired_card"),
    ("4000000000000127", 9_990_004, Code::FailedPrecondition, "incorrect_cvc"),
    ("4000000000000119", 9_990_005, Code::Aborted, "processing_error"),
    ("4000000001000019", 9_990_006, Code::InvalidArgument, "invalid_number"),
    ("4000000001000027", 9_990_007, Code::FailedPrecondition, "incorrect_number"),
    ("4000000001000035", 9_990_008, Code::InvalidArgument, "invalid_expiry_month"),
    ("4000000001000043", 9_990_009, Code::InvalidArgument, "invalid_expiry_year"),
    ("4000000001000050", 9_990_010, Code::InvalidArgument, "invalid_cvc"),
    ("4000000001000068", 9_990_011, Code::FailedPrecondition, "incorrect_zip"),
    ("4000000001000076", 9_990_012, Code::InvalidArgument, "missing"),
    ("4000000001000084", 9_990_013, Code::ResourceExhausted, "rate_limit"),
    ("4000000001000092", 9_990_014, Code::FailedPrecondition, "authentication_required"),
    ("4000000001000100", 9_990_015, Code::AlreadyExists, "duplicate"),
    ("4000000001000118", 9_990_016, Code::InvalidArgument, "invalid_amount"),
];

#[tokio::test]
async fn every_decline_has_its_code_and_leaves_the_order_payable() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(20).await;
    for (number, _, code, reason) in DECLINES {
        let order = shop.order(&sku, 1).await;
        let declined = shop.pay_by(PayRequest { card: Some(card(number)), ..payment(&order) }).await;
        let details = assert_refused(declined, code, reason);
        assert_eq!(details.retry_info().is_some(), reason == "rate_limit", "{reason}");
        let after = shop.read_order(&order.id).await;
        assert_eq!(
            (after.status(), after.charge_id.as_str(), after.pending_charge),
            (order::Status::Created, "", None)
        );
        assert_eq!(shop.stock(&sku).await, 20, "{reason}");
        let failed = shop.all_charges().await.pop().unwrap();
        assert_eq!((failed.status(), failed.failure_code.as_str()), (charge::Status::Failed, reason));
        assert!(!failed.paid);
    }
    assert_eq!(moved(&server.journal()), [0i64; 0]);
    let order = shop.order(&sku, 1).await;
    shop.pay_by(PayRequest { card: Some(card("4000000000000002")), ..payment(&order) }).await.unwrap_err();
    assert_eq!(shop.pay(&order).await.unwrap().status(), order::Status::Paid);
}

#[tokio::test]
async fn every_decline_can_be_had_by_its_amount() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (_, amount, code, reason) in DECLINES {
        let order = shop.order(&shop.sku_at(amount).await, 1).await;
        assert_refused(shop.pay(&order).await, code, reason);
        assert_refused(shop.charge(Client::some_charge(amount)).await, code, reason);
    }
}

#[tokio::test]
async fn the_gateways_own_word_and_what_may_help_are_in_the_details() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(1).await, 1).await;
    let details = assert_refused(
        shop.pay_by(by_token(&order, "insufficient_funds")).await,
        Code::FailedPrecondition,
        "card_declined",
    );
    assert_eq!(fact(&details, "gateway_code"), "insufficient_funds");
    assert_eq!(fact(&details, "advice"), "retry_with_new_data");
}

#[tokio::test]
async fn a_card_that_may_be_somebodys_is_never_charged() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(1).await, 1).await;
    let real = PayRequest { card: Some(card("4539578763621486")), ..payment(&order) };
    assert_refused(shop.pay_by(real).await, Code::FailedPrecondition, "incorrect_number");
}

#[tokio::test]
async fn a_refund_that_the_gateway_declines_changes_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_declined")).await.unwrap();
    let code = (Code::FailedPrecondition, "refund_not_allowed");
    assert_refused(shop.refund(&paid.charge_id, 100).await, code.0, code.1);
    assert_refused(shop.give_back(&paid).await, code.0, code.1);
    let charge = shop.read_charge(&paid.charge_id).await;
    assert_eq!((charge.refund_amount, charge.pending_refund_amount, charge.refunded), (0, 0, false));
    assert!(charge.refunds.iter().all(|refund| refund.status() == charge::Status::Failed));
    let after = shop.read_order(&order.id).await;
    assert_eq!((after.status(), after.refunded_amount), (order::Status::Paid, 0));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn a_capture_that_the_gateway_declines_leaves_the_money_held() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let held = ChargeRequest {
        capture_later: true,
        card: None,
        payment_token: "tok_capture_declined".into(),
        ..Client::some_charge(500)
    };
    let held = shop.charge(held).await.unwrap();
    let capture = CaptureRequest { id: held.id.clone(), ..Default::default() };
    assert_refused(shop.payments().capture(capture).await, Code::FailedPrecondition, "charge_not_open");
    assert_eq!(shop.read_charge(&held.id).await.status(), charge::Status::Authorized);
}

#[test]
fn every_word_of_ours_for_a_refusal_is_tried() {
    let mut tried: BTreeSet<&str> = DECLINES.iter().map(|(.., reason)| *reason).collect();
    tried.extend(["refund_not_allowed", "charge_not_open"]);
    let all: BTreeSet<&str> = DeclineCode::ALL.iter().map(|code| code.text()).collect();
    assert_eq!(tried, all);
}
