//! The same request with the same key has one effect and one answer.

use std::time::Duration;

use digota_proto::orderpb::{self, CancelRequest, FulfillRequest, ReturnRequest, order};
use digota_proto::paymentpb::{self, CaptureRequest, ChargeRequest, RefundRequest, VoidRequest};
use digota_proto::skupb::AdjustInventoryRequest;
use digota_proto::{productpb, skupb};
use futures_util::future::join_all;
use prost_types::FieldMask;
use tonic::{Code, Request};

use crate::harness::{
    Client, Gateway, Sandbox, Server, Setup, assert_invalid, assert_refused, by_token, card, eventually,
    fact, keyed, moved, payment, sku_line,
};

const KEY: &str = "purchase-0000000001";

/// Sends the same request twice with one key of its own; both answers, which must be equal, as one.
macro_rules! twice {
    ($client:expr, $rpc:ident, $message:expr) => {{
        let key = format!("key-of-line-{:08}", line!());
        let message = $message;
        let first = $client.$rpc(keyed(message.clone(), &key)).await.unwrap().into_inner();
        let second = $client.$rpc(keyed(message, &key)).await.unwrap().into_inner();
        assert_eq!(first, second);
        first
    }};
}

fn adjust(sku: &skupb::Sku, delta: i64) -> AdjustInventoryRequest {
    AdjustInventoryRequest { id: sku.id.clone(), delta, reason: "delivery".into(), expected_version: 0 }
}

#[tokio::test]
async fn a_repeated_write_of_the_catalogue_has_one_effect_and_one_answer() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = twice!(shop.products(), create, Client::some_product());
    let sku = twice!(shop.skus(), create, Client::some_sku(&product, 5));
    let change =
        productpb::UpdateRequest { id: product.id.clone(), name: "Season".into(), ..Default::default() };
    assert_eq!(twice!(shop.products(), update, change).version, 2);
    let change = skupb::UpdateRequest { id: sku.id.clone(), price: 1, active: true, ..Default::default() };
    assert_eq!(twice!(shop.skus(), update, change).version, 2);
    let adjusted = twice!(shop.skus(), adjust_inventory, adjust(&sku, 3));
    assert_eq!(adjusted.inventory.unwrap().quantity, 8);
    assert_eq!(shop.stock(&sku).await, 8);
    let listed = shop.products().list(productpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total, 1);
    twice!(shop.skus(), delete, skupb::DeleteRequest { id: sku.id });
    twice!(shop.products(), delete, productpb::DeleteRequest { id: product.id, cascade: false });
}

#[tokio::test]
async fn a_repeated_write_of_an_order_has_one_effect_and_one_answer() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = twice!(shop.orders(), create, Client::some_order(vec![sku_line(&sku, 2)]));
    let paid = twice!(shop.orders(), pay, payment(&order));
    assert_eq!(paid.status(), order::Status::Paid);
    let sent = twice!(shop.orders(), fulfill, FulfillRequest { id: order.id.clone(), ..Default::default() });
    assert_eq!(sent.status(), order::Status::Fulfilled);
    let back = ReturnRequest { id: order.id.clone(), restock: true, ..Default::default() };
    assert_eq!(twice!(shop.orders(), r#return, back).status(), order::Status::Returned);
    let other = shop.order(&sku, 1).await;
    let canceled = twice!(shop.orders(), cancel, CancelRequest { id: other.id, ..Default::default() });
    assert_eq!(canceled.status(), order::Status::Canceled);
    let listed = shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total, 2);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![9452, -9452], 5));
}

#[tokio::test]
async fn a_repeated_payment_has_one_effect_and_one_answer() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let one = twice!(shop.payments(), new_charge, Client::some_charge(100));
    let two = twice!(shop.payments(), charge, Client::some_charge(200));
    let part = |id: &str, amount| RefundRequest { id: id.to_owned(), amount, ..Default::default() };
    assert_eq!(twice!(shop.payments(), refund_charge, part(&one.id, 30)).refund_amount, 30);
    assert_eq!(twice!(shop.payments(), refund, part(&two.id, 50)).refund_amount, 50);
    let held = ChargeRequest { capture_later: true, ..Client::some_charge(1000) };
    let taken = shop.charge(held.clone()).await.unwrap();
    let capture = CaptureRequest { id: taken.id, amount: 400, expected_version: 0 };
    assert_eq!(twice!(shop.payments(), capture, capture).charge_amount, 400);
    let gone = shop.charge(held).await.unwrap();
    twice!(shop.payments(), void, VoidRequest { id: gone.id, expected_version: 0 });
    assert_eq!(moved(&server.journal()), [100, 200, -30, -50, 400]);
}

/// What happened in between does not show: the answer is the first one.
#[tokio::test]
async fn a_retry_gets_the_first_answer_whatever_happened_since() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    shop.give_back(&paid).await.unwrap();
    let again = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    assert_eq!(again, paid);
    assert_eq!(moved(&server.journal()), [4726, -4726]);
}

#[tokio::test]
async fn a_retried_stock_movement_gets_the_first_answer_whatever_moved_since() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let first = shop.skus().adjust_inventory(keyed(adjust(&sku, 3), KEY)).await.unwrap().into_inner();
    shop.skus().adjust_inventory(adjust(&sku, 10)).await.unwrap();
    let again = shop.skus().adjust_inventory(keyed(adjust(&sku, 3), KEY)).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(shop.stock(&sku).await, 18);
}

#[tokio::test]
async fn another_request_with_a_used_key_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let reused = (Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
    shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await.unwrap();
    let other = shop.payments().new_charge(keyed(Client::some_charge(101), KEY)).await;
    assert_refused(other, reused.0, reused.1);
    let card = ChargeRequest { card: Some(card("4111111111111111")), ..Client::some_charge(100) };
    assert_refused(shop.payments().new_charge(keyed(card, KEY)).await, reused.0, reused.1);
    let (one, two) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    shop.orders().pay(keyed(payment(&one), KEY)).await.unwrap();
    assert_refused(shop.orders().pay(keyed(payment(&two), KEY)).await, reused.0, reused.1);
    shop.products().create(keyed(Client::some_product(), KEY)).await.unwrap();
    let other = productpb::NewRequest { name: "Another".into(), ..Client::some_product() };
    assert_refused(shop.products().create(keyed(other, KEY)).await, reused.0, reused.1);
    shop.skus().adjust_inventory(keyed(adjust(&sku, 1), KEY)).await.unwrap();
    assert_refused(shop.skus().adjust_inventory(keyed(adjust(&sku, 2), KEY)).await, reused.0, reused.1);
    assert_eq!(moved(&server.journal()), [100, 4726]);
}

/// Card number and CVC are not compared, so that they need not be kept: the last four digits are.
#[tokio::test]
async fn a_corrected_cvc_is_the_same_request() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let first = shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await.unwrap().into_inner();
    let mut corrected = Client::some_charge(100);
    corrected.card.as_mut().unwrap().cvc = "999".into();
    let again = shop.payments().new_charge(keyed(corrected, KEY)).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(moved(&server.journal()), [100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_copies_at_once_have_one_effect() {
    let server = Server::with(Setup { delay_ms: 50, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    macro_rules! copies {
        ($client:expr, $rpc:ident, $message:expr) => {{
            let one = || async { $client.$rpc(keyed($message, KEY)).await.unwrap().into_inner() };
            let answers = join_all((0..64).map(|_| one())).await;
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
            answers.into_iter().next().unwrap()
        }};
    }
    copies!(shop.orders(), pay, payment(&order));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
    let charge = copies!(shop.payments(), new_charge, Client::some_charge(100));
    assert_eq!(moved(&server.journal()), [4726, 100]);
    let refund = || RefundRequest { id: charge.id.clone(), amount: 10, ..Default::default() };
    assert_eq!(copies!(shop.payments(), refund_charge, refund()).refund_amount, 10);
    copies!(shop.orders(), r#return, ReturnRequest { id: order.id.clone(), ..Default::default() });
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726, 100, -10, -4726], 5));
    copies!(shop.skus(), adjust_inventory, adjust(&sku, 1));
    assert_eq!(shop.stock(&sku).await, 6);
    copies!(shop.orders(), create, Client::some_order(vec![sku_line(&sku, 2)]));
    let listed = shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total, 2);
}

#[tokio::test]
async fn the_keys_of_two_clients_are_independent() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.client("other").await);
    let one = shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await.unwrap().into_inner();
    let two = other.payments().new_charge(keyed(Client::some_charge(200), KEY)).await.unwrap().into_inner();
    assert_ne!(one.id, two.id);
    assert_eq!(moved(&server.journal()), [100, 200]);
}

#[tokio::test]
async fn the_keys_of_two_methods_are_independent() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await.unwrap().into_inner();
    let refund = RefundRequest { id: charge.id, ..Default::default() };
    let back = shop.payments().refund_charge(keyed(refund, KEY)).await.unwrap().into_inner();
    assert_eq!(back.refund_amount, 100);
}

#[tokio::test]
async fn malformed_keys_are_refused_and_nothing_happens() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (short, long) = ("k".repeat(15), "k".repeat(129));
    for key in ["", &short, &long, "purchase 0000000001", "purchase/0000000001", "purchase-000000000é"] {
        let mut request = Request::new(Client::some_charge(100));
        let value = tonic::metadata::MetadataValue::try_from(key.as_bytes()).unwrap();
        request.metadata_mut().insert("idempotency-key", value);
        assert_invalid(shop.payments().new_charge(request).await, &["idempotency-key"]);
    }
    let mut twice = keyed(Client::some_charge(100), KEY);
    twice.metadata_mut().append("idempotency-key", KEY.parse().unwrap());
    assert_invalid(shop.payments().new_charge(twice).await, &["idempotency-key"]);
    assert!(server.journal().is_empty());
    for key in ["k".repeat(16), "k".repeat(128), "Az09._:-Az09._:-".into()] {
        shop.payments().new_charge(keyed(Client::some_charge(100), &key)).await.unwrap();
    }
}

#[tokio::test]
async fn a_decline_is_kept_and_repeated_without_asking_the_gateway_again() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    for _ in 0..3 {
        let declined = shop.orders().pay(keyed(by_token(&order, "expired_card"), KEY)).await;
        let details = assert_refused(declined, Code::FailedPrecondition, "expired_card");
        assert_eq!(fact(&details, "gateway_code"), "expired_card");
    }
    assert_eq!(server.journal().len(), 1);
    // A new intention has a new key.
    let paid = shop.orders().pay(keyed(payment(&order), "purchase-0000000002")).await.unwrap();
    assert_eq!(paid.into_inner().status(), order::Status::Paid);
}

#[tokio::test]
async fn an_unavailable_gateway_is_not_kept_as_the_answer() {
    let mut sandbox = Sandbox::start(&[]).await;
    let gateway = Gateway::At(sandbox.url());
    let server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    sandbox.process.kill();
    let down = shop.orders().pay(keyed(payment(&order), KEY)).await;
    assert_refused(down, Code::Unavailable, "UNAVAILABLE");
    let sandbox = sandbox.again(&[]).await;
    let paid = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    assert_eq!(paid.status(), order::Status::Paid);
    assert_eq!(moved(&sandbox.journal().await), [4726]);
}

#[tokio::test]
async fn a_refusal_that_can_change_is_not_kept_as_the_answer() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(0).await;
    let order = shop.order(&sku, 1).await;
    let refused = shop.orders().pay(keyed(payment(&order), KEY)).await;
    assert_refused(refused, Code::FailedPrecondition, "OUT_OF_STOCK");
    shop.skus().adjust_inventory(adjust(&sku, 1)).await.unwrap();
    let paid = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    assert_eq!(paid.status(), order::Status::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_while_the_first_is_under_way_waits_for_its_answer() {
    let server = Server::with(Setup { delay_ms: 400, ..Setup::default() }).await;
    let shop = server.shop().await;
    let first = tokio::spawn({
        let shop = shop.clone();
        async move { shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await }
    });
    let begun = async || (!shop.all_charges().await.is_empty()).then_some(());
    eventually("the first has begun", begun).await;
    let second = shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await;
    assert_eq!(second.unwrap().into_inner(), first.await.unwrap().unwrap().into_inner());
    assert_eq!(moved(&server.journal()), [100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_cannot_wait_is_told_to_come_again() {
    let server = Server::with(Setup { delay_ms: 1500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let first = tokio::spawn({
        let shop = shop.clone();
        async move { shop.payments().new_charge(keyed(Client::some_charge(100), KEY)).await }
    });
    let begun = async || (!shop.all_charges().await.is_empty()).then_some(());
    eventually("the first has begun", begun).await;
    let mut second = keyed(Client::some_charge(100), KEY);
    second.set_timeout(Duration::from_millis(300));
    let details = assert_refused(shop.payments().new_charge(second).await, Code::Aborted, "BUSY");
    assert!(details.retry_info().is_some());
    first.await.unwrap().unwrap();
    assert_eq!(moved(&server.journal()), [100]);
}

#[tokio::test]
async fn a_key_outlives_a_crash() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    server.kill();
    server.start_again().await;
    let shop = server.shop().await;
    let again = shop.orders().pay(keyed(payment(&order), KEY)).await.unwrap().into_inner();
    assert_eq!(again, paid);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

#[tokio::test]
async fn maps_and_unknown_order_of_fields_do_not_matter() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = |names: &[&str]| {
        let metadata = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        paymentpb::ChargeRequest { metadata, ..Client::some_charge(100) }
    };
    let one = shop.payments().new_charge(keyed(charge(&["a", "b", "c"]), KEY)).await.unwrap().into_inner();
    let two = shop.payments().new_charge(keyed(charge(&["c", "b", "a"]), KEY)).await.unwrap().into_inner();
    assert_eq!(one, two);
}

/// A mask is a part of the request.
#[tokio::test]
async fn the_same_values_under_another_mask_are_another_request() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let change = |paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(FieldMask { paths });
        skupb::UpdateRequest { id: sku.id.clone(), price: 9, update_mask, ..Default::default() }
    };
    shop.skus().update(keyed(change(&["price"]), KEY)).await.unwrap();
    let other = shop.skus().update(keyed(change(&["price", "active"]), KEY)).await;
    assert_refused(other, Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
}
