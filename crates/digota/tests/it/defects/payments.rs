//! Defects of payments, refunds and returns.

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, OrderItem, PayRequest, order};
use digota_proto::paymentpb::{self, CardType, PaymentProviderId};
use digota_proto::{productpb, skupb};
use tonic::Code;

use crate::harness::{
    Client, Gateway, Server, Setup, assert_invalid, assert_refused, card, fact, moved, payment, sku_line,
};

/// Defect 6.
#[tokio::test]
async fn every_brand_of_card_can_pay() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let cards = [
        ("4242424242424242", CardType::Visa),
        ("4222222222222", CardType::Visa),
        ("5555555555554444", CardType::Mastercard),
        ("378282246310005", CardType::AmericanExpress),
        ("30569309025904", CardType::DinersClub),
        ("3530111333300000", CardType::Jcb),
        ("6011111111111117", CardType::Discover),
    ];
    for (number, brand) in cards {
        let order = shop.order(&sku, 1).await;
        let paid = shop.pay_by(PayRequest { card: Some(card(number)), ..payment(&order) }).await.unwrap();
        let charge = shop.read_charge(&paid.charge_id).await;
        assert_eq!((charge.card_brand(), charge.card_last4.as_str()), (brand, &number[number.len() - 4..]));
    }
    assert_eq!(moved(&server.journal()), [4726; 7]);
}

/// Defect 6.
#[tokio::test]
async fn a_card_that_cannot_be_one_is_refused_before_the_gateway() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let good = card("4242424242424242");
    let wrong = [
        (paymentpb::Card { number: "4242424242424241".into(), ..good.clone() }, "card.Number"),
        (paymentpb::Card { number: "424242424242424".into(), ..good.clone() }, "card.Number"),
        (paymentpb::Card { number: "4242 4242 4242 4242".into(), ..good.clone() }, "card.Number"),
        (
            paymentpb::Card {
                r#type: CardType::Mastercard.into(),
                number: "4222222222222".into(),
                ..good.clone()
            },
            "card.Number",
        ),
        (paymentpb::Card { cvc: "1234".into(), ..good.clone() }, "card.CVC"),
        (paymentpb::Card { cvc: "123".into(), ..card("378282246310005") }, "card.CVC"),
        (paymentpb::Card { expire_month: "13".into(), ..good.clone() }, "card.ExpireMonth"),
        (paymentpb::Card { expire_year: "40".into(), ..good.clone() }, "card.ExpireYear"),
        (paymentpb::Card { r#type: 7, ..good.clone() }, "card.type"),
        (paymentpb::Card { r#type: 0, ..good }, "card.type"),
    ];
    for (card, field) in wrong {
        let refused = shop.pay_by(PayRequest { card: Some(card), ..payment(&order) }).await;
        assert_invalid(refused, &[field]);
    }
    assert!(server.journal().is_empty());
    assert_eq!(shop.read_order(&order.id).await, order);
}

/// Defects 7 and 18.
#[tokio::test]
async fn every_configured_provider_can_be_named_and_the_others_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let by = |provider: i32| PayRequest { payment_provider_id: provider, ..payment(&order) };
    for provider in [PaymentProviderId::Stripe, PaymentProviderId::Paypal, PaymentProviderId::Braintree] {
        let refused = shop.pay_by(by(provider.into())).await;
        assert_refused(refused, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
        let new = paymentpb::ChargeRequest { payment_provider_id: provider.into(), ..Client::some_charge(1) };
        assert_refused(shop.charge(new).await, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
    }
    for unknown in [0, 5, -1, 9999] {
        assert_invalid(shop.pay_by(by(unknown)).await, &["paymentProviderId"]);
    }
    assert_eq!((shop.read_order(&order.id).await, shop.stock(&sku).await), (order.clone(), 5));
    assert_eq!(shop.pay_by(by(4)).await.unwrap().status(), order::Status::Paid);
}

/// Defect 11.
#[tokio::test]
async fn a_refund_of_0_gives_back_everything_left_once() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    shop.refund(&charge.id, 300).await.unwrap();
    let all = shop.refund(&charge.id, 0).await.unwrap();
    assert_eq!(all.refund_amount, 1000);
    assert_eq!(all.refunds.iter().map(|refund| refund.refund_amount).collect::<Vec<_>>(), [300, 700]);
    for amount in [0, 1] {
        assert_refused(shop.refund(&charge.id, amount).await, Code::FailedPrecondition, "NOTHING_TO_REFUND");
    }
    assert_eq!(moved(&server.journal()), [1000, -300, -700]);
    assert_eq!(shop.read_charge(&charge.id).await, all);
}

/// Defect 12.
#[tokio::test]
async fn return_after_a_partial_refund_gives_back_what_is_left() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.refund(&paid.charge_id, 452).await.unwrap();
    let between = shop.read_order(&paid.id).await;
    assert_eq!((between.refunded_amount, between.status()), (452, order::Status::Paid));
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.refunded_amount, back.status()), (9452, order::Status::Canceled));
    assert_eq!(moved(&server.journal()), [9452, -452, -9000]);
    assert_eq!(shop.stock(&sku).await, 5);
}

/// Defect 12.
#[tokio::test]
async fn return_after_a_full_refund_takes_the_goods_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.refund(&paid.charge_id, 0).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.refunded_amount, back.status()), (9452, order::Status::Canceled));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![9452, -9452], 5));
}

/// Defect 13.
#[tokio::test]
async fn an_order_can_be_returned_after_its_sku_was_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (gone, stays) = (shop.sku(5).await, shop.sku(5).await);
    let order = shop.order_of(vec![sku_line(&gone, 1), sku_line(&stays, 2)]).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    shop.skus().delete(skupb::DeleteRequest { id: gone.id.clone() }).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.status(), back.refunded_amount), (order::Status::Canceled, 3 * 4726));
    assert_eq!(back.items[0].description, "North stand");
    assert_eq!(shop.stock(&stays).await, 5);
    let read = shop.skus().get(skupb::GetRequest { id: gone.id }).await;
    assert_refused(read, Code::NotFound, "NOT_FOUND");
    assert_eq!(shop.read_order(&order.id).await, back);
}

/// Defect 18.
#[tokio::test]
async fn a_gateway_that_is_not_there_is_an_answer_and_not_a_crash() {
    let gateway = Gateway::At("http://127.0.0.1:9".into());
    let server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let details = assert_refused(shop.pay(&order).await, Code::Unavailable, "UNAVAILABLE");
    assert!(details.retry_info().is_some());
    let after = shop.read_order(&order.id).await;
    assert_eq!((after.status(), after.pending_charge), (order::Status::Created, None));
    assert_eq!(shop.stock(&sku).await, 5);
}

/// Defect 18.
#[tokio::test]
async fn a_server_without_any_provider_says_so() {
    let server = Server::with(Setup { gateway: Gateway::None, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
}

/// Defect 19.
#[tokio::test]
async fn every_failure_has_its_code_and_a_reason_for_machines() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let nobody = "0190b0a2-7c1e-7000-8000-000000000001".to_owned();
    let not_found = (Code::NotFound, "NOT_FOUND");
    let read = shop.products().get(productpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.skus().get(skupb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.orders().get(orderpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.payments().get(paymentpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let unknown = OrderItem { r#type: Type::Sku.into(), parent: nobody.clone(), ..OrderItem::default() };
    assert_refused(shop.order_of(vec![unknown]).await, not_found.0, not_found.1);
    let orphan = skupb::NewRequest { parent: nobody.clone(), ..Client::some_sku(&shop.product().await, 1) };
    assert_refused(shop.skus().create(orphan).await, not_found.0, not_found.1);
    assert_refused(shop.refund(&nobody, 1).await, not_found.0, not_found.1);
    let sku = shop.sku(1).await;
    let order = shop.order(&sku, 2).await;
    let details = assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!(fact(&details, &sku.id), "wanted 2, available 1");
    assert_refused(shop.give_back(&order).await, Code::FailedPrecondition, "ORDER_STATUS");
    let few = skupb::AdjustInventoryRequest {
        id: sku.id.clone(),
        delta: -2,
        reason: "breakage".into(),
        expected_version: 0,
    };
    assert_refused(shop.skus().adjust_inventory(few).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    let malformed = shop.orders().get(orderpb::GetRequest { id: "7".into() }).await;
    let details = assert_refused(malformed, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "id");
}
